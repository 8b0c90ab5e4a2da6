//! The MCP face of a node, on loopback, and the AI clients of the people who call through it.

use std::{collections::BTreeMap, fmt, time::Duration};

use mcp_govern_core::{DenialCode, Governor, ProviderErrorKind, Secret};
use mcp_govern_server::{Identity, McpServer, StaticTokens};
use rmcp::{
    RoleClient,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ErrorCode, Implementation,
        ProtocolVersion, Tool,
    },
    service::{ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Map, Value};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Told,
    cast::{Cast, Person},
};

/// The prefix of every key of the server's own in `_meta`.
const META: &str = "io.github.mcp-govern/";

/// A node's MCP server, and one connected client for each person who calls.
pub(crate) struct Front {
    url: String,
    clients: BTreeMap<&'static str, RunningService<RoleClient, ClientConfig>>,
    serving: JoinHandle<()>,
}

/// How a call ended, as the client sees it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// With a result.
    Result { call: String, content: Value },
    /// Denied. A tool that the caller may not know of is answered as one that does not exist: by an error of the protocol, without
    /// the number of the call.
    Denied { call: Option<String>, code: String, message: String, remedy: Value },
    /// The vendor, or the way to it, failed.
    Failed { call: Option<String>, kind: String, message: String, facts: Value },
}

impl Front {
    /// Serves a node on a free port, and connects all callers: each with a token and a client of their own.
    pub(crate) async fn open(governor: &Governor, cast: &Cast) -> Told<Self> {
        let callers = [&cast.ann, &cast.ben];
        let mut tokens = StaticTokens::new();
        for person in callers {
            let identity = Identity::new(person.caller.user.clone(), person.caller.client.clone());
            tokens = tokens.with_token(&Secret::new(token(person)), identity)?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/mcp", listener.local_addr()?);
        // A client may keep a list for as long as it is told. The story goes on faster than a list becomes old.
        let server = McpServer::builder(governor.clone(), tokens, url.parse()?)
            .with_title("The quickstart")
            .with_list_ttl(Duration::ZERO)
            .build()?;
        let app = server.router();
        let serving = tokio::spawn(async move { server.serve(listener, app, std::future::pending()).await });
        let mut front = Self { url, clients: BTreeMap::new(), serving };
        // Two generations of clients, on one endpoint.
        let newest =
            ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::LATEST], legacy_version: None };
        for (person, mode) in callers.into_iter().zip([newest, ClientLifecycleMode::Initialize]) {
            let client = front.connect(person, mode).await?;
            front.clients.insert(person.name, client);
        }
        Ok(front)
    }

    async fn connect(
        &self,
        person: &Person,
        mode: ClientLifecycleMode,
    ) -> Told<RunningService<RoleClient, ClientConfig>> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.url.clone()).auth_header(token(person));
        let transport =
            StreamableHttpClientTransport::with_client(reqwest::Client::builder().no_proxy().build()?, config);
        let who = ClientConfig::new(ClientCapabilities::default(), Implementation::new("quickstart", "1"));
        Ok(who.serve_with_lifecycle(transport, mode).await?)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The tools that a person's client is shown.
    pub(crate) async fn tools(&self, person: &Person) -> Told<Vec<Tool>> {
        Ok(self.client(person)?.list_all_tools().await?)
    }

    /// Calls a tool as a person's client does.
    pub(crate) async fn call(&self, person: &Person, tool: &str, arguments: Map<String, Value>) -> Told<Answer> {
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        match self.client(person)?.call_tool(request).await {
            Ok(result) => Answer::of(&result),
            Err(ServiceError::McpError(error)) if error.code == ErrorCode::INVALID_PARAMS => Ok(Answer::Denied {
                call: None,
                code: DenialCode::UnknownTool.as_str().to_owned(),
                message: error.message.into_owned(),
                remedy: Value::Null,
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn client(&self, person: &Person) -> Told<&RunningService<RoleClient, ClientConfig>> {
        self.clients.get(person.name).ok_or_else(|| format!("{} has no client", person.name).into())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Answer {
    fn of(result: &CallToolResult) -> Told<Self> {
        let meta = |key: &str| {
            let facts = result.meta.as_ref().and_then(|meta| meta.get(&format!("{META}{key}")));
            facts.cloned().unwrap_or_default()
        };
        let text = |facts: &Value, key: &str| facts.get(key).and_then(Value::as_str).map(str::to_owned);
        let shown = result.content.first().and_then(|block| block.as_text()).map(|block| block.text.clone());
        if result.is_error != Some(true) {
            let call = meta("call").as_str().map(str::to_owned).ok_or("the result names no call")?;
            return Ok(Self::Result { call, content: result.structured_content.clone().unwrap_or_default() });
        }
        let message = shown.ok_or("the refusal says nothing")?;
        let (denial, failure) = (meta("denial"), meta("failure"));
        if let Some(code) = text(&denial, "code") {
            let remedy = denial.get("remedy").cloned().unwrap_or_default();
            return Ok(Self::Denied { call: text(&denial, "call"), code, message, remedy });
        }
        let kind = text(&failure, "kind").ok_or("the failure has no kind")?;
        Ok(Self::Failed { call: text(&failure, "call"), kind, message, facts: failure })
    }

    /// Whether it ended like this.
    pub(crate) fn is(&self, ending: Ending) -> bool {
        match (self, ending) {
            (Self::Result { .. }, Ending::Answered) => true,
            (Self::Denied { code, .. }, Ending::Denied(due)) => code == due.as_str(),
            (Self::Failed { kind, .. }, Ending::Failed(due)) => kind == due.as_str(),
            _ => false,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result { .. } => f.write_str("answered"),
            Self::Denied { code, .. } => write!(f, "denied as `{code}`"),
            Self::Failed { kind, .. } => write!(f, "failed as `{kind}`"),
        }
    }
}

/// How a call is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Answered,
    Denied(DenialCode),
    Failed(ProviderErrorKind),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("answered"),
            Self::Denied(code) => write!(f, "denied as `{code}`"),
            Self::Failed(kind) => write!(f, "failed as `{kind}`"),
        }
    }
}

/// A person's token. In a story on loopback anybody may know it.
fn token(person: &Person) -> String {
    format!("the-token-of-{}-in-this-story", person.name.to_lowercase())
}
