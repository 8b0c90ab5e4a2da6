//! The keys of a store: made, found beside a file, taken from the environment, replaced.

use std::{fs, os::unix::fs::PermissionsExt};

use mcp_govern_store::VaultKeys;
use serde_json::json;

use crate::{
    node::{running, serving, vault_keys},
    site::{AUDIT_KEY, Site, code, run, shown, stderr, stdout},
};

on_every_store! { keys_of_the_environment_count }

/// A store with a credential in its vault and a call on record; no node is left on it.
async fn furnished(site: &Site) {
    let (_vendor, node) = serving(site).await;
    assert_eq!(node.call("ann").await, None);
    node.end().await;
}

fn keys_of_the_environment_count(site: &Site) {
    running(furnished(site));
    let with = |name: &str, value: &str, arguments: &[&str]| {
        let kept = site.environment().into_iter().filter(|(set, _)| *set != name);
        run(&[&["--json"], arguments].concat(), &kept.chain([(name, value)]).collect::<Vec<_>>())
    };
    let said = |name: &str, value: &str, arguments: &[&str]| -> serde_json::Value {
        let output = with(name, value, arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    // Under another key people have other hashes, whatever lies beside the file: that is told, and is not an empty answer.
    let of_ann = ["audit", "query", "--user", "ann"];
    assert_eq!(said("GOVERN_AUDIT_KEY", AUDIT_KEY, &of_ann)["records"].as_array().unwrap().len(), 2);
    let other = with("GOVERN_AUDIT_KEY", &"0f".repeat(32), &of_ann);
    assert_eq!((code(&other), stdout(&other).as_str()), (2, ""), "{}", stderr(&other));
    // A new key, and the one in use behind it.
    let ring = vault_keys(site).with_current(&VaultKeys::generate().unwrap()).to_text().expose().replace('\n', ",");
    assert_eq!(said("GOVERN_VAULT_KEYS", &ring, &["keys", "reseal"]), json!({"done": 1, "left": 0}));
    assert_eq!(said("GOVERN_VAULT_KEYS", &ring, &["keys", "reseal"]), json!({"done": 0, "left": 0}));
    // What is no key is told of where it is needed, and not repeated.
    for (name, arguments) in [("GOVERN_AUDIT_KEY", &of_ann[..]), ("GOVERN_VAULT_KEYS", &["status"])] {
        let refused = with(name, "canary", arguments);
        assert_eq!(code(&refused), 2, "{name}: {}", stdout(&refused));
        assert!(stderr(&refused).contains(name) && !stderr(&refused).contains("canary"), "{}", stderr(&refused));
    }
    assert_eq!(code(&with("GOVERN_AUDIT_KEY", "canary", &["status"])), 0, "a key that nobody asked for was missed");
}

#[test]
fn keys_and_exports_are_their_owners_alone_and_others_are_warned_of() {
    let site = Site::empty();
    running(furnished(&site));
    let query = ["audit", "query", "--user", "ann"];
    fs::set_permissions(site.path("audit.key"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(stderr(&site.run(&query)), "");
    for name in ["vault.keys", "audit.key"] {
        let path = site.path(name);
        if !path.exists() {
            fs::write(&path, AUDIT_KEY).unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let told = stderr(&site.run(&query));
        assert!(told.contains(&format!("may read the key `{}`", path.display())), "{name}: {told}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let export = site.path("export.jsonl");
    site.json(&["audit", "export", "-o", &shown(&export)]);
    assert_eq!(fs::metadata(&export).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_password_on_the_command_line_is_warned_of_and_not_repeated() {
    let output = run(&["--store", "postgres://me:canary@127.0.0.1:1/x", "status"], &[]);
    assert!(stderr(&output).contains("list of processes"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
}

#[test]
fn credentials_are_sealed_again_under_a_new_key_and_no_other_verb_needs_one() {
    let site = Site::empty();
    running(furnished(&site));
    let next = shown(&site.path("next.keys"));
    site.json(&["keys", "vault", &next, "--older", &shown(&site.path("vault.keys"))]);
    let stranger = shown(&site.path("stranger.keys"));
    site.json(&["keys", "vault", &stranger]);
    let (told, said) = site.told(&["--vault-keys", &stranger, "keys", "reseal"]);
    assert_eq!((told, &said["left"]), (1, &json!(1)), "{said}");
    assert_eq!(site.json(&["--vault-keys", &next, "keys", "reseal"]), json!({"done": 1, "left": 0}));
    fs::remove_file(site.path("vault.keys")).unwrap();
    fs::remove_file(site.path("audit.key")).unwrap();
    for arguments in
        [&["status"][..], &["tools"], &["sync"], &["audit", "query"], &["audit", "verify"], &["kill", "tenant"]]
    {
        assert_eq!(site.told(arguments).0, 0, "{arguments:?}");
    }
}

#[test]
fn keys_are_made_for_their_owner_alone_and_never_written_over() {
    let site = Site::empty();
    let (vault, next, audit) = (site.path("a.keys"), site.path("b.keys"), site.path("audit.key"));
    let made = site.json(&["keys", "vault", &shown(&vault)]);
    let ring = site.json(&["keys", "vault", &shown(&next), "--older", &shown(&vault)]);
    assert_eq!((ring["keys"].as_array().unwrap().len(), &ring["keys"][1]), (2, &made["keys"][0]));
    site.json(&["keys", "audit", &shown(&audit)]);
    assert_eq!(fs::read_to_string(&audit).unwrap().trim().len(), 64);
    for file in [&vault, &next, &audit] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let kept = fs::read(file).unwrap();
        assert_eq!(code(&site.run(&["keys", "vault", &shown(file)])), 2);
        assert_eq!(fs::read(file).unwrap(), kept);
    }
}
