//! The whole way of a tool, verb by verb.

use serde_json::json;

use crate::site::{GOVERNANCE, Site, code, shown, stderr, stdout};

const TOOL: &str = "status/create_incident";

on_every_store! {
    a_blueprint_is_planned_confirmed_and_applied_once,
    a_tool_goes_from_review_to_a_call_and_is_stopped_again,
    a_grant_is_made_for_a_time_once_and_taken_back,
    toolsets_and_profiles_are_made_bound_and_shown,
}

fn a_blueprint_is_planned_confirmed_and_applied_once(site: &Site) {
    let file = site.write("governance.toml", GOVERNANCE);
    let absent = site.run(&["plan", &file]);
    assert_eq!(code(&absent), 2, "{}", stderr(&absent));
    assert!(!site.path("store.db").exists(), "a plan made a store");
    // Nobody says yes: nothing is done, and what it would widen is shown.
    let (asked, said) = site.told(&["apply", "--create", &file]);
    assert_eq!((asked, &said["outcome"], &said["widens"]), (5, &json!("confirmation_needed"), &json!(true)));
    let access = said["access"].to_string();
    assert!(
        access.contains("governance becomes active") && access.contains("user ann (local) gains `on-call`"),
        "{access}"
    );
    assert_eq!(site.revision(), 0);
    let (planned, said) = site.told(&["plan", "--exit-code", &file]);
    assert_eq!((planned, &said["outcome"], &said["changes"]), (5, &json!("would_be_done"), &json!(true)));
    assert!(said["synced"][0]["new"].as_u64().unwrap() > 5, "{said}");
    let done = site.json(&["apply", "--yes", &file]);
    assert_eq!((&done["outcome"], &done["revision"]), (&json!("done"), &json!(site.revision())));
    // Applied again it changes nothing and asks nobody.
    let revision = site.revision();
    assert_eq!(site.json(&["apply", &file])["outcome"], "unchanged");
    assert_eq!(site.json(&["plan", "--exit-code", &file])["changes"], false);
    assert_eq!(site.revision(), revision);
    let status = site.json(&["status"]);
    assert_eq!((&status["activated"], &status["servers"], &status["grants"]), (&json!(true), &json!(1), &json!(2)));
    assert!(status["tools"]["pending_review"].as_u64().unwrap() > 0);
}

fn a_tool_goes_from_review_to_a_call_and_is_stopped_again(site: &Site) {
    site.govern_by(GOVERNANCE);
    let explain = |user: &str| site.told(&["explain", TOOL, "--user", user]);
    // No gateway has put the server's key into this store, which is all that is missing where a tool may be called.
    let may_call = |user: &str| explain(user).1["denied"] == "credential_missing";
    assert_eq!(explain("ann").1["denied"], "tool_pending");

    // What approving it gives to whom is shown first.
    let seen = format!("{TOOL}@{}", site.digest(TOOL));
    let refused = site.run(&["approve", &seen]);
    assert_eq!(code(&refused), 5, "{}", stderr(&refused));
    let shown = stdout(&refused);
    assert!(
        shown.contains("holders of `everything` (1 grant) gain 1 tool") && shown.contains("user ben (local)"),
        "{shown}"
    );
    let approved = site.json(&["approve", &seen, "--yes", "--reason", "seen in the meeting"]);
    assert_eq!((&approved["outcome"], &approved["action"]), (&json!("done"), &json!("approve_tools")));
    assert!(may_call("ben"));
    assert_eq!((explain("ann").0, &explain("ann").1["denied"]), (1, &json!("no_grant")));

    // Into the toolset that ann reaches.
    let add = ["toolsets", "add", "respond", TOOL];
    let tried = site.json(&[&add[..], &["--dry-run"]].concat());
    assert_eq!(tried["outcome"], "would_be_done");
    assert!(!may_call("ann"), "a dry run changed something");
    assert_eq!(site.told(&add).0, 5);
    site.json(&[&add[..], &["--yes"]].concat());
    assert_eq!(site.json(&[&add[..], &["--yes"]].concat())["outcome"], "unchanged");
    assert!(may_call("ann"));
    let by_name = site.run(&["explain", "status_create_incident", "--user", "ann"]);
    let text = stdout(&by_name);
    assert!(
        text.starts_with("ann (local) may not call status/create_incident") && text.contains("NO  credential"),
        "{text}"
    );

    // A kill switch is thrown at once, and released with a yes.
    site.json(&["kill", "tool", TOOL]);
    assert_eq!(explain("ann").1["denied"], "tool_killed");
    assert_eq!(site.json(&["status"])["kill_switches"], json!([format!("tool `{TOOL}`")]));
    assert_eq!(site.told(&["unkill", "tool", TOOL]).0, 5);
    assert!(!may_call("ann"));
    site.json(&["unkill", "tool", TOOL, "--yes"]);
    assert!(may_call("ann"));

    site.json(&["servers", "pause", "status"]);
    assert_eq!(explain("ann").1["denied"], "server_paused");
    assert_eq!(site.told(&["servers", "resume", "status"]).0, 5);
    site.json(&["servers", "resume", "status", "-y"]);

    site.json(&["disable", TOOL]);
    assert_eq!(explain("ann").1["denied"], "tool_disabled");
    assert_eq!(site.json(&["tools", "--state", "disabled"])["tools"][0]["tool"], TOOL);
    let again = site.run(&["disable", TOOL]);
    assert_eq!(code(&again), 1, "{}", stderr(&again));

    let commits = site.json(&["audit", "commits", "-n", "100"]);
    assert!(commits.to_string().contains("seen in the meeting"), "{commits}");
    assert_eq!(commits["commits"].as_array().unwrap().len() as u64, site.revision());
}

fn a_grant_is_made_for_a_time_once_and_taken_back(site: &Site) {
    site.govern_by(GOVERNANCE);
    let may_call =
        || site.told(&["explain", "status/list_pages", "--user", "carl"]).1["denied"] == "credential_missing";
    let grant = ["grant", "on-call", "--user", "carl", "--for", "8h", "--command-id", "once"];
    assert_eq!((may_call(), site.told(&grant).0), (false, 5));
    let done = site.json(&[&grant[..], &["--yes"]].concat());
    assert_eq!((&done["outcome"], may_call()), (&json!("done"), true));
    assert!(done["access"][0]["what"].as_str().unwrap().contains("user carl (local) gains `on-call`"), "{done}");
    // The same command again, later: still one grant.
    assert_eq!(site.json(&[&grant[..], &["--yes"]].concat())["outcome"], "repeated");
    let grants = site.json(&["grants", "--user", "carl"]);
    assert_eq!(grants["grants"].as_array().unwrap().len(), 1);
    assert!(grants["grants"][0]["until"].is_string() && grants["grants"][0]["by"].as_str().unwrap().ends_with("(os)"));
    let id = grants["grants"][0]["grant"].as_str().unwrap();
    let held = site.json(&["profiles", "show", "on-call"]);
    assert_eq!(held["held_by"].as_array().unwrap().len(), 2, "{held}");
    site.json(&["revoke", id]);
    assert!(!may_call());
    assert_eq!(code(&site.run(&["revoke", id])), 1);
    // Nobody grants to themselves, and an auditor grants nothing.
    let own = site.run(&["--actor", "ann", "grant", "everything", "--user", "ann", "--yes"]);
    assert_eq!(code(&own), 1, "{}", stderr(&own));
    let auditor = site.run(&["--role", "auditor", "grant", "everything", "--group", "staff", "--yes"]);
    assert_eq!(code(&auditor), 1);
    assert!(stderr(&auditor).contains("profile_admin"), "{}", stderr(&auditor));
}

fn toolsets_and_profiles_are_made_bound_and_shown(site: &Site) {
    site.govern_by(GOVERNANCE);
    site.json(&["toolsets", "create", "pages", "status/list_pages", "--title", "Pages"]);
    site.json(&["profiles", "create", "readers"]);
    // Nobody holds it yet: nobody has to say yes.
    site.json(&["profiles", "bind", "readers", "pages"]);
    assert_eq!(site.json(&["profiles", "bind", "readers", "pages"])["outcome"], "unchanged");
    let shown = site.json(&["toolsets", "show", "pages"]);
    assert_eq!((&shown["profiles"], &shown["entries"][0]["tool"]), (&json!(["readers"]), &json!("status/list_pages")));
    let pending = site.run(&["toolsets", "add", "pages", "status/create_incident"]);
    assert_eq!(code(&pending), 1, "{}", stderr(&pending));
    site.json(&["grant", "readers", "--group", "staff", "--yes", "--id", "staff-reads"]);
    let asked = ["explain", "status/list_pages", "--user", "dora", "--group", "staff"];
    let may_call = || site.told(&asked).1["denied"] == "credential_missing";
    assert!(may_call());
    site.json(&["toolsets", "remove", "pages", "status/list_pages"]);
    assert!(!may_call());
    site.json(&["profiles", "unbind", "readers", "pages"]);
    site.json(&["toolsets", "delete", "pages"]);
    site.json(&["profiles", "delete", "readers"]);
    for (verb, due) in
        [("toolsets", "respond"), ("profiles", "on-call"), ("servers", "statuspage"), ("tools", "status/list_pages")]
    {
        let table = stdout(&site.run(&[verb]));
        assert!(table.contains(due) && !table.contains("readers"), "{table}");
    }
}

#[test]
fn a_backup_opens_and_holds_what_the_store_held() {
    let site = Site::governed_by(GOVERNANCE);
    let copy = shown(&site.path("copy.db"));
    let told = site.json(&["backup", &copy]);
    assert!(told["bytes"].as_u64().unwrap() > 0);
    let revision = site.revision();
    site.json(&["kill", "tenant"]);
    let url = format!("sqlite:{copy}");
    let of_copy = site.json(&["--store", &url, "status"]);
    assert_eq!((&of_copy["revision"], &of_copy["kill_switches"]), (&json!(revision), &json!([])));
    assert_eq!(code(&site.run(&["backup", &copy])), 2, "a backup was written over");
}

#[test]
fn a_database_is_backed_up_by_its_own_program() {
    let Some(site) = Site::on_postgres() else { return };
    site.govern_by(GOVERNANCE);
    let copy = shown(&site.path("copy.db"));
    let refused = site.run(&["backup", &copy]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("pg_dump") && !site.path("copy.db").exists(), "{}", stderr(&refused));
}
