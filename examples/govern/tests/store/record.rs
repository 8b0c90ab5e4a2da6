//! Beside a node that serves calls: what it records is found, shown as it comes, exported and verified, and the node follows
//! what is decided here.

use std::{collections::BTreeSet, fs, process::Stdio, time::Duration};

use mcp_govern_core::DenialCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    node::{Node, running, serving},
    site::{AUDIT_KEY, GOVERNANCE, Site, code, run, shown, stderr, stdout},
};

/// Longer than anything takes here; what waits longer hangs.
const TIMEOUT: Duration = Duration::from_mins(1);

on_every_store! {
    a_node_goes_by_what_is_decided_beside_it,
    records_are_found_exported_and_verified_and_a_changed_one_is_named,
    the_old_end_of_the_record_is_sealed_dropped_and_still_verified,
    a_changed_commit_stops_every_verb_and_is_named,
    whoever_follows_the_record_is_shown_every_new_one_once,
}

fn a_node_goes_by_what_is_decided_beside_it(site: &Site) {
    running(decided_beside(site));
}

async fn decided_beside(site: &Site) {
    let (_vendor, node) = serving(site).await;
    assert_eq!(node.call("ann").await, None);
    node.follow(&site.json(&["kill", "tenant", "--reason", "drill"])).await;
    assert_eq!(node.call("ann").await, Some(DenialCode::TenantKilled));
    node.follow(&site.json(&["unkill", "tenant", "--yes"])).await;
    assert_eq!(node.call("ann").await, None);
    node.follow(&site.json(&["grant", "on-call", "--user", "carl", "--yes", "--id", "c"])).await;
    assert_eq!(node.call("carl").await, None);
    node.follow(&site.json(&["revoke", "c"])).await;
    assert!(node.call("carl").await.is_some());
    let servers = site.json(&["servers"]);
    assert_eq!(servers["servers"][0]["shared_credential"]["version"], 1);
    node.end().await;
}

fn records_are_found_exported_and_verified_and_a_changed_one_is_named(site: &Site) {
    running(async {
        let (_vendor, node) = serving(site).await;
        assert_eq!(node.call("ann").await, None);
        assert!(node.call("carl").await.is_some());
        node.end().await;
    });

    // The person is found by the hash, for which the key is needed.
    let of_ann = site.json(&["audit", "query", "--user", "ann"]);
    assert_eq!(of_ann["records"].as_array().unwrap().len(), 2, "{of_ann}");
    assert!(!of_ann.to_string().contains("user_name"), "a name stands in the record");
    let denied = site.json(&["audit", "query", "--kind", "denial"]);
    assert_eq!(denied["records"].as_array().unwrap().len(), 1);
    let code_of = denied["records"][0]["record"]["entry"]["data"]["code"].as_str().unwrap().to_owned();
    assert_eq!(site.json(&["audit", "query", "--code", &code_of])["records"], denied["records"]);
    let text = stdout(&site.run(&["audit", "query"]));
    assert!(
        text.contains("status/list_pages") && text.contains("success") && text.contains("the writer ends"),
        "{text}"
    );

    // Page by page it is the same.
    let whole = site.json(&["audit", "query", "--since", "1d"])["records"].as_array().unwrap().clone();
    let (mut paged, mut before) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["audit", "query", "--limit", "2"];
        if let Some(cursor) = &before {
            arguments.extend(["--before", cursor]);
        }
        let page = site.json(&arguments);
        paged.extend(page["records"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => before = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, whole);
    let tail = site.run(&["--json", "audit", "tail", "-n", "2"]);
    let last: Vec<Value> = stdout(&tail).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(last, [whole[1].clone(), whole[0].clone()]);
    assert_eq!(site.json(&["audit", "unknown", "--older-than", "0s"])["records"], json!([]));

    // An export holds what was hashed, and is verified without the store.
    let export = shown(&site.path("export.jsonl"));
    let exported = site.json(&["audit", "export", "-o", &export]);
    assert_eq!((&exported["records"], &exported["chains"]), (&json!(whole.len()), &json!(1)));
    assert_eq!(fs::read_to_string(&export).unwrap(), stdout(&site.run(&["audit", "export"])));
    let heads = site.write("heads.json", &stdout(&site.run(&["--json", "audit", "heads"])));
    let verified = site.json(&["audit", "verify", "--anchors", &heads]);
    assert_eq!((&verified["intact"], &verified["chains"][0]["closed"]), (&json!(true), &json!(true)));
    assert_eq!((&verified["complete"], &verified["journal"]["seals"]["good"]), (&json!(true), &json!(1)), "{verified}");
    let alone = site.run(&["audit", "verify"]);
    assert_eq!(code(&alone), 0);
    assert!(stdout(&alone).contains("1 good seal under the audit key"), "{}", stdout(&alone));
    assert!(stdout(&alone).contains("NOT CHECKED: whether the newest commits"), "{}", stdout(&alone));
    assert!(!stdout(&alone).contains("Everything"), "{}", stdout(&alone));
    let other = site.write("other.key", &"1f".repeat(32));
    let wrong = site.run(&["audit", "verify", "--audit-key", &other]);
    assert_eq!(code(&wrong), 4);
    assert!(stdout(&wrong).contains("under another audit key than the one given"), "{}", stdout(&wrong));
    let without = run(&["audit", "verify", "--file", &export, "--anchors", &heads], &[]);
    assert_eq!(code(&without), 0, "{}{}", stdout(&without), stderr(&without));
    let lines = fs::read_to_string(&export).unwrap();
    let mut shorter: Vec<&str> = lines.lines().collect();
    shorter.pop();
    fs::write(&export, shorter.join("\n")).unwrap();
    assert_eq!(code(&run(&["audit", "verify", "--file", &export], &[])), 0);
    let cut = run(&["audit", "verify", "--file", &export, "--anchors", &heads], &[]);
    assert_eq!(code(&cut), 4, "the newest record was taken away unseen");
    assert!(stdout(&cut).contains("truncated"), "{}", stdout(&cut));

    // Somebody changes one letter in the file.
    let sequence = denied["records"][0]["sequence"].as_u64().unwrap();
    site.tamper("\"name\":\"status_list_pages\"", "\"name\":\"status_list_pagez\"");
    let broken = site.run(&["audit", "verify"]);
    assert_eq!(code(&broken), 4, "{}{}", stdout(&broken), stderr(&broken));
    assert!(
        stdout(&broken).contains(&format!("record {sequence}: ")) && stdout(&broken).contains("changed"),
        "{}",
        stdout(&broken)
    );
    let (told, said) = site.told(&["audit", "verify"]);
    assert_eq!((told, &said["chains"][0]["broken"]["sequence"]), (4, &json!(sequence)));
    assert_eq!(said["journal"]["broken"], json!(null));
}

fn the_old_end_of_the_record_is_sealed_dropped_and_still_verified(site: &Site) {
    running(async {
        let (_vendor, node) = serving(site).await;
        assert_eq!(node.call("ann").await, None);
        assert!(node.call("carl").await.is_some());
        node.end().await;
    });
    let folder = shown(&site.path("old"));
    fs::create_dir(&folder).unwrap();
    assert_eq!(site.json(&["audit", "seal", "--before", "1d", "--to", &folder])["segments"], json!([]));
    let sealed = site.json(&["audit", "seal", "--before", "0s", "--to", &folder]);
    let (file, records) = (sealed["segments"][0]["file"].as_str().unwrap(), &sealed["segments"][0]["records"]);
    assert_eq!(sealed["segments"].as_array().unwrap().len(), 1, "{sealed}");
    let again = site.json(&["audit", "seal", "--before", "0s", "--to", &folder]);
    assert_eq!(again, sealed, "the same records make the same file");

    // It is shown, and done with a yes.
    let (told, asked) = site.told(&["audit", "drop", file]);
    assert_eq!((told, &asked["outcome"]), (5, &json!("confirmation_needed")), "{asked}");
    assert_eq!(&site.json(&["audit", "verify"])["chains"][0]["records"], records);
    let refused = code(&site.run(&["--role", "auditor", "audit", "drop", file, "--yes"]));
    assert_ne!(refused, 0, "an auditor dropped a part of the record");
    assert_eq!(site.json(&["audit", "drop", file, "--yes"])["outcome"], "done");
    assert_eq!(site.json(&["audit", "drop", file, "--yes"])["outcome"], "unchanged");
    assert_eq!(site.json(&["audit", "query"])["records"], json!([]));

    // The journal says what is gone, and the file is the record of it.
    let verified = site.json(&["audit", "verify", "--segments", &folder]);
    assert_eq!((&verified["intact"], &verified["chains"][0]["dropped"]), (&json!(true), records), "{verified}");
    assert!(stdout(&site.run(&["audit", "verify"])).contains("were sealed and dropped"));
    let whole = fs::read_to_string(file).unwrap();
    fs::write(file, whole.replace("\"client\":", "\"Client\":")).unwrap();
    assert_eq!(
        code(&site.run(&["audit", "verify", "--segments", &folder])),
        4,
        "a changed file was taken for the record"
    );
    fs::remove_file(file).unwrap();
    let lacking = site.run(&["audit", "verify", "--segments", &folder]);
    assert_eq!(code(&lacking), 4, "{}", stdout(&lacking));
    assert!(stdout(&lacking).contains("there is no file"), "{}", stdout(&lacking));
}

fn a_changed_commit_stops_every_verb_and_is_named(site: &Site) {
    site.govern_by(GOVERNANCE);
    let revision = site.revision();
    site.json(&["kill", "tenant", "--reason", "a reason of its own"]);
    site.tamper("a reason of its own", "a reason of my own.");
    for arguments in [&["tools"][..], &["grants"], &["revoke", "ann"], &["status"]] {
        assert_eq!(code(&site.run(arguments)), 4, "{arguments:?}");
    }
    assert!(stdout(&site.run(&["status"])).contains("UNREADABLE"));
    let found = site.run(&["audit", "verify"]);
    assert_eq!(code(&found), 4);
    assert!(stdout(&found).contains(&format!("revision {}", revision + 1)), "{}", stdout(&found));
}

/// `govern audit tail --follow`, and the lines that it writes.
struct Follower {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn start(site: &Site, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_govern"));
        command.args(["audit", "tail", "--follow"]).args(arguments).env_clear().envs(site.environment());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        timeout(TIMEOUT, self.lines.next_line()).await.unwrap().unwrap().unwrap()
    }

    /// The next line of JSON: whose chain, which record, and of what kind.
    async fn record(&mut self) -> (String, u64, String) {
        let line: Value = serde_json::from_str(&self.line().await).unwrap();
        let kind = line["record"]["entry"]["record"].as_str().unwrap().trim_end_matches(".v1");
        (line["writer"].as_str().unwrap().to_owned(), line["sequence"].as_u64().unwrap(), kind.to_owned())
    }

    /// The next line for people, of a denial.
    async fn denial(&mut self) -> String {
        let line = self.line().await;
        assert!(line.contains("denial") && line.contains("status/list_pages"), "{line}");
        line
    }
}

fn whoever_follows_the_record_is_shown_every_new_one_once(site: &Site) {
    running(shown_as_they_come(site));
}

async fn shown_as_they_come(site: &Site) {
    let (_vendor, node) = serving(site).await;
    assert!(node.call("carl").await.is_some());
    assert_eq!(node.call("ann").await, None);
    // What is there already is shown first: from then on it is awake.
    let mut all = Follower::start(site, &["--json", "-n", "2"]);
    let mut seen = vec![all.record().await, all.record().await];
    let mut denials = Follower::start(site, &["--kind", "denial", "-n", "1"]);
    let first = denials.denial().await;
    assert_eq!(node.call("ann").await, None);
    seen.extend([all.record().await, all.record().await]);
    // Another node writes a chain of its own.
    let other = Node::on(site).await;
    assert!(other.call("carl").await.is_some());
    seen.extend([all.record().await, all.record().await]);
    assert_eq!(node.call("ann").await, None);
    seen.extend([all.record().await, all.record().await]);
    let kinds: Vec<&str> = seen.iter().map(|(.., kind)| kind.as_str()).collect();
    assert_eq!(kinds, ["intent", "outcome", "intent", "outcome", "mark", "denial", "intent", "outcome"]);
    let once: BTreeSet<_> = seen.iter().map(|(writer, sequence, _)| (writer, sequence)).collect();
    assert_eq!(once.len(), seen.len(), "{seen:?}");
    assert_eq!(once.iter().map(|(writer, _)| writer).collect::<BTreeSet<_>>().len(), 2, "{seen:?}");
    assert_ne!(denials.denial().await, first, "the next denial, and nothing else in between");
    ends_with_the_reader(all, &node).await;
    node.end().await;
    other.end().await;
}

/// Whoever reads has seen enough: the program ends, and well.
async fn ends_with_the_reader(follower: Follower, node: &Node) {
    let Follower { mut child, lines } = follower;
    drop(lines);
    let ending = async {
        loop {
            assert!(node.call("carl").await.is_some());
            // It looks for new records once a second.
            if let Ok(status) = timeout(Duration::from_secs(1), child.wait()).await {
                return status.unwrap();
            }
        }
    };
    assert_eq!(timeout(TIMEOUT, ending).await.unwrap().code(), Some(0));
}

#[test]
fn an_earlier_backup_is_refused_until_it_is_accepted_with_a_reason() {
    let site = Site::governed_by(GOVERNANCE);
    let without = site.json(&["audit", "verify"]);
    assert_eq!((&without["intact"], &without["complete"]), (&json!(true), &json!(false)), "{without}");
    assert_eq!(without["not_checked"].as_array().unwrap().len(), 2, "neither a key nor heads are there: {without}");
    site.write("audit.key", AUDIT_KEY);
    let backup = site.path("backup.db");
    site.json(&["backup", &shown(&backup)]);
    site.json(&["revoke", "ann"]);
    let revision = site.revision();
    let known = fs::read_to_string(site.path("store.db.default.heads.json")).unwrap();
    assert!(known.contains(&format!("\"revision\":{revision}")), "{known}");
    for rest in ["store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(site.path(rest));
    }
    fs::copy(&backup, site.path("store.db")).unwrap();
    for arguments in [&["status"][..], &["grants"], &["revoke", "ben"]] {
        let refused = site.run(arguments);
        assert_eq!(code(&refused), 4, "{arguments:?}");
        let told = stderr(&refused);
        assert!(told.contains(&format!("at revision {revision}")) && told.contains("--accept-rollback"), "{told}");
    }
    let found = site.run(&["audit", "verify"]);
    assert_eq!(code(&found), 4);
    assert!(
        stdout(&found).contains("BROKEN journal") && stdout(&found).contains("NOT as it was"),
        "{}",
        stdout(&found)
    );
    let accepted = site.run(&["--accept-rollback", "the backup of Monday", "status"]);
    assert_eq!(code(&accepted), 0, "{}", stderr(&accepted));
    let commits = stdout(&site.run(&["audit", "commits", "-n", "1"]));
    assert!(commits.contains("rollback_accepted") && commits.contains("the backup of Monday"), "{commits}");
    let verified = site.json(&["audit", "verify"]);
    assert!(verified["journal"]["kept"]["held"]["revision"].is_u64(), "{verified}");
}
