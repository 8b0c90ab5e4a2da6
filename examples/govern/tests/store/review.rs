//! Reviewing: what was seen is what is approved.

use serde_json::{Value, json};

use crate::site::{GOVERNANCE, Site, code, stderr, stdout};

on_every_store! {
    an_approval_of_a_definition_that_was_not_seen_is_refused,
    a_list_that_was_looked_through_is_approved_at_once,
    tools_are_reviewed_by_area_and_effect,
    a_tool_whose_scope_the_app_does_not_ask_for_is_shown_as_such,
    a_list_of_verbs_is_tried_together_and_changes_nothing,
    a_tool_that_changed_is_shown_field_by_field_and_waits,
    what_widens_access_is_shown_and_waits_for_a_yes,
}

const API: &str = r#"
openapi: 3.1.0
info: {title: Pantry, version: "1"}
servers:
  - url: https://pantry.example.com/v1
security:
  - token: []
x-govern:
  provider: pantry
  catalogue: 1
  probe:
    - operation: list_shelves
components:
  securitySchemes:
    token:
      type: http
      scheme: bearer
      x-govern:
        title: Access token
        field: token
        fields:
          - {name: token, title: Access token}
paths:
  /shelves:
    get:
      operationId: list_shelves
      summary: List shelves
      description: Lists the shelves of the pantry. Changes nothing.
      responses:
        "200": {description: The shelves.}
      x-govern:
        effect: read
"#;

/// PagerDuty with an app that may only read incidents.
const SCOPED: &str = r#"
governance = "activated"
[settings]
unmatched_client = "personal"
[servers.pager]
provider = "pagerduty"
title = "Pager"
prefix = "pager"
auth_method = "oauth"
sharing = "per_user"
approve = ["read", "write"]
config = { oauth_scopes = "incidents.read" }
[toolsets.all]
title = "All"
follows = { server = "pager", areas = ["incidents"], up_to = "write" }
[profiles.all]
title = "All"
toolsets = ["all"]
[grants.ann]
profile = "all"
grantee = { user = { issuer = "local", subject = "ann" } }
"#;

fn a_tool_whose_scope_the_app_does_not_ask_for_is_shown_as_such(site: &Site) {
    site.govern_by(SCOPED);
    let tools = site.json(&["tools", "--area", "incidents"]);
    let obstacle = |name: &str| {
        let named = tools["tools"].as_array().unwrap().iter().find(|row| row["tool"] == format!("pager/{name}"));
        named.unwrap()["obstacle"].clone()
    };
    assert_eq!(obstacle("list_incidents"), Value::Null);
    let why = obstacle("create_incident_note");
    assert!(why.as_str().unwrap().contains("`incidents.write`"), "{why}");
    let text = stdout(&site.run(&["tools", "--area", "incidents"]));
    assert!(text.contains("pager/create_incident_note cannot work: "), "{text}");
    let diff = stdout(&site.run(&["diff", "pager/create_incident_note"]));
    assert!(diff.contains("cannot work") && diff.contains("`oauth_scopes`"), "{diff}");
    for (tool, denied) in
        [("list_incidents", json!("credential_missing")), ("create_incident_note", json!("tool_unusable"))]
    {
        let (_, explained) = site.told(&["explain", &format!("pager/{tool}"), "--user", "ann"]);
        let failed: Vec<&Value> =
            explained["checks"].as_array().unwrap().iter().map(|check| &check["result"]["failed"]).collect();
        assert!(failed.contains(&&denied), "{explained}");
    }
}

const PANTRY: &str = r#"
governance = "activated"
[settings]
unmatched_client = "personal"
[servers.pantry]
provider = "pantry"
title = "Pantry"
prefix = "pantry"
auth_method = "token"
approve = ["read"]
[toolsets.kitchen]
title = "Kitchen"
tools = ["pantry/list_shelves"]
[profiles.cook]
title = "Cook"
toolsets = ["kitchen"]
[grants.ann]
profile = "cook"
grantee = { user = { issuer = "local", subject = "ann" } }
"#;

fn an_approval_of_a_definition_that_was_not_seen_is_refused(site: &Site) {
    site.govern_by(GOVERNANCE);
    let tool = "status/create_incident";
    let digest = site.digest(tool);
    assert_eq!(code(&site.run(&["approve", tool, "--yes"])), 2, "no digest was named");
    assert_eq!(code(&site.run(&["approve", &format!("{tool}@{}", &digest[..15]), "--yes"])), 2);
    for other in [format!("sha256:{}", "0".repeat(64)), format!("sha256:{}", "0".repeat(16))] {
        let refused = site.run(&["approve", &format!("{tool}@{other}"), "--yes"]);
        assert_eq!(code(&refused), 1, "{}", stderr(&refused));
        assert!(stderr(&refused).contains(&digest), "{}", stderr(&refused));
    }
    // The beginning of the digest, as `diff` says it.
    let diff = stdout(&site.run(&["diff", tool]));
    let line = diff.lines().last().unwrap();
    let named = line.split_whitespace().last().unwrap();
    assert!(line.contains("govern approve") && named.starts_with(&format!("{tool}@sha256:")), "{line}");
    assert_eq!(site.json(&["approve", named, "--yes"])["outcome"], "done");
    assert_eq!(code(&site.run(&["approve", named, "--yes"])), 1, "it was approved twice");
}

fn a_list_that_was_looked_through_is_approved_at_once(site: &Site) {
    site.govern_by(GOVERNANCE);
    let pending = site.run(&["--json", "tools", "--pending"]);
    let list = site.write("seen.json", &stdout(&pending));
    let count = site.json(&["tools", "--pending"])["tools"].as_array().unwrap().len();
    assert!(count > 3);
    let done = site.json(&["approve", "--from", &list, "--yes"]);
    assert_eq!(done["events"].as_array().unwrap().len(), count);
    assert_eq!(site.json(&["tools", "--pending"])["tools"], json!([]));
    assert_eq!(code(&site.run(&["approve", "--from", &list, "--yes"])), 1);
    let reset = site.json(&["reset", "status/create_incident"]);
    assert_eq!(reset["access"][0]["widens"], false);
}

fn tools_are_reviewed_by_area_and_effect(site: &Site) {
    site.govern_by(&GOVERNANCE.replace("approve = [\"read\"]\n", ""));
    let all = site.json(&["tools", "--pending"])["tools"].as_array().unwrap().clone();
    let is_meant = |row: &Value| row["area"] == "incidents" && row["effect"] == "read" && row["risk"] == "none";
    let meant: Vec<&Value> = all.iter().filter(|row| is_meant(row)).map(|row| &row["tool"]).collect();
    assert!(!meant.is_empty() && meant.len() < all.len(), "{meant:?}");
    let filter = ["tools", "--pending", "--area", "incidents", "--up-to", "read"];
    let listed = site.run(&[&["--json"][..], &filter].concat());
    let rows: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let rows = rows["tools"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["tool"]).collect::<Vec<_>>(), meant);
    for row in rows {
        assert!(row["description"].as_str().is_some_and(|text| text.len() > 20), "{row}");
        assert!(row["sends"][0].as_str().is_some_and(|sends| !sends.is_empty()), "{row}");
    }
    let list = site.write("seen.json", &stdout(&listed));
    site.json(&["approve", "--from", &list, "--yes"]);
    assert_eq!(site.json(&filter)["tools"], json!([]));
    assert_eq!(site.json(&["tools", "--pending"])["tools"].as_array().unwrap().len(), all.len() - meant.len());
    let created = site.json(&["toolsets", "create", "i", "--follows", "status", "--area", "incidents", "--yes"]);
    assert_eq!(created["outcome"], "done");
    assert_eq!(site.json(&["toolsets", "show", "i"])["follows"], "status: incidents");
    for (due, arguments) in [
        (1, &["tools", "--area", "incidnts"][..]),
        (2, &["toolsets", "create", "j", "--follows", "status", "--area", "incidnts", "--yes"]),
    ] {
        let refused = site.run(arguments);
        assert_eq!(code(&refused), due, "{}", stderr(&refused));
        assert!(stderr(&refused).contains("did you mean `incidents`?"), "{}", stderr(&refused));
    }
}

fn a_list_of_verbs_is_tried_together_and_changes_nothing(site: &Site) {
    site.govern_by(GOVERNANCE);
    let revision = site.revision();
    let tool = "status/create_incident";
    let list = format!(
        "# What the meeting decided\n\napprove {tool}@{}\ngovern toolsets add respond {tool}\n\
         grant on-call --user carl --for 8h --reason 'on call this week'\nrevoke no-such-grant\nservers pause status\n",
        site.digest(tool)
    );
    let file = site.write("list", &list);
    let (code, told) = site.told(&["simulate", &file]);
    let outcomes: Vec<&str> =
        told["steps"].as_array().unwrap().iter().map(|step| step["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["would_be_done", "would_be_done", "would_be_done", "refused", "would_be_done"], "{told}");
    assert_eq!((code, &told["refused"], &told["revision"]), (1, &json!(1), &json!(revision)));
    assert_eq!((&told["steps"][0]["line"], &told["steps"][3]["line"]), (&json!(3), &json!(6)));
    // Each sees what those before it left: the tool can be put into a toolset because it is approved by then.
    let changes = told["access"].as_array().unwrap();
    assert!(
        changes.iter().any(|change| change["what"].as_str().unwrap().contains("user carl (local) gains `on-call`")),
        "{told}"
    );
    let text = stdout(&site.run(&["simulate", &file]));
    assert!(text.contains("REFUSED") && text.contains("nothing was changed"), "{text}");
    assert_eq!(site.revision(), revision, "a simulation wrote to the store");
    assert_eq!(
        site.json(&["tools", "--pending"])["tools"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["tool"] == tool)
            .count(),
        1
    );
    for (line, says) in [
        ("status", "changes no rules"),
        ("apply file.toml", "`govern plan`"),
        ("grnt on-call", "grnt"),
        ("grant 'on-call", "quotation mark"),
        ("", "one on each line"),
    ] {
        let refused = site.run(&["simulate", &site.write("faulty", line)]);
        assert_eq!(crate::site::code(&refused), 2, "{line}");
        assert!(stderr(&refused).contains(says), "{line}: {}", stderr(&refused));
    }
}

fn a_tool_that_changed_is_shown_field_by_field_and_waits(site: &Site) {
    let governance = site.write("pantry.toml", PANTRY);
    let api = site.write("api.yaml", API);
    let with_api = |arguments: &[&'static str]| [&["--api", api.as_str()][..], arguments].concat();
    let applied = site.told(&["--api", &api, "apply", "--create", "--yes", &governance]);
    assert_eq!(applied.0, 0, "{}", applied.1);
    let old = site.digest("pantry/list_shelves");
    assert_eq!(site.json(&with_api(&["sync"]))["outcome"], "unchanged");
    let fault = site.told(&["sync"]);
    assert_eq!((fault.0, fault.1["servers"][0]["fault"].as_str().unwrap().contains("--api")), (3, true));

    // The next release sends something else under the same name.
    let next = API.replace("catalogue: 1", "catalogue: 2").replace("  /shelves:", "  /cupboards:");
    site.write("api.yaml", &next);
    let tried = site.json(&with_api(&["sync", "--dry-run"]));
    assert_eq!((&tried["outcome"], &tried["servers"][0]["changed"]), (&json!("would_be_done"), &json!(1)));
    assert_eq!(site.json(&["tools", "--changed"])["tools"], json!([]));
    let synced = site.json(&with_api(&["sync", "pantry"]));
    assert_eq!((&synced["outcome"], &synced["servers"][0]["changed"]), (&json!("done"), &json!(1)));
    let row = &site.json(&["tools", "--changed"])["tools"][0];
    assert_eq!((&row["state"], &row["changed"]), (&json!("pending_review"), &json!("rebound")));

    let diff = site.json(&["diff", "pantry/list_shelves"]);
    let changes = diff["changes"].as_array().unwrap();
    let path = changes.iter().find(|change| change["field"] == "/binding/path").unwrap();
    assert_eq!((&path["grade"], &diff["grade"]), (&json!("rebound"), &json!("rebound")));
    assert!(path["before"].as_str().unwrap().ends_with("/shelves"), "{path}");
    assert_eq!(diff["impact"][0]["profile"], "cook");
    assert_eq!(diff["sends"][0], json!(format!("GET {}", path["after"].as_str().unwrap())));
    let text = stdout(&site.run(&["diff", "pantry/list_shelves"]));
    assert!(text.contains("- /shelves") && text.contains("+ /cupboards"), "{text}");
    assert!(text.contains("  sends       GET ") && text.contains("  class       "), "{text}");

    let stale = site.run(&["approve", &format!("pantry/list_shelves@{old}"), "--yes"]);
    assert_eq!(code(&stale), 1, "{}", stderr(&stale));
    let new = site.digest("pantry/list_shelves");
    assert_ne!(old, new);
    let seen = format!("pantry/list_shelves@{new}");
    assert_eq!(site.told(&["approve", &seen]).0, 5);
    site.json(&["approve", &seen, "--yes"]);
    assert_eq!(site.json(&["tools", "--changed"])["tools"], json!([]));
}

fn what_widens_access_is_shown_and_waits_for_a_yes(site: &Site) {
    site.govern_by(GOVERNANCE);
    let revision = site.revision();
    let seen = format!("status/create_incident@{}", site.digest("status/create_incident"));
    for widening in [&["approve", seen.as_str()][..], &["grant", "on-call", "--group", "staff"]] {
        let (code, said) = site.told(widening);
        assert_eq!((code, &said["outcome"]), (5, &json!("confirmation_needed")), "{widening:?}");
        assert_eq!(said["access"][0]["widens"], true);
        let text = site.run(widening);
        assert!(crate::site::code(&text) == 5 && stdout(&text).contains("  + "), "{}", stdout(&text));
    }
    assert_eq!(site.revision(), revision);
    // A further way to what ann can call already gives nobody anything, and asks nobody.
    let same = site.json(&["toolsets", "add", "respond", "status/list_pages"]);
    assert_eq!((&same["outcome"], &same["access"]), (&json!("done"), &json!([])));
}
