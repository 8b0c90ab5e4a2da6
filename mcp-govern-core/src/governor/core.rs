//! What all handles of a governor and its driver share, and how a new state is published.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, MutexGuard},
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{
    GovernError, GovernErrorKind, ToolRef,
    background_tasks::{BackgroundTask, SecretPurge},
    calls::Calls,
    ledger::Ledger,
    servers::{OpenServer, PublishState, Servers},
    upkeep::Upkeep,
};
use crate::{
    access::{self, Loaded, Moment, Snapshot, ToolNumber},
    journal::{Commit, Event, Head, KillScope, Revision, State},
    ports::TenantStores,
    vocabulary::{Catalogue, ServerId, TenantId, Time},
};

/// What calls read: published whole, never locked.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) servers: Arc<BTreeMap<ServerId, Arc<OpenServer>>>,
    /// When each kill switch was last thrown on this node's watch: a call that was admitted before is stopped, also when the
    /// switch has been released meanwhile.
    pub(crate) thrown: Arc<HashMap<KillScope, Revision>>,
    /// Why the journal cannot be read in full.
    pub(crate) unreadable: Option<Arc<str>>,
}

/// What all handles of a governor and its driver share.
pub(crate) struct Core {
    pub(crate) tenant: TenantId,
    pub(crate) stores: TenantStores,
    pub(crate) time: Arc<Time>,
    pub(crate) ledger: Ledger,
    pub(crate) servers: Servers,
    pub(crate) calls: Calls,
    pub(crate) upkeep: Upkeep,
    /// Changes with every view that is published.
    pub(crate) generation: watch::Sender<u64>,
    view: ArcSwap<View>,
}

/// What a builder hands over.
pub(super) struct Parts {
    pub(super) tenant: TenantId,
    pub(super) stores: TenantStores,
    pub(super) time: Arc<Time>,
    pub(super) ledger: Ledger,
    pub(super) servers: Servers,
    pub(super) calls: Calls,
    pub(super) upkeep: Upkeep,
    /// Why the journal could not be read in full.
    pub(super) unreadable: Option<Arc<str>>,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { tenant, stores, time, ledger, servers, calls, upkeep, unreadable } = parts;
        let state = ledger.state();
        time.see(state.last_at());
        let view = View {
            snapshot: Arc::new(Snapshot::build(&state, &Loaded::new())),
            servers: Arc::new(OpenServer::open_all(&tenant, &state, &servers.providers)),
            thrown: Arc::default(),
            unreadable,
        };
        let (view, generation) = (ArcSwap::from_pointee(view), watch::Sender::new(0));
        Self { tenant, stores, time, ledger, servers, calls, upkeep, generation, view }
    }

    /// What calls read.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The state. A caller that keeps it makes the next commit copy it.
    pub(crate) fn state(&self) -> Arc<State> {
        self.ledger.state()
    }

    /// Looks something up in the state, without keeping it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.ledger.with_state(look)
    }

    pub(crate) fn publish_state(&self) -> MutexGuard<'_, PublishState> {
        self.servers.publish_state()
    }

    /// When a question is asked, and whether the rules in `view` can be trusted.
    pub(crate) fn moment(&self, view: &View) -> Moment {
        let freshness = if view.unreadable.is_some() {
            access::Freshness::Unreadable
        } else {
            self.ledger.freshness_monitor.freshness()
        };
        Moment::new(self.time.now(), freshness)
    }

    /// That commits can be decided: the journal is readable.
    pub(crate) fn readable(&self) -> Result<(), GovernError> {
        match &self.view().unreadable {
            None => Ok(()),
            Some(reason) => {
                Err(GovernError::new(GovernErrorKind::Unreadable, format!("the journal is unreadable: {reason}")))
            }
        }
    }

    /// Calls in flight look whether they may go on.
    pub(crate) fn raise_alarm(&self) {
        self.calls.alarm.notify_waiters();
    }

    /// A view was published: code that follows lists looks at them again.
    fn next_generation(&self) {
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// From now on nothing is admitted and nothing decided.
    pub(crate) fn set_unreadable(&self, reason: &str) {
        tracing::error!(tenant = %self.tenant, reason, "the journal is unreadable: every call is denied");
        let publish_state = self.publish_state();
        let view = self.view();
        self.view.store(Arc::new(View { unreadable: Some(reason.into()), ..view.copy() }));
        drop(publish_state);
        self.next_generation();
        self.raise_alarm();
    }

    /// Takes commits in that follow the state, and publishes what they lead to. Commits that are known already are skipped: this node's
    /// own commits are taken in by the first of the sender and the driver.
    ///
    /// Answers what is to be done about them, and whether there was no gap.
    pub(crate) fn publish(&self, commits: Vec<(Commit, Head)>) -> Published {
        let mut publish_state = self.publish_state();
        let known = self.with_state(State::head);
        let new: Vec<(Commit, Head)> =
            commits.into_iter().filter(|(commit, _)| commit.revision > known.revision).collect();
        let Some((first, _)) = new.first() else { return Published::default() };
        if first.revision != known.revision.next() || first.previous != known.hash {
            return Published { background_tasks: Vec::new(), gap: true };
        }
        let state = self.ledger.apply(&new);
        self.time.see(state.last_at());
        let view = self.view();
        let mut next = view.copy();
        let (mut background_tasks, mut killed) = (Vec::new(), false);
        for (commit, _) in &new {
            for event in &commit.events {
                killed |= next.follow_kill(event, commit.revision);
                self.follow_server(event, &state, &mut next, &mut publish_state);
                background_tasks.extend(BackgroundTask::of(event));
                publish_state.purge.extend(SecretPurge::of(event));
            }
        }
        if let Some((last, _)) = new.last() {
            // Where several commits came at once, the snapshot is built anew by itself.
            next.snapshot = Arc::new(view.snapshot.after(&state, last, &publish_state.loaded));
        }
        let revision = state.head().revision;
        self.view.store(Arc::new(next));
        drop((state, publish_state));
        // INVARIANT: the view is stored before the alarm is raised, and a call subscribes to the alarm before it loads the view:
        // no kill falls between (`a_kill_between_admission_and_sending_stops_the_call`).
        if killed {
            self.raise_alarm();
        }
        self.ledger.revision.send_if_modified(|at| std::mem::replace(at, revision.max(*at)) < revision);
        self.next_generation();
        Published { background_tasks, gap: false }
    }

    /// Opens, reopens or forgets the server that an event names.
    fn follow_server(&self, event: &Event, state: &State, next: &mut View, publish_state: &mut PublishState) {
        let id = match event {
            Event::ServerRegistered(event) => &event.server,
            Event::ServerChanged(event) => &event.server,
            Event::ServerRemoved(event) => &event.server,
            _ => return,
        };
        let servers = Arc::make_mut(&mut next.servers);
        let before = servers.remove(id);
        let now =
            state.servers().get(id).map(|row| OpenServer::open(&self.tenant, id, row.spec(), &self.servers.providers));
        let same_tools = before.zip(now.as_ref()).is_some_and(|(before, now)| before.has_the_tools_of(now));
        if !same_tools {
            publish_state.loaded.remove(id);
            publish_state.faults.remove(id);
        }
        if let Some(now) = now {
            servers.insert(id.clone(), Arc::new(now));
        }
    }

    /// Loads what the servers' providers state, and publishes all of it at once; what became of each, in the same order. A server
    /// that has been reopened meanwhile is left as it is.
    pub(crate) fn set_loaded(&self, found: &[(Arc<OpenServer>, Arc<Catalogue>)]) -> Vec<Result<(), GovernError>> {
        let mut publish_state = self.publish_state();
        let view = self.view();
        let results: Vec<_> =
            found.iter().map(|(open, catalogue)| Self::take_in(&mut publish_state, &view, open, catalogue)).collect();
        if results.iter().any(Result::is_ok) {
            let snapshot = Arc::new(view.snapshot.reloaded(&self.state(), &publish_state.loaded));
            self.view.store(Arc::new(View { snapshot, ..view.copy() }));
            drop(publish_state);
            self.next_generation();
        }
        results
    }

    fn take_in(
        publish_state: &mut PublishState,
        view: &View,
        open: &Arc<OpenServer>,
        catalogue: &Catalogue,
    ) -> Result<(), GovernError> {
        let id = &open.config.server;
        if !view.servers.get(id).is_some_and(|now| now.has_the_tools_of(open)) {
            return Err(GovernError::new(
                GovernErrorKind::Conflict,
                format!("server `{id}` has been changed meanwhile"),
            ));
        }
        if let Err(error) = publish_state.loaded.set_catalogue(id, catalogue) {
            publish_state.faults.insert(id.clone(), error.to_string());
            return Err(GovernError::new(GovernErrorKind::Invalid, error.to_string()));
        }
        publish_state.loaded.set_rules(id, open.ready()?.rules());
        publish_state.faults.remove(id);
        Ok(())
    }

    pub(crate) fn set_fault(&self, server: &ServerId, fault: Option<String>) {
        let mut publish_state = self.publish_state();
        match fault {
            Some(fault) => publish_state.faults.insert(server.clone(), fault),
            None => publish_state.faults.remove(server),
        };
    }
}

/// What came of taking commits in.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// What is to be done about them.
    pub(crate) background_tasks: Vec<BackgroundTask>,
    /// The commits do not follow the state: read again.
    pub(crate) gap: bool,
}

impl View {
    /// The tool that a caller asks for.
    pub(crate) fn find(&self, asked: &ToolRef) -> Option<ToolNumber> {
        match asked {
            ToolRef::Exposed(name) => self.snapshot.tool_named(name),
            ToolRef::Id(id) => self.snapshot.tool(id),
        }
    }

    fn copy(&self) -> Self {
        Self {
            snapshot: Arc::clone(&self.snapshot),
            servers: Arc::clone(&self.servers),
            thrown: Arc::clone(&self.thrown),
            unreadable: self.unreadable.clone(),
        }
    }

    fn follow_kill(&mut self, event: &Event, revision: Revision) -> bool {
        let Event::KillSwitchThrown(event) = event else { return false };
        Arc::make_mut(&mut self.thrown).insert(event.scope.clone(), revision);
        true
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("tenant", &self.tenant)
            .field("revision", &*self.ledger.revision.borrow())
            .field("freshness_monitor", &self.ledger.freshness_monitor)
            .finish_non_exhaustive()
    }
}
