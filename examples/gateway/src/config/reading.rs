//! Reading the file: every fault with its line, and unknown keys with the nearest known one.

use std::path::Path;

use example_vendors::nearest;
use mcp_govern_core::blueprint::Blueprint;
use serde::Deserialize;
use toml::de::{DeTable, Deserializer, Error};

use super::Document;
use crate::failure::Failure;

/// The parts of the file that are governance.
const GOVERNANCE: [&str; 7] = ["governance", "unnamed", "settings", "servers", "toolsets", "profiles", "grants"];

/// Reads a file's text.
pub(super) fn read(path: &Path, text: &str) -> Result<(Document, Blueprint), Failure> {
    let at = |error: &Error| {
        // Of the error only the message is shown: the line itself may hold a secret that does not belong there.
        let line = error.span().map(|span| line_of(text, span.start));
        fault(path, line, &with_nearest(error.message()))
    };
    let parsed = DeTable::parse(text).map_err(|error| at(&error))?;
    let known: Vec<&str> = Document::TABLES.into_iter().chain(GOVERNANCE).collect();
    for (key, _) in parsed.get_ref() {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            let message = unknown(name, &known);
            return Err(fault(path, Some(line_of(text, key.span().start)), &message));
        }
    }
    let document = part(text, |name| Document::TABLES.contains(&name)).map_err(|error| at(&error))?;
    let blueprint = part(text, |name| GOVERNANCE.contains(&name)).map_err(|error| at(&error))?;
    Ok((document, blueprint))
}

/// Reads some of the file's tables.
fn part<'de, T: Deserialize<'de>>(text: &'de str, wanted: impl Fn(&str) -> bool) -> Result<T, Error> {
    let mut table = DeTable::parse(text)?;
    let others: Vec<_> = table.get_ref().keys().filter(|key| !wanted(key.get_ref())).cloned().collect();
    for key in &others {
        table.get_mut().remove(key);
    }
    T::deserialize(Deserializer::from(table))
}

fn fault(path: &Path, line: Option<usize>, message: &str) -> Failure {
    let line = line.map_or_else(String::new, |line| format!("{line}:"));
    Failure::config(format!("{}:{line} {message}", path.display()))
}

/// The line, from 1, in which a byte stands.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// A message about something unknown, with the nearest of what is known in place of the whole list.
fn with_nearest(message: &str) -> String {
    for what in ["unknown field", "unknown variant"] {
        let Some(rest) = message.strip_prefix(what) else { continue };
        let mut quoted = rest.split('`').skip(1).step_by(2);
        let Some(name) = quoted.next() else { continue };
        let known: Vec<&str> = quoted.collect();
        return unknown(name, &known);
    }
    message.to_owned()
}

fn unknown(name: &str, known: &[&str]) -> String {
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("`{shown}` is not known here; did you mean `{near}`?"),
        None if known.is_empty() => format!("`{shown}` is not known here"),
        None => {
            let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("`{shown}` is not known here; expected one of {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(Path::new("gateway.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn both_halves_of_the_file_are_read() {
        let text = "tenant = \"acme\"\ngovernance = \"activated\"\n[servers.status]\nprovider = \"statuspage\"\n\
                    title = \"S\"\nprefix = \"status\"\nauth_method = \"api_key\"\n[http]\npage_size = 5\n";
        let (document, blueprint) = read(Path::new("x"), text).unwrap();
        assert_eq!((document.tenant.unwrap().as_str(), document.http.page_size), ("acme", Some(5)));
        assert_eq!(blueprint.servers.len(), 1);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
        for (text, line, near) in [
            ("\ntennant = \"acme\"\n", 2, "tenant"),
            ("[http]\nlisen = \"127.0.0.1:1\"\n", 2, "listen"),
            ("[http]\n\n# more\nlist_tll_seconds = 3\n", 4, "list_ttl_seconds"),
            ("[auth]\nmode = \"statc\"\n", 2, "static"),
            ("[auht]\nmode = \"static\"\n", 1, "auth"),
            ("[[auth.tokens]]\nuser = \"a\"\ntoken = { enw = \"A\" }\n", 3, "env"),
            ("[servers.s]\nprovider = \"p\"\nprefx = \"p\"\n", 3, "prefix"),
            ("[settings]\nunmatched_clients = \"personal\"\n", 2, "unmatched_client"),
            ("[profiles.p]\ntitle = \"P\"\npolicy = { longest_second = 5 }\n", 3, "longest_seconds"),
            ("[log]\nformat = \"jason\"\n", 2, "json"),
        ] {
            let told = refused(text);
            assert!(told.starts_with(&format!("gateway.toml:{line}: ")), "{told}");
            assert!(told.ends_with(&format!("did you mean `{near}`?")), "{told}");
        }
        assert!(refused("[http]\nzzzzzzzzz = 1\n").contains("expected one of `listen`"));
    }

    #[test]
    fn a_fault_of_another_kind_has_its_line_too_and_no_part_of_a_secret() {
        assert!(refused("[http]\nlisten = \"here\"\n").starts_with("gateway.toml:2: "));
        assert!(refused("[http\n").starts_with("gateway.toml:1: "));
        assert!(refused("tenant = \"Not A Slug\"\n").contains("`Not A Slug` is no tenant"));
        for text in [
            "[credentials.s]\napi_key = \"canary\"\n",
            "[credentials]\ns = \"canary\"\n",
            "[http]\nstate_key = \"canary\"\n",
            "[[auth.tokens]]\nuser = \"ann\"\ntoken = \"canary\"\n",
            "[store]\nurl = \"postgres://me:canary@db/x\"\n",
        ] {
            let told = refused(text);
            assert!(told.contains("must not stand in the file"), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
