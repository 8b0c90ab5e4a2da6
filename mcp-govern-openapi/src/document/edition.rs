//! An edition's document beside the provider's first one: what it takes from there, and what must not contradict it.

use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{Binding, Risk, ToolName};
use serde_json::{Map, Value};

use super::{
    Faults, Faulty,
    govern::{DiffersGovern, IdempotentGovern, OperationGovern},
    names::{argument_name, to_snake},
    parameter::Argument,
    refs::Checked,
};
use crate::plan::{Document, NOBODY, Repeat, Row};

/// Members of a schema that say nothing of what a value is.
const WORDS: [&str; 8] =
    ["title", "description", "deprecated", "examples", "x-argument", "x-personal", "x-config", "writeOnly"];

/// The operation of the provider's first edition that has the same `operationId`; none in that edition itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Inherited<'a>(Option<&'a Row>);

impl<'a> Inherited<'a> {
    /// The operation of the first edition under an `operationId`.
    pub(crate) fn of(first: Option<&'a Document>, id: Option<&str>) -> Self {
        let row = || {
            let first = first?;
            first.row(first.ids.get(&to_snake(id?))?)
        };
        Self(row())
    }

    /// What a reader is told of the operation: title, description, area, and whether it is deprecated.
    pub(crate) fn row(self) -> Option<&'a Row> {
        self.0
    }

    /// Fills in what the edition does not state of effect, risk and repetition.
    pub(crate) fn complete(self, govern: &mut OperationGovern) {
        let Some(row) = self.0 else { return };
        govern.hidden |= row.hidden;
        // The reason belongs to the risk: it is taken along with it.
        let takes_risk = govern.risk.is_none() && row.stated.risk.is_some_and(|risk| risk != Risk::None);
        let takes_all = govern.risk.is_none() && govern.effect.is_none();
        if govern.why.is_none() && (takes_risk || takes_all) {
            govern.why.clone_from(&row.definition.risk_reason);
        }
        govern.risk = govern.risk.or(row.stated.risk);
        govern.effect = govern.effect.or(row.stated.effect);
        if govern.notifies.is_none() {
            let nobody = || row.stated.notifies.then(|| NOBODY.to_owned());
            govern.notifies = row.definition.notifies.clone().or_else(nobody);
        }
        if govern.idempotent.is_none() {
            govern.idempotent = match &row.repeat {
                Repeat::Always => Some(IdempotentGovern::Always(true)),
                Repeat::With(argument) => Some(IdempotentGovern::With { with: argument.clone() }),
                Repeat::Never => None,
            };
        }
    }

    /// The name of the argument that fills a parameter or member: what the edition says, else what the first one calls what has the
    /// same name at the vendor, else the vendor's name.
    pub(crate) fn argument(self, vendor: &str, stated: Option<&str>) -> Checked<String> {
        let known = || {
            let Binding::Operation(operation) = &self.0?.definition.binding else { return None };
            let same = |name: &str| name == vendor || name.rsplit_once('.').is_some_and(|(_, last)| last == vendor);
            let bound = operation.arguments.iter().find(|bound| !bound.argument.contains('.') && same(&bound.name));
            Some(bound?.argument.as_str())
        };
        argument_name(vendor, stated.or_else(known))
    }

    /// The schema of an argument in the first edition.
    pub(crate) fn schema(self, argument: &str) -> Option<&'a Map<String, Value>> {
        self.0?.definition.input_schema.get("properties")?.get(argument)?.as_object()
    }

    /// Fills in what the edition does not state of its arguments: the whole schema where it states none, else the description.
    pub(crate) fn describe(self, arguments: &mut [Argument]) {
        for argument in arguments {
            let Some(known) = self.schema(&argument.name) else { continue };
            if argument.schema.keys().all(|key| WORDS.contains(&key.as_str())) {
                let words = std::mem::replace(&mut argument.schema, known.clone());
                argument.schema.extend(words);
            }
            for word in ["description", "x-personal"] {
                if let (None, Some(value)) = (argument.schema.get(word), known.get(word)) {
                    argument.schema.insert(word.to_owned(), value.clone());
                }
            }
        }
    }

    /// That the edition's arguments are those of the first, but for what it states.
    pub(crate) fn check(self, arguments: &[Argument], differs: &DiffersGovern) -> Checked<()> {
        let Some(row) = self.0 else {
            let stated = [&differs.lacks, &differs.adds, &differs.changes].into_iter().any(|list| !list.is_empty());
            return if stated {
                Err("`differs` is for operations that the first edition has under the same `operationId`".to_owned())
            } else {
                Ok(())
            };
        };
        let known: BTreeSet<&str> = row.definition.arguments().collect();
        let own: BTreeSet<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
        let kind = |schema: Option<&Value>| schema.cloned().unwrap_or(Value::Null);
        let other = |argument: &&Argument| {
            let before = self.schema(&argument.name);
            before.is_some_and(|before| kind(before.get("type")) != kind(argument.schema.get("type")))
        };
        let changed: BTreeSet<&str> = arguments.iter().filter(other).map(|argument| argument.name.as_str()).collect();
        agree(
            "lacks",
            &differs.lacks,
            &known.difference(&own).copied().collect(),
            "is an argument of the first edition alone",
        )?;
        agree(
            "adds",
            &differs.adds,
            &own.difference(&known).copied().collect(),
            "is an argument of this edition alone",
        )?;
        agree("changes", &differs.changes, &changed, "has another type than in the first edition")
    }
}

/// That a list names what is so, and nothing else.
fn agree(key: &str, stated: &[String], found: &BTreeSet<&str>, is: &str) -> Checked<()> {
    if let Some(name) = found.iter().find(|name| !stated.iter().any(|stated| stated == *name)) {
        return Err(format!("`{name}` {is}: state it as `x-govern: {{differs: {{{key}: [{name}]}}}}`, or correct it"));
    }
    match stated.iter().find(|name| !found.contains(name.as_str())) {
        Some(name) => Err(format!("`differs.{key}` names `{name}`, of which that is not so")),
        None => Ok(()),
    }
}

/// The tools of the first edition that a document does not have, each with the reason. One of our own says it of each; of a document
/// of others it is enough that it does not have them.
pub(super) fn absent(
    document: &Document,
    first: &Document,
    stated: &BTreeMap<String, String>,
    mode: Faulty,
    faults: &mut Faults,
) -> BTreeMap<ToolName, String> {
    let mut absent = BTreeMap::new();
    for (id, reason) in stated {
        match first.ids.get(&to_snake(id)) {
            None => faults.push("x-govern.absent", format!("`{id}` is not an operation of the first edition")),
            Some(name) if document.row(name).is_some() => {
                faults.push("x-govern.absent", format!("`{id}` is an operation of this document"));
            }
            Some(_) if reason.trim().is_empty() => faults.push("x-govern.absent", format!("`{id}` has no reason")),
            Some(name) => {
                absent.insert(name.clone(), reason.clone());
            }
        }
    }
    let missing = first.rows.iter().filter(|row| document.row(&row.name).is_none() && !absent.contains_key(&row.name));
    let missing: Vec<&Row> = missing.filter(|row| !row.hidden).collect();
    for row in missing {
        if mode == Faulty::Refused {
            let message =
                format!("does not say why there is no `{}` ({}), which the first edition has", row.name, row.place);
            faults.push("x-govern.absent", message);
        } else {
            absent.insert(row.name.clone(), "the document of this edition does not have it".to_owned());
        }
    }
    absent
}
