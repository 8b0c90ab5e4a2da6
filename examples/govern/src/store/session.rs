//! A tenant's governance, opened beside the nodes that serve it.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use example_vendors::{Environment, Vendor};
use mcp_govern_core::{
    Actor, Catalogue, DiscoverContext, Governor, Provider, ProviderId, ServerConfig, ServerId, ServerSpec, TenantId,
    audit::AuditKey,
    governor::{Committed, GovernError, GovernorBuilder},
    journal::{Command, Commit, Event, Revision, Simulation, State},
    ports::Stores as _,
};
use mcp_govern_openapi::{Fault, OpenApiProvider};
use mcp_govern_store::{MissingStore, OpenOptions, OpenedStores};

use super::{args::StoreArguments, place::Place};
use crate::{failure::Failure, own};

/// How many commits are read at once.
const PAGE: usize = 512;

/// How long the tools of a server may take to be discovered.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look at what holds, or to change it: it must be the newest.
    Govern,
    /// To find out what is wrong with it.
    Verify,
}

/// Whether the providers' documents are read: several hundred operations are compiled for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Documents {
    /// What the providers state counts.
    Read,
    /// What is on record says all that is asked for.
    Unread,
}

/// A tenant's governance, and in whose name it is governed.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) stores: OpenedStores,
    pub(crate) governor: Governor,
    pub(crate) actor: Actor,
    /// The audit's key, where it is at hand.
    pub(crate) audit_key: Option<AuditKey>,
    providers: Vec<Arc<dyn Provider>>,
    /// Those of them that documents of one's own give.
    own: Vec<OpenApiProvider>,
    /// What is wrong with the audit's key, where there is none that can be used.
    no_audit_key: Option<String>,
    /// Where the journal stood when it was opened.
    opened_at: Revision,
    /// The copy of the state on which commands are tried instead of being sent.
    simulation: Mutex<Option<Simulation>>,
}

impl Session {
    /// Opens a store and a tenant. Unless they are to be made, a mistyped name makes neither.
    pub(crate) async fn open(
        arguments: &StoreArguments,
        environment: &Environment,
        missing: MissingStore,
        purpose: Purpose,
        documents: Documents,
    ) -> Result<Self, Failure> {
        let place = Place::of(arguments, environment)?;
        let (tenant, actor) = (place.tenant()?, place.actor()?);
        // Only `audit --user` asks for it: what is wrong with it is told there.
        let (audit_key, no_audit_key) = match place.audit_key() {
            Ok(Some(key)) => (Some(key), None),
            Ok(None) => (None, Some("name the key, `--audit-key FILE` or GOVERN_AUDIT_KEY".to_owned())),
            Err(failure) => (None, Some(failure.to_string())),
        };
        let stores = open_stores(&place, missing).await?;
        if missing == MissingStore::Refuse {
            known(&stores, &tenant).await?;
        }
        let (providers, own) = match documents {
            Documents::Read => providers(&arguments.api)?,
            Documents::Unread => Read::default(),
        };
        let mut builder = Governor::builder(tenant).with_stores(stores.clone());
        if let Some(key) = &audit_key {
            builder = builder.with_audit_key(key.clone());
        }
        if let Some(keeper) = place.heads()? {
            builder = builder.with_head_keeper(Arc::new(keeper));
        }
        builder = match (place.accept_rollback(), purpose) {
            (Some(reason), _) => builder.accepting_rollback(actor.clone(), reason),
            (None, Purpose::Verify) => builder.despite_rollback(),
            (None, Purpose::Govern) => builder,
        };
        let builder = providers.iter().cloned().fold(builder, GovernorBuilder::with_shared_provider);
        let governor = builder.open_for_commands().await?;
        let opened_at = governor.revision();
        let simulation = Mutex::new(None);
        Ok(Self { stores, governor, actor, audit_key, providers, own, no_audit_key, opened_at, simulation })
    }

    /// That the journal can be read in full: what is looked at or changed is true.
    pub(crate) fn readable(&self) -> Result<(), Failure> {
        match self.governor.status().unreadable {
            None => Ok(()),
            Some(reason) => Err(Failure::Broken(format!(
                "the journal cannot be read beyond revision {} ({reason}): `govern audit verify` says more",
                self.governor.revision()
            ))),
        }
    }

    /// The state of the moment, or of the copy on which commands are tried.
    pub(crate) fn state(&self) -> Arc<State> {
        match &*self.copy() {
            Some(simulation) => Arc::new(simulation.state().clone()),
            None => self.governor.state(),
        }
    }

    /// Sends a command, or tries it on the copy.
    pub(crate) async fn commit(&self, command: Command) -> Result<Committed, GovernError> {
        if let Some(simulation) = &mut *self.copy() {
            return Committed::simulated(simulation, &command);
        }
        self.governor.commit(&self.actor, command).await
    }

    /// From now on commands are tried on a copy of the state, each on what those before it left. Nothing is sent any more.
    ///
    /// INVARIANT: what is simulated changes no store (`a_list_of_verbs_is_tried_together_and_changes_nothing`).
    pub(crate) fn simulate(&self) {
        let simulation = Simulation::new(&self.governor.state(), self.actor.clone(), self.governor.now());
        *self.copy() = Some(simulation);
    }

    /// Whether commands are tried instead of being sent: then nobody has to confirm them.
    pub(crate) fn simulates(&self) -> bool {
        self.copy().is_some()
    }

    /// The copy on which commands are tried, as it is now.
    pub(crate) fn simulated(&self) -> Option<Simulation> {
        self.copy().clone()
    }

    fn copy(&self) -> MutexGuard<'_, Option<Simulation>> {
        self.simulation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That people can be looked for in the record: they stand there hashed under the audit's key. Under another key nothing would be
    /// found, which is not an answer.
    pub(crate) async fn need_audit_key(&self) -> Result<(), Failure> {
        if let Some(why) = &self.no_audit_key {
            return Err(Failure::usage(format!(
                "people are in the record as hashes, and its segments are sealed, under the key of the nodes, which is needed here: {why}"
            )));
        }
        if self.audit_key_holds().await? {
            return Ok(());
        }
        Err(Failure::usage(
            "this is not the audit key of this store: no commit is sealed under it, so that no person would be found by it; give the \
             key that the nodes have, `--audit-key FILE` or GOVERN_AUDIT_KEY",
        ))
    }

    /// Whether there is an audit key, and nothing in the store says that it is another one: the newest seal or an earlier one of the
    /// journal is of it, or nothing was sealed yet.
    pub(crate) async fn audit_key_holds(&self) -> Result<bool, Failure> {
        let Some(key) = &self.audit_key else { return Ok(false) };
        match self.state().sealed() {
            None => Ok(true),
            Some(sealed) if sealed.key == key.id() => Ok(true),
            // The key was replaced perhaps, and this is the one of earlier records.
            Some(_) => self.was_sealed_under(key).await,
        }
    }

    async fn was_sealed_under(&self, key: &AuditKey) -> Result<bool, Failure> {
        let (id, head) = (key.id(), self.governor.revision());
        let journal = self.stores.open(self.governor.tenant()).await?.journal;
        let mut after = Revision::ZERO;
        while after < head {
            let page = journal.read(after, PAGE).await?;
            let Some(last) = page.last().map(mcp_govern_core::journal::StoredCommit::revision) else { break };
            for stored in &page {
                // What cannot be read is found by `audit verify`.
                let commit: Option<Commit> = serde_json::from_slice(stored.bytes()).ok();
                let of_key = |event: &Event| matches!(event, Event::JournalSealed(seal) if seal.key == id);
                if commit.is_some_and(|commit| commit.events.iter().any(of_key)) {
                    return Ok(true);
                }
            }
            after = last;
        }
        Ok(false)
    }

    /// A provider of this program.
    pub(crate) fn provider(&self, id: &ProviderId) -> Result<&Arc<dyn Provider>, Failure> {
        self.providers.iter().find(|provider| provider.info().id == *id).ok_or_else(|| {
            Failure::usage(format!("there is no provider `{id}` here: an API of one's own is named with `--api FILE`"))
        })
    }

    /// What a server's provider states now. Sends no credential.
    pub(crate) async fn discover(&self, server: &ServerId, spec: &ServerSpec) -> Result<Arc<Catalogue>, Failure> {
        let place = |failure: Failure| failure.at(format_args!("server `{server}`"));
        let provider = self.provider(&spec.provider).map_err(place)?;
        let config = ServerConfig::new(self.governor.tenant().clone(), server.clone(), spec.clone());
        let opened = provider.open(&config).map_err(|error| place(Failure::Usage(error.to_string())))?;
        let cx = DiscoverContext::new().with_deadline(Instant::now() + TIMEOUT);
        opened.discover(cx).await.map_err(|error| place(Failure::NoAnswer(error.to_string())))
    }

    /// What of a server's document is left out, where that is one of one's own.
    pub(crate) fn left_out(&self, spec: &ServerSpec) -> &[Fault] {
        let own = self.own.iter().find(|provider| provider.info().id == spec.provider);
        own.map(OpenApiProvider::left_out).unwrap_or_default()
    }

    /// Says on which servers this program's own providers and documents state other tools than were synced: what is shown of them is
    /// not what they would be.
    pub(crate) fn differing(&self) -> BTreeMap<ServerId, String> {
        self.governor.status().differing
    }

    /// Why there is no audit key, where there is none.
    pub(crate) fn no_audit_key(&self) -> Option<&str> {
        self.no_audit_key.as_deref()
    }

    /// Ends. What was done here is known from now on, also where no node runs.
    pub(crate) async fn close(self) {
        if self.governor.revision() > self.opened_at
            && let Err(error) = self.governor.keep_heads().await
        {
            // Nobody has to read it.
            let _ = writeln!(io::stderr(), "govern: the heads could not be kept outside of the store: {error}");
        }
        self.stores.close().await;
    }
}

/// Opens the stores beside those who use them.
pub(crate) async fn open_stores(place: &Place<'_>, missing: MissingStore) -> Result<OpenedStores, Failure> {
    let mut options = OpenOptions::new().beside_others().with_missing(missing).with_plaintext(place.plaintext());
    if let Some(keys) = place.vault_keys()? {
        options = options.with_keys(keys);
    }
    Ok(mcp_govern_store::open(place.url(), options).await?)
}

async fn known(stores: &OpenedStores, tenant: &TenantId) -> Result<(), Failure> {
    let tenants = stores.tenants().await?;
    if tenants.contains(tenant) {
        return Ok(());
    }
    let names: Vec<String> = tenants.iter().map(|tenant| format!("`{tenant}`")).collect();
    let has = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
    Err(Failure::usage(format!(
        "there is no tenant `{tenant}` in the store, which has {has}: say which, `--tenant NAME`"
    )))
}

/// All providers, and those of them that are made of documents of one's own.
type Read = (Vec<Arc<dyn Provider>>, Vec<OpenApiProvider>);

/// The three vendors, and the APIs of one's own. A document that cannot be used is told of, and keeps no other server from being
/// looked at.
fn providers(documents: &[std::path::PathBuf]) -> Result<Read, Failure> {
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    for vendor in Vendor::ALL {
        providers.push(Arc::new(vendor.provider()?));
    }
    let mut own: Vec<OpenApiProvider> = Vec::new();
    for read in own::read(documents) {
        match read {
            Ok(provider) => {
                providers.push(Arc::new(provider.clone()));
                own.push(provider);
            }
            Err(failure) => {
                // Where nobody reads it, the server says that there is no such provider.
                let _ = writeln!(io::stderr(), "govern: {failure}");
            }
        }
    }
    Ok((providers, own))
}
