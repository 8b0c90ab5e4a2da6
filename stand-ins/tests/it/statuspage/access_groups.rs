//! Page access groups.

use serde_json::json;
use stand_ins::StatuspageStandIn;

use super::{at, id_of, started, texts};

#[tokio::test]
async fn a_page_access_group_lives_from_create_to_delete() {
    let (vendor, caller) = started().await;
    let path = at("page_access_groups");
    assert_eq!(caller.get(&path).await.column("", "name"), ["Shippers", "Carriers"]);
    let body = json!({"page_access_group": {
        "name": "Brokers", "external_identifier": "idp-brokers", "component_ids": ["c05customs33"],
        "metric_ids": [StatuspageStandIn::SELF_METRIC], "page_access_user_ids": ["pau2kwame000"],
    }});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["metric_ids"], json!([StatuspageStandIn::SELF_METRIC]));
    let user = caller.get(&at("page_access_users/pau2kwame000")).await.json();
    assert_eq!(texts(&user["page_access_group_ids"]), [id_of(&made)]);

    let one = format!("{path}/{}", id_of(&made));
    let body = json!({"page_access_group": {"page_access_user_ids": ["pau3ingrid00"]}});
    let changed = caller.send("PATCH", &one, &body).await;
    assert_eq!(texts(&changed.json()["page_access_user_ids"]), ["pau3ingrid00"]);
    assert_eq!(
        (&changed.json()["name"], &changed.json()["component_ids"]),
        (&json!("Brokers"), &made["component_ids"])
    );
    assert_eq!(caller.get(&one).await.json(), changed.json());
    assert_eq!((caller.delete(&one).await.status, caller.get(&one).await.status), (200, 404));
    assert_eq!(caller.get(&at("page_access_users/pau3ingrid00")).await.status, 200);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_needs_a_name_and_takes_no_strangers() {
    let (vendor, caller) = started().await;
    for group in [
        json!({}),
        json!({"name": " "}),
        json!({"name": "x", "component_ids": ["nowhere"]}),
        json!({"name": "x", "metric_ids": ["nowhere"]}),
        json!({"name": "x", "page_access_user_ids": ["nobody"]}),
    ] {
        let body = json!({"page_access_group": group});
        assert_eq!(caller.send("POST", &at("page_access_groups"), &body).await.status, 422, "{body}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let body = json!({"page_access_group": {"name": "x", "user_ids": []}});
    assert_eq!(caller.send("POST", &at("page_access_groups"), &body).await.status, 422);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn what_a_group_sees_is_added_with_patch_replaced_with_post_and_removed_with_delete() {
    let (vendor, caller) = started().await;
    let path = at("page_access_groups/pag1shippers/components");
    let list = |ids: &[&str]| json!({"component_ids": ids});
    assert_eq!(caller.get(&path).await.column("", "id"), ["c01quotesapi", "c13billing11"]);
    let added = caller.send("PATCH", &path, &list(&["c05customs33"])).await;
    assert_eq!(added.status, 200);
    assert_eq!(texts(&added.json()["component_ids"]), ["c01quotesapi", "c13billing11", "c05customs33"]);
    let replaced = caller.send("POST", &path, &list(&["c02bookapi11", "c03bookportl"])).await;
    assert_eq!((replaced.status, texts(&replaced.json()["component_ids"]).len()), (201, 2));
    assert_eq!(caller.send("DELETE", &path, &list(&["c02bookapi11"])).await.status, 200);
    assert_eq!(caller.delete(&format!("{path}/c02bookapi11")).await.status, 404);
    assert_eq!(caller.get(&path).await.column("", "id"), ["c03bookportl"]);
    let gone = caller.delete(&format!("{path}/c03bookportl")).await;
    assert_eq!((gone.status, &gone.json()["component_ids"]), (200, &json!([])));
    assert_eq!(caller.send("POST", &path, &list(&["c02bookapi11"])).await.status, 201);
    assert_eq!(caller.send("DELETE", &path, &json!({})).await.status, 200);
    assert_eq!(caller.get(&path).await.json(), json!([]));
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.send("POST", &path, &json!({})).await.status, 422);
    assert_eq!(vendor.violations().len(), 1);
}
