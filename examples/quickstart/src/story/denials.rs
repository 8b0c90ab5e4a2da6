//! A call that is denied for every reason there is in daily life.

use std::time::Duration;

use mcp_govern_core::{
    DenialCode,
    access::CheckResult,
    journal::{Action, KillScope},
};

use super::{Scene, Story, setup::SHIFT};
use crate::{Told, front::Ending, teller::Step};

impl Story {
    pub(super) async fn refuse_calls(&mut self) -> Told {
        self.teller.chapter(
            "Denied",
            "Every denial has a stable code, a sentence that a model can act on, and a remedy for machines. Nothing is sent.",
        )?;
        let before: Vec<_> = self.scenes.iter().map(|scene| scene.player.requests()).collect();
        self.teller.aside("A tool without a review. To Ann it does not exist; the record will say why.")?;
        for scene in self.scenes() {
            self.call_an_unreviewed_tool(&scene).await?;
        }
        let (olga, ann, ben) = (self.cast.olga.clone(), self.cast.ann.clone(), self.cast.ben.clone());
        self.teller.aside("Ben may ask for the profile, but holds nothing.")?;
        for scene in self.scenes() {
            let how = ("call_without_grant", Ending::Denied(DenialCode::NoGrant), "Ben gets");
            self.call(&scene, &ben, scene.plot.first(), how).await?;
        }
        self.teller
            .aside("An argument that is spelt wrong. The vendor would have passed over it and answered unfiltered.")?;
        for scene in self.scenes() {
            let how = ("call_with_bad_argument", Ending::Denied(DenialCode::InvalidArguments), "Ann gets");
            self.call(&scene, &ann, scene.plot.misspelt(), how).await?;
        }
        self.teller.aside("An argument outside the rule.")?;
        for scene in self.scenes() {
            let how = ("call_outside_rule", Ending::Denied(DenialCode::RuleViolated), "Ann gets");
            self.call(&scene, &ann, scene.plot.outside(), how).await?;
        }
        self.teller
            .aside("Something looks wrong. Olga throws each server's kill switch, and releases it afterwards.")?;
        for scene in self.scenes() {
            let scope = KillScope::Server(scene.server.clone());
            self.commit(&olga, Action::Kill { scope: scope.clone() }).await?;
            let how = ("call_during_kill_switch", Ending::Denied(DenialCode::ServerKilled), "Ann gets");
            self.call(&scene, &ann, scene.plot.first(), how).await?;
            self.commit(&olga, Action::Release { scope }).await?;
        }
        for (scene, before) in self.scenes().into_iter().zip(before) {
            self.expect(scene.vendor, scene.player.requests() == before, "no request to the vendor for a denied call");
        }
        Ok(())
    }

    async fn call_an_unreviewed_tool(&mut self, scene: &Scene) -> Told {
        let ann = self.cast.ann.clone();
        let ask = scene.plot.unreviewed();
        let truth = self.governor.explain(&ann.caller, scene.tool(ask.tool)?)?.denied;
        self.expect(
            scene.vendor,
            truth == Some(DenialCode::ToolPending),
            "the unreviewed tool to be denied as pending",
        );
        let said = format!("Ann calls `{}` and gets", ask.tool);
        let how = ("call_unreviewed_tool", Ending::Denied(DenialCode::UnknownTool), said.as_str());
        self.call(scene, &ann, ask, how).await?;
        Ok(())
    }

    pub(super) async fn let_the_grant_end(&mut self) -> Told {
        self.teller.chapter(
            "The shift ends",
            "Eight hours later, by the story's clock. The grant ends by itself; there is nothing to remember and nothing to \
             clean up. An administrator can ask why a call is denied, and is shown every check on the way.",
        )?;
        self.clock.pass(SHIFT + Duration::from_secs(60));
        let ann = self.cast.ann.clone();
        for scene in self.scenes() {
            let how = ("call_after_grant_expired", Ending::Denied(DenialCode::GrantExpired), "Ann gets");
            self.call(&scene, &ann, scene.plot.first(), how).await?;
            self.explain(&scene)?;
        }
        Ok(())
    }

    fn explain(&mut self, scene: &Scene) -> Told {
        let why = self.governor.explain(&self.cast.ann.caller, scene.tool(scene.plot.first().tool)?)?;
        let passed = why.checks.iter().filter(|check| check.result == CheckResult::Passed).count();
        let failed = why.checks.iter().filter(|check| matches!(check.result, CheckResult::Failed(_)));
        let exhibits: Vec<String> = failed.map(|check| format!("failed: {}", check.detail)).collect();
        self.expect(scene.vendor, exhibits.len() == 1, "exactly one failed check");
        let code = why.denied.map_or("none", DenialCode::as_str);
        let step = Step::of(scene.vendor, "explain", "denied").with_code(code).with_fact("checks", &why.checks);
        let step = step.saying(format!("Olga asks why: {passed} checks passed, {} failed.", exhibits.len()));
        self.tell_step(&exhibits.into_iter().fold(step, Step::showing))
    }
}
