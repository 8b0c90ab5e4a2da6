//! One person: stopped, off-boarded, and the accounts that a person has connected.

use serde_json::{Value, json};

use crate::{
    node::{Node, running, serving},
    site::{GOVERNANCE, Site, code, stderr, stdout},
};

on_every_store! {
    a_person_is_stopped_beside_a_node_and_let_go_on,
    off_boarding_says_what_goes_and_what_stays_and_is_done_once,
    accounts_are_listed_and_removed_by_the_person_and_by_an_administrator,
}

/// A server for which each person has an account, a group that holds something, a profile that Ann approves and one that is shown to
/// her; she owns a server.
const MORE: &str = r#"
[servers.own]
provider = "statuspage"
title = "Own pages"
prefix = "own"
auth_method = "api_key"
sharing = "per_user"
base_url = "VENDOR"
owners = [{ issuer = "local", subject = "ann" }]

[profiles.wanted]
title = "Wanted"
toolsets = ["look"]

[profiles.wanted.visibility]
only = [{ user = { issuer = "local", subject = "ann" } }]

[profiles.wanted.policy]
steps = [{ approvers = [{ user = { issuer = "local", subject = "ann" } }, { user = { issuer = "local", subject = "ben" } }], quorum = 1 }]

[grants.engineers]
profile = "on-call"
grantee = { group = "engineers" }
"#;

async fn scene(site: &Site) -> (stand_ins::StatuspageStandIn, Node) {
    let (vendor, node) = serving(site).await;
    let place = format!("auth_method = \"api_key\"\nbase_url = \"{}\"", vendor.base_url());
    let governance = GOVERNANCE.replace("auth_method = \"api_key\"", &place);
    site.govern_by(&format!("{governance}{}", MORE.replace("VENDOR", vendor.base_url().as_str())));
    node.follow(&json!({"revision": site.revision()})).await;
    node.connect("ann", "own", &vendor.good_key()).await;
    node.connect("ben", "own", &vendor.good_key()).await;
    (vendor, node)
}

fn a_person_is_stopped_beside_a_node_and_let_go_on(site: &Site) {
    running(async {
        let (_vendor, node) = serving(site).await;
        assert_eq!(node.call("ann").await, None);
        let said = site.json(&["kill", "user", "ann", "--reason", "a token was stolen"]);
        assert_eq!((&said["outcome"], &said["events"]), (&json!("done"), &json!(["kill_switch_thrown.v1"])));
        node.follow(&said).await;
        let denied = node.call("ann").await.map(mcp_govern_core::DenialCode::as_str);
        assert_eq!((denied, node.call("ben").await), (Some("user_killed"), None));
        assert_eq!(site.json(&["status"])["kill_switches"], json!(["user `ann (local)`"]));
        let explained = site.told(&["explain", "status/list_pages", "--user", "ann"]);
        assert_eq!((explained.0, &explained.1["denied"]), (1, &json!("user_killed")));
        let text = stdout(&site.run(&["explain", "status/list_pages", "--user", "ann"]));
        assert!(text.contains("NO  user kill switch") && text.contains("the kill switch is on"), "{text}");
        assert_eq!(site.json(&["kill", "user", "ann"])["outcome"], "unchanged");

        // A name that was never seen is asked about, whether it would be stopped or let go on.
        for verb in ["kill", "unkill"] {
            let (code, said) = site.told(&[verb, "user", "anne"]);
            assert_eq!((code, &said["outcome"]), (5, &json!("confirmation_needed")), "{verb}: {said}");
            assert_eq!(said["unknown"][0]["nearest"], "ann (local)", "{verb}");
        }
        // One who comes in by a group alone is known by nothing; it is done where it is meant.
        assert_eq!(site.json(&["kill", "user", "zed", "--yes"])["outcome"], "done");
        let said = site.json(&["unkill", "user", "ann", "--yes"]);
        node.follow(&said).await;
        assert_eq!(node.call("ann").await, None);
        node.end().await;
    });
}

fn off_boarding_says_what_goes_and_what_stays_and_is_done_once(site: &Site) {
    running(async {
        let (_vendor, node) = scene(site).await;
        let ann = ["--actor", "ann", "--role", "user"];
        site.json(&[&ann[..], &["request", "wanted", "--reason", "to see"]].concat());
        let before = site.revision();

        // Nothing is done that was not confirmed, and what it would do is told.
        let (code_of, told) = site.told(&["offboard", "ann"]);
        assert_eq!((code_of, &told["outcome"], site.revision()), (5, &json!("confirmation_needed"), before));
        assert_eq!(told, {
            let mut dry = site.json(&["offboard", "ann", "--dry-run"]);
            dry["outcome"] = json!("confirmation_needed");
            dry["command_id"] = told["command_id"].clone();
            dry
        });
        let leaving = &told["consequences"]["leaving"];
        let ends = &leaving["ends"];
        assert_eq!(ends["grants"][0]["grant"], "ann");
        assert_eq!(ends["requests"][0]["profile"], "wanted");
        assert_eq!(ends["accounts"], json!([{"server": "own", "authorized_as": null}]));
        assert_eq!(
            leaving["stays"],
            json!({
                "groups": {"engineers": ["on-call"]}, "owns": ["own"], "approves": ["wanted"], "may_ask_for": ["wanted"],
                "killed": false,
            })
        );
        let text = stdout(&site.run(&["offboard", "ann"]));
        for due in [
            "not done: it takes this away for good",
            "- user ann (local) loses `on-call`",
            "the connected account of server `own` is removed",
            "for `wanted` is cancelled",
            "the group `engineers` holds `on-call`",
            "stays an owner of server `own`",
            "stays an approver of requests for `wanted`",
            "`govern kill user \"ann (local)\"` stops every call",
        ] {
            assert!(text.contains(due), "{due}: {text}");
        }
        assert_eq!(node.in_vault().await, 3);

        let said = site.json(&["offboard", "ann", "--yes", "--reason", "left"]);
        assert_eq!((&said["outcome"], &said["events"]), (&json!("done"), &json!(["user_offboarded.v1"])));
        node.follow(&said).await;
        assert_eq!(node.call("ann").await.map(mcp_govern_core::DenialCode::as_str), Some("no_grant"));
        assert_eq!(node.call("ben").await, None);
        assert_eq!(node.in_vault().await, 2);
        let requests = site.json(&["requests", "list", "--all"]);
        assert_eq!(requests["requests"][0]["status"], "cancelled");

        // Once more there is nothing to do, and nothing to confirm; also for one of whom nothing is left but that.
        let again = site.json(&["offboard", "ann"]);
        assert_eq!((&again["outcome"], &again["events"]), (&json!("unchanged"), &json!([])));
        site.json(&["grant", "everything", "--user", "zoe", "--yes"]);
        site.json(&["offboard", "zoe", "--yes"]);
        assert_eq!(site.json(&["offboard", "zoe"])["outcome"], "unchanged");
        // A slip in the name is not taken for a person who has nothing.
        let (code_of, said) = site.told(&["offboard", "bem"]);
        assert_eq!((code_of, &said["unknown"][0]["nearest"]), (5, &json!("ben (local)")), "{said}");
        // Not oneself, and not by everybody.
        let oneself = site.run(&["--actor", "ben", "offboard", "ben", "--yes"]);
        assert!(code(&oneself) == 1 && stderr(&oneself).contains("oneself"), "{}", stderr(&oneself));
        let other = site.run(&[&ann[..], &["offboard", "ben", "--yes"]].concat());
        assert!(code(&other) == 1 && stderr(&other).contains("needs the role"), "{}", stderr(&other));
        node.end().await;
    });
}

fn accounts_are_listed_and_removed_by_the_person_and_by_an_administrator(site: &Site) {
    running(async {
        let (_vendor, node) = scene(site).await;
        let whose = |said: &Value| -> Vec<Value> {
            said["credentials"].as_array().unwrap().iter().map(|row| row["user"].clone()).collect()
        };
        assert_eq!(whose(&site.json(&["credentials"])), [json!("ann (local)"), json!("ben (local)"), Value::Null]);
        assert_eq!(whose(&site.json(&["credentials", "list", "--server", "status"])), [Value::Null]);
        assert_eq!(whose(&site.json(&["credentials", "list", "--user", "ben"])), [json!("ben (local)")]);
        let text = stdout(&site.run(&["credentials"]));
        assert!(text.contains("SERVER") && text.contains("shared") && text.contains("in use"), "{text}");
        for (arguments, due) in [
            (&["list", "--server", "onw"][..], "did you mean `own`?"),
            (&["list", "--user", "anne"], "did you mean `ann (local)`?"),
            (&["remove", "onw"], "did you mean `own`?"),
        ] {
            let refused = site.run(&[&["credentials"], arguments].concat());
            assert!(code(&refused) == 1 && stderr(&refused).contains(due), "{arguments:?}: {}", stderr(&refused));
        }

        // A person without an office sees and removes what is its own.
        let ann = ["--actor", "ann", "--role", "user", "credentials"];
        assert_eq!(whose(&site.json(&ann)), [json!("ann (local)")]);
        for arguments in [&["list", "--user", "ben"][..], &["remove", "own", "--user", "ben"]] {
            let refused = site.run(&[&ann, arguments].concat());
            assert_eq!((code(&refused), stdout(&refused).as_str()), (1, ""), "{arguments:?}: {}", stderr(&refused));
        }
        let said = site.json(&[&ann[..], &["remove", "own"]].concat());
        assert_eq!((&said["outcome"], &said["events"]), (&json!("done"), &json!(["credential_removed.v1"])));
        assert_eq!(whose(&site.json(&ann)), Vec::<Value>::new());
        assert_eq!(site.json(&[&ann[..], &["remove", "own"]].concat())["outcome"], "unchanged");

        // Connections are the same accounts, without the shared credentials.
        let connected = site.json(&["connections"]);
        let row = &connected["connections"][0];
        assert_eq!((connected["connections"].as_array().unwrap().len(), &row["user"]), (1, &json!("ben (local)")));
        assert_eq!(
            (&row["server"], &row["state"], &row["renewable"]),
            (&json!("own"), &json!("in_use"), &json!(false))
        );
        assert!(row["since"].is_string() && row["scopes"].is_array() && row.get("account").is_some(), "{row}");
        let text = stdout(&site.run(&["connections", "list", "--user", "ben"]));
        assert!(text.contains("WHO") && text.contains("ben (local)") && text.contains("in use"), "{text}");
        let ann = ["--actor", "ann", "--role", "user", "connections"];
        assert_eq!(site.json(&ann)["connections"], json!([]));
        let refused = site.run(&[&ann[..], &["end", "own", "ben"]].concat());
        assert_eq!((code(&refused), stdout(&refused).as_str()), (1, ""), "{}", stderr(&refused));

        // An administrator removes anybody's; a name that is not on record is not taken for one who has connected nothing.
        let (code_of, said) = site.told(&["credentials", "remove", "own", "--user", "bem"]);
        assert_eq!((code_of, &said["unknown"][0]["nearest"]), (5, &json!("ben (local)")), "{said}");
        let (code_of, said) = site.told(&["connections", "end", "own", "bem"]);
        assert_eq!((code_of, &said["unknown"][0]["nearest"]), (5, &json!("ben (local)")), "{said}");
        let ended = site.json(&["connections", "end", "own", "ben"]);
        assert_eq!((&ended["outcome"], &ended["events"]), (&json!("done"), &json!(["credential_removed.v1"])));
        assert_eq!(node.in_vault().await, 1);

        // The shared one is everybody's: it is asked about.
        let text = stdout(&site.run(&["credentials", "remove", "status", "--shared"]));
        assert!(text.contains("not done") && text.contains("every call to server `status` is denied"), "{text}");
        let said = site.json(&["credentials", "remove", "status", "--shared", "--yes"]);
        node.follow(&said).await;
        assert_eq!(node.call("ann").await.map(mcp_govern_core::DenialCode::as_str), Some("credential_missing"));
        assert_eq!(node.in_vault().await, 0);
        node.end().await;
    });
}
