//! An incident and how it changes.

use serde_json::{Map, Value, json};

use super::entities::{Account, Depth, joined};
use super::{error, invalid};
use crate::answer::Answer;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) key: String,
    pub(super) title: String,
    pub(super) details: Option<String>,
    pub(super) status: String,
    pub(super) urgency: String,
    pub(super) service: String,
    pub(super) policy: String,
    pub(super) priority: Option<String>,
    pub(super) assignees: Vec<String>,
    pub(super) acknowledgers: Vec<(String, Moment)>,
    pub(super) bridge: Value,
    pub(super) changed_by: String,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    pub(super) resolved: Option<Moment>,
}

impl Incident {
    pub(super) fn is_open(&self) -> bool {
        self.status != "resolved"
    }

    /// Applies a change, or says why the vendor refuses it; a refused change leaves the incident as it was.
    pub(super) fn changed(
        &self,
        fields: &Map<String, Value>,
        account: &Account,
        actor: &str,
        now: Moment,
    ) -> Result<Self, Answer> {
        let mut new = self.clone();
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if text("resolution").is_some() && text("status") != Some("resolved") {
            return Err(invalid(&["A resolution is given together with the status resolved"]));
        }
        if let Some(status) = text("status") {
            new.enter(status, actor, now)?;
        }
        new.title = text("title").map_or(new.title, str::to_owned);
        new.urgency = text("urgency").map_or(new.urgency, str::to_owned);
        new.refer(fields, account)?;
        if let Some(bridge) = fields.get("conference_bridge") {
            new.bridge = bridge.clone();
        }
        if fields.contains_key("escalation_level") && !new.is_open() {
            return Err(error(400, 1006, "Incident cannot be escalated", &[]));
        }
        actor.clone_into(&mut new.changed_by);
        new.updated = now;
        Ok(new)
    }

    /// Takes over references; each must exist, and people and policy exclude each other.
    pub(super) fn refer(&mut self, fields: &Map<String, Value>, account: &Account) -> Result<(), Answer> {
        let id_of = |value: &Value| -> Option<String> {
            value.get("id").or(Some(value)).and_then(Value::as_str).map(str::to_owned)
        };
        let reference = |name: &str| fields.get(name).and_then(id_of);
        if fields.contains_key("assignments") && fields.contains_key("escalation_policy") {
            return Err(invalid(&["Give either assignments or an escalation policy"]));
        }
        if let Some(service) = reference("service") {
            let known = account.service(&service).ok_or_else(|| invalid(&["Service not found"]))?;
            known.policy.clone_into(&mut self.policy);
            self.service = service;
        }
        if let Some(policy) = reference("escalation_policy") {
            let known = account.policy(&policy);
            let known = known.ok_or_else(|| error(400, 1014, "Escalation Policy Not Found", &[]))?;
            self.assignees = known.levels.first().map(|(_, user)| (*user).to_owned()).into_iter().collect();
            self.policy = policy;
        }
        if let Some(priority) = reference("priority") {
            account.priority(&priority).ok_or_else(|| error(400, 1020, "Invalid Priority", &[]))?;
            self.priority = Some(priority);
        }
        if let Some(assignments) = fields.get("assignments").and_then(Value::as_array) {
            let people: Vec<String> =
                assignments.iter().filter_map(|entry| entry.get("assignee")).filter_map(id_of).collect();
            if people.iter().any(|id| account.user(id).is_none()) {
                return Err(error(400, 1007, "Assignee User Not Found", &[]));
            }
            self.assignees = people;
        }
        Ok(())
    }

    /// INVARIANT: a resolved incident can only be reopened; acknowledging or resolving it again is refused with 1001
    /// (`a_resolved_incident_cannot_be_resolved_again_and_can_be_reopened`).
    fn enter(&mut self, status: &str, actor: &str, now: Moment) -> Result<(), Answer> {
        match (self.is_open(), status) {
            (false, "acknowledged" | "resolved") => {
                return Err(error(400, 1001, "Incident Already Resolved", &[]));
            }
            (true, "acknowledged") => {
                if !self.acknowledgers.iter().any(|(user, _)| user == actor) {
                    self.acknowledgers.push((actor.to_owned(), now));
                }
            }
            (true, "resolved") => self.resolved = Some(now),
            _ => {
                self.resolved = None;
                self.acknowledgers.clear();
            }
        }
        status.clone_into(&mut self.status);
        Ok(())
    }

    pub(super) fn to_json(&self, account: &Account, includes: &[&str], all: &[Self]) -> Value {
        let depth = |names: &[&str]| {
            if names.iter().any(|name| includes.contains(name)) { Depth::Whole } else { Depth::Reference }
        };
        let assignments: Vec<Value> = self
            .assignees
            .iter()
            .map(|id| {
                let assignee = account.user_json(id, depth(&["assignees", "users"]));
                json!({"at": self.created.to_seconds_text(), "assignee": assignee})
            })
            .collect();
        let acknowledgements: Vec<Value> = self
            .acknowledgers
            .iter()
            .map(|(id, at)| {
                let acknowledger = account.user_json(id, depth(&["acknowledgers", "users"]));
                json!({"at": at.to_seconds_text(), "acknowledger": acknowledger})
            })
            .collect();
        let team = account.service(&self.service).map_or("", |service| service.team);
        let summary = format!("[#{}] {}", self.number, self.title);
        let priority = self.priority.as_deref();
        let whole = json!({
            "incident_number": self.number,
            "incident_key": self.key,
            "title": self.title,
            "description": self.title,
            "status": self.status,
            "urgency": self.urgency,
            "created_at": self.created.to_seconds_text(),
            "updated_at": self.updated.to_seconds_text(),
            "resolved_at": self.resolved.map(Moment::to_seconds_text),
            "service": account.service_json(&self.service, depth(&["services"]), all, &[]),
            "escalation_policy": account.policy_json(&self.policy, depth(&["escalation_policies"])),
            "teams": [account.team_json(team, depth(&["teams"]))],
            "priority": priority.map(|id| account.priority_json(id, Depth::Whole)),
            "assignments": assignments,
            "acknowledgements": acknowledgements,
            "assigned_via": "escalation_policy",
            "last_status_change_at": self.updated.to_seconds_text(),
            "last_status_change_by": account.user_json(&self.changed_by, Depth::Reference),
            "alert_counts": {
                "all": 1,
                "triggered": usize::from(self.is_open()),
                "resolved": usize::from(!self.is_open()),
            },
            "is_mergeable": self.is_open(),
            "incident_type": {"name": "incident_default"},
            "body": self.details.as_ref().map(|details| json!({"type": "incident_body", "details": details})),
            "conference_bridge": self.bridge,
            "resolve_reason": null,
            "pending_actions": [],
        });
        joined(account.head("incident", "incidents", &self.id, &summary, Depth::Whole), whole, Depth::Whole)
    }
}
