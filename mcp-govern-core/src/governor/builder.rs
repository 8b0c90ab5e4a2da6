//! Opening a governor.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    CallLimits, ConnectUrls, CredentialRefresher, Driver, FreshnessMonitor, GovernError, GovernErrorKind, Governor,
    background_tasks::BackgroundTask,
    calls::Calls,
    commit::JustLoaded,
    core::{Core, Parts},
    follow::{Replayed, replay},
    heads::{self, Heads, OnRollback},
    keep::{MaintenanceSchedule, MaintenanceState},
    ledger::Ledger,
    servers::{Providers, Servers},
    upkeep::Upkeep,
};
use crate::{
    audit::{AuditCommitter, AuditKey, AuditWriter, ReadableNames, WriterMark},
    journal::{Action, Command, State},
    memory::MemoryStores,
    ports::{HeadKeeper, Stores, WriterId},
    provider::Provider,
    quota::Quotas,
    vocabulary::{Actor, Clock, CommandId, SystemClock, TenantId, Time},
};

/// Puts a governor together.
#[derive(Debug)]
#[must_use = "nothing is opened until `open` is called"]
pub struct GovernorBuilder {
    tenant: TenantId,
    stores: Option<Arc<dyn Stores>>,
    providers: Vec<Arc<dyn Provider>>,
    clock: Arc<dyn Clock>,
    max_staleness: Duration,
    audit_key: Option<AuditKey>,
    names: ReadableNames,
    limits: CallLimits,
    refresher: Option<Arc<dyn CredentialRefresher>>,
    connect: Option<Arc<dyn ConnectUrls>>,
    schedule: MaintenanceSchedule,
    keeper: Option<Arc<dyn HeadKeeper>>,
    on_rollback: OnRollback,
}

impl GovernorBuilder {
    pub(super) fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            stores: None,
            providers: Vec::new(),
            clock: Arc::new(SystemClock),
            max_staleness: Duration::from_secs(5),
            audit_key: None,
            names: ReadableNames::default(),
            limits: CallLimits::default(),
            refresher: None,
            connect: None,
            schedule: MaintenanceSchedule::default(),
            keeper: None,
            on_rollback: OnRollback::default(),
        }
    }

    /// With stores; without them everything is kept in memory and gone with the process.
    pub fn with_stores(mut self, stores: impl Stores) -> Self {
        self.stores = Some(Arc::new(stores));
        self
    }

    /// With stores that others use too.
    pub fn with_shared_stores(mut self, stores: Arc<dyn Stores>) -> Self {
        self.stores = Some(stores);
        self
    }

    /// With a further kind of API. Servers of a kind without a provider stay closed.
    pub fn with_provider(mut self, provider: impl Provider) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// With a further kind of API that others use too.
    pub fn with_shared_provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// With another clock than the operating system's.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With another time than five seconds for which rules are trusted that cannot be confirmed.
    pub fn with_max_staleness(mut self, max: Duration) -> Self {
        self.max_staleness = max;
        self
    }

    /// With the tenant's audit key, which outlives the process: with it the journal is sealed whenever the heads of the audit are put
    /// on record, and [`Governor::verify_journal`] checks the seals. Without it a fresh one is drawn: hashes of another life cannot
    /// be compared with this one's, and nothing is sealed.
    pub fn with_audit_key(mut self, key: AuditKey) -> Self {
        self.audit_key = Some(key);
        self
    }

    /// With readable names of people in the audit records, or without: the default.
    pub fn with_readable_names(mut self, names: ReadableNames) -> Self {
        self.names = names;
        self
    }

    /// With another limit than 10,000 for calls in flight; what comes beyond is denied with `record_unavailable`.
    pub fn with_calls_in_flight(mut self, limit: usize) -> Self {
        self.limits.in_flight = limit;
        self
    }

    /// With other limits than the defaults of [`CallLimits`]: for calls in flight and their rate, of all, of one person and through
    /// one AI client. They hold on this node alone.
    pub fn with_call_limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }

    /// With code that refreshes credentials.
    pub fn with_refresher(mut self, refresher: Arc<dyn CredentialRefresher>) -> Self {
        self.refresher = Some(refresher);
        self
    }

    /// With links for connecting an account of one's own.
    pub fn with_connect_urls(mut self, urls: Arc<dyn ConnectUrls>) -> Self {
        self.connect = Some(urls);
        self
    }

    /// With another number of commits than 1,000 between two checkpoints of the state, where the stores keep checkpoints: as many
    /// commits are read at most when a node opens, or ten times as many after a burst.
    pub fn with_checkpoint_every(mut self, commits: u64) -> Self {
        self.schedule.commits = commits.max(1);
        self
    }

    /// With another time than 15 minutes after which the heads of the audit chains that have moved are put on record in the
    /// journal, and the journal is sealed. What was recorded after the last anchor can be cut off unseen by a person who can also change
    /// the store's own heads.
    pub fn with_audit_anchors_every(mut self, time: Duration) -> Self {
        self.schedule.anchors = time;
        self
    }

    /// With a place outside of the stores in which the last known heads of the journal and of the audit are kept. A store that is
    /// behind them, or holds something else there, is not opened ([`GovernErrorKind::RolledBack`]), and verification holds both
    /// streams to them. They are kept under the audit key: without one ([`GovernorBuilder::with_audit_key`]) they are compared and
    /// not kept.
    pub fn with_head_keeper(mut self, keeper: Arc<dyn HeadKeeper>) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// Opens a store that is behind what was known of it, too, and puts on record that `actor` accepts it and why; from then on what
    /// the store holds is what is known. Where it is not behind, this does nothing.
    pub fn accepting_rollback(mut self, actor: Actor, reason: impl Into<String>) -> Self {
        self.on_rollback = OnRollback::Accept(actor, reason.into());
        self
    }

    /// Opens a store that is behind what was known of it, too, to be looked at and verified; what is kept stays as it is as long as
    /// the driver does not run and [`Governor::keep_heads`] is not called.
    pub fn despite_rollback(mut self) -> Self {
        self.on_rollback = OnRollback::Look;
        self
    }

    /// Reads the journal, opens the servers and discovers their tools. The [`Driver`] must run: spawn `driver.run()`.
    ///
    /// A journal that this release cannot read in full is not an error: the governor opens, denies every call with
    /// `state_unreadable`, refuses every commit, and [`Governor::status`] says why. A server that cannot be opened or discovered is
    /// none either.
    ///
    /// # Errors
    ///
    /// When the stores cannot be reached, the store is behind what was known of it, two providers have the same id, or the operating
    /// system gives no random bytes.
    pub async fn open(self) -> Result<(Governor, Driver), GovernError> {
        let (core, committer) = self.open_core().await?;
        Ok((Governor { core: Arc::clone(&core) }, Driver::new(core, committer)))
    }

    /// Opens like [`GovernorBuilder::open`], without a driver: for a program that looks and changes what is governed beside the nodes
    /// which serve it, and calls no tool. Commits, syncs, credentials and the reading of records work as ever; what follows from a commit
    /// is done before it is answered. Nothing is followed, no chain of audit records is begun, and every call is denied as `state_stale`.
    ///
    /// # Errors
    ///
    /// As [`GovernorBuilder::open`].
    pub async fn open_for_commands(self) -> Result<Governor, GovernError> {
        let (core, _) = self.open_core().await?;
        Ok(Governor { core })
    }

    async fn open_core(self) -> Result<(Arc<Core>, AuditCommitter), GovernError> {
        let providers = by_id(self.providers)?;
        let stores = self.stores.unwrap_or_else(|| Arc::new(MemoryStores::new())).open(&self.tenant).await?;
        // INVARIANT: what was known is read before the store is, so that what others write meanwhile makes no store look old
        // (`what_others_do_while_a_node_opens_makes_no_store_look_old`).
        let kept = match &self.keeper {
            Some(keeper) => keeper.last().await?,
            None => None,
        };
        let mut replayed = replay(&stores).await?;
        let rollback = match (&self.keeper, &kept) {
            (Some(keeper), Some(kept)) => {
                let (tenant, key) = (&self.tenant, self.audit_key.as_ref());
                let compare = async |replayed: &Replayed| {
                    heads::compare(&stores, tenant, key, kept, replayed.state.audit_dropped(), keeper.place()).await
                };
                let found = compare(&replayed).await?;
                if found.is_some() {
                    // Another node may have dropped records after this one read the journal, which says so.
                    replayed = replay(&stores).await?;
                    compare(&replayed).await?
                } else {
                    found
                }
            }
            (Some(keeper), None) => {
                if let Some(sealed) = replayed.state.sealed() {
                    let (place, revision) = (keeper.place(), sealed.revision);
                    tracing::warn!(%place, %revision, "no heads are kept although the journal was sealed: whether the store is the newest is not known");
                }
                None
            }
            (None, _) => None,
        };
        let accepted = match (rollback, self.on_rollback) {
            (None, _) => None,
            (Some(rollback), OnRollback::Refuse) => return Err(rollback.into_error()),
            (Some(rollback), OnRollback::Look) => {
                tracing::warn!(%rollback, "the store is opened to be looked at");
                None
            }
            (Some(rollback), OnRollback::Accept(actor, reason)) => {
                tracing::warn!(%rollback, reason, "the store is accepted as it is");
                let action = Action::AcceptRollback { known: rollback.known(), found: rollback.found };
                Some((actor, Command::new(CommandId::random()?, action).with_reason(reason)))
            }
        };
        let time = Arc::new(Time::new(self.clock));
        let audit = AuditWriter::new(self.limits.in_flight, Arc::clone(&time));
        let writer = WriterId::random()?;
        let committer = AuditCommitter::new(&audit, Arc::clone(&stores.audit), writer.clone());
        // A seal under a key that is lost with the process could never be checked.
        let sealing = self.audit_key.clone();
        let key = match self.audit_key {
            Some(key) => key,
            None => AuditKey::random()?,
        };
        let freshness = FreshnessMonitor::new(stores.journal.updates(), self.max_staleness);
        let quotas = Quotas::new(self.limits, Arc::clone(&time));
        let node = u64::from_be_bytes(crate::random::bytes()?);
        let maintenance = MaintenanceState::new(self.schedule, replayed.from);
        let core = Arc::new(Core::new(Parts {
            tenant: self.tenant,
            stores,
            time,
            ledger: Ledger::new(replayed.state, freshness, sealing),
            servers: Servers::new(providers, self.refresher, self.connect, replayed.purge.clone()),
            calls: Calls::new(audit, quotas, key, self.names, node),
            upkeep: Upkeep::new(writer, maintenance, Heads::new(self.keeper, kept)),
            unreadable: replayed.unreadable,
        }));
        if let Some((actor, command)) = accepted {
            core.commit(&actor, &command, JustLoaded::Nothing).await?;
            core.keep_heads_anew().await?;
        }
        core.ledger.freshness_monitor.confirm();
        let head = core.with_state(State::head);
        core.calls.audit.mark(WriterMark::Opened { revision: head.revision, journal: head.hash });
        if !replayed.purge.is_empty() {
            core.upkeep.background_tasks.push([BackgroundTask::SecretPurge(replayed.purge)]);
        }
        core.load_all().await;
        Ok((core, committer))
    }
}

fn by_id(providers: Vec<Arc<dyn Provider>>) -> Result<Providers, GovernError> {
    let mut by_id = BTreeMap::new();
    for provider in providers {
        let id = provider.info().id.clone();
        if by_id.insert(id.clone(), provider).is_some() {
            return Err(GovernError::new(GovernErrorKind::Invalid, format!("two providers have the id `{id}`")));
        }
    }
    Ok(by_id)
}
