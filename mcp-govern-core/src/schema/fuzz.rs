//! Hostile arguments. What holds for each of them: no panic, steps in proportion, and what this module promises.

use fuzzing::{Target, steps};
use serde_json::{Map, Value, json};

use super::{
    bounds::bounded,
    fault::{MOST, faults, unknown_names},
    redact::{REDACTED, redact},
    schemas::Compiled,
};
use crate::vocabulary::Digest;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// A schema with one of everything.
fn schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[a-z0-9-]+$"},
        "when": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email", "x-personal": true},
        "token": {"type": "string", "writeOnly": true},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100, "multipleOf": 5},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "uniqueItems": true, "maxItems": 30},
        "either": {"anyOf": [{"type": "integer"}, {"type": "object", "properties": {"key": {"writeOnly": true}},
                   "additionalProperties": {"type": "string"}}]},
        "open": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
        "people": {"type": "array", "items": {"type": "object", "properties": {"name": {"x-personal": true}, "role": {}}}},
    }})
}

fn assert_in_proportion(steps: u64, bytes: usize, each: u64, what: &str) {
    let most = each * bytes as u64 + 200_000;
    assert!(steps <= most, "{what} of {bytes} bytes took {steps} steps, more than {most}");
}

fn seeds() -> [String; 3] {
    [
        json!({"id": "a-1", "when": "2026-11-21T09:30:00Z", "mail": "ann@example.com", "token": "canary-token", "limit": 5,
               "tags": ["a", "b"], "either": {"key": "canary-key", "x": "y"}, "open": {"n": [1, 2]},
               "people": [{"name": "canary-name", "role": "r"}]})
        .to_string(),
        json!({"Id": "A", "limit": 7.5, "tags": ["a", "a", "c"], "either": [], "open": {"n": ["x"]}, "more": 1}).to_string(),
        json!({"open": {"n".repeat(300): vec!["x"; 100]}}).to_string(),
    ]
}

const WORDS: [&str; 8] = [
    "\"open\":{",
    "\"tags\":[",
    "\"either\":",
    "\"people\":[{\"name\":",
    "\"idd\":1,",
    "9007199254740993",
    "1e999",
    "[[[[",
];

#[test]
fn fuzz_checking() {
    let schema = schema();
    let compiled = Compiled::of(&schema);
    Target::new(PACKAGE, "checking").with_seeds(seeds()).with_words(WORDS).run(|input| {
        let Ok(Value::Object(arguments)) = serde_json::from_slice::<Value>(input) else { return (0, 0) };
        let (bounds, steps) = steps::counted(|| bounded(&arguments));
        assert_in_proportion(steps, input.len(), 2, "measuring");
        if bounds.is_err() {
            return (1, 0);
        }
        // What is small enough has a digest.
        Digest::of_json(&arguments).unwrap();
        let validator = compiled.validator.as_ref().unwrap();
        let (unknown, steps) = steps::counted(|| unknown_names(&arguments, &schema));
        assert_in_proportion(steps, input.len(), 10, "looking for unknown names");
        let value = Value::Object(arguments);
        let (found, steps) = steps::counted(|| faults(validator.iter_errors(&value), &schema));
        assert_in_proportion(steps, input.len(), 10, "finding faults");
        assert_eq!(validator.is_valid(&value), found.is_empty(), "{found:?}");
        assert!(found.len() <= MOST && unknown.is_empty());
        for fault in &found {
            assert!(fault.argument.chars().count() <= 128 * 10 && fault.fault.len() <= 4_000, "{fault:?}");
            assert!(!fault.argument.contains(char::is_control), "{fault:?}");
            // What a caller gave is not repeated.
            assert!(!fault.fault.contains("canary"), "{fault:?}");
        }
        (2, found.len())
    });
}

#[test]
fn fuzz_redaction() {
    let schema = schema();
    let secret = ["token", "mail"];
    Target::new(PACKAGE, "redaction").with_seeds(seeds()).with_words(WORDS).run(|input| {
        let Ok(Value::Object(arguments)) = serde_json::from_slice::<Value>(input) else { return 0 };
        let value = Value::Object(arguments);
        let (redacted, steps) = steps::counted(|| redact(&schema, &value));
        assert_in_proportion(steps, input.len(), 4, "redacting");
        assert_eq!(redact(&schema, &redacted), redacted, "what is redacted stays");
        let members = redacted.as_object().unwrap();
        assert_eq!(members.len(), value.as_object().unwrap().len());
        for (name, shown) in members {
            if secret.contains(&name.as_str()) || schema["properties"].get(name).is_none() {
                assert_eq!(shown, REDACTED, "`{name}` is shown");
            }
        }
        for person in members.get("people").and_then(Value::as_array).into_iter().flatten() {
            assert!(person.get("name").is_none_or(|name| name == REDACTED), "{person}");
        }
        let key = members.get("either").and_then(|either| either.get("key"));
        assert!(key.is_none_or(|key| key == REDACTED), "{key:?}");
        members.len()
    });
}

#[test]
fn everything_that_looks_at_arguments_takes_steps_that_grow_as_they_do() {
    let schema = schema();
    let compiled = Compiled::of(&schema);
    let validator = compiled.validator.as_ref().unwrap();
    let shapes: [fn(usize) -> Value; 4] = [
        |n| (0..n).map(|at| (format!("unknown_{at}"), json!(1))).collect::<Map<_, _>>().into(),
        |n| json!({"id": "a", "open": {"n": vec!["x"; n]}}),
        |n| json!({"id": "a", "people": vec![json!({"name": "a", "more": [1]}); n]}),
        |n| json!({"id": "a", "either": (0..n).map(|at| (at.to_string(), json!([]))).collect::<Map<_, _>>()}),
    ];
    for shape in shapes {
        steps::assert_linear(|n| steps::counted(|| redact(&schema, &shape(n))).1, 1_000);
        let found = |n: usize| steps::counted(|| faults(validator.iter_errors(&shape(n)), &schema).len());
        // However many faults there are, those that are told are looked into.
        assert!(found(2_000).1 <= found(1_000).1 + 64, "{} steps, then {}", found(1_000).1, found(2_000).1);
        assert!(found(2_000).0 <= MOST);
    }
}
