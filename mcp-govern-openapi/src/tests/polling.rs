//! 202 and what follows.

use std::time::Duration;

use mcp_govern_core::{ProviderErrorKind, Sent};
use serde_json::json;
use tokio::time::Instant;

use super::*;

const ALERTS: &str = r#"
openapi: 3.1.0
info: {title: Alerts, version: "1"}
servers: [{url: "https://alerts.example"}]
security: [{api_key: []}]
x-govern:
  errors: {message: [/message], code: [/code], request_id: {headers: [], body: [/requestId]}}
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization, x-govern: {prefix: "GenieKey "}}
paths:
  /alerts/{id}/close:
    post:
      operationId: close_alert
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      x-govern:
        effect: write
        async:
          poll: get_request
          id: /requestId
          argument: request_id
          pending: {status: 404, header: X-Errortype, value: RequestNotProcessed}
          success: /data/isSuccess
          message: /data/status
          result: /data
          wait_ms: 8000
          every_ms: 500
  /requests/{requestId}:
    get:
      operationId: get_request
      parameters: [{name: requestId, in: path, required: true, x-argument: request_id, schema: {type: string}}]
      x-govern: {effect: read, hidden: true, output: {root: /data}}
"#;

fn accepted() -> Step {
    json(202, json!({"result": "Request will be processed", "requestId": "r/1"}))
}

fn waiting() -> Step {
    json_with(404, &[("x-errortype", "RequestNotProcessed")], json!({"message": "not yet"}))
}

async fn close(steps: impl IntoIterator<Item = Step>) -> (Arc<Script>, Result<ToolOutput, ProviderError>) {
    let script = Script::new(steps);
    let output = call(&server(ALERTS, &script), "close_alert", json!({"id": "a"})).await;
    (script, output)
}

#[tokio::test(start_paused = true)]
async fn an_accepted_request_is_followed_to_its_success() {
    let done = json(200, json!({"data": {"isSuccess": true, "alertId": "a-1"}}));
    let document = ALERTS
        .replace("in: path, required: true, x-argument", "in: path, x-slash: encoded, required: true, x-argument");
    let script = Script::new([accepted(), waiting(), waiting(), done]);
    let output = call(&server(&document, &script), "close_alert", json!({"id": "a"})).await.unwrap();
    let expected = json!({"state": "applied", "request_id": "r/1", "result": {"isSuccess": true, "alertId": "a-1"}});
    assert_eq!(output.to_value().unwrap(), expected);
    assert_eq!(output.exchanges.len(), 4);
    assert!(script.seen()[1].uri.ends_with("/requests/r%2F1"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_later_is_an_error_although_the_status_was_good() {
    let accepted = json(202, json!({"requestId": "r1"}));
    let failed = json(200, json!({"data": {"isSuccess": false, "status": "Alert does not exist"}}));
    let (_, output) = close([accepted, failed]).await;
    let error = output.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Rejected, Sent::Yes));
    assert!(error.message().ends_with("failed: Alert does not exist"), "{error}");
    assert_eq!(error.exchanges().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_stays_open_is_a_result_that_says_so_in_time() {
    let start = Instant::now();
    let accepted = json(202, json!({"requestId": "r1"}));
    let (script, output) = close([accepted].into_iter().chain((0..20).map(|_| waiting()))).await;
    let output = output.unwrap();
    assert_eq!(output.to_value().unwrap(), json!({"state": "pending", "request_id": "r1"}));
    assert!(output.notes[0].contains("`get_request`"), "{:?}", output.notes);
    assert!(start.elapsed() <= Duration::from_secs(8));
    assert_eq!(script.seen().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_asked_for_leaves_the_request_pending() {
    for step in [json(404, json!({"message": "gone"})), json(403, json!({"message": "no"})), Step::Hang] {
        let (_, output) = close([json(202, json!({"requestId": "r1"})), step]).await;
        let output = output.unwrap();
        assert_eq!(output.to_value().unwrap()["state"], "pending");
        assert!(output.notes[0].contains("could not be asked"), "{:?}", output.notes);
    }
    let (_, output) = close([json(202, json!({"result": "ok"}))]).await;
    assert_eq!(output.unwrap().to_value().unwrap(), json!({"state": "pending"}));
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_once_needs_no_questions() {
    let (script, output) = close([json(200, json!({"closed": true}))]).await;
    assert_eq!(output.unwrap().to_value().unwrap(), json!({"closed": true}));
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_killed_while_waiting_says_that_the_request_was_sent() {
    let script = Script::new([json(202, json!({"requestId": "r1"})), waiting()]);
    let (counter, credential) = (Counter::allowing(2), credential());
    let cx = CallContext::new(&counter).with_credential(Some(&credential));
    let name = ToolName::new("close_alert").unwrap();
    let error =
        server(ALERTS, &script).execute(&name, &map(json!({"id": "a"})), &CallRules::default(), &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ProviderErrorKind::Cancelled, Sent::Yes));
    assert_eq!(error.exchanges().len(), 2);
}

#[test]
fn a_helper_is_no_tool() {
    let provider = provider(ALERTS, &Script::new([]));
    let names: Vec<_> = provider.catalogue().tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["close_alert"]);
}

#[test]
fn a_poll_must_name_a_read_that_the_id_alone_can_ask() {
    for (from, to, part) in [
        ("poll: get_request", "poll: get_nothing", "not an operation"),
        ("argument: request_id", "argument: id", "askable with `id`"),
        ("poll: get_request", "poll: close_alert", "plain read"),
        ("every_ms: 500", "every_ms: 0", "every_ms"),
    ] {
        let error = OpenApiProvider::from_document(&ALERTS.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("POST /alerts/{id}/close"), "{error}");
    }
}
