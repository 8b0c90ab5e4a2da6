//! Secrets in results, masked where the document says that they stand.

use serde_json::Value;

use crate::{
    plan::{SecretPath, Step},
    redact::MASK,
    steps,
};

impl SecretPath {
    /// Masks what the pattern finds. A null stays, so that "there is none" can be distinguished from "there is one".
    ///
    /// Each value is looked at once, however many `**` the pattern has: what is carried down are the places of the pattern that
    /// a value may stand at.
    pub(crate) fn mask(&self, value: &mut Value) {
        mask(&self.steps, behind_any_depth(&self.steps, 1), value);
    }

    /// Whether a result can hold something to mask at all; a quick look before a tree is built.
    pub(crate) fn may_touch(&self, json: &str) -> bool {
        match self.steps.last() {
            // An escape could spell the name in another way.
            Some(Step::Name(name)) => json.contains(name.as_str()) || json.contains("\\u"),
            _ => true,
        }
    }
}

/// Places in a pattern, one bit each: before its first step, before its second, and so on to its end.
type Places = u64;

/// With the places behind each `**`, which matches no step too.
fn behind_any_depth(steps: &[Step], mut places: Places) -> Places {
    for (at, step) in steps.iter().enumerate() {
        if *step == Step::AnyDepth && places & 1 << at != 0 {
            places |= 1 << (at + 1);
        }
    }
    places
}

fn mask(steps: &[Step], places: Places, value: &mut Value) {
    steps::tick();
    if places & 1 << steps.len() != 0 {
        if !value.is_null() {
            *value = Value::from(MASK);
        }
        return;
    }
    // The places of a child, which has this name.
    let below = |is_named: &dyn Fn(&str) -> bool| {
        let standing = steps.iter().enumerate().filter(|(at, _)| places & 1 << at != 0);
        let below = standing.fold(0, |below, (at, step)| match step {
            Step::AnyDepth => below | 1 << at,
            Step::Any => below | 1 << (at + 1),
            Step::Name(name) if is_named(name) => below | 1 << (at + 1),
            Step::Name(_) => below,
        });
        behind_any_depth(steps, below)
    };
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match below(&|wanted| wanted == name) {
                    0 => {}
                    places => mask(steps, places, inner),
                }
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter_mut().enumerate() {
                match below(&|wanted| wanted.parse() == Ok(at)) {
                    0 => {}
                    places => mask(steps, places, inner),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(pattern: &str, mut value: Value) -> Value {
        SecretPath::parse(pattern).unwrap().mask(&mut value);
        value
    }

    #[test]
    fn patterns_find_names_any_step_and_any_depth() {
        let value = json!({"a": [{"key": "1"}, {"key": null}], "key": "2", "b": {"c": {"key": {"x": 1}}}});
        assert_eq!(masked("/a/*/key", value.clone())["a"], json!([{"key": "***"}, {"key": null}]));
        assert_eq!(masked("/a/1/key", json!({"a": [1, {"key": 2}]})), json!({"a": [1, {"key": "***"}]}));
        let everywhere = masked("/**/key", value);
        assert_eq!(everywhere, json!({"a": [{"key": "***"}, {"key": null}], "key": "***", "b": {"c": {"key": "***"}}}));
        assert_eq!(masked("/nothing/here", json!({"a": 1})), json!({"a": 1}));
    }

    #[test]
    fn a_pattern_with_several_gaps_of_any_depth_finds_what_each_of_them_leads_to() {
        let value = || json!({"a": {"x": {"b": 1, "y": {"b": 2}}, "a": {"b": [3]}}, "b": 4, "z": {"b": 5}});
        let expected = json!({"a": {"x": {"b": "***", "y": {"b": "***"}}, "a": {"b": "***"}}, "b": 4, "z": {"b": 5}});
        assert_eq!(masked("/**/a/**/b", value()), expected);
        assert_eq!(masked("/**/**/b", value())["b"], json!("***"));
        assert_eq!(masked("/*/**/*/b", value())["a"]["x"], json!({"b": "***", "y": {"b": "***"}}));
        assert!(SecretPath::parse(&"/a".repeat(63)).is_ok() && SecretPath::parse(&"/a".repeat(64)).is_err());
    }

    #[test]
    fn masking_takes_steps_that_grow_as_the_result_does() {
        for pattern in ["/**/key", "/**/a/**/a/**/key", "/**/*/**/*/**/key"] {
            let pattern = SecretPath::parse(pattern).unwrap();
            let deep = |n: usize| (0..n).fold(json!({"key": 1}), |inner, _| json!({"a": inner}));
            let wide = |n: usize| Value::Array((0..n).map(|n| json!({"a": {"key": n}})).collect());
            steps::assert_linear(|n| steps::counted(|| pattern.mask(&mut deep(n))).1, 60);
            steps::assert_linear(|n| steps::counted(|| pattern.mask(&mut wide(n))).1, 1_000);
        }
    }

    #[test]
    fn a_pattern_without_a_name_at_its_end_is_refused() {
        for pattern in ["", "key", "/", "/**", "/a/**"] {
            assert!(SecretPath::parse(pattern).is_err(), "{pattern}");
        }
        assert!(SecretPath::parse("/**/key").unwrap().may_touch(r#"{"k\u0065y":1}"#));
        assert!(!SecretPath::parse("/**/key").unwrap().may_touch(r#"{"kex":1}"#));
    }
}
