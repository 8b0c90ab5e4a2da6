//! The incident operations.

use serde_json::{Map, Value};

use super::components::wrapped;
use super::incident::{Incident, REALTIME, SCHEDULED, Update};
use super::{
    Mail, Page, Statuspage, errors, json_body, no_such_operation, not_found, page_of, plain, shapes,
};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

impl Statuspage {
    pub(super) fn incidents(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => self.list_all(call, page),
            ("GET", ["unresolved"]) => self.list_some(call, page, |incident, _| incident.is_unresolved()),
            ("GET", ["scheduled"]) => self.list_some(call, page, |incident, _| {
                incident.is_maintenance() && incident.status != "completed"
            }),
            ("GET", ["upcoming"]) => self.list_some(call, page, |incident, now| {
                incident.status == "scheduled" && incident.scheduled_for.is_some_and(|start| start > now)
            }),
            ("GET", ["active_maintenance"]) => self.list_some(call, page, |incident, _| {
                matches!(incident.status.as_str(), "in_progress" | "verifying")
            }),
            ("POST", []) => self.create_incident(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.page(page)?.incident_json(id, 200)
            }
            ("PATCH", [id]) => self.update_incident(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let answer = page.incident_json(id, 200)?;
                page.incidents.retain(|incident| incident.id != *id);
                Ok(answer)
            }
            _ => Err(no_such_operation(call)),
        }
    }

    fn list_all(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::INCIDENT_LIST)?;
        let wanted = pairs.one("q").unwrap_or_default().to_lowercase();
        let found = self.page(page)?.incidents_json(|incident| {
            let bodies = incident.updates.iter().map(|update| update.body.as_str());
            bodies
                .chain([incident.name.as_str(), incident.status.as_str()])
                .any(|text| text.to_lowercase().contains(&wanted))
        });
        Ok(page_of(found, &pairs, "limit", 1))
    }

    fn list_some(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        is_listed: impl Fn(&Incident, Moment) -> bool,
    ) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::PAGED)?;
        let now = call.now();
        let found = self
            .page(page)?
            .incidents_json(|incident| is_listed(incident, now));
        Ok(page_of(found, &pairs, "per_page", 1))
    }

    fn create_incident(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::NEW_INCIDENT)?;
        let fields = wrapped(&body, "incident");
        let (id, update_id) = (self.mint.lower(12), self.mint.lower(12));
        let page = self.page(page)?;
        page.refuse_contradictions(&fields, None)?;
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut incident = Incident::new(id.clone(), &page.id, name, call.now());
        incident.change(&fields, call.now());
        incident.backfilled = is_true(&fields, "backfilled");
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let otherwise = match (incident.backfilled, incident.scheduled_for) {
            (true, _) => "resolved",
            (false, Some(_)) => "scheduled",
            (false, None) => "investigating",
        };
        let status = text("status").unwrap_or(otherwise).to_owned();
        incident.enter(&status, call.now());
        if let Some(date) = text("backfill_date").and_then(Moment::parse_loosely) {
            (incident.started, incident.created) = (date, date);
        }
        let mail = page.post_update(&mut incident, &fields, update_id, call.now());
        page.incidents.insert(0, incident);
        let answer = page.incident_json(&id, 201);
        self.mails.extend(mail);
        answer
    }

    fn update_incident(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::CHANGED_INCIDENT)?;
        let fields = wrapped(&body, "incident");
        let update_id = self.mint.lower(12);
        let page = self.page(page)?;
        let at = page
            .incidents
            .iter()
            .position(|incident| incident.id == id)
            .ok_or_else(not_found)?;
        let mut incident = page.incidents.get(at).cloned().ok_or_else(not_found)?;
        page.refuse_contradictions(&fields, Some(&incident))?;
        incident.change(&fields, call.now());
        if let Some(status) = fields.get("status").and_then(Value::as_str) {
            incident.enter(status, call.now());
        }
        let mail = if fields.contains_key("status") || fields.contains_key("body") {
            page.post_update(&mut incident, &fields, update_id, call.now())
        } else {
            page.attach(&mut incident, &fields, call.now());
            None
        };
        if let Some(place) = page.incidents.get_mut(at) {
            *place = incident;
        }
        let answer = page.incident_json(id, 200);
        self.mails.extend(mail);
        answer
    }
}

impl Page {
    fn incidents_json(&self, is_listed: impl Fn(&Incident) -> bool) -> Vec<Value> {
        let listed = self.incidents.iter().filter(|incident| is_listed(incident));
        listed
            .map(|incident| incident.to_json(&self.components))
            .collect()
    }

    fn incident_json(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        let incident = self
            .incidents
            .iter()
            .find(|incident| incident.id == id)
            .ok_or_else(not_found)?;
        Ok(Answer::json(status, incident.to_json(&self.components)))
    }

    /// What the vendor refuses although every single member has the right shape.
    fn refuse_contradictions(
        &self,
        fields: &Map<String, Value>,
        known: Option<&Incident>,
    ) -> Result<(), Answer> {
        let mut problems = Vec::new();
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if text("name").is_some_and(|name| name.trim().is_empty()) {
            problems.push("Name can't be blank".to_owned());
        }
        for id in named_components(fields) {
            if !self.components.iter().any(|component| component.id == id) {
                problems.push(format!("No component of this page has the id {id}"));
            }
        }
        let is_backfilled = is_true(fields, "backfilled");
        if is_backfilled && (fields.contains_key("components") || fields.contains_key("component_ids")) {
            problems.push("A backfilled incident takes no components".to_owned());
        }
        let start = text("scheduled_for")
            .and_then(Moment::parse)
            .or(known.and_then(|known| known.scheduled_for));
        let end = text("scheduled_until")
            .and_then(Moment::parse)
            .or(known.and_then(|known| known.scheduled_until));
        let status = text("status").or(known.map(|known| known.status.as_str()));
        let is_maintenance = status.map_or(start.is_some(), |status| SCHEDULED.contains(&status));
        match (start, end) {
            (Some(start), Some(end)) if end <= start => {
                problems.push("Scheduled until must be after scheduled for".to_owned());
            }
            (Some(_), Some(_)) | (None, None) if is_maintenance == start.is_some() => {}
            _ if is_maintenance => {
                problems.push("A maintenance needs scheduled_for and scheduled_until".to_owned());
            }
            _ => problems.push(format!(
                "An incident with a schedule cannot be in one of {}",
                REALTIME.join(", ")
            )),
        }
        if is_maintenance && text("reminder_intervals").is_some() {
            problems.push("A maintenance takes no reminder intervals".to_owned());
        } else if text("reminder_intervals").is_some_and(|text| !is_reminder(text)) {
            problems.push("Reminder intervals must be hours from 1 to 24 in rising order".to_owned());
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(errors(422, &problems))
        }
    }

    /// Attaches components, sets their status, and posts the update; the mail is what went out for it.
    fn post_update(
        &mut self,
        incident: &mut Incident,
        fields: &Map<String, Value>,
        id: String,
        now: Moment,
    ) -> Option<Mail> {
        let affected = self.attach(incident, fields, now);
        let delivered = fields
            .get("deliver_notifications")
            .and_then(Value::as_bool)
            .unwrap_or(true)
            && !incident.backfilled;
        let body = fields.get("body").and_then(Value::as_str).unwrap_or_default();
        incident.updates.insert(
            0,
            Update {
                id,
                status: incident.status.clone(),
                body: body.to_owned(),
                at: now,
                delivered,
                affected,
            },
        );
        delivered.then(|| Mail {
            page: self.id.clone(),
            incident: incident.id.clone(),
            status: incident.status.clone(),
            recipients: self.mail_recipients(),
        })
    }

    /// INVARIANT: the status of a component changes only when the body's map names it; resolving alone changes none
    /// (`resolving_an_incident_leaves_the_components_as_they_are`).
    fn attach(
        &mut self,
        incident: &mut Incident,
        fields: &Map<String, Value>,
        now: Moment,
    ) -> Vec<(String, String, String, String)> {
        if let Some(ids) = fields.get("component_ids").and_then(Value::as_array) {
            incident.components = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        let mut affected = Vec::new();
        let statuses = fields
            .get("components")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        for (id, status) in &statuses {
            if !incident.components.contains(id) {
                incident.components.push(id.clone());
            }
            let found = self.components.iter_mut().find(|component| component.id == *id);
            let status = status.as_str().filter(|status| !status.is_empty());
            if let (Some(component), Some(status)) = (found, status) {
                let before = std::mem::replace(&mut component.status, status.to_owned());
                component.updated = now;
                affected.push((id.clone(), component.name.clone(), before, status.to_owned()));
            }
        }
        incident.assess(&self.components);
        affected
    }
}

fn is_true(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn named_components(fields: &Map<String, Value>) -> Vec<&str> {
    let listed = fields
        .get("component_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let mapped = fields
        .get("components")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(id, _)| id.as_str());
    listed.chain(mapped).collect()
}

/// One number of hours, or a list of them in rising order; an empty list turns reminders off.
fn is_reminder(text: &str) -> bool {
    let is_hour = |hour: u64| (1..=24).contains(&hour);
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(hour)) => hour.as_u64().is_some_and(is_hour),
        Ok(Value::Array(hours)) => {
            let hours: Option<Vec<u64>> = hours.iter().map(Value::as_u64).collect();
            hours.is_some_and(|hours| {
                hours.iter().copied().all(is_hour)
                    && hours.iter().zip(hours.iter().skip(1)).all(|(a, b)| a < b)
            })
        }
        _ => false,
    }
}
