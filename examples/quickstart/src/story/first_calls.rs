//! The first calls: with a wrong key, with the right one, within a rule.

use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{
    ProviderErrorKind, ToolsetEntry,
    governor::{CallRequest, Probe},
    journal::Action,
};

use rmcp::model::ProtocolVersion;
use serde_json::Value;

use super::{Scene, Story};
use crate::{Told, front::Ending, teller::Step};

impl Story {
    /// Says what the clients are connected to.
    pub(super) fn connect(&mut self) -> Told {
        self.teller.chapter(
            "Connect",
            "Ann and Ben each have an AI client, and a token that says who they are. Whatever they list and call from here on \
             goes over MCP: Ann's client speaks the newest protocol, Ben's the older one with a handshake, on one endpoint.",
        )?;
        let step = Step::of_all("connect", "done").with_fact("url", self.front.url());
        let step = step.with_fact("protocols", [ProtocolVersion::LATEST, ProtocolVersion::LATEST_WITH_INITIALIZE]);
        self.tell_step(&step.saying(format!("Two MCP clients are connected to {}.", self.front.url())))
    }

    pub(super) async fn call_with_a_wrong_key(&mut self) -> Told {
        self.teller.chapter(
            "List and call, with the wrong key",
            "Ann's client lists its tools: exactly those that she may call. It calls one. Now the key matters, and the answer \
             says what is wrong.",
        )?;
        let ann = self.cast.ann.clone();
        for scene in self.scenes() {
            let listed = self.tools_of_ann(&scene).await?;
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
            if let Some(content) = self.call(&scene, &ann, ask, ("call", Ending::Answered, &said)).await? {
                scene.plot.learn(&content);
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
            self.commit(&olga, Action::SetToolsetTools { toolset: scene.toolset.clone(), tools }).await?;
            let (narrowed, original) = self.schemas(&scene, tool, &argument).await?;
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

    /// What an argument may be, as Ann's client is shown it, and as the vendor's provider states it.
    async fn schemas(&self, scene: &Scene, tool: &str, argument: &str) -> Told<(Value, Option<Value>)> {
        let exposed = format!("{}_{tool}", scene.vendor.id());
        let listed = self.front.tools(&self.cast.ann).await?;
        let shown =
            listed.iter().find(|tool| tool.name == exposed).ok_or_else(|| format!("`{exposed}` is not listed"))?;
        let property = |schema: &Value| schema.pointer(&format!("/properties/{argument}")).cloned();
        let narrowed = property(&Value::Object(shown.input_schema.as_ref().clone())).unwrap_or_default();
        let state = self.governor.state();
        let stated = state.tools().get(&scene.tool(tool)?).and_then(|tool| property(&tool.definition().input_schema));
        Ok((narrowed, stated))
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
