//! A gateway that runs, and the site that it is configured for.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode};
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt, RunningService},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Longer than anything takes here; what waits longer hangs.
const TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) const ANN: &str = "ann-token-0123456789";
pub(crate) const BEN: &str = "ben-token-0123456789";

/// A command that starts the gateway in an environment that holds nothing but these variables.
pub(crate) fn gateway(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).kill_on_drop(true).stdin(Stdio::null());
    // What it keeps without being told where is nothing of the source's.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs the gateway to its end.
pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    timeout(TIMEOUT, gateway(arguments, environment).output()).await.unwrap().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A gateway that runs and has said where.
pub(crate) struct Gateway {
    child: Child,
    /// What it said when it was ready.
    pub(crate) facts: Value,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Gateway {
    /// Starts it on a free port.
    pub(crate) async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_in(Path::new(env!("CARGO_TARGET_TMPDIR")), arguments, environment).await
    }

    /// Starts it in a folder.
    pub(crate) async fn start_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut all = vec!["--json", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut command = gateway(&all, environment);
        command.current_dir(folder);
        Self::of(command).await
    }

    /// Starts it by a command.
    pub(crate) async fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (kept, mut lines) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()).lines());
        let logging = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().unwrap().push(line);
            }
        });
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(first) = timeout(TIMEOUT, told.next_line()).await.unwrap().unwrap() else {
            logging.await.unwrap();
            panic!("it did not start: {:?}", log.lock().unwrap());
        };
        Self { child, facts: serde_json::from_str(&first).unwrap(), log }
    }

    pub(crate) fn url(&self) -> &str {
        self.facts["url"].as_str().unwrap()
    }

    /// The URL of another path.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.facts["address"].as_str().unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        client().get(self.at(path)).send().await.unwrap()
    }

    /// Sends a message as a client of a handshake version would.
    pub(crate) async fn post(&self, token: Option<&str>, method: &str, params: Value) -> Response {
        let request = client().post(self.url()).header("accept", "application/json, text/event-stream");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).send().await.unwrap()
    }

    /// The result of a call.
    pub(crate) async fn call(&self, token: &str, tool: &str, arguments: Value) -> Value {
        let answer = self.post(Some(token), "tools/call", json!({"name": tool, "arguments": arguments})).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// The names of the tools that are listed.
    pub(crate) async fn tools(&self, token: &str) -> Vec<String> {
        let answer = self.post(Some(token), "tools/list", json!({})).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = answer.json().await.unwrap();
        let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// A real client that has connected in one of the two ways.
    pub(crate) async fn client(
        &self,
        token: Option<&str>,
        mode: ClientLifecycleMode,
    ) -> RunningService<RoleClient, ClientConfig> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.url().to_owned());
        let config = match token {
            Some(token) => config.auth_header(token),
            None => config,
        };
        let transport = StreamableHttpClientTransport::with_client(client(), config);
        who().serve_with_lifecycle(transport, mode).await.unwrap()
    }

    /// Sends a signal: `TERM`, `HUP`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([format!("-{name}"), pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(TIMEOUT, self.child.wait()).await.unwrap().unwrap()
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "{:?}", self.log());
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until a line is logged whose message holds this text.
    pub(crate) async fn logged(&self, text: &str) -> Value {
        let holds = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(text));
        until(&format!("`{text}` in the log"), async || self.log().into_iter().find(holds)).await
    }
}

/// Asks again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, asking).await.unwrap_or_else(|_| panic!("{what} never came"))
}

pub(crate) fn who() -> ClientConfig {
    ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "1"))
}

/// The newest protocol, and the handshake.
pub(crate) fn eras() -> [ClientLifecycleMode; 2] {
    let newest = ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::LATEST], legacy_version: None };
    [newest, ClientLifecycleMode::Initialize]
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

pub(crate) fn call(tool: &'static str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool).with_arguments(arguments.as_object().unwrap().clone())
}

/// The structured result of a call that went well.
pub(crate) fn content(result: &CallToolResult) -> &Value {
    assert_ne!(result.is_error, Some(true), "{result:?}");
    result.structured_content.as_ref().unwrap()
}

/// The code of a denial.
pub(crate) fn code(answer: &Value) -> &str {
    answer["result"]["_meta"]["io.github.mcp-govern/denial"]["code"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// A folder with a configuration, and a stand-in of the vendor.
pub(crate) struct Site {
    pub(crate) vendor: StatuspageStandIn,
    folder: TempDir,
}

impl Site {
    /// Ann and Ben each have a token; Ann holds the profile `look`.
    pub(crate) async fn new() -> Self {
        let site = Self { vendor: StatuspageStandIn::start().await, folder: tempfile::tempdir().unwrap() };
        site.write("gateway.toml", &site.text());
        site.write("ann.token", ANN);
        site.write("ben.token", BEN);
        site.write("status.key", &format!("{}\n", site.vendor.good_key()));
        site
    }

    /// The configuration as it is at first.
    pub(crate) fn text(&self) -> String {
        format!(
            r#"governance = "activated"

[auth]
tokens = [
    {{ user = "ann", token = {{ file = "ann.token" }} }},
    {{ user = "ben", token = {{ file = "ben.token" }} }},
]

[limits]
rate_per_person = {{ per_second = 1000000, burst = 1000000 }}

[credentials.status]
api_key = {{ file = "status.key" }}

[settings]
unmatched_client = "personal"

[servers.status]
provider = "statuspage"
title = "Status"
prefix = "status"
auth_method = "api_key"
base_url = "{}"
approve = ["list_*"]

[toolsets.look]
title = "Look"
tools = ["status/list_pages", "status/list_components"]

[profiles.look]
title = "Look"
toolsets = ["look"]

[grants.ann]
profile = "look"
grantee = {{ user = {{ issuer = "local", subject = "ann" }} }}
"#,
            self.vendor.base_url()
        )
    }

    /// Changes the configuration.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("gateway.toml", &text.replacen(from, to, 1));
    }

    pub(crate) fn add(&self, text: &str) {
        let whole = std::fs::read_to_string(self.file()).unwrap();
        self.write("gateway.toml", &format!("{whole}\n{text}"));
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    pub(crate) fn flag(&self) -> String {
        format!("--config={}", self.file().display())
    }

    pub(crate) async fn start(&self) -> Gateway {
        Gateway::start(&[&self.flag()], &[]).await
    }

    /// The names of what lies in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
