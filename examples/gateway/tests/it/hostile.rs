//! One person with two read tools does what one person can do; another person's calls go on, and a kill switch takes effect.
//!
//! Three rounds by default; `MCP_GOVERN_HOSTILE_SECONDS=60` goes on for a minute. What the other person's calls take is printed
//! (`--nocapture`), and not asserted: a busy machine is slow by itself.

use std::time::{Duration, Instant};

use mcp_govern_core::journal::{Action, KillScope};
use reqwest::Client;
use serde_json::{Value, json};
use stand_ins::Fault;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet, time::MissedTickBehavior};

use crate::{
    apis::{self, Host},
    restart::Operator,
    world::{ANN, BEN, Gateway, client, code, until},
};

/// How long the vendor keeps a request for as long as the test needs it.
const HANGS: Duration = Duration::from_secs(25);

/// How many calls of Ann's are timed before the first round, and at least in each round. A longer run times more before it.
const TIMED: usize = 10;

/// How far apart they begin: she may begin twenty a second.
const APART: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_person_does_costs_another_little_and_a_kill_switch_takes_effect() {
    // Ann's calls go to an API whose vendor states no rate: their number is not bounded by what Ben leaves of one.
    let host = Host::start().await;
    let site = apis::site(&host.url).await;
    // The limits as they are shipped.
    site.change("rate_per_person = { per_second = 1000000, burst = 1000000 }\n", "");
    site.add("[grants.ben]\nprofile = \"look\"\ngrantee = { user = { issuer = \"local\", subject = \"ben\" } }\n");
    let gateway = site.start().await;
    let seconds = std::env::var("MCP_GOVERN_HOSTILE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    // What is compared is counted alike.
    let least = if seconds > 0 { 200 } else { TIMED };
    let before = timed(&gateway, least, || false).await;
    let (start, mut rounds, mut during) = (Instant::now(), 0, Vec::new());
    while rounds < 3 || start.elapsed() < Duration::from_secs(seconds) {
        let held = hold_connections(&gateway).await;
        let flood = tokio::spawn(flood(&gateway).join_all());
        // Not one of them is refused, whatever is under way.
        during.extend(timed(&gateway, TIMED, || !flood.is_finished()).await);
        let answers = flood.await.unwrap();
        assert!(answers.iter().any(|end| end == "quota_exceeded"), "nothing was bounded: {answers:?}");
        drop(held);
        rounds += 1;
    }
    println!("{rounds} rounds; another person's calls: before {}, during {}", told(before), told(during));

    // A call under way ends, and the next one is denied.
    site.vendor.fail_times(3, &Fault::Delay(HANGS));
    let asked = site.vendor.count();
    let address = gateway.url().to_owned();
    let call = async move { send(&client(), &address, ANN, "status_list_components", json!({"page_id": "p"})).await };
    let under_way = tokio::spawn(call);
    until("a call at the vendor", async || (site.vendor.count() > asked).then_some(())).await;
    let operator = Operator::beside(&site).await;
    let thrown = Instant::now();
    operator.commit(Action::Kill { scope: KillScope::Tenant }).await;
    assert_eq!(code(&under_way.await.unwrap()), "call_killed");
    println!("a call under way ended {:?} after the kill switch was thrown", thrown.elapsed());
    assert_eq!(code(&gateway.call(ANN, "status_list_pages", json!({})).await), "tenant_killed");
    let after = site.vendor.count();
    for end in flood(&gateway).join_all().await {
        assert!(["tenant_killed", "refused"].contains(&end.as_str()), "{end}");
    }
    assert_eq!(site.vendor.count(), after, "something was sent after the kill switch");
    gateway.stop().await;

    // The record holds no more than its bounds for all of it.
    let bytes = std::fs::metadata(site.path().join("gateway.db")).unwrap().len();
    println!("the store has {} KiB after {rounds} rounds", bytes / 1024);
    assert!(rounds > 3 || bytes < 16 << 20, "{bytes} bytes");
}

/// Calls of Ann's, one after the other, each of which must go well: how long each took.
async fn timed(gateway: &Gateway, least: usize, go_on: impl Fn() -> bool) -> Vec<Duration> {
    let (mut took, mut turns) = (Vec::new(), tokio::time::interval(APART));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while took.len() < least || go_on() {
        turns.tick().await;
        let start = Instant::now();
        let answer = gateway.call(ANN, "things_list_things", json!({})).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        took.push(start.elapsed());
    }
    took
}

/// Everything that one person can send at once; how each ended.
fn flood(gateway: &Gateway) -> JoinSet<String> {
    let (large, long) = ("x".repeat(900_000), "%25".repeat(160));
    let mut calls: Vec<(String, Value)> = Vec::new();
    calls.extend((0..100).map(|_| ("status_list_pages".to_owned(), json!({}))));
    calls.extend((0..5).map(|_| ("status_list_components".to_owned(), json!({"page_id": large}))));
    calls.extend((0..5).map(|_| ("status_list_components".to_owned(), json!({"page_id": long}))));
    calls.extend((0..20).map(|number| (format!("status_no_such_{number}"), json!({"page_id": large.get(..1_000)}))));
    calls.push(("x".repeat(100_000), json!({"page_id": vec![large.get(..1_000); 20]})));
    let (mut flood, client) = (JoinSet::new(), client());
    for (tool, arguments) in calls {
        let (address, client) = (gateway.url().to_owned(), client.clone());
        flood.spawn(async move { end(&send(&client, &address, BEN, &tool, arguments).await) });
    }
    flood
}

/// Connections that send nothing, and some that ask and do not read the answer.
async fn hold_connections(gateway: &Gateway) -> Vec<TcpStream> {
    let address = gateway.facts["address"].as_str().unwrap();
    let mut held = Vec::new();
    for number in 0..60 {
        // Beyond its bounds the gateway may refuse: that is as good.
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        if number % 3 == 0 {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string();
            let request = format!(
                "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {BEN}\r\ncontent-type: application/json\r\n\
                 accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(request.as_bytes()).await;
        }
        held.push(stream);
    }
    held
}

async fn send(client: &Client, url: &str, token: &str, tool: &str, arguments: Value) -> Value {
    let message =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
    let request = client.post(url).header("accept", "application/json, text/event-stream");
    match request.bearer_auth(token).json(&message).send().await {
        Ok(answer) => answer.json().await.unwrap_or_default(),
        Err(_) => Value::Null,
    }
}

/// How a call ended, in a word: a denial's code, or what became of it.
fn end(answer: &Value) -> String {
    let result = &answer["result"];
    match result["_meta"]["io.github.mcp-govern/denial"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None if result["isError"] == false => "done".to_owned(),
        None if result["isError"] == true => "failed".to_owned(),
        None => "refused".to_owned(),
    }
}

fn told(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |part: usize| {
        took.get((took.len() * part / 100).min(took.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    format!("p50 {:?}, p99 {:?} of {}", at(50), at(99), took.len())
}
