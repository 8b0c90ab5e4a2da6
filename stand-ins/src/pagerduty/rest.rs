//! Every operation of the reference that no other code here plays.

use serde_json::{Map, Value, json};

use super::entities::Depth;
use super::{Caller, PagerDuty, malformed, not_found};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::generic::{Outcome, Page, Rules, Store, members};
use crate::mint::Mint;
use crate::table::{Form, Operation, Step};
use crate::tables::PAGERDUTY;

pub(super) const KNOWN: &str = "PGENER1";

/// How many a list holds without `limit`.
const USUAL: usize = 25;

pub(super) fn store() -> Store {
    let id = |mint: &mut Mint| format!("P{}", mint.upper(6));
    let rules =
        Rules { known: Some(KNOWN), id, stamps: &["created_at", "updated_at"], wraps: true, put_replaces: false };
    Store::new(&PAGERDUTY, rules)
}

/// Every scope that the reference names, in order.
pub(super) fn scopes() -> Vec<String> {
    let named = PAGERDUTY.operations().iter().filter_map(|operation| operation.mark("scope"));
    let mut scopes: Vec<String> = named.map(str::to_owned).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

impl PagerDuty {
    /// Puts what the account has where the operations on it find it.
    pub(super) fn fill_store(&mut self) {
        let account = &self.account;
        let ids = |named: &[super::entities::Named]| named.iter().map(|one| one.id).collect::<Vec<_>>();
        let users = account.users.iter().map(|user| account.user_json(&user.id, Depth::Whole)).collect();
        let services =
            account.services.iter().map(|one| account.service_json(one.id, Depth::Whole, &[], &[])).collect();
        let teams = ids(&account.teams).iter().map(|id| account.team_json(id, Depth::Whole)).collect();
        let schedules = ids(&account.schedules).iter().map(|id| account.schedule_json(id, Depth::Whole)).collect();
        let policies = account.policies.iter().map(|one| account.policy_json(one.id, Depth::Whole)).collect();
        let priorities = ids(&account.priorities).iter().map(|id| account.priority_json(id, Depth::Whole)).collect();
        for (collection, things) in [
            ("users", users),
            ("services", services),
            ("teams", teams),
            ("schedules", schedules),
            ("escalation_policies", policies),
            ("priorities", priorities),
        ] {
            self.store.fill(collection, things);
        }
    }

    pub(super) fn generic(
        &mut self,
        call: &mut Call<'_>,
        caller: &Caller,
        operation: &Operation,
        ids: Vec<String>,
    ) -> Result<Answer, Answer> {
        let examined = operation.examine(call, ids).map_err(|why| malformed(&why))?;
        if operation.demands("from") {
            self.actor(call, caller)?;
        }
        let incidents = &self.incidents;
        let exists = |step: &Step| {
            let is_meant = |id: &str, number: u64| id == step.id || number.to_string() == step.id;
            (step.kind == "incidents").then(|| incidents.iter().any(|known| is_meant(&known.id, known.number)))
        };
        let outcome = self.store.carry_out(operation, &examined, (&mut self.mint, call.now()), &exists);
        let outcome = outcome.ok_or_else(not_found)?;
        Ok(self.shown(operation, &examined.pairs, outcome))
    }

    /// What was created in a collection besides what the account had; for lists that other code puts together.
    pub(super) fn created(&self, collection: &str, known: impl Fn(&str) -> bool) -> Vec<Value> {
        let things = self.store.peek(collection).iter();
        let is_new = |thing: &&Value| thing.get("id").and_then(Value::as_str).is_some_and(|id| !known(id));
        things.filter(is_new).cloned().collect()
    }

    fn shown(&self, operation: &Operation, pairs: &Pairs, outcome: Outcome) -> Answer {
        let (path, status) = (operation.wild(), operation.status);
        let collection = path.split('/').rfind(|part| !part.starts_with('{')).unwrap_or_default().to_owned();
        let outcome = match outcome {
            Outcome::Thing(thing) => Outcome::Thing(self.with_head(&collection, thing)),
            Outcome::List(list) => {
                Outcome::List(list.into_iter().map(|thing| self.with_head(&collection, thing)).collect())
            }
        };
        let body = match (&operation.answer, outcome) {
            (Form::Nothing, _) => return Answer::empty(status),
            (Form::Text, _) => return Answer::raw(status, "text/plain; charset=utf-8", "sample"),
            (Form::Thing, Outcome::Thing(thing)) => thing,
            (Form::Thing, Outcome::List(_)) => json!({}),
            (Form::List, Outcome::List(list)) => list.into(),
            (Form::List, Outcome::Thing(thing)) => json!([thing]),
            (Form::Members(names), Outcome::Thing(thing)) => members(names, Outcome::Thing(thing)).into(),
            (Form::Members(names), Outcome::List(list)) => {
                let page = Page::of(list, pairs, USUAL);
                let paging = paging(operation.mark("paging"), pairs, &page);
                let mut body = members(names, Outcome::List(page.items));
                body.extend(paging);
                body.into()
            }
        };
        Answer::json(status, body)
    }

    /// The members that every thing of this vendor has.
    fn with_head(&self, collection: &str, thing: Value) -> Value {
        let Value::Object(mut members) = thing else { return thing };
        let id = members.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if id.is_empty() {
            return members.into();
        }
        let kind = collection.strip_suffix("ies").map(|stem| format!("{stem}y"));
        let kind = kind.unwrap_or_else(|| collection.strip_suffix('s').unwrap_or(collection).to_owned());
        let title = ["summary", "name", "title", "label"].iter().find_map(|name| members.get(*name)?.as_str());
        let summary = title.unwrap_or(&id).to_owned();
        let head = self.account.head(&kind, collection, &id, &summary, Depth::Whole);
        for (name, value) in head.as_object().into_iter().flatten() {
            members.entry(name.clone()).or_insert_with(|| value.clone());
        }
        members.into()
    }
}

fn paging(form: Option<&str>, pairs: &Pairs, page: &Page) -> Map<String, Value> {
    let paging = match form {
        Some("classic") => json!({
            "limit": page.size,
            "offset": page.offset,
            "more": page.next.is_some(),
            "total": pairs.is_set("total").then_some(page.total),
        }),
        Some(_) => json!({"limit": page.size, "next_cursor": page.next.map(|next| next.to_string())}),
        None => json!({}),
    };
    paging.as_object().cloned().unwrap_or_default()
}
