//! Rules of the file that do nothing, or deny everything: on arguments that no tool has, and values that none takes.

use example_vendors::nearest;
use mcp_govern_core::{
    ArgumentRule, Constraint, ToolId, ToolsetId, blueprint::Blueprint, check::KEYS_OF, journal::State,
};
use serde_json::Value;

/// What is wrong with the rules of the file, one sentence each, as far as the tools that they speak of are known.
pub(crate) fn faults(state: &State, blueprint: &Blueprint) -> Vec<String> {
    let mut faults = Vec::new();
    for (server, row) in &blueprint.servers {
        let tools: Vec<&Value> = state.tools_of(server).map(|(_, tool)| &*tool.definition().input_schema).collect();
        of_some(&format!("servers.{server}.rules"), &row.rules, &tools, &mut faults);
    }
    for (id, toolset) in &blueprint.toolsets {
        for (tool, rules) in &toolset.rules {
            let Some(known) = state.tools().get(tool) else { continue };
            let schema = &*known.definition().input_schema;
            of_tool(&format!("toolsets.{id}.rules.\"{tool}\""), tool, rules, schema, &mut faults);
        }
    }
    for (id, profile) in &blueprint.profiles {
        for (toolset, rules) in &profile.rules {
            let tools = tools_of(state, blueprint, toolset);
            of_some(&format!("profiles.{id}.rules.{toolset}"), rules, &tools, &mut faults);
        }
    }
    faults
}

/// Rules on many tools: one of them has the argument, and takes the values.
fn of_some(place: &str, rules: &[ArgumentRule], tools: &[&Value], faults: &mut Vec<String>) {
    // Before the tools are known nothing can be said.
    if tools.is_empty() {
        return;
    }
    for rule in rules {
        let name = &rule.argument;
        let having: Vec<&&Value> = tools.iter().filter(|schema| has(schema, name)).collect();
        if having.is_empty() {
            let near = meant(name, tools.iter().flat_map(|schema| names(schema)));
            faults.push(format!("{place}: none of the tools has an argument `{name}`{near}"));
            continue;
        }
        // A value is told of where every tool that states values knows none such.
        let mut wrong = having.iter().filter_map(|schema| unknown_value(schema, rule));
        if having.iter().all(|schema| unknown_value(schema, rule).is_some())
            && let Some(told) = wrong.next()
        {
            faults.push(format!("{place}: {told}"));
        }
    }
}

fn of_tool(place: &str, tool: &ToolId, rules: &[ArgumentRule], schema: &Value, faults: &mut Vec<String>) {
    for rule in rules {
        let name = &rule.argument;
        if !has(schema, name) {
            let near = meant(name, names(schema));
            faults.push(format!("{place}: `{tool}` has no argument `{name}`{near}"));
        } else if let Some(told) = unknown_value(schema, rule) {
            faults.push(format!("{place}: {told}"));
        }
    }
}

/// The schemas of the tools of a toolset of the file.
fn tools_of<'s>(state: &'s State, blueprint: &Blueprint, toolset: &ToolsetId) -> Vec<&'s Value> {
    let Some(toolset) = blueprint.toolsets.get(toolset) else { return Vec::new() };
    let schema = |tool: &'s mcp_govern_core::journal::Tool| &*tool.definition().input_schema;
    match &toolset.follows {
        Some(follows) => {
            let of_area = |tool: &mcp_govern_core::journal::Tool| {
                let area = tool.definition().area.as_ref();
                follows.areas.is_empty() || area.is_some_and(|area| follows.areas.contains(area))
            };
            let followed = state.tools().iter().filter(|(id, tool)| *id.server() == follows.server && of_area(tool));
            followed.map(|(_, tool)| schema(tool)).collect()
        }
        None => toolset.tools.iter().filter_map(|tool| state.tools().get(tool)).map(schema).collect(),
    }
}

fn names(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str())
}

/// Whether a tool has the argument, or another one whose keys stand for it.
fn has(schema: &Value, argument: &str) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut stands = properties
        .map(|(name, property)| name == argument || property.get(KEYS_OF).and_then(Value::as_str) == Some(argument));
    stands.any(|stands| stands)
}

/// That a rule names a value that the argument never takes.
fn unknown_value(schema: &Value, rule: &ArgumentRule) -> Option<String> {
    let property = schema.get("properties")?.get(&rule.argument)?;
    let values: Vec<&Value> = match &rule.constraint {
        Constraint::Fixed(value) => vec![value],
        Constraint::OneOf(values) | Constraint::Subset(values) => values.iter().collect(),
        _ => return None,
    };
    let listed = property.get("enum").or_else(|| property.get("items")?.get("enum"))?.as_array()?;
    let is_known = |value: &Value| match value.as_array() {
        Some(items) => items.iter().all(|item| listed.contains(item)),
        None => listed.contains(value),
    };
    let unknown = values.into_iter().find(|value| !is_known(value))?;
    let text = unknown.as_str().map_or_else(|| unknown.to_string(), str::to_owned);
    let near = meant(&text, listed.iter().filter_map(Value::as_str));
    Some(format!("`{}` is none of the values of `{}`{near}", text.escape_debug(), rule.argument))
}

fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
