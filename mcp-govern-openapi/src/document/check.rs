//! Rules across arguments, as the document states them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    govern::{CheckGovern, CheckKindGovern},
    refs::Checked,
};
use crate::plan::{Check, Place, Rule, Span, Variant};

/// The arguments of the operation that a rule is stated for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a> {
    /// All of them.
    pub(crate) all: &'a [&'a str],
    /// Those of the body that nothing fills in by itself: what a change is about.
    pub(crate) changes: &'a [&'a str],
    /// What is sent for those that are left out.
    pub(crate) send: &'a BTreeMap<String, Value>,
}

impl Check {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// When something that the kind needs is missing, or an argument is named that the operation does not have.
    pub(crate) fn parse(stated: &CheckGovern, arguments: Arguments<'_>) -> Checked<Self> {
        let rule = Rule::parse(stated, arguments)?;
        let values = |value: &Value| match value {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        let when = stated.when.iter().map(|(name, value)| (name.clone(), values(value))).collect();
        let check = Self { rule, when, text: stated.text.clone() };
        let named = check.rule.names().into_iter().chain(check.when.iter().map(|(name, _)| name.as_str()));
        match named.into_iter().find(|name| !arguments.all.contains(name)) {
            Some(name) => Err(format!("a check names `{name}`, which is not an argument")),
            None => Ok(check),
        }
    }
}

impl Rule {
    fn parse(stated: &CheckGovern, arguments: Arguments<'_>) -> Checked<Self> {
        let argument = || stated.argument.clone().ok_or("a check of this kind needs `argument`".to_owned());
        let other = || stated.other.clone().ok_or("a check of this kind needs `other`".to_owned());
        let several = || match stated.arguments.len() {
            0 | 1 => Err("a check of this kind needs `arguments` with at least two names".to_owned()),
            _ => Ok(stated.arguments.clone()),
        };
        if stated.is.is_some() && stated.kind != CheckKindGovern::Requires {
            return Err("`is` belongs to `requires` alone".to_owned());
        }
        Ok(match stated.kind {
            CheckKindGovern::Exclusive => Self::Exclusive(several()?),
            CheckKindGovern::OneOf => Self::OneOf(several()?),
            // Without names: something must be changed at all.
            CheckKindGovern::AnyOf if stated.arguments.is_empty() => {
                let changes: Vec<String> = arguments.changes.iter().map(|&name| name.to_owned()).collect();
                if changes.is_empty() {
                    return Err("`any_of` without `arguments` needs a body with arguments".to_owned());
                }
                Self::AnyOf(changes, BTreeMap::new())
            }
            CheckKindGovern::AnyOf => {
                let names = several()?;
                let sent = arguments.send.iter().filter(|(name, _)| names.contains(name));
                let sent = sent.map(|(name, value)| (name.clone(), value.clone())).collect();
                Self::AnyOf(names, sent)
            }
            CheckKindGovern::Requires if stated.needs.is_empty() => return Err("`requires` needs `needs`".to_owned()),
            CheckKindGovern::Requires => {
                let names = match stated.arguments.as_slice() {
                    [] => vec![argument()?],
                    names => names.to_vec(),
                };
                Self::Requires { names, is: stated.is.clone(), needs: stated.needs.clone() }
            }
            CheckKindGovern::Less => Self::Less(argument()?, other()?),
            CheckKindGovern::Before => Self::Before(argument()?, other()?),
            CheckKindGovern::Future => Self::Future(argument()?),
            CheckKindGovern::Past => Self::Past(argument()?),
            CheckKindGovern::Span => {
                let span = match (stated.months, stated.days) {
                    (Some(months), None) => Span::Months(months),
                    (None, Some(days)) => Span::Days(days),
                    _ => return Err("`span` needs `months` or `days`".to_owned()),
                };
                Self::Span(argument()?, other()?, span)
            }
            CheckKindGovern::Age => {
                let days = stated.days.ok_or("`age` needs `days`")?;
                Self::Age(argument()?, Place::parse(stated.at.as_deref().unwrap_or_default())?, days)
            }
            CheckKindGovern::Growing => Self::Growing(argument()?),
            CheckKindGovern::Length => Self::Length(argument()?, stated.max.ok_or("`length` needs `max`")?),
            CheckKindGovern::Variant if stated.members.values().any(Vec::is_empty) || stated.members.is_empty() => {
                return Err("`variant` needs `members` with a list of names for each value of `by`".to_owned());
            }
            CheckKindGovern::Variant => Self::Variant(Variant {
                argument: argument()?,
                by: stated.by.clone().ok_or("`variant` needs `by`")?,
                members: stated.members.clone(),
            }),
        })
    }
}
