//! Which reads prove a credential.

use mcp_govern_core::{AuthMethodId, Effect};
use serde_json::Map;

use super::{Faults, Faulty, govern::ProbeGovern, naming::Naming, refs::Checked};
use crate::{
    plan::{Document, Fact, ProbePlan, Row},
    pointer::Pointer,
};

impl Fact {
    fn parse(text: &str) -> Checked<Self> {
        match text.split_once("/*") {
            None => Ok(Self::At(Pointer::parse(text)?)),
            Some((list, item)) => Ok(Self::Each { list: Pointer::parse(list)?, item: Pointer::parse(item)? }),
        }
    }
}

/// Reads the document's probes. A document without any is probed by its first stated read that needs no argument.
pub(super) fn read(
    document: &Document,
    naming: &Naming,
    stated: &[ProbeGovern],
    mode: Faulty,
    faults: &mut Faults,
) -> Checked<Vec<ProbePlan>> {
    let mut plans = Vec::with_capacity(stated.len());
    for probe in stated {
        match (plan(document, naming, probe), mode) {
            (Ok(plan), _) => plans.push(plan),
            (Err(fault), Faulty::Refused) => return Err(fault),
            // Its operation may be one that is left out.
            (Err(fault), Faulty::LeftOut) => faults.push("x-govern.probe", fault),
        }
    }
    if !stated.is_empty() {
        return Ok(plans);
    }
    let usable = |row: &&Row| {
        row.stated.effect == Some(Effect::Read) && row.required.is_empty() && !row.security.is_empty() && !row.hidden
    };
    let row = document.rows.iter().find(usable);
    Ok(row
        .map(|row| ProbePlan {
            row: row.name.clone(),
            arguments: Map::new(),
            grants: Vec::new(),
            facts: Vec::new(),
            scheme: None,
            when: None,
            more: false,
            remark: None,
        })
        .into_iter()
        .collect())
}

fn plan(document: &Document, naming: &Naming, stated: &ProbeGovern) -> Checked<ProbePlan> {
    let name = naming.referred(&stated.operation)?;
    let row = document.row(&name).ok_or_else(|| format!("`{name}` is not an operation"))?;
    if row.definition.effect != Effect::Read {
        return Err(format!("`{name}` is not a read"));
    }
    let scopes = &document.scopes.rules;
    let filled = |argument: &&String| {
        stated.arguments.contains_key(*argument) || stated.more && scopes.iter().any(|rule| rule.argument == **argument)
    };
    if let Some(missing) = row.required.iter().find(|argument| !filled(argument)) {
        return Err(format!("`{name}` needs the argument `{missing}`"));
    }
    if let Some(unknown) = stated.arguments.keys().find(|name| !row.definition.arguments().any(|a| a == **name)) {
        return Err(format!("`{name}` has no argument `{unknown}`"));
    }
    let when = stated.when.as_deref().map(AuthMethodId::new).transpose().map_err(|error| error.to_string())?;
    Ok(ProbePlan {
        row: name,
        arguments: stated.arguments.clone(),
        grants: stated.grants.clone(),
        facts: stated.facts.iter().map(|(name, at)| Ok((name.clone(), Fact::parse(at)?))).collect::<Checked<_>>()?,
        scheme: stated.scheme.as_deref().map(|scheme| document.schemes.index(scheme)).transpose()?,
        when,
        more: stated.more,
        remark: stated.remark.clone(),
    })
}
