//! Runs the program as a person would, and asserts the story that it tells.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeMap,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use stand_ins::{OpsgenieStandIn, PagerDutyStandIn, Seen, StatuspageStandIn};

const VENDORS: [&str; 3] = ["statuspage", "opsgenie", "pagerduty"];

/// Every step with a vendor, in order: the step, how it ends, and the code where it has one.
const STORY: [(&str, &str, Option<&str>); 27] = [
    ("register", "done", None),
    ("discover", "done", None),
    ("review", "done", None),
    ("toolset", "done", None),
    ("profile", "done", None),
    ("request", "pending", None),
    ("approve_request", "approved", None),
    ("list", "ok", None),
    ("call_with_wrong_key", "failed", Some("unauthorized")),
    ("set_key", "accepted", None),
    ("call", "ok", None),
    ("set_rule", "done", None),
    ("call_within_rule", "ok", None),
    ("preview", "done", None),
    ("call_unreviewed_tool", "denied", Some("unknown_tool")),
    ("call_without_grant", "denied", Some("no_grant")),
    ("call_with_bad_argument", "denied", Some("invalid_arguments")),
    ("call_outside_rule", "denied", Some("rule_violated")),
    ("call_during_kill_switch", "denied", Some("server_killed")),
    ("definition_changed", "pending_review", None),
    ("call_pending_tool", "denied", Some("tool_pending")),
    ("review_again", "approved", None),
    ("call_again", "ok", None),
    ("call_after_grant_expired", "denied", Some("grant_expired")),
    ("explain", "denied", Some("grant_expired")),
    ("audit", "read", None),
    ("audit_verified", "intact", None),
];

/// The program in an environment that holds these variables and nothing else.
fn quickstart(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    quickstart(arguments, environment).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The steps of a run that went as told.
fn steps(environment: &[(&str, &str)]) -> Vec<Value> {
    let output = run(&["--json"], environment);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_vendor<'a>(steps: &'a [Value], vendor: &str) -> Vec<&'a Value> {
    steps.iter().filter(|step| step["provider"] == vendor).collect()
}

fn step<'a>(steps: &'a [Value], vendor: &str, name: &str) -> &'a Value {
    of_vendor(steps, vendor).into_iter().find(|step| step["step"] == name).unwrap()
}

#[test]
fn the_story_is_told_to_machines_step_by_step_for_every_vendor() {
    let steps = steps(&[]);
    let told = ("tamper_found", "found", None);
    let due: Vec<(&str, &str, Option<&str>)> = STORY.into_iter().chain([told]).collect();
    for vendor in VENDORS {
        let of_vendor = of_vendor(&steps, vendor);
        let told: Vec<_> = of_vendor
            .iter()
            .map(|step| (step["step"].as_str().unwrap(), step["outcome"].as_str().unwrap(), step["code"].as_str()))
            .collect();
        assert_eq!(told, due, "{vendor}");
    }
    let global: Vec<&Value> = steps.iter().filter(|step| step["provider"].is_null()).collect();
    assert_eq!(global.len() + VENDORS.len() * due.len(), steps.len());
    assert_eq!((&global[0]["step"], &global[0]["mode"]), (&"activate".into(), &"stand_ins".into()));
    assert_eq!(
        (&global[1]["step"], &global[1]["protocols"]),
        (&"connect".into(), &json!(["2026-07-28", "2025-11-25"]))
    );
    assert_eq!((&global[2]["step"], &global[2]["outcome"]), (&"end".into(), &"as_told".into()));
}

#[test]
fn the_facts_of_the_steps_fit_together() {
    let steps = steps(&[]);
    for vendor in VENDORS {
        let fact = |name: &str, key: &str| step(&steps, vendor, name)[key].clone();
        assert_eq!(fact("discover", "tools"), fact("discover", "pending"));
        let approved = fact("review", "approved").as_array().unwrap().len();
        assert_eq!(fact("list", "tools").as_array().unwrap().len(), approved);
        assert!(fact("review", "pending").as_u64().unwrap() > 0);
        assert!(fact("call_with_wrong_key", "message").as_str().unwrap().contains("does not accept"));
        assert_eq!(fact("call_without_grant", "remedy")["action"], "request_access");
        assert_eq!(fact("call_pending_tool", "remedy")["action"], "wait_for_review");
        assert_eq!(fact("definition_changed", "changes")[0]["field"], "/description");
        assert!(fact("preview", "request").to_string().contains("***"));
        let calls = fact("audit", "calls");
        let ends: BTreeMap<&str, usize> = calls.as_array().unwrap().iter().fold(BTreeMap::new(), |mut ends, call| {
            *ends.entry(call["end"].as_str().unwrap()).or_default() += 1;
            ends
        });
        // One tool that nobody had reviewed, one whose definition had changed: the record says the same of both.
        assert_eq!(ends["denied: tool_pending"], 2, "{ends:?}");
        assert!(!ends.contains_key("unfinished") && !ends.contains_key("denied: unknown_tool"), "{ends:?}");
        let broken = fact("tamper_found", "broken");
        assert_eq!((&broken["sequence"], &broken["kind"]), (&fact("tamper_found", "record"), &"changed".into()));
    }
}

#[test]
fn the_story_is_told_to_people_in_chapters_that_fit_a_page() {
    let output = run(&[], &[]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let text = String::from_utf8(output.stdout).unwrap();
    let chapters = [
        "Register",
        "Discover",
        "Review",
        "Ask",
        "Connect",
        "Denied",
        "The record",
        "Verified",
        "Tampered with",
        "The end",
    ];
    let places: Vec<usize> = chapters.iter().map(|title| text.find(&format!(". {title}\n")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    for code in ["no_grant", "invalid_arguments", "rule_violated", "server_killed", "tool_pending", "grant_expired"] {
        assert!(text.contains(&format!("`{code}`")), "{code}");
    }
    assert!(text.contains("Everything went as told") && text.contains("`cargo run -p gateway`"), "{text}");
    // An address is not broken into two lines.
    let wide = text.lines().filter(|line| line.chars().count() > 100 && !line.contains("http://")).count();
    assert_eq!((wide, text.matches("\n\n\n").count()), (0, 0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_the_vendors_are_only_read_and_no_key_is_shown() {
    let statuspage = StatuspageStandIn::start().await;
    let opsgenie = OpsgenieStandIn::start().await;
    let pagerduty = PagerDutyStandIn::start().await;
    let keys = [statuspage.good_key(), opsgenie.good_key(), pagerduty.good_key()];
    let addresses = [statuspage.base_url(), opsgenie.base_url(), pagerduty.base_url()].map(String::from);
    let from = pagerduty.actor_email();
    let environment = [
        ("STATUSPAGE_API_KEY", keys[0].as_str()),
        ("STATUSPAGE_BASE_URL", addresses[0].as_str()),
        ("OPSGENIE_API_KEY", keys[1].as_str()),
        ("OPSGENIE_BASE_URL", addresses[1].as_str()),
        ("PAGERDUTY_API_KEY", keys[2].as_str()),
        ("PAGERDUTY_FROM", from.as_str()),
        ("PAGERDUTY_BASE_URL", addresses[2].as_str()),
    ];
    let steps = steps(&environment);
    assert_eq!(steps[0]["mode"], "vendors");
    let told = Value::Array(steps).to_string();
    assert!(keys.iter().all(|key| !told.contains(key.as_str())));
    for (requests, violations) in [
        (statuspage.requests(), statuspage.violations()),
        (opsgenie.requests(), opsgenie.violations()),
        (pagerduty.requests(), pagerduty.violations()),
    ] {
        // Wrong key, probe, call, call within the rule, call of the new definition; a probe may need two reads.
        assert!((5..=6).contains(&requests.len()), "{requests:?}");
        assert!(requests.iter().all(|request: &Seen| request.method() == "GET"), "{requests:?}");
        assert!(violations.is_empty(), "{violations:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_without_a_key_is_left_out_and_that_is_said() {
    let opsgenie = OpsgenieStandIn::start().await;
    let (key, address) = (opsgenie.good_key(), opsgenie.base_url().to_string());
    let environment = [("OPSGENIE_API_KEY", key.as_str()), ("OPSGENIE_BASE_URL", address.as_str())];
    assert_eq!(steps(&environment)[0]["providers"], serde_json::json!(["opsgenie"]));
    let text = String::from_utf8(run(&[], &environment).stdout).unwrap();
    assert!(text.replace('\n', " ").contains("left out: Statuspage, PagerDuty"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_vendor_refuses_ends_the_story_and_says_so() {
    let statuspage = StatuspageStandIn::start().await;
    let address = statuspage.base_url().to_string();
    let output = run(&["--json"], &[("STATUSPAGE_API_KEY", "not-the-key"), ("STATUSPAGE_BASE_URL", address.as_str())]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.contains("the vendor refuses the credential") && !told.contains("not-the-key"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_as_told_is_named_and_the_exit_code_says_so() {
    // The account's first page is gone between two calls.
    let statuspage = StatuspageStandIn::start().await;
    let gone = stand_ins::Fault::status(404);
    statuspage.fail_next_on("GET", "/v1/pages/hb", gone);
    let (key, address) = (statuspage.good_key(), statuspage.base_url().to_string());
    let environment = [("STATUSPAGE_API_KEY", key.as_str()), ("STATUSPAGE_BASE_URL", address.as_str())];
    let output = run(&["--json"], &environment);
    assert_eq!((output.status.code(), statuspage.faults_left()), (Some(1), 0));
    let told = stderr(&output);
    assert!(told.contains("statuspage call_within_rule: expected answered, got failed as `not_found`"), "{told}");
    let last: Value = serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').rev().nth(1).unwrap()).unwrap();
    assert_eq!((&last["step"], &last["outcome"]), (&"end".into(), &"differs".into()));
}

#[test]
fn an_environment_that_is_half_filled_in_is_refused_by_name() {
    for (environment, missing) in [
        ([("PAGERDUTY_API_KEY", "key")], "PAGERDUTY_FROM"),
        ([("STATUSPAGE_BASE_URL", "http://127.0.0.1:1")], "STATUSPAGE_API_KEY"),
    ] {
        let output = run(&["--json"], &environment);
        let told = stderr(&output);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{told}");
        assert!(told.contains(missing), "{told}");
    }
}

#[test]
fn a_listener_who_goes_away_is_not_complained_about() {
    let mut child = quickstart(&[], &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""));
}
