//! One question over three reads: how is the service doing?

use async_trait::async_trait;
use mcp_govern_core::{CallContext, ProviderError, ToolName};
use mcp_govern_openapi::{Recipe, RowCaller};
use serde_json::{Map, Value, json};

use super::{first, page::Components, pick, text};

/// So many incidents are told of; nobody reads more.
const MOST: usize = 100;

/// `is_anything_down`: open incidents, components in trouble and maintenances in progress, in one answer.
#[derive(Debug)]
pub(crate) struct IsAnythingDown;

#[async_trait]
impl Recipe for IsAnythingDown {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let incidents = rows.list("list_unresolved_incidents", arguments.clone(), MOST).await?;
        let maintenances = rows.list("list_active_maintenances", arguments.clone(), MOST).await?;
        let components = Components::read(rows, arguments).await?;
        let troubled = components.troubled();
        let down = troubled.iter().filter(|(_, component)| component.is_down()).count();
        let summary = format!(
            "{} of {} components degraded or down, {} open, {} in progress",
            down,
            components.count(),
            counted(incidents.items.len(), "incident"),
            counted(maintenances.items.len(), "maintenance"),
        );
        Ok(json!({
            "anything_down": down > 0 || !incidents.items.is_empty(),
            "summary": summary,
            "worst_status": troubled.first().map_or("operational", |(_, component)| component.status.as_str()),
            "incidents": incidents.items.iter().map(brief).collect::<Vec<_>>(),
            "components": troubled.iter().map(|(id, component)| components.to_json(id, component)).collect::<Vec<_>>(),
            "maintenances": maintenances.items.iter().map(brief).collect::<Vec<_>>(),
            "is_complete": incidents.is_complete && maintenances.is_complete && components.is_complete,
        }))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        first("list_unresolved_incidents", pick(arguments, &["page_id"]))
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// What one needs to know of an incident; its whole story is a read of its own.
fn brief(incident: &Value) -> Value {
    let of_update = |update: &Value| json!({"at": update.get("display_at"), "status": update.get("status"), "body": update.get("body")});
    let names = incident.get("components").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> = names.map(|component| text(component, "name")).collect();
    let mut brief = json!({
        "id": incident.get("id"),
        "name": incident.get("name"),
        "status": incident.get("status"),
        "impact": incident.get("impact"),
        "since": incident.get("started_at").or(incident.get("created_at")),
        "components": names,
        "latest_update": latest_update(incident).map(of_update),
    });
    if let (Some(until), Some(members)) =
        (incident.get("scheduled_until").filter(|u| u.is_string()), brief.as_object_mut())
    {
        members.insert("until".to_owned(), until.clone());
    }
    brief
}

/// The newest update, wherever it stands in the list.
pub(super) fn latest_update(incident: &Value) -> Option<&Value> {
    let updates = incident.get("incident_updates").and_then(Value::as_array)?;
    // Of two with the same time the first is taken: Statuspage lists the newest first.
    updates.iter().rev().max_by_key(|update| text(update, "created_at"))
}
