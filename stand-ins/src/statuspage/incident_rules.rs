//! What the vendor refuses of an incident although every single member has the right shape.

use serde_json::Value;

use super::Statuspage;
use super::components::is_group;
use super::doc::{flag, ids, is_blank, text, time, word};
use super::incidents::{REALTIME, SCHEDULED};
use super::route::refuse;
use crate::answer::Answer;

impl Statuspage {
    pub(super) fn refuse_contradictions(
        &self,
        page: &str,
        fields: &Value,
        known: Option<&Value>,
    ) -> Result<(), Answer> {
        let mut problems = self.component_problems(page, fields);
        problems.extend(schedule_problems(fields, known));
        problems.extend(is_blank(fields, "name").then(|| "Name can't be blank".to_owned()));
        refuse(&problems)
    }

    fn component_problems(&self, page: &str, fields: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        let listed = ids(fields, "component_ids").unwrap_or_default();
        let mapped = fields.get("components").and_then(Value::as_object);
        let named = listed.iter().chain(mapped.into_iter().flatten().map(|(id, _)| id));
        for id in named {
            match self.thing(page, "components", id) {
                Err(_) => problems.push(format!("No component of this page has the id {id}")),
                Ok(known) if is_group(known) && mapped.is_some_and(|mapped| mapped.contains_key(id)) => {
                    problems.push(format!("The status of the group {id} follows its components"));
                }
                Ok(_) => {}
            }
        }
        let is_backfilled = flag(fields, "backfilled").unwrap_or(false);
        if is_backfilled && (mapped.is_some() || fields.get("component_ids").is_some()) {
            problems.push("A backfilled incident takes no components".to_owned());
        }
        problems
    }
}

fn schedule_problems(fields: &Value, known: Option<&Value>) -> Vec<String> {
    let mut problems = Vec::new();
    let moment = |name: &str| time(fields, name).or_else(|| time(known?, name));
    let (start, end) = (moment("scheduled_for"), moment("scheduled_until"));
    let status = text(fields, "status").or(known.map(|known| word(known, "status")));
    let is_maintenance = status.map_or(start.is_some(), |status| SCHEDULED.contains(&status));
    match (start, end) {
        (Some(start), Some(end)) if end <= start => {
            problems.push("Scheduled until must be after scheduled for".to_owned());
        }
        (Some(_), Some(_)) | (None, None) if is_maintenance == start.is_some() => {}
        _ if is_maintenance => {
            problems.push("A maintenance needs scheduled_for and scheduled_until".to_owned());
        }
        _ => problems.push(format!("An incident with a schedule cannot be in one of {}", REALTIME.join(", "))),
    }
    let reminders = text(fields, "reminder_intervals");
    if is_maintenance && reminders.is_some() {
        problems.push("A maintenance takes no reminder intervals".to_owned());
    } else if reminders.is_some_and(|text| !is_reminder(text)) {
        problems.push("Reminder intervals must be hours from 1 to 24 in rising order".to_owned());
    }
    problems
}

/// One number of hours, or a list of them in rising order; an empty list turns reminders off.
fn is_reminder(text: &str) -> bool {
    let is_hour = |hour: u64| (1..=24).contains(&hour);
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(hour)) => hour.as_u64().is_some_and(is_hour),
        Ok(Value::Array(hours)) => {
            let hours: Option<Vec<u64>> = hours.iter().map(Value::as_u64).collect();
            hours.is_some_and(|hours| {
                hours.iter().copied().all(is_hour) && hours.iter().zip(hours.iter().skip(1)).all(|(a, b)| a < b)
            })
        }
        _ => false,
    }
}
