//! Requests for access, decided on the command line.

use serde_json::json;

use crate::site::{GOVERNANCE, Site, code, stderr};

on_every_store! { a_request_is_decided_by_its_approvers_alone }

const DESK: &str = r#"
[profiles.desk]
title = "CallSession"
visibility = "everyone"
policy = { steps = [{ approvers = [{ group = "leads" }], quorum = 1 }], longest_seconds = 3600 }
toolsets = ["look"]
"#;

/// A person asks in the person's own name; answers the request's id.
fn ask(site: &Site, who: &str) -> String {
    let request = format!("by-{who}");
    let said = site.json(&[
        "--actor",
        who,
        "--role",
        "user",
        "request",
        "desk",
        "--for",
        "30m",
        "--reason",
        "on \u{202e}call",
        "--command-id",
        &request,
    ]);
    assert_eq!((&said["outcome"], &said["events"]), (&json!("done"), &json!(["access_requested.v1"])), "{said}");
    request
}

fn a_request_is_decided_by_its_approvers_alone(site: &Site) {
    site.govern_by(&format!("{GOVERNANCE}{DESK}"));
    let (carl, dora, emil) = (ask(site, "carl"), ask(site, "dora"), ask(site, "emil"));
    assert_eq!(site.json(&["status"])["open_requests"], 3);
    let listed = site.json(&["requests"]);
    assert_eq!(listed["requests"].as_array().unwrap().len(), 3);
    let first = &listed["requests"][0];
    assert_eq!((&first["approvers"], &first["seconds"]), (&json!(["group leads"]), &json!(1_800)));
    // One open request for a profile, no longer than its policy gives, and none for what is not visible.
    for (arguments, part) in [
        (&["request", "desk"][..], "is open already"),
        (&["request", "desk", "--for", "2h"], "is open already"),
        (&["request", "nothing"], "nothing"),
    ] {
        let refused = site.run(&[&["--actor", "carl", "--role", "user"][..], arguments].concat());
        assert_eq!(code(&refused), 1);
        assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
    }
    let long = site.run(&["--actor", "gus", "--role", "user", "request", "desk", "--for", "2h"]);
    assert!(code(&long) == 2 && stderr(&long).contains("3600 seconds at most"), "{}", stderr(&long));
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
