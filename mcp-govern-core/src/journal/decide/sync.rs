//! Taking in what a server's provider states.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Case, Events};
use crate::{
    journal::{
        Event, Refusal, Server, Tool, ToolState, drift,
        event::{CatalogueSynced, CredentialRemoved, ToolChanged, ToolDiscovered, ToolGone, ToolReturned, ToolStaged},
    },
    vocabulary::{Catalogue, CatalogueVersion, Digest, DriftAction, NewToolState, ServerId, ToolDefinition, ToolId},
};

/// The tools that a catalogue states, each under its digest.
type Found<'a> = BTreeMap<ToolId, (Digest, &'a Arc<ToolDefinition>)>;

impl Case<'_> {
    pub(super) fn sync_server(&self, id: &ServerId, catalogue: &Catalogue) -> Events {
        let server = self.server(id)?;
        let found = read(id, catalogue)?;
        let version = counted(catalogue, server.catalogue);
        if let Some(known) = server.catalogue {
            match version.cmp(&known) {
                // The journal counts: what was found last is the newest, unless it is what was found before.
                _ if catalogue.version == CatalogueVersion::UNSTATED => {
                    if self.difference(id, &found).is_none() {
                        return Ok(Vec::new());
                    }
                }
                Ordering::Less => {
                    return Err(Refusal::conflict(format!(
                        "catalogue {version} of server `{id}` is older than {known}, which was synced already: sync from a \
                         node with the newer release, or raise the number that the document states"
                    )));
                }
                Ordering::Equal => return self.same_catalogue(id, catalogue, &found),
                Ordering::Greater => {}
            }
        }
        let mut events: Vec<Event> = vec![CatalogueSynced { server: id.clone(), version }.into()];
        for (tool, (digest, definition)) in &found {
            events.extend(self.found(server, tool, *digest, definition));
        }
        let gone =
            self.state.tools_of(id).filter(|(tool, row)| row.state != ToolState::Removed && !found.contains_key(*tool));
        events.extend(gone.map(|(tool, _)| Event::from(ToolGone { tool: tool.clone() })));
        events.extend(self.credentials_left_behind(id, &found));
        Ok(events)
    }

    /// A credential belongs to an origin: where the tools go to another one than before, it does not go with them. Their review is a
    /// matter of drift.
    fn credentials_left_behind(&self, id: &ServerId, found: &Found<'_>) -> Vec<Event> {
        let rows = self.state.tools_of(id).filter(|(_, row)| row.state != ToolState::Removed);
        let before = origins(rows.map(|(_, row)| &*row.definition));
        let after = origins(found.values().map(|(_, definition)| &***definition));
        if before.is_empty() || after.is_empty() || before == after {
            return Vec::new();
        }
        let credentials = self.state.credentials.keys().filter(|(server, _)| server == id);
        credentials
            .map(|(server, owner)| CredentialRemoved { server: server.clone(), owner: owner.clone() }.into())
            .collect()
    }

    /// Definitions of known tools only: what the coming catalogue adds is discovered, and reviewed, once it is there.
    pub(super) fn stage_catalogue(&self, id: &ServerId, catalogue: &Catalogue) -> Events {
        let server = self.server(id)?;
        let found = read(id, catalogue)?;
        let version = counted(catalogue, server.catalogue);
        match server.catalogue {
            None => {
                return Err(Refusal::not_possible(format!(
                    "server `{id}` was never synced: sync it instead of staging"
                )));
            }
            Some(known) if version <= known => {
                return Err(Refusal::conflict(format!(
                    "catalogue {version} of server `{id}` is not newer than {known}, which was synced already: there is \
                     nothing to review ahead"
                )));
            }
            Some(_) => {}
        }
        let coming = found.iter().filter(|(tool, (digest, _))| {
            self.state.tools.get(*tool).is_some_and(|row| {
                let staged = row.staged.get(digest).is_some_and(|(staged, _)| *staged == version);
                row.state != ToolState::Removed && row.digest != *digest && !staged
            })
        });
        let staged = coming.map(|(tool, (digest, definition))| {
            let definition = Arc::clone(definition);
            ToolStaged { tool: tool.clone(), version, digest: *digest, definition }.into()
        });
        Ok(staged.collect())
    }

    fn same_catalogue(&self, id: &ServerId, catalogue: &Catalogue, found: &Found<'_>) -> Events {
        match self.difference(id, found) {
            None => Ok(Vec::new()),
            Some(tool) => Err(Refusal::conflict(format!(
                "catalogue {} of server `{id}` was synced with something else as `{}`: a catalogue that changes has a \
                 higher version",
                catalogue.version,
                tool.name()
            ))),
        }
    }

    /// A tool that is not as it was synced last.
    fn difference<'a>(&'a self, id: &'a ServerId, found: &'a Found<'_>) -> Option<&'a ToolId> {
        let known: BTreeMap<&ToolId, Digest> = self
            .state
            .tools_of(id)
            .filter(|(_, row)| row.state != ToolState::Removed)
            .map(|(tool, row)| (tool, row.digest))
            .collect();
        let changed = found.iter().find(|(tool, (digest, _))| known.get(tool) != Some(digest)).map(|(tool, _)| tool);
        changed.or(known.keys().find(|tool| !found.contains_key(**tool)).copied())
    }

    fn found(&self, server: &Server, tool: &ToolId, digest: Digest, definition: &Arc<ToolDefinition>) -> Option<Event> {
        let (tool, definition) = (tool.clone(), Arc::clone(definition));
        let pinned = self.state.pin(&tool, &digest).is_some();
        let Some(row) = self.state.tools.get(&tool) else {
            let by_default = server.spec.new_tools.unwrap_or(self.state.settings.new_tools);
            let state = if pinned { NewToolState::Approved } else { by_default };
            return Some(ToolDiscovered { tool, digest, definition, state }.into());
        };
        if row.state == ToolState::Removed {
            return Some(ToolReturned { tool, digest, definition }.into());
        }
        if row.digest == digest {
            return None;
        }
        let action = if pinned { DriftAction::Keep } else { self.drift_action(server, row, digest, &definition) };
        Some(ToolChanged { tool, digest, definition, action }.into())
    }

    /// What was approved is kept, ahead of its release or before the change that it takes back. Everything else is graded
    /// against the last definition that a person reviewed, so that many small changes cannot add up unseen.
    fn drift_action(&self, server: &Server, row: &Tool, digest: Digest, new: &ToolDefinition) -> DriftAction {
        if row.state == ToolState::Approved && row.approvals.contains(&digest) {
            return DriftAction::Keep;
        }
        let policy = server.spec.drift.unwrap_or(self.state.settings.drift);
        let baseline = row.reviewed.as_ref().map_or(&row.definition, |(_, reviewed)| reviewed);
        drift::grade(baseline, new).map_or(DriftAction::Review, |grade| grade.action(&policy))
    }
}

/// The version that a catalogue has: its own, or the one after the last where it states none.
fn counted(catalogue: &Catalogue, known: Option<CatalogueVersion>) -> CatalogueVersion {
    match known {
        _ if catalogue.version != CatalogueVersion::UNSTATED => catalogue.version,
        None => CatalogueVersion(1),
        Some(CatalogueVersion(known)) => CatalogueVersion(known.saturating_add(1)),
    }
}

/// Where tools go, as far as their definitions say: scheme, host and port.
fn origins<'a>(definitions: impl Iterator<Item = &'a ToolDefinition>) -> BTreeSet<String> {
    let origin = |destination: &str| match url::Url::parse(destination) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => destination.to_owned(),
    };
    definitions.filter_map(ToolDefinition::destination).map(origin).collect()
}

/// Reads a catalogue, whose fields anybody can fill.
fn read<'a>(server: &ServerId, catalogue: &'a Catalogue) -> Result<Found<'a>, Refusal> {
    let mut found = BTreeMap::new();
    for definition in &catalogue.tools {
        let name = &definition.name;
        let digest = definition
            .digest()
            .map_err(|error| Refusal::invalid(format!("tool `{name}` of server `{server}` has no digest: {error}")))?;
        if !definition.input_schema.is_object() {
            return Err(Refusal::invalid(format!("tool `{name}` of server `{server}` has no object as input schema")));
        }
        if found.insert(ToolId::new(server.clone(), name.clone()), (digest, definition)).is_some() {
            return Err(Refusal::invalid(format!("the catalogue of server `{server}` names tool `{name}` twice")));
        }
    }
    for definition in &catalogue.tools {
        for used in definition.uses() {
            if *used == definition.name || !found.contains_key(&ToolId::new(server.clone(), used.clone())) {
                return Err(Refusal::invalid(format!(
                    "tool `{}` of server `{server}` uses `{used}`, which the catalogue does not have beside it",
                    definition.name
                )));
            }
        }
    }
    Ok(found)
}
