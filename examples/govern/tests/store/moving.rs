//! A server moves from one edition of its API to another, while its people keep what they hold.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use example_vendors::OwnApi;
use mcp_govern_core::{
    Actor, AuthMethodId, ClientId, Credential, DenialCode, Governor, Principal, Provider as _, Role, Secret, ServerId,
    TenantId, UserId,
    audit::AuditKey,
    governor::{CallLimits, CallRequest, Probe},
    journal::Revision,
};
use mcp_govern_store::{OpenOptions, OpenedStores};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    node::{running, vault_keys},
    site::{AUDIT_KEY, Site, code, stderr, stdout},
};

on_every_store! {
    a_server_moves_with_half_of_its_tools_approved_ahead_and_back,
    what_was_approved_ahead_can_be_taken_back,
}

/// A vendor at one address that answers exactly what it was told to expect and refuses everything else.
struct Api {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// `expects` are request lines without the version; `key` the whole header that authorises.
    fn start(key: &'static str, expects: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, key, expects, &told);
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, key: &str, expects: &[&str], seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut header, mut authorised, mut length) = (String::new(), String::new(), false, 0);
    if reader.read_line(&mut line).is_err() {
        return;
    }
    while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
        let (name, value) = header.trim().split_once(": ").unwrap_or_default();
        authorised |= name.eq_ignore_ascii_case("authorization") && value == key;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(0);
        }
        header.clear();
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let request = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let status = match (authorised, expects.contains(&request.as_str())) {
        (true, true) => "200 OK",
        (false, _) => "401 Unauthorized",
        (true, false) => "404 Not Found",
    };
    seen.lock().unwrap().push(request);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    let _ = reader.into_inner().write_all(head.as_bytes());
}

const CLASSIC: &str = r#"
openapi: 3.1.0
info: {title: Beacon, version: "1"}
servers: [{url: "URL/v2"}]
security: [{api_key: []}]
x-govern:
  provider: beacon
  sunset: {date: "2027-04-05", notice: Move the server to the edition cloud.}
components:
  securitySchemes: {api_key: {type: apiKey, in: header, name: Authorization, x-govern: {prefix: "Key "}}}
paths:
  /alerts/{alert}:
    get:
      operationId: getAlert
      summary: Get an alert
      description: Reads an alert.
      parameters: [{name: alert, in: path, required: true, description: Which., schema: {type: string}}]
      x-govern: {effect: read}
  /alerts/{alert}/close:
    post:
      operationId: closeAlert
      summary: Close an alert
      description: Closes an alert.
      parameters:
        - {name: alert, in: path, required: true, description: Which., schema: {type: string}}
        - {name: actor, in: query, description: In whose name., schema: {type: string}}
      x-govern: {effect: write}
  /alerts:
    get: {operationId: listAlerts, summary: List alerts, description: Lists alerts., x-govern: {effect: read}}
  /heartbeats:
    get: {operationId: listHeartbeats, summary: List heartbeats, description: Lists heartbeats., x-govern: {effect: read}}
"#;

const CLOUD: &str = r##"
openapi: 3.1.0
info: {title: Beacon Cloud, version: "1"}
servers: [{url: "URL"}]
security: [{token: []}]
x-govern:
  absent: {listHeartbeats: The cloud has no heartbeats.}
  config: [{name: cloud_id, title: Cloud id, pattern: "[0-9a-f-]+"}]
components:
  parameters: {Cloud: {name: cloudId, in: path, required: true, x-config: cloud_id}}
  securitySchemes: {token: {type: http, scheme: bearer}}
paths:
  /ops/{cloudId}/v1/alerts/{id}:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    get:
      operationId: getAlert
      parameters: [{name: id, in: path, required: true, x-argument: alert}]
  /ops/{cloudId}/v1/alerts/{id}/close:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    patch:
      operationId: closeAlert
      parameters: [{name: id, in: path, required: true, x-argument: alert}]
      x-govern: {differs: {lacks: [actor]}}
  /ops/{cloudId}/v1/alerts:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    get: {operationId: listAlerts}
  /ops/{cloudId}/v1/teams:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    get: {operationId: listTeams, summary: List teams, description: Lists the teams., x-govern: {effect: read}}
"##;

const GOVERNANCE: &str = r#"
governance = "activated"

[settings]
unmatched_client = "personal"

[servers.beacon]
provider = "beacon"
title = "Beacon"
prefix = "beacon"
auth_method = "api_key"
approve = ["get_alert", "close_alert", "list_alerts", "list_heartbeats"]

[toolsets.alerts]
title = "Alerts"
tools = ["beacon/get_alert", "beacon/close_alert", "beacon/list_alerts", "beacon/list_heartbeats"]
rules = { "beacon/close_alert" = [{ argument = "actor", constraint = { fixed = "ops" } }] }

[profiles.on-call]
title = "On call"
toolsets = ["alerts"]

[grants.ann]
profile = "on-call"
grantee = { user = { issuer = "local", subject = "ann" } }
"#;

/// A governed store with the API, and the file that names its documents.
fn governed(site: &Site, classic: &Api, cloud: &Api) -> String {
    site.write("classic.yaml", &CLASSIC.replace("URL", &classic.url));
    site.write("cloud.yaml", &CLOUD.replace("URL", &cloud.url));
    let api = site.write(
        "gateway.toml",
        "apis = [{ document = 'classic.yaml', edition = 'classic', editions = [{ id = 'cloud', title = 'Cloud', document = 'cloud.yaml' }] }]\n",
    );
    let file = site.write("governance.toml", GOVERNANCE);
    let applied = site.run(&["apply", "--create", "--yes", &file, "--api", &api]);
    assert_eq!(code(&applied), 0, "{}", stderr(&applied));
    if site.variable("GOVERN_AUDIT_KEY").is_none() {
        site.write("audit.key", AUDIT_KEY);
    }
    api
}

fn classic() -> Api {
    Api::start(
        "Key canary-1",
        &["GET /v2/alerts/a1", "POST /v2/alerts/a1/close?actor=ops", "GET /v2/alerts", "GET /v2/heartbeats"],
    )
}

fn cloud() -> Api {
    Api::start(
        "Bearer canary-2",
        &["GET /ops/0f-1/v1/alerts/a1", "GET /ops/0f-1/v1/alerts", "PATCH /ops/0f-1/v1/alerts/a1/close"],
    )
}

/// A node on the store.
struct Node {
    governor: Governor,
    driver: JoinHandle<()>,
    stores: OpenedStores,
}

impl Node {
    async fn on(site: &Site) -> Self {
        let mut api = OwnApi::new("classic.yaml");
        let file: Value = toml_of(&site.path("gateway.toml"));
        api.edition = file["apis"][0]["edition"].as_str().map(str::to_owned);
        let editions = file["apis"][0]["editions"].clone();
        api.editions = serde_json::from_value(editions).unwrap();
        let provider = api.builder(site.path("classic.yaml").parent().unwrap()).unwrap().build().unwrap();
        assert_eq!(provider.info().editions.len(), 2);
        let stores = mcp_govern_store::open(site.url(), OpenOptions::new().with_keys(vault_keys(site))).await.unwrap();
        let (governor, driver) = Governor::builder(TenantId::new("default").unwrap())
            .with_stores(stores.clone())
            .with_provider(provider)
            .with_audit_key(AuditKey::from_bytes([0x5a; 32]))
            .with_call_limits(CallLimits::unbounded())
            .open()
            .await
            .unwrap();
        Self { governor, driver: tokio::spawn(driver.run()), stores }
    }

    async fn set_key(&self, method: &str, field: &str, key: &str) {
        let admin = Actor::new(UserId::new("local", "admin").unwrap(), [Role::Owner]);
        let credential = Credential::new(AuthMethodId::new(method).unwrap()).with_field(field, Secret::new(key));
        let server = ServerId::new("beacon").unwrap();
        self.governor.set_shared_credential(&admin, &server, credential, Probe::Skip).await.unwrap();
    }

    /// The code with which a call of Ann's was denied, if it was.
    async fn call(&self, tool: &str, arguments: Value) -> Option<DenialCode> {
        let client = ClientId::new("local", "desktop").unwrap();
        let ann = Principal::new(UserId::new("local", "ann").unwrap(), client);
        let request = CallRequest::new(tool).with_arguments(arguments.as_object().unwrap().clone());
        match self.governor.call(&ann, request).await {
            Ok(_) => None,
            Err(error) => Some(error.code().unwrap_or_else(|| panic!("{tool}: {error}"))),
        }
    }

    async fn follow(&self, said: &Value) {
        self.governor.reached(Revision(said["revision"].as_u64().unwrap())).await.unwrap();
        // What the driver does by and by: the definitions of the edition are loaded here.
        self.governor.reload(&ServerId::new("beacon").unwrap()).await.unwrap();
    }

    async fn in_vault(&self) -> usize {
        let tenant =
            mcp_govern_core::ports::Stores::open(&self.stores, &TenantId::new("default").unwrap()).await.unwrap();
        tenant.vault.list().await.unwrap().len()
    }

    async fn end(self) {
        self.governor.close().await;
        self.driver.await.unwrap();
        self.stores.close().await;
    }
}

fn toml_of(path: &Path) -> Value {
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn row<'a>(said: &'a Value, tool: &str) -> &'a Value {
    said["tools"].as_array().unwrap().iter().find(|row| row["tool"] == tool).unwrap()
}

/// What people hold, and by what: everything that a move must leave alone.
fn held(site: &Site) -> [Value; 3] {
    let toolset = site.json(&["toolsets", "show", "alerts"]);
    let entries = toolset["entries"].as_array().unwrap().iter().map(|entry| json!([entry["tool"], entry["rules"]]));
    [entries.collect(), site.json(&["profiles", "show", "on-call"]), site.json(&["grants"])]
}

fn what_would_become_of_each_is_said(checked: &Value) {
    for (tool, outcome) in [
        ("beacon/get_alert", "same_meaning"),
        ("beacon/list_alerts", "same_meaning"),
        ("beacon/close_alert", "changed"),
        ("beacon/list_heartbeats", "gone"),
        ("beacon/list_teams", "new"),
    ] {
        assert_eq!(row(checked, tool)["outcome"], outcome, "{tool}");
    }
    assert_eq!(row(checked, "beacon/list_heartbeats")["reason"], "The cloud has no heartbeats.");
    let rule = &checked["rules"][0];
    assert_eq!(
        (&rule["tool"], &rule["argument"], &rule["loss"]["why"]),
        (&json!("beacon/close_alert"), &json!("actor"), &json!("absent"))
    );
}

fn the_file_may_name_the_edition(site: &Site, api: &str) {
    let look = |arguments: &[&str]| site.json(&[arguments, &["--api", api]].concat());
    // The file says what it said before the move: nothing is to be done.
    let file = site.path("governance.toml").display().to_string();
    assert_eq!(look(&["plan", &file])["changes"], false);
    let written = std::fs::read_to_string(&file).unwrap();
    site.write(
        "governance.toml",
        &written.replace("prefix = \"beacon\"", "prefix = \"beacon\"\nedition = \"classic\""),
    );
    assert_eq!(look(&["plan", &file])["changes"], false, "the first edition by its name is the same row");
    let elsewhere = written
        .replace("prefix = \"beacon\"", "prefix = \"beacon\"\nedition = \"cloud\"\nconfig = { cloud_id = \"0f-1\" }")
        .replace("\"api_key\"", "\"token\"")
        .replace(
            "\"close_alert\", \"list_alerts\", \"list_heartbeats\"]\n\n[toolsets",
            "\"close_alert\", \"list_alerts\"]\n\n[toolsets",
        )
        .replace(", \"beacon/list_heartbeats\"", "");
    site.write("governance.toml", &elsewhere);
    let planned = look(&["plan", &file]);
    let whys = planned["steps"].to_string();
    assert!(whys.contains("move server `beacon` to edition `cloud`, which takes its credentials away"), "{planned}");
}

fn a_server_moves_with_half_of_its_tools_approved_ahead_and_back(site: &Site) {
    let (old, new) = (classic(), cloud());
    let api = governed(site, &old, &new);
    let look = |arguments: &[&str]| site.json(&[arguments, &["--api", &api]].concat());
    running(async {
        let node = Node::on(site).await;
        node.set_key("api_key", "api_key", "canary-1").await;
        for (tool, arguments) in
            [("beacon_get_alert", json!({"alert": "a1"})), ("beacon_close_alert", json!({"alert": "a1"}))]
        {
            assert_eq!(node.call(tool, arguments).await, None, "{tool}");
        }
        assert_eq!(old.seen(), ["GET /v2/alerts/a1", "POST /v2/alerts/a1/close?actor=ops"]);
        let before = held(site);
        assert!(look(&["servers"])["servers"][0]["sunset"]["date"] == "2027-04-05");
        assert!(stdout(&site.run(&["status", "--api", &api])).contains("API ends"));

        // Before anything is changed, it is known what would be.
        let checked = look(&["migrate-check", "beacon", "--set", "cloud_id=0f-1"]);
        assert_eq!((&checked["from"], &checked["to"]), (&Value::Null, &json!("cloud")));
        what_would_become_of_each_is_said(&checked);

        // Half of what means the same is approved ahead: the other half is taken back.
        let ahead = ["migrate-check", "beacon", "--set", "cloud_id=0f-1", "--approve-ahead", "--api", &api];
        assert_eq!(site.told(&ahead).0, 5, "it widens access, and nobody said yes");
        let pinned = site.json(&[&ahead[..], &["--yes", "--reason", "same meaning"]].concat());
        assert_eq!((&pinned["action"], pinned["events"].as_array().unwrap().len()), (&json!("pin_tools"), 2));
        let listed = site.json(&["ahead"]);
        let list_alerts =
            listed["ahead"].as_array().unwrap().iter().find(|row| row["tool"] == "beacon/list_alerts").unwrap();
        let digest = list_alerts["digest"].as_str().unwrap();
        assert_eq!(site.json(&["ahead", "revoke", &format!("beacon/list_alerts@{digest}")])["outcome"], "done");
        let diff = site.json(&["diff", "beacon/get_alert"]);
        assert_eq!(diff["ahead"].as_array().unwrap().len(), 1);
        assert_eq!(node.call("beacon_get_alert", json!({"alert": "a1"})).await, None, "nothing changes meanwhile");

        // The move takes the key away, which is asked about; then half of the tools wait.
        let go = ["servers", "edition", "beacon", "cloud", "--set", "cloud_id=0f-1", "--api", &api];
        let (asked, said) = site.told(&go);
        assert_eq!(
            (asked, &said["outcome"], &said["credentials_removed"]),
            (5, &json!("confirmation_needed"), &json!(1))
        );
        assert_eq!(node.call("beacon_get_alert", json!({"alert": "a1"})).await, None);
        let moved = site.json(&[&go[..], &["--yes"]].concat());
        assert_eq!((&moved["outcome"], &moved["counts"]["approved"]), (&json!("done"), &json!(1)));
        assert!(moved["next"].as_str().unwrap().contains("credential"));
        node.follow(&moved).await;
        assert_eq!(node.call("beacon_get_alert", json!({"alert": "a1"})).await, Some(DenialCode::CredentialMissing));
        assert!(stdout(&site.run(&["servers", "--api", &api])).contains("beacon/cloud"));
        node.set_key("token", "token", "canary-2").await;
        assert_eq!(node.in_vault().await, 1, "the key of before is gone");
        assert_eq!(
            node.call("beacon_get_alert", json!({"alert": "a1"})).await,
            None,
            "approved ahead, callable at once"
        );
        for (tool, arguments) in [("beacon_list_alerts", json!({})), ("beacon_close_alert", json!({"alert": "a1"}))] {
            assert_eq!(node.call(tool, arguments).await, Some(DenialCode::ToolPending), "{tool}");
        }
        assert_eq!(node.call("beacon_list_heartbeats", json!({})).await, Some(DenialCode::ToolRemoved));
        assert_eq!(new.seen(), ["GET /ops/0f-1/v1/alerts/a1"]);
        assert_eq!(held(site), before);
        let diff = site.json(&["diff", "beacon/get_alert"]);
        assert!(diff["reviewed_at"].as_str() < diff["changed_at"].as_str(), "{diff}");
        assert!(stdout(&site.run(&["diff", "beacon/get_alert"])).contains("before it was offered"));
        let page = site.json(&["servers"]);
        assert!(page["servers"][0]["destination"].as_str().unwrap().ends_with("/ops/0f-1"), "{page}");

        // A reviewed tool goes on there; the rule of before holds, so that the call is denied rather than unruled.
        let seen = format!("beacon/close_alert@{}", site.digest("beacon/close_alert"));
        node.follow(&site.json(&["approve", "--yes", &seen])).await;
        assert_eq!(node.call("beacon_close_alert", json!({"alert": "a1"})).await, Some(DenialCode::RuleStale));

        // And back: no new review, another key.
        let back = site.json(&["servers", "edition", "beacon", "classic", "--yes", "--api", &api]);
        assert_eq!(back["configuration_left_out"], json!(["cloud_id"]));
        node.follow(&back).await;
        node.set_key("api_key", "api_key", "canary-1").await;
        for (tool, arguments) in [
            ("beacon_get_alert", json!({"alert": "a1"})),
            ("beacon_close_alert", json!({"alert": "a1"})),
            ("beacon_list_alerts", json!({})),
            ("beacon_list_heartbeats", json!({})),
        ] {
            assert_eq!(node.call(tool, arguments).await, None, "{tool}");
        }
        assert_eq!(held(site), before);
        the_file_may_name_the_edition(site, &api);
        node.end().await;
    });
}

fn what_was_approved_ahead_can_be_taken_back(site: &Site) {
    let (old, new) = (classic(), cloud());
    let api = governed(site, &old, &new);
    let ahead = [
        "migrate-check",
        "beacon",
        "--edition",
        "cloud",
        "--set",
        "cloud_id=0f-1",
        "--approve-ahead",
        "--yes",
        "--api",
        &api,
    ];
    site.json(&ahead);
    // Another site is another destination: what was approved ahead is not good for it.
    let other = site.json(&["migrate-check", "beacon", "--set", "cloud_id=0f-2", "--api", &api]);
    assert!(other["tools"].as_array().unwrap().iter().all(|row| row["approved"] == false), "{other}");
    let listed = site.json(&["ahead"]);
    let seen: Vec<String> = listed["ahead"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{}@{}", row["tool"].as_str().unwrap(), row["digest"].as_str().unwrap()))
        .collect();
    assert_eq!(seen.len(), 2);
    let revoked = site.json(&["ahead", "revoke", &seen[0], &seen[1]]);
    assert_eq!((&revoked["outcome"], &revoked["action"]), (&json!("done"), &json!("unpin_tools")));
    assert_eq!(site.json(&["ahead"])["ahead"], json!([]));
    assert_eq!(code(&site.run(&["ahead", "revoke", &seen[0]])), 1, "it is not there any more");
    let moved = site.json(&["servers", "edition", "beacon", "cloud", "--set", "cloud_id=0f-1", "--yes", "--api", &api]);
    assert_eq!(moved["counts"]["approved"], 0, "{moved}");
    for (arguments, part) in [
        (&["servers", "edition", "beacon", "mars"][..], "expected `classic` or `cloud`"),
        (&["servers", "edition", "beacon", "cloud", "--set", "cloud_id=a/b"], "does not match"),
        (&["servers", "edition", "beacon", "classic", "--auth-method", "token"], "expected `api_key`"),
        (&["migrate-check", "nothing"], "no server `nothing`"),
    ] {
        let refused = site.run(&[arguments, &["--api", &api]].concat());
        assert!(code(&refused) != 0 && stderr(&refused).contains(part), "{arguments:?}: {}", stderr(&refused));
    }
    let lines = stdout(&site.run(&["catalog", "beacon", "--edition", "cloud", "--api", &api]));
    assert_eq!(lines.lines().count(), 4);
    assert!(lines.contains("list_teams") && !lines.contains("list_heartbeats"));
}
