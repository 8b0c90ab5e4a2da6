//! What incidents refer to: users, teams, services, escalation policies, schedules, priorities.

use serde_json::{Value, json};

use super::incident::Incident;
use crate::moment::Moment;

/// Everything of the account but its incidents.
#[derive(Clone, Default)]
pub(super) struct Account {
    pub(super) base: String,
    pub(super) users: Vec<User>,
    pub(super) teams: Vec<Named>,
    pub(super) services: Vec<Service>,
    pub(super) policies: Vec<Policy>,
    pub(super) schedules: Vec<Named>,
    pub(super) priorities: Vec<Named>,
}

#[derive(Clone)]
pub(super) struct Named {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
}

#[derive(Clone)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) email: String,
    pub(super) role: &'static str,
    pub(super) team: &'static str,
}

#[derive(Clone)]
pub(super) struct Service {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) team: &'static str,
    pub(super) policy: &'static str,
}

/// Who is called, level by level: a schedule (if any) and the user who stands for it now.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) team: &'static str,
    pub(super) levels: Vec<(Option<&'static str>, &'static str)>,
}

/// How an entity appears inside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Reference,
    Whole,
}

impl Account {
    pub(super) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(super) fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    pub(super) fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.id == id)
    }

    pub(super) fn priority(&self, id: &str) -> Option<&Named> {
        self.priorities.iter().find(|priority| priority.id == id)
    }

    pub(super) fn user_json(&self, id: &str, depth: Depth) -> Value {
        let Some(user) = self.user(id) else {
            return Value::Null;
        };
        let head = self.head("user", "users", &user.id, user.name, depth);
        let whole = json!({
            "name": user.name,
            "email": user.email,
            "time_zone": "Europe/Amsterdam",
            "color": "teal",
            "role": user.role,
            "job_title": null,
            "avatar_url": format!("https://avatars.example.com/{}.png", user.id),
            "invitation_sent": false,
            "teams": [self.team_json(user.team, Depth::Reference)],
            "contact_methods": [],
            "notification_rules": [],
        });
        joined(head, whole, depth)
    }

    pub(super) fn team_json(&self, id: &str, depth: Depth) -> Value {
        let Some(team) = self.teams.iter().find(|team| team.id == id) else {
            return Value::Null;
        };
        let head = self.head("team", "teams", team.id, team.name, depth);
        joined(head, json!({"name": team.name, "description": null, "default_role": "manager"}), depth)
    }

    pub(super) fn schedule_json(&self, id: &str, depth: Depth) -> Value {
        let Some(schedule) = self.schedules.iter().find(|schedule| schedule.id == id) else {
            return Value::Null;
        };
        let head = self.head("schedule", "schedules", schedule.id, schedule.name, depth);
        joined(head, json!({"name": schedule.name, "time_zone": "Europe/Amsterdam"}), depth)
    }

    pub(super) fn priority_json(&self, id: &str, depth: Depth) -> Value {
        let Some(priority) = self.priority(id) else {
            return Value::Null;
        };
        let head = self.head("priority", "priorities", priority.id, priority.name, depth);
        joined(head, json!({"name": priority.name, "description": null}), depth)
    }

    pub(super) fn policy_json(&self, id: &str, depth: Depth) -> Value {
        let Some(policy) = self.policy(id) else {
            return Value::Null;
        };
        let head = self.head("escalation_policy", "escalation_policies", policy.id, policy.name, depth);
        let rules: Vec<Value> = policy
            .levels
            .iter()
            .enumerate()
            .map(|(level, (schedule, user))| {
                let target = match schedule {
                    Some(schedule) => self.schedule_json(schedule, Depth::Reference),
                    None => self.user_json(user, Depth::Reference),
                };
                json!({"id": format!("{}-{level}", policy.id), "escalation_delay_in_minutes": 15, "targets": [target]})
            })
            .collect();
        let whole = json!({
            "name": policy.name,
            "escalation_rules": rules,
            "num_loops": 1,
            "on_call_handoff_notifications": "if_has_services",
            "teams": [self.team_json(policy.team, Depth::Reference)],
        });
        joined(head, whole, depth)
    }

    /// The state of a service follows its open incidents.
    pub(super) fn service_json(&self, id: &str, depth: Depth, incidents: &[Incident], includes: &[&str]) -> Value {
        let Some(service) = self.service(id) else {
            return Value::Null;
        };
        let head = self.head("service", "service-directory", service.id, service.name, depth);
        let of_service = || incidents.iter().filter(|incident| incident.service == service.id);
        let status = if of_service().any(|incident| incident.status == "triggered") {
            "critical"
        } else if of_service().any(|incident| incident.status == "acknowledged") {
            "warning"
        } else {
            "active"
        };
        let depth_of = |name: &str| {
            if includes.contains(&name) { Depth::Whole } else { Depth::Reference }
        };
        let whole = json!({
            "name": service.name,
            "description": service.description,
            "status": status,
            "alert_creation": "create_alerts_and_incidents",
            "auto_resolve_timeout": 14400,
            "acknowledgement_timeout": null,
            "incident_urgency_rule": {"type": "constant", "urgency": "high"},
            "last_incident_timestamp": of_service().map(|incident| incident.created).max().map(Moment::to_seconds_text),
            "escalation_policy": self.policy_json(service.policy, depth_of("escalation_policies")),
            "teams": [self.team_json(service.team, depth_of("teams"))],
            "integrations": [],
            "addons": [],
            "scheduled_actions": [],
            "support_hours": null,
        });
        joined(head, whole, depth)
    }

    /// Id, type, summary and the two addresses that every entity carries.
    pub(super) fn head(&self, kind: &str, collection: &str, id: &str, summary: &str, depth: Depth) -> Value {
        let kind = match depth {
            Depth::Reference => format!("{kind}_reference"),
            Depth::Whole => kind.to_owned(),
        };
        let resource = if collection == "service-directory" { "services" } else { collection };
        json!({
            "id": id,
            "type": kind,
            "summary": summary,
            "self": format!("{}/{resource}/{id}", self.base),
            "html_url": format!("https://harbourline.example.com/{collection}/{id}"),
        })
    }
}

/// The head alone, or the head with everything else.
pub(super) fn joined(head: Value, whole: Value, depth: Depth) -> Value {
    match (head, whole, depth) {
        (Value::Object(mut head), Value::Object(whole), Depth::Whole) => {
            head.extend(whole);
            Value::Object(head)
        }
        (head, _, _) => head,
    }
}
