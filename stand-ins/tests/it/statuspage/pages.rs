//! Pages, and the window on other sites.

use serde_json::{Value, json};
use stand_ins::StatuspageStandIn;

use super::{PAGE, SECOND_PAGE, at, started};

#[tokio::test]
async fn pages_are_listed_and_fetched() {
    let (vendor, caller) = started().await;
    let pages = caller.get("/pages").await;
    assert_eq!(pages.status, 200);
    assert_eq!(pages.column("", "id"), [PAGE, StatuspageStandIn::SECOND_PAGE]);
    assert_eq!(caller.get(&format!("/pages/{PAGE}")).await.json()["name"], "Harbourline");
    assert_eq!(caller.get("/pages/nothere00000").await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(vendor.count(), 3);
    assert_eq!(vendor.last_request().unwrap().path(), "/v1/pages/nothere00000");
}

#[tokio::test]
async fn a_changed_page_stays_changed_and_keeps_the_rest() {
    let (vendor, caller) = started().await;
    let path = format!("/pages/{SECOND_PAGE}");
    let body = json!({"page": {"name": "Depots", "css_reds": "ff0000", "allow_sms_subscribers": false}});
    let changed = caller.send("PATCH", &path, &body).await;
    assert_eq!(changed.status, 200);
    let page = caller.get(&path).await.json();
    assert_eq!(page, changed.json());
    assert_eq!(
        (&page["name"], &page["css_reds"], &page["allow_sms_subscribers"]),
        (&json!("Depots"), &json!("ff0000"), &json!(false))
    );
    assert_eq!(page["time_zone"], "Europe/Amsterdam");
    assert_eq!(caller.send("PATCH", &path, &json!({"page": {"name": " "}})).await.status, 422);
    assert_eq!(vendor.violations(), Vec::<String>::new());

    for body in [
        json!({"name": "x"}),
        json!({"page": {"branding": "luxury"}}),
        json!({"page": {"country": "Belgium"}}),
        json!({"page": {"hidden_from_search": "yes"}}),
    ] {
        let before = vendor.violations().len();
        assert_eq!(caller.send("PATCH", &path, &body).await.status, 422, "{body}");
        assert!(vendor.violations().len() > before, "{body}");
    }
}

#[tokio::test]
async fn the_window_on_other_sites_is_read_and_changed() {
    let (vendor, caller) = started().await;
    let path = at("status_embed_config");
    let before = caller.get(&path).await.json();
    assert_eq!(before["page_id"], PAGE);
    let body = json!({"status_embed_config": {"position": "top-left", "incident_text_color": "000000"}});
    let changed = caller.send("PATCH", &path, &body).await;
    assert_eq!((changed.status, &changed.json()["position"]), (200, &json!("top-left")));
    let mut expected = before;
    expected["position"] = json!("top-left");
    expected["incident_text_color"] = json!("000000");
    assert_eq!(caller.get(&path).await.json(), expected);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    let page_id = json!({"status_embed_config": {"page_id": "other"}});
    assert_eq!(caller.send("PATCH", &path, &page_id).await.status, 422);
    assert_eq!(vendor.violations().len(), 1);
    assert_eq!(caller.get("/pages/nothere00000/status_embed_config").await.json()["error"], json!("Not found"));
    assert_ne!(caller.get(&path).await.json()["position"], Value::Null);
}
