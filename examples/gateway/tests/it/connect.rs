//! Accounts of people's own, and the metadata that clients of an identity provider need.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Json, Router, extract::State, routing::post};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;
use tokio::net::TcpListener;
use url::Url;

use crate::world::{ANN, Gateway, Site, code};

#[tokio::test]
async fn clients_of_an_identity_provider_are_told_where_to_get_a_token() {
    let site = Site::new().await;
    site.change(
        "[auth]\n",
        "[auth.jwt]\nissuer = \"https://id.example.com\"\nrequired_scopes = [\"mcp:tools\"]\n[auth]\nmode = \"jwt\"\n",
    );
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let refused = gateway.post(None, "tools/list", json!({})).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(
        challenge.contains("resource_metadata=\"") && challenge.contains("/.well-known/oauth-protected-resource/mcp"),
        "{challenge}"
    );
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let metadata: Value = gateway.get(path).await.json().await.unwrap();
        assert_eq!(metadata["resource"], gateway.url());
        assert_eq!(metadata["authorization_servers"], json!(["https://id.example.com"]));
        assert_eq!(metadata["scopes_supported"], json!(["mcp:tools"]));
    }
    assert_eq!(gateway.post(Some("no.jwt.at-all"), "tools/list", json!({})).await.status(), StatusCode::UNAUTHORIZED);
}

/// A vendor's sign-in on this machine: one code, for one verifier, once.
#[derive(Debug, Default)]
pub(crate) struct SignIn {
    forms: Mutex<Vec<BTreeMap<String, String>>>,
    /// What is handed out, and for how many seconds.
    token: Mutex<String>,
    lasts: AtomicU64,
}

impl SignIn {
    /// Starts it; it hands out this token.
    pub(crate) async fn start(token: String) -> (Arc<Self>, String) {
        let sign_in = Arc::new(Self { token: Mutex::new(token), lasts: AtomicU64::new(3600), ..Self::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&sign_in);
        let app = Router::new().route("/token", post(trade)).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        (sign_in, origin)
    }

    /// What it was asked with.
    pub(crate) fn forms(&self) -> Vec<BTreeMap<String, String>> {
        self.forms.lock().unwrap().clone()
    }
}

async fn trade(State(sign_in): State<Arc<SignIn>>, body: String) -> (StatusCode, Json<Value>) {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let good =
        form["code"] == "the-code" && form["client_secret"] == "the-client-secret" && !form["code_verifier"].is_empty();
    sign_in.forms.lock().unwrap().push(form);
    if good {
        let (token, lasts) = (sign_in.token.lock().unwrap().clone(), sign_in.lasts.load(Ordering::SeqCst));
        let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": lasts, "scope": "read write"});
        return (StatusCode::OK, Json(answer));
    }
    (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})))
}

/// A browser: it keeps cookies and goes nowhere by itself.
pub(crate) struct Browser {
    client: reqwest::Client,
    cookies: Vec<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, cookies: Vec::new() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> (StatusCode, String) {
        let answer = self.answer(request).await;
        (answer.status(), answer.text().await.unwrap())
    }

    async fn answer(&mut self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let answer = request.header("cookie", self.cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            let (pair, _) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|known| !known.starts_with(&format!("{name}=")));
            if !value.is_empty() {
                self.cookies.push(pair.to_owned());
            }
        }
        answer
    }

    pub(crate) fn cookies(&self) -> &[String] {
        &self.cookies
    }

    /// Where a page redirects to.
    pub(crate) async fn redirected(&mut self, url: &str) -> Url {
        let request = self.client.get(url);
        let answer = self.answer(request).await;
        let status = answer.status();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        to.unwrap_or_else(|| panic!("{status} at {url}")).parse().unwrap()
    }

    /// Sends the form of a link's page.
    pub(crate) async fn send_form(
        &mut self,
        to: &str,
        gateway: &Gateway,
        link: &Url,
        token: &str,
    ) -> (StatusCode, String) {
        // The page of accounts has no ticket.
        let ticket = link.query_pairs().find(|(name, _)| name == "ticket").map(|(_, ticket)| ticket.into_owned());
        self.post(to, gateway, &[("ticket", &ticket.unwrap_or_default()), ("token", token)]).await
    }

    /// Sends a form of a page of the gateway.
    pub(crate) async fn post(&mut self, to: &str, gateway: &Gateway, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = gateway.url().parse::<Url>().unwrap().origin().ascii_serialization();
        let request = self.client.post(to).header("origin", origin);
        self.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    }

    pub(crate) async fn open(&mut self, url: &str) -> (StatusCode, String) {
        let request = self.client.get(url);
        self.send(request).await
    }

    /// Says who sits here, and answers where the vendor's sign-in is.
    pub(crate) async fn go_on(&mut self, link: &Url, token: &str) -> Url {
        let (_, ticket) = link.query_pairs().find(|(name, _)| name == "ticket").unwrap();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("ticket", &ticket).append_pair("token", token);
        let mut to = link.clone();
        to.set_query(None);
        let request = self.client.post(to).header("origin", link.origin().ascii_serialization());
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.finish());
        let (status, page) = self.send(request).await;
        let begin = page.find("content=\"0;url=").unwrap_or_else(|| panic!("{status} {page}")) + 15;
        page[begin..].split('"').next().unwrap().replace("&amp;", "&").parse().unwrap()
    }
}

/// PagerDuty as a server for which each person connects an account.
fn with_own_accounts(site: &Site, pagerduty: &PagerDutyStandIn, origin: &str) {
    site.write("client.secret", "the-client-secret");
    site.add(&format!(
        r#"
[servers.own]
provider = "pagerduty"
title = "PagerDuty"
prefix = "own"
auth_method = "oauth"
sharing = "per_user"
base_url = "{}"
approve = ["list_services"]

[connect.own]
authorize_url = "{origin}/authorize"
token_url = "{origin}/token"
client_id = "the-gateway"
client_secret = {{ file = "client.secret" }}
scopes = ["read"]
issuer = "{origin}"
"#,
        pagerduty.base_url()
    ));
    site.change("\"status/list_pages\", ", "\"status/list_pages\", \"own/list_services\", ");
}

/// The link that a call of Ann's is answered with, under this code.
async fn link(gateway: &Gateway, due: &str) -> Url {
    let denied = gateway.call(ANN, "own_list_services", json!({})).await;
    assert_eq!(code(&denied), due, "{denied}");
    let remedy = &denied["result"]["_meta"]["io.github.mcp-govern/denial"]["remedy"];
    remedy["url"].as_str().unwrap_or_else(|| panic!("{denied}")).parse().unwrap()
}

/// Ann opens the link and signs in.
async fn connect(link: &Url, origin: &str) {
    let mut browser = Browser::new();
    let vendor = browser.go_on(link, ANN).await;
    let asked: BTreeMap<String, String> = vendor.query_pairs().into_owned().collect();
    let mut back: Url = asked["redirect_uri"].parse().unwrap();
    back.query_pairs_mut()
        .append_pair("code", "the-code")
        .append_pair("state", &asked["state"])
        .append_pair("iss", origin);
    let (status, page) = browser.open(back.as_str()).await;
    assert!(status == StatusCode::OK && page.contains("is connected"), "{page}");
}

async fn lists_services(gateway: &Gateway) {
    let answered = gateway.call(ANN, "own_list_services", json!({})).await;
    assert!(!answered["result"]["structuredContent"]["items"].as_array().unwrap().is_empty(), "{answered}");
}

#[tokio::test]
async fn an_account_that_has_expired_or_was_revoked_leads_to_a_link_and_works_once_it_is_connected_again() {
    let pagerduty = PagerDutyStandIn::start().await;
    let (sign_in, origin) = SignIn::start(pagerduty.user_token()).await;
    let site = Site::new().await;
    with_own_accounts(&site, &pagerduty, &origin);
    let gateway = site.start().await;
    // The vendor says that the token ends at once: it is known to have ended, and is not sent.
    sign_in.lasts.store(0, Ordering::SeqCst);
    connect(&link(&gateway, "credential_missing").await, &origin).await;
    let sent = pagerduty.count();
    let ended = link(&gateway, "credential_unusable").await;
    assert_eq!(pagerduty.count(), sent, "a token that has ended was sent");
    sign_in.lasts.store(3600, Ordering::SeqCst);
    connect(&ended, &origin).await;
    lists_services(&gateway).await;

    // The vendor revokes the token, and says nothing: it is asked once, before a restart and after it.
    pagerduty.revoke_user_token("the-next-token-of-ann");
    let sent = pagerduty.count();
    link(&gateway, "credential_unusable").await;
    link(&gateway, "credential_unusable").await;
    gateway.stop().await;
    let gateway = site.start().await;
    let revoked = link(&gateway, "credential_unusable").await;
    assert_eq!(pagerduty.count(), sent + 1, "a token that is known to be refused was sent");
    *sign_in.token.lock().unwrap() = String::from("the-next-token-of-ann");
    connect(&revoked, &origin).await;
    lists_services(&gateway).await;
    assert!(pagerduty.violations().is_empty(), "{:?}", pagerduty.violations());
    let log = format!("{:?}", gateway.log());
    assert!(!log.contains("the-next-token-of-ann"), "a secret is in the log");
    gateway.stop().await;
}

#[tokio::test]
async fn a_person_connects_an_account_and_the_next_call_goes_through() {
    let pagerduty = PagerDutyStandIn::start().await;
    let (sign_in, origin) = SignIn::start(pagerduty.user_token()).await;
    let site = Site::new().await;
    with_own_accounts(&site, &pagerduty, &origin);
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let first = link(&gateway, "credential_missing").await;
    assert_eq!((first.path(), first.port()), ("/connect", gateway.url().parse::<Url>().unwrap().port()));

    let mut browser = Browser::new();
    assert_eq!(browser.open(first.as_str()).await.0, StatusCode::OK);
    let vendor = browser.go_on(&first, ANN).await;
    let asked: BTreeMap<String, String> = vendor.query_pairs().into_owned().collect();
    assert!(vendor.as_str().starts_with(&format!("{origin}/authorize?")), "{vendor}");
    assert_eq!((asked["client_id"].as_str(), asked["scope"].as_str()), ("the-gateway", "read"));
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!(asked["redirect_uri"], gateway.at("/connect/callback/own"));
    let back = |issuer: &str| {
        let mut url: Url = asked["redirect_uri"].parse().unwrap();
        url.query_pairs_mut()
            .append_pair("code", "the-code")
            .append_pair("state", &asked["state"])
            .append_pair("iss", issuer);
        url
    };
    let (status, page) = browser.open(back(&origin).as_str()).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("is connected"), "{page}");
    lists_services(&gateway).await;
    assert!(pagerduty.violations().is_empty(), "{:?}", pagerduty.violations());
    assert_eq!(sign_in.forms.lock().unwrap().len(), 1);
    // The same redirect again is good for nothing.
    assert_ne!(browser.open(back(&origin).as_str()).await.0, StatusCode::OK);
    let log = format!("{:?}", gateway.log());
    for secret in ["the-code", "the-client-secret", pagerduty.user_token().as_str()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_redirect_from_another_sign_in_gets_no_code() {
    let pagerduty = PagerDutyStandIn::start().await;
    let (sign_in, origin) = SignIn::start(pagerduty.user_token()).await;
    let site = Site::new().await;
    site.add(&format!(
        "[servers.own]\nprovider = \"pagerduty\"\ntitle = \"P\"\nprefix = \"own\"\nauth_method = \"oauth\"\nsharing = \"per_user\"\n\
         base_url = \"{}\"\napprove = [\"list_services\"]\n[connect.own]\nauthorize_url = \"{origin}/authorize\"\n\
         token_url = \"{origin}/token\"\nclient_id = \"the-gateway\"\nissuer = \"{origin}\"\n",
        pagerduty.base_url()
    ));
    site.change("\"status/list_pages\", ", "\"status/list_pages\", \"own/list_services\", ");
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let denied = gateway.call(ANN, "own_list_services", json!({})).await;
    let remedy = &denied["result"]["_meta"]["io.github.mcp-govern/denial"]["remedy"];
    let link: Url = remedy["url"].as_str().unwrap().parse().unwrap();
    let mut browser = Browser::new();
    browser.open(link.as_str()).await;
    let vendor = browser.go_on(&link, ANN).await;
    let (_, state) = vendor.query_pairs().into_owned().find(|(name, _)| name == "state").unwrap();
    let mut back: Url = gateway.at("/connect/callback/own").parse().unwrap();
    back.query_pairs_mut()
        .append_pair("code", "the-code")
        .append_pair("state", &state)
        .append_pair("iss", "https://evil.example");
    let (_, page) = browser.open(back.as_str()).await;
    assert!(page.contains("was not connected") && page.contains("another sign-in"), "{page}");
    assert!(sign_in.forms.lock().unwrap().is_empty(), "the code went out");
}
