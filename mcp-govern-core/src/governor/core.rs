//! What all handles of a governor and its driver share, and how a new state is published.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use lru::LruCache;
use tokio::sync::{Notify, watch};

use super::{
    ConnectUrls, CredentialRefresher, GovernError, GovernErrorKind, Pulse, ToolRef,
    chores::{Chore, Chores, Forget},
    heads::Heads,
    keep::Keeping,
    nodes::Nodes,
    refresh::SingleFlight,
    servers::{OpenServer, Providers},
    space::Room,
};
use crate::{
    access::{self, Loaded, Moment, Snapshot, ToolIndex},
    audit::{AuditKey, AuditWriter, ReadableNames},
    journal::{Act, Event, Head, KillScope, Revision, State},
    ports::{TenantStores, WriterId},
    quota::Quotas,
    vocabulary::{CallId, Catalogue, Digest, ServerId, TenantId, Time, ToolId, UserId},
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

/// What publishers change, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) loaded: Loaded,
    /// Servers whose tools could not be discovered or loaded.
    pub(crate) faults: BTreeMap<ServerId, String>,
    /// Secrets that acts have taken away; a later life looks whether they are gone.
    pub(crate) forget: BTreeSet<Forget>,
}

/// What all handles of a governor and its driver share.
pub(crate) struct Core {
    pub(crate) tenant: TenantId,
    pub(crate) stores: TenantStores,
    pub(crate) providers: Providers,
    pub(crate) time: Arc<Time>,
    pub(crate) pulse: Pulse,
    pub(crate) audit: AuditWriter,
    pub(crate) quotas: Quotas,
    pub(crate) writer: WriterId,
    pub(crate) key: AuditKey,
    /// The same key, where it outlives the process: under it the journal is sealed.
    pub(crate) sealing: Option<AuditKey>,
    pub(crate) names: ReadableNames,
    pub(crate) refresher: Option<Arc<dyn CredentialRefresher>>,
    pub(crate) connect: Option<Arc<dyn ConnectUrls>>,
    pub(crate) chores: Chores,
    pub(crate) keeping: Keeping,
    pub(crate) nodes: Nodes,
    pub(crate) heads: Heads,
    pub(crate) room: Room,
    pub(crate) refreshing: SingleFlight,
    /// Tools that have succeeded without telling that they send: of their failures nothing is known.
    pub(crate) untold: RwLock<BTreeSet<ToolId>>,
    /// Local acts take turns: they would only get in each other's way. The driver does not take a turn.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Local changes of credentials take turns, so that a clean-up never meets a secret whose act is still to come.
    pub(crate) vault_turn: tokio::sync::Mutex<()>,
    /// Raised when calls in flight must look whether they may go on.
    pub(crate) alarm: Notify,
    /// The revision that is published.
    pub(crate) revision: watch::Sender<Revision>,
    /// Changes with every view that is published.
    pub(crate) generation: watch::Sender<u64>,
    /// Says that the driver has ended.
    pub(crate) ended: watch::Sender<bool>,
    /// Says that the journal is followed no more.
    pub(crate) unfollowed: watch::Sender<bool>,
    view: ArcSwap<View>,
    state: RwLock<Arc<State>>,
    desk: Mutex<Desk>,
    /// The salted hashes of people who called lately.
    people: Mutex<LruCache<UserId, Digest>>,
    node: u64,
    calls: AtomicU64,
}

/// How many people's salted hashes are kept.
const PEOPLE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// What a builder hands over.
pub(super) struct Parts {
    pub(super) tenant: TenantId,
    pub(super) stores: TenantStores,
    pub(super) providers: Providers,
    pub(super) time: Arc<Time>,
    pub(super) pulse: Pulse,
    pub(super) audit: AuditWriter,
    pub(super) quotas: Quotas,
    pub(super) writer: WriterId,
    pub(super) key: AuditKey,
    pub(super) sealing: Option<AuditKey>,
    pub(super) names: ReadableNames,
    pub(super) refresher: Option<Arc<dyn CredentialRefresher>>,
    pub(super) connect: Option<Arc<dyn ConnectUrls>>,
    pub(super) state: State,
    pub(super) unreadable: Option<Arc<str>>,
    pub(super) forget: BTreeSet<Forget>,
    pub(super) keeping: Keeping,
    pub(super) heads: Heads,
    pub(super) node: u64,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { tenant, stores, providers, time, pulse, audit, quotas, writer, key, sealing, .. } = parts;
        let (names, refresher, connect) = (parts.names, parts.refresher, parts.connect);
        let state = parts.state;
        time.see(state.last_at());
        let view = View {
            snapshot: Arc::new(Snapshot::build(&state, &Loaded::new())),
            servers: Arc::new(OpenServer::open_all(&tenant, &state, &providers)),
            thrown: Arc::default(),
            unreadable: parts.unreadable,
        };
        Self {
            tenant,
            stores,
            providers,
            time,
            pulse,
            audit,
            quotas,
            writer,
            key,
            sealing,
            names,
            refresher,
            connect,
            chores: Chores::default(),
            keeping: parts.keeping,
            nodes: Nodes::default(),
            heads: parts.heads,
            room: Room::new(),
            refreshing: SingleFlight::default(),
            untold: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            vault_turn: tokio::sync::Mutex::default(),
            alarm: Notify::new(),
            revision: watch::Sender::new(state.head().revision),
            generation: watch::Sender::new(0),
            ended: watch::Sender::new(false),
            unfollowed: watch::Sender::new(false),
            view: ArcSwap::from_pointee(view),
            state: RwLock::new(Arc::new(state)),
            desk: Mutex::new(Desk { forget: parts.forget, ..Desk::default() }),
            people: Mutex::new(LruCache::new(PEOPLE)),
            node: parts.node,
            calls: AtomicU64::new(0),
        }
    }

    /// What calls read.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The state. A caller that keeps it makes the next act copy it.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks something up in the state, without keeping it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The salted hash of a person, as records name it.
    pub(crate) fn user_hash(&self, user: &UserId) -> Digest {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = people.get(user) {
            return *known;
        }
        let hash = self.key.user(user);
        people.put(user.clone(), hash);
        hash
    }

    pub(crate) fn next_call(&self) -> CallId {
        CallId::numbered(self.node, self.calls.fetch_add(1, Ordering::Relaxed))
    }

    /// When a question is asked, and whether the rules in `view` can be trusted.
    pub(crate) fn moment(&self, view: &View) -> Moment {
        let freshness = if view.unreadable.is_some() { access::Freshness::Unreadable } else { self.pulse.freshness() };
        Moment::new(self.time.now(), freshness)
    }

    /// That acts can be decided: the journal is readable.
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
        self.alarm.notify_waiters();
    }

    /// A view was published: code that follows lists looks at them again.
    fn next_generation(&self) {
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// From now on nothing is admitted and nothing decided.
    pub(crate) fn set_unreadable(&self, reason: &str) {
        tracing::error!(tenant = %self.tenant, reason, "the journal is unreadable: every call is denied");
        let desk = self.desk();
        let view = self.view();
        self.view.store(Arc::new(View { unreadable: Some(reason.into()), ..view.copy() }));
        drop(desk);
        self.next_generation();
        self.raise_alarm();
    }

    /// Takes acts in that follow the state, and publishes what they lead to. Acts that are known already are skipped: this node's
    /// own acts are taken in by the first of the sender and the driver.
    ///
    /// Answers what is to be done about them, and whether there was no gap.
    pub(crate) fn publish(&self, acts: Vec<(Act, Head)>) -> Published {
        let mut desk = self.desk();
        let known = self.with_state(State::head);
        let new: Vec<(Act, Head)> = acts.into_iter().filter(|(act, _)| act.revision > known.revision).collect();
        let Some((first, _)) = new.first() else { return Published::default() };
        if first.revision != known.revision.next() || first.previous != known.hash {
            return Published { chores: Vec::new(), gap: true };
        }
        let state = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let changed = Arc::make_mut(&mut state);
            for (act, head) in &new {
                changed.apply_stored(act, *head);
            }
            Arc::clone(&state)
        };
        self.time.see(state.last_at());
        let view = self.view();
        let mut next = view.copy();
        let (mut chores, mut killed) = (Vec::new(), false);
        for (act, _) in &new {
            for event in &act.events {
                killed |= next.follow_kill(event, act.revision);
                self.follow_server(event, &state, &mut next, &mut desk);
                chores.extend(Chore::of(event));
                desk.forget.extend(Forget::of(event));
            }
        }
        if let Some((last, _)) = new.last() {
            // Where several acts came at once, the snapshot is built anew by itself.
            next.snapshot = Arc::new(view.snapshot.after(&state, last, &desk.loaded));
        }
        let revision = state.head().revision;
        self.view.store(Arc::new(next));
        drop((state, desk));
        // INVARIANT: the view is stored before the alarm is raised, and a call subscribes to the alarm before it loads the view:
        // no kill falls between (`a_kill_between_admission_and_sending_stops_the_call`).
        if killed {
            self.raise_alarm();
        }
        self.revision.send_if_modified(|at| std::mem::replace(at, revision.max(*at)) < revision);
        self.next_generation();
        Published { chores, gap: false }
    }

    /// Opens, reopens or forgets the server that an event names.
    fn follow_server(&self, event: &Event, state: &State, next: &mut View, desk: &mut Desk) {
        let id = match event {
            Event::ServerRegistered(event) => &event.server,
            Event::ServerChanged(event) => &event.server,
            Event::ServerRemoved(event) => &event.server,
            _ => return,
        };
        let servers = Arc::make_mut(&mut next.servers);
        let before = servers.remove(id);
        let now = state.servers().get(id).map(|row| OpenServer::open(&self.tenant, id, row.spec(), &self.providers));
        let same_tools = before.zip(now.as_ref()).is_some_and(|(before, now)| before.has_the_tools_of(now));
        if !same_tools {
            desk.loaded.remove(id);
            desk.faults.remove(id);
        }
        if let Some(now) = now {
            servers.insert(id.clone(), Arc::new(now));
        }
    }

    /// Loads what the servers' providers state, and publishes all of it at once; what became of each, in the same order. A server
    /// that has been reopened meanwhile is left as it is.
    pub(crate) fn set_loaded(&self, found: &[(Arc<OpenServer>, Arc<Catalogue>)]) -> Vec<Result<(), GovernError>> {
        let mut desk = self.desk();
        let view = self.view();
        let results: Vec<_> =
            found.iter().map(|(open, catalogue)| Self::take_in(&mut desk, &view, open, catalogue)).collect();
        if results.iter().any(Result::is_ok) {
            let snapshot = Arc::new(view.snapshot.reloaded(&self.state(), &desk.loaded));
            self.view.store(Arc::new(View { snapshot, ..view.copy() }));
            drop(desk);
            self.next_generation();
        }
        results
    }

    fn take_in(desk: &mut Desk, view: &View, open: &Arc<OpenServer>, catalogue: &Catalogue) -> Result<(), GovernError> {
        let id = &open.config.server;
        if !view.servers.get(id).is_some_and(|now| now.has_the_tools_of(open)) {
            return Err(GovernError::new(
                GovernErrorKind::Conflict,
                format!("server `{id}` has been changed meanwhile"),
            ));
        }
        if let Err(error) = desk.loaded.set_catalogue(id, catalogue) {
            desk.faults.insert(id.clone(), error.to_string());
            return Err(GovernError::new(GovernErrorKind::Invalid, error.to_string()));
        }
        desk.loaded.set_rules(id, open.ready()?.rules());
        desk.faults.remove(id);
        Ok(())
    }

    pub(crate) fn set_fault(&self, server: &ServerId, fault: Option<String>) {
        let mut desk = self.desk();
        match fault {
            Some(fault) => desk.faults.insert(server.clone(), fault),
            None => desk.faults.remove(server),
        };
    }
}

/// What came of taking acts in.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// What is to be done about them.
    pub(crate) chores: Vec<Chore>,
    /// The acts do not follow the state: read again.
    pub(crate) gap: bool,
}

impl View {
    /// The tool that a caller asks for.
    pub(crate) fn find(&self, asked: &ToolRef) -> Option<ToolIndex> {
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
            .field("revision", &*self.revision.borrow())
            .field("pulse", &self.pulse)
            .finish_non_exhaustive()
    }
}
