//! A real governor over memory in which everything of one server is approved and granted to one person.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use mcp_govern_core::{
    Actor, ClientId, ClientType, Clock, CommandId, Credential, CredentialSharing, Follows, Governor, GrantId, Grantee,
    Label, NewToolState, Principal, ProfileId, ProfileSpec, Provider, Role, ServerId, ServerSpec, Settings,
    SystemClock, TenantId, ToolId, ToolName, ToolsetBinding, ToolsetContent, ToolsetId, UserId,
    governor::{CallError, CallLimits, CallRequest, CallSuccess, Probe},
    journal::{Action, Command},
    memory::MemoryStores,
    ports::{AuditFilter, Stores},
};
use serde_json::{Map, Value};

use crate::{chosen::Chosen, failure::Failure};

/// A real [`Governor`] over one server of one provider, with every tool approved and granted: for the tests of providers.
///
/// It opens no side door: what is called through it is registered, discovered, approved, bound and granted as in production.
/// The driver runs as a task until the harness is dropped.
#[derive(Debug)]
pub struct Harness {
    governor: Governor,
    driver: tokio::task::JoinHandle<()>,
    server: ServerId,
    admin: Actor,
    person: Principal,
}

/// Puts a [`Harness`] together.
#[derive(Debug)]
#[must_use = "nothing is opened until `open` is called"]
pub struct HarnessBuilder {
    provider: Arc<dyn Provider>,
    spec: ServerSpec,
    credential: Option<Credential>,
    stores: Option<Arc<dyn Stores>>,
    clock: Arc<dyn Clock>,
    only: Option<BTreeSet<String>>,
}

impl Harness {
    /// The id of the harness's server.
    pub const SERVER: &'static str = "server";
    /// The id of the profile that the person holds.
    pub const PROFILE: &'static str = "everything";
    /// The id of the toolset with every approved tool.
    pub const TOOLSET: &'static str = "all-tools";
    /// The id of the person's grant.
    pub const GRANT: &'static str = "to-the-person";

    /// A harness over a server of the provider. The server's option for new tools is set to approved.
    pub fn builder(provider: impl Provider, spec: ServerSpec) -> HarnessBuilder {
        Self::shared_builder(Arc::new(provider), spec)
    }

    /// A harness over a server of a provider that others use too.
    pub fn shared_builder(provider: Arc<dyn Provider>, spec: ServerSpec) -> HarnessBuilder {
        HarnessBuilder { provider, spec, credential: None, stores: None, clock: Arc::new(SystemClock), only: None }
    }

    /// Calls a tool by its own name, as the person. Arguments that are no object count as none.
    ///
    /// # Errors
    ///
    /// As [`Governor::call`].
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<CallSuccess, CallError> {
        self.governor.call(&self.person, self.request(tool, arguments)).await
    }

    /// Calls a tool and gives up at the deadline.
    ///
    /// # Errors
    ///
    /// As [`Governor::call`].
    pub async fn call_until(&self, tool: &str, arguments: Value, deadline: Instant) -> Result<CallSuccess, CallError> {
        self.governor.call(&self.person, self.request(tool, arguments).with_deadline(deadline)).await
    }

    /// The request that [`Harness::call`] makes.
    pub fn request(&self, tool: &str, arguments: Value) -> CallRequest {
        let arguments = if let Value::Object(map) = arguments { map } else { Map::new() };
        // A name that is none goes in as it is: the governor must answer that there is no such tool.
        let request = match ToolName::new(tool) {
            Ok(name) => CallRequest::new(ToolId::new(self.server.clone(), name)),
            Err(_) => CallRequest::new(tool),
        };
        request.with_arguments(arguments)
    }

    /// Carries an action out as the administrator.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn commit(&self, action: Action) -> Result<(), Failure> {
        commit(&self.governor, &self.admin, action).await
    }

    /// The governor.
    pub fn governor(&self) -> &Governor {
        &self.governor
    }

    /// The server.
    pub fn server(&self) -> &ServerId {
        &self.server
    }

    /// An owner, who is not the person.
    pub fn admin(&self) -> &Actor {
        &self.admin
    }

    /// The person who holds the profile, through a personal client.
    pub fn person(&self) -> &Principal {
        &self.person
    }

    /// Every audit record as the text that is stored, oldest first. Waits for nothing: an outcome may still be on its way;
    /// [`Harness::close`] first to have all.
    ///
    /// # Errors
    ///
    /// When the audit cannot be read.
    pub async fn records(&self) -> Result<Vec<String>, Failure> {
        let page = self.governor.audit(&self.admin, AuditFilter::new(), None, 10_000).await;
        let page = page.map_err(|error| Failure::new(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(page.records.iter().rev().map(|(_, record)| text(&record.bytes)).collect())
    }

    /// Ends in order: calls in flight finish and every outcome is written.
    pub async fn close(&self) {
        self.governor.close().await;
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl HarnessBuilder {
    /// With a credential: the shared one, or the person's own where the server says so.
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// With these tools alone, and the rows that they use. Every tool of a server is reviewed and digested when it is opened, so
    /// that a test of a provider with hundreds of them is quicker with those that it calls.
    pub fn with_only(mut self, tools: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.only = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// With other stores than memory.
    pub fn with_stores(mut self, stores: Arc<dyn Stores>) -> Self {
        self.stores = Some(stores);
        self
    }

    /// With another clock than the operating system's.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens it: registers, syncs, binds and grants. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a step is refused; the sentence names it.
    pub async fn open(self) -> Result<Harness, Failure> {
        let stores = self.stores.unwrap_or_else(|| Arc::new(MemoryStores::with_clock(Arc::clone(&self.clock))));
        let provider = match self.only {
            Some(names) => Arc::new(Chosen::new(self.provider, names)),
            None => self.provider,
        };
        let opened = Governor::builder(TenantId::new("harness")?)
            .with_shared_stores(stores)
            .with_shared_provider(provider)
            .with_clock(self.clock)
            // The one person of the harness makes every call.
            .with_call_limits(CallLimits::unbounded())
            .open()
            .await;
        let (governor, driver) = opened.map_err(|error| Failure::new(format!("opening: {error}")))?;
        let driver = tokio::spawn(driver.run());
        let admin = Actor::new(UserId::new("harness", "admin")?, [Role::Owner]);
        let person = Principal::new(UserId::new("harness", "person")?, ClientId::new("harness", "client")?);
        let harness = Harness { governor, driver, server: ServerId::new(Harness::SERVER)?, admin, person };
        harness.furnish(self.spec, self.credential).await?;
        Ok(harness)
    }
}

impl Harness {
    async fn furnish(&self, spec: ServerSpec, credential: Option<Credential>) -> Result<(), Failure> {
        let (toolset, profile) = (ToolsetId::new(Self::TOOLSET)?, ProfileId::new(Self::PROFILE)?);
        let server = self.server.clone();
        let sharing = spec.sharing;
        let settings = Settings::default().with_unmatched_client(ClientType::Personal);
        self.commit(Action::ChangeSettings { settings }).await?;
        self.commit(Action::ActivateGovernance).await?;
        let spec = spec.with_new_tools(NewToolState::Approved);
        self.commit(Action::RegisterServer { server: server.clone(), spec }).await?;
        self.governor.sync(&self.admin, &server).await.map_err(|error| Failure::new(format!("syncing: {error}")))?;
        let content = ToolsetContent::Maintained(Follows::new(server));
        let label = Label::new("Every approved tool");
        self.commit(Action::CreateToolset { toolset: toolset.clone(), label, content }).await?;
        let spec = ProfileSpec::new(Label::new("Everything"));
        self.commit(Action::CreateProfile { profile: profile.clone(), spec }).await?;
        let binding = ToolsetBinding { toolset, rules: Vec::new() };
        self.commit(Action::BindToolset { profile: profile.clone(), binding }).await?;
        let grantee = Grantee::User(self.person.user.clone());
        self.commit(Action::GrantProfile { grant: GrantId::new(Self::GRANT)?, profile, grantee, until: None }).await?;
        if let Some(credential) = credential {
            let set = match sharing {
                CredentialSharing::Shared => {
                    self.governor.set_shared_credential(&self.admin, &self.server, credential, Probe::Skip).await
                }
                CredentialSharing::PerUser => {
                    let person = Actor::new(self.person.user.clone(), []);
                    self.governor.connect(&person, &self.server, credential, Probe::Skip).await
                }
            };
            set.map_err(|error| Failure::new(format!("setting the credential: {error}")))?;
        }
        Ok(())
    }
}

async fn commit(governor: &Governor, actor: &Actor, action: Action) -> Result<(), Failure> {
    let name = action.name();
    let id = CommandId::random().map_err(|error| Failure::new(error.to_string()))?;
    let committed = governor.commit(actor, Command::new(id, action)).await;
    committed.map(drop).map_err(|error| Failure::new(format!("{name}: {error}")))
}
