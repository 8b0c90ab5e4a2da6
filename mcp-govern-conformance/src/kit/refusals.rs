//! What is refused before anything is sent.

use mcp_govern_core::{Catalogue, DenialCode, Effect, Remedy, Sent, governor::CallError};
use serde_json::{Map, Value, json};

use crate::{
    Failure, Verdict,
    kit::{
        Fixture, ProviderKit,
        unfit::{Presence, unfit},
    },
    provider::offered::{Draw, texts},
    wire::Case,
};

/// A tool, arguments that it must be denied for, and words that the denial must hold.
pub type Refusal = (&'static str, Value, &'static [&'static str]);

/// Each of these calls is denied as `invalid_arguments`, in words that hold those given, and none sends anything.
///
/// # Errors
///
/// Everything that is otherwise, a line each.
pub async fn each_is_refused<K: ProviderKit>(kit: &K, rows: Vec<Refusal>) -> Verdict {
    let tools: Vec<&str> = rows.iter().map(|(tool, ..)| *tool).collect();
    let fixture = Fixture::open_only(kit, &tools).await?;
    let mut faults = Vec::new();
    for (tool, arguments, words) in rows {
        let shown = format!("`{tool}` {}", cut(&arguments));
        match fixture.harness().call(tool, arguments).await {
            Ok(_) => faults.push(format!("{shown}: it succeeds")),
            Err(error) => {
                let text = error.to_string();
                faults.extend(other_than_invalid(&error).map(|fault| format!("{shown}: {fault}: {text}")));
                let missing = words.iter().filter(|word| !text.contains(**word));
                faults.extend(missing.map(|word| format!("{shown}: `{word}` is missing in `{text}`")));
            }
        }
    }
    faults.extend(sent_anything(&fixture));
    Failure::unless_none(&faults)
}

/// Of every tool, what its schema does not admit is denied as `invalid_arguments` before anything is sent, and the denial names the
/// argument: an argument that it does not know, a required one that is missing, and for each argument a value of another type, out of
/// its range or its form, or with a member that is. What goes beyond a tool's schema is for cases of one's own: [`each_is_refused`].
///
/// # Errors
///
/// Everything that is otherwise, a line each.
pub async fn what_no_schema_admits_is_denied_and_not_sent<K: ProviderKit>(kit: &K) -> Verdict {
    let cases = kit.cases().await;
    let fixture = Fixture::open(kit).await?;
    let harness = fixture.harness();
    let tools = harness.governor().list(harness.person()).map_err(|denial| Failure::new(denial.to_string()))?;
    let (mut faults, mut tried) = (Vec::new(), 0);
    for tool in &tools {
        let name = tool.id.name().as_str();
        let base = cases.iter().find(|case| case.tool() == name).map(Case::arguments);
        let base = match base.or_else(|| Draw(0).object(&tool.input_schema)) {
            Some(Value::Object(base)) => base,
            _ => Map::new(),
        };
        for (argument, what, arguments) in misfits(&tool.input_schema, &base) {
            tried += 1;
            let shown = || format!("`{name}`: `{argument}` {what} {}", cut(&Value::Object(arguments.clone())));
            match harness.call(name, Value::Object(arguments.clone())).await {
                Ok(_) => faults.push(format!("{}: it succeeds", shown())),
                Err(error) => {
                    let fault = other_than_invalid(&error);
                    let fault = fault.or_else(|| (!names(&error, &argument)).then_some("the denial does not name it"));
                    faults.extend(fault.map(|fault| format!("{}: {fault}: {error}", shown())));
                }
            }
        }
    }
    if tried < tools.len() {
        faults.push(format!("{tried} calls were tried for {} tools", tools.len()));
    }
    faults.extend(sent_anything(&fixture));
    Failure::unless_none(&faults)
}

/// An argument, what is wrong with it, and the arguments of a call in which nothing else is.
fn misfits(schema: &Value, base: &Map<String, Value>) -> Vec<(String, &'static str, Map<String, Value>)> {
    let with = |name: &str, value: Value| {
        let mut arguments = base.clone();
        arguments.insert(name.to_owned(), value);
        arguments
    };
    let unknown = "no_such_argument".to_owned();
    let mut made = vec![(unknown.clone(), "is not known", with(&unknown, json!("x")))];
    let required: Vec<&str> = texts(schema.get("required")).collect();
    for name in &required {
        let mut arguments = base.clone();
        arguments.remove(*name);
        made.push(((*name).to_owned(), "is missing", arguments));
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let presence = if required.contains(&name.as_str()) { Presence::Required } else { Presence::Optional };
        let values = unfit(property, presence).into_iter();
        made.extend(values.map(|unfit| (name.clone(), unfit.what, with(name, unfit.value))));
    }
    made
}

/// What is other than in a denial as `invalid_arguments` of which nothing was sent.
fn other_than_invalid(error: &CallError) -> Option<&'static str> {
    if error.code() != Some(DenialCode::InvalidArguments) {
        return Some("it is not denied as `invalid_arguments`");
    }
    (error.sent() != Sent::No).then_some("something may have been sent")
}

/// Whether the remedy names the argument, or a place within it.
fn names(error: &CallError, argument: &str) -> bool {
    let Some(Remedy::CorrectArguments { faults }) = error.denial().map(mcp_govern_core::Denial::remedy) else {
        return false;
    };
    let is_within =
        |place: &str| place == argument || place.strip_prefix(argument).is_some_and(|rest| rest.starts_with('/'));
    faults.iter().any(|fault| is_within(&fault.argument))
}

fn sent_anything<K: ProviderKit>(fixture: &Fixture<'_, K>) -> Option<String> {
    let sent = fixture.requests().len();
    (sent > 0).then(|| format!("the stand-in saw {sent} requests"))
}

/// Arguments as a fault shows them.
fn cut(arguments: &Value) -> String {
    arguments.to_string().chars().take(200).collect()
}

/// An empty list or map is seldom what was meant: no tool that changes something takes one, unless an argument of its own says so.
///
/// # Errors
///
/// The arguments that may be empty, a line each.
pub fn no_list_or_map_of_a_change_may_be_empty(catalogue: &Catalogue) -> Verdict {
    let mut faults = Vec::new();
    for tool in catalogue.tools.iter().filter(|tool| tool.effect != Effect::Read) {
        let properties = tool.input_schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let is = |kind: &str| {
                property
                    .get("type")
                    .is_some_and(|is| is == kind || is.as_array().is_some_and(|all| all.contains(&kind.into())))
            };
            let is_bounded =
                |keyword: &str| property.get(keyword).and_then(Value::as_u64).is_some_and(|least| least > 0);
            if is("array") && !is_bounded("minItems") {
                faults.push(format!("`{}`: `{name}` may be an empty list", tool.name));
            }
            if is("object") && !is_bounded("minProperties") {
                faults.push(format!("`{}`: `{name}` may be an empty map", tool.name));
            }
        }
    }
    Failure::unless_none(&faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_made_unfit_alone_and_required_ones_are_left_out() {
        let schema = json!({"type": "object", "required": ["id"], "properties": {
            "id": {"type": "string", "minLength": 1}, "limit": {"type": "integer", "maximum": 9},
        }});
        let base = json!({"id": "a"});
        let made: Vec<(String, &str, Value)> = misfits(&schema, base.as_object().unwrap())
            .into_iter()
            .map(|(argument, what, arguments)| (argument, what, Value::Object(arguments)))
            .collect();
        let due = |argument: &str, what: &'static str, arguments: Value| (argument.to_owned(), what, arguments);
        assert_eq!(
            made,
            [
                due("no_such_argument", "is not known", json!({"id": "a", "no_such_argument": "x"})),
                due("id", "is missing", json!({})),
                due("id", "of another type", json!({"id": {"no_such_member": 7}})),
                due("id", "too short", json!({"id": ""})),
                due("limit", "of another type", json!({"id": "a", "limit": {"no_such_member": 7}})),
                due("limit", "a text", json!({"id": "a", "limit": "no such value"})),
                due("limit", "too large", json!({"id": "a", "limit": 10})),
                due("limit", "a fraction", json!({"id": "a", "limit": 1.5})),
            ]
        );
    }
}
