//! Reading the file again while the gateway runs: planned, logged, applied; or refused as a whole.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    sync::Arc,
};

use mcp_govern_core::{Governor, Secret, ports::TenantStores};
use url::Url;

use crate::{
    cli::{AuthMode, Cli, ServeFlags, StoreFlags},
    config::Config,
    credentials,
    failure::Failure,
    governance::{administrator, enact},
    identity::{ReloadableAuthenticator, authenticator},
    node::Node,
    providers::Providers,
    signals::Signals,
    store::StorePlace,
};

/// Reads the file again when it is told to.
#[derive(Debug)]
pub(crate) struct Reloader {
    file: Option<PathBuf>,
    flags: ServeFlags,
    store: StoreFlags,
    /// What counts now: what takes a restart stays as it was when the gateway started.
    started: Config,
    /// What was in the files that a start alone reads.
    contents: Contents,
    governor: Governor,
    stores: TenantStores,
    reloadable_authenticator: Arc<ReloadableAuthenticator>,
    public: Url,
}

impl Reloader {
    pub(crate) fn new(
        cli: &Cli,
        config: &Config,
        node: &Node,
        reloadable_authenticator: Arc<ReloadableAuthenticator>,
        public: Url,
    ) -> Self {
        let contents = Contents::of(config, &cli.store, RandomState::new());
        Self {
            file: cli.config.clone(),
            flags: cli.serve.clone(),
            store: cli.store.clone(),
            contents,
            started: config.clone(),
            governor: node.governor.clone(),
            stores: node.stores.clone(),
            reloadable_authenticator,
            public,
        }
    }

    /// Runs until nobody can tell it any more.
    pub(crate) async fn run(self, mut signals: Signals) {
        while signals.reload().await.is_some() {
            match self.reload().await {
                Ok(()) => {}
                Err(failure) => {
                    for line in failure.to_string().lines() {
                        tracing::error!("not reloaded, what was goes on: {line}");
                    }
                }
            }
        }
        std::future::pending::<()>().await;
    }

    async fn reload(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            tracing::info!("a signal to read the file again, and there is no file");
            return Ok(());
        };
        let config = Config::load(file)?;
        for name in self.started.needs_restart(&config) {
            tracing::warn!("`{name}` has changed and takes a restart: it stays as it was");
        }
        for name in self.contents.changed(&config, &self.store) {
            tracing::warn!("the content of {name} has changed and takes a restart: what was read at the start goes on");
        }
        // Everything that can be wrong is found before anything is changed.
        for fault in Providers::checked(&config)?.faults {
            tracing::error!("what was read of the APIs at the start goes on: {fault}");
        }
        let credentials = credentials::resolve(&config)?;
        let authenticator_in_use = self.authenticator_in_use(&config)?;
        let actor = administrator()?;
        self.governor.plan(&actor, &config.blueprint)?;

        let enacted = enact(&self.governor, &actor, &config.blueprint).await?;
        enacted.log();
        let placed = credentials::put(&self.governor, &actor, &self.stores, &credentials).await?;
        for (server, placed) in &placed {
            placed.log(server);
        }
        let set = placed.iter().filter(|(_, placed)| placed.counts()).count();
        let not_replaced = placed.len() - set;
        if let Some(authenticator_in_use) = authenticator_in_use {
            self.reloadable_authenticator.replace(authenticator_in_use);
        }
        let (steps, widens) = (enacted.steps.len(), enacted.widens());
        tracing::info!(steps, credentials = set, not_replaced, widens, revision = %self.governor.revision(), "reloaded");
        Ok(())
    }

    /// The new list of tokens, or the same issuer's other conditions; none where that takes a restart.
    fn authenticator_in_use(
        &self,
        config: &Config,
    ) -> Result<Option<Arc<dyn mcp_govern_server::Authenticate>>, Failure> {
        let mode = self.started.auth_mode(&self.flags);
        let same = config.document.auth.issuers() == self.started.document.auth.issuers();
        let fits = config.auth_mode(&self.flags) == mode && same;
        if self.flags.stdio || mode == AuthMode::None || !fits {
            return Ok(None);
        }
        let demo_token: Option<&Secret> = self.flags.demo_token.as_ref();
        authenticator(config, mode, demo_token, &self.public).map(Some)
    }
}

/// What was in the files that are read at a start alone: the store's keys and the documents of APIs. Kept as hashes under a key of
/// this process, which tell nothing of what was hashed.
#[derive(Debug)]
struct Contents {
    hashing: RandomState,
    hashes: BTreeMap<String, u64>,
}

impl Contents {
    fn of(config: &Config, flags: &StoreFlags, hashing: RandomState) -> Self {
        let hashes = named(config, flags).into_iter().map(|(name, content)| (name, hashing.hash_one(content)));
        Self { hashes: hashes.collect(), hashing }
    }

    /// What is in another file of the same name, or has other content in the same one.
    fn changed(&self, config: &Config, flags: &StoreFlags) -> Vec<String> {
        let now = Self::of(config, flags, self.hashing.clone());
        let changed =
            now.hashes.into_iter().filter(|(name, hash)| self.hashes.get(name).is_some_and(|old| old != hash));
        changed.map(|(name, _)| name).collect()
    }
}

fn named(config: &Config, flags: &StoreFlags) -> Vec<(String, Vec<u8>)> {
    // What cannot be read is told of elsewhere.
    let keys = StorePlace::of(config, flags).map(|place| place.key_texts()).unwrap_or_default();
    let keys = keys.into_iter().map(|(name, text)| (format!("`{name}`"), text.expose().trim().as_bytes().to_vec()));
    let of_apis = config.document.apis.iter();
    let all = of_apis.flat_map(|api| [&api.document].into_iter().chain(api.editions.iter().map(|one| &one.document)));
    let documents = all.filter_map(|document| {
        let content = std::fs::read(config.base().join(document)).ok()?;
        Some((format!("the document `{}`", document.display()), content))
    });
    keys.chain(documents).collect()
}
