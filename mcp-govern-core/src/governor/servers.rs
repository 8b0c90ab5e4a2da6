//! The registered servers as this node's providers open them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    ConnectUrls, CredentialRefresher, GovernError, GovernErrorKind, background_tasks::SecretPurge, core::Core,
    driver::join_all, renewal::Renewals,
};
use crate::{
    access::Loaded,
    journal::State,
    ports::VaultKey,
    provider::{DiscoverContext, Provider, ProviderInfo, ServerConfig, SunsetNotice, ToolServer},
    vocabulary::{Catalogue, CredentialOwner, ProviderId, ServerId, ServerSpec, TenantId},
};

/// The providers of this node by id.
pub(crate) type Providers = BTreeMap<ProviderId, Arc<dyn Provider>>;

/// What opens servers, loads their tools and gives them credentials.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) providers: Providers,
    pub(crate) refresher: Option<Arc<dyn CredentialRefresher>>,
    pub(crate) connect: Option<Arc<dyn ConnectUrls>>,
    pub(crate) renewals: Renewals,
    /// Local changes of credentials take turns, so that a clean-up never meets a secret whose commit is still to come.
    pub(crate) vault_turn: tokio::sync::Mutex<()>,
    publish_state: Mutex<PublishState>,
}

impl Servers {
    /// `purge` says which secrets should be gone from the vault.
    pub(super) fn new(
        providers: Providers,
        refresher: Option<Arc<dyn CredentialRefresher>>,
        connect: Option<Arc<dyn ConnectUrls>>,
        purge: BTreeSet<SecretPurge>,
    ) -> Self {
        Self {
            providers,
            refresher,
            connect,
            renewals: Renewals::default(),
            vault_turn: tokio::sync::Mutex::default(),
            publish_state: Mutex::new(PublishState { purge, ..PublishState::default() }),
        }
    }

    pub(crate) fn publish_state(&self) -> MutexGuard<'_, PublishState> {
        self.publish_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What publishers change, one at a time.
#[derive(Debug, Default)]
pub(crate) struct PublishState {
    pub(crate) loaded: Loaded,
    /// Servers whose tools could not be discovered or loaded.
    pub(crate) faults: BTreeMap<ServerId, String>,
    /// Secrets that commits have taken away; a later life looks whether they are gone.
    pub(crate) purge: BTreeSet<SecretPurge>,
}

/// A registered server as its provider opened it, or why it could not.
#[derive(Debug)]
pub(crate) struct OpenServer {
    pub(crate) config: ServerConfig,
    /// What the shared credential is kept under.
    shared_key: VaultKey,
    /// The announced end of the API that it is reached by.
    pub(crate) sunset: Option<Arc<SunsetNotice>>,
    pub(crate) server: Result<Arc<dyn ToolServer>, String>,
}

impl OpenServer {
    pub(crate) fn open(tenant: &TenantId, id: &ServerId, spec: &ServerSpec, providers: &Providers) -> Self {
        let config = ServerConfig::new(tenant.clone(), id.clone(), spec.clone());
        let provider = providers.get(&spec.provider);
        let origin = origin(spec, provider.map(|provider| provider.info()));
        let info = provider.and_then(|provider| provider.info().of_edition(spec.edition.as_ref()));
        let sunset = info.and_then(|info| info.sunset.clone()).map(Arc::new);
        let shared_key = VaultKey::new(id.clone(), CredentialOwner::Shared, origin);
        let server = match provider {
            Some(provider) => provider.open(&config).map_err(|error| error.to_string()),
            None => Err(format!("no provider `{}` is registered on this node", spec.provider)),
        };
        Self { config, shared_key, sunset, server }
    }

    /// Where credentials may be sent: scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.shared_key.origin
    }

    /// What a credential is kept under.
    pub(crate) fn vault_key(&self, owner: &CredentialOwner) -> Cow<'_, VaultKey> {
        match owner {
            CredentialOwner::Shared => Cow::Borrowed(&self.shared_key),
            CredentialOwner::User(_) => {
                Cow::Owned(VaultKey::new(self.config.server.clone(), owner.clone(), self.origin()))
            }
        }
    }

    /// All servers of a state.
    pub(crate) fn open_all(tenant: &TenantId, state: &State, providers: &Providers) -> BTreeMap<ServerId, Arc<Self>> {
        let open = |(id, server): (&ServerId, &crate::journal::Server)| {
            (id.clone(), Arc::new(Self::open(tenant, id, server.spec(), providers)))
        };
        state.servers().iter().map(open).collect()
    }

    pub(crate) fn ready(&self) -> Result<&Arc<dyn ToolServer>, GovernError> {
        let closed = |reason: &String| {
            let message = format!("server `{}` cannot be opened: {reason}", self.config.server);
            GovernError::new(GovernErrorKind::Invalid, message)
        };
        self.server.as_ref().map_err(closed)
    }

    /// Whether the two rows mean the same to a provider: then they have the same tools.
    pub(crate) fn has_the_tools_of(&self, other: &Self) -> bool {
        let (one, two) = (&self.config.spec, &other.config.spec);
        one.provider == two.provider
            && one.edition == two.edition
            && one.region == two.region
            && one.base_url == two.base_url
            && one.auth_method == two.auth_method
            && one.config == two.config
    }
}

/// Where a server's credentials may be sent. Without any URL it is the name of provider and edition: still another one for another
/// provider or edition.
fn origin(spec: &ServerSpec, info: Option<&ProviderInfo>) -> String {
    let info = info.and_then(|info| info.of_edition(spec.edition.as_ref()));
    let info = info.as_deref();
    let of_region = |info: &ProviderInfo| {
        let wanted = spec.region.as_deref();
        let region = info.regions.iter().find(|region| wanted.is_none_or(|id| id == region.id));
        region.map(|region| region.base_url.origin().ascii_serialization())
    };
    let own = spec.base_url.as_ref().map(|url| url.origin().ascii_serialization());
    let of_document = |info: &ProviderInfo| Some(info.base_url.as_ref()?.origin().ascii_serialization());
    own.or_else(|| info.and_then(of_region)).or_else(|| info.and_then(of_document)).unwrap_or_else(|| {
        match &spec.edition {
            None => format!("provider:{}", spec.provider),
            Some(edition) => format!("provider:{}/{edition}", spec.provider),
        }
    })
}

impl Core {
    /// The server as it is open now.
    pub(crate) fn open_server(&self, server: &ServerId) -> Result<Arc<OpenServer>, GovernError> {
        let view = self.view();
        view.servers.get(server).cloned().ok_or_else(|| GovernError::not_found("server", server))
    }

    /// Discovers a server's tools and loads their definitions on this node.
    pub(crate) async fn load(&self, server: &ServerId) -> Result<Arc<Catalogue>, GovernError> {
        let (open, catalogue) = self.found(server).await?;
        let found = [(open, catalogue)];
        self.set_loaded(&found).into_iter().collect::<Result<(), _>>()?;
        let [(_, catalogue)] = found;
        Ok(catalogue)
    }

    /// Loads the definitions of every server that was ever synced, and publishes them at once: what follows from a catalogue is
    /// worked out for all servers together. A server that cannot be discovered is a fault in the status.
    pub(crate) async fn load_all(&self) {
        let state = self.state();
        let synced: Vec<ServerId> = state
            .servers()
            .iter()
            .filter(|(_, server)| server.catalogue().is_some())
            .map(|(id, _)| id.clone())
            .collect();
        drop(state);
        let found = Mutex::new(Vec::with_capacity(synced.len()));
        let add = |one| found.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        let add = &add;
        join_all(synced.iter().map(|server| async move {
            match self.found(server).await {
                Ok(one) => add(one),
                Err(error) => tracing::warn!(%server, %error, "the definitions of a server could not be loaded"),
            }
        }))
        .await;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        for ((open, _), loaded) in found.iter().zip(self.set_loaded(&found)) {
            if let Err(error) = loaded {
                let server = &open.config.server;
                tracing::warn!(%server, %error, "the definitions of a server could not be loaded");
            }
        }
    }

    /// A server as it is open now, and its tools; that they cannot be discovered is put into the status.
    async fn found(&self, server: &ServerId) -> Result<(Arc<OpenServer>, Arc<Catalogue>), GovernError> {
        let open = self.open_server(server)?;
        match self.discover(&open).await {
            Ok(catalogue) => Ok((open, catalogue)),
            Err(error) => {
                self.set_fault(server, Some(error.to_string()));
                Err(error)
            }
        }
    }

    /// The tools of a server as its row is given, which the journal need not know. Nothing is loaded.
    pub(crate) async fn discover_as(
        &self,
        server: &ServerId,
        spec: &ServerSpec,
    ) -> Result<Arc<Catalogue>, GovernError> {
        self.discover(&OpenServer::open(&self.tenant, server, spec, &self.servers.providers)).await
    }

    async fn discover(&self, open: &OpenServer) -> Result<Arc<Catalogue>, GovernError> {
        let server = open.ready()?;
        // Discovery needs no credential; where one is there it may help.
        let credential = self.vault_entry(open, &CredentialOwner::Shared).await.ok().flatten();
        let mut cx = DiscoverContext::new().with_deadline(std::time::Instant::now() + super::TIMEOUT);
        if let Some(entry) = &credential {
            cx = cx.with_credential(&entry.credential);
        }
        Ok(server.discover(cx).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        provider::Region,
        vocabulary::{AuthMethodId, ToolPrefix},
    };

    fn spec() -> ServerSpec {
        ServerSpec::new(
            ProviderId::new("acme").unwrap(),
            "Acme",
            ToolPrefix::new("acme").unwrap(),
            AuthMethodId::new("api_key").unwrap(),
        )
    }

    fn info() -> ProviderInfo {
        let mut info = ProviderInfo::new(ProviderId::new("acme").unwrap(), "Acme");
        let region = |id: &str, url: &str| Region::new(id, url.parse().unwrap(), id);
        info.regions = vec![region("us", "https://api.acme.test/v1"), region("eu", "https://eu.acme.test:8443/v1")];
        info
    }

    #[test]
    fn credentials_belong_to_scheme_host_and_port() {
        assert_eq!(origin(&spec(), Some(&info())), "https://api.acme.test");
        assert_eq!(origin(&spec().with_region("eu"), Some(&info())), "https://eu.acme.test:8443");
        let own = spec().with_base_url("http://127.0.0.1:9/x".parse().unwrap());
        assert_eq!(origin(&own, Some(&info())), "http://127.0.0.1:9");
        assert_eq!(origin(&spec().with_region("mars"), Some(&info())), "provider:acme");
        assert_eq!(origin(&spec(), None), "provider:acme");
        let mut of_others = ProviderInfo::new(ProviderId::new("acme").unwrap(), "Acme");
        of_others.base_url = Some("https://one.acme.test/v1".parse().unwrap());
        assert_eq!(origin(&spec(), Some(&of_others)), "https://one.acme.test");
    }

    #[test]
    fn credentials_of_one_edition_do_not_belong_to_another() {
        let mut info = info();
        let edition = |id: &str| crate::provider::Edition::new(crate::EditionId::new(id).unwrap(), id);
        let mut hosted = edition("hosted");
        hosted.base_url = Some("https://hosted.acme.test/v1".parse().unwrap());
        info.editions = vec![edition("classic"), edition("bare"), hosted];
        let of = |id: &str| origin(&spec().with_edition(crate::EditionId::new(id).unwrap()), Some(&info));
        assert_eq!(origin(&spec(), Some(&info)), "https://api.acme.test");
        assert_eq!(of("hosted"), "https://hosted.acme.test");
        assert_eq!(of("bare"), "provider:acme/bare");
        assert_eq!(of("gone"), "provider:acme/gone");
    }

    #[test]
    fn a_server_whose_provider_is_not_here_says_so() {
        let open =
            OpenServer::open(&TenantId::new("t").unwrap(), &ServerId::new("s").unwrap(), &spec(), &Providers::new());
        assert!(open.ready().unwrap_err().message().contains("no provider `acme`"));
    }
}
