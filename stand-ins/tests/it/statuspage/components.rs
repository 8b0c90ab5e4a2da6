//! Components.

use serde_json::{Value, json};

use super::{components, started};

#[tokio::test]
async fn components_come_in_pages_and_a_short_page_is_the_last() {
    let (vendor, caller) = started().await;
    let all = caller.get(&components()).await.column("", "id");
    assert_eq!(all, vendor.component_ids());
    assert_eq!(all.len(), 25);
    let mut seen = Vec::new();
    for (page, expected) in [(1, 10), (2, 10), (3, 5), (4, 0)] {
        let part = caller.get(&format!("{}?page={page}&per_page=10", components())).await.column("", "id");
        assert_eq!(part.len(), expected);
        seen.extend(part);
    }
    assert_eq!(seen, all);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_component_lives_from_create_to_delete() {
    let (vendor, caller) = started().await;
    let made = caller
        .send("POST", &components(), &json!({"component": {"name": "Berth planner", "status": "operational"}}))
        .await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{}/{id}", components());

    let group = caller
        .get(&components())
        .await
        .json()
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["group"] == true)
        .unwrap()["id"]
        .clone();
    let changed =
        caller.send("PATCH", &path, &json!({"component": {"status": "major_outage", "group_id": group}})).await;
    assert_eq!(changed.status, 200);
    assert_eq!((&changed.json()["status"], &changed.json()["group_id"]), (&json!("major_outage"), &group));
    let ungrouped = caller.send("PATCH", &path, &json!({"component": {"group_id": null}})).await;
    assert_eq!(ungrouped.json()["group_id"], Value::Null);
    assert_eq!(ungrouped.json()["status"], "major_outage");

    let gone = caller.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(caller.get(&path).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_without_its_wrapper_or_with_a_typo_is_a_violation() {
    let (vendor, caller) = started().await;
    let bodies = [
        json!({"name": "x"}),
        json!({"component": {"nmae": "x"}}),
        json!({"component": {"name": "x", "status": "down"}}),
        json!({"component": {"name": 5}}),
        json!({"component": {"name": "x"}, "page": 1}),
    ];
    for body in &bodies {
        let before = vendor.violations().len();
        assert_eq!(caller.send("POST", &components(), body).await.status, 422, "{body}");
        assert!(vendor.violations().len() > before, "{body}");
    }
    assert_eq!(caller.get(&components()).await.json().as_array().unwrap().len(), 25);
}
