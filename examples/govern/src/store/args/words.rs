//! Values of which there are a few, by their words.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mcp_govern_core::{DenialCode, Effect, Role, audit::RecordKind, journal::ToolState};

/// One of these values, by its word.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: impl IntoIterator<Item = T> + Clone + Send + Sync + 'static,
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let words: Vec<&'static str> = all.clone().into_iter().map(word).collect();
    PossibleValuesParser::new(words).try_map(move |text| {
        all.clone().into_iter().find(|one| word(*one) == text).ok_or("none of the possible values")
    })
}

pub(super) fn role() -> impl TypedValueParser<Value = Role> {
    one_of(Role::ALL, Role::as_str)
}

pub(super) fn tool_state() -> impl TypedValueParser<Value = ToolState> {
    one_of(ToolState::ALL, ToolState::as_str)
}

pub(super) fn effect() -> impl TypedValueParser<Value = Effect> {
    one_of([Effect::Read, Effect::Write, Effect::Destructive], |effect| match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Destructive => "destructive",
    })
}

pub(super) fn denial_code() -> impl TypedValueParser<Value = DenialCode> {
    one_of(DenialCode::ALL.iter().copied(), DenialCode::as_str)
}

pub(super) fn record_kind() -> impl TypedValueParser<Value = RecordKind> {
    use RecordKind::{Denial, Intent, Mark, Outcome};
    one_of([Intent, Outcome, Denial, Mark], |kind| match kind {
        Intent => "intent",
        Outcome => "outcome",
        Denial => "denial",
        Mark => "mark",
    })
}
