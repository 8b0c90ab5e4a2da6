//! What rules leave of one argument: along one path, and over several.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::rules::at_most;
use crate::{steps, vocabulary::Constraint};

/// What a model is shown of an argument beyond its schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Narrowing {
    /// Nothing.
    Open,
    /// It must be given, and nothing more is shown.
    Required,
    /// It is filled in.
    Fixed(Value),
    /// One of these.
    Enum(Vec<Value>),
    /// One of these, or left out: a path fills one in.
    Choice(Vec<Value>),
    /// A list of some of these.
    Items(Vec<Value>),
    /// At most this.
    Max(Number),
    /// A text that matches, unanchored as it was written.
    Pattern(String),
}

impl Narrowing {
    /// What one rule leaves.
    pub(super) fn of(constraint: &Constraint) -> Self {
        match constraint {
            Constraint::Fixed(value) => Self::Fixed(value.clone()),
            Constraint::OneOf(values) => Self::Enum(values.clone()),
            Constraint::Subset(values) => Self::Items(values.clone()),
            Constraint::Max(max) => Self::Max(max.clone()),
            Constraint::Pattern(pattern) => Self::Pattern(pattern.as_str().to_owned()),
        }
    }

    /// What two rules leave that both hold. Where one word cannot say both, the first is shown; the call is held to both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Open | Self::Required, other) => other,
            (one, Self::Open | Self::Required) => one,
            (Self::Fixed(value), _) | (_, Self::Fixed(value)) => Self::Fixed(value),
            (Self::Enum(one), Self::Enum(other)) => Self::Enum(common(one, &other)),
            (Self::Items(one), Self::Items(other)) => Self::Items(common(one, &other)),
            (Self::Max(one), Self::Max(other)) => Self::Max(if at_most(&one, &other) { one } else { other }),
            (Self::Enum(values), _) | (_, Self::Enum(values)) => Self::Enum(values),
            (one, _) => one,
        }
    }

    /// What is left when either of two paths may be taken: never less than what one of them allows.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::Enum(one), Self::Enum(other)) => Self::Enum(either(one, other)),
            (Self::Items(one), Self::Items(other)) => Self::Items(either(one, other)),
            (Self::Max(one), Self::Max(other)) => Self::Max(if at_most(&one, &other) { other } else { one }),
            (one, other) if one.is_required() && other.is_required() => Self::Required,
            (one, other) => match (one.into_choice(), other.into_choice()) {
                (Some(one), Some(other)) => Self::Choice(either(one, other)),
                // One path fills a value in and the other takes more than a list of values.
                _ => Self::Open,
            },
        }
    }

    fn into_choice(self) -> Option<Vec<Value>> {
        match self {
            Self::Fixed(value) => Some(vec![value]),
            Self::Enum(values) | Self::Choice(values) => Some(values),
            Self::Open | Self::Required | Self::Items(_) | Self::Max(_) | Self::Pattern(_) => None,
        }
    }

    /// What may be shown when the allowed values themselves may not.
    pub(super) fn untold(self) -> Self {
        match self {
            Self::Open | Self::Choice(_) => Self::Open,
            Self::Fixed(value) => Self::Fixed(value),
            Self::Required | Self::Enum(_) | Self::Items(_) | Self::Max(_) | Self::Pattern(_) => Self::Required,
        }
    }

    /// Whether the argument must be given.
    pub(super) fn is_required(&self) -> bool {
        !matches!(self, Self::Open | Self::Fixed(_) | Self::Choice(_))
    }
}

/// What two lists have in common, in the order of the first.
///
/// INVARIANT: lists are compared in steps that grow as they do: one of them may be a document's
/// (`a_schema_is_narrowed_in_steps_that_grow_as_it_and_the_rules_do`).
pub(super) fn common(mut one: Vec<Value>, other: &[Value]) -> Vec<Value> {
    steps::ticks(one.len() + other.len());
    let other: HashSet<&Value> = other.iter().collect();
    one.retain(|value| other.contains(value));
    one
}

/// What stands in either of two lists, each once.
fn either(mut one: Vec<Value>, other: Vec<Value>) -> Vec<Value> {
    steps::ticks(one.len() + other.len());
    let further = {
        let mut known: HashSet<&Value> = one.iter().collect();
        other.iter().map(|value| known.insert(value)).collect::<Vec<bool>>()
    };
    one.extend(other.into_iter().zip(further).filter_map(|(value, is_new)| is_new.then_some(value)));
    one
}
