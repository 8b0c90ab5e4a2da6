//! Opening a governor.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    CallLimits, ConnectUrls, CredentialRefresher, Driver, GovernError, GovernErrorKind, Governor, Pulse, Time,
    chores::Chore,
    core::{Core, Parts},
    driver::join_all,
    follow::replay,
    keep::{Keeping, Rhythm},
    quota::Quotas,
    servers::Providers,
};
use crate::{
    audit::{AuditCommitter, AuditKey, AuditWriter, ReadableNames, WriterMark},
    memory::MemoryStores,
    ports::{Stores, WriterId},
    provider::Provider,
    vocabulary::{Clock, SystemClock, TenantId},
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
    rhythm: Rhythm,
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
            rhythm: Rhythm::default(),
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

    /// With a further kind of API. Servers of a kind that no provider stands for stay closed.
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

    /// With somebody who refreshes credentials.
    pub fn with_refresher(mut self, refresher: Arc<dyn CredentialRefresher>) -> Self {
        self.refresher = Some(refresher);
        self
    }

    /// With links for connecting an account of one's own.
    pub fn with_connect_urls(mut self, urls: Arc<dyn ConnectUrls>) -> Self {
        self.connect = Some(urls);
        self
    }

    /// With another number of acts than 1,000 between two checkpoints of the state, where the stores keep checkpoints: as many
    /// acts are read at most when a node opens, or ten times as many after a burst.
    pub fn with_checkpoint_every(mut self, acts: u64) -> Self {
        self.rhythm.acts = acts.max(1);
        self
    }

    /// With another time than 15 minutes after which the heads of the audit chains that have moved are put on record in the
    /// journal, and the journal is sealed. What was recorded after the last anchor can be cut off unseen by whoever can also change
    /// the store's own heads.
    pub fn with_audit_anchors_every(mut self, time: Duration) -> Self {
        self.rhythm.anchors = time;
        self
    }

    /// Reads the journal, opens the servers and discovers their tools. The [`Driver`] must run: spawn `driver.run()`.
    ///
    /// A journal that this release cannot read in full is no error: the governor opens, denies every call with
    /// `state_unreadable`, refuses every act, and [`Governor::status`] says why. A server that cannot be opened or discovered is
    /// none either.
    ///
    /// # Errors
    ///
    /// When the stores cannot be reached, two providers have the same id, or the operating system gives no random bytes.
    pub async fn open(self) -> Result<(Governor, Driver), GovernError> {
        let providers = by_id(self.providers)?;
        let stores = self.stores.unwrap_or_else(|| Arc::new(MemoryStores::new())).open(&self.tenant).await?;
        let replayed = replay(&stores).await?;
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
        let head = replayed.state.head();
        let core = Arc::new(Core::new(Parts {
            tenant: self.tenant,
            pulse: Pulse::new(stores.journal.freshness(), self.max_staleness),
            stores,
            providers,
            quotas: Quotas::new(self.limits, Arc::clone(&time)),
            time,
            audit,
            writer,
            key,
            sealing,
            names: self.names,
            refresher: self.refresher,
            connect: self.connect,
            state: replayed.state,
            unreadable: replayed.unreadable,
            forget: replayed.forget.clone(),
            keeping: Keeping::new(self.rhythm, replayed.from),
            node: u64::from_be_bytes(crate::random::bytes()?),
        }));
        core.pulse.confirm();
        core.audit.mark(WriterMark::Opened { revision: head.revision, journal: head.hash });
        if !replayed.forget.is_empty() {
            core.chores.push([Chore::Forget(replayed.forget)]);
        }
        core.load_all().await;
        Ok((Governor { core: Arc::clone(&core) }, Driver::new(core, committer)))
    }
}

impl Core {
    /// Loads the definitions of every server that was ever synced.
    async fn load_all(&self) {
        let state = self.state();
        let synced = state.servers().iter().filter(|(_, server)| server.catalogue().is_some());
        let chores: Vec<Chore> = synced.map(|(id, _)| Chore::Load(id.clone())).collect();
        drop(state);
        join_all(chores.iter().map(|chore| async {
            // A server that cannot be discovered is a fault in the status.
            let _ = self.attend(chore).await;
        }))
        .await;
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
