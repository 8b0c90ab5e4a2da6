//! An incident or a maintenance, and how it changes.

use serde_json::{Map, Value, json};

use super::component::Component;
use super::postmortem::Postmortem;
use super::subscriber::Subscriber;
use super::update::Update;
use crate::moment::Moment;

/// The states of an unplanned incident.
pub(super) const REALTIME: &[&str] = &["investigating", "identified", "monitoring", "resolved"];
/// The states of a maintenance.
pub(super) const SCHEDULED: &[&str] = &["scheduled", "in_progress", "verifying", "completed"];

/// Members that an incident keeps as they were sent, with the value that holds without them.
const OPTIONS: &[(&str, Option<bool>)] = &[
    ("scheduled_remind_prior", Some(false)),
    ("scheduled_auto_in_progress", Some(false)),
    ("scheduled_auto_completed", Some(false)),
    ("auto_transition_deliver_notifications_at_start", None),
    ("auto_transition_deliver_notifications_at_end", None),
    ("auto_transition_to_maintenance_state", None),
    ("auto_transition_to_operational_state", None),
    ("auto_tweet_at_beginning", None),
    ("auto_tweet_on_completion", None),
    ("auto_tweet_on_creation", None),
    ("auto_tweet_one_hour_before", None),
];

#[derive(Clone)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) page: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) impact_override: Option<String>,
    pub(super) impact: String,
    pub(super) components: Vec<String>,
    pub(super) scheduled_for: Option<Moment>,
    pub(super) scheduled_until: Option<Moment>,
    pub(super) started: Moment,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    pub(super) monitoring: Option<Moment>,
    pub(super) resolved: Option<Moment>,
    pub(super) metadata: Value,
    pub(super) reminder_intervals: Option<String>,
    pub(super) backfilled: bool,
    pub(super) options: Map<String, Value>,
    /// Newest first.
    pub(super) updates: Vec<Update>,
    pub(super) postmortem: Option<Postmortem>,
    pub(super) subscribers: Vec<Subscriber>,
}

impl Incident {
    pub(super) fn new(id: String, page: &str, name: &str, now: Moment) -> Self {
        Self {
            id,
            page: page.to_owned(),
            name: name.to_owned(),
            status: "investigating".to_owned(),
            impact_override: None,
            impact: "none".to_owned(),
            components: Vec::new(),
            scheduled_for: None,
            scheduled_until: None,
            started: now,
            created: now,
            updated: now,
            monitoring: None,
            resolved: None,
            metadata: json!({}),
            reminder_intervals: None,
            backfilled: false,
            options: Map::new(),
            updates: Vec::new(),
            postmortem: None,
            subscribers: Vec::new(),
        }
    }

    pub(super) fn is_maintenance(&self) -> bool {
        SCHEDULED.contains(&self.status.as_str())
    }

    pub(super) fn is_active_maintenance(&self) -> bool {
        matches!(self.status.as_str(), "in_progress" | "verifying")
    }

    pub(super) fn is_unresolved(&self) -> bool {
        !self.is_maintenance() && self.status != "resolved"
    }

    /// Takes over the members that are kept as they are; the body has passed its checks.
    pub(super) fn change(&mut self, fields: &Map<String, Value>, now: Moment) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let time = |name: &str| text(name).as_deref().and_then(Moment::parse);
        self.name = text("name").unwrap_or_else(|| self.name.clone());
        self.impact_override = text("impact_override").or_else(|| self.impact_override.take());
        self.scheduled_for = time("scheduled_for").or(self.scheduled_for);
        self.scheduled_until = time("scheduled_until").or(self.scheduled_until);
        if let Some(metadata) = fields.get("metadata") {
            self.metadata = metadata.clone();
        }
        if fields.contains_key("reminder_intervals") {
            self.reminder_intervals = text("reminder_intervals");
        }
        for (name, _) in OPTIONS {
            if let Some(value) = fields.get(*name) {
                self.options.insert((*name).to_owned(), value.clone());
            }
        }
        // The one flag that stands for two.
        if let Some(both) = fields.get("scheduled_auto_transition") {
            self.options.insert("scheduled_auto_in_progress".to_owned(), both.clone());
            self.options.insert("scheduled_auto_completed".to_owned(), both.clone());
        }
        self.updated = now;
    }

    /// Enters a status and keeps the times that belong to it.
    pub(super) fn enter(&mut self, status: &str, now: Moment) {
        status.clone_into(&mut self.status);
        match status {
            "monitoring" => self.monitoring = Some(now),
            "resolved" | "completed" => self.resolved = Some(now),
            _ => self.resolved = None,
        }
    }

    /// Works the impact out from the attached components, as long as nobody overrides it.
    pub(super) fn assess(&mut self, components: &[Component]) {
        let computed = if self.is_maintenance() {
            "maintenance"
        } else {
            components
                .iter()
                .filter(|component| self.components.contains(&component.id))
                .map(|component| match component.status.as_str() {
                    "major_outage" => 3,
                    "partial_outage" => 2,
                    "degraded_performance" => 1,
                    _ => 0,
                })
                .max()
                .and_then(|worst: usize| ["none", "minor", "major", "critical"].get(worst).copied())
                .unwrap_or("none")
        };
        self.impact = self.impact_override.clone().unwrap_or_else(|| computed.to_owned());
    }

    pub(super) fn to_json(&self, components: &[Component]) -> Value {
        let time = |moment: Option<Moment>| moment.map(|moment| moment.to_string());
        let attached: Vec<Value> = components
            .iter()
            .enumerate()
            .filter(|(_, component)| self.components.contains(&component.id))
            .map(|(at, component)| component.to_json(at + 1))
            .collect();
        let mut out = json!({
            "id": self.id,
            "page_id": self.page,
            "name": self.name,
            "status": self.status,
            "impact": self.impact,
            "impact_override": self.impact_override,
            "created_at": self.created.to_string(),
            "updated_at": self.updated.to_string(),
            "started_at": self.started.to_string(),
            "monitoring_at": time(self.monitoring),
            "resolved_at": time(self.resolved),
            "scheduled_for": time(self.scheduled_for),
            "scheduled_until": time(self.scheduled_until),
            "scheduled_reminded_at": null,
            "shortlink": format!("https://short.example.com/{}", self.id),
            "metadata": self.metadata,
            "reminder_intervals": self.reminder_intervals,
            "backfilled": self.backfilled,
            "incident_updates": self.updates.iter().map(|update| update.to_json(&self.id)).collect::<Value>(),
            "components": attached,
        });
        if let Value::Object(members) = &mut out {
            members.extend(Postmortem::members(self.postmortem.as_ref()));
            for (name, otherwise) in OPTIONS {
                let value = self.options.get(*name).cloned().unwrap_or_else(|| json!(otherwise));
                members.insert((*name).to_owned(), value);
            }
        }
        out
    }
}
