//! Incident templates.

use serde_json::{Value, json};

use super::{at, id_of, started};

#[tokio::test]
async fn a_template_is_created_and_listed() {
    let (vendor, caller) = started().await;
    let path = at("incident_templates");
    let body = json!({"template": {
        "name": "Sign-in", "title": "Sign-in is slow", "body": "We look into it.", "update_status": "investigating",
        "component_ids": ["c12signin000"], "should_send_notifications": false, "should_tweet": false,
    }});
    let made = caller.send("POST", &path, &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!((&made["should_tweet"], &made["group_id"]), (&json!(false), &Value::Null));
    assert_eq!(made["components"][0]["name"], "Sign-in");
    assert_eq!(caller.get(&path).await.column("", "id"), ["tpl1terminal".to_owned(), id_of(&made)]);
    assert_eq!(caller.get(&format!("{path}?page=2&per_page=1")).await.json()[0], made);
    assert_eq!(vendor.violations(), Vec::<String>::new());
    assert_eq!(caller.get(&format!("{path}/tpl1terminal")).await.status, 404);
    assert_eq!(caller.delete(&format!("{path}/tpl1terminal")).await.status, 404);
    assert_eq!(vendor.violations().len(), 2, "a template can be neither read alone nor deleted");
}

#[tokio::test]
async fn a_template_needs_its_texts_and_known_components() {
    let (vendor, caller) = started().await;
    let path = at("incident_templates");
    for template in [
        json!({"name": "a", "title": " ", "body": "c"}),
        json!({"name": "a", "title": "b", "body": "c", "component_ids": ["nowhere"]}),
    ] {
        assert_eq!(caller.send("POST", &path, &json!({"template": template})).await.status, 422);
    }
    assert_eq!(vendor.violations(), Vec::<String>::new());
    for (at, template) in [
        json!({"name": "a", "title": "b"}),
        json!({"name": "a", "title": "b", "body": "c", "update_status": "postmortem"}),
        json!({"name": "a", "title": "b", "body": "c", "status": "resolved"}),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(caller.send("POST", &path, &json!({"template": template})).await.status, 422);
        assert_eq!(vendor.violations().len(), at + 1, "{template}");
    }
}
