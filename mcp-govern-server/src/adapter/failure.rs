//! A call that the vendor, or the way to it, failed.

use mcp_govern_core::{CallId, ProviderError, Sent};
use rmcp::model::{CallToolResult, MetaObject};
use serde_json::{Map, Value, json};

use super::refusal::{OutputForm, error_result};

/// The failure as a result that a model can read: what happened, whether the vendor may have acted, when to try again.
///
/// `told` names the tools in its sentence as the caller sees them.
pub(super) fn result(
    error: &ProviderError,
    call: &CallId,
    form: OutputForm,
    meta: MetaObject,
    told: &dyn Fn(&str) -> String,
) -> CallToolResult {
    let mut facts = Map::new();
    facts.insert("kind".to_owned(), error.kind().as_str().into());
    facts.insert("sent".to_owned(), serde_json::to_value(error.sent()).unwrap_or_default());
    facts.insert("call".to_owned(), call.as_str().into());
    if let Some(status) = error.exchanges().last().and_then(|exchange| exchange.status) {
        facts.insert("status".to_owned(), status.into());
    }
    let mut text = error.message().to_owned();
    if let Some(vendor) = error.vendor() {
        for detail in &vendor.details {
            add(&mut text, detail);
        }
        if !vendor.missing_scopes.is_empty() {
            add(&mut text, &format!("the credential lacks {}", vendor.missing_scopes.join(", ")));
        }
        if let Some(wait) = vendor.retry_after {
            let seconds = wait.as_millis().div_ceil(1000);
            add(&mut text, &format!("try again in {seconds} s"));
            facts.insert("retry_after_seconds".to_owned(), u64::try_from(seconds).unwrap_or(u64::MAX).into());
        }
        let mut vendor = serde_json::to_value(vendor).unwrap_or_default();
        if let Some(vendor) = vendor.as_object_mut() {
            // It stands above in a form that needs no explanation.
            vendor.remove("retry_after");
        }
        facts.insert("vendor".to_owned(), vendor);
    }
    if error.sent() == Sent::Maybe {
        add(&mut text, "the vendor may have acted: look before you try again");
    }
    error_result(told(&text), "failure", Value::Object(facts), form, meta)
}

/// A call that did not end in time, so that it was given up.
pub(super) fn overdue(seconds: u64, form: OutputForm, meta: MetaObject) -> CallToolResult {
    let text = format!(
        "the call did not end within {seconds} seconds and was given up; the vendor may have acted: look before you try again"
    );
    error_result(text, "failure", json!({"kind": "timeout", "sent": "maybe"}), form, meta)
}

/// A call in the middle of which the provider itself broke.
pub(super) fn broken(form: OutputForm, meta: MetaObject) -> CallToolResult {
    let text =
        "the call broke off inside of the server; the vendor may have acted: look before you try again".to_owned();
    error_result(text, "failure", json!({"kind": "internal", "sent": "maybe"}), form, meta)
}

/// Adds a sentence, unless it is there already.
fn add(text: &mut String, sentence: &str) {
    if !sentence.is_empty() && !text.contains(sentence) {
        text.push_str("; ");
        text.push_str(sentence);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mcp_govern_core::{ProviderErrorKind, VendorError};

    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_when_to_try_again() {
        let mut vendor = VendorError::new();
        vendor.retry_after = Some(Duration::from_millis(1500));
        let error = ProviderError::new(ProviderErrorKind::RateLimited, "too many requests")
            .with_sent(Sent::Maybe)
            .with_vendor(vendor);
        let shown = result(&error, &CallId::new("c").unwrap(), OutputForm::Free, MetaObject::new(), &str::to_owned);
        let shown = serde_json::to_value(shown).unwrap();
        let text = shown["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, "too many requests; try again in 2 s; the vendor may have acted: look before you try again");
        let facts = &shown["structuredContent"]["failure"];
        assert_eq!((&facts["kind"], &facts["sent"]), (&json!("rate_limited"), &json!("maybe")));
        assert_eq!(facts["retry_after_seconds"], 2);
        // A provider whose message says it already is not repeated.
        let mut vendor = VendorError::new();
        vendor.retry_after = Some(Duration::from_secs(7));
        let says = "too many requests; try again in 7 s";
        let error = ProviderError::new(ProviderErrorKind::RateLimited, says).with_vendor(vendor);
        let shown = result(&error, &CallId::new("c").unwrap(), OutputForm::Free, MetaObject::new(), &str::to_owned);
        let shown = serde_json::to_value(shown).unwrap();
        assert_eq!(shown["content"][0]["text"], says);
    }
}
