//! The encoding of version 1, which every later release reads. A file here is never changed; a new form of an event is a new
//! tag with a file of its own.

use std::{collections::BTreeSet, fs, path::PathBuf};

use mcp_govern_core::{
    Digest, Label, ProfileSpec, ToolDefinition,
    journal::{
        Action, CHECKPOINT_FORM, Command, CommitError, Decided, Event, Head, KillScope, Revision, State, StoredCommit,
        ToolState, decide,
    },
};
use serde_json::{Value, json};

use crate::support::*;

/// The hash of the last commit of the golden journal: it covers every byte of every commit.
const HEAD: &str = "sha256:70be22fba3cbb3410f92fa2227128c64b544551e11985da065ff27475ab3195e";

/// The hash of the last commit of its continuation.
const HEAD_CONTINUED: &str = "sha256:8cd4eeb0ea74fb52a527d7269ea9f67fdf08314b0627a307c60e9b232257b51a";

fn golden(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_of(tag: &str) -> String {
    format!("{}.json", tag.strip_suffix(".v1").unwrap())
}

fn journal() -> Vec<StoredCommit> {
    commits("journal.jsonl", 1)
}

/// What a later release wrote behind [`journal`]: commits that hold digests of their commands.
fn journal_continued() -> Vec<StoredCommit> {
    commits("journal_continued.jsonl", 21)
}

fn commits(file: &str, first: u64) -> Vec<StoredCommit> {
    let text = golden(file);
    let lines = (first..).zip(text.lines());
    lines
        .map(|(number, line)| {
            StoredCommit::from_parts(Revision(number), Digest::of_bytes(line.as_bytes()), line.as_bytes())
        })
        .collect()
}

#[test]
fn every_event_has_a_golden_file_and_every_file_an_event() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    let files: BTreeSet<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected: BTreeSet<String> = Event::TAGS.iter().map(|tag| file_of(tag)).collect();
    expected.extend(["journal.jsonl", "journal_continued.jsonl", "definitions.jsonl"].map(str::to_owned));
    assert_eq!(files, expected);
}

#[test]
fn every_event_of_version_1_is_read_and_written_back_byte_for_byte() {
    for tag in Event::TAGS {
        let text = golden(&file_of(tag));
        let event: Event = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{tag}: {error}"));
        assert_eq!(event.tag(), *tag);
        assert_eq!(serde_json::to_string(&event).unwrap(), text.trim_end(), "{tag}");
    }
}

#[test]
fn every_event_has_a_json_form() {
    for tag in Event::TAGS {
        let event: Event = serde_json::from_str(&golden(&file_of(tag))).unwrap();
        let value = serde_json::to_value(&event).unwrap();
        assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
    }
}

#[test]
fn the_digest_of_a_definition_is_what_it_was_in_version_1() {
    for tag in ["tool_discovered.v1", "tool_changed.v1", "tool_returned.v1", "tool_staged.v1"] {
        let event: Event = serde_json::from_str(&golden(&file_of(tag))).unwrap();
        let (digest, definition) = match event {
            Event::ToolDiscovered(event) => (event.digest, event.definition),
            Event::ToolChanged(event) => (event.digest, event.definition),
            Event::ToolReturned(event) => (event.digest, event.definition),
            Event::ToolStaged(event) => (event.digest, event.definition),
            other => panic!("{}", other.tag()),
        };
        assert_eq!(definition.digest().unwrap(), digest, "{tag}");
    }
}

/// Definitions that say what they send unasked: an operation and a recipe.
#[test]
fn a_definition_that_sends_something_unasked_is_read_and_written_back_byte_for_byte() {
    let text = golden("definitions.jsonl");
    assert_eq!(text.lines().count(), 2);
    for line in text.lines() {
        let line: Kept = serde_json::from_str(line).unwrap();
        let definition: ToolDefinition = serde_json::from_str(line.definition.get()).unwrap();
        assert!(!definition.send().is_empty());
        assert_eq!(serde_json::to_string(&definition).unwrap(), line.definition.get());
        assert_eq!(definition.digest().unwrap(), line.digest, "{}", definition.name);
    }
}

#[derive(serde::Deserialize)]
struct Kept {
    digest: Digest,
    definition: Box<serde_json::value::RawValue>,
}

#[test]
fn an_event_of_a_newer_version_makes_the_state_unreadable() {
    for (from, to) in [
        (r#""event":"tool_approved.v1""#, r#""event":"tool_approved.v2""#),
        (r#""event":"tool_approved.v1""#, r#""event":"tool_blessed.v1""#),
        (r#""digest":"#, r#""colour":"red","digest":"#),
        (r#""data":{"#, r#""more":{},"data":{"#),
        (r#""reason":null"#, r#""reason":null,"weather":"fine""#),
        (r#""roles":["owner","user"]"#, r#""roles":["owner","emperor","user"]"#),
    ] {
        let mut state = State::new();
        let commits = journal();
        for commit in &commits[..3] {
            state.follow(commit).unwrap();
        }
        let before = picture(&state);
        let text = String::from_utf8(commits[3].bytes().to_vec()).unwrap();
        let newer = text.replacen(from, to, 1);
        assert_ne!(newer, text, "`{from}` is not there");
        let stored = StoredCommit::from_parts(Revision(4), Digest::of_bytes(newer.as_bytes()), newer.into_bytes());
        let error = state.follow(&stored).unwrap_err();
        assert!(matches!(error, CommitError::Unreadable { revision: Revision(4), .. }), "{to}: {error}");
        assert_eq!(picture(&state), before);
    }
}

/// Every object below an event refuses a field that it does not know.
#[test]
fn an_unknown_field_anywhere_within_an_event_is_refused() {
    // What is data of others, or a map of names, has no fields of ours.
    let foreign = ["input_schema", "output_schema", "value", "fixed", "config", "more"];
    let mut tried = 0;
    for tag in Event::TAGS {
        let value: Value = serde_json::from_str(&golden(&file_of(tag))).unwrap();
        let mut found = Vec::new();
        pointers(&value, "", &foreign, &mut found);
        for pointer in found {
            let mut spoiled = value.clone();
            spoiled.pointer_mut(&pointer).unwrap()["a_newer_field"] = json!(1);
            assert!(serde_json::from_value::<Event>(spoiled).is_err(), "{tag} took an unknown field at `{pointer}`");
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} objects were tried");
}

#[test]
fn a_journal_of_version_1_is_followed_and_written_back_byte_for_byte() {
    let mut state = State::new();
    for stored in journal() {
        let commit = state.follow(&stored).unwrap();
        assert_eq!(StoredCommit::seal(&commit).unwrap(), stored);
    }
    assert_eq!(state.head(), Head { revision: Revision(20), hash: HEAD.parse().unwrap() });
    assert!(state.is_activated());
    let page = &state.tools()[&tool("status/get_page")];
    assert_eq!((page.state(), page.approvals().len()), (ToolState::Approved, 3));
    assert_eq!(state.tools()[&tool("status/find_page")].state(), ToolState::Approved);
    assert_eq!(state.grants().keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["g1"], "ann was off-boarded");
    assert_eq!(state.credentials().count(), 0);
    assert!(state.kills().iter().all(|scope| matches!(scope, KillScope::Client(_))) && state.kills().len() == 1);
}

#[test]
fn commits_with_digests_of_their_commands_are_followed_and_written_back_byte_for_byte() {
    let mut state = State::new();
    for stored in journal() {
        state.follow(&stored).unwrap();
    }
    for stored in journal_continued() {
        let commit = state.follow(&stored).unwrap();
        assert!(commit.command.is_some());
        assert_eq!(StoredCommit::seal(&commit).unwrap(), stored);
    }
    assert_eq!(state.head(), Head { revision: Revision(23), hash: HEAD_CONTINUED.parse().unwrap() });
    let release = Command::new(id("cmd-22"), Action::Kill { scope: KillScope::Tenant });
    assert_eq!(decide(&state, &release, &owner(), state.last_at()), Ok(Decided::AlreadyDone(Revision(22))));
}

/// The commands of [`journal_continued`], which say with it what a digest of a command covers.
#[test]
fn the_digest_of_a_command_is_what_it_was_in_version_1() {
    let mut state = State::new();
    for stored in journal() {
        state.follow(&stored).unwrap();
    }
    let kill = || KillScope::Tenant;
    let commands = [
        ("cmd-21", Action::CreateProfile { profile: id("second"), spec: ProfileSpec::new(Label::new("Second")) }),
        ("cmd-22", Action::Kill { scope: kill() }),
        ("cmd-23", Action::Release { scope: kill() }),
    ];
    let mut written = String::new();
    for (id_of, action) in commands {
        let command = Command::new(id(id_of), action);
        let at = state.last_at().plus(std::time::Duration::from_secs(60));
        let Ok(Decided::Events(events)) = decide(&state, &command, &owner(), at) else { panic!("{id_of}") };
        let commit = state.commit(&command, &owner(), at, events);
        written.push_str(std::str::from_utf8(StoredCommit::seal(&commit).unwrap().bytes()).unwrap());
        written.push('\n');
        state.apply(&commit);
    }
    assert_eq!(written, golden("journal_continued.jsonl"));
}

/// SHA-256 of the checkpoint that the state of the golden journal makes. Another one is another form: raise `FORM` too.
const CHECKPOINT: (u32, &str) = (7, "sha256:7deef4277ca578aaa3ceb669016e19100a698051d2f28c6b0c88adc29a4c8890");

#[test]
fn the_form_of_a_checkpoint_is_what_its_number_says() {
    let mut state = State::new();
    for stored in journal().into_iter().chain(journal_continued()) {
        state.follow(&stored).unwrap();
    }
    let bytes = state.to_checkpoint().unwrap();
    assert_eq!((CHECKPOINT_FORM, Digest::of_bytes(&bytes).to_string().as_str()), CHECKPOINT);
    assert!(State::from_checkpoint(Head::EMPTY, &bytes).is_err(), "it was taken for the state after another commit");
    for spoiled in [&bytes[..bytes.len() - 1], b"{}", b"", b"[]"] {
        assert!(State::from_checkpoint(state.head(), spoiled).is_err());
    }
}

/// The objects within a value, as JSON pointers.
fn pointers(value: &Value, at: &str, foreign: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.push(at.to_owned());
            for (key, inner) in map {
                if !foreign.contains(&key.as_str()) || inner.is_array() {
                    pointers(inner, &format!("{at}/{}", key.replace('/', "~1")), foreign, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                pointers(inner, &format!("{at}/{index}"), foreign, found);
            }
        }
        _ => {}
    }
}
