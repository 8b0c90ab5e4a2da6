//! Arguments made from the schema that a model is shown.

use std::sync::Arc;

use mcp_govern_core::{DenialCode, Pattern, governor::CallRequest};
use serde_json::{Map, Value, json};
use url::Url;

use super::ProviderCase;
use crate::{
    Harness,
    chosen::Chosen,
    failure::{Failure, Verdict, ensure},
};

/// How many sets of arguments are tried for each tool.
const TRIED: usize = 24;

/// Whatever the schema that a model is shown admits is admitted: required arguments alone, all of them, and some of them, with
/// values at both ends of what the schema allows.
///
/// # Errors
///
/// The tools and arguments that are refused.
pub async fn what_the_shown_schema_offers_is_never_refused(case: &dyn ProviderCase) -> Verdict {
    let base = Url::parse("https://vendor.example.com").map_err(|error| Failure::new(error.to_string()))?;
    // What the schema cannot say, such as which arguments exclude one another, the provider's servers say.
    let provider = Arc::new(Chosen::unjudged(case.provider()?));
    let harness = Harness::shared_builder(provider, case.spec(base)?).open().await?;
    let person = harness.person();
    let tools = harness.governor().list(person).map_err(|denial| Failure::new(denial.to_string()))?;
    ensure!(!tools.is_empty(), "no tool is listed");
    let mut faults = Vec::new();
    for tool in &tools {
        for at in 0..TRIED {
            let mut draw = Draw(at);
            let Some(Value::Object(arguments)) = draw.object(&tool.input_schema) else {
                faults.push(format!("`{}`: no arguments can be made from its schema", tool.name));
                break;
            };
            let request = CallRequest::new(tool.name.as_str()).with_arguments(arguments.clone());
            let Err(error) = harness.governor().preview(person, request) else { continue };
            if error.code() == Some(DenialCode::InvalidArguments) {
                faults.push(format!("`{}`: {error}: {}", tool.name, Value::Object(arguments)));
                break;
            }
        }
    }
    harness.close().await;
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(faults.join("\n"))) }
}

/// Values from a schema, chosen by a number: 0 makes the smallest arguments, 1 the largest, and others those between.
pub(crate) struct Draw(pub(crate) usize);

impl Draw {
    /// A number below `most`, another one each time.
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }

    /// An object that the schema admits; nothing where none can be made.
    pub(crate) fn object(&mut self, schema: &Value) -> Option<Value> {
        let all = self.0;
        let required: Vec<&str> = texts(schema.get("required")).collect();
        let mut made = Map::new();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let must = required.contains(&name.as_str());
            let wanted = must || all == 1 || (all > 1 && self.below(2) == 0);
            if !wanted {
                continue;
            }
            match self.value(property) {
                Some(value) => {
                    made.insert(name.clone(), value);
                }
                None if must => return None,
                None => {}
            }
        }
        let least = count(schema, "minProperties").unwrap_or(0);
        let others = schema.get("additionalProperties").filter(|others| others.is_object()).cloned();
        let others = others.or_else(|| schema.get("properties").is_none().then(|| json!({"type": "string"})));
        if let Some(others) = others {
            for at in 0..least.max(1) {
                if let Some(value) = self.value(&others) {
                    made.insert(format!("key_{at}"), value);
                }
            }
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if made.len() < least && !made.contains_key(name) {
                made.extend(self.value(property).map(|value| (name.clone(), value)));
            }
        }
        if let Some(most) = count(schema, "maxProperties") {
            let spare: Vec<String> = made.keys().filter(|name| !required.contains(&name.as_str())).cloned().collect();
            for name in spare.iter().rev().take(made.len().saturating_sub(most)) {
                made.remove(name);
            }
        }
        Some(Value::Object(made))
    }

    /// A value that the schema admits; nothing where none can be made.
    pub(crate) fn value(&mut self, schema: &Value) -> Option<Value> {
        if let Some(fixed) = schema.get("const") {
            return Some(fixed.clone());
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(branches) = schema.get(key).and_then(Value::as_array) {
                let branch = branches.get(self.below(branches.len()))?;
                let others: &[Value] = if key == "oneOf" { branches } else { &[] };
                return self.value(&joined(schema, key, branch, others));
            }
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.get(self.below(values.len())).cloned();
        }
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Value::Array(_)) => texts(schema.get("type")).collect(),
            kind => kind.and_then(Value::as_str).into_iter().collect(),
        };
        match kinds.get(self.below(kinds.len())).copied() {
            Some("null") => Some(Value::Null),
            Some("boolean") => Some(Value::Bool(self.below(2) == 0)),
            Some("integer") => Some(self.number(schema, 1 << 53)),
            Some("number") => Some(self.number(schema, 1 << 20)),
            Some("array") => self.array(schema),
            Some("object") => self.object(schema),
            Some("string") => self.text(schema).map(Value::String),
            // Anything goes.
            _ => Some(json!({"any": ["thing", 1, null]})),
        }
    }

    /// One end of the range or the other.
    fn number(&mut self, schema: &Value, most: u64) -> Value {
        let end = |keyword: &str| schema.get(keyword).filter(|limit| limit.is_number()).cloned();
        let inside = |keyword: &str, by: f64| Some(json!(schema.get(keyword)?.as_f64()? + by));
        let low = end("minimum").or_else(|| inside("exclusiveMinimum", 1.0));
        let high = end("maximum").or_else(|| inside("exclusiveMaximum", -1.0));
        if self.below(2) == 0 { low.unwrap_or_else(|| json!(0)) } else { high.unwrap_or_else(|| json!(most)) }
    }

    fn array(&mut self, schema: &Value) -> Option<Value> {
        let least = count(schema, "minItems").unwrap_or(0);
        let most = count(schema, "maxItems").unwrap_or(least + 3).min(least + 3);
        let items = schema.get("items").cloned().unwrap_or(Value::Bool(true));
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut made: Vec<Value> = Vec::new();
        for _ in 0..least + self.below(most - least + 1) {
            let item = self.value(&items)?;
            if !unique || !made.contains(&item) {
                made.push(item);
            }
        }
        (made.len() >= least).then_some(Value::Array(made))
    }

    fn text(&mut self, schema: &Value) -> Option<String> {
        let least = count(schema, "minLength").unwrap_or(0);
        let most = count(schema, "maxLength").unwrap_or(least.max(40)).min(4_000);
        let shapes: &[&str] = match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => &["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.5+02:00"],
            Some("date") => &["2026-11-21"],
            Some("email") => &["ann@example.com", "a.b+c@sub.example.com"],
            Some("uuid") => &["3f2504e0-4f89-41d3-9a0c-0305e82c3301"],
            Some("uri") => &["https://example.com/", "https://example.com:8443/a/b?c=d#e"],
            _ => &[
                "10.0.0.0/8",
                "all",
                "[]",
                "7",
                "[1, 2]",
                "[\"a\"]",
                "true",
                "null",
                "2026-03",
                "DE",
                "created_at",
                "a.b/c\\d e",
            ],
        };
        let pattern = match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => Some(Pattern::new(pattern).ok()?),
            None => None,
        };
        let length = if self.below(2) == 0 { least } else { most };
        let plain = schema.get("format").is_none_or(|format| format == "password");
        let filled = plain.then(|| "x".repeat(length));
        let fits = |text: &String| {
            let length = text.chars().count();
            (least..=most).contains(&length) && pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
        };
        let made: Vec<String> = shapes.iter().map(|text| (*text).to_owned()).chain(filled).filter(fits).collect();
        made.get(self.below(made.len())).cloned()
    }
}

/// A schema with one of its branches in place of all of them, and without what would make it one of `others`.
fn joined(schema: &Value, key: &str, branch: &Value, others: &[Value]) -> Value {
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    whole.remove(key);
    let own: Vec<&str> = texts(branch.get("required")).chain(texts(schema.get("required"))).collect();
    if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
        for other in others.iter().flat_map(|other| texts(other.get("required"))).filter(|name| !own.contains(name)) {
            properties.remove(other);
        }
    }
    for (name, value) in branch.as_object().into_iter().flatten() {
        match (whole.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
            (Some(Value::Array(known)), Value::Array(more)) if name == "required" => known.extend(more.iter().cloned()),
            _ => {
                whole.insert(name.clone(), value.clone());
            }
        }
    }
    whole.into()
}

/// The texts of a list.
pub(crate) fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The number that a keyword gives.
pub(crate) fn count(schema: &Value, keyword: &str) -> Option<usize> {
    schema.get(keyword)?.as_u64().and_then(|count| usize::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_from_the_least_to_the_most_that_a_schema_admits() {
        let schema = json!({"type": "object", "required": ["id"], "properties": {
            "id": {"type": "string", "minLength": 2, "maxLength": 5},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
            "state": {"type": "string", "enum": ["open", "closed"]},
            "ids": {"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": {"type": "integer"}},
            "day": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
            "form": {"type": "object", "oneOf": [
                {"required": ["a"], "properties": {"a": {"const": 1}}}, {"required": ["b"], "properties": {"b": {"const": 2}}}]},
        }});
        let made: Vec<Value> = (0..200).filter_map(|at| Draw(at).object(&schema)).collect();
        let seen = |name: &str, value: Value| made.iter().any(|arguments| arguments.get(name) == Some(&value));
        assert_eq!(made[0].as_object().unwrap().len(), 1);
        assert_eq!(made[1].as_object().unwrap().len(), 6);
        for (name, value) in [
            ("id", json!("xx")),
            ("id", json!("xxxxx")),
            ("limit", json!(1)),
            ("limit", json!(100)),
            ("state", json!("open")),
            ("state", json!("closed")),
            ("day", json!("2026-03")),
            ("form", json!({"a": 1})),
            ("form", json!({"b": 2})),
        ] {
            assert!(seen(name, value.clone()), "{name}: {value}");
        }
        assert!(
            made.iter().all(|arguments| arguments.get("ids").is_none_or(|ids| !ids.as_array().unwrap().is_empty()))
        );
    }
}
