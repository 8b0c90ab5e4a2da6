//! Page access seen from a component.

use serde_json::json;

use super::{SECOND_PAGE, components, started, texts};
use crate::client::reply;

#[tokio::test]
async fn page_access_users_are_added_as_a_form() {
    let (vendor, caller) = started().await;
    let path = format!("{}/c02bookapi11/page_access_users", components());
    let form = |body: &str| {
        let request = caller.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
        reply(request.body(body.to_owned()))
    };
    let added = form("page_access_user_ids[]=pau1lotte000&page_access_user_ids%5B%5D=pau2kwame000").await;
    assert_eq!(added.status, 201);
    assert_eq!(added.json()["page_access_users"], json!(["pau1lotte000", "pau2kwame000"]));
    assert_eq!(form("page_access_user_ids[]=nobody").await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(form("page_access_user_ids=pau1lotte000").await.status, 422);
    assert_eq!(form("").await.status, 422);
    assert_eq!(caller.send("POST", &path, &json!({"page_access_user_ids": ["pau1lotte000"]})).await.status, 415);
    assert_eq!(vendor.violations().len(), 3, "{:?}", vendor.violations());
}

#[tokio::test]
async fn all_users_and_all_groups_are_removed_from_a_component_apart_from_each_other() {
    let (vendor, caller) = started().await;
    let component = format!("{}/c06trackapi4", components());
    let groups = format!("{component}/page_access_groups");
    let body = json!({"page_access_group_ids": ["pag2carriers", "pag1shippers"]});
    let added = caller.send("POST", &groups, &body).await;
    assert_eq!(added.status, 201);
    assert_eq!(texts(&added.json()["page_access_groups"]), ["pag1shippers", "pag2carriers"]);
    assert_eq!(texts(&added.json()["page_access_users"]), ["pau3ingrid00"]);

    let removed = caller.delete(&format!("{component}/page_access_users")).await;
    assert_eq!(removed.status, 200);
    assert!(texts(&removed.json()["page_access_users"]).is_empty());
    assert_eq!(texts(&removed.json()["page_access_groups"]).len(), 2);
    let removed = caller.delete(&groups).await;
    assert_eq!((removed.status, texts(&removed.json()["page_access_groups"]).len()), (200, 0));

    let strangers = json!({"page_access_group_ids": ["nobody"]});
    assert_eq!(caller.send("POST", &groups, &strangers).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.send("POST", &groups, &json!({})).await.status, 422);
    assert_eq!(vendor.violations().len(), 1);
}

#[tokio::test]
async fn a_page_whose_plan_has_no_audiences_refuses_page_access_with_403() {
    let (vendor, caller) = started().await;
    for path in ["page_access_users", "page_access_groups", "page_access_users/x/metrics"] {
        let refused = caller.get(&format!("/pages/{SECOND_PAGE}/{path}")).await;
        assert_eq!(refused.status, 403, "{path}");
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
