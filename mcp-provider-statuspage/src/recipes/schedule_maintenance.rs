//! A maintenance window with everything that belongs to it.

use async_trait::async_trait;
use mcp_govern_core::{CallContext, ProviderError, ProviderErrorKind, Timestamp, ToolName};
use mcp_govern_openapi::{Recipe, RowCaller};
use serde_json::{Map, Value, json};

use super::{first, page::Components, pick, refuse, text};

const NAME: &str = "schedule_maintenance";

/// So many announced windows are looked at.
const MOST: usize = 500;

/// What goes to `create_incident` as it was given.
const PASSED_ON: [&str; 10] = [
    "page_id",
    "name",
    "body",
    "scheduled_for",
    "scheduled_until",
    "deliver_notifications",
    "scheduled_remind_prior",
    "auto_transition_deliver_notifications_at_start",
    "auto_transition_deliver_notifications_at_end",
    "metadata",
];

/// `schedule_maintenance`: looks whether the window is announced already and whether the components exist, then announces it.
#[derive(Debug)]
pub(crate) struct ScheduleMaintenance;

#[async_trait]
impl Recipe for ScheduleMaintenance {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let incident = announcement(arguments);
        rows.check("create_incident", incident.clone())?;
        let page = pick(arguments, &["page_id"]);
        let ids = arguments.get("component_ids").and_then(Value::as_array).into_iter().flatten();
        let ids: Vec<&str> = ids.filter_map(Value::as_str).collect();
        let components = Components::read(rows, &page).await?;
        components.demand(NAME, "component_ids", ids.iter().copied())?;
        let upcoming = rows.list("list_upcoming_maintenances", page, MOST).await?;
        if let Some(same) = upcoming.items.iter().find(|other| is_same(other, arguments)) {
            let text = format!(
                "this window is announced already, as `{}`: change it with update_incident, or give another name or start",
                text(same, "id")
            );
            return Err(refuse(NAME, ProviderErrorKind::Conflict, text));
        }
        rows.call("create_incident", incident).await?.to_value()
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        first("list_components", pick(arguments, &["page_id"]))
    }
}

/// The arguments of `create_incident`.
fn announcement(arguments: &Map<String, Value>) -> Map<String, Value> {
    let mut incident = pick(arguments, &PASSED_ON);
    incident.extend(pick(arguments, &["component_ids"]));
    let mut put = |name: &str, value: Value| incident.insert(name.to_owned(), value);
    put("status", json!("scheduled"));
    put("impact_override", json!("maintenance"));
    let automatic = arguments.get("automatic") != Some(&Value::Bool(false));
    for name in [
        "scheduled_auto_in_progress",
        "scheduled_auto_completed",
        "auto_transition_to_maintenance_state",
        "auto_transition_to_operational_state",
    ] {
        put(name, json!(automatic));
    }
    incident
}

/// The same name and the same start: nobody announces that twice.
fn is_same(other: &Value, arguments: &Map<String, Value>) -> bool {
    let start = |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    let asked = start(arguments.get("scheduled_for"));
    asked.is_some() && start(other.get("scheduled_for")) == asked && other.get("name") == arguments.get("name")
}
