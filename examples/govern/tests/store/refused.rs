//! What is wrong is told, with its exit code, and nothing is made.

use crate::site::{GOVERNANCE, Site, code, run, stderr, stdout};

#[test]
fn a_store_that_is_none_or_not_there_is_refused_and_not_made() {
    let site = Site::empty();
    for (url, due) in [
        ("", "--store"),
        ("store.db", "sqlite:PATH"),
        ("mysql://me:canary@db/x", "sqlite:PATH"),
        (site.url(), "there is no store"),
    ] {
        let refused = run(&["status"], &[("GOVERN_STORE", url)]);
        assert_eq!((code(&refused), stdout(&refused).as_str()), (2, ""), "{url}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(due) && !stderr(&refused).contains("canary"), "{}", stderr(&refused));
    }
    assert!(!site.path("store.db").exists());
}

#[test]
fn a_database_that_does_not_answer_ends_with_three() {
    // Nobody listens on port 1.
    let output = run(&["status"], &[("GOVERN_STORE", "postgres://me:canary@127.0.0.1:1/govern")]);
    assert_eq!((code(&output), stdout(&output).as_str()), (3, ""), "{}", stderr(&output));
    assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_no_store_ends_with_four() {
    let site = Site::empty();
    site.write("store.db", "this is a letter and no database at all, however long it may be");
    let output = site.run(&["status"]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
}

#[test]
fn a_command_id_that_was_used_for_something_else_ends_with_one_and_nothing_is_done() {
    let site = Site::governed_by(GOVERNANCE);
    site.json(&["toolsets", "create", "zz", "--command-id", "nightly-1"]);
    let used_at = site.revision();
    for arguments in [
        &["kill", "server", "status"][..],
        &["revoke", "ann"],
        &["toolsets", "create", "yy"],
        &["grant", "everything", "--user", "mallory", "--yes"],
        &["--actor", "mallory", "toolsets", "create", "zz"],
    ] {
        let refused = site.run(&[arguments, &["--command-id", "nightly-1"]].concat());
        assert_eq!((code(&refused), stdout(&refused).as_str()), (1, ""), "{arguments:?}: {}", stderr(&refused));
        let due = format!("`nightly-1` was used for another command, or by another person, at revision {used_at}");
        assert!(stderr(&refused).contains(&due), "{arguments:?}: {}", stderr(&refused));
    }
    // Who may not is told nothing of the id.
    let user = ["--actor", "mallory", "--role", "user", "kill", "server", "status", "--command-id", "nightly-1"];
    let refused = site.run(&user);
    assert!(code(&refused) == 1 && !stderr(&refused).contains("was used"), "{}", stderr(&refused));
    assert_eq!(site.json(&["toolsets", "create", "zz", "--command-id", "nightly-1"])["outcome"], "repeated");
    assert_eq!((site.revision(), &site.json(&["status"])["kill_switches"]), (used_at, &serde_json::json!([])));
}

#[test]
fn a_yes_to_a_dry_run_is_good_for_the_revision_that_it_answered() {
    let site = Site::governed_by(GOVERNANCE);
    let seen = format!("status/create_incident@{}", site.digest("status/create_incident"));
    let tried = site.json(&["approve", &seen, "--dry-run"]);
    let expected = tried["revision"].to_string();
    let file = site.write("more.toml", &GOVERNANCE.replace("approve = [\"read\"]", "approve = [\"read\", \"write\"]"));
    assert_eq!(site.json(&["plan", &file])["revision"].to_string(), expected);
    site.json(&["grant", "everything", "--user", "carl", "--yes"]);
    for arguments in [&["approve", &seen][..], &["apply", &file], &["sync"]] {
        let refused = site.run(&[arguments, &["--yes", "--expecting", &expected]].concat());
        assert_eq!(code(&refused), 1, "{arguments:?}: {}", stdout(&refused));
        assert!(stderr(&refused).contains(&format!("was made since revision {expected}")), "{}", stderr(&refused));
    }
    let expected = site.revision().to_string();
    site.json(&["approve", &seen, "--yes", "--expecting", &expected]);
}

#[test]
fn a_mistyped_tenant_is_refused_with_those_that_there_are() {
    let site = Site::governed_by(GOVERNANCE);
    let refused = site.run(&["--tenant", "defualt", "status"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("`default`"), "{}", stderr(&refused));
    let again = site.run(&["--tenant", "defualt", "status"]);
    assert_eq!(code(&again), 2, "looking for it made it");
}

#[test]
fn what_is_named_and_not_there_is_refused() {
    let site = Site::governed_by(GOVERNANCE);
    for arguments in [
        &["diff", "status/nothing"][..],
        &["disable", "status/nothing"],
        &["toolsets", "show", "nothing"],
        &["profiles", "show", "nothing"],
        &["tools", "--server", "nothing"],
        &["sync", "nothing"],
        &["grant", "nothing", "--user", "ann", "--yes"],
        &["revoke", "nothing"],
        &["requests", "cancel", "nothing"],
        &["kill", "server", "nothing"],
        &["explain", "nothing", "--user", "ann"],
        &["audit", "export", "--writer", "nobody"],
    ] {
        let refused = site.run(arguments);
        assert_eq!(code(&refused), 1, "{arguments:?}: {} {}", stdout(&refused), stderr(&refused));
        assert!(!stderr(&refused).is_empty());
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_two() {
    let site = Site::governed_by(GOVERNANCE);
    for arguments in [
        &["grant", "on-call"][..],
        &["grant", "on-call", "--user", "a", "--group", "b"],
        &["grant", "on-call", "--user", "a", "--for", "8 hours"],
        &["grant", "on-call", "--user", "a", "--for", "8h", "--until", "2027-01-01T00:00:00Z"],
        &["approve"],
        &["kill"],
        &["kill", "everything"],
        &["explain", "status/list_pages"],
        &["toolsets", "create", "x", "status/list_pages", "--follows", "status"],
        &["--role", "king", "status"],
        &["audit", "query", "--code", "nonsense"],
        &["audit", "query", "--before", "yesterday"],
        &["audit", "query", "--user", "ann"],
        &["apply", "nowhere.toml"],
        &["keys", "reseal"],
    ] {
        let refused = site.run(arguments);
        assert_eq!(code(&refused), 2, "{arguments:?}: {} {}", stdout(&refused), stderr(&refused));
    }
    let file = site.write("bad.toml", "[server.x]\n");
    let refused = site.run(&["plan", &file]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("bad.toml") && stderr(&refused).contains("server"), "{}", stderr(&refused));
}
