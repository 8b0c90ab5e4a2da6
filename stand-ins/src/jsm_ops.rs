//! Operations of Jira Service Management: nothing but the table of its reference.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::{Call, Malformed};
use crate::generic::{Outcome, Page, Rules, Store, members};
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use crate::table::{Examined, Form, Operation, Sample};
use crate::tables::JSM_OPS;

/// A running stand-in of the Operations API of Jira Service Management, and of its integration events.
pub type JsmOpsStandIn = StandIn<JsmOps>;

/// The site that the stand-in plays.
const CLOUD: &str = "1f2e3d4c-0000-4000-a000-c10ad0000001";
const KNOWN: &str = "5f0d1c9e-0000-4000-a000-000000000001";

/// The choices before a stand-in starts, and its state afterwards.
#[derive(Clone)]
pub struct JsmOps {
    basic: String,
    token: String,
    integration: String,
    mint: Mint,
    store: Store,
    /// By request: what was asked, of which alert, and whether it could be done.
    requests: Vec<(String, &'static str, String, bool)>,
}

impl JsmOps {
    /// Sets what stands behind `Basic` in the authorization header: e-mail address and API token, encoded.
    #[must_use]
    pub fn with_basic(mut self, credentials: impl Into<String>) -> Self {
        self.basic = credentials.into();
        self
    }

    /// Sets the OAuth access token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// Starts the stand-in on a free loopback port.
    pub async fn start(self) -> JsmOpsStandIn {
        StandIn::open(self).await
    }
}

impl StandIn<JsmOps> {
    /// The id of the site.
    pub const CLOUD: &'static str = CLOUD;
    /// The id of a thing that every collection of the reference holds from the start.
    pub const KNOWN: &'static str = KNOWN;

    /// One well-formed request for each operation of the reference that is not in early access; an id in a path is
    /// [`Self::KNOWN`], that of the site [`Self::CLOUD`].
    pub fn samples() -> Vec<Sample> {
        JSM_OPS.samples()
    }

    /// Starts a stand-in with everything at its default.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The choices before the start.
    pub fn builder() -> JsmOps {
        let rules = Rules { known: Some(KNOWN), id: Mint::uuid, stamps: &[], wraps: false, put_replaces: true };
        JsmOps {
            basic: "bm9vckBleGFtcGxlLmNvbTpzdGFuZC1pbi1hcGktdG9rZW4=".to_owned(),
            token: "standin-7d20-jsm-oauth-access-token".to_owned(),
            integration: "3c9a51de-77b0-4f6e-8a12-integrat0jsm".to_owned(),
            mint: Mint::new(0x75a),
            store: Store::new(&JSM_OPS, rules),
            requests: Vec::new(),
        }
    }

    /// What stands behind `Basic`; the only form that attachments take.
    pub fn basic(&self) -> String {
        self.look(|state| state.basic.clone())
    }

    /// What stands behind `Bearer`.
    pub fn token(&self) -> String {
        self.look(|state| state.token.clone())
    }

    /// What stands behind `GenieKey`; for integration events alone.
    pub fn integration_key(&self) -> String {
        self.look(|state| state.integration.clone())
    }
}

impl Vendor for JsmOps {
    const ROOT: &'static str = "";

    fn opened(&mut self, _base: &str, _now: Moment) {}

    fn secrets(&self) -> Vec<String> {
        vec![self.basic.clone(), self.token.clone(), self.integration.clone()]
    }

    fn answer(&mut self, call: &mut Call<'_>) -> Answer {
        match self.route(call) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn throttled(&self, wait: Option<u64>) -> Answer {
        let answer = refusal(429, "Too many requests");
        match wait {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}

impl JsmOps {
    fn route(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let parts = call.segments();
        let found = JSM_OPS.find(call.seen().method(), &parts);
        self.admit(call, found.as_ref().and_then(|(operation, _)| operation.mark("auth")))?;
        let Some((operation, ids)) = found else {
            call.violate("no operation has this method and path");
            return Err(refusal(404, "Not found"));
        };
        let examined = operation.examine(call, ids).map_err(|why| malformed(&why))?;
        if operation.path.contains("{cloudId}") && examined.id(0) != CLOUD {
            return Err(refusal(404, "No site has this id"));
        }
        if let Some(request) = parts.iter().rev().nth(1).filter(|part| *part == "requests").and(examined.ids.last()) {
            return self.report_on(request);
        }
        let outcome = self.store.carry_out(operation, &examined, (&mut self.mint, call.now()), &|_| None);
        if operation.mark("async").is_some() {
            return Ok(self.accept(operation, &examined, outcome.as_ref()));
        }
        Ok(shown(operation, &examined, outcome.ok_or_else(|| refusal(404, "Not found"))?))
    }

    /// Checks the credential: `Basic`, `Bearer` or `GenieKey`, as the operation takes it.
    fn admit(&self, call: &mut Call<'_>, forms: Option<&str>) -> Result<(), Answer> {
        let refused = || Answer::json(401, json!({"code": 401, "message": "Unauthorized"}));
        let value = call.authorization().ok_or_else(refused)?;
        let allowed = [("basic", "Basic ", &self.basic), ("oauth", "Bearer ", &self.token)];
        let allowed = allowed.into_iter().chain([("geniekey", "GenieKey ", &self.integration)]);
        let mut allowed =
            allowed.filter(|(form, ..)| forms.is_none_or(|forms| forms.split('|').any(|one| one == *form)));
        let Some((_, prefix, known)) = allowed.find(|(_, prefix, _)| value.starts_with(prefix)) else {
            call.violate("the authorization scheme is not one that the operation takes");
            return Err(refused());
        };
        (value.strip_prefix(prefix) == Some(known)).then_some(()).ok_or_else(refused)
    }

    /// It takes effect at once; the report says so whenever it is asked for.
    fn accept(&mut self, operation: &'static Operation, examined: &Examined, outcome: Option<&Outcome>) -> Answer {
        let request = self.mint.uuid();
        let named = examined.ids.last().cloned().unwrap_or_default();
        let id = match outcome {
            Some(Outcome::Thing(thing)) => thing.get("id").and_then(Value::as_str).map_or(named, str::to_owned),
            _ => named,
        };
        let action = operation.path.rsplit('/').next().unwrap_or_default();
        self.requests.push((request.clone(), action, id, outcome.is_some()));
        let body = json!({"result": "Request will be processed", "requestId": request, "took": 0.012});
        Answer::json(operation.status, body)
    }

    fn report_on(&self, request: &str) -> Result<Answer, Answer> {
        let known = self.requests.iter().find(|(id, ..)| id == request);
        let (_, action, alert, done) = known.ok_or_else(|| refusal(404, "Request not found"))?;
        let status = if *done { "Done" } else { "Alert does not exist" };
        Ok(Answer::json(
            200,
            json!({"action": action, "isSuccess": done, "status": status, "alertId": if *done { alert.as_str() } else { "" }}),
        ))
    }
}

fn shown(operation: &Operation, examined: &Examined, outcome: Outcome) -> Answer {
    let status = operation.status;
    match (&operation.answer, outcome) {
        (Form::Nothing, _) => Answer::empty(status),
        (Form::Text, _) => Answer::raw(status, "text/calendar; charset=utf-8", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
        (Form::Members(names), Outcome::List(list)) => {
            let page = Page::of(list, &examined.pairs, 20);
            let next = page.next.map(|next| format!("?offset={next}&size={}", page.size));
            let mut body: Map<String, Value> = members(names, Outcome::List(page.items));
            body.insert("links".to_owned(), json!({ "next": next }));
            Answer::json(status, body.into())
        }
        (Form::Members(names), thing) => Answer::json(status, members(names, thing).into()),
        (Form::List, Outcome::Thing(thing)) => Answer::json(status, json!([thing])),
        (_, Outcome::Thing(thing)) => Answer::json(status, thing),
        (Form::Thing, Outcome::List(_)) => Answer::json(status, json!({})),
        (_, Outcome::List(list)) => Answer::json(status, list.into()),
    }
}

fn malformed(why: &Malformed) -> Answer {
    match why {
        Malformed::ContentType => refusal(415, "Unsupported media type"),
        Malformed::Syntax => refusal(400, "The body cannot be parsed"),
        Malformed::Query(findings) | Malformed::Body(findings) => {
            let errors: Vec<Value> =
                findings.iter().map(|finding| json!({"title": finding.to_string(), "code": "BAD_REQUEST"})).collect();
            Answer::json(400, json!({ "errors": errors }))
        }
    }
}

fn refusal(status: u16, title: &str) -> Answer {
    Answer::json(status, json!({"errors": [{"title": title}]}))
}

impl fmt::Debug for JsmOps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsmOps").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}
