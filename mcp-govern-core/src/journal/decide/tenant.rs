//! Activation, schema, settings, kill switches.

use std::collections::BTreeMap;

use super::{Case, Events, SCHEMA};
use crate::{
    journal::{
        Event, KillScope, Refusal,
        event::{
            AuditAnchored, AuditSegmentDropped, GovernanceActivated, KillSwitchReleased, KillSwitchThrown,
            SchemaActivated, SettingsChanged,
        },
    },
    vocabulary::{AuditHead, Digest, Settings, WriterId},
};

impl Case<'_> {
    pub(super) fn activate_governance(&self) -> Vec<Event> {
        if self.state.activated { Vec::new() } else { vec![GovernanceActivated {}.into()] }
    }

    pub(super) fn activate_schema(&self, schema: u32) -> Events {
        let current = self.state.schema;
        if schema == current {
            return Ok(Vec::new());
        }
        if schema > SCHEMA {
            return Err(Refusal::not_possible(format!("this release writes schema {SCHEMA} at most, not {schema}")));
        }
        if schema != current.saturating_add(1) {
            return Err(Refusal::invalid(format!(
                "schema {schema} does not follow {current}: schemas are activated one after the other, never back"
            )));
        }
        Ok(vec![SchemaActivated { schema }.into()])
    }

    pub(super) fn change_settings(&self, settings: &Settings) -> Vec<Event> {
        if *settings == self.state.settings {
            return Vec::new();
        }
        vec![SettingsChanged { settings: settings.clone() }.into()]
    }

    /// Only what the journal does not hold already; an anchor never goes back.
    pub(super) fn anchor_audit(&self, heads: &BTreeMap<WriterId, AuditHead>) -> Events {
        let mut events = Vec::new();
        for (writer, head) in heads {
            let anchored = self.state.anchors.get(writer).copied().unwrap_or(AuditHead::EMPTY);
            if head.sequence == anchored.sequence && head.hash != anchored.hash {
                return Err(Refusal::not_possible(format!(
                    "the chain of `{writer}` is another one at record {} than the journal knows",
                    head.sequence
                )));
            }
            if head.sequence > anchored.sequence {
                let event = AuditAnchored { writer: writer.clone(), sequence: head.sequence, hash: head.hash };
                events.push(event.into());
            }
        }
        Ok(events)
    }

    /// Segments of a chain are dropped one after the other, from its beginning.
    pub(super) fn drop_audit_segment(
        &self,
        writer: &WriterId,
        after: AuditHead,
        through: AuditHead,
        export: Digest,
    ) -> Events {
        let dropped = self.state.dropped.get(writer).map_or(AuditHead::EMPTY, |dropped| dropped.through);
        if dropped == through {
            return Ok(Vec::new());
        }
        if through.sequence <= after.sequence {
            return Err(Refusal::invalid(format!("a segment of the chain of `{writer}` that ends where it begins")));
        }
        if dropped != after {
            return Err(Refusal::not_possible(format!(
                "the chain of `{writer}` begins after record {}, and the segment after record {}: seal it again",
                dropped.sequence, after.sequence
            )));
        }
        if self
            .state
            .anchors
            .get(writer)
            .is_some_and(|anchor| anchor.sequence == through.sequence && *anchor != through)
        {
            return Err(Refusal::not_possible(format!(
                "the chain of `{writer}` is another one at record {} than the journal knows",
                through.sequence
            )));
        }
        let AuditHead { sequence, hash } = through;
        Ok(vec![AuditSegmentDropped { writer: writer.clone(), sequence, hash, export }.into()])
    }

    /// A client need not be known: a rule of the tenant may have let it in. Neither need a person: it may hold everything through
    /// groups that its identity provider states.
    pub(super) fn kill(&self, scope: &KillScope) -> Events {
        match scope {
            KillScope::Tenant | KillScope::Client(_) | KillScope::User(_) => {}
            KillScope::Server(server) => {
                self.server(server)?;
            }
            KillScope::Tool(tool) => {
                self.tool(tool)?;
            }
        }
        if self.state.kills.contains(scope) {
            return Ok(Vec::new());
        }
        Ok(vec![KillSwitchThrown { scope: scope.clone() }.into()])
    }

    pub(super) fn release(&self, scope: &KillScope) -> Vec<Event> {
        if self.state.kills.contains(scope) {
            vec![KillSwitchReleased { scope: scope.clone() }.into()]
        } else {
            Vec::new()
        }
    }
}
