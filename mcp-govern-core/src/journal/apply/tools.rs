//! What commits do to tools and their review.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::pins::synced;
use crate::{
    journal::{
        Commit, State, Tool, ToolState,
        approval::{self, ApprovalEvent, Approvals},
        event::{ToolChanged, ToolDiscovered, ToolReturned, ToolStaged},
    },
    vocabulary::{Digest, NewToolState, ToolDefinition, ToolId},
};

impl State {
    pub(super) fn tool_discovered(&mut self, event: &ToolDiscovered, commit: &Commit) {
        let pin = self.pin(&event.tool, &event.digest).cloned();
        let definition = self.definitions.shared(event.digest, &event.definition);
        let mut tool = Tool {
            state: ToolState::PendingReview,
            digest: event.digest,
            definition: Arc::clone(&definition),
            approvals: BTreeSet::new(),
            reviewed: None,
            staged: BTreeMap::new(),
            arguments_seen: arguments(&event.definition),
            effect: None,
            risk: None,
            client_types: None,
            changed_at: commit.at,
            reviewed_by: None,
            reviewed_at: None,
        };
        if pin.is_some() {
            tool.found(pin, ApprovalEvent::Same, commit);
        } else if event.state == NewToolState::Approved {
            // Nobody reviewed it; this is the definition that was trusted, and what drift is graded against.
            tool.reviewed = Some((event.digest, definition));
            tool.step(ApprovalEvent::Approve, event.digest, commit);
        }
        self.tools.insert(event.tool.clone(), tool);
    }

    pub(super) fn tool_changed(&mut self, event: &ToolChanged, commit: &Commit) {
        let pin = self.pin(&event.tool, &event.digest).cloned();
        let Some(tool) = self.tools.get_mut(&event.tool) else {
            return;
        };
        let definition = self.definitions.shared(event.digest, &event.definition);
        if tool.approvals.contains(&event.digest) && tool.staged.contains_key(&event.digest) {
            tool.reviewed = Some((event.digest, Arc::clone(&definition)));
        }
        tool.digest = event.digest;
        tool.definition = definition;
        tool.arguments_seen.append(&mut arguments(&event.definition));
        tool.found(pin, ApprovalEvent::Changed(event.action), commit);
    }

    pub(super) fn tool_gone(&mut self, id: &ToolId, commit: &Commit) {
        let Some(tool) = self.tools.get_mut(id) else {
            return;
        };
        tool.step(ApprovalEvent::Gone, tool.digest, commit);
        tool.staged.clear();
    }

    pub(super) fn tool_returned(&mut self, event: &ToolReturned, commit: &Commit) {
        let pin = self.pin(&event.tool, &event.digest).cloned();
        let Some(tool) = self.tools.get_mut(&event.tool) else {
            return;
        };
        let found = if tool.digest == event.digest {
            ApprovalEvent::Same
        } else {
            ApprovalEvent::Changed(crate::vocabulary::DriftAction::Review)
        };
        tool.digest = event.digest;
        tool.definition = self.definitions.shared(event.digest, &event.definition);
        tool.arguments_seen.append(&mut arguments(&event.definition));
        tool.found(pin, found, commit);
    }

    pub(super) fn tool_staged(&mut self, event: &ToolStaged) {
        if let Some(tool) = self.tools.get_mut(&event.tool) {
            let definition = self.definitions.shared(event.digest, &event.definition);
            tool.staged.insert(event.digest, (event.version, definition));
        }
    }

    pub(super) fn tool_approved(&mut self, id: &ToolId, digest: Digest, commit: &Commit) {
        let Some(tool) = self.tools.get_mut(id) else {
            return;
        };
        // An approval of anything but the current definition would be no approval of what is called.
        if tool.digest == digest && tool.step(ApprovalEvent::Approve, digest, commit) {
            tool.reviewed = Some((digest, tool.definition.clone()));
            tool.reviewed_now(commit);
        }
    }

    pub(super) fn tool_approved_ahead(&mut self, id: &ToolId, digest: Digest, commit: &Commit) {
        let Some(tool) = self.tools.get_mut(id) else {
            return;
        };
        if tool.staged.contains_key(&digest) && tool.step(ApprovalEvent::ApproveAhead, digest, commit) {
            tool.reviewed_now(commit);
        }
    }

    pub(super) fn tool_disabled(&mut self, id: &ToolId, commit: &Commit) {
        let Some(tool) = self.tools.get_mut(id) else {
            return;
        };
        if tool.step(ApprovalEvent::Disable, tool.digest, commit) {
            tool.reviewed_now(commit);
            self.drop_pins(id);
        }
    }

    pub(super) fn tool_reset(&mut self, id: &ToolId, commit: &Commit) {
        if let Some(tool) = self.tools.get_mut(id)
            && tool.step(ApprovalEvent::Reset, tool.digest, commit)
        {
            self.drop_pins(id);
        }
    }

    /// Once a catalogue is there, nothing of it or of an older one is still to come.
    pub(super) fn drop_what_is_there(&mut self, commit: &Commit) {
        for synced in commit.events.iter().filter_map(synced) {
            self.drop_found_pins(synced);
            for (_, tool) in self.tools.iter_mut().filter(|(id, _)| *id.server() == synced.server) {
                tool.staged.retain(|_, (version, _)| *version > synced.version);
            }
        }
    }
}

impl Tool {
    fn reviewed_now(&mut self, commit: &Commit) {
        self.reviewed_by = Some(commit.actor.clone());
        self.reviewed_at = Some(commit.at);
    }

    /// Takes a step of the state machine; a step that it refuses changes nothing and answers `false`.
    pub(super) fn step(&mut self, event: ApprovalEvent, digest: Digest, commit: &Commit) -> bool {
        let Ok(transition) = approval::next(self.state, event) else {
            return false;
        };
        match transition.approvals() {
            Approvals::Stay => {}
            Approvals::Add => {
                self.approvals.insert(digest);
            }
            Approvals::Clear => self.approvals.clear(),
        }
        self.state = transition.to();
        self.changed_at = commit.at;
        true
    }
}

fn arguments(definition: &ToolDefinition) -> BTreeSet<String> {
    definition.arguments().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::{
        journal::{
            Commit, Event, State,
            event::{ToolChanged, ToolDiscovered, ToolGone, ToolReturned},
        },
        vocabulary::{DriftAction, NewToolState, RecordedActor, Timestamp, ToolDefinition, ToolId, UserId},
    };

    fn definition(arguments: &[&str]) -> Arc<ToolDefinition> {
        let properties: serde_json::Map<_, _> =
            arguments.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        let value = json!({
            "name": "get_page", "title": "Get", "description": "Gets.",
            "input_schema": {"type": "object", "properties": properties},
            "annotations": {
                "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": true
            },
            "effect": "read", "risk": "none",
            "binding": {"kind": "recipe", "version": 1, "why": "A test.", "uses": []},
        });
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn take(state: &mut State, event: impl Into<Event>) {
        let user = UserId::new("local", "olga").unwrap();
        let commit = Commit {
            revision: state.head.revision.next(),
            previous: state.head.hash,
            command_id: crate::vocabulary::CommandId::new(format!("cmd-{}", state.head.revision)).unwrap(),
            command: None,
            actor: RecordedActor { user, roles: [].into() },
            at: Timestamp::default(),
            reason: None,
            events: vec![event.into()],
        };
        state.apply(&commit);
    }

    #[test]
    fn a_tool_remembers_every_argument_that_it_ever_had() {
        let tool: ToolId = "status/get_page".parse().unwrap();
        let mut state = State::new();
        let (one, two, three) = (definition(&["a", "b"]), definition(&["b", "c"]), definition(&["d"]));
        let digest = |definition: &Arc<ToolDefinition>| definition.digest().unwrap();
        let start = NewToolState::Approved;
        take(&mut state, ToolDiscovered { tool: tool.clone(), digest: digest(&one), definition: one, state: start });
        let action = DriftAction::Review;
        take(&mut state, ToolChanged { tool: tool.clone(), digest: digest(&two), definition: two, action });
        take(&mut state, ToolGone { tool: tool.clone() });
        take(&mut state, ToolReturned { tool: tool.clone(), digest: digest(&three), definition: three });
        let seen: Vec<&str> = state.tools[&tool].arguments_seen.iter().map(String::as_str).collect();
        assert_eq!(seen, ["a", "b", "c", "d"]);
    }

    #[test]
    fn two_servers_of_one_provider_share_one_copy_of_a_definition_also_once_it_is_read_back() {
        let (mut state, mut journal) = (State::new(), Vec::new());
        let definition = definition(&["a"]);
        for server in ["status", "other"] {
            let id = format!("{server}/get_page").parse().unwrap();
            // Another copy, as another node or a later reading of the journal has it.
            let definition = Arc::new(ToolDefinition::clone(&definition));
            let (digest, start) = (definition.digest().unwrap(), NewToolState::Approved);
            journal.push(ToolDiscovered { tool: id, digest, definition, state: start });
        }
        for event in journal {
            take(&mut state, event);
        }
        let is_shared = |state: &State| {
            let mut tools = state.tools.values();
            let (one, two) = (tools.next().unwrap(), tools.next().unwrap());
            let reviewed = one.reviewed.as_ref().map(|(_, definition)| definition).unwrap();
            Arc::ptr_eq(&one.definition, &two.definition) && Arc::ptr_eq(&one.definition, reviewed)
        };
        assert!(is_shared(&state));
        let mut read = State::from_checkpoint(state.head, &state.to_checkpoint().unwrap()).unwrap();
        assert!(is_shared(&read));
        let third: ToolId = "third/get_page".parse().unwrap();
        let (digest, start) = (definition.digest().unwrap(), NewToolState::Approved);
        take(&mut read, ToolDiscovered { tool: third.clone(), digest, definition, state: start });
        assert!(Arc::ptr_eq(&read.tools[&third].definition, &read.tools.values().next().unwrap().definition));
    }

    #[test]
    fn definitions_of_one_stated_digest_that_differ_are_not_taken_for_each_other() {
        let mut state = State::new();
        let (one, two) = (definition(&["a"]), definition(&["b"]));
        let (digest, start) = (one.digest().unwrap(), NewToolState::PendingReview);
        for (id, definition) in [("status/get_page", &one), ("other/get_page", &two)] {
            let (tool, definition) = (id.parse().unwrap(), Arc::clone(definition));
            take(&mut state, ToolDiscovered { tool, digest, definition, state: start });
        }
        let of = |id: &str| &state.tools[&id.parse::<ToolId>().unwrap()].definition;
        assert_eq!((&**of("status/get_page"), &**of("other/get_page")), (&*one, &*two));
    }

    #[test]
    fn an_event_about_an_unknown_tool_changes_nothing() {
        let mut state = State::new();
        take(&mut state, ToolGone { tool: "status/get_page".parse().unwrap() });
        assert!(state.tools.is_empty());
        assert_eq!(state.head.revision.0, 1);
    }
}
