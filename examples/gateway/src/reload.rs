//! Reading the file again while the gateway runs: planned, logged, applied; or refused as a whole.

use std::{path::PathBuf, sync::Arc};

use mcp_govern_core::{Governor, Secret, ports::TenantStores};
use url::Url;

use crate::{
    cli::{AuthMode, Cli, ServeFlags},
    config::Config,
    credentials,
    failure::Failure,
    governance::{administrator, enact},
    identity::{Doorkeeper, authenticator},
    node::Node,
    providers::Providers,
    signals::Signals,
};

/// Reads the file again when it is told to.
#[derive(Debug)]
pub(crate) struct Reloader {
    file: Option<PathBuf>,
    flags: ServeFlags,
    /// What counts now: what takes a restart stays as it was when the gateway started.
    started: Config,
    governor: Governor,
    stores: TenantStores,
    doorkeeper: Arc<Doorkeeper>,
    public: Url,
}

impl Reloader {
    pub(crate) fn new(cli: &Cli, config: &Config, node: &Node, doorkeeper: Arc<Doorkeeper>, public: Url) -> Self {
        Self {
            file: cli.config.clone(),
            flags: cli.serve.clone(),
            started: config.clone(),
            governor: node.governor.clone(),
            stores: node.stores.clone(),
            doorkeeper,
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
            tracing::info!("told to read the file again, and there is none");
            return Ok(());
        };
        let config = Config::load(file)?;
        for name in self.started.needs_restart(&config) {
            tracing::warn!("`{name}` has changed and takes a restart: it stays as it was");
        }
        // Everything that can be wrong is found before anything is changed.
        for fault in Providers::checked(&config)?.faults {
            tracing::error!("what was read of the APIs at the start goes on: {fault}");
        }
        let credentials = credentials::resolve(&config)?;
        let door = self.door(&config)?;
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
        if let Some(door) = door {
            self.doorkeeper.replace(door);
        }
        let (steps, widens) = (enacted.steps.len(), enacted.widens());
        tracing::info!(steps, credentials = set, not_replaced, widens, revision = %self.governor.revision(), "reloaded");
        Ok(())
    }

    /// The new list of tokens, or the same issuer's other conditions; none where that takes a restart.
    fn door(&self, config: &Config) -> Result<Option<Arc<dyn mcp_govern_server::Authenticate>>, Failure> {
        let mode = self.started.auth_mode(&self.flags);
        let same = |config: &Config| config.document.auth.jwt.as_ref().map(|jwt| jwt.issuer.clone());
        let fits = config.auth_mode(&self.flags) == mode && same(config) == same(&self.started);
        if self.flags.stdio || mode == AuthMode::None || !fits {
            return Ok(None);
        }
        let demo_token: Option<&Secret> = self.flags.demo_token.as_ref();
        authenticator(config, mode, demo_token, &self.public).map(Some)
    }
}
