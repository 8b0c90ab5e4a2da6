//! The way of a request: its credential, the table, and what is special about an operation.

use serde_json::{Value, json};

use super::Statuspage;
use super::doc::{is_blank, set, shown, strip, time, word};
use super::incidents::{is_active_maintenance, is_pending, is_scheduled, is_unresolved};
use crate::answer::Answer;
use crate::call::{Call, Malformed};
use crate::check::{Finding, Param, Shape};
use crate::generic::Outcome;
use crate::moment::Moment;
use crate::stand_in::Vendor;
use crate::table::{Examined, Form, Operation};
use crate::tables::STATUSPAGE;

/// A request that is as the reference wants it.
pub(super) struct Asked {
    pub(super) operation: &'static Operation,
    pub(super) examined: Examined,
    /// The members of the body, without its root key.
    pub(super) fields: Value,
    pub(super) now: Moment,
}

impl Asked {
    /// A parameter of the path, counted from the left; most paths begin with that of the page.
    pub(super) fn id(&self, at: usize) -> &str {
        self.examined.id(at)
    }

    pub(super) fn page(&self) -> String {
        self.id(0).to_owned()
    }

    pub(super) fn answer(&self, body: Value) -> Answer {
        Answer::json(self.operation.status, body)
    }

    /// The asked part of a list.
    pub(super) fn list(&self, all: Vec<Value>) -> Answer {
        let pairs = &self.examined.pairs;
        let numbered = self.operation.query.iter().find(|param| param.name() == "page").map(Param::shape);
        let Some(Shape::Whole(first, _)) = numbered else { return self.answer(all.into()) };
        let first = usize::try_from(*first).unwrap_or_default();
        let size = if pairs.one("limit").is_some() { pairs.whole("limit", 100) } else { pairs.whole("per_page", 100) };
        let skipped = pairs.whole("page", first).saturating_sub(first).saturating_mul(size);
        self.answer(all.into_iter().skip(skipped).take(size).collect())
    }
}

impl Statuspage {
    /// Checks the credential: one header `Authorization: OAuth <key>`, no key in the address, room in the window.
    pub(super) fn admit(&mut self, call: &mut Call<'_>) -> Result<(), Answer> {
        let refused = || error(401, "Could not authenticate");
        let value = call.authorization().ok_or_else(refused)?;
        let Some(key) = value.strip_prefix("OAuth ") else {
            call.violate("the authorization scheme is not `OAuth`");
            return Err(refused());
        };
        if call.seen().query_pairs().iter().any(|(name, _)| name == "api_key") || key != self.key {
            return Err(refused());
        }
        match self.rate.as_mut().map(|window| window.admit(call.now())) {
            Some(Err(wait)) => Err(self.throttled(Some(wait))),
            _ => Ok(()),
        }
    }

    pub(super) fn route(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let parts = call.segments();
        let Some((operation, ids)) = STATUSPAGE.find(call.seen().method(), &parts) else {
            return Err(no_such_operation(call));
        };
        let examined = operation.examine(call, ids).map_err(|why| malformed(&why))?;
        let fields = self.store.fields_of(operation, &examined.body).into();
        let asked = Asked { operation, examined, fields, now: call.now() };
        match operation.path.strip_prefix("/v1/pages/{page_id}") {
            Some(tail) => {
                let page = self.page(asked.id(0))?;
                if tail.contains("page_access_") && page.get("_small").is_some() {
                    let text = "You are not authorized to access this resource: the page is not audience-specific";
                    return Err(error(403, text));
                }
                self.on_page(call, asked, tail)
            }
            None if operation.path == "/v1/pages" => self.generic(&asked),
            None => self.on_organization(asked),
        }
    }

    /// What has code of its own; the tail is the path behind the page.
    fn on_page(&mut self, call: &mut Call<'_>, asked: Asked, tail: &str) -> Result<Answer, Answer> {
        match (asked.operation.method, tail) {
            ("POST", "/components") => self.create_component(asked),
            ("PATCH", "/components/{component_id}") => self.update_component(asked),
            ("GET", "/components/{component_id}/uptime") => self.component_uptime(call, &asked),
            ("GET", "/component-groups/{id}/uptime") => self.group_uptime(call, &asked),
            (_, "/component-groups" | "/component-groups/{id}") => self.component_groups(&asked),
            (_, "/components/{component_id}/page_access_users") => self.component_access(&asked, "page_access_users"),
            (_, "/components/{component_id}/page_access_groups") => self.component_access(&asked, "page_access_groups"),
            ("POST", "/incident_templates") => self.create_template(asked),
            ("POST", "/incidents") => self.create_incident(&asked),
            ("PATCH", "/incidents/{incident_id}") => self.update_incident(&asked),
            ("PATCH", "/incidents/{incident_id}/incident_updates/{incident_update_id}") => self.edit_update(&asked),
            ("GET", "/incidents") => Ok(self.list_incidents(&asked, |_| true)),
            ("GET", "/incidents/unresolved") => Ok(self.list_incidents(&asked, is_unresolved)),
            ("GET", "/incidents/scheduled") => Ok(self.list_incidents(&asked, is_pending)),
            ("GET", "/incidents/active_maintenance") => Ok(self.list_incidents(&asked, is_active_maintenance)),
            ("GET", "/incidents/upcoming") => {
                let is_to_come = |start| start > asked.now;
                let is_upcoming = |incident: &Value| time(incident, "scheduled_for").is_some_and(is_to_come);
                Ok(self.list_incidents(&asked, |known| is_scheduled(known) && is_upcoming(known)))
            }
            (_, tail) if tail.contains("/postmortem") => self.postmortem(&asked),
            (_, tail) if tail.contains("/subscribers") => self.subscribers(&asked, tail),
            (_, tail) if tail.starts_with("/metrics") => self.metrics(asked, tail),
            (_, tail) if tail.starts_with("/page_access_") => self.page_access(&asked, tail),
            _ => self.generic(&asked),
        }
    }

    /// What follows from the operation's place, and from it what a page keeps in order.
    pub(super) fn generic(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        if let Some(name) = ["name", "subdomain"].into_iter().find(|name| is_blank(&asked.fields, name)) {
            return Err(unprocessable(format!("{name} can't be blank")));
        }
        let mut fields = asked.fields.as_object().cloned().unwrap_or_default();
        if asked.operation.method == "POST" && self.store.blank(&asked.operation.wild()).contains_key("page_id") {
            fields.insert("page_id".to_owned(), asked.id(0).into());
        }
        let source = (&mut self.mint, asked.now);
        let outcome = self
            .store
            .carry_out_with(asked.operation, (&asked.examined.ids, fields), source, &|_| None)
            .ok_or_else(not_found)?;
        let page = asked.page();
        if asked.operation.method != "GET" {
            self.settle(&page);
        }
        let kind = asked.operation.wild();
        Ok(match outcome {
            _ if matches!(asked.operation.answer, Form::Nothing) => Answer::empty(asked.operation.status),
            Outcome::Thing(thing) => asked.answer(self.shown(&page, &kind, &thing)),
            Outcome::List(list) => asked.list(list.iter().map(|thing| self.shown(&page, &kind, thing)).collect()),
        })
    }

    /// A thing as an answer shows it, with what follows from others.
    fn shown(&self, page: &str, kind: &str, thing: &Value) -> Value {
        match kind.trim_start_matches("v1/pages/{}/").split('/').next() {
            Some("components") => self.component(page, word(thing, "id")).unwrap_or_else(|_| shown(thing)),
            Some("incidents") if !kind.contains("/subscribers") => self.incident_shown(page, thing),
            Some("page_access_users") => self.access_user_shown(page, thing),
            Some("incident_templates") => {
                let mut out = shown(thing);
                strip(&mut out, &["created_at", "updated_at"]);
                set(&mut out, "components", self.components_listed(page, thing));
                out
            }
            Some("status_embed_config") => {
                let mut out = shown(thing);
                set(&mut out, "page_id", page);
                out
            }
            _ => shown(thing),
        }
    }

    pub(super) fn page(&self, id: &str) -> Result<&Value, Answer> {
        self.store.peek("v1/pages").iter().find(|page| word(page, "id") == id).ok_or_else(not_found)
    }

    /// The things of a collection of a page.
    pub(super) fn all(&self, page: &str, collection: &str) -> &[Value] {
        self.store.peek(&format!("v1/pages/{page}/{collection}"))
    }

    pub(super) fn all_mut(&mut self, page: &str, collection: &str) -> &mut Vec<Value> {
        self.store.things(&format!("v1/pages/{page}/{collection}"), "")
    }

    pub(super) fn thing(&self, page: &str, collection: &str, id: &str) -> Result<&Value, Answer> {
        self.all(page, collection).iter().find(|thing| word(thing, "id") == id).ok_or_else(not_found)
    }

    pub(super) fn thing_mut(&mut self, page: &str, collection: &str, id: &str) -> Result<&mut Value, Answer> {
        let mut things = self.all_mut(page, collection).iter_mut();
        things.find(|thing| word(thing, "id") == id).ok_or_else(not_found)
    }

    /// A thing of a page before its body is looked at, with what every thing has.
    pub(super) fn blank(&mut self, page: &str, kind: &str, now: Moment) -> Value {
        let mut thing = Value::Object(self.store.blank(kind));
        set(&mut thing, "id", self.mint.lower(12));
        if thing.get("page_id").is_some() {
            set(&mut thing, "page_id", page);
        }
        set(&mut thing, "created_at", now.to_string());
        set(&mut thing, "updated_at", now.to_string());
        thing
    }

    /// Refuses ids that nothing in the collection has.
    pub(super) fn demand(&self, page: &str, collection: &str, what: &str, ids: &[String]) -> Result<(), Answer> {
        let strangers = ids.iter().filter(|id| self.thing(page, collection, id).is_err());
        let problems: Vec<String> = strangers.map(|id| format!("No {what} of this page has the id {id}")).collect();
        refuse(&problems)
    }
}

fn malformed(why: &Malformed) -> Answer {
    match why {
        Malformed::ContentType => error(415, "The content type does not fit the body that this operation takes"),
        Malformed::Syntax => error(400, "The body cannot be parsed"),
        Malformed::Query(findings) => errors(400, findings),
        Malformed::Body(findings) => errors(422, findings),
    }
}

/// Refuses a query for a reason that the table cannot say.
pub(super) fn wrong_query(call: &mut Call<'_>, name: &str, problem: &str) -> Answer {
    malformed(&call.refuse_query(vec![Finding::new(name, problem)]))
}

pub(super) fn no_such_operation(call: &mut Call<'_>) -> Answer {
    call.violate("no operation has this method and path");
    not_found()
}

pub(super) fn not_found() -> Answer {
    error(404, "Not found")
}

/// What the vendor refuses although the request has the right shape; nothing to refuse is fine.
pub(super) fn refuse(problems: &[String]) -> Result<(), Answer> {
    if problems.is_empty() { Ok(()) } else { Err(errors(422, problems)) }
}

/// A single reason to refuse a well-formed request.
pub(super) fn unprocessable(problem: impl Into<String>) -> Answer {
    errors(422, &[problem.into()])
}

pub(super) fn error(status: u16, text: &str) -> Answer {
    Answer::json(status, json!({"error": text}))
}

fn errors(status: u16, problems: &[impl ToString]) -> Answer {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Answer::json(status, json!({"error": texts}))
}
