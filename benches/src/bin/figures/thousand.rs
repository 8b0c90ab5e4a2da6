//! A thousand tools: opening a governor, a page of a list, and syncs that find nothing new.

use std::{
    fmt,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mcp_govern_benches::clock::{median, nanos_each, process_nanos};
use mcp_govern_core::{
    Actor, AuthMethod, AuthMethodId, AuthorizedCall, CallContext, Catalogue, CatalogueVersion, CheckedArguments,
    ClientId, ClientType, CommandId, CredentialFacts, CredentialReport, DiscoverContext, Follows, Governor, GrantId,
    Grantee, Label, NewToolState, Principal, ProbeContext, ProfileId, ProfileSpec, Provider, ProviderError,
    ProviderErrorKind, ProviderInfo, RequestPreview, Role, ServerConfig, ServerId, ServerSpec, Settings, TenantId,
    ToolDefinition, ToolName, ToolOutput, ToolPrefix, ToolServer, ToolsetBinding, ToolsetContent, ToolsetId, UserId,
    governor::{Driver, GovernorBuilder},
    journal::{Action, CHECKPOINT_FORM, Command, Revision},
    ports::Stores as _,
};
use tokio::runtime::Runtime;

use crate::{figure::Figure, stores::WithCheckpoint};

/// How many tools each of the servers has, and how many servers there are.
const TOOLS: usize = 450;
const SERVERS: usize = 3;
/// How many tools a page of a list has.
const PAGE: usize = 100;
/// How many lists one measurement makes: the first of them after a pause pays for caches that are cold.
const LISTINGS: u32 = 20;
/// How often each measurement is made; the median counts.
const ROUNDS: u32 = 9;

pub(crate) fn figures() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let of_statuspage = Tenant::new(&runtime, 1, definitions().len());
    let of_pagerduty = Tenant::over(&runtime, 1, Things::of(pagerduty()));
    let large = Tenant::new(&runtime, SERVERS, TOOLS);
    let each = |tenant: &Tenant| median((0..ROUNDS).map(|_| tenant.open_nanos_each(&runtime)).collect());
    let (small_each, large_each) = (each(&of_statuspage), each(&large));
    let (page, list) = large.listing(&runtime);
    let each_listed = |tenant: &Tenant| tenant.listing(&runtime).1 / as_f64(tenant.tools as u64);
    let (pagerduty, statuspage) = (each_listed(&of_pagerduty), each_listed(&of_statuspage));
    let unchanged = large.sync(&runtime);
    large.things.version.fetch_add(1, Ordering::Relaxed);
    let raised = large.sync(&runtime);
    assert_eq!(raised.commits, SERVERS as u64, "another version is one commit of each server");
    vec![
        Figure::new("open_1350_vs_statuspage", large_each / small_each, 1.5, "times, per tool", {
            let (large, small) = (large_each / 1e3, small_each / 1e3);
            format!("{large:.1} us against {small:.1} us for each tool, from a checkpoint")
        }),
        // A hundred tools are 0.074 of the list; finding out who asks and what holds for the caller comes to it, for each request.
        Figure::new("page_of_1350_vs_list", page / list, 1.0 / 10.0, "of the whole list", {
            format!("{:.0} us for a page of {PAGE} against {:.0} us", page / 1e3, list / 1e3)
        }),
        Figure::new("list_pagerduty_vs_statuspage", pagerduty / statuspage, 3.0, "times, per tool", {
            format!("{pagerduty:.0} ns against {statuspage:.0} ns for each tool of a whole list")
        }),
        Figure::new(
            "sync_unchanged_commits",
            as_f64(unchanged.commits),
            0.0,
            "commits",
            format!("over {SERVERS} servers"),
        ),
        Figure::new(
            "sync_raised_bytes",
            as_f64(raised.bytes) / as_f64(raised.commits),
            1_024.0,
            "bytes for each server",
            {
                format!(
                    "another version and the same {TOOLS} definitions: {} of them are in the commits",
                    raised.definitions
                )
            },
        ),
        Figure::new("sync_raised_definitions", as_f64(raised.definitions), 0.0, "definitions", {
            format!("written by a sync that finds {} tools unchanged", SERVERS * TOOLS)
        }),
    ]
}

/// What syncs have written.
struct Written {
    commits: u64,
    bytes: u64,
    definitions: u64,
}

/// A tenant with servers of one provider, all of whose tools are approved and granted to one person, and a checkpoint of it.
struct Tenant {
    things: Things,
    stores: WithCheckpoint,
    servers: usize,
    tools: usize,
}

impl Tenant {
    fn new(runtime: &Runtime, servers: usize, tools: usize) -> Self {
        Self::over(runtime, servers, Things::new(tools))
    }

    fn over(runtime: &Runtime, servers: usize, things: Things) -> Self {
        let (tools, stores) = (servers * things.definitions.len(), WithCheckpoint::default());
        let tenant = Self { things, stores, servers, tools };
        runtime.block_on(async {
            let governor = tenant.builder(u64::MAX).open_for_commands().await.expect("a governor");
            tenant.furnish(&governor).await;
            // A node that opens without a checkpoint writes one after the next commit that its driver hears of.
            let (governor, driver) = tenant.builder(1).open().await.expect("a governor");
            let driver = tokio::spawn(driver.run());
            let stores = tenant.stores.open(&tenant_id()).await.expect("stores");
            let checkpoints = stores.checkpoints.expect("checkpoints are kept");
            let is_there =
                async || checkpoints.newest(CHECKPOINT_FORM).await.expect("a store").map(|head| head.revision);
            for number in 0.. {
                let profile = ProfileId::new(format!("last-{number}")).expect("an id");
                commit(&governor, Action::CreateProfile { profile, spec: ProfileSpec::new(Label::new("Last")) }).await;
                let asked = Instant::now();
                while is_there().await != Some(governor.revision()) && asked.elapsed() < Duration::from_secs(2) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                if is_there().await == Some(governor.revision()) {
                    break;
                }
            }
            driver.abort();
        });
        tenant
    }

    async fn open(&self) -> (Governor, Driver) {
        self.builder(u64::MAX).open().await.expect("a governor")
    }

    fn builder(&self, checkpoint_every: u64) -> GovernorBuilder {
        let builder = Governor::builder(tenant_id()).with_stores(self.stores.clone());
        builder.with_checkpoint_every(checkpoint_every).with_provider(self.things.clone())
    }

    /// The process's CPU time for opening a governor, for each of the tools.
    fn open_nanos_each(&self, runtime: &Runtime) -> f64 {
        let start = process_nanos();
        let opened = runtime.block_on(self.open());
        let used = process_nanos() - start;
        drop(black_box(opened));
        as_f64(used) / as_f64(self.tools as u64)
    }

    async fn furnish(&self, governor: &Governor) {
        let commit = async |action| commit(governor, action).await;
        commit(Action::ActivateGovernance).await;
        let settings = Settings::default().with_unmatched_client(ClientType::Personal);
        commit(Action::ChangeSettings { settings }).await;
        let profile = ProfileId::new("everything").expect("an id");
        let spec = ProfileSpec::new(Label::new("Everything"));
        commit(Action::CreateProfile { profile: profile.clone(), spec }).await;
        for number in 0..self.servers {
            let server = server_id(number);
            let prefix = ToolPrefix::new(format!("s{number}")).expect("a prefix");
            let spec = ServerSpec::new("things".parse().expect("an id"), "Things", prefix, method());
            let spec = spec.with_new_tools(NewToolState::Approved);
            commit(Action::RegisterServer { server: server.clone(), spec }).await;
            governor.sync(&admin(), &server).await.expect("a sync");
            let toolset = ToolsetId::new(format!("t{number}")).expect("an id");
            let content = ToolsetContent::Maintained(Follows::new(server));
            commit(Action::CreateToolset { toolset: toolset.clone(), label: Label::new("All"), content }).await;
            let binding = ToolsetBinding { toolset, rules: Vec::new() };
            commit(Action::BindToolset { profile: profile.clone(), binding }).await;
        }
        let (grant, grantee) = (GrantId::new("all").expect("an id"), Grantee::User(person().user));
        commit(Action::GrantProfile { grant, profile, grantee, until: None }).await;
    }

    /// Nanoseconds of a page and of the whole list.
    fn listing(&self, runtime: &Runtime) -> (f64, f64) {
        runtime.block_on(async {
            let (governor, driver) = self.open().await;
            let driver = tokio::spawn(driver.run());
            while governor.listing(&person()).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let (mut pages, mut lists) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                // The rules stay fresh only while the driver runs.
                tokio::time::sleep(Duration::from_millis(5)).await;
                let listing = || governor.listing(&person()).expect("the driver runs");
                pages.push(nanos_each(LISTINGS, |_| {
                    assert_eq!(black_box(listing().iter().take(PAGE).count()), PAGE.min(self.tools))
                }));
                lists.push(nanos_each(LISTINGS, |_| assert_eq!(black_box(listing().iter().count()), self.tools)));
            }
            driver.abort();
            (median(pages), median(lists))
        })
    }

    /// Syncs every server, and looks at what that has written.
    fn sync(&self, runtime: &Runtime) -> Written {
        runtime.block_on(async {
            let (governor, _driver) = self.open().await;
            let before = governor.revision();
            for number in 0..self.servers {
                governor.sync(&admin(), &server_id(number)).await.expect("a sync");
            }
            self.written_after(before).await
        })
    }

    async fn written_after(&self, revision: Revision) -> Written {
        let journal = self.stores.open(&tenant_id()).await.expect("stores").journal;
        let commits = journal.read(revision, 1_000).await.expect("commits");
        let bytes = commits.iter().map(|commit| commit.bytes().len() as u64).sum();
        let key = b"\"input_schema\"";
        let definitions =
            commits.iter().map(|commit| commit.bytes().windows(key.len()).filter(|part| part == key).count() as u64);
        Written { commits: commits.len() as u64, bytes, definitions: definitions.sum() }
    }
}

async fn commit(governor: &Governor, action: Action) {
    let command = Command::new(CommandId::random().expect("random bytes"), action);
    governor.commit(&admin(), command).await.expect("a commit");
}

/// A provider of as many tools as wanted: the operations of Statuspage, under further names from the second time on.
#[derive(Clone)]
struct Things {
    info: Arc<ProviderInfo>,
    definitions: Arc<Vec<Arc<ToolDefinition>>>,
    version: Arc<AtomicU64>,
}

impl Things {
    fn new(tools: usize) -> Self {
        let all = definitions();
        let named = |at: usize| {
            let mut definition = ToolDefinition::clone(&all[at % all.len()]);
            if at >= all.len() {
                let name = format!("{}_{}", definition.name, at / all.len());
                definition.name = ToolName::new(name).expect("a name");
            }
            Arc::new(definition)
        };
        Self::of((0..tools).map(named).collect())
    }

    fn of(definitions: Vec<Arc<ToolDefinition>>) -> Self {
        let mut info = ProviderInfo::new("things".parse().expect("an id"), "Things");
        info.auth_methods.push(AuthMethod::new(method(), "A key"));
        Self { info: Arc::new(info), definitions: Arc::new(definitions), version: Arc::new(AtomicU64::new(1)) }
    }
}

impl fmt::Debug for Things {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Things").finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for Things {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, _server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl ToolServer for Things {
    async fn discover(&self, _cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        let version = CatalogueVersion(self.version.load(Ordering::Relaxed));
        Ok(Arc::new(Catalogue::new(version, Vec::clone(&self.definitions)).expect("distinct names")))
    }

    async fn invoke(&self, _call: &AuthorizedCall, _cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        Err(nothing())
    }

    async fn probe(&self, _cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        Err(nothing())
    }

    fn preview(
        &self,
        _tool: &ToolName,
        _arguments: &CheckedArguments,
        _facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        Err(nothing())
    }
}

fn nothing() -> ProviderError {
    ProviderError::new(ProviderErrorKind::UnknownTool, "nothing is called here")
}

/// The operations of PagerDuty.
fn pagerduty() -> Vec<Arc<ToolDefinition>> {
    let provider = mcp_provider_pagerduty::provider().expect("a provider");
    provider.catalogue().tools.iter().filter(|tool| tool.uses().is_empty()).cloned().collect()
}

/// The operations of Statuspage.
fn definitions() -> Vec<Arc<ToolDefinition>> {
    let provider = mcp_provider_statuspage::provider().expect("a provider");
    provider.catalogue().tools.iter().filter(|tool| tool.uses().is_empty()).cloned().collect()
}

fn tenant_id() -> TenantId {
    TenantId::new("bench").expect("an id")
}

fn server_id(number: usize) -> ServerId {
    ServerId::new(format!("server-{number}")).expect("an id")
}

fn method() -> AuthMethodId {
    AuthMethodId::new("key").expect("an id")
}

fn admin() -> Actor {
    Actor::new(UserId::new("bench", "admin").expect("an id"), [Role::Owner])
}

fn person() -> Principal {
    let user = UserId::new("bench", "person").expect("an id");
    Principal::new(user, ClientId::new("bench", "client").expect("an id"))
}

#[expect(clippy::cast_precision_loss, reason = "counts and a few hours in nanoseconds are exact")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
