//! What every text, rule and policy must be, whatever the state.

use std::collections::BTreeSet;

use crate::{
    journal::Refusal,
    vocabulary::{
        ArgumentRule, Constraint, Grantee, Label, ProfileSpec, ProfileVisibility, ServerSpec, is_encrypted_or_local,
    },
};

/// The longest title, in characters.
const TITLE: usize = 200;
/// The longest description, reason or justification, in characters.
const TEXT: usize = 10_000;

pub(super) fn title(what: &str, title: &str) -> Result<(), Refusal> {
    if title.trim().is_empty() {
        return Err(Refusal::invalid(format!("{what} has no title: give it a name for people")));
    }
    if title.chars().count() > TITLE || title.chars().any(char::is_control) {
        return Err(Refusal::invalid(format!(
            "the title of {what} is longer than {TITLE} characters or holds control characters"
        )));
    }
    Ok(())
}

/// A text of several lines, which may be empty.
pub(super) fn text(what: &str, text: &str) -> Result<(), Refusal> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > TEXT || text.chars().any(control) {
        return Err(Refusal::invalid(format!("{what} is longer than {TEXT} characters or holds control characters")));
    }
    Ok(())
}

pub(super) fn label(what: &str, label: &Label) -> Result<(), Refusal> {
    title(what, &label.title)?;
    text(&format!("the description of {what}"), &label.description)
}

/// Rules of one list. Whether they fit a tool's schema shows at the call, because tools change after rules are written.
pub(super) fn rules(place: &str, rules: &[ArgumentRule]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for rule in rules {
        let argument = rule.argument.as_str();
        if argument.trim().is_empty() || argument.chars().any(char::is_control) {
            return Err(Refusal::invalid(format!("a rule {place} names no argument")));
        }
        if !seen.insert(argument) {
            return Err(Refusal::invalid(format!("two rules {place} name the argument `{argument}`: make it one")));
        }
        let empty = match &rule.constraint {
            Constraint::OneOf(values) | Constraint::Subset(values) => values.is_empty(),
            Constraint::Fixed(_) | Constraint::Max(_) | Constraint::Pattern(_) => false,
        };
        if empty {
            return Err(Refusal::invalid(format!(
                "the rule on `{argument}` {place} allows no value at all: name the values, or take the tool out"
            )));
        }
    }
    Ok(())
}

pub(super) fn server(spec: &ServerSpec) -> Result<(), Refusal> {
    title("the server", &spec.title)?;
    rules("of the server", &spec.rules)?;
    let Some(url) = &spec.base_url else { return Ok(()) };
    if !is_encrypted_or_local(url) {
        return Err(Refusal::invalid(format!(
            "the base URL `{}` is neither https nor http on loopback",
            url.origin().ascii_serialization()
        )));
    }
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if bare {
        Ok(())
    } else {
        Err(Refusal::invalid(
            "a base URL holds no user name, password, query or fragment: credentials go into the vault",
        ))
    }
}

pub(super) fn profile(spec: &ProfileSpec) -> Result<(), Refusal> {
    label("the profile", &spec.label)?;
    if let ProfileVisibility::Only(grantees) = &spec.visibility
        && grantees.iter().any(|grantee| matches!(grantee, Grantee::Service(_)))
    {
        return Err(Refusal::invalid("a service cannot ask for a profile: show it to people and groups"));
    }
    let policy = &spec.policy;
    if policy.longest_seconds == Some(0) || policy.expires_after_seconds == 0 {
        return Err(Refusal::invalid("a request policy's longest duration and expiry are at least a second"));
    }
    for (index, step) in policy.steps.iter().enumerate() {
        let number = index + 1;
        if step.quorum == 0 {
            return Err(Refusal::invalid(format!(
                "approval step {number} has a quorum of 0: leave the step out, or ask for at least 1"
            )));
        }
        if step.approvers.iter().any(|approver| matches!(approver, Grantee::Service(_))) {
            return Err(Refusal::invalid(format!(
                "approval step {number} names a service: approvers are people and groups"
            )));
        }
        let people = step.approvers.iter().all(|approver| matches!(approver, Grantee::User(_)));
        let count = u32::try_from(step.approvers.len()).unwrap_or(u32::MAX);
        // A step that names nobody is how a profile says that requests are not approved at all, whatever its quorum.
        if people && count > 0 && count < step.quorum {
            return Err(Refusal::invalid(format!(
                "approval step {number} wants {} people and names {count}: it could never be approved",
                step.quorum
            )));
        }
    }
    Ok(())
}
