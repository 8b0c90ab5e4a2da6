//! The account's configuration: account, users, schedules, who is on call.

use serde_json::{Value, json};

use super::alerts::with_paging;
use super::{Opsgenie, Region, not_found, plain, shapes};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) full_name: &'static str,
    pub(super) role: &'static str,
}

#[derive(Clone)]
pub(super) struct Schedule {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) time_zone: &'static str,
    pub(super) enabled: bool,
    /// Who takes turns, a day each.
    pub(super) turns: Vec<Person>,
}

/// Where the store holds the people and the schedules of the account.
pub(super) const USERS: &str = "v2/users";
pub(super) const SCHEDULES: &str = "v2/schedules";

impl Opsgenie {
    pub(super) fn get_account(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        plain(call, &[])?;
        let name = match self.region {
            Region::Us => "harbourline",
            Region::Eu => "harbourline-europe",
        };
        let plan = json!({"name": "Standard", "maxUserCount": 50, "isYearly": true});
        Ok(Answer::json(200, json!({"data": {"name": name, "userCount": self.store.peek(USERS).len(), "plan": plan}})))
    }

    pub(super) fn list_users(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::USER_LIST)?;
        let (offset, limit) = (pairs.whole("offset", 0), pairs.whole("limit", 100));
        let wanted = pairs.one("query").unwrap_or_default().to_lowercase();
        let wanted = wanted.rsplit(':').next().unwrap_or_default().trim().to_owned();
        let name = |person: &Value| person.get("username").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let mut found: Vec<&Value> =
            self.store.peek(USERS).iter().filter(|person| name(person).contains(&wanted)).collect();
        found.sort_by_key(|person| name(person));
        if pairs.one("order") == Some("desc") {
            found.reverse();
        }
        let total = found.len();
        let data: Vec<Value> = found.into_iter().skip(offset).take(limit).cloned().collect();
        let links = self.paging(call, "/v2/users", &pairs, offset, limit, total);
        Ok(with_paging(json!({"totalCount": total, "data": data}), &links))
    }

    pub(super) fn list_schedules(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::SCHEDULE_LIST)?;
        let expanded = pairs.one("expand").is_some();
        let schedules = self.store.peek(SCHEDULES).iter().cloned();
        let data: Vec<Value> = schedules.map(|schedule| if expanded { schedule } else { folded(schedule) }).collect();
        let body = json!({"data": data, "expandable": ["rotation"]});
        Ok(Answer::json(200, body))
    }

    pub(super) fn get_schedule(&mut self, call: &mut Call<'_>, identifier: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ONE_SCHEDULE)?;
        let member = if pairs.one("identifierType") == Some("name") { "name" } else { "id" };
        let mut schedules = self.store.peek(SCHEDULES).iter();
        let schedule = schedules.find(|schedule| schedule.get(member).is_some_and(|text| text == identifier));
        let schedule = schedule.ok_or_else(|| not_found("Schedule"))?;
        Ok(Answer::json(200, json!({ "data": schedule })))
    }

    pub(super) fn list_on_calls(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ON_CALL_LIST)?;
        let at = asked_moment(&pairs, call.now());
        let data: Vec<Value> =
            self.schedules.iter().map(|schedule| schedule.on_call(at, pairs.is_set("flat"))).collect();
        Ok(Answer::json(200, json!({"data": data})))
    }

    pub(super) fn get_on_calls(&mut self, call: &mut Call<'_>, identifier: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ON_CALLS)?;
        let at = asked_moment(&pairs, call.now());
        let schedule = self.schedule(identifier, pairs.one("scheduleIdentifierType"))?;
        Ok(Answer::json(200, json!({"data": schedule.on_call(at, pairs.is_set("flat"))})))
    }

    /// A name finds a schedule only when the type says that it is a name.
    fn schedule(&self, identifier: &str, kind: Option<&str>) -> Result<&Schedule, Answer> {
        self.schedules
            .iter()
            .find(|schedule| match kind {
                Some("name") => schedule.name == identifier,
                _ => schedule.id == identifier,
            })
            .ok_or_else(|| not_found("Schedule"))
    }
}

impl Person {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "username": self.username,
            "fullName": self.full_name,
            "role": {"id": self.role, "name": self.role},
            "blocked": false,
            "verified": true,
            "timeZone": "Europe/Amsterdam",
            "locale": "en_GB",
        })
    }
}

impl Schedule {
    pub(super) fn to_json(&self) -> Value {
        let participants: Vec<Value> = self
            .turns
            .iter()
            .map(|person| json!({"type": "user", "id": person.id, "username": person.username}))
            .collect();
        let rotations = json!([{
            "id": format!("{}-rotation", self.id),
            "name": "Daily turns",
            "type": "daily",
            "length": 1,
            "startDate": "2024-01-01T08:00:00Z",
            "participants": participants,
        }]);
        json!({
            "id": self.id,
            "name": self.name,
            "description": format!("Takes turns every day: {}", self.name),
            "timezone": self.time_zone,
            "enabled": self.enabled,
            "ownerTeam": {"id": "8b1f-team-platform", "name": "Platform"},
            "rotations": rotations,
        })
    }

    fn on_call(&self, at: Moment, flat: bool) -> Value {
        let parent = json!({"id": self.id, "name": self.name, "enabled": self.enabled});
        let turn = at.day() % self.turns.len().max(1);
        let person = self.turns.get(turn).filter(|_| self.enabled);
        if flat {
            let names: Vec<&str> = person.map(|person| person.username.as_str()).into_iter().collect();
            return json!({"_parent": parent, "onCallRecipients": names});
        }
        let participants: Vec<Value> = person
            .map(|person| json!({"id": person.id, "name": person.username, "type": "user"}))
            .into_iter()
            .collect();
        json!({"_parent": parent, "onCallParticipants": participants})
    }
}

/// A schedule without its rotations, which are shown only when they are asked for.
fn folded(mut schedule: Value) -> Value {
    if let Some(members) = schedule.as_object_mut() {
        members.insert("rotations".to_owned(), json!([]));
    }
    schedule
}

fn asked_moment(pairs: &Pairs, now: Moment) -> Moment {
    pairs.one("date").and_then(Moment::parse).unwrap_or(now)
}
