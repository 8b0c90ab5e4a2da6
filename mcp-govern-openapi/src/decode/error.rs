//! What a vendor says when it refuses, in whatever shape it says it.

use http::{HeaderMap, StatusCode};
use mcp_govern_core::{ProviderErrorKind, VendorError};
use serde_json::Value;

use crate::{
    header::header_matches,
    plan::{ErrorPlan, MOST_READ, RemedyRule},
    pointer::Pointer,
    redact::Redactor,
    text::one_line,
};

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: ProviderErrorKind,
    pub(crate) vendor: VendorError,
    /// The vendor's words and the remedy, as one text.
    pub(crate) text: String,
}
const LONGEST_MESSAGE: usize = 1_000;
const LONGEST_DETAIL: usize = 300;
const LONGEST_BODY: usize = 300;
const MOST_DETAILS: usize = 20;

/// Reads an error answer.
pub(crate) fn read(
    plan: &ErrorPlan,
    remedies: &[RemedyRule],
    throttled: bool,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    redactor: Redactor<'_>,
) -> Refusal {
    // Nobody reads a sentence beyond this, and an answer that counts as an error here may have come as a good one.
    let body = String::from_utf8_lossy(body.get(..MOST_READ).unwrap_or(body));
    let json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
    let clean = |text: String, longest: usize| one_line(&redactor.clean(text), longest);
    let mut vendor = VendorError::new();
    vendor.status = Some(status.as_u16());
    if json {
        let first = |pointers: &[Pointer]| pointers.iter().find_map(|p| printable(&p.value(&body)?, 0));
        vendor.message = first(&plan.message).map(|text| clean(text, LONGEST_MESSAGE));
        vendor.code = plan.code.iter().find_map(|p| p.text(&body)).map(|text| clean(text, 80));
        let details = plan.details.iter().find_map(|p| Some(list(&p.value(&body)?)).filter(|list| !list.is_empty()));
        vendor.details =
            details.unwrap_or_default().into_iter().take(MOST_DETAILS).map(|t| clean(t, LONGEST_DETAIL)).collect();
        let scopes = plan.scopes.iter().find_map(|p| Some(words(&p.value(&body)?)).filter(|words| !words.is_empty()));
        vendor.missing_scopes =
            scopes.unwrap_or_default().into_iter().take(MOST_DETAILS).map(|t| clean(t, 80)).collect();
        if vendor.message.is_none() && vendor.details.is_empty() {
            vendor.message = unforeseen(&body).map(|text| clean(text, LONGEST_BODY));
        }
    } else if is_plain_text(headers, &body) {
        vendor.message = Some(clean(body.trim().to_owned(), 300));
    }
    vendor.request_id = plan.request_id(headers, &body).map(|text| clean(text, 120));
    let rule = remedies.iter().find(|rule| rule.matches(&vendor, headers));
    let kind = rule.and_then(|rule| rule.kind).unwrap_or_else(|| kind_of(status, throttled));
    let wordless = vendor.message.is_none() && vendor.details.is_empty();
    let told = |rule: &RemedyRule| match &rule.without_message {
        Some(without) if wordless => without.clone(),
        _ => rule.remedy.clone(),
    };
    let remedy = rule.map(told).or_else(|| usual_remedy(kind).filter(|_| !throttled).map(str::to_owned));
    let text = sentence(&vendor, remedy.as_deref());
    Refusal { kind, vendor, text }
}

/// What a refusal in JSON says that has none of the members which the document names: the usual ones, or a piece of it.
fn unforeseen(body: &str) -> Option<String> {
    const USUAL: [&str; 8] =
        ["message", "error_description", "error", "errors", "reason", "description", "msg", "status_message"];
    let value: Value = serde_json::from_str(body).ok()?;
    let part = |name: &str| value.get(name).and_then(|part| printable(part, 0));
    match (part("title"), part("detail")) {
        (Some(title), Some(detail)) => return Some(format!("{title}: {detail}")),
        (Some(one), None) | (None, Some(one)) => return Some(one),
        (None, None) => {}
    }
    let empty = match &value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    USUAL.into_iter().find_map(part).or_else(|| printable(&value, 0)).or_else(|| (!empty).then(|| value.to_string()))
}

/// What to tell of a status for which the document has no word, where the kind alone does not say it.
fn usual_remedy(kind: ProviderErrorKind) -> Option<&'static str> {
    match kind {
        ProviderErrorKind::Internal => Some(
            "It is the form of the request that is wrong, not the arguments: report it as a fault of this provider.",
        ),
        ProviderErrorKind::BadAnswer => Some("That says nothing about the arguments: look at the vendor's state."),
        _ => None,
    }
}

/// What is said of a "not found" where the call named nothing that could be missing.
pub(crate) fn nothing_there(base: &str) -> RemedyRule {
    RemedyRule {
        status: None,
        code: None,
        contains: None,
        header: None,
        kind: Some(ProviderErrorKind::NotFound),
        remedy: format!(
            "The call names nothing that could be missing: look whether the server's base URL `{base}` is right."
        ),
        without_message: None,
    }
}

/// What a status means where the document has no rule of its own.
pub(crate) fn kind_of(status: StatusCode, throttled: bool) -> ProviderErrorKind {
    if throttled {
        return ProviderErrorKind::RateLimited;
    }
    match status.as_u16() {
        401 | 407 => ProviderErrorKind::Unauthorized,
        402 => ProviderErrorKind::PlanLimit,
        403 | 451 => ProviderErrorKind::Forbidden,
        404 | 410 => ProviderErrorKind::NotFound,
        408 | 500..=599 => ProviderErrorKind::VendorFailure,
        409 | 412 | 423 | 424 | 428 => ProviderErrorKind::Conflict,
        429 => ProviderErrorKind::RateLimited,
        // The form of the request: which method, what it is written in, how long it is. No argument can mend it.
        405 | 406 | 411 | 415 | 417 | 421 | 426 | 431 => ProviderErrorKind::Internal,
        400 | 413 | 414 | 416 | 422 => ProviderErrorKind::InvalidArguments,
        _ => ProviderErrorKind::BadAnswer,
    }
}

impl RemedyRule {
    fn matches(&self, vendor: &VendorError, headers: &HeaderMap) -> bool {
        let text = || {
            let details = vendor.details.iter().map(String::as_str);
            let all: Vec<&str> = vendor.message.as_deref().into_iter().chain(details).collect();
            all.join("\n").to_lowercase()
        };
        self.status.is_none_or(|status| vendor.status == Some(status))
            && self.code.as_ref().is_none_or(|code| vendor.code.as_ref() == Some(code))
            && self.contains.as_ref().is_none_or(|part| text().contains(part.as_str()))
            && self.header.as_ref().is_none_or(|(name, wanted)| header_matches(headers, name, wanted.as_deref()))
    }
}

fn sentence(vendor: &VendorError, remedy: Option<&str>) -> String {
    let mut text = format!("answered {}", vendor.status.unwrap_or_default());
    if let Some(code) = &vendor.code {
        text.push_str(" (code ");
        text.push_str(code);
        text.push(')');
    }
    if let Some(message) = &vendor.message {
        text.push_str(": ");
        text.push_str(message);
    }
    if !vendor.details.is_empty() && vendor.message.as_ref() != Some(&vendor.details.join("; ")) {
        text.push_str(" [");
        text.push_str(&vendor.details.join("; "));
        text.push(']');
    }
    if !vendor.missing_scopes.is_empty() {
        text.push_str("; missing scopes: ");
        text.push_str(&vendor.missing_scopes.join(", "));
    }
    if let Some(remedy) = remedy {
        if !text.ends_with(['.', '!', '?']) {
            text.push('.');
        }
        text.push(' ');
        text.push_str(remedy);
    }
    text
}

/// A text for people: a text, or the texts within a list or object. Nothing where there is nothing to read.
fn printable(value: &Value, depth: usize) -> Option<String> {
    let joined = |parts: Vec<String>| Some(parts.join("; ")).filter(|text| !text.is_empty());
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Null => None,
        Value::Array(_) | Value::Object(_) if depth > 2 => None,
        Value::Array(items) => {
            joined(items.iter().take(MOST_DETAILS).filter_map(|v| printable(v, depth + 1)).collect())
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| Some(format!("{name}: {}", printable(value, depth + 1)?));
            joined(members.iter().take(MOST_DETAILS).filter_map(member).collect())
        }
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(|item| printable(item, 0)).collect(),
        Value::Object(members) => {
            members.iter().filter_map(|(name, value)| Some(format!("{name}: {}", printable(value, 0)?))).collect()
        }
        value => printable(value, 0).into_iter().collect(),
    }
}

/// Scopes: a list, or a text with commas or spaces between.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        value => list(value),
    }
}

fn is_plain_text(headers: &HeaderMap, body: &str) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
    let body = body.trim();
    !body.is_empty() && !body.starts_with('<') && kind.to_ascii_lowercase().starts_with("text/plain")
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
