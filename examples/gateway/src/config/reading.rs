//! Reading the file: every fault with its line, and unknown keys with the nearest known one.

use std::{borrow::Cow, collections::BTreeSet, ops::Range, path::Path};

use example_vendors::nearest;
use mcp_govern_core::blueprint::Blueprint;
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer, Error},
};

use super::Document;
use crate::failure::Failure;

/// The parts of the file that are governance.
const GOVERNANCE: [&str; 7] = ["governance", "unnamed", "settings", "servers", "toolsets", "profiles", "grants"];

/// Reads a file's text. Every fault is reported, not only the first.
pub(super) fn read(path: &Path, text: &str) -> Result<(Document, Blueprint), Failure> {
    let mut faults = Vec::new();
    let mut parsed = match DeTable::parse(text) {
        Ok(parsed) => parsed.into_inner(),
        // Of the error only the message is shown: the line itself may hold a secret that does not belong there.
        Err(error) => return Err(failure(path, text, &mut [Fault::of(&error, "")])),
    };
    let known: Vec<&str> = Document::TABLES.into_iter().chain(GOVERNANCE).collect();
    let strange: Vec<_> = parsed.keys().filter(|key| !known.contains(&key.get_ref().as_ref())).cloned().collect();
    for key in strange {
        let name = key.get_ref().as_ref();
        faults.push(Fault { at: Some(key.span().start), message: unknown(name, &known) });
        parsed.remove(name);
    }
    let part = |wanted: &[&str]| {
        let mut table = parsed.clone();
        for key in parsed.keys().filter(|key| !wanted.contains(&key.get_ref().as_ref())) {
            table.remove(key.get_ref().as_ref());
        }
        table
    };
    let document = whole(part(&Document::TABLES), &mut faults);
    let blueprint = whole(part(&GOVERNANCE), &mut faults);
    match (document, blueprint) {
        (Some(document), Some(blueprint)) if faults.is_empty() => Ok((document, blueprint)),
        _ => Err(failure(path, text, &mut faults)),
    }
}

/// Something that is wrong in the file.
#[derive(Debug)]
struct Fault {
    /// The byte at which it is.
    at: Option<usize>,
    message: String,
}

impl Fault {
    /// An error that is met at a key.
    fn of(error: &Error, key: &str) -> Self {
        let message = with_nearest(error.message());
        // A key that is not known is named in the message.
        let in_message = message.contains("is not known here");
        let key = if key.is_empty() || in_message { String::new() } else { format!("{key}: ") };
        Self { at: error.span().map(|span| span.start), message: format!("{key}{message}") }
    }
}

/// The faults with their lines, in the order of the lines.
fn failure(path: &Path, text: &str, faults: &mut [Fault]) -> Failure {
    faults.sort_by_key(|fault| fault.at);
    let told = faults.iter().map(|Fault { at, message }| {
        let line = at.map_or_else(String::new, |at| format!("{}:", line_of(text, at)));
        format!("{}:{line} {message}", path.display())
    });
    Failure::config(told.collect::<Vec<_>>().join("\n"))
}

/// Reads some of the file's tables. What is at fault is reported, taken out, and the rest is read on, so that all faults are found.
fn whole<'de, T: Deserialize<'de>>(mut table: DeTable<'de>, faults: &mut Vec<Fault>) -> Option<T> {
    // What was taken out is missed by what holds it: that is no fault of its own.
    let mut taken: BTreeSet<Vec<Step>> = BTreeSet::new();
    for _ in 0..MOST_FAULTS {
        let error = match T::deserialize(Deserializer::from(Spanned::new(0..0, table.clone()))) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let missing = missing_field(error.message());
        let found = match (&missing, error.span()) {
            (_, None) => None,
            (Some(_), Some(span)) => table_at(&table, &span),
            (None, Some(span)) => entry_at(&table, &span),
        };
        let Some(place) = found else {
            faults.push(Fault::of(&error, ""));
            return None;
        };
        if let Some(field) = missing {
            let at = place.iter().cloned().chain([Step::Key(field.to_owned())]).collect::<Vec<_>>();
            if !taken.contains(&at) {
                let message = format!("{}: `{field}` is missing", shown(&place));
                faults.push(Fault { at: error.span().map(|span| span.start), message });
            }
            // A stand-in of no meaning: what else is missing is found, and nothing is done with what was read.
            put(&mut table, &place, field);
            continue;
        }
        if !is_stand_in(&table, &place) {
            faults.push(Fault::of(&error, &shown(&place)));
            take(&mut table, &place);
            // A slip in the name of a key is not told once more as the key that is missing.
            if let (Some(meant), Some((_, holder))) = (meant(error.message()), place.split_last()) {
                taken.insert(holder.iter().cloned().chain([Step::Key(meant.to_owned())]).collect());
            }
            taken.insert(place);
            continue;
        }
        // No text stands in there: with its table it is passed over.
        let holder = place.get(..place.len().saturating_sub(1)).unwrap_or_default();
        if holder.is_empty() {
            return None;
        }
        take(&mut table, holder);
        taken.insert(holder.to_vec());
    }
    None
}

/// More faults than these are not looked for at once.
const MOST_FAULTS: usize = 200;

/// The place of a text that was put in for a missing one: nowhere in the file.
const STAND_IN: Range<usize> = usize::MAX..usize::MAX;

/// A step from a table or list to what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Item(usize),
}

/// The name of a field that is missing.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The table with a span: of those that have the same, the innermost.
fn table_at(root: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    let mut found = None;
    walk(root, &mut Vec::new(), &mut |steps, _, value| {
        if matches!(value.get_ref(), DeValue::Table(_)) && value.span() == *span {
            found = Some(steps.to_vec());
        }
    });
    found
}

/// The innermost entry whose key or value holds a place.
fn entry_at(root: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    let mut found: Option<Vec<Step>> = None;
    let holds = |outer: Range<usize>| outer == *span || (outer.start <= span.start && span.end <= outer.end);
    walk(root, &mut Vec::new(), &mut |steps, key, value| {
        let here = key.is_some_and(holds) || holds(value.span());
        if here && found.as_ref().is_none_or(|found| found.len() <= steps.len()) {
            found = Some(steps.to_vec());
        }
    });
    found
}

type Look<'l> = dyn FnMut(&[Step], Option<Range<usize>>, &Spanned<DeValue<'_>>) + 'l;

/// Looks at everything in a table, from without to within.
fn walk(table: &DeTable<'_>, steps: &mut Vec<Step>, look: &mut Look<'_>) {
    for (key, value) in table {
        steps.push(Step::Key(key.get_ref().as_ref().to_owned()));
        look(steps, Some(key.span()), value);
        walk_value(value, steps, look);
        steps.pop();
    }
}

fn walk_value(value: &Spanned<DeValue<'_>>, steps: &mut Vec<Step>, look: &mut Look<'_>) {
    match value.get_ref() {
        DeValue::Table(table) => walk(table, steps, look),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Item(index));
                look(steps, None, item);
                walk_value(item, steps, look);
                steps.pop();
            }
        }
        _ => {}
    }
}

/// A place as one would write it: `servers.status.prefix`, `auth.tokens[0]`.
fn shown(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if text.is_empty() => text = plain(key),
            Step::Key(key) => text = format!("{text}.{}", plain(key)),
            Step::Item(index) => text = format!("{text}[{index}]"),
        }
    }
    text
}

/// A name from the file, fit for a message.
fn plain(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

/// The table at a place; the root where there are no steps.
fn table_mut<'t, 'i>(root: &'t mut DeTable<'i>, steps: &[Step]) -> Option<&'t mut DeTable<'i>> {
    let Some((first, rest)) = steps.split_first() else { return Some(root) };
    let Step::Key(key) = first else { return None };
    let mut value = root.get_mut(key.as_str())?;
    for step in rest {
        value = match (step, value.get_mut()) {
            (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str())?,
            (Step::Item(index), DeValue::Array(items)) => items.get_mut(*index)?,
            _ => return None,
        };
    }
    match value.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// Takes an entry out. Of a list the whole list goes: its other items would move.
fn take(root: &mut DeTable<'_>, steps: &[Step]) {
    let keys = steps.iter().rposition(|step| matches!(step, Step::Key(_))).unwrap_or_default();
    let (holder, entry) = steps.split_at(keys);
    if let (Some(table), Some(Step::Key(key))) = (table_mut(root, holder), entry.first()) {
        table.remove(key.as_str());
    }
}

fn put(root: &mut DeTable<'_>, steps: &[Step], field: &str) {
    if let Some(table) = table_mut(root, steps) {
        let key = Spanned::new(STAND_IN, Cow::Owned(field.to_owned()));
        table.insert(key, Spanned::new(STAND_IN, DeValue::String(Cow::Borrowed("x"))));
    }
}

fn is_stand_in(root: &DeTable<'_>, steps: &[Step]) -> bool {
    let mut is = false;
    walk(root, &mut Vec::new(), &mut |at, _, value| is |= at == steps && value.span() == STAND_IN);
    is
}

/// The line, from 1, of a byte.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// A message about something unknown, with the nearest of what is known in place of the whole list; others where they help as they are.
fn with_nearest(message: &str) -> String {
    if let Some((name, known)) = names(message) {
        return unknown(name, &known);
    }
    if message.contains("socket address") {
        return "expected an address and a port, for example `127.0.0.1:8700`".to_owned();
    }
    if message.starts_with("relative URL without a base") {
        return "expected a whole URL: write `https://` in front, for example `https://api.example.com`".to_owned();
    }
    message.to_owned()
}

/// The unknown name in a message, and the known ones.
fn names(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field").or_else(|| message.strip_prefix("unknown variant"))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// The known name that an unknown one in a message was meant to be.
fn meant(message: &str) -> Option<&str> {
    let (name, known) = names(message)?;
    nearest(name, known)
}

fn unknown(name: &str, known: &[&str]) -> String {
    let shown = plain(name);
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
            let (place, meant) = (format!("gateway.toml:{line}: "), format!("did you mean `{near}`?"));
            assert!(told.lines().any(|fault| fault.starts_with(&place) && fault.ends_with(&meant)), "{told}");
            assert!(!told.contains(&format!("`{near}` is missing")), "{told}");
        }
        assert!(refused("[http]\nzzzzzzzzz = 1\n").contains("expected one of `listen`"));
    }

    #[test]
    fn every_fault_of_the_form_is_told_at_once_with_its_table() {
        let text = "tennant = \"a\"\n\
                    [http]\nlisten = \"25020\"\npage_size = \"many\"\ncall_deadline_seconds = \"2 minutes\"\n\
                    [servers.status]\nprovider = \"statuspage\"\nbase_url = \"statuspage.io\"\n\
                    [toolsets.look]\ntools = []\n\
                    [toolsets.respond]\ntols = []\n\
                    [profiles.on-call]\npolicy = { longest_seconds = \"8 h\" }\n\
                    [grants.ann]\n\
                    [grants.ben]\nprofile = \"on-call\"\n\
                    [[auth.tokens]]\nuser = \"ann\"\n";
        let told = refused(text);
        for due in [
            "gateway.toml:1: `tennant` is not known here; did you mean `tenant`?",
            "gateway.toml:3: http.listen: expected an address and a port, for example `127.0.0.1:8700`",
            "gateway.toml:4: http.page_size: invalid type",
            "gateway.toml:5: http.call_deadline_seconds: invalid value: string \"2 minutes\", expected seconds as a number",
            "gateway.toml:6: servers.status: `title` is missing",
            "gateway.toml:6: servers.status: `prefix` is missing",
            "gateway.toml:6: servers.status: `auth_method` is missing",
            "gateway.toml:8: servers.status.base_url: expected a whole URL: write `https://` in front",
            "gateway.toml:9: toolsets.look: `title` is missing",
            "gateway.toml:11: toolsets.respond: `title` is missing",
            "gateway.toml:12: `tols` is not known here; did you mean `tools`?",
            "gateway.toml:13: profiles.on-call: `title` is missing",
            "gateway.toml:14: profiles.on-call.policy.longest_seconds: invalid value: string \"8 h\"",
            "gateway.toml:15: grants.ann: `profile` is missing",
            "gateway.toml:15: grants.ann: `grantee` is missing",
            "gateway.toml:16: grants.ben: `grantee` is missing",
            "gateway.toml:18: auth.tokens[0]: `token` is missing",
        ] {
            assert!(told.contains(due), "{due:?} is not in\n{told}");
        }
        assert_eq!(told.lines().count(), 17, "{told}");
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        let text = "[http]\nlist_ttl_seconds = \"1m\"\ncall_deadline_seconds = 90\n[profiles.p]\ntitle = \"P\"\n\
                    policy = { longest_seconds = \"8h\", expires_after_seconds = \"7d\" }\n";
        let (document, blueprint) = read(Path::new("x"), text).unwrap();
        assert_eq!((document.http.list_ttl_seconds, document.http.call_deadline_seconds), (Some(60), Some(90)));
        let policy = &blueprint.profiles.values().next().unwrap().policy;
        assert_eq!((policy.longest_seconds, policy.expires_after_seconds), (Some(28_800), 604_800));
    }

    #[test]
    fn a_fault_of_another_kind_has_its_line_too_and_no_part_of_a_secret() {
        assert!(refused("[http]\nlisten = \"here\"\n").starts_with("gateway.toml:2: "));
        assert!(refused("[http\n").starts_with("gateway.toml:1: "));
        assert!(refused("tenant = \"Not A Slug\"\n").contains("`Not A Slug` is not a valid tenant"));
        for text in [
            "[credentials.s]\napi_key = \"canary\"\n",
            "[credentials]\ns = \"canary\"\n",
            "[http]\nstate_key = \"canary\"\n",
            "[[auth.tokens]]\nuser = \"ann\"\ntoken = \"canary\"\n",
            "[store]\nurl = \"postgres://me:canary@db/x\"\n",
        ] {
            let told = refused(text);
            assert!(told.contains("must not be in the file"), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
