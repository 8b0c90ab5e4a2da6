//! The client against an authorization server whose answers the tests choose.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use mcp_govern_core::{AuthMethodId, OAuthFlows, Secret, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::transport::{BodyStream, Transport, TransportError};

const CODE: &str = "the+code/canary";
const SECRET: &str = "s3cr+t &canary";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0";

/// The URL, the form and the header `Authorization` of a request.
type Asked = (String, BTreeMap<String, String>, Option<String>);

/// An authorization server: it answers the same to everything, and keeps what it was asked with.
#[derive(Debug)]
struct Server {
    status: u16,
    body: Body,
    asked: Mutex<Vec<Asked>>,
    /// Documents by path, answered with 200.
    documents: BTreeMap<String, String>,
}

#[derive(Debug)]
enum Body {
    Text(String),
    /// No answer ever comes.
    Never,
    Down,
}

impl Server {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: Body::Text(body.into()), asked: Mutex::default(), documents: BTreeMap::new() }
    }

    fn issuing(answer: &Value) -> Arc<Self> {
        Arc::new(Self::new(200, answer.to_string()))
    }

    fn form(&self) -> BTreeMap<String, String> {
        self.asked.lock().unwrap().last().unwrap().1.clone()
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request<Bytes>, _: Instant) -> Result<Response<BodyStream>, TransportError> {
        let url: Url = request.uri().to_string().parse().unwrap();
        if let Some(document) = self.documents.get(url.path()) {
            return Ok(Response::new(BodyStream::whole(document.clone())));
        }
        let form = url::form_urlencoded::parse(request.body()).into_owned().collect();
        let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((url.into(), form, authorization));
        match &self.body {
            Body::Text(text) => {
                let answer = Response::builder().status(self.status).header("content-type", "text/html");
                Ok(answer.body(BodyStream::whole(text.clone())).unwrap())
            }
            Body::Down => Err(TransportError::not_sent("no connection")),
            Body::Never => std::future::pending().await,
        }
    }
}

fn endpoints() -> OAuthEndpoints {
    let mut endpoints = OAuthEndpoints::new();
    endpoints.authorize = Some("https://id.example.com/oauth/authorize?tenant=a".parse().unwrap());
    endpoints.token = Some("https://id.example.com/oauth/token".parse().unwrap());
    endpoints.revoke = Some("https://id.example.com/oauth/revoke".parse().unwrap());
    endpoints
}

fn app() -> OAuthApp {
    OAuthApp::new("the-app").with_secret(Secret::new(SECRET)).with_scopes(["cups.read", "cups.write"])
}

fn client(server: &Arc<Server>) -> OAuthClient {
    OAuthClient::new(app(), endpoints(), server.clone()).unwrap()
}

fn redirect(issuer: Option<&str>) -> OAuthRedirect {
    OAuthRedirect {
        code: Secret::new(CODE),
        code_verifier: Secret::new(VERIFIER),
        redirect_uri: "https://gate.test/connect/callback/acme".parse().unwrap(),
        issuer: issuer.map(str::to_owned),
    }
}

fn tokens() -> Value {
    json!({"access_token": "at+1", "token_type": "bearer", "refresh_token": "rt+1", "expires_in": 86400,
        "scope": "openid cups.read cups.write", "id_token": "a.b.c", "client_info": "x"})
}

#[tokio::test]
async fn a_person_is_sent_to_the_sign_in_with_everything_that_the_flow_needs() {
    let client = client(&Server::issuing(&tokens()));
    let url = client
        .authorize_url(AuthorizationUrl {
            redirect_uri: Some("https://gate.test/connect/callback/acme".parse().unwrap()),
            state: "the+state".to_owned(),
            code_challenge: "challenge".to_owned(),
            nonce: Some("n".to_owned()),
            resource: Some("https://api.example.com".to_owned()),
        })
        .await
        .unwrap();
    assert!(url.as_str().starts_with("https://id.example.com/oauth/authorize?tenant=a&"), "{url}");
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "the-app"),
        ("redirect_uri", "https://gate.test/connect/callback/acme"),
        ("state", "the+state"),
        ("code_challenge", "challenge"),
        ("code_challenge_method", "S256"),
        ("scope", "cups.read cups.write"),
        ("nonce", "n"),
        ("resource", "https://api.example.com"),
    ] {
        assert_eq!(query[name], value, "{name}");
    }
    assert!(!url.as_str().contains("canary"));
}

#[tokio::test]
async fn a_code_becomes_a_credential_whose_refresh_token_is_a_field_of_its_own() {
    let server = Server::issuing(&tokens());
    let issued = client(&server).exchange(redirect(None)).await.unwrap();
    let form = server.form();
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("code_verifier", VERIFIER),
        ("redirect_uri", "https://gate.test/connect/callback/acme"),
        ("client_id", "the-app"),
        ("client_secret", SECRET),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    assert_eq!(issued.missing_scopes, Vec::<String>::new());
    assert!(!format!("{issued:?}").contains("at+1"));
    let method = AuthMethodId::new("oauth").unwrap();
    let now = Timestamp::from_millis(1_000);
    let credential = issued.into_credential(method, &OAuthFlows::new("access_token"), now);
    assert_eq!(credential.field("access_token").unwrap().expose(), "at+1");
    assert_eq!(credential.field("refresh_token").unwrap().expose(), "rt+1");
    let facts = credential.facts();
    assert_eq!((facts.issued, facts.expires), (Some(now), Some(now.plus(Duration::from_secs(86400)))));
    assert!(facts.renewable && facts.scopes.len() == 3 && facts.fields.contains("refresh_token"));
}

#[tokio::test]
async fn a_client_secret_goes_into_the_form_or_into_the_header_and_never_into_both() {
    let server = Server::issuing(&tokens());
    let basic = app().with_authentication(ClientAuthentication::Basic);
    let client = OAuthClient::new(basic, endpoints(), server.clone()).unwrap();
    client.exchange(redirect(None)).await.unwrap();
    assert!(client.revoke(&Secret::new("rt+1")).await.unwrap());
    let due = format!("Basic {}", BASE64_STANDARD.encode("the-app:s3cr%2Bt+%26canary"));
    for (_, form, authorization) in server.asked.lock().unwrap().iter() {
        assert!(!form.contains_key("client_secret") && !form.contains_key("client_id"), "{form:?}");
        assert_eq!(authorization.as_deref(), Some(due.as_str()));
    }
    let asked = server.asked.lock().unwrap();
    assert_eq!((asked[1].0.as_str(), asked[1].1["token"].as_str()), ("https://id.example.com/oauth/revoke", "rt+1"));
}

#[tokio::test]
async fn scopes_that_were_not_granted_are_named_and_none_at_all_is_a_refusal() {
    let with = |scope: Option<&str>| {
        let mut answer = tokens();
        match scope {
            Some(scope) => answer["scope"] = scope.into(),
            None => drop(answer.as_object_mut().unwrap().remove("scope")),
        }
        Server::issuing(&answer)
    };
    let some = client(&with(Some("openid cups.read"))).exchange(redirect(None)).await.unwrap();
    assert_eq!(some.missing_scopes, ["cups.write"]);
    let commas = client(&with(Some("cups.read,cups.write"))).exchange(redirect(None)).await.unwrap();
    assert_eq!(commas.missing_scopes, Vec::<String>::new());
    let silent = client(&with(None)).exchange(redirect(None)).await.unwrap();
    assert_eq!(silent.scopes.into_iter().collect::<Vec<_>>(), ["cups.read", "cups.write"]);
    assert_eq!(client(&with(None)).check_granted(&some), Ok(()));
    let none = client(&with(Some("openid"))).exchange(redirect(None)).await.unwrap();
    let none = client(&with(None)).check_granted(&none).unwrap_err();
    assert_eq!(none.kind(), OAuthErrorKind::Refused);
    assert!(none.to_string().contains("`cups.read`, `cups.write`"), "{none}");
    let nothing_asked = OAuthClient::new(OAuthApp::new("a"), endpoints(), with(Some("openid"))).unwrap();
    let issued = nothing_asked.exchange(redirect(None)).await.unwrap();
    assert_eq!(nothing_asked.check_granted(&issued), Ok(()));
}

#[tokio::test]
async fn a_renewal_keeps_what_the_server_does_not_state() {
    let server = Server::issuing(&json!({"access_token": "at+2", "token_type": "Bearer", "expires_in": null}));
    let renewed = client(&server).refresh(&Secret::new("rt+1")).await.unwrap();
    let form = server.form();
    assert_eq!((form["grant_type"].as_str(), form["refresh_token"].as_str()), ("refresh_token", "rt+1"));
    assert_eq!(form["client_secret"], SECRET);
    assert_eq!(renewed.refresh_token.unwrap().expose(), "rt+1");
    assert!(renewed.scopes.is_empty() && renewed.id_token.is_none() && renewed.expires_in.is_none());
    let rotated = client(&Server::issuing(&tokens())).refresh(&Secret::new("rt+1")).await.unwrap();
    assert_eq!(rotated.refresh_token.unwrap().expose(), "rt+1");
    let other = Server::issuing(&json!({"access_token": "a", "token_type": "bearer", "refresh_token": "rt+2"}));
    assert_eq!(client(&other).refresh(&Secret::new("rt+1")).await.unwrap().refresh_token.unwrap().expose(), "rt+2");
}

#[tokio::test]
async fn an_application_gets_tokens_of_its_own() {
    let server = Server::issuing(&json!({"access_token": "at", "token_type": "bearer", "expires_in": 60}));
    let issued = client(&server).client_credentials().await.unwrap();
    let form = server.form();
    assert_eq!((form["grant_type"].as_str(), form["scope"].as_str()), ("client_credentials", "cups.read cups.write"));
    assert!(issued.refresh_token.is_none() && issued.expires_in == Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn what_is_no_answer_is_an_authorization_server_that_is_away() {
    let big = format!("{{\"access_token\": \"{}\"}}", "x".repeat(70_000));
    for (status, body) in [
        (200, "<html>canary</html>"),
        (200, "{}"),
        (200, "[]"),
        (200, ""),
        (200, "{\"access_token\":\"\",\"token_type\":\"bearer\"}"),
        (200, "{\"access_token\":\"canary\",\"token_type\":\"mac\"}"),
        (200, big.as_str()),
        (302, ""),
        (403, "<html>canary</html>"),
        (404, "{\"message\": \"canary\"}"),
        (429, ""),
        (500, "{\"error\": \"invalid_grant\"}"),
        (502, "<html>"),
        (503, ""),
        (400, "{\"error\": \"temporarily_unavailable\"}"),
    ] {
        let error = client(&Arc::new(Server::new(status, body))).refresh(&Secret::new("rt")).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Unavailable, "{status} {body:.40}");
        assert!(error.to_string().contains("does not answer") && !error.to_string().contains("canary"), "{error}");
    }
    let down = Server { body: Body::Down, ..Server::new(200, "") };
    let error = client(&Arc::new(down)).refresh(&Secret::new("rt")).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn an_authorization_server_that_never_answers_is_given_up() {
    let never = Server { body: Body::Never, ..Server::new(200, "") };
    let error = client(&Arc::new(never)).refresh(&Secret::new("rt")).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Unavailable);
    assert!(error.to_string().contains("within 20 seconds"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_told_by_its_code_alone_and_says_whose_business_it_is() {
    let described = |code: &str| json!({"error": code, "error_description": "canary", "hint": SECRET}).to_string();
    for (status, code, kind, due) in [
        (400, "invalid_grant", OAuthErrorKind::Refused, "`invalid_grant`"),
        (401, "invalid_client", OAuthErrorKind::Client, "the client secret is wrong or was rotated"),
        (400, "unauthorized_client", OAuthErrorKind::Client, "not registered for this"),
        (200, "bad_verification_code", OAuthErrorKind::Refused, "`bad_verification_code`"),
        (400, "<script>canary", OAuthErrorKind::Refused, "refuses the code"),
    ] {
        let error = client(&Arc::new(Server::new(status, described(code)))).exchange(redirect(None)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(due) && !text.contains("canary") && !text.contains("script"), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_that_states_another_issuer_redeems_no_code() {
    let named = |must: bool| {
        let app = app().with_issuer("https://id.example.com/a");
        if must { app.requiring_issuer() } else { app }
    };
    for (stated, strict, lenient, unnamed) in [
        (None, false, true, true),
        (Some("https://id.example.com/a"), true, true, true),
        (Some("https://id.example.com"), false, false, true),
        (Some("https://evil.example"), false, false, false),
        (Some("http://id.example.com/a"), false, false, false),
        (Some(""), false, false, false),
    ] {
        for (app, due) in [(named(true), strict), (named(false), lenient), (app(), unnamed)] {
            let server = Server::issuing(&tokens());
            let client = OAuthClient::new(app, endpoints(), server.clone()).unwrap();
            let issued = client.exchange(redirect(stated)).await;
            assert_eq!((issued.is_ok(), server.asked() == 1), (due, due), "{stated:?}");
            if let Err(error) = issued {
                assert!(error.to_string().contains("another sign-in"), "{error}");
            }
        }
    }
}

fn with_metadata(issuer: &str, token: &str) -> Arc<Server> {
    let mut server = Server::new(200, tokens().to_string());
    let metadata = json!({"issuer": issuer, "authorization_endpoint": "https://id.example.com/found/authorize",
        "token_endpoint": token, "revocation_endpoint": "https://id.example.com/found/revoke",
        "authorization_response_iss_parameter_supported": true});
    server.documents.insert("/a/.well-known/openid-configuration".to_owned(), metadata.to_string());
    Arc::new(server)
}

#[tokio::test]
async fn endpoints_that_are_not_stated_are_those_of_the_issuers_metadata() {
    let server = with_metadata("https://id.example.com/a", "https://id.example.com/found/token");
    let app = app().with_issuer("https://id.example.com/a");
    let client = OAuthClient::new(app, OAuthEndpoints::new(), server.clone()).unwrap();
    let url = client.authorize_url(AuthorizationUrl::default()).await.unwrap();
    assert!(url.as_str().starts_with("https://id.example.com/found/authorize?"), "{url}");
    // The metadata says that every redirect states the issuer.
    assert!(client.exchange(redirect(None)).await.is_err());
    client.exchange(redirect(Some("https://id.example.com/a"))).await.unwrap();
    assert!(client.revoke(&Secret::new("t")).await.unwrap());
    let asked: Vec<String> = server.asked.lock().unwrap().iter().map(|(url, ..)| url.clone()).collect();
    // The first look, before the issuer's path, found nothing.
    assert_eq!(asked[1..], ["https://id.example.com/found/token", "https://id.example.com/found/revoke"]);
    assert!(asked[0].contains("/.well-known/oauth-authorization-server/a"), "{asked:?}");
    let mut by_document = OAuthEndpoints::new();
    by_document.metadata = Some("https://id.example.com/a/.well-known/openid-configuration".parse().unwrap());
    let client = OAuthClient::new(OAuthApp::new("a"), by_document, server).unwrap();
    client.exchange(redirect(Some("https://id.example.com/a"))).await.unwrap();
}

#[tokio::test]
async fn metadata_of_another_issuer_or_without_https_is_not_used() {
    for (issuer, token, due) in [
        ("https://evil.example", "https://id.example.com/t", "is the metadata of `https://evil.example`"),
        ("https://id.example.com/a", "http://id.example.com/t", "not on https"),
    ] {
        let app = app().with_issuer("https://id.example.com/a");
        let client = OAuthClient::new(app, OAuthEndpoints::new(), with_metadata(issuer, token)).unwrap();
        let error = client.authorize_url(AuthorizationUrl::default()).await.unwrap_err();
        assert!(error.to_string().contains(due) && error.kind() == OAuthErrorKind::Config, "{error}");
    }
}

#[test]
fn an_authorization_server_that_cannot_be_reached_safely_is_found_at_once() {
    let server = Server::issuing(&tokens());
    let made = |app: OAuthApp, endpoints: OAuthEndpoints| OAuthClient::new(app, endpoints, server.clone());
    let mut plain = endpoints();
    plain.token = Some("http://id.example.com/token".parse().unwrap());
    assert!(made(app(), plain).unwrap_err().to_string().contains("not on https"));
    let nowhere = made(app(), OAuthEndpoints::new()).unwrap_err();
    assert!(nowhere.to_string().contains("`token_url`") && nowhere.kind() == OAuthErrorKind::Config, "{nowhere}");
    assert!(made(app().with_issuer("http://id.example.com"), endpoints()).is_err());
    assert!(made(app().with_issuer("not a url"), endpoints()).is_err());
    let mut here = endpoints();
    here.token = Some("http://127.0.0.1:1/token".parse().unwrap());
    assert!(made(app(), here).is_ok());
    let shown = format!("{:?}", made(app(), endpoints()).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
}
