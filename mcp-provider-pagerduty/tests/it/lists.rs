//! How long lists are, and which times they span.

use mcp_govern_core::{Clock as _, SystemClock, Timestamp};
use serde_json::json;

use crate::setup::open;

#[tokio::test]
async fn incidents_of_the_size_that_accounts_have_fill_an_answer_of_a_few_thousand_tokens() {
    // Measured on an account: 2.7 KB for each incident.
    let (_, harness) = open().await;
    let tools = harness.governor().list(harness.person()).unwrap();
    let tool = tools.iter().find(|tool| tool.id.name().as_str() == "list_incidents").unwrap();
    let usual = tool.definition.send()["limit"].as_u64().unwrap();
    assert!(usual * 2_700 <= 20_000, "{usual} incidents");
    assert_eq!(tool.input_schema["properties"]["limit"]["default"], usual, "and the schema says so");
}

#[tokio::test]
async fn a_range_with_a_start_alone_ends_now() {
    let (vendor, harness) = open().await;
    for tool in ["list_incidents", "list_on_calls"] {
        let now = SystemClock.now().as_millis();
        let since = Timestamp::from_millis(now - 24 * 60 * 60 * 1_000).to_string();
        crate::setup::call(&harness, tool, json!({"since": since})).await;
        let seen = vendor.last_request().unwrap();
        let query = seen.query().unwrap();
        let until = query.split('&').find_map(|pair| pair.strip_prefix("until=")).unwrap().replace("%3A", ":");
        let until: Timestamp = until.parse().unwrap();
        // Whole seconds, and the machine may be slow.
        assert!((until.as_millis() - now).abs() < 120_000, "{tool}: {until}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
