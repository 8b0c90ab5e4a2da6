//! The people who may log in to a private page, and what each of them sees.

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn as StandIn;

use super::{of, of_page, page};

/// A customer to whom two components were given.
const INGRID: &str = "pau3ingrid00";

fn ingrid(rest: &str) -> String {
    page(&format!("/page_access_users/{INGRID}{rest}"))
}

fn of_ingrid(fields: Value) -> Value {
    of("page_access_user_id", INGRID, fields)
}

pub(super) fn people() -> Vec<Case> {
    let list = page("/page_access_users");
    vec![
        Case::new("list_page_access_users", of_page(json!({})), "GET", format!("{list}?per_page=25")),
        Case::new(
            "list_page_access_users",
            of_page(json!({"email": "kwame+1@customer.example.com"})),
            "GET",
            format!("{list}?email=kwame%2B1%40customer.example.com&per_page=25"),
        ),
        Case::new(
            "create_page_access_user",
            of_page(json!({"email": "new@customer.example.com", "page_access_group_ids": ["pag2carriers"]})),
            "POST",
            list,
        )
        .json(json!({"page_access_user": {
            "email": "new@customer.example.com", "page_access_group_ids": ["pag2carriers"], "subscribe_to_components": false,
        }})),
        Case::new("get_page_access_user", of_ingrid(json!({})), "GET", ingrid("")),
        Case::new("update_page_access_user", of_ingrid(json!({"no_page_access_groups": true})), "PATCH", ingrid(""))
            .json(json!({"page_access_user": {"page_access_group_ids": []}})),
        Case::new("delete_page_access_user", of_ingrid(json!({})), "DELETE", ingrid("")),
    ]
}

pub(super) fn components() -> Vec<Case> {
    let shown = ingrid("/components");
    let named = json!({"component_ids": ["c01quotesapi", "c02bookapi11"]});
    vec![
        Case::new("list_page_access_user_components", of_ingrid(json!({})), "GET", format!("{shown}?per_page=25")),
        // The vendor turns the usual verbs round: POST replaces, PATCH adds.
        Case::new("replace_page_access_user_components", of_ingrid(named.clone()), "POST", shown.clone())
            .json(named.clone()),
        Case::new(
            "replace_page_access_user_components",
            of_ingrid(json!({"no_components": true})),
            "POST",
            shown.clone(),
        )
        .json(json!({"component_ids": []})),
        Case::new("add_page_access_user_components", of_ingrid(named.clone()), "PATCH", shown.clone()).json(named),
        Case::new(
            "remove_page_access_user_components",
            of_ingrid(json!({"component_ids": ["c06trackapi4"]})),
            "DELETE",
            shown.clone(),
        )
        .json(json!({"component_ids": ["c06trackapi4"]})),
        Case::new(
            "remove_component_from_page_access_user",
            of_ingrid(json!({"component_id": "c07events555"})),
            "DELETE",
            format!("{shown}/c07events555"),
        ),
    ]
}

pub(super) fn metrics() -> Vec<Case> {
    let shown = ingrid("/metrics");
    let named = json!({"metric_ids": [StandIn::SELF_METRIC]});
    let given = |case: Case| {
        case.after("add_page_access_user_metrics", of_ingrid(json!({"metric_ids": [StandIn::SELF_METRIC]})))
    };
    vec![
        Case::new("list_page_access_user_metrics", of_ingrid(json!({})), "GET", format!("{shown}?per_page=25")),
        Case::new("replace_page_access_user_metrics", of_ingrid(named.clone()), "POST", shown.clone())
            .json(named.clone()),
        Case::new("replace_page_access_user_metrics", of_ingrid(json!({"no_metrics": true})), "POST", shown.clone())
            .json(json!({"metric_ids": []})),
        Case::new("add_page_access_user_metrics", of_ingrid(named.clone()), "PATCH", shown.clone()).json(named.clone()),
        given(Case::new("remove_page_access_user_metrics", of_ingrid(named.clone()), "DELETE", shown.clone()))
            .json(named),
        given(Case::new(
            "remove_metric_from_page_access_user",
            of_ingrid(json!({"metric_id": StandIn::SELF_METRIC})),
            "DELETE",
            format!("{shown}/{}", StandIn::SELF_METRIC),
        )),
    ]
}
