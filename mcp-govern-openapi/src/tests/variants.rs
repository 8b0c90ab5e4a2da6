//! Tools that are a part of what an operation can do.

use mcp_govern_core::{Binding, Effect, Risk};
use serde_json::json;

use super::*;

const ALERTS: &str = r##"
openapi: 3.1.0
info: {title: Alerts, version: "1"}
servers: [{url: "https://a.example"}]
security: [{api_key: []}]
x-govern-defaults: {tags: [alerts], x-govern: {last_sentence: {read: Changes nothing., nobody: Notifies nobody.}}}
components:
  securitySchemes: {api_key: {type: apiKey, in: header, name: Authorization}}
  schemas:
    Change:
      type: object
      required: [type]
      minProperties: 2
      properties:
        type: {type: string, enum: [alert], x-fixed: alert}
        status: {type: string, enum: [acknowledged, resolved], description: New state.}
        owner: {type: object, x-wraps: id, x-argument: owner_id, required: [id], description: Who has it., properties: {id: {type: string}}}
        note: {type: string, description: Why.}
paths:
  /alerts/{id}:
    parameters: [{name: id, x-argument: alert_id, in: path, required: true, description: Which., schema: {type: string}}]
    put:
      operationId: update_alert
      x-govern: {effect: destructive, risk: dangerous, why: It can end the paging., notifies: The owner., unwrap: alert, output: {root: /alert}}
      summary: Update an alert
      description: Changes an alert in any way.
      parameters: [{name: dry_run, in: query, description: Only try., schema: {type: boolean}}]
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [alert], properties: {
        alert: {$ref: "#/components/schemas/Change"}}}}}}
      x-govern-variants:
        acknowledge_alert:
          x-govern: {effect: write, notifies: nobody}
          summary: Acknowledge an alert
          description: Stops the escalation of an alert.
          arguments: [alert_id]
          fixed: {status: acknowledged}
        assign_alert:
          x-govern: {effect: write, risk: sensitive, why: It pages a person., notifies: The new owner.}
          summary: Assign an alert
          description: Gives an alert to another person.
          arguments: [alert_id, owner_id, note]
          required: [owner_id]
"##;

#[tokio::test(start_paused = true)]
async fn a_variant_sends_what_it_fixes_and_has_no_other_argument() {
    let done = || json(200, json!({"alert": {"id": "a"}}));
    let script = Script::new([done(), done()]);
    let server = server(ALERTS, &script);
    let acknowledged = result(&server, "acknowledge_alert", json!({"alert_id": "a"})).await;
    assert_eq!(acknowledged, json!({"id": "a"}));
    call(&server, "assign_alert", json!({"alert_id": "a", "owner_id": "o", "note": "n"})).await.unwrap();
    let seen = script.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].uri.as_str()), ("PUT", "https://a.example/alerts/a"));
    assert_eq!(seen[0].json(), json!({"alert": {"type": "alert", "status": "acknowledged"}}));
    assert_eq!(seen[1].json(), json!({"alert": {"type": "alert", "owner": {"id": "o"}, "note": "n"}}));
    for (tool, arguments) in [
        ("acknowledge_alert", json!({"alert_id": "a", "status": "resolved"})),
        ("acknowledge_alert", json!({"alert_id": "a", "dry_run": true})),
        ("assign_alert", json!({"alert_id": "a"})),
    ] {
        failure(&server, tool, arguments).await;
    }
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn a_variant_is_classed_by_what_it_does_and_states_what_it_fixes() {
    let provider = provider(ALERTS, &Script::new([]));
    let tool = |name: &str| provider.catalogue().tool(&ToolName::new(name).unwrap()).unwrap().clone();
    let (whole, part) = (tool("update_alert"), tool("acknowledge_alert"));
    assert_eq!((whole.effect, whole.risk), (Effect::Destructive, Risk::Dangerous));
    assert_eq!((part.effect, part.risk, part.area.as_deref()), (Effect::Write, Risk::None, Some("alerts")));
    assert!(part.description.ends_with("Notifies nobody."), "{}", part.description);
    let Binding::Operation(binding) = &part.binding else { panic!("no operation") };
    let fixed: Vec<_> = binding.fixed.iter().map(|fixed| (fixed.name.as_str(), fixed.value.clone())).collect();
    assert_eq!(fixed, [("alert.status", json!("acknowledged")), ("alert.type", json!("alert"))]);
    assert_eq!(provider.lint(), Vec::<String>::new());
}

#[test]
fn what_a_variant_cannot_be_is_named() {
    for (from, to, part) in [
        ("arguments: [alert_id]", "arguments: [alert_id, colour]", "`colour` is not an argument of the operation"),
        ("fixed: {status: acknowledged}", "fixed: {state: acknowledged}", "`state` is not an argument"),
        ("arguments: [alert_id]", "arguments: [alert_id, status]", "`status` is an argument and fixed"),
        ("required: [owner_id]", "required: [dry_run]", "`dry_run` is required and not among"),
        ("required: [type]", "required: [type, note]", "`note` is needed by the operation"),
        ("summary: Assign an alert\n", "titel: Assign an alert\n", "titel"),
    ] {
        let error = builder(&ALERTS.replace(from, to), &Script::new([])).build().unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}
