//! What a state holds and a blueprint does not name: it is left alone, which a plan does not show.

use serde::Serialize;

use super::{Blueprint, SettingsBlueprint, Unnamed};
use crate::{
    journal::State,
    vocabulary::{Settings, Timestamp, ToolsetContent},
};

/// Something that a state holds, that a blueprint does not name, and that applying the blueprint leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// Where it would stand in the document, for example `grants.ann`.
    pub place: String,
    /// What it is, for people.
    pub what: String,
    /// What takes it away.
    pub removed_by: Removal,
}

/// What takes away what a blueprint does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// `unnamed = "remove"` in the blueprint.
    Unnamed,
    /// Another value in the blueprint: what it does not say stays as it is.
    Value,
}

impl Blueprint {
    /// What a state holds at `now` and this blueprint does not name, where that is kept: servers, toolsets, profiles, grants that
    /// hold and answer no request, tools of toolsets, bindings of profiles, and settings that are not the defaults.
    pub fn kept(&self, state: &State, now: Timestamp) -> Vec<Kept> {
        let mut kept = Vec::new();
        if self.unnamed == Unnamed::Keep {
            self.kept_things(state, now, &mut |place, what| {
                kept.push(Kept { place, what, removed_by: Removal::Unnamed });
            });
        }
        self.settings.kept(state.settings(), &mut |name, what| {
            kept.push(Kept { place: format!("settings.{name}"), what, removed_by: Removal::Value });
        });
        kept
    }

    fn kept_things(&self, state: &State, now: Timestamp, add: &mut dyn FnMut(String, String)) {
        for (id, server) in state.servers().iter().filter(|(id, _)| !self.servers.contains_key(*id)) {
            add(format!("servers.{id}"), format!("server `{id}` ({})", server.spec().title));
        }
        for (id, toolset) in state.toolsets() {
            let Some(named) = self.toolsets.get(id) else {
                add(format!("toolsets.{id}"), format!("toolset `{id}` ({})", toolset.label().title));
                continue;
            };
            if let ToolsetContent::Chosen(tools) = toolset.content() {
                for tool in tools.keys().filter(|tool| !named.tools.contains(*tool)) {
                    add(format!("toolsets.{id}"), format!("tool `{tool}` in toolset `{id}`"));
                }
            }
        }
        for (id, profile) in state.profiles() {
            let Some(named) = self.profiles.get(id) else {
                add(format!("profiles.{id}"), format!("profile `{id}` ({})", profile.spec().label.title));
                continue;
            };
            for toolset in profile.bindings().keys().filter(|toolset| !named.toolsets.contains(*toolset)) {
                add(format!("profiles.{id}"), format!("toolset `{toolset}` bound to profile `{id}`"));
            }
        }
        for (id, grant) in state.grants() {
            // What answers a request stays in every case.
            if grant.holds(now) && grant.request().is_none() && !self.grants.contains_key(id) {
                add(format!("grants.{id}"), format!("grant `{id}`: `{}` to {}", grant.profile(), grant.grantee()));
            }
        }
    }
}

impl SettingsBlueprint {
    /// The settings that are not the defaults, and of which the blueprint says nothing.
    fn kept(&self, settings: &Settings, add: &mut dyn FnMut(&str, String)) {
        let Self { new_tools, drift, client_types, client_rules, unmatched_client, sources, list_requestable } = self;
        let plain = Settings::default();
        if new_tools.is_none() && settings.new_tools != plain.new_tools {
            add("new_tools", "another state of new tools than the default".to_owned());
        }
        if drift.is_none() && settings.drift != plain.drift {
            add("drift", "another treatment of changed tools than the default".to_owned());
        }
        if client_types.is_none() && settings.client_types != plain.client_types {
            let types: Vec<&str> = settings.client_types.iter().map(|one| one.as_str()).collect();
            add("client_types", format!("the types of AI clients that may call: {}", types.join(", ")));
        }
        if client_rules.is_none() && !settings.client_rules.is_empty() {
            add("client_rules", format!("rules on AI clients: {}", settings.client_rules.len()));
        }
        if let (None, Some(other)) = (unmatched_client, settings.unmatched_client) {
            add("unmatched_client", format!("an AI client that no rule matches counts as {other}"));
        }
        if sources.is_none() && !settings.sources.is_empty() {
            let networks: Vec<String> = settings.sources.iter().map(ToString::to_string).collect();
            add("sources", format!("calls come from {} alone", networks.join(", ")));
        }
        if list_requestable.is_none() && settings.list_requestable != plain.list_requestable {
            add("list_requestable", "tools that a person could ask for are listed".to_owned());
        }
    }
}
