//! A message to customers and the states of the components, in one act.

use async_trait::async_trait;
use mcp_govern_core::{CallContext, ProviderError, ToolName};
use mcp_govern_openapi::{Recipe, RowCaller};
use serde_json::{Map, Value, json};

use super::{first, invalid, is_anything_down::latest_update, page::Components, pick, text};

const NAME: &str = "post_incident_update";

const OF_INCIDENTS: [&str; 4] = ["investigating", "identified", "monitoring", "resolved"];
const OF_MAINTENANCES: [&str; 4] = ["scheduled", "in_progress", "verifying", "completed"];

/// What goes to `update_incident` as it was given.
const PASSED_ON: [&str; 7] =
    ["page_id", "incident_id", "body", "status", "components", "impact_override", "deliver_notifications"];

/// `post_incident_update`: reads the incident, holds the update against it and the page, and posts it.
#[derive(Debug)]
pub(crate) struct PostIncidentUpdate;

#[async_trait]
impl Recipe for PostIncidentUpdate {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let mut update = pick(arguments, &PASSED_ON);
        if text_of(arguments, "body").trim().is_empty() {
            return Err(invalid(NAME, "`body` is empty: an update needs a text"));
        }
        rows.check("update_incident", update.clone())?;
        let incident = rows.call("get_incident", pick(arguments, &["page_id", "incident_id"])).await?.to_value()?;
        fits(&incident, text_of(arguments, "status"))?;
        let components = Components::read(rows, &pick(arguments, &["page_id"])).await?;
        let mut states = arguments.get("components").and_then(Value::as_object).cloned().unwrap_or_default();
        components.demand(NAME, "components", states.keys().map(String::as_str))?;
        if arguments.get("restore_components") == Some(&Value::Bool(true)) {
            for id in attached(&incident) {
                if components.get(id).is_some_and(|component| component.status != "operational") {
                    states.entry(id).or_insert_with(|| json!("operational"));
                }
            }
        }
        if !states.is_empty() {
            update.insert("components".to_owned(), Value::Object(states.clone()));
        }
        let posted = rows.call("update_incident", update).await?.to_value()?;
        Ok(report(&posted, &components, &states, arguments))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        first("get_incident", pick(arguments, &["page_id", "incident_id"]))
    }
}

/// Incidents and maintenances have states of their own.
fn fits(incident: &Value, asked: &str) -> Result<(), ProviderError> {
    let is = text(incident, "status");
    let (kind, states) =
        if OF_MAINTENANCES.contains(&is) { ("a maintenance", OF_MAINTENANCES) } else { ("an incident", OF_INCIDENTS) };
    if asked.is_empty() || states.contains(&asked) {
        return Ok(());
    }
    let states = states.map(|state| format!("`{state}`")).join(", ");
    Err(invalid(NAME, format!("`status` is `{asked}`, but this is {kind}, now `{is}`: it takes {states}")))
}

/// The components that the incident names.
fn attached(incident: &Value) -> impl Iterator<Item = &str> {
    let list = incident.get("components").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|component| component.get("id")?.as_str())
}

fn report(posted: &Value, before: &Components, states: &Map<String, Value>, arguments: &Map<String, Value>) -> Value {
    let changed = states.iter().map(|(id, after)| {
        let component = before.get(id);
        json!({
            "id": id,
            "name": component.map(|component| component.name.as_str()),
            "before": component.map(|component| component.status.as_str()),
            "after": after,
        })
    });
    let now = |id: &str| match states.get(id).and_then(Value::as_str) {
        Some(after) => after.to_owned(),
        None => before.get(id).map(|component| component.status.clone()).unwrap_or_default(),
    };
    let affected = attached(posted).map(|id| (id, now(id))).filter(|(_, status)| status != "operational");
    let affected = affected.map(|(id, status)| {
        json!({"id": id, "name": before.get(id).map(|component| component.name.as_str()), "status": status})
    });
    json!({
        "incident": {
            "id": posted.get("id"),
            "name": posted.get("name"),
            "status": posted.get("status"),
            "impact": posted.get("impact"),
            "shortlink": posted.get("shortlink"),
        },
        "update": latest_update(posted),
        "components_changed": changed.collect::<Vec<_>>(),
        "still_affected": affected.collect::<Vec<_>>(),
        "subscribers_told": arguments.get("deliver_notifications") == Some(&Value::Bool(true)),
    })
}

fn text_of<'a>(arguments: &'a Map<String, Value>, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}
