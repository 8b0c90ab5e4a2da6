//! Component groups.

use serde_json::{Value, json};

use super::{at, components, id_of, started, texts};
use crate::client::Caller;

const BOOKING: &str = "gbk4p0s8y2la";

async fn group_of(caller: &Caller, component: &str) -> Value {
    let component = caller.get(&format!("{}/{component}", components())).await;
    component.json()["group_id"].clone()
}

#[tokio::test]
async fn a_group_lives_from_create_to_delete_and_its_components_outlive_it() {
    let (vendor, caller) = started().await;
    let path = at("component-groups");
    assert_eq!(caller.get(&path).await.column("", "name"), ["Booking", "Tracking"]);
    let body = json!({
        "component_group": {
            "name": "Terminals", "components": ["c19portnl777", "c20portsg888"], "description": "Links to the terminals",
        },
        "description": "Passed over: what stands beside the wrapper does not count",
    });
    let made = caller.send("POST", &path, &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(texts(&made["components"]), ["c19portnl777", "c20portsg888"]);
    assert_eq!(made["description"], "Links to the terminals");
    let one = format!("{path}/{}", id_of(&made));
    assert_eq!(caller.get(&one).await.json(), made);

    let body = json!({"component_group": {"name": "Ports", "components": ["c20portsg888", "c21portus999"]}});
    let changed = caller.send("PATCH", &one, &body).await;
    assert_eq!(changed.status, 200);
    assert_eq!(texts(&changed.json()["components"]), ["c20portsg888", "c21portus999"]);
    assert_eq!((&changed.json()["name"], &changed.json()["description"]), (&json!("Ports"), &made["description"]));
    assert_eq!(group_of(&caller, "c19portnl777").await, Value::Null);
    assert_eq!(group_of(&caller, "c20portsg888").await, made["id"]);

    assert_eq!(caller.delete(&one).await.json()["name"], "Ports");
    assert_eq!(caller.get(&one).await.status, 404);
    assert_eq!(group_of(&caller, "c20portsg888").await, Value::Null);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_goes_with_its_last_component_and_takes_the_worst_status() {
    let (vendor, caller) = started().await;
    let body = json!({"component_group": {"name": "Terminals", "components": ["c19portnl777", "c20portsg888"]}});
    let id = id_of(&caller.send("POST", &at("component-groups"), &body).await.json());
    let entry = format!("{}/{id}", components());
    assert_eq!(caller.get(&entry).await.json()["status"], "partial_outage");
    assert_eq!(caller.delete(&format!("{}/c20portsg888", components())).await.status, 204);
    assert_eq!(caller.get(&entry).await.json()["status"], "operational");
    let out = json!({"component": {"group_id": null}});
    assert_eq!(caller.send("PATCH", &format!("{}/c19portnl777", components()), &out).await.status, 200);
    assert_eq!(caller.get(&entry).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_is_neither_empty_nor_nameless_nor_one_of_groups() {
    let (vendor, caller) = started().await;
    for group in [
        json!({"name": "x", "components": []}),
        json!({"name": " ", "components": ["c19portnl777"]}),
        json!({"name": "x", "components": ["nowhere"]}),
        json!({"name": "x", "components": [BOOKING]}),
    ] {
        let body = json!({"component_group": group});
        assert_eq!(caller.send("POST", &at("component-groups"), &body).await.status, 422, "{body}");
        let path = at(&format!("component-groups/{BOOKING}"));
        assert_eq!(caller.send("PATCH", &path, &body).await.status, 422, "{body}");
    }
    assert_eq!(caller.get(&at("component-groups/c19portnl777")).await.status, 404);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for (at_most, body) in [
        json!({"component_group": {"components": ["c19portnl777"]}}),
        json!({"component_group": {"name": "x", "components": ["c19portnl777"], "position": 1}}),
        json!({"component_group": {"name": "x", "components": "c19portnl777"}}),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(caller.send("POST", &at("component-groups"), &body).await.status, 422, "{body}");
        assert_eq!(vendor.violations().len(), at_most + 1, "{body}");
    }
}
