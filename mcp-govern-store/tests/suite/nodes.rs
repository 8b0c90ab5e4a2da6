//! Nodes: real governors over the stores, and a vendor that keeps a call waiting when it is told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_conformance::Harness;
use mcp_govern_core::{
    Actor, AuthMethod, AuthMethodId, AuthorizedCall, CallContext, Catalogue, CatalogueVersion, CheckedArguments,
    ClientId, CommandId, Credential, CredentialFacts, CredentialReport, CredentialVerdict, DiscoverContext, Governor,
    GrantId, Grantee, Principal, ProbeContext, ProfileId, Provider, ProviderError, ProviderId, ProviderInfo,
    RequestPreview, Role, Secret, SecretField, ServerConfig, ServerSpec, TenantId, Timestamp, ToolName, ToolOutput,
    ToolPrefix, ToolServer, UserId,
    audit::AuditKey,
    governor::{CallError, CallLimits, CallRequest, CallSuccess, Committed, Follower, GovernError, GovernorBuilder},
    journal::{Action, Command},
    ports::Stores,
};
use serde_json::{json, value::to_raw_value};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

/// For how long rules may be unconfirmed where that is not what a test is about: a machine may be busy with other work.
const STEADY: Duration = Duration::from_mins(1);

/// The tenant of the governors.
pub(crate) const TENANT: &str = "harness";

/// The vendor, shared by the test and the provider.
#[derive(Debug)]
pub(crate) struct Vendor {
    waits: watch::Sender<bool>,
    arrived: Semaphore,
    calls: AtomicUsize,
    takes: Duration,
}

impl Vendor {
    pub(crate) fn new() -> Arc<Self> {
        Self::slow(Duration::ZERO)
    }

    /// Takes so long for each call.
    pub(crate) fn slow(takes: Duration) -> Arc<Self> {
        let (waits, calls) = (watch::Sender::new(false), AtomicUsize::new(0));
        Arc::new(Self { waits, arrived: Semaphore::new(0), calls, takes })
    }

    /// What a call is to the vendor.
    pub(crate) async fn work(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
    }

    /// The next calls wait once they have arrived.
    pub(crate) fn wait(&self) {
        self.waits.send_replace(true);
    }

    /// Nobody waits any more.
    pub(crate) fn go(&self) {
        self.waits.send_replace(false);
    }

    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// How many calls it has seen.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Acme {
    info: ProviderInfo,
    vendor: Arc<Vendor>,
}

#[derive(Debug)]
struct AcmeServer(Arc<Vendor>);

fn acme(vendor: &Arc<Vendor>) -> Acme {
    let mut info = ProviderInfo::new(ProviderId::new("acme").unwrap(), "Acme");
    let mut method = AuthMethod::new(AuthMethodId::new("api_key").unwrap(), "API key");
    method.fields = vec![SecretField::new("api_key", "API key")];
    info.auth_methods = vec![method];
    Acme { info, vendor: Arc::clone(vendor) }
}

impl Provider for Acme {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, _: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        Ok(Arc::new(AcmeServer(Arc::clone(&self.vendor))))
    }
}

#[async_trait]
impl ToolServer for AcmeServer {
    async fn discover(&self, _: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        let tool = json!({
            "name": "get_page", "title": "Get a page", "description": "Reads one page.",
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": false},
            "annotations": {
                "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": true,
            },
            "effect": "read", "risk": "none",
            "binding": {
                "kind": "operation", "method": "GET", "origin": "api", "path": "/page", "arguments": [], "fixed": [],
                "security": ["api_key"],
            },
        });
        let tool = Arc::new(serde_json::from_value(tool).unwrap());
        Ok(Arc::new(Catalogue::new(CatalogueVersion(1), vec![tool]).unwrap()))
    }

    async fn invoke(&self, _: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        cx.observer.sending().await?;
        self.0.work().await;
        let mut waits = self.0.waits.subscribe();
        if *waits.borrow_and_update() {
            self.0.arrived.add_permits(1);
            waits.wait_for(|waits| !waits).await.unwrap();
        }
        Ok(ToolOutput::new(to_raw_value(&json!({"page": 1})).unwrap(), Vec::new()))
    }

    async fn probe(&self, _: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        Ok(CredentialReport::new(CredentialVerdict::Accepted, CredentialFacts::new()))
    }

    fn preview(
        &self,
        _: &ToolName,
        _: &CheckedArguments,
        _: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        Ok(RequestPreview::new("GET", "https://api.acme.test/page".to_owned()))
    }
}

/// Registers, approves, binds and grants in empty stores, with a shared credential; then that node ends in order.
pub(crate) async fn furnish(stores: Arc<dyn Stores>, vendor: &Arc<Vendor>) {
    let spec = ServerSpec::new(
        ProviderId::new("acme").unwrap(),
        "Acme",
        ToolPrefix::new("acme").unwrap(),
        AuthMethodId::new("api_key").unwrap(),
    )
    .with_base_url("https://api.acme.test".parse().unwrap());
    let key = Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new("s3cret"));
    let harness = Harness::builder(acme(vendor), spec).with_stores(stores).with_credential(key).open().await;
    harness.unwrap().close().await;
}

/// A node: a governor with its driver, which dies with it.
pub(crate) struct Running {
    pub(crate) governor: Governor,
    driver: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Starts a node; `configure` may change its governor.
pub(crate) async fn start_with(
    stores: Arc<dyn Stores>,
    vendor: &Arc<Vendor>,
    configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
) -> Result<Running, GovernError> {
    let (governor, driver) = configure(builder(stores, vendor)).open().await?;
    Ok(Running { governor, driver: tokio::spawn(driver.run()) })
}

/// Starts a node whose follower is run elsewhere.
pub(crate) async fn start_apart(
    stores: Arc<dyn Stores>,
    vendor: &Arc<Vendor>,
    configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
) -> (Running, Follower) {
    let (governor, mut driver) = configure(builder(stores, vendor)).open().await.unwrap();
    let follower = driver.take_follower().unwrap();
    (Running { governor, driver: tokio::spawn(driver.run()) }, follower)
}

fn builder(stores: Arc<dyn Stores>, vendor: &Arc<Vendor>) -> GovernorBuilder {
    Governor::builder(TenantId::new(TENANT).unwrap())
        .with_shared_stores(stores)
        .with_provider(acme(vendor))
        .with_call_limits(CallLimits::unbounded())
        .with_audit_key(AuditKey::from_bytes([7; 32]))
}

pub(crate) async fn start(stores: Arc<dyn Stores>, vendor: &Arc<Vendor>) -> Running {
    start_with(stores, vendor, |builder| builder.with_max_staleness(STEADY)).await.unwrap()
}

pub(crate) fn admin() -> Actor {
    Actor::new(UserId::new("harness", "admin").unwrap(), [Role::Owner])
}

/// Another person is granted the profile.
pub(crate) fn grant(id: &str, until: Option<Timestamp>) -> Action {
    Action::GrantProfile {
        grant: GrantId::new(id).unwrap(),
        profile: ProfileId::new(Harness::PROFILE).unwrap(),
        grantee: Grantee::User(UserId::new("harness", id).unwrap()),
        until,
    }
}

impl Running {
    /// Calls the tool as the person who was granted it.
    pub(crate) async fn call(&self) -> Result<CallSuccess, CallError> {
        self.call_as("person").await
    }

    pub(crate) async fn call_as(&self, person: &str) -> Result<CallSuccess, CallError> {
        call(&self.governor, person).await
    }

    /// Begins a call in the background.
    pub(crate) fn begin(&self) -> JoinHandle<Result<CallSuccess, CallError>> {
        let governor = self.governor.clone();
        tokio::spawn(async move { call(&governor, "person").await })
    }

    pub(crate) async fn commit(&self, action: Action) -> Result<Committed, GovernError> {
        self.governor.commit(&admin(), Command::new(CommandId::random().unwrap(), action)).await
    }

    /// That both streams are as they were written, and every call of this and dead nodes has an end, but for so many.
    pub(crate) async fn assert_intact(&self, unknown: usize) {
        let found = self.governor.verify_audit(&admin(), &[]).await.unwrap();
        for (writer, found) in &found {
            assert!(found.is_intact(), "{writer}: {:?}", found.broken);
        }
        let unfinished: usize = found.iter().map(|(_, found)| found.unfinished.len()).sum();
        assert_eq!(unfinished, unknown, "{found:?}");
        let journal = self.governor.verify_journal(&admin(), Some(self.governor.journal_head())).await.unwrap();
        assert!(journal.is_intact(), "{journal:?}");
    }
}

/// Calls the tool as the person who was granted it, wherever the node runs.
pub(crate) async fn call_as_person(governor: &Governor) -> Result<CallSuccess, CallError> {
    call(governor, "person").await
}

async fn call(governor: &Governor, person: &str) -> Result<CallSuccess, CallError> {
    let user = UserId::new("harness", person).unwrap();
    let principal = Principal::new(user, ClientId::new("harness", "client").unwrap());
    governor.call(&principal, CallRequest::new("acme_get_page")).await
}

/// The code of a call that must have been denied.
pub(crate) fn denied(result: &Result<CallSuccess, CallError>) -> &'static str {
    let error = result.as_ref().expect_err("the call went through");
    error.code().unwrap_or_else(|| panic!("not denied: {error}")).as_str()
}
