//! The keyless reads that every status page answers on its own host, `/api/v2/….json`.
//!
//! Nothing is refused but an unknown path. A key that is sent along is no reason to refuse either, but it is a
//! violation: it has no business on a page's host.

use serde_json::{Value, json};

use super::Statuspage;
use super::components::{is_group, severity};
use super::doc::{set, take, word};
use super::incidents::{is_active_maintenance, is_maintenance, is_pending, is_scheduled, is_unresolved};
use super::route::no_such_operation;
use crate::answer::Answer;
use crate::call::Call;

/// Lists of incidents and of maintenances end here.
const MOST: usize = 50;

/// What a page's own host does not show of an incident.
const HIDDEN: &[&str] = &["metadata", "reminder_intervals", "impact_override", "backfilled"];

impl Statuspage {
    pub(super) fn public(&self, call: &mut Call<'_>) -> Answer {
        if call.seen().header("authorization").is_some() {
            call.violate("a key on a page's own host, where none is needed");
        }
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let page = self.page_at(call.seen().header("host").unwrap_or_default());
        let (Some(page), "GET", ["api", "v2", rest @ ..]) = (page, call.seen().method(), parts.as_slice()) else {
            return no_such_operation(call);
        };
        let about = ["id", "name", "url", "time_zone", "updated_at"].map(|name| (name, page.get(name)));
        let about: std::collections::BTreeMap<_, _> = about.into_iter().collect();
        let id = word(page, "id");
        let (name, is_meant): (&str, fn(&Value) -> bool) = match rest {
            ["summary.json" | "status.json" | "components.json"] => ("", is_pending),
            ["incidents.json"] => ("incidents", |incident| !is_maintenance(incident)),
            ["incidents", "unresolved.json"] => ("incidents", is_unresolved),
            ["scheduled-maintenances.json"] => ("scheduled_maintenances", is_maintenance),
            ["scheduled-maintenances", "upcoming.json"] => ("scheduled_maintenances", is_scheduled),
            ["scheduled-maintenances", "active.json"] => ("scheduled_maintenances", is_active_maintenance),
            _ => return no_such_operation(call),
        };
        let mut body = json!({ "page": about });
        if !name.is_empty() {
            set(&mut body, name, self.public_incidents(id, is_meant));
        }
        if matches!(rest, ["summary.json" | "components.json"]) {
            set(&mut body, "components", self.public_components(id, |_| true));
        }
        if matches!(rest, ["summary.json" | "status.json"]) {
            set(&mut body, "status", self.public_status(id));
        }
        if let ["summary.json"] = rest {
            set(&mut body, "incidents", self.public_incidents(id, is_unresolved));
            set(&mut body, "scheduled_maintenances", self.public_incidents(id, is_pending));
        }
        Answer::json(200, body)
    }

    /// The page whose subdomain is the first label of the host; otherwise the one that is served on any host.
    fn page_at(&self, host: &str) -> Option<&Value> {
        let label = host.split(['.', ':']).next().unwrap_or_default();
        let pages = self.store.peek("v1/pages");
        let by_name = pages.iter().find(|page| word(page, "subdomain") == label);
        by_name.or_else(|| pages.iter().find(|page| word(page, "id") == self.public_page))
    }

    fn public_components(&self, page: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut components = self.components(page, is_meant);
        for component in &mut components {
            take(component, "automation_email");
            if is_group(component) {
                let members = self.members(page, word(component, "id"));
                set(component, "components", members);
            }
        }
        components
    }

    fn public_incidents(&self, page: &str, is_meant: fn(&Value) -> bool) -> Vec<Value> {
        let meant = self.all(page, "incidents").iter().filter(|incident| is_meant(incident)).take(MOST);
        let public = |incident: &Value| {
            let mut out = self.incident_shown(page, incident);
            if let Some(members) = out.as_object_mut() {
                let is_scheduled = |name: &str| matches!(name, "scheduled_for" | "scheduled_until");
                members.retain(|name, _| {
                    let is_internal =
                        ["postmortem_", "auto_", "scheduled_"].iter().any(|start| name.starts_with(start));
                    !HIDDEN.contains(&name.as_str()) && (!is_internal || is_maintenance(incident) && is_scheduled(name))
                });
            }
            let attached = |component: &Value| super::doc::lists(incident, "_components", word(component, "id"));
            set(&mut out, "components", self.public_components(page, attached));
            out
        };
        meant.map(public).collect()
    }

    /// One word and one sentence for the whole page: the worst of its components and open incidents.
    fn public_status(&self, page: &str) -> Value {
        let components = self.all(page, "components").iter().map(severity);
        let incidents = self.all(page, "incidents").iter().filter(|incident| is_unresolved(incident));
        let incidents = incidents.map(|incident| match word(incident, "impact") {
            "critical" => 4,
            "major" => 3,
            "minor" => 2,
            _ => 0,
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
