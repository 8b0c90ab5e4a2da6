//! Values that a schema does not admit.

use mcp_govern_core::Pattern;
use serde_json::{Map, Value, json};

use crate::provider::offered::{Draw, count, texts};

/// A value, and what is wrong with it.
#[derive(Debug, Clone)]
pub(super) struct Unfit {
    pub(super) what: &'static str,
    pub(super) value: Value,
}

/// Whether the value may be left out where it stands: then an empty text or list counts as left out, and is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// Longer texts and lists are not made: arguments may not be longer than a MiB altogether.
const LONGEST: usize = 200_000;
/// How deep lists and objects are looked into.
const DEEPEST: usize = 4;

/// Values of another type, out of range, and with members that are so, of everything that the schema says and that this module reads.
pub(super) fn unfit(schema: &Value, presence: Presence) -> Vec<Unfit> {
    within(schema, presence, DEEPEST)
}

fn within(schema: &Value, presence: Presence, depth: usize) -> Vec<Unfit> {
    let kinds = kinds(schema);
    let mut made = Made(Vec::new());
    made.push("of another type", of_another_type(&kinds));
    match kinds.as_slice() {
        ["string"] => made.texts(schema, presence),
        ["integer" | "number" | "boolean"] => {
            made.push("a text", Some(json!("no such value")));
            made.numbers(schema, kinds.contains(&"integer"));
        }
        ["array"] => made.lists(schema, presence, depth),
        ["object"] => made.objects(schema, depth),
        _ => {}
    }
    made.0
}

struct Made(Vec<Unfit>);

impl Made {
    fn push(&mut self, what: &'static str, value: Option<Value>) {
        self.0.extend(value.map(|value| Unfit { what, value }));
    }

    fn texts(&mut self, schema: &Value, presence: Presence) {
        let text = |length: usize| (length <= LONGEST).then(|| Value::from("x".repeat(length)));
        let may_be_empty = presence == Presence::Required;
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let other = json!("no_such_value");
            self.push("a value that is none of those allowed", (!values.contains(&other)).then_some(other));
        }
        let least = count(schema, "minLength").unwrap_or(0);
        if least > 1 || (least == 1 && may_be_empty) {
            self.push("too short", text(least - 1));
        }
        self.push("too long", count(schema, "maxLength").and_then(|most| text(most + 1)));
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str).and_then(|text| Pattern::new(text).ok()) {
            let others = ["no such form!", "§", "\n", "../x", "x"];
            self.push("of another form", others.iter().find(|text| !pattern.is_match(text)).map(|text| json!(text)));
        }
        if matches!(schema.get("format").and_then(Value::as_str), Some("date-time" | "date" | "email" | "uri")) {
            self.push("of another format", Some(json!("no such format")));
        }
    }

    fn numbers(&mut self, schema: &Value, is_whole: bool) {
        let at = |keyword: &str, by: i32| {
            let limit = schema.get(keyword)?;
            let whole = limit.as_i64().map(|limit| json!(limit.saturating_add(i64::from(by))));
            whole.or_else(|| Some(json!(limit.as_f64()? + f64::from(by))))
        };
        self.push("too small", at("minimum", -1).or_else(|| at("exclusiveMinimum", 0)));
        self.push("too large", at("maximum", 1).or_else(|| at("exclusiveMaximum", 0)));
        self.push("a fraction", is_whole.then(|| json!(1.5)));
    }

    fn lists(&mut self, schema: &Value, presence: Presence, depth: usize) {
        let items = schema.get("items").cloned().unwrap_or(Value::Bool(true));
        let item = Draw(1).value(&items);
        let of = |length: usize| {
            let item = item.clone()?;
            let bytes = item.to_string().len();
            (bytes * length <= LONGEST).then(|| Value::Array(vec![item; length]))
        };
        // An empty list counts as left out, unless the schema says in its own words what to give instead.
        let may_be_empty = presence == Presence::Required || schema.get("x-fault").is_some();
        let least = count(schema, "minItems").unwrap_or(0);
        if least > 1 || (least == 1 && may_be_empty) {
            self.push("too short a list", if least == 1 { Some(json!([])) } else { of(least - 1) });
        }
        self.push("too long a list", count(schema, "maxItems").and_then(|most| of(most + 1)));
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) && count(schema, "maxItems") != Some(1) {
            self.push("a list with one item twice", of(2));
        }
        if depth > 0 {
            let unfit = within(&items, Presence::Required, depth - 1).into_iter();
            self.0.extend(unfit.map(|item| Unfit { what: item.what, value: json!([item.value]) }));
        }
    }

    fn objects(&mut self, schema: &Value, depth: usize) {
        if count(schema, "minProperties").is_some_and(|least| least > 0) {
            self.push("an empty object", Some(json!({})));
        }
        let Some(Value::Object(whole)) = Draw(1).object(schema) else { return };
        let with = |name: &str, value: Value| {
            let mut whole = whole.clone();
            whole.insert(name.to_owned(), value);
            Value::Object(whole)
        };
        let others = schema.get("additionalProperties");
        if others == Some(&Value::Bool(false)) {
            self.push("an unknown member", Some(with("no_such_member", json!(1))));
        }
        let required: Vec<&str> = texts(schema.get("required")).collect();
        for name in &required {
            let mut whole = whole.clone();
            whole.remove(*name);
            self.push("a missing member", Some(Value::Object(whole)));
        }
        if depth == 0 {
            return;
        }
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, property) in properties {
            let presence = if required.contains(&name.as_str()) { Presence::Required } else { Presence::Optional };
            let unfit = within(property, presence, depth - 1).into_iter();
            self.0.extend(unfit.map(|member| Unfit { what: member.what, value: with(name, member.value) }));
        }
        if let Some(others) = others.filter(|others| others.is_object()) {
            let unfit = within(others, Presence::Required, depth - 1).into_iter();
            let one = |value: Value| Value::Object(Map::from_iter([("key".to_owned(), value)]));
            self.0.extend(unfit.map(|member| Unfit { what: member.what, value: one(member.value) }));
        }
    }
}

/// The types that a schema admits; none where it does not say.
fn kinds(schema: &Value) -> Vec<&str> {
    if let Some(kind) = schema.get("type") {
        return kind.as_str().map_or_else(|| texts(Some(kind)).collect(), |kind| vec![kind]);
    }
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    let of_branches: Vec<Vec<&str>> = branches.into_iter().flatten().map(kinds).collect();
    if of_branches.iter().any(Vec::is_empty) { Vec::new() } else { of_branches.concat() }
}

/// A value of a type that is not admitted, and that is read as no other one.
fn of_another_type(kinds: &[&str]) -> Option<Value> {
    let candidates = [
        (["object", "object"], json!({"no_such_member": 7})),
        (["integer", "number"], json!(7)),
        (["boolean", "boolean"], json!(true)),
    ];
    let is_other = |(of, _): &([&str; 2], Value)| !of.iter().any(|kind| kinds.contains(kind));
    if kinds.is_empty() { None } else { candidates.into_iter().find(is_other).map(|(_, value)| value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(schema: &Value, presence: Presence) -> Vec<(&'static str, Value)> {
        let cut = |value: Value| if value.to_string().len() > 40 { json!("long") } else { value };
        unfit(schema, presence).into_iter().map(|unfit| (unfit.what, cut(unfit.value))).collect()
    }

    #[test]
    fn a_text_is_too_short_too_long_and_none_of_those_allowed() {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 3});
        let other = ("of another type", json!({"no_such_member": 7}));
        assert_eq!(
            shown(&schema, Presence::Required),
            [other.clone(), ("too short", json!("")), ("too long", json!("xxxx"))]
        );
        assert_eq!(shown(&schema, Presence::Optional), [other.clone(), ("too long", json!("xxxx"))]);
        let schema = json!({"type": "string", "enum": ["a"], "pattern": "^[a-z]$"});
        let values = [
            other,
            ("a value that is none of those allowed", json!("no_such_value")),
            ("of another form", json!("no such form!")),
        ];
        assert_eq!(shown(&schema, Presence::Optional), values);
    }

    #[test]
    fn numbers_lists_and_objects_are_taken_beyond_both_ends_and_into_their_members() {
        let schema = json!({"type": "array", "minItems": 1, "maxItems": 2, "items": {
            "type": "object", "required": ["at"], "additionalProperties": false,
            "properties": {"at": {"type": "integer", "minimum": 0, "maximum": 9}},
        }});
        let made = shown(&schema, Presence::Required);
        for due in [
            ("of another type", json!({"no_such_member": 7})),
            ("too short a list", json!([])),
            ("too long a list", json!([{"at": 0}, {"at": 0}, {"at": 0}])),
            ("of another type", json!([7])),
            ("a missing member", json!([{}])),
            ("an unknown member", json!([{"at": 0, "no_such_member": 1}])),
            ("too small", json!([{"at": -1}])),
            ("too large", json!([{"at": 10}])),
            ("a fraction", json!([{"at": 1.5}])),
            ("a text", json!([{"at": "no such value"}])),
        ] {
            let beyond = json!([{"at": 9}, {"at": 9}, {"at": 9}]);
            let is_due = |made: &(&str, Value)| {
                *made == due
                    || (made.0 == due.0 && made.1 == beyond)
                    || (made.0 == due.0 && same_but_at(&made.1, &due.1))
            };
            assert!(made.iter().any(is_due), "{due:?} is missing in {made:?}");
        }
    }

    /// Which end of a range a valid member has is the choice of what draws it.
    fn same_but_at(one: &Value, other: &Value) -> bool {
        one == &serde_json::from_str::<Value>(&other.to_string().replace("\"at\":0", "\"at\":9")).unwrap()
    }

    #[test]
    fn of_what_has_no_type_nothing_is_known_to_be_unfit() {
        assert!(unfit(&json!({"description": "Anything."}), Presence::Required).is_empty());
        let either = json!({"anyOf": [{"type": "string"}, {"type": "object"}]});
        assert_eq!(shown(&either, Presence::Required), [("of another type", json!(7))]);
    }
}
