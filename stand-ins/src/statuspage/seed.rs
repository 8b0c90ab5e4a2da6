//! The invented account: a container line that tells its customers how its systems do. Its parts stand in
//! `tables/statuspage.account.json`; times in it are minutes before the start, or after it where they are planned.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::doc::{merge, set, take};
use super::incidents::enter;
use super::metrics::add_point;
use super::{Statuspage, StatuspageStandIn};
use crate::generic::{Rules, Store};
use crate::mint::Mint;
use crate::moment::Moment;
use crate::tables::STATUSPAGE;

const PAGE: &str = StatuspageStandIn::PAGE;
const SECOND_PAGE: &str = StatuspageStandIn::SECOND_PAGE;
const ORGANIZATION: &str = StatuspageStandIn::ORGANIZATION;
const GROUPS: &[&str] = &["gbk4p0s8y2la", "gtr9d3f6h1ne"];
const DAY: u64 = 60 * 24;

#[expect(clippy::expect_used, reason = "the file is part of the crate, and every test of the stand-in reads it")]
static ACCOUNT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tables/statuspage.account.json")).expect("the account is JSON")
});

pub(super) fn store() -> Store {
    let id = |mint: &mut Mint| mint.lower(12);
    let stamps = &["created_at", "updated_at"];
    let defaults = part("defaults").as_object().cloned().unwrap_or_default();
    Store::new(&STATUSPAGE, Rules { known: None, id, stamps, wraps: true, put_replaces: false }).with_defaults(defaults)
}

fn part(name: &str) -> Value {
    ACCOUNT.get(name).cloned().unwrap_or_default()
}

fn list(name: &str) -> Vec<Value> {
    part(name).as_array().cloned().unwrap_or_default()
}

impl Statuspage {
    pub(super) fn fill(&mut self, now: Moment) {
        let created = now.minutes_ago(DAY * 900);
        for page in list("pages") {
            let mut whole = part("page");
            merge(&mut whole, &page);
            set(&mut whole, "created_at", created.to_string());
            set(&mut whole, "updated_at", created.to_string());
            self.store.things("v1/pages", "").push(whole);
        }
        for id in [PAGE, SECOND_PAGE] {
            self.store.set(&format!("v1/pages/{id}/status_embed_config"), part("embed"));
        }
        for entry in list("components") {
            let [id, name, group, status] = [0, 1, 2, 3].map(|at| entry.get(at).cloned().unwrap_or_default());
            let is_group = id.as_str().is_some_and(|id| GROUPS.contains(&id));
            let given = json!({"id": id, "name": name, "group_id": group, "status": status, "group": is_group});
            self.add(PAGE, "components", &given, created);
        }
        for name in list("quiet_components") {
            self.add(SECOND_PAGE, "components", &json!({"name": name}), created);
        }
        for (collection, things) in part("things").as_object().into_iter().flatten() {
            for thing in things.as_array().into_iter().flatten() {
                self.add(PAGE, collection, thing, created);
            }
        }
        self.settle(PAGE);
        for story in list("incidents") {
            let incident = self.told(story, now);
            self.all_mut(PAGE, "incidents").push(incident);
        }
        self.fill_subscribers(created);
        if let Ok(metric) = self.thing_mut(PAGE, "metrics", StatuspageStandIn::SELF_METRIC) {
            for point in list("points") {
                let [minutes, value] = [0, 1].map(|at| point.get(at).and_then(Value::as_u64).unwrap_or_default());
                add_point(metric, &json!({"timestamp": now.minutes_ago(minutes).seconds(), "value": value}), now);
            }
        }
        let joined = now.minutes_ago(DAY * 700).to_string();
        let mut team = list("team");
        for member in &mut team {
            let more = json!({"organization_id": ORGANIZATION, "created_at": joined, "updated_at": joined});
            merge(member, &more);
        }
        self.store.fill(&format!("v1/organizations/{ORGANIZATION}/users"), team);
        for (user, pages) in part("permissions").as_object().into_iter().flatten() {
            self.permissions.insert(user.clone(), pages.as_object().cloned().unwrap_or_default());
        }
    }

    fn add(&mut self, page: &str, collection: &str, given: &Value, created: Moment) {
        let mut thing = self.blank(page, &format!("v1/pages/{{}}/{collection}"), created);
        merge(&mut thing, given);
        self.all_mut(page, collection).push(thing);
    }

    fn fill_subscribers(&mut self, created: Moment) {
        let customers = (1..=self.more_subscribers)
            .map(|number| json!(["email", format!("customer{number}@example.com"), "active"]));
        let entries: Vec<Value> = list("subscribers").into_iter().chain(customers).collect();
        for (day, entry) in (0..).zip(entries) {
            let [kind, address, state] = [0, 1, 2].map(|at| entry.get(at).and_then(Value::as_str).unwrap_or_default());
            let subscriber = self.subscriber_of(kind, address, state, created.in_minutes(day * DAY));
            self.all_mut(PAGE, "subscribers").push(subscriber);
        }
        for entry in list("others") {
            let [list, id, address, state] =
                [0, 1, 2, 3].map(|at| entry.get(at).and_then(Value::as_str).unwrap_or_default());
            let mut subscriber = self.subscriber_of("email", address, state, created);
            set(&mut subscriber, "id", id);
            self.all_mut(PAGE, list).push(subscriber);
        }
    }

    fn told(&mut self, mut story: Value, now: Moment) -> Value {
        let schedule = take(&mut story, "schedule");
        let updates = take(&mut story, "updates").and_then(|updates| updates.as_array().cloned()).unwrap_or_default();
        let ago = |update: &Value| update.get(0).and_then(Value::as_u64).unwrap_or_default();
        let mut incident = self.blank_incident(PAGE, now.minutes_ago(updates.last().map_or(0, ago)));
        merge(&mut incident, &story);
        for (at, name) in ["scheduled_for", "scheduled_until"].into_iter().enumerate() {
            let minutes = schedule.as_ref().and_then(|schedule| schedule.get(at)).and_then(Value::as_i64);
            let time = minutes.map(|minutes| match (minutes < 0, minutes.unsigned_abs()) {
                (true, away) => now.minutes_ago(away).to_string(),
                (false, away) => now.in_minutes(away).to_string(),
            });
            set(&mut incident, name, time);
        }
        for told in updates.iter().rev() {
            let [status, body] = [1, 2].map(|at| told.get(at).and_then(Value::as_str).unwrap_or_default());
            let posted = now.minutes_ago(ago(told));
            enter(&mut incident, status, posted);
            set(&mut incident, "updated_at", posted.to_string());
            let update = self.blank_update(&incident, status, body, posted);
            if let Some(updates) = incident.get_mut("incident_updates").and_then(Value::as_array_mut) {
                updates.insert(0, update);
            }
        }
        incident
    }
}
