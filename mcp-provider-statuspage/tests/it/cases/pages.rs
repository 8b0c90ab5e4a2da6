//! Pages, components, component groups.

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};

use super::{of, of_page, page};

pub(super) fn pages() -> Vec<Case> {
    let looks = json!({"position": "bottom-right", "incident_text_color": "#ffffff"});
    vec![
        Case::new("list_pages", json!({}), "GET", "/v1/pages"),
        Case::new("get_page", of_page(json!({})), "GET", page("")),
        Case::new(
            "update_page",
            of_page(json!({"name": "Harbour", "allow_sms_subscribers": false})),
            "PATCH",
            page(""),
        )
        .json(json!({"page": {"name": "Harbour", "allow_sms_subscribers": false}})),
        Case::new("get_status_embed_config", of_page(json!({})), "GET", page("/status_embed_config")),
        Case::new("update_status_embed_config", of_page(looks.clone()), "PATCH", page("/status_embed_config"))
            .json(json!({"status_embed_config": looks})),
    ]
}

pub(super) fn components() -> Vec<Case> {
    const ID: &str = "c02bookapi11";
    let one = page("/components/c02bookapi11");
    let of = |fields: Value| of("component_id", ID, fields);
    let whole = json!({
        "name": "Depot search", "status": "operational", "description": "Finds depots.", "group_id": "gbk4p0s8y2la",
        "showcase": true, "only_show_if_degraded": false, "start_date": "2026-03-14",
    });
    vec![
        Case::new("list_components", of_page(json!({})), "GET", page("/components?per_page=25")),
        Case::new(
            "list_components",
            of_page(json!({"page": 2, "per_page": 100})),
            "GET",
            page("/components?page=2&per_page=100"),
        ),
        Case::new("get_component", of(json!({})), "GET", one.clone()),
        Case::new("create_component", of_page(json!({"name": "Depot search"})), "POST", page("/components"))
            .json(json!({"component": {"name": "Depot search"}})),
        Case::new("create_component", of_page(whole.clone()), "POST", page("/components"))
            .json(json!({"component": whole})),
        Case::new("update_component", of(json!({"status": "major_outage"})), "PATCH", one.clone())
            .json(json!({"component": {"status": "major_outage"}})),
        // The flag is sent as null; left out, nothing is sent.
        Case::new("update_component", of(json!({"no_group": true})), "PATCH", one.clone())
            .json(json!({"component": {"group_id": null}})),
        Case::new("delete_component", of(json!({})), "DELETE", one.clone()),
        Case::new("get_component_uptime", of(json!({})), "GET", format!("{one}/uptime")),
        Case::new(
            "get_component_uptime",
            of(json!({"start": "2024-03", "end": "2024-04-14", "skip_related_events": true})),
            "GET",
            format!("{one}/uptime?start=2024-03&end=2024-04-14&skip_related_events=true"),
        ),
    ]
}

pub(super) fn component_groups() -> Vec<Case> {
    const ID: &str = "gbk4p0s8y2la";
    let one = page("/component-groups/gbk4p0s8y2la");
    let of = |fields: Value| of("component_group_id", ID, fields);
    let fields =
        json!({"name": "Money", "components": ["c13billing11", "c14payments2"], "description": "Bills and payments."});
    // The description goes into the wrapper, where it counts, and beside it, where the reference puts it.
    let sent = json!({
        "component_group": {
            "name": "Money", "components": ["c13billing11", "c14payments2"], "description": "Bills and payments.",
        },
        "description": "Bills and payments.",
    });
    vec![
        Case::new("list_component_groups", of_page(json!({})), "GET", page("/component-groups?per_page=25")),
        Case::new("create_component_group", of_page(fields.clone()), "POST", page("/component-groups"))
            .json(sent.clone()),
        Case::new("get_component_group", of(json!({})), "GET", one.clone()),
        Case::new("update_component_group", of(fields), "PATCH", one.clone()).json(sent),
        Case::new(
            "update_component_group",
            of(json!({"name": "Booking", "components": ["c01quotesapi"]})),
            "PATCH",
            one.clone(),
        )
        .json(json!({"component_group": {"name": "Booking", "components": ["c01quotesapi"]}})),
        Case::new("delete_component_group", of(json!({})), "DELETE", one.clone()),
        Case::new(
            "get_component_group_uptime",
            of(json!({"start": "2024-03-14", "end": "2024-03-15"})),
            "GET",
            format!("{one}/uptime?start=2024-03-14&end=2024-03-15"),
        ),
    ]
}
