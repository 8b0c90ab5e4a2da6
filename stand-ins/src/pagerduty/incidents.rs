//! The incident operations.

use std::cmp::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::incident::Incident;
use super::lists::listed;
use super::{PagerDuty, error, invalid, json_body, not_found, plain, shapes};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::moment::Moment;

const DAY: u64 = 24 * 60 * 60;
/// Without `since` the list goes back a month; more than half a year is refused.
const USUAL_RANGE: Duration = Duration::from_secs(31 * DAY);
const LONGEST_RANGE: Duration = Duration::from_secs(184 * DAY);

impl PagerDuty {
    pub(super) fn list_incidents(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::INCIDENT_LIST)?;
        let range = range_of(&pairs, call.now())?;
        let includes = pairs.all("include[]");
        let mut found: Vec<&Incident> = self
            .incidents
            .iter()
            .filter(|incident| range.is_none_or(|(since, until)| (since..until).contains(&incident.created)))
            .filter(|incident| self.is_wanted(incident, &pairs))
            .collect();
        sort(&mut found, pairs.one("sort_by").unwrap_or("incident_number:asc"))?;
        let all = found.iter().map(|incident| incident.to_json(&self.account, &includes, &self.incidents)).collect();
        listed("incidents", all, &pairs)
    }

    pub(super) fn get_incident(&self, call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ONE_INCIDENT)?;
        let incident = self.incidents.get(self.place_of(id)?).ok_or_else(not_found)?;
        Ok(self.one(incident, 200, &pairs.all("include[]")))
    }

    /// INVARIANT: a key names one open incident of its service; a second create with it is refused
    /// (`a_second_incident_with_an_open_key_is_refused`).
    pub(super) fn create_incident(&mut self, call: &mut Call<'_>, actor: &str) -> Result<Answer, Answer> {
        let (_, body) = json_body(call, &[], &shapes::NEW_INCIDENT)?;
        let fields = fields_of(body.get("incident"));
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let title = text("title").unwrap_or_default();
        if title.trim().is_empty() {
            return Err(invalid(&["Title cannot be empty"]));
        }
        let mut incident = Incident {
            id: format!("Q{}", self.mint.upper(13)),
            number: self.number + 1,
            key: text("incident_key").map_or_else(|| self.mint.lower(32), str::to_owned),
            title: title.to_owned(),
            details: body.pointer("/incident/body/details").and_then(Value::as_str).map(str::to_owned),
            status: "triggered".to_owned(),
            urgency: text("urgency").unwrap_or("high").to_owned(),
            service: String::new(),
            policy: String::new(),
            priority: None,
            assignees: Vec::new(),
            acknowledgers: Vec::new(),
            bridge: fields.get("conference_bridge").cloned().unwrap_or_default(),
            changed_by: actor.to_owned(),
            created: call.now(),
            updated: call.now(),
            resolved: None,
        };
        incident.refer(&fields, &self.account)?;
        if incident.assignees.is_empty() {
            let policy = self.account.policy(&incident.policy);
            let first = policy.and_then(|policy| policy.levels.first());
            incident.assignees = first.map(|(_, user)| (*user).to_owned()).into_iter().collect();
        }
        let is_known = self
            .incidents
            .iter()
            .any(|known| known.is_open() && known.key == incident.key && known.service == incident.service);
        if is_known {
            let text = "An open incident of this service already has this key";
            return Err(error(400, 2002, "Arguments Caused Error", &[text]));
        }
        self.number += 1;
        let answer = self.one(&incident, 201, &[]);
        self.incidents.insert(0, incident);
        Ok(answer)
    }

    pub(super) fn update_incident(&mut self, call: &mut Call<'_>, id: &str, actor: &str) -> Result<Answer, Answer> {
        let (_, body) = json_body(call, &[], &shapes::CHANGED_INCIDENT)?;
        let at = self.place_of(id)?;
        let place = self.incidents.get_mut(at).ok_or_else(not_found)?;
        let fields = fields_of(body.get("incident"));
        let changed = place.changed(&fields, &self.account, actor, call.now())?;
        place.clone_from(&changed);
        Ok(self.one(&changed, 200, &[]))
    }

    /// INVARIANT: all or nothing (`one_refused_change_leaves_every_incident_as_it_was`).
    pub(super) fn manage_incidents(&mut self, call: &mut Call<'_>, actor: &str) -> Result<Answer, Answer> {
        let (pairs, body) = json_body(call, shapes::MANAGED_PAGING, &shapes::MANAGED_INCIDENTS)?;
        let entries = body.get("incidents").and_then(Value::as_array).cloned().unwrap_or_default();
        if entries.len() > shapes::MANAGED_MOST {
            let text = format!("At most {} incidents can be changed at once", shapes::MANAGED_MOST);
            return Err(error(413, 2001, "Request Entity Too Large", &[&text]));
        }
        let mut changes = Vec::new();
        for entry in &entries {
            let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
            let at = self.place_of(id)?;
            let incident = self.incidents.get(at).ok_or_else(not_found)?;
            changes.push((at, incident.changed(&fields_of(Some(entry)), &self.account, actor, call.now())?));
        }
        let mut out = Vec::new();
        for (at, changed) in changes {
            out.push(changed.to_json(&self.account, &[], &self.incidents));
            if let Some(place) = self.incidents.get_mut(at) {
                *place = changed;
            }
        }
        if pairs.one("limit").is_some() {
            return listed("incidents", out, &pairs);
        }
        Ok(Answer::json(200, json!({"incidents": out})))
    }

    /// An incident is known by its id or by its number.
    fn place_of(&self, id: &str) -> Result<usize, Answer> {
        let is_meant = |incident: &Incident| incident.id == id || incident.number.to_string() == id;
        self.incidents.iter().position(is_meant).ok_or_else(not_found)
    }

    fn one(&self, incident: &Incident, status: u16, includes: &[&str]) -> Answer {
        let incident = incident.to_json(&self.account, includes, &self.incidents);
        Answer::json(status, json!({"incident": incident}))
    }

    fn is_wanted(&self, incident: &Incident, pairs: &Pairs) -> bool {
        let team = self.account.service(&incident.service).map_or("", |service| service.team);
        pairs.allows("statuses[]", [incident.status.as_str()])
            && pairs.allows("urgencies[]", [incident.urgency.as_str()])
            && pairs.allows("service_ids[]", [incident.service.as_str()])
            && pairs.allows("team_ids[]", [team])
            && pairs.allows("user_ids[]", incident.assignees.iter().map(String::as_str))
            && pairs.allows("priority_ids[]", incident.priority.as_deref())
            && pairs.one("incident_key").is_none_or(|key| key == incident.key)
    }
}

/// The asked span of time; none when everything is asked for.
fn range_of(pairs: &Pairs, now: Moment) -> Result<Option<(Moment, Moment)>, Answer> {
    if pairs.one("date_range") == Some("all") {
        return Ok(None);
    }
    let until = pairs.one("until").and_then(Moment::parse_loosely).unwrap_or(now.in_minutes(1));
    let since = pairs.one("since").and_then(Moment::parse_loosely).unwrap_or(until.minus(USUAL_RANGE));
    if since >= until || since.plus(LONGEST_RANGE) < until {
        return Err(error(400, 2005, "Invalid Time Range", &["The range must be positive and at most six months"]));
    }
    Ok(Some((since, until)))
}

/// The vendor's description leaves the sortable fields open, so an unknown one is refused and no violation.
fn sort(incidents: &mut [&Incident], by: &str) -> Result<(), Answer> {
    // The first field counts most: sort by the last one first, stably.
    for field in by.rsplit(',') {
        let (name, order) = field.split_once(':').unwrap_or((field, "asc"));
        let compare: fn(&Incident, &Incident) -> Ordering = match name {
            "incident_number" => |one, other| one.number.cmp(&other.number),
            "created_at" => |one, other| one.created.cmp(&other.created),
            "resolved_at" => |one, other| one.resolved.cmp(&other.resolved),
            "urgency" => |one, other| one.urgency.cmp(&other.urgency),
            _ => return Err(invalid(&["Sort by cannot be understood"])),
        };
        match order {
            "asc" => incidents.sort_by(|one, other| compare(one, other)),
            "desc" => incidents.sort_by(|one, other| compare(other, one)),
            _ => return Err(invalid(&["Sort by cannot be understood"])),
        }
    }
    Ok(())
}

fn fields_of(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}
