//! How a governor is, for health checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use super::{CallBound, Governor, differing, servers::OpenServer};
use crate::{
    access::Freshness,
    audit::AuditHealth,
    journal::Revision,
    ports::{StoreSpace, WriterId},
    provider::SunsetNotice,
    vocabulary::{ServerId, Timestamp, ToolId},
};

/// How a governor is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The revision of the rules by which calls are admitted.
    pub revision: Revision,
    /// Whether the rules are known to be current: anything but `Fresh` denies every call.
    pub freshness: Freshness,
    /// Why the journal cannot be read in full.
    pub unreadable: Option<Arc<str>>,
    /// Whether calls can be put on record.
    pub audit: AuditHealth,
    /// The writer of this node's audit records.
    pub writer: WriterId,
    /// When the heads of the audit were last put on record in the journal; never at first.
    pub anchored_at: Option<Timestamp>,
    /// The newest commit that a seal covers, whoever made it; verification checks it.
    pub sealed: Option<Revision>,
    /// The revision of the journal that is kept outside of the stores, and since when; absent without a keeper.
    pub kept: Option<(Revision, Timestamp)>,
    /// How much room the store takes and has left, as the driver measured it last; absent before, and where the store does not say.
    pub space: Option<StoreSpace>,
    /// How many nodes share what vendors let be sent, this one included, as far as it knows. Two until they have been counted.
    pub nodes: usize,
    /// How many calls are in flight, those included whose outcome waits to be written.
    pub calls_in_flight: usize,
    /// How many calls each bound of a person or an AI client has denied since the governor was opened.
    pub denied_by_bound: Vec<(CallBound, u64)>,
    /// How many denials were counted and not recorded one by one, because one person had too many.
    pub denials_unrecorded: u64,
    /// Servers that cannot be opened or discovered on this node, and why. Their tools are denied.
    pub faults: BTreeMap<ServerId, String>,
    /// Servers of which this node states other tools than were synced, and what to do about it. Of the tools that differ those are
    /// denied whose definition nobody approved.
    pub differing: BTreeMap<ServerId, String>,
    /// Servers whose provider has announced the end of the API that they are reached by, with the last day and what to do.
    pub sunsets: BTreeMap<ServerId, SunsetNotice>,
    /// Tools that have succeeded on this node without telling that they were about to send, against the contract of
    /// [`CallObserver`](crate::CallObserver): no kill switch stops them there, and their failures count as ones that may have
    /// committed.
    pub untold: BTreeSet<ToolId>,
}

impl Status {
    /// Whether calls are admitted by the rules at all.
    pub fn is_ready(&self) -> bool {
        self.freshness == Freshness::Fresh && self.audit == AuditHealth::Writable
    }

    /// How many servers are at fault on this node, or differ from what was synced.
    pub fn servers_at_fault(&self) -> usize {
        self.faults.len() + self.differing.keys().filter(|server| !self.faults.contains_key(*server)).count()
    }
}

impl Governor {
    /// How the governor is.
    pub fn status(&self) -> Status {
        let view = self.core.view();
        let (mut faults, differing) = {
            let publish_state = self.core.publish_state();
            (
                publish_state.faults.clone(),
                self.core.with_state(|state| differing::servers(state, &publish_state.loaded)),
            )
        };
        for (server, open) in view.servers.iter() {
            if let Err(reason) = &open.server {
                faults.insert(server.clone(), reason.clone());
            }
        }
        let sunset = |(server, open): (&ServerId, &Arc<OpenServer>)| {
            Some((server.clone(), SunsetNotice::clone(open.sunset.as_deref()?)))
        };
        let (anchored_at, sealed) = self.core.with_state(|state| (state.anchored_at(), state.sealed()));
        Status {
            anchored_at,
            sealed: sealed.map(|sealed| sealed.revision),
            kept: self.core.upkeep.heads.kept(),
            space: self.core.upkeep.room.found(),
            revision: view.snapshot.revision(),
            freshness: self.core.moment(&view).freshness,
            unreadable: view.unreadable.clone(),
            audit: self.core.calls.audit.health(),
            writer: self.core.upkeep.writer.clone(),
            nodes: self.core.upkeep.nodes.count().get(),
            calls_in_flight: self.core.calls.audit.in_flight(),
            denied_by_bound: self.core.calls.quotas.counts().to_vec(),
            denials_unrecorded: self.core.calls.quotas.unrecorded(),
            faults,
            differing,
            sunsets: view.servers.iter().filter_map(sunset).collect(),
            untold: self.core.calls.untold.read().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
