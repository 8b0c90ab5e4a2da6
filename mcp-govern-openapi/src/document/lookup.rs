//! Where values are looked up that no caller gives.

use std::collections::BTreeMap;

use mcp_govern_core::{AuthMethodId, Effect, ToolName};

use super::{govern::LookupGovern, naming::Naming, refs::Checked};
use crate::{
    plan::{Document, LookupPlan, Row, Shape},
    pointer::Pointer,
};

/// Reads the document's `lookups`, each with its ways in the order in which they are tried.
pub(super) fn read(
    document: &Document,
    naming: &Naming,
    stated: &BTreeMap<String, Vec<LookupGovern>>,
) -> Checked<BTreeMap<String, Vec<LookupPlan>>> {
    let mut lookups = BTreeMap::new();
    for (name, ways) in stated {
        let within = |fault: String| format!("`lookups.{name}`: {fault}");
        let plans = ways.iter().map(|way| plan(document, naming, way)).collect::<Checked<Vec<_>>>().map_err(within)?;
        lookups.insert(name.clone(), plans);
    }
    Ok(lookups)
}

fn plan(document: &Document, naming: &Naming, stated: &LookupGovern) -> Checked<LookupPlan> {
    let name = naming.referred(&stated.operation)?;
    let row = document.row(&name).ok_or_else(|| format!("`{name}` is not an operation"))?;
    check_read(row, &name, stated)?;
    let known = |key: &String| document.schemes.config.iter().any(|rule| rule.name == *key);
    let keys = stated.config.values().chain(stated.matching.iter().map(|matching| &matching.config));
    if let Some(unknown) = keys.into_iter().find(|key| !known(key)) {
        return Err(format!("`{unknown}` is not a configuration of a security scheme or of the document"));
    }
    let matching = stated
        .matching
        .as_ref()
        .map(|matching| Ok::<_, String>((Pointer::parse(&matching.at)?, matching.config.clone())));
    Ok(LookupPlan {
        row: name,
        when: stated.when.as_deref().map(AuthMethodId::new).transpose().map_err(|error| error.to_string())?,
        arguments: stated.arguments.clone(),
        config: stated.config.iter().map(|(argument, key)| (argument.clone(), key.clone())).collect(),
        matching: matching.transpose()?,
        value: Pointer::parse(&stated.value)?,
    })
}

/// The operation must be a plain read that can be asked with what is stated alone.
fn check_read(row: &Row, name: &ToolName, stated: &LookupGovern) -> Checked<()> {
    if row.definition.effect != Effect::Read || row.poll.is_some() || row.looks_up() {
        return Err(format!("`{name}` is not a plain read"));
    }
    let given = |argument: &String| stated.arguments.contains_key(argument) || stated.config.contains_key(argument);
    if let Some(missing) = row.required.iter().find(|argument| !given(argument)) {
        return Err(format!("`{name}` needs the argument `{missing}`"));
    }
    if let Some(unknown) = stated.arguments.keys().chain(stated.config.keys()).find(|argument| !row.takes(argument)) {
        return Err(format!("`{name}` has no argument `{unknown}`"));
    }
    if matches!(row.output.shape, Shape::List(_)) != stated.matching.is_some() {
        return Err(format!("`{name}`: `matching` goes with a list, and a list with `matching`"));
    }
    Ok(())
}
