//! One provider at two APIs: operations that are shared by `operationId`.

use std::collections::BTreeMap;

use mcp_govern_core::{
    AuthMethodId, Binding, Credential, EditionId, Provider as _, ProviderErrorKind, Secret, ServerSpec, ToolDefinition,
    ToolName,
};
use serde_json::json;

use super::*;
use crate::{EditionDocument, ForeignDocument};

/// The first edition: everything is said of every operation.
const CLASSIC: &str = r#"
openapi: 3.1.0
info: {title: Beacon, version: "1"}
servers: [{url: "https://classic.example/v2", x-region: us}, {url: "https://classic.eu.example/v2", x-region: eu}]
security: [{api_key: []}]
x-govern:
  provider: beacon
  catalogue: 4
  edition: {id: classic, title: Beacon Classic}
  sunset: {date: "2027-04-05", notice: Move the server to the edition cloud.}
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization, x-govern: {prefix: "Key ", sharing: [shared, per_user]}}
paths:
  /alerts/{identifier}/note:
    post:
      operationId: addNote
      tags: [alerts]
      summary: Add a note
      description: Adds a note to an alert. Use list_alerts to find one.
      parameters: [{name: identifier, in: path, x-argument: alert, required: true, description: The alert., schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object, required: [text], properties: {
        text: {type: string, maxLength: 200, description: What it says.},
        user: {type: string, x-argument: actor, description: In whose name.}}}}}}
      x-govern: {effect: write, risk: sensitive, why: People on call read it., notifies: People on call.}
  /alerts:
    get:
      operationId: listAlerts
      tags: [alerts]
      summary: List alerts
      description: "Lists alerts, newest first."
      parameters:
        - {name: limit, in: query, description: How many., schema: {type: integer, minimum: 1, maximum: 100}}
      x-govern: {effect: read, idempotent: true}
  /heartbeats:
    get: {operationId: listHeartbeats, tags: [heartbeats], summary: List heartbeats, description: "Lists heartbeats with their state.", x-govern: {effect: read}}
"#;

/// The second: only what differs. `cloudId` comes from the configuration.
const CLOUD: &str = r##"
openapi: 3.1.0
info: {title: Beacon Cloud, version: "1"}
servers: [{url: "https://cloud.example"}]
security: [{basic: []}]
x-govern:
  edition: {id: cloud, title: Beacon Cloud}
  absent: {listHeartbeats: The cloud has no heartbeats.}
  config: [{name: cloud_id, title: Cloud id, help: "See /_edge/tenant_info.", pattern: "[0-9a-f-]+"}]
components:
  parameters:
    Cloud: {name: cloudId, in: path, required: true, x-config: cloud_id}
  securitySchemes:
    basic: {type: http, scheme: basic, x-govern: {sharing: [shared]}}
paths:
  /ops/{cloudId}/v1/alerts/{id}/note:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    patch:
      operationId: addNote
      parameters: [{name: id, in: path, required: true, x-argument: alert}]
      requestBody: {content: {application/json: {schema: {type: object, properties: {note: {type: object, required: [text], properties: {text: {}}}}}}}}
      x-govern: {unwrap: note, differs: {lacks: [actor]}}
  /ops/{cloudId}/v1/alerts:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    get:
      operationId: listAlerts
      parameters: [{name: size, in: query, x-argument: limit}]
  /ops/{cloudId}/v1/teams:
    parameters: [{$ref: "#/components/parameters/Cloud"}]
    get: {operationId: listTeams, tags: [teams], summary: List teams, description: Lists the teams of the site., x-govern: {effect: read}}
"##;

fn both(cloud: &str) -> Result<OpenApiProvider, crate::DocumentError> {
    OpenApiProvider::builder().document(CLASSIC).edition(EditionDocument::new(cloud)).build()
}

fn cloud() -> EditionId {
    EditionId::new("cloud").unwrap()
}

fn spec_of(provider: &OpenApiProvider, cloud_id: &str) -> ServerSpec {
    let mut spec = spec(provider).with_edition(cloud()).with_config("cloud_id", cloud_id);
    spec.auth_method = AuthMethodId::new("basic").unwrap();
    spec
}

fn tool<'a>(provider: &'a OpenApiProvider, edition: Option<&EditionId>, name: &str) -> &'a ToolDefinition {
    provider.catalogue_of(edition).unwrap().tool(&ToolName::new(name).unwrap()).unwrap()
}

fn faults(cloud: &str) -> String {
    both(cloud).unwrap_err().to_string()
}

#[test]
fn an_operation_takes_its_words_from_the_first_edition_and_says_how_it_is_sent() {
    let provider = both(CLOUD).unwrap();
    assert!(provider.lint().is_empty(), "{:?}", provider.lint());
    let (before, after) = (tool(&provider, None, "list_alerts"), tool(&provider, Some(&cloud()), "list_alerts"));
    assert_eq!(before.meaning_digest().unwrap(), after.meaning_digest().unwrap());
    assert_ne!(before.digest().unwrap(), after.digest().unwrap());
    assert_eq!(before.input_schema, after.input_schema);
    let note = tool(&provider, Some(&cloud()), "add_note");
    let classic = tool(&provider, None, "add_note");
    for (there, here) in [(&classic.title, &note.title), (&classic.description, &note.description)] {
        assert_eq!(there, here);
    }
    assert_eq!((note.effect, note.risk), (classic.effect, classic.risk));
    assert_eq!(
        (&note.risk_reason, &note.notifies, &note.area),
        (&classic.risk_reason, &classic.notifies, &classic.area)
    );
    let properties = &note.input_schema["properties"];
    assert_eq!(
        properties,
        &json!({
        "alert": classic.input_schema["properties"]["alert"], "text": classic.input_schema["properties"]["text"]})
    );
    let Binding::Operation(binding) = &note.binding else { panic!("no operation") };
    assert_eq!((binding.method.as_str(), binding.security.as_slice()), ("PATCH", &["basic".to_owned()][..]));
    assert_eq!(
        serde_json::to_value(&binding.fixed).unwrap()[0],
        json!({"in": "path", "name": "cloudId", "value": {"config": "cloud_id"}})
    );
}

#[test]
fn a_provider_says_of_its_editions_where_they_are_and_what_they_lack() {
    let provider = both(CLOUD).unwrap();
    let editions = &provider.info().editions;
    let ids: Vec<&str> = editions.iter().map(|edition| edition.id.as_str()).collect();
    assert_eq!(ids, ["classic", "cloud"]);
    assert_eq!(editions[1].title, "Beacon Cloud");
    assert_eq!(editions[1].base_url.as_ref().unwrap().as_str(), "https://cloud.example/");
    assert_eq!(editions[1].auth_methods[0].config[0].name, "cloud_id");
    assert_eq!(editions[0].sunset.as_ref().unwrap().date, "2027-04-05");
    assert!(editions[1].sunset.is_none() && editions[0].absent.is_empty());
    let absent: BTreeMap<ToolName, String> =
        [(ToolName::new("list_heartbeats").unwrap(), "The cloud has no heartbeats.".to_owned())].into();
    assert_eq!(editions[1].absent, absent);
    let names = |edition: Option<&EditionId>| -> Vec<String> {
        provider.catalogue_of(edition).unwrap().tools.iter().map(|tool| tool.name.to_string()).collect()
    };
    assert_eq!(names(None), ["add_note", "list_alerts", "list_heartbeats"]);
    assert_eq!(
        names(Some(&cloud())),
        ["add_note", "list_alerts", "list_teams"],
        "what is only there is a tool of its own"
    );
    assert!(provider.catalogue_of(Some(&EditionId::new("other").unwrap())).is_none());
    let error = provider.open_server(&spec(&provider).with_edition(EditionId::new("other").unwrap())).unwrap_err();
    assert!(error.to_string().contains("expected `classic` or `cloud`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_edition_goes_where_that_edition_and_the_configuration_say() {
    let script = Script::new([json(200, json!({})), json(200, json!({}))]);
    let provider = builder(CLASSIC, &script).edition(EditionDocument::new(CLOUD)).build().unwrap();
    let arguments = || json!({"alert": "a 1", "text": "hello"});
    let classic = provider.open_server(&spec(&provider)).unwrap();
    call(&classic, "add_note", arguments()).await.unwrap();
    let there = provider.open_server(&spec_of(&provider, "0f-1")).unwrap();
    let credential = Credential::new(AuthMethodId::new("basic").unwrap())
        .with_field("username", Secret::new("ada"))
        .with_field("password", Secret::new(SECRET));
    let cx = CallContext::new(&NoObserver).with_credential(Some(&credential));
    let name = ToolName::new("add_note").unwrap();
    there.execute(&name, &map(arguments()), &CallRules::default(), &cx).await.unwrap();
    let seen = script.seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].uri.as_str(), seen[0].json()),
        ("POST", "https://classic.example/v2/alerts/a%201/note", json!({"text": "hello"}))
    );
    assert_eq!(
        (seen[1].method.as_str(), seen[1].uri.as_str(), seen[1].json()),
        ("PATCH", "https://cloud.example/ops/0f-1/v1/alerts/a%201/note", json!({"note": {"text": "hello"}}))
    );
    assert!(seen[1].headers["authorization"].to_str().unwrap().starts_with("Basic "));
}

#[test]
fn what_the_configuration_fills_into_the_path_is_reviewed_and_cannot_leave_its_segment() {
    let provider = both(CLOUD).unwrap();
    let digest = |cloud_id: &str| {
        let server = provider.open_server(&spec_of(&provider, cloud_id)).unwrap();
        let tool = server.catalogue.tool(&ToolName::new("list_alerts").unwrap()).unwrap().clone();
        (tool.destination().unwrap().to_owned(), tool.digest().unwrap(), tool.meaning_digest().unwrap())
    };
    let (one, two) = (digest("0f-1"), digest("0f-2"));
    assert_eq!(one.0, "https://cloud.example/ops/0f-1");
    assert_ne!(one.1, two.1, "another site is another destination");
    assert_eq!(one.2, two.2, "and means the same");
    let refused = |spec: ServerSpec, part: &str| {
        let error = provider.open_server(&spec).unwrap_err();
        assert!(error.kind() == ProviderErrorKind::Config && error.to_string().contains(part), "{error}");
    };
    let mut none = spec_of(&provider, "x");
    none.config.clear();
    refused(none, "`cloud_id` is missing");
    refused(spec_of(&provider, "0f/../x"), "does not match");
    // Whatever a pattern admits, a value stays one segment.
    let lenient = CLOUD.replace(", pattern: \"[0-9a-f-]+\"", "");
    let provider = both(&lenient).unwrap();
    for value in ["a/b", "..", "%2e%2e", "a%2fb", ".", "a\\b"] {
        let error = provider.open_server(&spec_of(&provider, value)).unwrap_err();
        assert!(error.to_string().contains("`cloud_id` must not"), "{value}: {error}");
    }
    let server = provider.open_server(&spec_of(&provider, "a b@evil.example#?")).unwrap();
    let shown = server.show(
        &ToolName::new("list_alerts").unwrap(),
        &map(json!({})),
        &CallRules::default(),
        &mcp_govern_core::CredentialFacts::new(),
    );
    let url = shown.unwrap().url;
    assert_eq!(url, "https://cloud.example/ops/a%20b%40evil.example%23%3F/v1/alerts");
}

#[test]
fn what_contradicts_the_first_edition_is_an_error_unless_it_is_stated() {
    for (from, to, part) in [
        (", differs: {lacks: [actor]}", "", "`actor` is an argument of the first edition alone"),
        ("differs: {lacks: [actor]}", "differs: {lacks: [actor, alert]}", "`differs.lacks` names `alert`"),
        ("x-argument: limit}", "}", "`size`: has no `schema`"),
        ("x-argument: limit}", "schema: {type: integer}}", "`limit` is an argument of the first edition alone"),
        ("x-argument: limit}", "x-argument: limit, schema: {type: string}}", "`limit` has another type"),
        ("  absent: {listHeartbeats: The cloud has no heartbeats.}\n", "", "why there is no `list_heartbeats`"),
        (
            "absent: {listHeartbeats:",
            "absent: {listTeams: x, listHeartbeats:",
            "`listTeams` is not an operation of the first",
        ),
        (
            "absent: {listHeartbeats:",
            "absent: {addNote: x, listHeartbeats:",
            "`addNote` is an operation of this document",
        ),
        ("edition: {id: cloud,", "edition: {id: classic,", "two editions have the id `classic`"),
        ("  edition: {id: cloud, title: Beacon Cloud}\n", "", "each has an `id`"),
        ("  edition: {id: cloud,", "  provider: other\n  edition: {id: cloud,", "is of the provider `other`"),
        (
            "  config: [{name: cloud_id,",
            "  config: [{required: false, name: cloud_id,",
            "is not required with the auth method",
        ),
        ("x-config: cloud_id", "x-config: cloud", "`x-config: cloud` is not a configuration"),
    ] {
        let document = CLOUD.replace(from, to);
        assert_ne!(document, CLOUD, "{from}");
        let said = faults(&document);
        assert!(said.contains(part), "{part}: {said}");
    }
    let stated = CLOUD.replace(
        "get:\n      operationId: listAlerts\n      parameters: [{name: size, in: query, x-argument: limit}]",
        "get:\n      operationId: listAlerts\n      parameters: [{name: size, in: query, x-argument: limit, schema: {type: string}}, \
         {name: from, in: query, description: From., schema: {type: string}}]\n      x-govern: {differs: {adds: [from], changes: [limit]}}",
    );
    assert_ne!(stated, CLOUD);
    let provider = both(&stated).unwrap();
    let properties = &tool(&provider, Some(&cloud()), "list_alerts").input_schema["properties"];
    assert_eq!(
        (&properties["limit"]["type"], &properties["limit"]["description"]),
        (&json!("string"), &json!("How many."))
    );
}

#[test]
fn of_documents_of_others_a_contradiction_is_left_out_and_told() {
    let first = ForeignDocument::new();
    let contradicts = CLOUD
        .replace(", differs: {lacks: [actor]}", "")
        .replace("  absent: {listHeartbeats: The cloud has no heartbeats.}\n", "");
    let provider = OpenApiProvider::builder()
        .document(CLASSIC.replace("  edition: {id: classic, title: Beacon Classic}\n", ""))
        .foreign(first.clone())
        .edition_id("old")
        .edition(EditionDocument::new(contradicts).foreign(first).with_id("new").with_title("New"))
        .build()
        .unwrap();
    let ids: Vec<(&str, &str)> =
        provider.info().editions.iter().map(|edition| (edition.id.as_str(), edition.title.as_str())).collect();
    assert_eq!(ids, [("old", "Beacon"), ("new", "New")]);
    let absent: Vec<&str> = provider.info().editions[1].absent.keys().map(AsRef::as_ref).collect();
    assert_eq!(absent, ["add_note", "list_heartbeats"]);
    let left_out: Vec<&str> = provider.left_out().iter().map(|fault| fault.place.as_str()).collect();
    assert!(left_out.len() == 1 && left_out[0].starts_with("edition `new`: PATCH"), "{left_out:?}");
}
