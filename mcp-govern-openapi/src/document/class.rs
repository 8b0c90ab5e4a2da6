//! What an operation does to the data, how risky it is, and whether it may be repeated.

use http::Method;
use mcp_govern_core::{Annotations, Effect, Risk};

use super::{
    govern::{IdempotentGovern, OperationGovern},
    refs::Checked,
};
use crate::plan::Repeat;

/// Why an operation without a stated effect counts as dangerous.
const EFFECT_UNKNOWN: &str = "The document does not say what this operation does to the data.";

/// Whether a request may be sent again when its outcome is unknown.
pub(super) fn repeat_of(govern: &OperationGovern, method: &Method, known: &dyn Fn(&str) -> bool) -> Checked<Repeat> {
    match &govern.idempotent {
        Some(IdempotentGovern::Always(true)) => Ok(Repeat::Always),
        Some(IdempotentGovern::With { with }) if known(with) => Ok(Repeat::With(with.clone())),
        Some(IdempotentGovern::With { with }) => Err(format!("`idempotent` names `{with}`, which is not an argument")),
        None if govern.effect == Some(Effect::Read) || *method == Method::GET => Ok(Repeat::Always),
        Some(IdempotentGovern::Always(false)) | None => Ok(Repeat::Never),
    }
}

/// What an operation does, as reviewers see it.
pub(super) struct Class {
    pub(super) effect: Effect,
    pub(super) risk: Risk,
    pub(super) reason: Option<String>,
    pub(super) annotations: Annotations,
}

impl Class {
    pub(super) fn of(govern: &OperationGovern, method: &Method, repeat: &Repeat) -> Checked<Self> {
        if govern.effect == Some(Effect::Read) && matches!(*method, Method::PUT | Method::PATCH | Method::DELETE) {
            return Err(format!("`effect: read` contradicts the method {method}"));
        }
        let stated = govern.risk.unwrap_or_default();
        let told = govern.people().map(|who| format!("It tells people: {who}"));
        let (risk, reason) = match (govern.effect, stated) {
            (None, _) => (Risk::Dangerous, Some(govern.why.clone().unwrap_or_else(|| EFFECT_UNKNOWN.to_owned()))),
            (Some(_), Risk::None) if told.is_some() => (Risk::Sensitive, govern.why.clone().or(told)),
            (Some(_), risk) => (risk, govern.why.clone()),
        };
        // Nothing is known of an unstated effect, so nothing is promised.
        let effect = govern.effect.unwrap_or(Effect::Destructive);
        let idempotent = *repeat == Repeat::Always && govern.effect.is_some();
        Ok(Self { effect, risk, reason, annotations: Annotations::of(effect, idempotent) })
    }
}
