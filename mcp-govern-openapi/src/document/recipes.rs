//! The specifications of recipes, as `x-govern-recipes` of a document states them.

use std::collections::BTreeMap;

use mcp_govern_core::{Effect, Risk};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Faults, Faulty, refs::Checked};
use crate::{
    merge::{FILE_KEY, RECIPES},
    plan::RecipeSpec,
};

/// One entry. Every key is known here; any other is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    summary: String,
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(rename = "x-govern")]
    govern: RecipeGovern,
    /// Why the tool answers to no single operation.
    reason: String,
    /// The tools of the rows that it calls.
    uses: Vec<String>,
    /// Arguments that are those of a row, by the row's tool.
    #[serde(default)]
    borrows: BTreeMap<String, Vec<String>>,
    /// Arguments of its own, by name.
    #[serde(default)]
    arguments: BTreeMap<String, Value>,
    #[serde(default)]
    required: Vec<String>,
    result: Option<Value>,
    version: Option<u32>,
}

/// `x-govern` of an entry: the same words as those of an operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeGovern {
    effect: Effect,
    idempotent: Option<bool>,
    risk: Option<Risk>,
    why: Option<String>,
    notifies: Option<String>,
    #[serde(default)]
    send: BTreeMap<String, Value>,
    #[serde(default)]
    keys_of: BTreeMap<String, String>,
}

/// Reads all entries; one that is wrong is a fault and becomes none.
pub(super) fn read(document: &Map<String, Value>, mode: Faulty, faults: &mut Faults) -> Vec<RecipeSpec> {
    let Some(stated) = document.get(RECIPES) else { return Vec::new() };
    let entries = match (stated.as_object(), mode) {
        (Some(entries), Faulty::Refused) => entries,
        (None, Faulty::Refused) => {
            faults.push(RECIPES, "is not an object of specifications by the name of the tool");
            return Vec::new();
        }
        (_, Faulty::LeftOut) => {
            faults.push(RECIPES, "is not read in a document that others write: nothing runs its recipes");
            return Vec::new();
        }
    };
    let mut specs = Vec::new();
    for (name, entry) in entries {
        let file = entry.get(FILE_KEY).and_then(Value::as_str);
        match spec(name, entry) {
            Ok(spec) => specs.push(spec),
            Err(message) => {
                let place =
                    file.map_or_else(|| format!("recipe `{name}`"), |file| format!("recipe `{name}` in {file}"));
                faults.push(place, message);
            }
        }
    }
    specs
}

fn spec(name: &str, entry: &Value) -> Checked<RecipeSpec> {
    let mut entry = entry.clone();
    if let Some(entry) = entry.as_object_mut() {
        entry.remove(FILE_KEY);
    }
    let stated = Stated::deserialize(entry).map_err(|error| error.to_string())?;
    let govern = stated.govern;
    let mut spec = RecipeSpec::new(name, stated.summary, stated.description.trim(), stated.reason)
        .with_uses(stated.uses)
        .with_effect(govern.effect, govern.idempotent.unwrap_or(govern.effect == Effect::Read));
    for (row, names) in stated.borrows {
        spec = spec.with_row_arguments(row, names);
    }
    for (argument, stands_for) in &govern.keys_of {
        if !stated.arguments.contains_key(argument) {
            return Err(format!("`keys_of` names `{argument}`, which is none of its own `arguments` (`{stands_for}`)"));
        }
    }
    for (argument, schema) in stated.arguments {
        spec = spec.with_argument(argument, schema);
    }
    for (argument, stands_for) in govern.keys_of {
        spec = spec.with_keys_of(&argument, stands_for);
    }
    for (argument, value) in govern.send {
        spec = spec.with_sent(argument, value);
    }
    if !stated.required.is_empty() {
        spec = spec.with_required(stated.required);
    }
    spec.risk = govern.risk.unwrap_or_default();
    spec.risk_reason = govern.why;
    spec.notifies = govern.notifies;
    spec.output_schema = stated.result;
    spec.area = stated.tags.into_iter().next();
    Ok(match stated.version {
        Some(version) => spec.with_version(version),
        None => spec,
    })
}
