//! The first calls: with a wrong key, with the right one, within a rule.

use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{
    ProviderErrorKind, ToolsetEntry,
    governor::{CallRequest, Probe},
    journal::Action,
};

use super::{Ending, Story};
use crate::{Told, teller::Step};

impl Story {
    pub(super) async fn call_with_a_wrong_key(&mut self) -> Told {
        self.teller.chapter(
            "List and call, with the wrong key",
            "Ann's AI client lists its tools: exactly those that she may call. It calls one. Now the key matters, and the \
             answer says what is wrong.",
        )?;
        let ann = self.cast.ann.clone();
        for scene in self.scenes() {
            let listed = self.tools_of_ann(&scene)?;
            let due: BTreeSet<String> =
                scene.plot.approved().iter().map(|name| format!("{}_{name}", scene.vendor.id())).collect();
            self.expect(scene.vendor, listed == due, "Ann to see exactly the tools that she was granted");
            let names: Vec<String> = listed.iter().map(|name| format!("`{name}`")).collect();
            let step = Step::of(scene.vendor, "list", "ok").with_fact("user", ann.name).with_fact("tools", &listed);
            self.tell_step(&step.saying(format!("Ann sees {}.", names.join(", "))))?;
            let ask = scene.plot.first();
            let said = format!("Ann calls `{}`. It fails as", ask.tool);
            let ending = Ending::Failed(ProviderErrorKind::Unauthorized);
            self.call(&scene, &ann, ask, ("call_with_wrong_key", ending, &said)).await?;
        }
        Ok(())
    }

    pub(super) async fn call_with_the_right_key(&mut self) -> Told {
        self.teller.chapter(
            "The right key",
            "Olga puts the right key in place. This time it is tried first: a key that the vendor refuses would not have \
             replaced the old one. Ann calls again.",
        )?;
        let (olga, ann) = (self.cast.olga.clone(), self.cast.ann.clone());
        for scene in self.scenes() {
            let right = scene.player.account.credential()?;
            let set = self.governor.set_shared_credential(&olga.actor, &scene.server, right, Probe::Required).await;
            let accepted = set.map_err(|error| format!("{}: {error}", scene.vendor))?;
            let report = accepted.report.ok_or("the probe left no report")?;
            let whose = report.facts.authorized_as.clone();
            let may: Vec<&str> = report.facts.scopes.iter().map(String::as_str).collect();
            let step = Step::of(scene.vendor, "set_key", "accepted")
                .with_fact("version", accepted.version)
                .with_fact("authorized_as", &whose)
                .with_fact("may", &may)
                .with_fact("remarks", &report.remarks);
            let whose = whose.map_or("the vendor does not say".to_owned(), |whose| format!("\"{whose}\""));
            let text = format!("The key works. Whose it is: {whose}. Rights that show: {}.", may.join(", "));
            self.tell_step(&step.saying(text))?;
            let ask = scene.plot.first();
            let said = format!("Ann calls `{}`:", ask.tool);
            if let Some(success) = self.call(&scene, &ann, ask, ("call", Ending::Answered, &said)).await? {
                scene.plot.learn(&success.output.to_value()?);
            }
        }
        Ok(())
    }

    pub(super) async fn call_within_a_rule(&mut self) -> Told {
        self.teller.chapter(
            "A rule on an argument",
            "Olga narrows what the tools may be called with. A rule holds for the argument even when the caller leaves it \
             out, and the schema that Ann's AI client sees is narrowed with it.",
        )?;
        let (olga, ann) = (self.cast.olga.clone(), self.cast.ann.clone());
        for scene in self.scenes() {
            let (tool, rule, text) = scene.plot.rule();
            let argument = rule.argument.clone();
            let constraint = serde_json::to_value(&rule.constraint)?;
            let tools = BTreeMap::from([(scene.tool(tool)?, ToolsetEntry { rules: vec![rule] })]);
            self.act(&olga, Action::SetToolsetTools { toolset: scene.toolset.clone(), tools }).await?;
            let seen = self.governor.describe(&ann.caller, scene.tool(tool)?)?;
            let narrowed = seen.input_schema.pointer(&format!("/properties/{argument}")).cloned().unwrap_or_default();
            let original = seen.definition.input_schema.pointer(&format!("/properties/{argument}")).cloned();
            self.expect(scene.vendor, original.is_some_and(|original| original != narrowed), "a narrowed schema");
            let step = Step::of(scene.vendor, "set_rule", "done")
                .with_fact("tool", tool)
                .with_fact("argument", &argument)
                .with_fact("constraint", constraint)
                .with_fact("schema", narrowed);
            self.tell_step(&step.saying(format!("In `{tool}`, {text}.")))?;
            if let Some(ask) = scene.plot.within() {
                let said = format!("Ann calls `{}` within the rule:", ask.tool);
                self.call(&scene, &ann, ask, ("call_within_rule", Ending::Answered, &said)).await?;
            } else {
                let step = Step::of(scene.vendor, "call_within_rule", "skipped");
                self.tell_step(&step.saying("The account has nothing to call it with; left out."))?;
            }
        }
        Ok(())
    }

    /// Shows what would be sent.
    pub(super) fn preview(&mut self) -> Told {
        self.teller.chapter(
            "Preview",
            "What exactly goes over the wire? A preview passes the same checks as a call and sends nothing. Secrets are \
             masked.",
        )?;
        let ann = self.cast.ann.clone();
        for scene in self.scenes() {
            let ask = scene.plot.within().unwrap_or_else(|| scene.plot.first());
            let request = CallRequest::new(scene.tool(ask.tool)?).with_arguments(ask.arguments);
            let preview = self.governor.preview(&ann.caller, request)?;
            let shown = serde_json::to_string(&preview)?;
            self.expect(scene.vendor, !scene.player.account.leaks_into(&shown), "a preview without the key");
            self.expect(scene.vendor, shown.contains("***"), "a preview that masks the key");
            let step = Step::of(scene.vendor, "preview", "done").with_fact("request", &preview);
            let step = step.saying(format!("`{}` would send:", ask.tool));
            let step = step.showing(format!("{} {}", preview.method, preview.url));
            let headers = preview.headers.iter().map(|(name, value)| format!("{name}: {value}"));
            self.tell_step(&headers.fold(step, Step::showing))?;
        }
        Ok(())
    }
}
