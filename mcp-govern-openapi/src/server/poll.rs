//! Answers that promise: a 202 is followed by questions until the outcome is known or the time is up.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use mcp_govern_core::{CallContext, CallRules, Exchange, ProviderError, ProviderErrorKind, Sent, VendorError};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, value::RawValue};
use tokio::time::{Instant, sleep_until};

use super::{OpenApiServer, RowResult, aside::LONG, authorize::Scheme};
use crate::{
    decode::KeptText,
    header::header_matches,
    plan::{Pending, PollPlan, Row},
    redact::Redactor,
    send::{Answer, later},
    text::one_line,
};

impl OpenApiServer {
    /// Waits for what an accepted request promised. What stays open is a result that says so, not an error.
    pub(crate) async fn poll(
        &self,
        row: &Row,
        plan: &PollPlan,
        accepted: Answer,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let mut exchanges = vec![accepted.exchange];
        let text = String::from_utf8_lossy(if accepted.body.len() > LONG { b"" } else { &accepted.body });
        let asked = self.shared.document.row(&plan.row);
        let (Some(id), Some(asked)) = (plan.id.text(&text), asked) else {
            let note = "The vendor accepted the request without saying how to ask for its outcome.".to_owned();
            return pending(plan, None, note, exchanges);
        };
        let arguments = Map::from_iter([(plan.argument.clone(), Value::from(id.as_str()))]);
        let redactor = Redactor::new(cx.credential);
        let shown = redactor.clean(id);
        // The vendor has accepted the request by now: that nobody may ask what became of it does not undo it.
        let arguments = match self.hold(asked, Cow::Owned(arguments), rules) {
            Ok(arguments) => arguments,
            Err(error) => {
                let note = format!("The vendor accepted the request. Its outcome could not be asked for ({error}).");
                return pending(plan, Some(&shown), note, exchanges);
            }
        };
        let end = deadline.min(later(plan.wait));
        let mut turn = 0;
        let note = loop {
            let next = later(plan.every);
            if next >= end {
                break format!(
                    "The vendor has not worked on the request yet. Ask `{}` for its outcome in a while.",
                    plan.row
                );
            }
            sleep_until(next).await;
            turn += 1;
            cx.progress.report(turn, None, "waiting for the vendor to work on the request");
            match self.request(asked, &arguments, cx, Scheme::Own, end).await {
                Err(error) if gives_up(&error) => {
                    exchanges.extend_from_slice(error.exchanges());
                    return Err(error.with_sent(Sent::Yes).with_exchanges(exchanges));
                }
                Err(error) => {
                    exchanges.extend_from_slice(error.exchanges());
                    break format!("The outcome could not be asked for ({error}). Ask `{}` in a while.", plan.row);
                }
                Ok(answer) => {
                    exchanges.push(answer.exchange.clone());
                    match outcome(plan, &answer, redactor) {
                        Outcome::Pending => {}
                        Outcome::Applied(text) => {
                            let kept = self.reach.keep(asked, rules, &text);
                            return applied(plan, asked, &shown, &text, kept, exchanges);
                        }
                        Outcome::Failed(why) => return Err(self.rejected(row, why, exchanges)),
                        Outcome::Unknown => {
                            let text = self.refusal(asked, answer, redactor).to_string();
                            break format!("The outcome could not be asked for ({text}).");
                        }
                    }
                }
            }
        };
        pending(plan, Some(&shown), note, exchanges)
    }

    fn rejected(&self, row: &Row, why: Option<String>, exchanges: Vec<Exchange>) -> ProviderError {
        let why = why.unwrap_or_else(|| "it gave no reason".to_owned());
        let title = &self.shared.document.info.title;
        let text = format!("`{}`: {title} accepted the request and then reported that it failed: {why}", row.name);
        let mut vendor = VendorError::new();
        vendor.message = Some(why);
        let error = ProviderError::new(ProviderErrorKind::Rejected, text).with_sent(Sent::Yes);
        error.with_exchanges(exchanges).with_vendor(vendor)
    }
}

/// Whether an error ends the call: it was stopped. Any other only means that the outcome of what the vendor has accepted stays
/// unknown.
fn gives_up(error: &ProviderError) -> bool {
    error.kind() == ProviderErrorKind::Cancelled
}

enum Outcome {
    Pending,
    /// With the body of the answer.
    Applied(String),
    Failed(Option<String>),
    Unknown,
}

fn outcome(plan: &PollPlan, answer: &Answer, redactor: Redactor<'_>) -> Outcome {
    if is_pending(&plan.pending, answer.status, &answer.headers) {
        return Outcome::Pending;
    }
    // What a vendor says of one request is short.
    if !answer.status.is_success() || answer.body.len() > LONG {
        return Outcome::Unknown;
    }
    let text = redactor.clean(String::from_utf8_lossy(&answer.body).into_owned());
    match plan.success.value(&text) {
        Some(Value::Bool(true)) => Outcome::Applied(text),
        Some(Value::Bool(false)) => {
            let why = plan.message.as_ref().and_then(|message| message.text(&text));
            Outcome::Failed(why.map(|why| one_line(&why, 500)))
        }
        _ => Outcome::Pending,
    }
}

fn is_pending(pending: &Pending, status: StatusCode, headers: &HeaderMap) -> bool {
    status.as_u16() == pending.status
        && pending.header.as_ref().is_none_or(|(name, value)| header_matches(headers, name, value.as_deref()))
}

fn applied(
    plan: &PollPlan,
    asked: &Row,
    id: &str,
    text: &str,
    kept: Result<Option<KeptText>, String>,
    exchanges: Vec<Exchange>,
) -> Result<RowResult, ProviderError> {
    let (mut text, mut notes) = (Cow::Borrowed(text), Vec::new());
    match kept {
        Ok(None) => {}
        Ok(Some(kept)) => text = Cow::Owned(kept.text),
        Err(fault) => {
            notes.push(format!("The request was carried out. Its result is not shown: the vendor {fault}."));
            text = Cow::Borrowed("null");
        }
    }
    if asked.output.secrets.iter().any(|secret| secret.may_touch(&text))
        && let Ok(mut tree) = serde_json::from_str::<Value>(&text)
    {
        asked.output.secrets.iter().for_each(|secret| secret.mask(&mut tree));
        text = Cow::Owned(tree.to_string());
    }
    let result = plan.result.as_ref().and_then(|result| result.find(&text).ok().flatten());
    let result = result.and_then(|result| serde_json::from_str::<&RawValue>(result).ok());
    finish(&Reached { state: "applied", key: &plan.argument, id: Some(id), result }, notes, exchanges)
}

fn pending(
    plan: &PollPlan,
    id: Option<&str>,
    note: String,
    exchanges: Vec<Exchange>,
) -> Result<RowResult, ProviderError> {
    let reached = Reached { state: "pending", key: &plan.argument, id, result: None };
    finish(&reached, vec![note], exchanges)
}

fn finish(reached: &Reached<'_>, notes: Vec<String>, exchanges: Vec<Exchange>) -> Result<RowResult, ProviderError> {
    match serde_json::value::to_raw_value(reached) {
        Ok(content) => Ok(RowResult { content, notes, exchanges, is_narrowed: false }),
        Err(error) => {
            let error = ProviderError::new(ProviderErrorKind::Internal, error.to_string());
            Err(error.with_sent(Sent::Yes).with_exchanges(exchanges))
        }
    }
}

/// `{"state": "applied", "request_id": "…", "result": {…}}`
struct Reached<'a> {
    state: &'static str,
    key: &'a str,
    id: Option<&'a str>,
    result: Option<&'a RawValue>,
}

impl Serialize for Reached<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", self.state)?;
        if let Some(id) = self.id {
            map.serialize_entry(self.key, id)?;
        }
        if let Some(result) = self.result {
            map.serialize_entry("result", result)?;
        }
        map.end()
    }
}
