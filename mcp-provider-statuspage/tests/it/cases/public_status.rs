use mcp_govern_conformance::wire::Case;
use serde_json::json;

/// The server knows one public page, so that nobody need name it.
pub(super) fn reads() -> Vec<Case> {
    [
        ("get_public_summary", "/summary.json"),
        ("get_public_status", "/status.json"),
        ("list_public_components", "/components.json"),
        ("list_public_incidents", "/incidents.json"),
        ("list_public_unresolved_incidents", "/incidents/unresolved.json"),
        ("list_public_maintenances", "/scheduled-maintenances.json"),
        ("list_public_upcoming_maintenances", "/scheduled-maintenances/upcoming.json"),
        ("list_public_active_maintenances", "/scheduled-maintenances/active.json"),
    ]
    .map(|(tool, path)| Case::new(tool, json!({}), "GET", format!("/api/v2{path}")))
    .into()
}
