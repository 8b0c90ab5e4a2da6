//! Names: whom the record speaks of, and names that are not on record, which must not look like an answer.

use serde_json::{Value, json};

use crate::{
    node::{running, serving},
    site::{GOVERNANCE, Site, code, stderr, stdout},
};

on_every_store! {
    nothing_found_is_an_answer_under_the_right_key_and_for_names_on_record_alone,
    who_did_what_is_told_by_name_on_a_line_for_each_call,
    an_ai_client_that_was_never_seen_is_killed_where_that_is_confirmed_alone,
}

/// Ann calls once, and Carl is denied once; the node ends in order.
fn with_two_calls(site: &Site) {
    running(async {
        let (_vendor, node) = serving(site).await;
        assert_eq!(node.call("ann").await, None);
        assert!(node.call("carl").await.is_some());
        node.end().await;
    });
}

fn nothing_found_is_an_answer_under_the_right_key_and_for_names_on_record_alone(site: &Site) {
    with_two_calls(site);
    // Ben is known and has called nothing: that is an answer.
    let none = site.run(&["audit", "query", "--user", "ben"]);
    assert_eq!((code(&none), stdout(&none).as_str()), (0, "No such calls.\n"), "{}", stderr(&none));
    // Carl is known by the record alone, in which he is a hash.
    assert_eq!(site.json(&["audit", "query", "--user", "carl"])["records"].as_array().unwrap().len(), 1);

    for (arguments, due) in [
        (&["--user", "anne"][..], "the person `anne (local)` is not on record"),
        (&["--user", "anne"], "did you mean `ann (local)`?"),
        (&["--user", "ann (https://id.example.com)"], "did you mean `ann (local)`?"),
        (&["--server", "statsu"], "the server `statsu` is not on record"),
        (&["--tool", "status/list_page"], "did you mean `status/list_pages`?"),
        (&["--call", "call-0"], "the call `call-0` is not on record"),
        (&["--client", "nothing-like-it"], "the AI client `nothing-like-it (local)` is not on record"),
    ] {
        for verb in ["query", "tail"] {
            let refused = site.run(&[&["audit", verb], arguments].concat());
            assert_eq!((code(&refused), stdout(&refused).as_str()), (1, ""), "{arguments:?}: {}", stderr(&refused));
            assert!(stderr(&refused).contains(due), "{}", stderr(&refused));
        }
    }
    let all = site.json(&["audit", "query"]);
    let of = |record: &Value| record["record"]["entry"]["data"]["caller"]["client"].as_str().map(str::to_owned);
    let client = all["records"].as_array().unwrap().iter().find_map(of).unwrap();
    let found = site.json(&["audit", "query", "--client", &client]);
    assert_eq!(found["records"].as_array().unwrap().len(), 2, "{found}");
    assert!(found["records"].as_array().unwrap().iter().all(|record| of(record).as_ref() == Some(&client)), "{found}");

    let refused = site.run(&["grants", "--user", "anne"]);
    assert!(code(&refused) == 1 && stderr(&refused).contains("did you mean `ann (local)`?"), "{}", stderr(&refused));
    // That the issuer is the same makes no name like another one.
    let refused = site.run(&["audit", "query", "--user", "zed"]);
    assert!(code(&refused) == 1 && !stderr(&refused).contains("did you mean"), "{}", stderr(&refused));
    let refused = site.run(&["revoke", "anne"]);
    assert!(code(&refused) == 1 && stderr(&refused).contains("did you mean `ann`?"), "{}", stderr(&refused));
    assert_eq!(site.told(&["explain", "status/list_pages", "--user", "anne"]).1["unknown"][0]["name"], "anne (local)");

    // Another key finds no person, and is told for what it is.
    let other = site.write("other.key", &"1f".repeat(32));
    let refused = site.run(&["--audit-key", &other, "audit", "query", "--user", "ann"]);
    assert_eq!((code(&refused), stdout(&refused).as_str()), (2, ""));
    assert!(stderr(&refused).contains("not the audit key of this store"), "{}", stderr(&refused));
    let unnamed = site.run(&["--audit-key", &other, "audit", "query"]);
    assert!(code(&unnamed) == 0 && !stdout(&unnamed).contains("ann (local)"), "{}", stdout(&unnamed));
    assert!(stderr(&unnamed).contains("not the one of this store"), "{}", stderr(&unnamed));
}

fn who_did_what_is_told_by_name_on_a_line_for_each_call(site: &Site) {
    with_two_calls(site);
    for verb in ["query", "tail"] {
        let text = stdout(&site.run(&["audit", verb]));
        let of_ann: Vec<&str> = text.lines().filter(|line| line.contains("ann (local)")).collect();
        assert_eq!(of_ann.len(), 1, "{text}");
        for part in ["desktop (local)", "status/list_pages", "success", "call-"] {
            assert!(of_ann[0].contains(part), "{part}: {text}");
        }
        // No rule names Carl, so that his hash is all that is known.
        let denied: Vec<&str> = text.lines().filter(|line| line.contains("no_grant")).collect();
        assert!(denied.len() == 1 && denied[0].contains('#') && denied[0].contains("call-"), "{text}");
    }
    let asked = stdout(&site.run(&["audit", "query", "--user", "carl"]));
    assert!(asked.contains("carl (local)"), "{asked}");

    // A line for each record where that is asked for, and always for machines.
    let records = stdout(&site.run(&["audit", "query", "--records", "--user", "ann"]));
    assert!(records.contains("intent") && records.contains("outcome"), "{records}");
    let said = site.json(&["audit", "query"]);
    let of_ann: Vec<&Value> =
        said["records"].as_array().unwrap().iter().filter(|record| record["person"] == "ann (local)").collect();
    assert_eq!(of_ann.len(), 2, "{said}");
    assert!(of_ann.iter().all(|record| record["hash"].is_string() && record["record"].is_object()), "{said}");

    // Call by call, it is the same calls.
    let whole = stdout(&site.run(&["audit", "query"]));
    let calls = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("call-")))
            .map(str::to_owned)
            .collect()
    };
    let (mut paged, mut before) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["audit", "query", "--limit", "1"];
        if let Some(cursor) = &before {
            arguments.extend(["--before", cursor]);
        }
        let page = stdout(&site.run(&arguments));
        paged.extend(calls(&page));
        match page.lines().find_map(|line| line.strip_prefix("Older ones: --before ")) {
            Some(next) => before = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((paged.len(), paged), (2, calls(&whole)), "{whole}");
}

fn an_ai_client_that_was_never_seen_is_killed_where_that_is_confirmed_alone(site: &Site) {
    with_two_calls(site);
    let revision = site.revision();
    let refused = site.run(&["kill", "client", "deskto"]);
    assert_eq!(code(&refused), 5, "{}", stderr(&refused));
    let told = stdout(&refused);
    assert!(told.contains("`deskto (local)` is not on record") && told.contains("`desktop (local)`?"), "{told}");
    assert!(told.contains("(not done: a name is not on record"), "{told}");
    assert_eq!(site.revision(), revision, "it was done");
    // One that has called is stopped at once.
    assert_eq!(site.json(&["kill", "client", "desktop"])["outcome"], "done");
    let meant = site.json(&["kill", "client", "claude", "--yes"]);
    assert_eq!((&meant["outcome"], &meant["unknown"][0]["name"]), (&json!("done"), &json!("claude (local)")));
    // Now a rule names it.
    assert_eq!(site.json(&["unkill", "client", "claude", "--yes"])["unknown"], json!(null));
}

#[test]
fn a_grant_to_a_name_that_was_never_seen_says_so() {
    let site = Site::governed_by(GOVERNANCE);
    let refused = site.run(&["grant", "everything", "--user", "an"]);
    assert_eq!(code(&refused), 5, "{}", stderr(&refused));
    assert!(stdout(&refused).contains("`an (local)` is not on record"), "{}", stdout(&refused));
    assert!(stdout(&refused).contains("did you mean `ann (local)`?"), "{}", stdout(&refused));
    let meant = site.json(&["grant", "everything", "--user", "zoe", "--yes"]);
    assert_eq!((&meant["outcome"], &meant["unknown"][0]["kind"]), (&json!("done"), &json!("person")));
    let known = site.json(&["grant", "on-call", "--user", "zoe", "--yes"]);
    assert_eq!(known["unknown"], json!(null), "{known}");
    let group = site.json(&["grant", "on-call", "--group", "staff", "--dry-run"]);
    assert_eq!(group["unknown"][0]["name"], "staff", "{group}");
    let service = site.json(&["grant", "on-call", "--service", "nightly", "--dry-run"]);
    assert_eq!(service["unknown"][0]["kind"], "service", "{service}");
}
