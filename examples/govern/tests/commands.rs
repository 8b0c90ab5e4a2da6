//! Runs every command of the program against stand-ins of the vendors.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use stand_ins::{Fault, OpsgenieStandIn, PagerDutyStandIn, StatuspageStandIn};

/// The program in an environment that holds these variables and nothing else.
fn govern(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_govern"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end on this input.
fn run(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Output {
    let mut child = govern(arguments, environment).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The program may end before it has read everything.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn answers(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Calls Statuspage's stand-in with a key.
fn call(vendor: &StatuspageStandIn, key: &str, input: &[u8]) -> Output {
    let address = vendor.base_url().to_string();
    run(&["call", "statuspage", "--base-url", &address], &[("STATUSPAGE_API_KEY", key)], input)
}

#[test]
fn a_catalogue_is_one_object_per_tool_with_every_key_of_the_dump() {
    for vendor in ["statuspage", "opsgenie", "pagerduty"] {
        let output = run(&["catalog", vendor], &[], b"");
        assert!(output.status.success(), "{}", stderr(&output));
        let tools = answers(&output);
        assert!(tools.len() > 5, "{vendor}: {} tools", tools.len());
        for tool in &tools {
            let name = &tool["name"];
            assert_eq!(tool["provider"], vendor);
            for key in ["name", "title", "description", "classification"] {
                assert!(tool[key].as_str().is_some_and(|text| !text.is_empty()), "{name} {key}");
            }
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
            }
            assert!(tool["input_schema"]["type"] == "object" && tool.get("output_schema").is_some(), "{name}");
            assert!(
                tool["requires"].is_array() && tool["bindings"].is_array() && tool["deprecated"].is_boolean(),
                "{name}"
            );
            let bound = tool["method"].is_string() && tool["path"].is_string();
            // What is no operation of the vendor's document says why it is there, and a recipe over which rows.
            let rows = tool.get("uses").is_none_or(|uses| uses.as_array().is_some_and(|uses| !uses.is_empty()));
            assert!(bound || (tool["outside"].is_string() && rows), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_answered_in_order_with_its_id() {
    let vendor = StatuspageStandIn::start().await;
    let page = StatuspageStandIn::PAGE;
    let input = [
        json!({"id": 1, "tool": "list_pages", "arguments": {}}).to_string(),
        json!({"id": {"any": [null]}, "tool": "get_page", "arguments": {"page_id": page}}).to_string(),
        String::new(),
        json!({"id": "three", "tool": "no_such_tool"}).to_string(),
        json!({"id": 4, "tool": "Not a name\u{0}"}).to_string(),
        json!({"id": 5, "tool": "list_components", "arguments": {"page_id": page, "perpage": 3}}).to_string(),
        json!({"id": 6, "tool": "get_page", "arguments": {"page_id": "nowhere"}}).to_string(),
        json!({"id": 7, "tool": "list_pages"}).to_string(),
    ];
    let output = call(&vendor, &vendor.good_key(), input.join("\n").as_bytes());
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let answers = answers(&output);
    let seen: Vec<_> = answers.iter().map(|answer| (answer["ok"] == true, answer["error"]["code"].as_str())).collect();
    let due = [
        (true, None),
        (true, None),
        (false, Some("unknown_tool")),
        (false, Some("unknown_tool")),
        (false, Some("invalid_arguments")),
        (false, Some("not_found")),
        (true, None),
    ];
    assert_eq!(seen, due, "{answers:?}");
    assert_eq!(answers[0]["output"]["items"][0]["id"], page);
    assert_eq!((&answers[1]["id"], &answers[2]["id"]), (&json!({"any": [null]}), &json!("three")));
    assert!(answers[4]["error"]["message"].as_str().unwrap().contains("did you mean `per_page`?"));
    assert_eq!(answers[5]["error"]["sent"], "yes");
    // Nothing went out for the four lines that were refused here.
    assert_eq!((vendor.count(), vendor.violations()), (4, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_asks_for_nothing_that_can_be_done_is_answered_and_reading_goes_on() {
    let vendor = StatuspageStandIn::start().await;
    let mut input = b"{\"id\":1,\n[]\n{\"id\":3,\"tool\":\"list_pages\",\"argument\":{}}\n\xff\xfe\n".to_vec();
    input.extend(b"{\"id\":5,\"tool\":\"list_pages\",\"arguments\":{\"a\":\"");
    input.extend(vec![b'x'; 1 << 20]);
    input.extend(b"\"}}\n{\"id\":6,\"tool\":\"list_pages\"}");
    let output = call(&vendor, &vendor.good_key(), &input);
    let answers = answers(&output);
    let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["code"].as_str()).collect();
    assert_eq!(codes, [Some("bad_line"), Some("bad_line"), Some("bad_line"), Some("bad_line"), Some("bad_line"), None]);
    assert_eq!((&answers[2]["id"], &answers[4]["id"], &answers[5]["id"]), (&json!(3), &Value::Null, &json!(6)));
    assert!(answers[4]["error"]["message"].as_str().unwrap().contains("longer than 1048576 bytes"));
    assert_eq!((output.status.code(), vendor.count()), (Some(0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_before_the_next_line_is_sent() {
    let vendor = StatuspageStandIn::start().await;
    let (key, address) = (vendor.good_key(), vendor.base_url().to_string());
    let mut child: Child =
        govern(&["call", "statuspage", "--base-url", &address], &[("STATUSPAGE_API_KEY", &key)]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for id in 0..3 {
        writeln!(stdin, "{}", json!({"id": id, "tool": "list_pages"})).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(id), &json!(true)));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_goes_away_ends_it_quietly() {
    let vendor = StatuspageStandIn::start().await;
    let (key, address) = (vendor.good_key(), vendor.base_url().to_string());
    let mut child =
        govern(&["call", "statuspage", "--base-url", &address], &[("STATUSPAGE_API_KEY", &key)]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", json!({"id": 1, "tool": "list_pages"})).unwrap();
    // Standard input stays open: the program ends by itself.
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    drop(stdin);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_said_plainly_and_shown_nowhere() {
    let vendor = StatuspageStandIn::start().await;
    let output = call(&vendor, "canary-not-the-key", br#"{"id":1,"tool":"list_pages"}"#);
    let answers = answers(&output);
    assert_eq!(answers[0]["error"]["code"], "unauthorized");
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains("does not accept the API key"), "{answers:?}");
    assert!(!stdout(&output).contains("canary") && !stderr(&output).contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_call_says_how_long_to_wait() {
    let vendor = StatuspageStandIn::start().await;
    // Longer than a call may take, so that waiting is the caller's business.
    vendor.fail_times(4, &Fault::Throttle { retry_after: Some(3600) });
    let output = call(&vendor, &vendor.good_key(), br#"{"id":1,"tool":"list_pages"}"#);
    let error = &answers(&output)[0]["error"];
    assert_eq!((&error["code"], &error["retry_after_seconds"]), (&json!("rate_limited"), &json!(3600)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_the_vendor_is_made_with_the_key_that_may() {
    let vendor = OpsgenieStandIn::start().await;
    let (key, integration, address) = (vendor.good_key(), vendor.integration_key(), vendor.base_url().to_string());
    let environment = [("OPSGENIE_API_KEY", key.as_str()), ("OPSGENIE_INTEGRATION_KEY", integration.as_str())];
    let input = br#"{"id":1,"tool":"create_alert","arguments":{"message":"Disk is full","alias":"db-1/disk"}}"#;
    let arguments = ["call", "opsgenie", "--region", "us", "--base-url", &address];
    assert_eq!(answers(&run(&arguments, &environment, input))[0]["ok"], true);
    // Without the integration's key the vendor refuses, and the message says which key it needs.
    let refused = &answers(&run(&arguments, &environment[..1], input))[0]["error"];
    assert_eq!(refused["code"], "forbidden");
    assert!(refused["message"].as_str().unwrap().contains("API integration"), "{refused}");
    assert!(vendor.violations().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pagerduty_token_is_enough_without_an_actor() {
    let vendor = PagerDutyStandIn::start().await;
    let (token, address) = (vendor.user_token(), vendor.base_url().to_string());
    let environment = [("PAGERDUTY_TOKEN", token.as_str())];
    let arguments = ["call", "pagerduty", "--base-url", &address];
    let output = run(&arguments, &environment, br#"{"id":1,"tool":"list_incidents","arguments":{"limit":2}}"#);
    let answers = answers(&output);
    assert_eq!(answers[0]["output"]["items"].as_array().map(Vec::len), Some(2), "{answers:?} {}", stderr(&output));
    assert!(vendor.last_request().unwrap().header("authorization").unwrap().starts_with("Bearer "));
    assert!(vendor.violations().is_empty());
}

#[test]
fn a_missing_key_is_named_and_nothing_is_written() {
    for (vendor, variable) in
        [("statuspage", "STATUSPAGE_API_KEY"), ("opsgenie", "OPSGENIE_API_KEY"), ("pagerduty", "PAGERDUTY_API_KEY")]
    {
        for command in ["call", "probe"] {
            let output = run(&[command, vendor], &[], b"{}");
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command} {vendor}");
            assert!(stderr(&output).contains(variable), "{}", stderr(&output));
        }
    }
    let output = run(&["probe", "pagerduty"], &[("PAGERDUTY_API_KEY", "canary")], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("PAGERDUTY_FROM") && !stderr(&output).contains("canary"));
}

#[test]
fn an_address_or_region_that_cannot_be_used_is_refused() {
    let key = [("STATUSPAGE_API_KEY", "canary")];
    for arguments in [
        &["call", "statuspage", "--base-url", "http://statuspage.example.com"][..],
        &["call", "statuspage", "--base-url", "https://user:word@statuspage.example.com"],
        &["call", "statuspage", "--region", "eu"],
        &["call", "jira"],
        &["call"],
    ] {
        let output = run(arguments, &key, b"");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?} {}", stderr(&output));
        assert!(!stderr(&output).is_empty());
    }
}

#[test]
fn a_preview_shows_the_exact_request_and_masks_the_key() {
    let input = br#"{"id":1,"tool":"list_components","arguments":{"page_id":"p 1","per_page":5}}"#;
    let key = [("STATUSPAGE_API_KEY", "canary-key")];
    let text = run(&["preview", "statuspage"], &key, input);
    let due = "GET https://api.statuspage.io/v1/pages/p%201/components?per_page=5\n";
    assert!(
        stdout(&text).starts_with(due) && stdout(&text).contains("authorization: OAuth ***\n"),
        "{}",
        stdout(&text)
    );
    let json = run(&["preview", "statuspage", "--json"], &key, input);
    let request = &answers(&json)[0]["request"];
    assert_eq!((&request["method"], request["url"].as_str()), (&json!("GET"), due.trim_end().strip_prefix("GET ")));
    for output in [&text, &json] {
        assert_eq!((output.status.code(), stderr(output).as_str()), (Some(0), ""));
        assert!(!stdout(output).contains("canary"));
    }
}

#[test]
fn a_preview_needs_no_key_and_shows_bodies_and_refusals() {
    let input = b"{\"id\":1,\"tool\":\"create_incident\",\"arguments\":{\"title\":\"Down\",\"service_id\":\"P1\"}}\n\
                  {\"id\":2,\"tool\":\"create_incident\"}\nno json\n";
    let output =
        run(&["preview", "pagerduty", "--json", "--region", "eu"], &[("PAGERDUTY_FROM", "ann@example.com")], input);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("PAGERDUTY_API_KEY"), "{}", stderr(&output));
    let answers = answers(&output);
    let request = &answers[0]["request"];
    assert_eq!(request["url"], "https://api.eu.pagerduty.com/incidents");
    assert_eq!(request["body"]["incident"]["service"], json!({"id": "P1", "type": "service_reference"}));
    assert!(request["headers"].as_array().unwrap().contains(&json!(["from", "ann@example.com"])), "{request}");
    assert_eq!(answers[1]["error"]["code"], "invalid_arguments");
    assert_eq!(answers[2]["error"]["code"], "bad_line");
}

#[test]
fn an_api_of_ones_own_is_shown_previewed_and_asked_for_its_key_as_a_vendor_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("things.json");
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "servers": [{"url": "https://things.example/v1"}],
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/things/{id}": {"get": {"operationId": "getThing", "parameters": [
            {"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}]}}},
    });
    std::fs::write(&file, document.to_string()).unwrap();
    let api = file.to_str().unwrap();
    let tools = answers(&run(&["catalog", "--api", api], &[], b""));
    assert_eq!((tools.len(), &tools[0]["provider"], &tools[0]["name"]), (1, &json!("things"), &json!("get_thing")));
    let input = br#"{"id":1,"tool":"get_thing","arguments":{"id":7}}"#;
    let shown = run(&["preview", "things", "--api", api], &[("THINGS_TOKEN", "canary")], input);
    let text = stdout(&shown);
    assert!(
        text.starts_with("GET https://things.example/v1/things/7\n") && text.contains("authorization: Bearer ***"),
        "{text}"
    );
    assert!(!text.contains("canary"));
    for command in ["call", "probe"] {
        let refused = run(&[command, "--api", api], &[], input);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("`THINGS_TOKEN` must be set"), "{}", stderr(&refused));
    }
    let asked = run(&["probe", "--api", api], &[("THINGS_TOKEN", "canary")], b"");
    assert!(
        asked.status.code() == Some(2) && stderr(&asked).contains("no read that could prove"),
        "{}",
        stderr(&asked)
    );
    let unknown = run(&["catalog", "thongs", "--api", api], &[], b"");
    assert!(unknown.status.code() == Some(2) && stderr(&unknown).contains("`things`"), "{}", stderr(&unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_whose_a_good_key_is_and_what_it_may_do() {
    let vendor = OpsgenieStandIn::start().await;
    let (key, address) = (vendor.good_key(), vendor.base_url().to_string());
    let arguments = ["probe", "opsgenie", "--base-url", &address, "--json"];
    let output = run(&arguments, &[("OPSGENIE_API_KEY", &key)], b"");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = &answers(&output)[0];
    assert_eq!((&report["provider"], &report["works"]), (&json!("opsgenie"), &json!(true)));
    assert_eq!(report["authorized_as"], "harbourline");
    assert!(report["may"].as_array().unwrap().contains(&json!("read")), "{report}");
    let text = run(&arguments[..4], &[("OPSGENIE_API_KEY", &key)], b"");
    assert!(stdout(&text).starts_with("Opsgenie: the key works\n"), "{}", stdout(&text));
    assert!(!stdout(&text).contains(&key) && !stdout(&output).contains(&key));
    assert!(vendor.requests().iter().all(|request| request.method() == "GET"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_of_a_refused_key_exits_with_one_and_says_what_to_do() {
    let vendor = PagerDutyStandIn::start().await;
    let (address, from) = (vendor.base_url().to_string(), vendor.actor_email());
    let environment = [("PAGERDUTY_API_KEY", "canary-not-the-key"), ("PAGERDUTY_FROM", from.as_str())];
    let output = run(&["probe", "pagerduty", "--base-url", &address], &environment, b"");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("the key is refused") && stdout(&output).contains("Check the key"),
        "{}",
        stdout(&output)
    );
    let output = run(&["--json", "probe", "pagerduty", "--base-url", &address], &environment, b"");
    assert_eq!((output.status.code(), &answers(&output)[0]["works"]), (Some(1), &json!(false)));
    assert!(!stdout(&output).contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_gets_no_answer_is_neither_good_nor_bad() {
    let vendor = StatuspageStandIn::start().await;
    vendor.fail_times(8, &Fault::Html);
    let (key, address) = (vendor.good_key(), vendor.base_url().to_string());
    let output = run(&["probe", "statuspage", "--base-url", &address], &[("STATUSPAGE_API_KEY", &key)], b"");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{}", stderr(&output));
    assert!(!stderr(&output).is_empty());
}

#[test]
fn help_names_every_variable_and_exit_code() {
    let output = run(&["--help"], &[], b"");
    assert!(output.status.success());
    let text = stdout(&output);
    for word in ["STATUSPAGE_API_KEY", "OPSGENIE_INTEGRATION_KEY", "PAGERDUTY_FROM", "PAGERDUTY_TOKEN", "Exit codes"] {
        assert!(text.contains(word), "{word}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_configured_as_the_command_line_says() {
    let vendor = StatuspageStandIn::start().await;
    let (address, page) = (vendor.base_url().to_string(), StatuspageStandIn::PAGE);
    let limited = format!("page_ids={page}");
    let environment = [("STATUSPAGE_API_KEY", vendor.good_key())];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let input = [
        // The only page need not be named, and no other is reached.
        json!({"id": 1, "tool": "list_components"}).to_string(),
        json!({"id": 2, "tool": "get_page", "arguments": {"page_id": "another"}}).to_string(),
        json!({"id": 3, "tool": "list_pages"}).to_string(),
    ];
    let arguments = ["call", "statuspage", "--base-url", &address, "--config", &limited];
    let answers = answers(&run(&arguments, &environment, input.join("\n").as_bytes()));
    assert!(answers[0]["ok"] == true && answers[2]["output"]["items"].as_array().unwrap().len() == 1, "{answers:?}");
    assert_eq!(answers[1]["error"]["code"], "rule_violated");
    assert!(vendor.requests().iter().all(|seen| !seen.path().contains("another")));

    let line = json!({"id": 1, "tool": "list_components"}).to_string();
    let shown = run(&["preview", "statuspage", "--config", "page_ids=p1"], &[], line.as_bytes());
    assert!(stdout(&shown).starts_with("GET https://api.statuspage.io/v1/pages/p1/components"), "{}", stdout(&shown));
    let line =
        json!({"id": 1, "tool": "get_public_summary", "arguments": {"page_host": "status.example.com"}}).to_string();
    let absent = run(&["preview", "statuspage"], &[], line.as_bytes());
    assert!(stdout(&absent).starts_with("unknown_tool"), "{}", stdout(&absent));
    let shown = run(&["preview", "statuspage", "--config", "public_pages=status.example.com"], &[], line.as_bytes());
    assert!(stdout(&shown).starts_with("GET https://status.example.com/"), "{}", stdout(&shown));

    let probed = run(&["probe", "statuspage", "--base-url", &address, "--config", &limited], &environment, b"");
    assert!(probed.status.success() && stdout(&probed).contains("the key works"), "{}", stdout(&probed));
    for (setting, due) in [("page_id=p1", "page_id"), ("page_ids=", "page_ids"), ("page_ids", "NAME=VALUE")] {
        let refused = run(&["preview", "statuspage", "--config", setting], &[], line.as_bytes());
        assert_eq!((refused.status.code(), stdout(&refused).as_str()), (Some(2), ""), "{setting}");
        assert!(stderr(&refused).contains(due), "{}", stderr(&refused));
    }
}
