//! Every tool, and the exact request that it sends: the cases of the kit, from the files of `tests/cases`.

use std::{fs, path::Path};

use mcp_govern_conformance::wire::Case;

use crate::setup::Who;

/// What an account's key may not do: it has no user.
const OF_USERS: [&str; 1] = ["get_current_user"];

/// What such a credential may do, each with the request that it must send; with a token every tool at least once. Written from the
/// vendor's reference.
pub(crate) fn cases(who: Who) -> Vec<Case> {
    let of_user = |case: &Case| OF_USERS.contains(&case.tool());
    let all = read().into_iter();
    match who {
        Who::Account | Who::ReadOnly => all.filter(|case| !of_user(case)).collect(),
        Who::User => all.filter(of_user).collect(),
        Who::Token => all.collect(),
    }
}

fn read() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases = files.iter().map(|file| {
        let text = fs::read_to_string(file).unwrap();
        Case::read(&text).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()))
    });
    cases.flatten().collect()
}

/// Whether the reference wants the header that says in whose name something is done.
pub(crate) fn wants_from(method: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("POST", [collection]) => {
            ["incidents", "maintenance_windows", "users", "escalation_policies"].contains(collection)
        }
        ("POST", ["incidents", _, what]) => ["notes", "snooze", "status_updates"].contains(what),
        ("PUT", ["incidents"] | ["incidents", _] | ["log_entries", _, "channel"]) => true,
        ("PUT", ["incidents", _, what]) => ["alerts", "merge"].contains(what),
        ("PUT", ["incidents", _, what, _]) => ["alerts", "notes"].contains(what),
        _ => false,
    }
}
