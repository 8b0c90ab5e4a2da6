//! Requests for access, decided on the command line.

use mcp_govern_core::{
    Actor, CommandId, Governor, GrantId, ProfileId, RequestId, TenantId, UserId,
    journal::{Action, Command},
};
use serde_json::json;

use crate::site::{GOVERNANCE, Site, code, stderr};

on_every_store! { a_request_is_decided_by_its_approvers_alone }

const DESK: &str = r#"
[profiles.desk]
title = "Desk"
visibility = "everyone"
policy = { steps = [{ approvers = [{ group = "leads" }], quorum = 1 }], longest_seconds = 3600 }
toolsets = ["look"]
"#;

/// Somebody asks, as they do through a gateway.
fn ask(site: &Site, who: &str) -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(asked(site, who))
}

async fn asked(site: &Site, who: &str) -> String {
    let stores = mcp_govern_store::open(site.url(), mcp_govern_store::OpenOptions::new()).await.unwrap();
    let tenant = TenantId::new("default").unwrap();
    let (governor, _driver) = Governor::builder(tenant).with_stores(stores.clone()).open().await.unwrap();
    let request = format!("by-{who}");
    let action = Action::RequestAccess {
        request: RequestId::new(&request).unwrap(),
        grant: GrantId::new(&request).unwrap(),
        profile: ProfileId::new("desk").unwrap(),
        justification: Some("on \u{202e}call".into()),
        seconds: None,
    };
    let actor = Actor::new(UserId::new("local", who).unwrap(), []);
    governor.act(&actor, Command::new(CommandId::random().unwrap(), action)).await.unwrap();
    stores.close().await;
    request
}

fn a_request_is_decided_by_its_approvers_alone(site: &Site) {
    site.govern_by(&format!("{GOVERNANCE}{DESK}"));
    let (carl, dora, emil) = (ask(site, "carl"), ask(site, "dora"), ask(site, "emil"));
    assert_eq!(site.json(&["status"])["open_requests"], 3);
    let listed = site.json(&["requests"]);
    assert_eq!(listed["requests"].as_array().unwrap().len(), 3);
    assert_eq!(listed["requests"][0]["approvers"], json!(["group leads"]));
    let table = crate::site::stdout(&site.run(&["requests", "list"]));
    assert!(table.contains("step 1 of 1") && table.contains("on \\u{202e}call"), "{table}");

    // Not by office, not by oneself.
    let by_office = site.run(&["requests", "approve", &carl, "--yes"]);
    assert_eq!(code(&by_office), 1, "{}", stderr(&by_office));
    let own = site.run(&["--actor", "carl", "--member-of", "leads", "requests", "approve", &carl, "--yes"]);
    assert_eq!(code(&own), 1, "{}", stderr(&own));

    let lead = ["--actor", "lea", "--role", "user", "--member-of", "leads", "requests"];
    let (asked, said) = site.told(&[&lead[..], &["approve", &carl]].concat());
    assert_eq!(asked, 5);
    assert!(said["access"][0]["what"].as_str().unwrap().contains("user carl (local) gains `desk`"), "{said}");
    site.json(&[&lead[..], &["approve", &carl, "--yes"]].concat());
    let grant = &site.json(&["grants", "--user", "carl"])["grants"][0];
    assert_eq!((&grant["by"], &grant["request"]), (&json!("lea (local)"), &json!(carl)));
    site.json(&[&lead[..], &["deny", &dora]].concat());
    site.json(&["--actor", "emil", "--role", "user", "requests", "cancel", &emil]);
    assert_eq!(site.json(&["requests"])["requests"], json!([]));
    let all = site.json(&["requests", "list", "--all"]);
    let statuses: Vec<_> = all["requests"].as_array().unwrap().iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, [json!("approved"), json!("denied"), json!("cancelled")]);
    assert_eq!(code(&site.run(&["requests", "deny", &dora])), 1);
}
