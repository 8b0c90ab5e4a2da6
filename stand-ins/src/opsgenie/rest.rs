//! Every operation of the reference that no other code here plays.
//!
//! What is answered with 202 takes effect at once here; only the report about it comes later.

use serde_json::{Value, json};

use super::alerts::with_paging;
use super::door::Right;
use super::processing::Action;
use super::{Opsgenie, malformed, not_found};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::generic::{Outcome, Page, Rules, Store, members};
use crate::mint::Mint;
use crate::table::{Form, Operation, Step};
use crate::tables::OPSGENIE;

pub(super) const KNOWN: &str = "5f0d1c9e-0000-4000-a000-000000000001";

/// How many a list holds without `limit`.
const USUAL: usize = 20;

pub(super) fn store() -> Store {
    let rules = Rules { known: Some(KNOWN), id: Mint::uuid, stamps: &[], wraps: false, put_replaces: true };
    Store::new(&OPSGENIE, rules)
}

impl Opsgenie {
    pub(super) fn generic(
        &mut self,
        call: &mut Call<'_>,
        operation: &Operation,
        ids: Vec<String>,
        request_id: &str,
    ) -> Result<Answer, Answer> {
        let examined = operation.examine(call, ids).map_err(|why| malformed(&why))?;
        if operation.path.ends_with("/requests/{requestId}") {
            return self.report_on(examined.id(0), call.now());
        }
        let kind = ["identifierType", "alertIdentifierType"].into_iter().find_map(|name| examined.pairs.one(name));
        let of_path = examined.id(0).to_owned();
        let (alerts, kind) = (&self.alerts, kind.unwrap_or("id"));
        let exists = |step: &Step| match step.kind.as_str() {
            "v2/alerts" => Some(alerts.iter().any(|alert| alert.is_called(&step.id, kind))),
            "v2/alerts/{}/attachments" => {
                let of_alert = alerts.iter().find(|alert| alert.is_called(&of_path, kind))?;
                Some(of_alert.attachments.iter().any(|file| file.id.to_string() == step.id))
            }
            _ => None,
        };
        let outcome = self.store.carry_out(operation, &examined, (&mut self.mint, call.now()), &exists);
        if operation.method == "DELETE" {
            self.forget(operation, &examined.ids, kind);
        }
        if operation.mark("async").is_some() {
            // Whether it could be done is in the report alone.
            let id = match &outcome {
                Some(Outcome::Thing(thing)) => thing.get("id").and_then(Value::as_str).unwrap_or(examined.id(0)),
                _ => examined.id(0),
            };
            let action = Action::Other { kind: action_of(operation), id: id.to_owned(), done: outcome.is_some() };
            return Ok(self.accept(request_id, action, call.now()));
        }
        let outcome = outcome.ok_or_else(|| not_found("Resource"))?;
        Ok(self.shown(call, operation, &examined.pairs, outcome))
    }

    /// Takes away what only alerts hold.
    fn forget(&mut self, operation: &Operation, ids: &[String], kind: &str) {
        match (operation.wild().as_str(), ids) {
            ("v2/alerts/{}", [id]) => self.alerts.retain(|alert| !alert.is_called(id, kind)),
            ("v2/alerts/{}/attachments/{}", [id, file]) => {
                if let Some(alert) = self.alert_mut(id, kind) {
                    alert.attachments.retain(|known| known.id.to_string() != *file);
                }
            }
            _ => {}
        }
    }

    fn shown(&self, call: &mut Call<'_>, operation: &Operation, pairs: &Pairs, outcome: Outcome) -> Answer {
        let status = operation.status;
        match (&operation.answer, outcome) {
            (Form::Text, _) => Answer::raw(status, "text/plain; charset=utf-8", "sample"),
            (Form::Members(names), Outcome::List(list)) => {
                let has = |name: &str| operation.query.iter().any(|param| param.name() == name);
                if !has("limit") {
                    return Answer::json(status, members(names, Outcome::List(list)).into());
                }
                let page = Page::of(list, pairs, USUAL);
                let links = self.paging(call, call.seen().path(), pairs, page.offset, page.size, page.total);
                with_paging(members(names, Outcome::List(page.items)).into(), &links)
            }
            (Form::Members(names), outcome) => {
                let mut body = members(names, outcome);
                if let Some(result) = body.get_mut("result") {
                    *result = json!(if operation.method == "DELETE" { "Deleted" } else { "Done" });
                }
                Answer::json(status, body.into())
            }
            (_, Outcome::Thing(thing)) => Answer::json(status, thing),
            (_, Outcome::List(list)) => Answer::json(status, list.into()),
        }
    }
}

/// The last word of the path, or what the method does with the thing.
fn action_of(operation: &Operation) -> &'static str {
    match operation.path.rsplit('/').next() {
        Some(word) if !word.starts_with('{') => word,
        _ if operation.method == "DELETE" => "Delete",
        _ => "Update",
    }
}

pub(super) fn right_of(operation: &Operation) -> Right {
    match operation.mark("right") {
        Some("act") => Right::ActOnAlerts,
        Some("write") => Right::WriteAlerts,
        Some("write-configuration") => Right::WriteConfiguration,
        Some("read-configuration") => Right::ReadConfiguration,
        _ => Right::ReadAlerts,
    }
}
