//! Without a file: the demonstration.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{Gateway, call, code, content, eras, gateway, stderr, stdout};

const TOKEN: &str = "demo-token-0123456789";

#[tokio::test]
async fn a_real_client_lists_and_calls_in_both_eras() {
    let gateway = Gateway::start(&["--demo-token", TOKEN, "--store", "memory"], &[]).await;
    for era in eras() {
        let client = gateway.client(Some(TOKEN), era).await;
        let names: Vec<String> =
            client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name.into()).collect();
        for prefix in ["statuspage_", "opsgenie_", "pagerduty_"] {
            assert!(names.iter().any(|name| name.starts_with(prefix)), "{names:?}");
        }
        for tool in ["statuspage_list_pages", "opsgenie_list_alerts", "pagerduty_list_incidents"] {
            let arguments = if tool.starts_with("opsgenie") { json!({"limit": 5}) } else { json!({}) };
            let answered = client.call_tool(call(tool, &arguments)).await.unwrap();
            assert!(!content(&answered)["items"].as_array().unwrap().is_empty(), "{tool}");
        }
        // What people ask first.
        let pages = client.call_tool(call("statuspage_list_pages", &json!({}))).await.unwrap();
        let page = json!({"page_id": content(&pages)["items"][0]["id"]});
        let answered = client.call_tool(call("statuspage_is_anything_down", &page)).await.unwrap();
        assert!(content(&answered)["summary"].as_str().unwrap().contains("components"), "{answered:?}");
        client.cancel().await.unwrap();
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_can_be_asked_for_is_listed_and_a_call_says_how() {
    let gateway = Gateway::start(&["--auth", "none", "--store", "memory"], &[]).await;
    assert!(gateway.facts.get("token").is_none());
    assert!(gateway.tools("nobody looks at it").await.contains(&"statuspage_delete_incident".to_owned()));
    let arguments = json!({"page_id": "a", "incident_id": "b"});
    let denied = gateway.call("nobody looks at it", "statuspage_delete_incident", arguments).await;
    assert_eq!(code(&denied), "no_grant");
    assert!(denied["result"]["content"][0]["text"].as_str().unwrap().contains("`housekeeping`"), "{denied}");
    // A rule of the demonstration holds whatever is asked for.
    let denied = gateway.call("nobody looks at it", "opsgenie_list_alerts", json!({"limit": 100})).await;
    assert_eq!(code(&denied), "rule_violated");
}

#[tokio::test]
async fn where_nothing_is_kept_every_start_has_a_token_of_its_own_and_no_other_lets_anybody_in() {
    let start = async || Gateway::start(&["--store", "memory"], &[]).await;
    let (one, other) = (start().await, start().await);
    let token = one.facts["token"].as_str().unwrap();
    assert_ne!(other.facts["token"], token);
    assert!(!one.tools(token).await.is_empty());
    for wrong in [None, Some("demo-0000"), other.facts["token"].as_str()] {
        let refused = one.post(wrong, "tools/list", json!({})).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
}

/// What a tool of the demonstration is called with, by what the vendors have; none for those of PagerDuty that want an identifier of another
/// kind, which its provider's own tests call.
fn arguments_of(tool: &str, ids: &Ids) -> Option<Value> {
    let Ids { page, incident, alert, schedule, service, pagerduty_incident } = ids;
    Some(match tool {
        "statuspage_list_pages"
        | "opsgenie_list_schedules"
        | "pagerduty_get_current_user"
        | "pagerduty_list_abilities"
        | "pagerduty_list_incidents"
        | "pagerduty_list_on_calls"
        | "pagerduty_list_services"
        | "pagerduty_who_is_on_call"
        | "pagerduty_list_priorities"
        | "pagerduty_list_log_entries" => json!({}),
        "opsgenie_list_alerts" => json!({"limit": 5}),
        "statuspage_is_anything_down"
        | "statuspage_list_components"
        | "statuspage_list_incidents"
        | "statuspage_list_unresolved_incidents" => json!({"page_id": page}),
        "statuspage_get_incident" => json!({"page_id": page, "incident_id": incident}),
        "statuspage_create_incident" => json!({"page_id": page, "name": "Slow answers", "status": "investigating"}),
        "statuspage_update_incident" => {
            json!({"page_id": page, "incident_id": incident, "status": "identified", "body": "It is found."})
        }
        "opsgenie_get_alert" | "opsgenie_acknowledge_alert" | "opsgenie_close_alert" => json!({"identifier": alert}),
        "opsgenie_create_alert" => json!({"message": "The queue grows"}),
        "opsgenie_get_on_calls" => json!({"identifier": schedule}),
        "pagerduty_update_incident" => json!({"incident_id": pagerduty_incident, "status": "acknowledged"}),
        "pagerduty_create_incident" => json!({"title": "The queue grows", "service_id": service}),
        "pagerduty_get_incident" | "pagerduty_acknowledge_incident" | "pagerduty_list_incident_notes" => {
            json!({"incident_id": pagerduty_incident})
        }
        "pagerduty_create_incident_note" => json!({"incident_id": pagerduty_incident, "content": "A disk is full."}),
        "pagerduty_get_service" => json!({"service_id": service}),
        other if other.starts_with("pagerduty_") => return None,
        other => panic!("say with what `{other}` is called"),
    })
}

/// What the vendors have.
struct Ids {
    page: Value,
    incident: Value,
    alert: Value,
    schedule: Value,
    service: Value,
    pagerduty_incident: Value,
}

#[tokio::test]
async fn every_tool_that_the_demonstration_grants_works() {
    let gateway = Gateway::start(&["--demo-token", TOKEN, "--store", "memory"], &[]).await;
    let list = async |tool: &'static str, arguments: Value| {
        let answered = gateway.call(TOKEN, tool, arguments).await;
        answered["result"]["structuredContent"]["items"][0]["id"].clone()
    };
    let page = list("statuspage_list_pages", json!({})).await;
    let ids = Ids {
        incident: list("statuspage_list_unresolved_incidents", json!({"page_id": page})).await,
        page,
        alert: list("opsgenie_list_alerts", json!({"limit": 1, "query": "status: open"})).await,
        schedule: list("opsgenie_list_schedules", json!({})).await,
        service: list("pagerduty_list_services", json!({})).await,
        pagerduty_incident: list("pagerduty_list_incidents", json!({"statuses": ["triggered"]})).await,
    };
    let client = gateway.client(Some(TOKEN), eras()[0].clone()).await;
    let tools = client.list_all_tools().await.unwrap();
    client.cancel().await.unwrap();
    let mut called = 0;
    for tool in tools {
        let held = !tool.description.as_deref().unwrap_or_default().contains("You cannot call this yet");
        if !held || tool.name == "request_access" {
            continue;
        }
        let Some(arguments) = arguments_of(&tool.name, &ids) else { continue };
        let answered = gateway.call(TOKEN, &tool.name, arguments).await;
        assert_eq!(answered["result"]["isError"], false, "{}: {answered}", tool.name);
        called += 1;
    }
    assert!(called >= 28, "{called} tools were called");
    gateway.stop().await;
}

#[tokio::test]
async fn the_token_of_the_demonstration_stays_the_same_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || Gateway::start_in(folder.path(), &[], &[]).await;
    let gateway = start().await;
    let token = gateway.facts["token"].as_str().unwrap().to_owned();
    gateway.stop().await;
    let gateway = start().await;
    assert_eq!(gateway.facts["token"], token.as_str());
    assert!(!gateway.tools(&token).await.is_empty());
    gateway.stop().await;
    let kept = folder.path().join("mcp-govern-demo/demo.token");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // It goes with its store.
    std::fs::remove_dir_all(folder.path().join("mcp-govern-demo")).unwrap();
    let gateway = start().await;
    assert_ne!(gateway.facts["token"], token.as_str());
    gateway.stop().await;
}

#[tokio::test]
async fn health_readiness_and_metrics_ask_for_no_token() {
    let gateway = Gateway::start(&["--demo-token", TOKEN, "--store", "memory"], &[]).await;
    assert_eq!(gateway.get("/healthz").await.text().await.unwrap(), "ok");
    let ready: Value = gateway.get("/readyz").await.json().await.unwrap();
    assert_eq!((&ready["ready"], &ready["server_faults"]), (&json!(true), &json!(0)));
    gateway.call(TOKEN, "statuspage_list_pages", json!({})).await;
    gateway.call(TOKEN, "statuspage_list_pages", json!({"no_such": 1})).await;
    let metrics = gateway.get("/metrics").await.text().await.unwrap();
    for line in [
        "mcp_govern_calls_total{end=\"success\"} 1",
        "mcp_govern_tool_calls_total{server=\"statuspage\",class=\"read\",end=\"success\"} 1",
        "mcp_govern_vendor_answers_total{server=\"statuspage\",status=\"2xx\"} 1",
        "mcp_govern_denials_total{code=\"invalid_arguments\"} 1",
        "mcp_govern_ready 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    gateway.get("/mcp").await;
    let metrics = gateway.get("/metrics").await.text().await.unwrap();
    let alerts = include_str!("../../deploy/alerts.yaml");
    let names =
        alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("mcp_govern_"));
    let names: std::collections::BTreeSet<&str> = names.collect();
    assert!(names.len() > 5);
    for name in names {
        let is_there = metrics.lines().any(|line| line.split(['{', ' ']).next() == Some(name));
        assert!(is_there, "alerts.yaml names {name}, which is not in {metrics}");
    }
    assert_eq!(gateway.get("/no-such-path").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(gateway.get("/connect/callback/own?code=a&state=b").await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn a_call_that_is_denied_has_a_line_with_its_reason_and_none_of_its_arguments() {
    let gateway = Gateway::start(&["--demo-token", TOKEN, "--store", "memory"], &[]).await;
    gateway.call(TOKEN, "opsgenie_list_alerts", json!({"limit": 100, "query": "canary"})).await;
    let line = gateway.logged("a call was not made, or failed").await;
    assert_eq!(
        (&line["reason"], &line["tool"], &line["level"]),
        (&json!("rule_violated"), &json!("opsgenie/list_alerts"), &json!("INFO"))
    );
    assert!(line["user"].is_string() && line["client"].is_string() && line["call"].is_string(), "{line}");
    assert!(!line.to_string().contains("canary"), "{line}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_and_a_name_that_is_not_ours_are_refused() {
    let gateway = Gateway::start(&["--auth", "none", "--store", "memory"], &[]).await;
    let request = |name: &'static str, value: &'static str| {
        let request =
            crate::world::client().post(gateway.url()).header("accept", "application/json, text/event-stream");
        request.header(name, value).json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).send()
    };
    assert_eq!(request("origin", "https://evil.example").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(request("host", "evil.example").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(request("x-harmless", "1").await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_person_is_shown_what_to_paste_and_where_it_listens() {
    let mut child = gateway(&["--listen", "127.0.0.1:0", "--demo-token", TOKEN, "--store", "memory"], &[])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut page = String::new();
    while !page.contains("Ctrl-C") {
        assert_ne!(tokio::io::AsyncBufReadExt::read_line(&mut told, &mut page).await.unwrap(), 0, "{page}");
    }
    for text in ["claude mcp add --transport http", "mcp.json", "claude_desktop_config.json", TOKEN, "/mcp"] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    // Json snippets can be pasted as they stand.
    let snippets: Vec<&str> = page.lines().map(str::trim).filter(|line| line.starts_with('{')).collect();
    assert_eq!(snippets.len(), 3, "{page}");
    for snippet in snippets {
        serde_json::from_str::<Value>(snippet).unwrap();
    }
}

#[tokio::test]
async fn a_new_key_is_printed_in_the_form_that_is_read() {
    let key = async |kind| stdout(&crate::world::run(&["new-key", kind], &[]).await);
    assert!(mcp_govern_store::VaultKeys::from_text(&key("vault").await).is_ok());
    for kind in ["audit", "state"] {
        let (one, other) = (key(kind).await, key(kind).await);
        assert!(
            one.trim_end().len() == 64 && one != other && one.trim_end().bytes().all(|digit| digit.is_ascii_hexdigit())
        );
    }
}

#[tokio::test]
async fn the_example_is_printed_and_in_order() {
    let printed = crate::world::run(&["example"], &[]).await;
    assert_eq!(printed.status.code(), Some(0), "{}", stderr(&printed));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, stdout(&printed)).unwrap();
    let secrets = [
        ("ANN_TOKEN", "ann-token-0123456789"),
        ("STATUSPAGE_API_KEY", "a"),
        ("OPSGENIE_API_KEY", "b"),
        ("PAGERDUTY_API_KEY", "c"),
    ];
    let checked = crate::world::run(&["check", "--config", file.to_str().unwrap()], &secrets).await;
    assert_eq!(checked.status.code(), Some(0), "{}{}", stdout(&checked), stderr(&checked));
    // What stands there as a comment is meant as it is written.
    let text = stdout(&printed).lines().filter_map(uncommented).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, &text).unwrap();
    let checked = crate::world::run(&["check", "--config", file.to_str().unwrap()], &secrets).await;
    assert!(!stderr(&checked).contains("is not known here"), "{}", stderr(&checked));
}

/// A line that is commented out, without its comment; a line of prose not at all.
fn uncommented(line: &str) -> Option<String> {
    match line.strip_prefix("# ") {
        None => Some(line.to_owned()),
        Some(rest) if rest.starts_with('[') => Some(rest.to_owned()),
        Some(rest) => {
            let (key, _) = rest.split_once(" = ")?;
            // Two values for one key are an error of TOML: only tables and keys that stand nowhere else count here.
            key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then(|| rest.to_owned())
        }
    }
}
