//! Incidents and maintenances: what creating and changing them does to components and to subscribers.

use serde_json::{Value, json};

use super::Statuspage;
use super::components::severity;
use super::doc::{flag, ids, lists, merge, put, set, shown, strip, text, time, word};
use super::mail::{Mail, MailKind, Tweet};
use super::route::{Asked, not_found};
use crate::answer::Answer;
use crate::moment::Moment;

/// The states of an unplanned incident.
pub(super) const REALTIME: &[&str] = &["investigating", "identified", "monitoring", "resolved"];
/// The states of a maintenance.
pub(super) const SCHEDULED: &[&str] = &["scheduled", "in_progress", "verifying", "completed"];

/// Members of a body that say what to do and are not kept.
const ORDERS: &[&str] = &[
    "status",
    "body",
    "component_ids",
    "components",
    "deliver_notifications",
    "backfilled",
    "backfill_date",
    "scheduled_auto_transition",
];

pub(super) fn is_maintenance(incident: &Value) -> bool {
    SCHEDULED.contains(&word(incident, "status"))
}

pub(super) fn is_scheduled(incident: &Value) -> bool {
    word(incident, "status") == "scheduled"
}

/// A maintenance that is planned or under way.
pub(super) fn is_pending(incident: &Value) -> bool {
    is_maintenance(incident) && word(incident, "status") != "completed"
}

pub(super) fn is_active_maintenance(incident: &Value) -> bool {
    matches!(word(incident, "status"), "in_progress" | "verifying")
}

pub(super) fn is_unresolved(incident: &Value) -> bool {
    !is_maintenance(incident) && word(incident, "status") != "resolved"
}

impl Statuspage {
    /// Those that are meant and that a search finds.
    pub(super) fn list_incidents(&self, asked: &Asked, is_meant: impl Fn(&Value) -> bool) -> Answer {
        let wanted = asked.examined.pairs.one("q").unwrap_or_default().to_lowercase();
        let is_found = |incident: &&Value| {
            let updates = incident.get("incident_updates").and_then(Value::as_array).into_iter().flatten();
            let texts = updates.map(|update| word(update, "body"));
            let mut texts = texts.chain([word(incident, "name"), word(incident, "status")]);
            texts.any(|text| text.to_lowercase().contains(&wanted))
        };
        let found = self.all(asked.id(0), "incidents").iter().filter(|known| is_meant(known)).filter(is_found);
        asked.list(found.map(|incident| self.incident_shown(asked.id(0), incident)).collect())
    }

    pub(super) fn create_incident(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (page, fields) = (asked.page(), &asked.fields);
        self.refuse_contradictions(&page, fields, None)?;
        let mut incident = self.blank_incident(&page, asked.now);
        change(&mut incident, fields, asked.now);
        let is_backfilled = flag(fields, "backfilled").unwrap_or(false);
        set(&mut incident, "backfilled", is_backfilled);
        let otherwise = match (is_backfilled, text(&incident, "scheduled_for")) {
            (true, _) => "resolved",
            (false, Some(_)) => "scheduled",
            (false, None) => "investigating",
        };
        enter(&mut incident, text(fields, "status").unwrap_or(otherwise), asked.now);
        if let Some(date) = text(fields, "backfill_date").and_then(Moment::parse_loosely) {
            set(&mut incident, "started_at", date.to_string());
            set(&mut incident, "created_at", date.to_string());
        }
        self.post_update(&page, &mut incident, fields, asked.now);
        let is_announced = flag(fields, "auto_tweet_on_creation").unwrap_or(false);
        self.tweets.extend(is_announced.then(|| Tweet::new(&page, word(&incident, "id"), word(&incident, "name"))));
        let answer = asked.answer(self.incident_shown(&page, &incident));
        self.all_mut(&page, "incidents").insert(0, incident);
        Ok(answer)
    }

    pub(super) fn update_incident(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (page, fields) = (asked.page(), &asked.fields);
        let mut incident = self.thing(&page, "incidents", asked.id(1))?.clone();
        self.refuse_contradictions(&page, fields, Some(&incident))?;
        change(&mut incident, fields, asked.now);
        if let Some(status) = text(fields, "status") {
            enter(&mut incident, status, asked.now);
        }
        if fields.get("status").is_some() || fields.get("body").is_some() {
            self.post_update(&page, &mut incident, fields, asked.now);
        } else {
            self.attach(&page, &mut incident, fields, asked.now);
        }
        let answer = asked.answer(self.incident_shown(&page, &incident));
        *self.thing_mut(&page, "incidents", asked.id(1))? = incident;
        Ok(answer)
    }

    /// What holds without `deliver_notifications` is not documented; the stand-in notifies all subscribers, so that a
    /// client that forgets it is found out.
    pub(super) fn edit_update(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (page, fields) = (asked.page(), &asked.fields);
        let mut incident = self.thing(&page, "incidents", asked.id(1))?.clone();
        let updates = incident.get_mut("incident_updates").and_then(Value::as_array_mut).into_iter().flatten();
        let update = updates.into_iter().find(|update| word(update, "id") == asked.id(2)).ok_or_else(not_found)?;
        if let Some(body) = text(fields, "body") {
            set(update, "body", body);
        }
        if let Some(shown_at) = time(fields, "display_at") {
            set(update, "display_at", shown_at.to_string());
        }
        set(update, "deliver_notifications", flag(fields, "deliver_notifications").unwrap_or(true));
        set(update, "wants_twitter_update", flag(fields, "wants_twitter_update").unwrap_or(false));
        set(update, "updated_at", asked.now.to_string());
        let update = update.clone();
        if flag(&update, "deliver_notifications") == Some(true) {
            self.mail_all(MailKind::Incident, &page, &incident, word(&update, "status"));
        }
        if flag(&update, "wants_twitter_update") == Some(true) {
            self.tweets.push(Tweet::new(&page, asked.id(1), word(&update, "body")));
        }
        *self.thing_mut(&page, "incidents", asked.id(1))? = incident;
        Ok(asked.answer(update))
    }

    pub(super) fn blank_incident(&mut self, page: &str, now: Moment) -> Value {
        let mut incident = self.blank(page, "v1/pages/{}/incidents", now);
        set(&mut incident, "started_at", now.to_string());
        incident
    }

    pub(super) fn blank_update(&mut self, incident: &Value, status: &str, body: &str, now: Moment) -> Value {
        let mut update = self.blank("", "update", now);
        let told =
            json!({"incident_id": word(incident, "id"), "status": status, "body": body, "display_at": now.to_string()});
        merge(&mut update, &told);
        update
    }

    /// Attaches components, sets their status, posts the update, and mails it.
    fn post_update(&mut self, page: &str, incident: &mut Value, fields: &Value, now: Moment) {
        let affected = self.attach(page, incident, fields, now);
        let is_backfilled = flag(incident, "backfilled").unwrap_or(false);
        let delivered = flag(fields, "deliver_notifications").unwrap_or(true) && !is_backfilled;
        let mut update = self.blank_update(incident, word(incident, "status"), word(fields, "body"), now);
        set(&mut update, "deliver_notifications", delivered);
        set(&mut update, "affected_components", affected);
        if let Some(updates) = incident.get_mut("incident_updates").and_then(Value::as_array_mut) {
            updates.insert(0, update);
        }
        if delivered {
            self.mail_all(MailKind::Incident, page, incident, word(incident, "status"));
        }
    }

    /// INVARIANT: the status of a component changes only when the body's map names it; resolving alone changes none
    /// (`resolving_an_incident_leaves_the_components_as_they_are`).
    fn attach(&mut self, page: &str, incident: &mut Value, fields: &Value, now: Moment) -> Vec<Value> {
        if let Some(ids) = ids(fields, "component_ids") {
            set(incident, "_components", ids);
        }
        let mut affected = Vec::new();
        for (id, status) in fields.get("components").and_then(Value::as_object).into_iter().flatten() {
            put(incident, "_components", id);
            let status = status.as_str().filter(|status| !status.is_empty());
            if let (Ok(component), Some(status)) = (self.thing_mut(page, "components", id), status) {
                affected.push(json!({
                    "code": id, "name": component.get("name"), "old_status": component.get("status"), "new_status": status,
                }));
                set(component, "status", status);
                set(component, "updated_at", now.to_string());
            }
        }
        self.settle(page);
        self.assess(page, incident);
        affected
    }

    /// Works the impact out from the attached components, as long as nothing overrides it.
    fn assess(&self, page: &str, incident: &mut Value) {
        let attached = self.all(page, "components").iter();
        let attached = attached.filter(|component| lists(incident, "_components", word(component, "id")));
        let computed = match attached.map(severity).max() {
            _ if is_maintenance(incident) => "maintenance",
            Some(4) => "critical",
            Some(3) => "major",
            Some(2) => "minor",
            _ => "none",
        };
        let impact = text(incident, "impact_override").unwrap_or(computed).to_owned();
        set(incident, "impact", impact);
    }

    /// Mails all who follow an incident: the active e-mail subscribers of the page who follow one of its
    /// components, and those of the incident itself.
    pub(super) fn mail_all(&mut self, kind: MailKind, page: &str, incident: &Value, status: &str) {
        let of_page = self.all(page, "subscribers").iter().filter(|subscriber| {
            let followed = ids(subscriber, "components");
            followed.is_none_or(|followed| followed.iter().any(|id| lists(incident, "_components", id)))
        });
        let of_incident = self.all(page, &format!("incidents/{}/subscribers", word(incident, "id")));
        let reached = of_page.chain(of_incident);
        let reached = reached.filter(|known| word(known, "_state") == "active" && word(known, "mode") == "email");
        self.mails.push(Mail::to_all(kind, page, word(incident, "id"), status, reached.count()));
    }

    pub(super) fn incident_shown(&self, page: &str, incident: &Value) -> Value {
        let postmortem = incident.get("_postmortem").filter(|known| text(known, "published_at").is_some());
        let of = |name: &str| postmortem.and_then(|known| known.get(name));
        let is_set = |name: &str| postmortem.and_then(|known| flag(known, name)).unwrap_or(false);
        let mut out = shown(incident);
        set(&mut out, "components", self.components_listed(page, incident));
        let told = json!({
            "shortlink": format!("https://short.example.com/{}", word(incident, "id")),
            "postmortem_body": of("body"),
            "postmortem_body_last_updated_at": of("published_at"),
            "postmortem_ignored": false,
            "postmortem_notified_subscribers": is_set("notify_subscribers"),
            "postmortem_notified_twitter": is_set("notify_twitter"),
            "postmortem_published_at": of("published_at"),
        });
        merge(&mut out, &told);
        out
    }
}

/// Enters a status and keeps the times that belong to it.
pub(super) fn enter(incident: &mut Value, status: &str, now: Moment) {
    set(incident, "status", status);
    match status {
        "monitoring" => set(incident, "monitoring_at", now.to_string()),
        "resolved" | "completed" => set(incident, "resolved_at", now.to_string()),
        _ => set(incident, "resolved_at", Value::Null),
    }
}

/// Takes over the members that are kept; the body has passed its checks.
fn change(incident: &mut Value, fields: &Value, now: Moment) {
    let mut kept = fields.clone();
    strip(&mut kept, ORDERS);
    for name in ["scheduled_for", "scheduled_until"] {
        if let Some(time) = time(fields, name) {
            set(&mut kept, name, time.to_string());
        }
    }
    // The one flag that stands for two.
    if let Some(both) = flag(fields, "scheduled_auto_transition") {
        set(&mut kept, "scheduled_auto_in_progress", both);
        set(&mut kept, "scheduled_auto_completed", both);
    }
    merge(incident, &kept);
    set(incident, "updated_at", now.to_string());
}
