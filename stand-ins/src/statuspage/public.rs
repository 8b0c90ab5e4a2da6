//! The keyless reads that every status page answers on its own host, `/api/v2/….json`.
//!
//! Nothing is refused but an unknown path. A key that is sent along is no reason to refuse either, but it is a
//! violation: it has no business on a page's host.

use serde_json::{Value, json};

use super::Statuspage;
use super::component::{Component, Kind};
use super::components::severity;
use super::incident::Incident;
use super::page::Page;
use super::replies::no_such_operation;
use crate::answer::Answer;
use crate::call::Call;

/// Lists of incidents and of maintenances end here.
const MOST: usize = 50;

impl Statuspage {
    pub(super) fn public(&self, call: &mut Call<'_>) -> Answer {
        if call.seen().header("authorization").is_some() {
            call.violate("a key on a page's own host, where none is needed");
        }
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let Some(page) = self.page_at(call.seen().header("host").unwrap_or_default()) else {
            return no_such_operation(call);
        };
        let ("GET", ["api", "v2", rest @ ..]) = (call.seen().method(), parts.as_slice()) else {
            return no_such_operation(call);
        };
        let body = match rest {
            ["summary.json"] => json!({
                "page": page.public_json(),
                "components": page.public_components(),
                "incidents": page.public_incidents(Incident::is_unresolved),
                "scheduled_maintenances": page.public_incidents(is_pending),
                "status": page.public_status(),
            }),
            ["status.json"] => json!({"page": page.public_json(), "status": page.public_status()}),
            ["components.json"] => {
                json!({"page": page.public_json(), "components": page.public_components()})
            }
            ["incidents.json"] => page.incident_list(|incident| !incident.is_maintenance()),
            ["incidents", "unresolved.json"] => page.incident_list(Incident::is_unresolved),
            ["scheduled-maintenances.json"] => page.maintenance_list(Incident::is_maintenance),
            ["scheduled-maintenances", "upcoming.json"] => {
                page.maintenance_list(|incident| incident.status == "scheduled")
            }
            ["scheduled-maintenances", "active.json"] => page.maintenance_list(Incident::is_active_maintenance),
            _ => return no_such_operation(call),
        };
        Answer::json(200, body)
    }

    /// The page whose subdomain is the first label of the host; otherwise the one that is served on any host.
    fn page_at(&self, host: &str) -> Option<&Page> {
        let label = host.split(['.', ':']).next().unwrap_or_default();
        let by_name = self.pages.iter().find(|page| page.setting("subdomain") == label);
        by_name.or_else(|| self.pages.iter().find(|page| page.id == self.public_page))
    }
}

impl Page {
    fn public_json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.setting("name"),
            "url": self.setting("url"),
            "time_zone": self.setting("time_zone"),
            "updated_at": self.updated.to_string(),
        })
    }

    fn public_components(&self) -> Vec<Value> {
        let shown = self.components.iter().enumerate();
        shown.map(|(at, component)| self.public_component(at + 1, component)).collect()
    }

    fn public_component(&self, position: usize, component: &Component) -> Value {
        let mut json = component.to_json(position);
        if let Value::Object(members) = &mut json {
            members.remove("automation_email");
            if component.kind == Kind::Group {
                members.insert("components".to_owned(), json!(self.members(&component.id)));
            }
        }
        json
    }

    fn incident_list(&self, is_meant: impl Fn(&Incident) -> bool) -> Value {
        json!({"page": self.public_json(), "incidents": self.public_incidents(is_meant)})
    }

    fn maintenance_list(&self, is_meant: impl Fn(&Incident) -> bool) -> Value {
        json!({"page": self.public_json(), "scheduled_maintenances": self.public_incidents(is_meant)})
    }

    fn public_incidents(&self, is_meant: impl Fn(&Incident) -> bool) -> Vec<Value> {
        let meant = self.incidents.iter().filter(|incident| is_meant(incident)).take(MOST);
        meant.map(|incident| self.public_incident(incident)).collect()
    }

    fn public_incident(&self, incident: &Incident) -> Value {
        let time = |moment: Option<crate::moment::Moment>| moment.map(|moment| moment.to_string());
        let attached = self.components.iter().enumerate();
        let attached: Vec<Value> = attached
            .filter(|(_, component)| incident.components.contains(&component.id))
            .map(|(at, component)| self.public_component(at + 1, component))
            .collect();
        let updates: Vec<Value> = incident.updates.iter().map(|update| update.to_json(&incident.id)).collect();
        let mut json = json!({
            "id": incident.id,
            "name": incident.name,
            "status": incident.status,
            "impact": incident.impact,
            "created_at": incident.created.to_string(),
            "updated_at": incident.updated.to_string(),
            "started_at": incident.started.to_string(),
            "monitoring_at": time(incident.monitoring),
            "resolved_at": time(incident.resolved),
            "shortlink": format!("https://short.example.com/{}", incident.id),
            "page_id": self.id,
            "incident_updates": updates,
            "components": attached,
        });
        if let (true, Some(members)) = (incident.is_maintenance(), json.as_object_mut()) {
            members.insert("scheduled_for".to_owned(), json!(time(incident.scheduled_for)));
            members.insert("scheduled_until".to_owned(), json!(time(incident.scheduled_until)));
        }
        json
    }

    /// One word and one sentence for the whole page: the worst of its components and open incidents.
    fn public_status(&self) -> Value {
        let components = self.components.iter().map(|component| severity(&component.status));
        let incidents =
            self.incidents.iter().filter(|incident| incident.is_unresolved()).map(|incident| {
                match incident.impact.as_str() {
                    "critical" => 4,
                    "major" => 3,
                    "minor" => 2,
                    _ => 0,
                }
            });
        let (indicator, description) = match components.chain(incidents).max().unwrap_or_default() {
            0 => ("none", "All Systems Operational"),
            1 => ("maintenance", "Service Under Maintenance"),
            2 => ("minor", "Partially Degraded Service"),
            3 => ("major", "Partial System Outage"),
            _ => ("critical", "Major Service Outage"),
        };
        json!({"indicator": indicator, "description": description})
    }
}

/// A maintenance that is planned or under way.
fn is_pending(incident: &Incident) -> bool {
    incident.is_maintenance() && incident.status != "completed"
}
