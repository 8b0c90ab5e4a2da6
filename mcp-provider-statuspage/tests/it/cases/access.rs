//! Who may see which parts of a private page, by component and by group; and the team behind the pages.

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn as StandIn;

use super::{of, of_page, page};
use crate::setup::PAGE;

pub(super) fn of_components() -> Vec<Case> {
    let one = page("/components/c02bookapi11");
    let of = |fields: Value| of("component_id", "c02bookapi11", fields);
    let groups = json!({"page_access_group_ids": ["pag1shippers", "pag2carriers"]});
    vec![
        Case::new(
            "add_component_page_access_users",
            of(json!({"page_access_user_ids": ["pau1lotte000", "pau2kwame000"]})),
            "POST",
            format!("{one}/page_access_users"),
        )
        .form("page_access_user_ids%5B%5D=pau1lotte000&page_access_user_ids%5B%5D=pau2kwame000"),
        Case::new(
            "remove_all_component_page_access_users",
            of(json!({})),
            "DELETE",
            format!("{one}/page_access_users"),
        ),
        Case::new("add_component_page_access_groups", of(groups.clone()), "POST", format!("{one}/page_access_groups"))
            .json(groups),
        Case::new(
            "remove_all_component_page_access_groups",
            of(json!({})),
            "DELETE",
            format!("{one}/page_access_groups"),
        ),
    ]
}

pub(super) fn groups() -> Vec<Case> {
    let list = page("/page_access_groups");
    let one = format!("{list}/pag1shippers");
    let shown = format!("{one}/components");
    let of = |fields: Value| of("page_access_group_id", "pag1shippers", fields);
    let fields = json!({
        "name": "Ports", "external_identifier": "idp-ports", "component_ids": ["c19portnl777"], "metric_ids": [StandIn::SELF_METRIC],
        "page_access_user_ids": ["pau2kwame000"],
    });
    let named = json!({"component_ids": ["c02bookapi11", "c13billing11"]});
    vec![
        Case::new("list_page_access_groups", of_page(json!({})), "GET", format!("{list}?per_page=25")),
        Case::new("create_page_access_group", of_page(fields.clone()), "POST", list)
            .json(json!({"page_access_group": fields})),
        Case::new("get_page_access_group", of(json!({})), "GET", one.clone()),
        Case::new("update_page_access_group", of(json!({"no_page_access_users": true})), "PATCH", one.clone())
            .json(json!({"page_access_group": {"page_access_user_ids": []}})),
        Case::new(
            "update_page_access_group",
            of(json!({"no_components": true, "no_metrics": true, "name": "Ports"})),
            "PATCH",
            one.clone(),
        )
        .json(json!({"page_access_group": {"name": "Ports", "component_ids": [], "metric_ids": []}})),
        Case::new("delete_page_access_group", of(json!({})), "DELETE", one.clone()),
        Case::new("list_page_access_group_components", of(json!({})), "GET", format!("{shown}?per_page=25")),
        // The vendor turns the usual verbs round: POST replaces, PATCH adds.
        Case::new("replace_page_access_group_components", of(named.clone()), "POST", shown.clone()).json(named.clone()),
        Case::new("replace_page_access_group_components", of(json!({"no_components": true})), "POST", shown.clone())
            .json(json!({"component_ids": []})),
        Case::new("add_page_access_group_components", of(named.clone()), "PATCH", shown.clone()).json(named),
        Case::new(
            "remove_page_access_group_components",
            of(json!({"component_ids": ["c13billing11"]})),
            "DELETE",
            shown.clone(),
        )
        .json(json!({"component_ids": ["c13billing11"]})),
        Case::new(
            "remove_component_from_page_access_group",
            of(json!({"component_id": "c01quotesapi"})),
            "DELETE",
            format!("{shown}/c01quotesapi"),
        ),
    ]
}

pub(super) fn organization() -> Vec<Case> {
    let of = |mut fields: Value| {
        fields["organization_id"] = json!(StandIn::ORGANIZATION);
        fields
    };
    let base = format!("/v1/organizations/{}", StandIn::ORGANIZATION);
    let permissions = format!("{base}/permissions/{}", StandIn::USER);
    let rights = json!({PAGE: {"page_configuration": false, "incident_manager": true}, StandIn::SECOND_PAGE: {}});
    let person = json!({"email": "new@harbourline.example.com", "first_name": "Ada", "last_name": "Roy", "password": "a-password"});
    vec![
        Case::new("get_user_permissions", of(json!({"user_id": StandIn::USER})), "GET", permissions.clone()),
        // Bare: no wrapper of its own around the pages.
        Case::new(
            "replace_user_permissions",
            of(json!({"user_id": StandIn::USER, "pages": rights})),
            "PUT",
            permissions.clone(),
        )
        .json(json!({"pages": rights})),
        Case::new(
            "replace_user_permissions",
            of(json!({"user_id": StandIn::USER, "no_pages": true})),
            "PUT",
            permissions,
        )
        .json(json!({"pages": {}})),
        Case::new("list_organization_users", of(json!({})), "GET", format!("{base}/users?per_page=25")),
        Case::new("create_organization_user", of(person.clone()), "POST", format!("{base}/users"))
            .json(json!({"user": person}))
            .masking(&["password"]),
        Case::new(
            "delete_organization_user",
            of(json!({"user_id": "usr2tariqhas"})),
            "DELETE",
            format!("{base}/users/usr2tariqhas"),
        ),
    ]
}
