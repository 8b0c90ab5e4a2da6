//! A governed call beside a bare one of the same HTTP client to the same stub: with a timeout, and its JSON read but not built into a
//! tree, so that both sides end with the same in hand.

use std::{
    hint::black_box,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_govern_benches::clock::{median, thread_nanos};
use mcp_govern_core::{
    Actor, AuthMethodId, ClientId, ClientType, CommandId, Credential, Digest, Follows, Governor, GrantId, Grantee,
    Label, NewToolState, Principal, ProfileId, ProfileSpec, ProviderId, Role, Secret, ServerId, ServerSpec, Settings,
    TenantId, ToolPrefix, ToolsetBinding, ToolsetContent, ToolsetId, UserId,
    audit::AuditKey,
    governor::{CallLimits, CallRequest, Probe},
    journal::{Action, Command},
};
use mcp_govern_openapi::OpenApiProvider;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    figure::Figure,
    stores::NewestRecords,
    stub::{body, stub},
};

/// How many calls are made in a block; the blocks of the two sides alternate.
const CALLS: u32 = 1_500;
/// How many blocks of each side; the median of the ratios counts.
const ROUNDS: u32 = 9;

/// How long the bare call waits at most, as the governed one does.
const TIMEOUT: Duration = Duration::from_secs(30);

const DOCUMENT: &str = r#"
openapi: 3.1.0
info: {title: Stub, version: "1"}
servers: [{url: "https://stub.example.com"}]
security: [{api_key: []}]
components:
  securitySchemes:
    api_key: {type: http, scheme: bearer}
paths:
  /incidents/{id}:
    get:
      operationId: get_incident
      summary: Read an incident
      description: Reads one incident with its updates. Changes nothing.
      tags: [incidents]
      parameters:
        - {name: id, in: path, required: true, description: Which one., schema: {type: string, maxLength: 40}}
        - {name: updates, in: query, description: How many updates., schema: {type: integer, minimum: 1, maximum: 100}}
      responses: {"200": {description: The incident.}}
      x-govern: {effect: read}
"#;

pub(crate) fn figures() -> Vec<Figure> {
    let address = stub();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // In a task, as in a server: whoever is polled as the runtime's own future has it look for I/O at each wake-up.
    let calls = async move {
        let (governor, person) = governor(address).await;
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client");
        let url = format!("http://{address}/incidents/i1?updates=5");
        block(|| governed_call(&governor, &person)).await;
        block(|| bare_call(&client, &url)).await;
        let recorded = Recorded::new();
        let (mut governed, mut bare, mut least) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(block(|| bare_call(&client, &url)).await);
            governed.push(block(|| governed_call(&governor, &person)).await);
            least.push(block(|| recorded.call(&client, &url)).await);
        }
        (governed, bare, least)
    };
    let (governed, bare, least) =
        runtime.block_on(async { tokio::spawn(calls).await.expect("the calls come to their end") });
    let against_bare = |costs: &[f64]| {
        let ratio = median(costs.iter().zip(&bare).map(|(one, other)| one / other).collect());
        let detail = format!("{:.1} us against {:.1} us", median(costs.to_vec()) / 1e3, median(bare.clone()) / 1e3);
        (ratio, detail)
    };
    let ((ratio, detail), (least, hashed)) = (against_bare(&governed), against_bare(&least));
    vec![
        Figure::new("governed_call_vs_bare", ratio, 1.6, "times its client CPU", detail),
        Figure::told(
            "recorded_call_vs_bare",
            least,
            "times that of a bare call whose records alone are hashed and kept",
            hashed,
        ),
    ]
}

/// A bare call with nothing of governance but what every record asks, whatever code writes it: the arguments' keyed digest, the
/// result's digest, the hashes of both records, and both records kept.
struct Recorded {
    key: AuditKey,
    arguments: Map<String, Value>,
    kept: Mutex<Vec<Arc<[u8]>>>,
}

impl Recorded {
    /// As long as the records of this call are, in bytes.
    const INTENT: usize = 1_040;
    const OUTCOME: usize = 700;

    fn new() -> Self {
        let arguments = [("id", Value::from("i1")), ("updates", Value::from(5))];
        let arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { key: AuditKey::from_bytes([7; 32]), arguments, kept: Mutex::default() }
    }

    async fn call(&self, client: &reqwest::Client, url: &str) {
        black_box(self.key.arguments(&self.arguments));
        self.keep(Self::INTENT);
        bare_call(client, url).await;
        black_box(Digest::of_bytes(body().as_bytes()));
        self.keep(Self::OUTCOME);
    }

    fn keep(&self, length: usize) {
        let record: Arc<[u8]> = vec![b'x'; length].into();
        black_box(Digest::of_bytes(&record));
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}

/// Nanoseconds of this thread for each call of a block: the client, the governor and its driver all run here, the stub does not.
async fn block<F: Future<Output = ()>>(call: impl Fn() -> F) -> f64 {
    let start = thread_nanos();
    for _ in 0..CALLS {
        call().await;
    }
    let used = u32::try_from((thread_nanos() - start) / u64::from(CALLS)).unwrap_or(u32::MAX);
    f64::from(used)
}

async fn bare_call(client: &reqwest::Client, url: &str) {
    let request = client.get(url).bearer_auth("key").header("accept", "application/json").timeout(TIMEOUT);
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success());
    let bytes = answer.bytes().await.expect("a body");
    let content: Box<RawValue> = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(content.get().len(), body().len());
}

async fn governed_call(governor: &Governor, person: &Principal) {
    let request = CallRequest::new("stub_get_incident").with_argument("id", "i1").with_argument("updates", 5);
    let success = governor.call(person, request).await.expect("a permitted call");
    assert_eq!(success.output.content.get().len(), body().len());
}

/// A governor over one tool of the stub, and a person who may call it.
pub(crate) async fn governor(address: SocketAddr) -> (Governor, Principal) {
    let provider = OpenApiProvider::from_document(DOCUMENT).expect("a document");
    let tenant = TenantId::new("bench").expect("an id");
    let (governor, driver) = Governor::builder(tenant)
        .with_stores(NewestRecords::default())
        .with_provider(provider)
        .with_call_limits(CallLimits::unbounded())
        .open()
        .await
        .expect("a governor");
    tokio::spawn(driver.run());
    let admin = Actor::new(UserId::new("bench", "admin").expect("an id"), [Role::Owner]);
    let user = UserId::new("bench", "ann").expect("an id");
    let (server, profile) = (ServerId::new("stub").expect("an id"), ProfileId::new("all").expect("an id"));
    let toolset = ToolsetId::new("all").expect("an id");
    let method = AuthMethodId::new("api_key").expect("an id");
    let prefix = ToolPrefix::new("stub").expect("a prefix");
    let spec = ServerSpec::new(ProviderId::new("stub").expect("an id"), "Stub", prefix, method.clone())
        .with_new_tools(NewToolState::Approved)
        .with_base_url(format!("http://{address}").parse().expect("a URL"));
    let commit = async |action| {
        let id = CommandId::random().expect("random bytes");
        governor.commit(&admin, Command::new(id, action)).await.expect("a commit");
    };
    commit(Action::ChangeSettings { settings: Settings::default().with_unmatched_client(ClientType::Personal) }).await;
    commit(Action::ActivateGovernance).await;
    commit(Action::RegisterServer { server: server.clone(), spec }).await;
    governor.sync(&admin, &server).await.expect("a sync");
    let content = ToolsetContent::Maintained(Follows::new(server.clone()));
    commit(Action::CreateToolset { toolset: toolset.clone(), label: Label::new("All"), content }).await;
    commit(Action::CreateProfile { profile: profile.clone(), spec: ProfileSpec::new(Label::new("All")) }).await;
    commit(Action::BindToolset { profile: profile.clone(), binding: ToolsetBinding { toolset, rules: vec![] } }).await;
    let (grant, grantee) = (GrantId::new("ann").expect("an id"), Grantee::User(user.clone()));
    commit(Action::GrantProfile { grant, profile, grantee, until: None }).await;
    let key = Credential::new(method).with_field("token", Secret::new("key"));
    governor.set_shared_credential(&admin, &server, key, Probe::Skip).await.expect("a credential");
    (governor, Principal::new(user, ClientId::new("bench", "agent").expect("an id")))
}
