//! Accepted requests, which take effect later than they are answered.

use serde_json::{Value, json};

use super::alert::Alert;
use super::{Opsgenie, not_found, plain};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

/// A request that was answered with 202.
#[derive(Clone)]
pub(super) struct Pending {
    id: String,
    action: Action,
    polls_left: usize,
    outcome: Option<Outcome>,
}

/// Identifier and identifier type.
type Target = (String, String);

/// What is to be done.
#[derive(Clone)]
pub(super) enum Action {
    Create(Value),
    Acknowledge(Target, Value),
    Close(Target, Value),
    AddNote(Target, Value),
    /// Done already, or refused, when it was asked for.
    Other {
        kind: &'static str,
        id: String,
        done: bool,
    },
}

/// What came of it.
#[derive(Clone)]
struct Outcome {
    success: bool,
    status: String,
    alert: String,
    alias: String,
    at: Moment,
}

impl Opsgenie {
    /// Takes a request on; it takes effect once its status has been asked for often enough, and never before the
    /// requests that came earlier.
    pub(super) fn accept(&mut self, request_id: &str, action: Action, now: Moment) -> Answer {
        let polls_left = self.polls_before_done;
        self.pending.push(Pending { id: request_id.to_owned(), action, polls_left, outcome: None });
        if polls_left == 0 {
            self.process_all(now);
        }
        Answer::json(202, json!({"result": "Request will be processed"}))
    }

    pub(super) fn request_status(&mut self, call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
        plain(call, &[])?;
        self.report_on(id, call.now())
    }

    /// What came of an accepted request; asking is what lets it take effect.
    pub(super) fn report_on(&mut self, id: &str, now: Moment) -> Result<Answer, Answer> {
        let at = self.pending.iter().position(|pending| pending.id == id);
        let at = at.ok_or_else(|| not_found("Request"))?;
        let pending = self.pending.get_mut(at).ok_or_else(|| not_found("Request"))?;
        if pending.outcome.is_none() && pending.polls_left > 0 {
            pending.polls_left -= 1;
            let body = json!({"message": "Request not found. It might not be processed, yet."});
            return Err(Answer::json(404, body).with_header("x-opsgenie-errortype", "RequestNotProcessed"));
        }
        self.process_until(at, now);
        let pending = self.pending.get(at).ok_or_else(|| not_found("Request"))?;
        Ok(Answer::json(200, json!({"data": pending.to_json()})))
    }

    pub(super) fn process_all(&mut self, now: Moment) {
        self.process_until(self.pending.len(), now);
    }

    fn process_until(&mut self, last: usize, now: Moment) {
        for at in 0..=last {
            let Some(pending) = self.pending.get(at) else {
                return;
            };
            if pending.outcome.is_some() {
                continue;
            }
            let outcome = self.process(pending.action.clone(), now);
            if let Some(pending) = self.pending.get_mut(at) {
                pending.outcome = Some(outcome);
            }
        }
    }

    fn process(&mut self, action: Action, now: Moment) -> Outcome {
        match action {
            Action::Create(body) => self.create(&body, now),
            Action::Acknowledge((id, kind), body) => match self.alert_mut(&id, &kind) {
                Some(alert) if !alert.is_open() => Outcome::refused("Alert is already closed", now),
                Some(alert) if alert.acknowledged_by.is_some() => {
                    Outcome::refused("Alert is already acknowledged", now)
                }
                Some(alert) => {
                    alert.acknowledged_by = Some((actor(&body), now));
                    alert.touch(&body, now);
                    Outcome::done("Acknowledged alert", alert, now)
                }
                None => Outcome::refused("Alert does not exist", now),
            },
            Action::Close((id, kind), body) => match self.alert_mut(&id, &kind) {
                Some(alert) if !alert.is_open() => Outcome::refused("Alert is already closed", now),
                Some(alert) => {
                    alert.closed_by = Some((actor(&body), now));
                    alert.touch(&body, now);
                    Outcome::done("Closed alert", alert, now)
                }
                None => Outcome::refused("Alert does not exist", now),
            },
            Action::AddNote((id, kind), body) => match self.alert_mut(&id, &kind) {
                Some(alert) => {
                    alert.touch(&body, now);
                    Outcome::done("Added note", alert, now)
                }
                None => Outcome::refused("Alert does not exist", now),
            },
            Action::Other { id, done: true, .. } => {
                let status = "Done".to_owned();
                Outcome { success: true, status, alert: id.clone(), alias: id, at: now }
            }
            Action::Other { .. } => Outcome::refused("It does not exist", now),
        }
    }

    /// INVARIANT: an alias names one open alert; a second create with it counts that one up
    /// (`a_create_with_an_open_alias_counts_up_instead`).
    fn create(&mut self, body: &Value, now: Moment) -> Outcome {
        let alias = body.get("alias").and_then(Value::as_str).filter(|alias| !alias.is_empty());
        if let Some(alert) = alias.and_then(|alias| self.alert_mut(alias, "alias")) {
            alert.count += 1;
            alert.last_occurred = now;
            return Outcome::done("Created alert", alert, now);
        }
        let id = format!("{}-{}", self.mint.uuid(), now.millis());
        self.tiny += 1;
        let alert = Alert::from_body(id, self.tiny, body, now);
        let outcome = Outcome::done("Created alert", &alert, now);
        self.alerts.insert(0, alert);
        outcome
    }
}

impl Alert {
    fn touch(&mut self, body: &Value, now: Moment) {
        self.updated = now;
        let note = body.get("note").and_then(Value::as_str).filter(|note| !note.is_empty());
        self.notes.extend(note.map(str::to_owned));
    }
}

impl Outcome {
    fn done(status: &str, alert: &Alert, at: Moment) -> Self {
        let (alert, alias) = (alert.id.clone(), alert.alias.clone());
        Self { success: true, status: status.to_owned(), alert, alias, at }
    }

    /// A request that failed still has a status of 200; only its body says so.
    fn refused(status: &str, at: Moment) -> Self {
        Self { success: false, status: status.to_owned(), alert: String::new(), alias: String::new(), at }
    }
}

impl Pending {
    fn to_json(&self) -> Value {
        let action = match &self.action {
            Action::Create(_) => "Create",
            Action::Acknowledge(..) => "Acknowledge",
            Action::Close(..) => "Close",
            Action::AddNote(..) => "AddNote",
            Action::Other { kind, .. } => kind,
        };
        let outcome = self.outcome.as_ref();
        json!({
            "success": outcome.is_some_and(|outcome| outcome.success),
            "isSuccess": outcome.is_some_and(|outcome| outcome.success),
            "action": action,
            "processedAt": outcome.map(|outcome| outcome.at.to_string()),
            "integrationId": "b7d2f1a4-integration",
            "status": outcome.map(|outcome| outcome.status.as_str()),
            "alertId": outcome.map(|outcome| outcome.alert.as_str()),
            "alias": outcome.map(|outcome| outcome.alias.as_str()),
        })
    }
}

fn actor(body: &Value) -> String {
    body.get("user").and_then(Value::as_str).unwrap_or("Alert API").to_owned()
}
