//! What a probe says of a credential.

use mcp_govern_core::{
    AuthMethodId, Credential, CredentialReport, CredentialVerdict, ProbeContext, ProviderErrorKind, Secret,
};
use serde_json::json;

use super::*;

const TWO_KEYS: &str = r#"
openapi: 3.1.0
info: {title: Keys, version: "1"}
servers: [{url: "https://us.example", x-region: us}, {url: "https://eu.example", x-region: eu}]
security: [{config_key: []}]
x-govern:
  probe:
    - {operation: get_account, scheme: config_key, grants: [read, configuration], facts: {organization: /data/name, plan: /data/plan}}
    - {operation: list_things, scheme: config_key, grants: [read]}
    - {operation: list_things, scheme: other_key, grants: [alerts]}
components:
  securitySchemes:
    config_key: {type: apiKey, in: header, name: Authorization, x-govern: {method: api_key, prefix: "K ", field: api_key, fields: [{name: api_key}, {name: other, required: false}]}}
    other_key: {type: apiKey, in: header, name: Authorization, x-govern: {method: api_key, prefix: "K ", field: other, fallback: api_key}}
paths:
  /account: {get: {operationId: get_account, x-govern: {effect: read}}}
  /things: {get: {operationId: list_things, x-govern: {effect: read}}}
"#;

fn key(fields: &[(&str, &str)]) -> Credential {
    let credential = Credential::new(AuthMethodId::new("api_key").unwrap());
    fields.iter().fold(credential, |c, (name, secret)| c.with_field(*name, Secret::new(*secret)))
}

async fn probe(
    document: &str,
    credential: &Credential,
    steps: impl IntoIterator<Item = Step>,
) -> (Arc<Script>, Result<CredentialReport, ProviderError>) {
    let script = Script::new(steps);
    let report = server(document, &script).prove(ProbeContext::new(credential)).await;
    (script, report)
}

#[tokio::test(start_paused = true)]
async fn a_good_key_is_accepted_with_what_the_vendor_tells_of_it() {
    let credential = key(&[("api_key", "k-11111111")]);
    let account = json(200, json!({"data": {"name": "Acme", "plan": "k-11111111"}}));
    let (script, report) = probe(TWO_KEYS, &credential, [account]).await;
    let report = report.unwrap();
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    assert_eq!(report.facts.authorized_as.as_deref(), Some("Acme"));
    assert_eq!(report.facts.region.as_deref(), Some("us"));
    assert!(report.facts.scopes.contains("configuration") && report.facts.fields.contains("api_key"));
    assert_eq!(report.facts.more["plan"], "***", "the vendor's echo of the key is masked");
    assert_eq!(report.remarks, ["`other` is not filled in."]);
    assert_eq!(script.only().uri, "https://us.example/account");
}

#[tokio::test(start_paused = true)]
async fn each_key_is_proven_by_itself() {
    let credential = key(&[("api_key", "k1"), ("other", "k2")]);
    let steps = [json(403, json!({"message": "no"})), json(200, json!([])), json(401, json!({"message": "who?"}))];
    let (script, report) = probe(TWO_KEYS, &credential, steps).await;
    let report = report.unwrap();
    assert_eq!(report.verdict, CredentialVerdict::Rejected);
    assert!(report.remarks[0].contains("who?"), "{:?}", report.remarks);
    let keys: Vec<_> = script.seen().iter().map(|s| s.headers["authorization"].to_str().unwrap().to_owned()).collect();
    assert_eq!(keys, ["K k1", "K k1", "K k2"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_a_report_and_a_vendor_that_fails_is_an_error() {
    let credential = key(&[("api_key", "k1")]);
    let (_, report) = probe(TWO_KEYS, &credential, [json(401, json!({}))]).await;
    assert_eq!(report.unwrap().verdict, CredentialVerdict::Rejected);
    let (_, report) = probe(TWO_KEYS, &credential, [json(403, json!({})), json(403, json!({}))]).await;
    let report = report.unwrap();
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    assert!(report.remarks[0].contains("403"));
    let (_, report) = probe(TWO_KEYS, &credential, (0..4).map(|_| plain(500, &[], ""))).await;
    assert_eq!(report.unwrap_err().kind(), ProviderErrorKind::VendorFailure);
    let (_, report) = probe(TWO_KEYS, &credential, [json(400, json!({})), json(400, json!({}))]).await;
    assert_eq!(report.unwrap_err().kind(), ProviderErrorKind::InvalidArguments);
}

#[tokio::test(start_paused = true)]
async fn a_document_without_probes_is_probed_by_its_first_plain_read() {
    let credential = credential();
    let (script, report) = probe(PETS, &credential, [json(200, json!({"pets": []}))]).await;
    assert_eq!(report.unwrap().verdict, CredentialVerdict::Accepted);
    assert_eq!(script.only().uri, "https://pets.example/v1/pets?limit=2");
}

#[tokio::test(start_paused = true)]
async fn a_page_with_status_200_proves_no_key() {
    let credential = key(&[("api_key", "k1")]);
    let page = plain(200, &[("content-type", "text/html")], "<html>Please log in to the network</html>");
    let (_, report) = probe(TWO_KEYS, &credential, [page]).await;
    assert_eq!(report.unwrap_err().kind(), ProviderErrorKind::BadAnswer);
}

#[tokio::test(start_paused = true)]
async fn what_was_learnt_of_a_good_key_stays_where_a_further_question_fails() {
    let asked = "    - {operation: list_things, scheme: config_key, grants: [read]}\n";
    let more =
        format!("{asked}    - {{operation: get_owner, scheme: config_key, more: true, facts: {{user: /name}}}}\n");
    let document =
        TWO_KEYS.replace(asked, &more) + "  /owner: {get: {operationId: get_owner, x-govern: {effect: read}}}\n";
    let key = key(&[("api_key", "k"), ("other", "o")]);
    let account = || json(200, serde_json::json!({"data": {"name": "Acme", "plan": "big"}}));
    let things = || json(200, serde_json::json!({"data": []}));
    for failed in [json(403, serde_json::json!({"message": "no"})), Step::Hang] {
        let (_, report) = probe(&document, &key, [account(), things(), failed]).await;
        let report = report.unwrap();
        assert_eq!(report.verdict, CredentialVerdict::Accepted, "{report:?}");
        assert_eq!(report.facts.authorized_as.as_deref(), Some("Acme"));
        assert_eq!(report.remarks.len(), 1, "{:?}", report.remarks);
    }
}
