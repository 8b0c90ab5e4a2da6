//! A tenant that is ready for calls: a server with approved tools, a toolset, a profile, and Ann who holds it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mcp_govern_core::{
    Actor, AuthMethodId, ClientId, ClientType, CommandId, Credential, CredentialSharing, GrantId, Grantee, Label,
    ManualClock, Principal, ProfileId, ProfileSpec, ProviderId, Role, Secret, ServerId, ServerSpec, Settings, TenantId,
    Timestamp, ToolId, ToolPrefix, ToolsetBinding, ToolsetContent, ToolsetEntry, ToolsetId, UserId,
    audit::{AuditRecord, CallResult},
    governor::{
        CallError, CallLimits, CallRequest, CallSuccess, Committed, GovernError, Governor, GovernorBuilder, Probe,
    },
    journal::{Action, Command, ToolState},
    ports::{AuditFilter, StoredRecord},
};
use serde_json::Value;

use super::{
    faults::{Faults, FaultyStores},
    vendor::{Acme, Vendor, release_one},
};

pub(crate) const KEY: &str = "canary-key-51c7";

pub(crate) fn tenant() -> TenantId {
    TenantId::new("main").unwrap()
}

pub(crate) fn server() -> ServerId {
    ServerId::new("acme").unwrap()
}

pub(crate) fn tool(name: &str) -> ToolId {
    format!("acme/{name}").parse().unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new("local", name).unwrap()
}

pub(crate) fn owner() -> Actor {
    Actor::new(user("olga"), [Role::Owner])
}

pub(crate) fn client() -> ClientId {
    ClientId::new("local", "desktop").unwrap()
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::new(user(name), client())
}

pub(crate) fn command(id: &str, action: Action) -> Command {
    Command::new(CommandId::new(id).unwrap(), action)
}

/// The key of everybody's nodes.
pub(crate) fn audit_key() -> mcp_govern_core::audit::AuditKey {
    mcp_govern_core::audit::AuditKey::from_bytes([9; 32])
}

pub(crate) fn key(secret: &str) -> Credential {
    Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new(secret))
}

pub(crate) fn spec() -> ServerSpec {
    ServerSpec::new(
        ProviderId::new("acme").unwrap(),
        "Acme",
        ToolPrefix::new("acme").unwrap(),
        AuthMethodId::new("api_key").unwrap(),
    )
    .with_base_url("https://api.acme.test".parse().unwrap())
}

pub(crate) fn grant(id: &str, to: &str, until: Option<Timestamp>) -> Action {
    Action::GrantProfile {
        grant: GrantId::new(format!("grant-{id}")).unwrap(),
        profile: ProfileId::new("staff").unwrap(),
        grantee: Grantee::User(user(to)),
        until,
    }
}

pub(crate) const START: i64 = 1_795_000_000_000;

/// A tenant with one node.
pub(crate) struct World {
    pub(crate) stores: FaultyStores,
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) governor: Governor,
    pub(crate) driver: tokio::task::JoinHandle<()>,
    next: std::sync::atomic::AtomicUsize,
}

impl World {
    /// Everything in place, Ann may call every tool of release one.
    pub(crate) async fn open() -> Self {
        let world = Self::bare(FaultyStores::default(), |builder| builder).await;
        world.furnish(spec()).await;
        world
    }

    /// As [`World::open`], with each person's own credential and a chosen builder.
    pub(crate) async fn open_with(
        spec: ServerSpec,
        configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
    ) -> Self {
        let world = Self::bare(FaultyStores::default(), configure).await;
        world.furnish(spec).await;
        world
    }

    /// A node over these stores, with a vendor of its own at release one.
    pub(crate) async fn bare(stores: FaultyStores, configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder) -> Self {
        Self::node(stores, Vendor::new(release_one()), configure).await
    }

    pub(crate) async fn node(
        stores: FaultyStores,
        vendor: Arc<Vendor>,
        configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(START)));
        let builder = Governor::builder(tenant())
            .with_stores(stores.clone())
            .with_provider(Acme::new(vendor.clone()))
            .with_clock(clock.clone())
            .with_call_limits(CallLimits::unbounded())
            .with_audit_key(audit_key());
        let (governor, driver) = configure(builder).open().await.unwrap();
        let driver = tokio::spawn(driver.run());
        Self { stores, vendor, clock, governor, driver, next: std::sync::atomic::AtomicUsize::new(0) }
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.stores.faults
    }

    async fn furnish(&self, spec: ServerSpec) {
        let per_user = spec.sharing == CredentialSharing::PerUser;
        let settings = Settings::default().with_unmatched_client(ClientType::Personal);
        self.commit(Action::ChangeSettings { settings }).await;
        self.commit(Action::RegisterServer { server: server(), spec }).await;
        self.governor.sync(&owner(), &server()).await.unwrap();
        if !per_user {
            self.governor.set_shared_credential(&owner(), &server(), key(KEY), Probe::Skip).await.unwrap();
        }
        self.approve_all().await;
        let staff = ProfileId::new("staff").unwrap();
        let toolset = ToolsetId::new("all").unwrap();
        let chosen = self.governor.state().tools().keys().map(|id| (id.clone(), ToolsetEntry::default())).collect();
        self.commit(Action::CreateToolset {
            toolset: toolset.clone(),
            label: Label::new("All"),
            content: ToolsetContent::Chosen(chosen),
        })
        .await;
        self.commit(Action::CreateProfile { profile: staff.clone(), spec: ProfileSpec::new(Label::new("Staff")) })
            .await;
        let binding = ToolsetBinding { toolset, rules: Vec::new() };
        self.commit(Action::BindToolset { profile: staff, binding }).await;
        self.commit(grant("ann", "ann", None)).await;
        self.commit(Action::ActivateGovernance).await;
    }

    pub(crate) async fn approve_all(&self) {
        let tools: BTreeMap<_, _> =
            self.governor.state().tools().iter().map(|(id, tool)| (id.clone(), tool.digest())).collect();
        self.commit(Action::ApproveTools { tools }).await;
    }

    /// Approves what waits for review.
    pub(crate) async fn approve_pending(&self) {
        let state = self.governor.state();
        let pending = state.tools().iter().filter(|(_, tool)| tool.state() == ToolState::PendingReview);
        let tools: BTreeMap<_, _> = pending.map(|(id, tool)| (id.clone(), tool.digest())).collect();
        drop(state);
        self.commit(Action::ApproveTools { tools }).await;
    }

    pub(crate) async fn try_commit(&self, action: Action) -> Result<Committed, GovernError> {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.governor.commit(&owner(), command(&format!("w{number}-{}", action.name()), action)).await
    }

    pub(crate) async fn commit(&self, action: Action) -> Committed {
        self.try_commit(action).await.unwrap()
    }

    pub(crate) async fn call(&self, who: &str, name: &str) -> Result<CallSuccess, CallError> {
        call(&self.governor, who, name).await
    }

    /// Starts a call in the background.
    pub(crate) fn start(&self, who: &str, name: &str) -> tokio::task::JoinHandle<Result<CallSuccess, CallError>> {
        let (governor, who, name) = (self.governor.clone(), who.to_owned(), name.to_owned());
        tokio::spawn(async move { call(&governor, &who, &name).await })
    }

    /// Every audit record of every writer, oldest first, once all that was said is written.
    pub(crate) async fn records(&self) -> Vec<AuditRecord> {
        self.raw_records().await.iter().map(|record| record.open().unwrap().entry).collect()
    }

    pub(crate) async fn raw_records(&self) -> Vec<StoredRecord> {
        // The outcome is enqueued, not waited for: a further call's intent is written behind it.
        let page = self.governor.audit(&owner(), AuditFilter::new(), None, usize::MAX).await.unwrap();
        page.records.into_iter().rev().map(|(_, record)| record).collect()
    }

    /// The results of the outcomes on record, oldest first; closes the governor, so that all is written.
    pub(crate) async fn closed_outcomes(&self) -> Vec<CallResult> {
        self.governor.close().await;
        let outcomes = self.records().await.into_iter().filter_map(|record| match record {
            AuditRecord::Outcome(outcome) => Some(outcome.result),
            _ => None,
        });
        outcomes.collect()
    }

    /// That every chain is intact, and no call is without an end.
    pub(crate) async fn assert_intact(&self) {
        for (writer, found) in self.governor.verify_audit(&owner(), &[]).await.unwrap() {
            assert!(found.is_intact(), "{writer}: {:?}", found.broken);
            assert!(found.unfinished.is_empty(), "{writer}: {:?}", found.unfinished);
        }
        assert!(self.governor.verify_journal(&owner(), Some(self.governor.journal_head())).await.unwrap().is_intact());
    }
}

pub(crate) async fn call(governor: &Governor, who: &str, name: &str) -> Result<CallSuccess, CallError> {
    let request = CallRequest::new(format!("acme_{name}")).with_argument("page_id", "p1");
    governor.call(&principal(who), request).await
}

/// The code of a call that must have been denied.
pub(crate) fn code(result: &Result<CallSuccess, CallError>) -> &'static str {
    let error = result.as_ref().expect_err("the call went through");
    error.code().unwrap_or_else(|| panic!("not denied: {error}")).as_str()
}

pub(crate) fn value(success: &CallSuccess) -> Value {
    success.output.to_value().unwrap()
}

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
