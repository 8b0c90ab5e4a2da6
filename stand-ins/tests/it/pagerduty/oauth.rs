use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use stand_ins::PagerDutyStandIn;
use url::Url;

const BACK: &str = "https://gate.test/connect/callback/pd";
/// Forty-three characters, and the SHA-256 of them as PKCE has it.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct App {
    pagerduty: PagerDutyStandIn,
    http: reqwest::Client,
}

impl App {
    async fn registered() -> Self {
        let pagerduty = PagerDutyStandIn::start().await;
        pagerduty.register_redirect_uri(BACK);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { pagerduty, http }
    }

    fn at(&self, path: &str) -> Url {
        self.pagerduty.base_url().join(path).unwrap()
    }

    /// The query with which the browser comes back.
    async fn authorize(&self, scope: &str, redirect_uri: &str) -> Option<Url> {
        let mut url = self.at("/oauth/authorize");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.pagerduty.client_id())
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", scope)
            .append_pair("state", "s")
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256");
        let answer = self.http.get(url).send().await.unwrap();
        let to = answer.headers().get("location")?;
        to.to_str().unwrap().parse().ok()
    }

    async fn code(&self, scope: &str) -> String {
        let back = self.authorize(scope, BACK).await.unwrap();
        back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let (id, secret) = (self.pagerduty.client_id(), self.pagerduty.client_secret());
        let own = [("client_id", id.as_str()), ("client_secret", secret.as_str())];
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(own.iter().filter(|(name, _)| fields.iter().all(|(known, _)| known != name)))
            .extend_pairs(fields)
            .finish();
        let request = self.http.post(self.at(path)).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    async fn redeem(&self, code: &str, verifier: &str) -> (StatusCode, Value) {
        let form =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK), ("code_verifier", verifier)];
        self.post("/oauth/token", &form).await
    }

    async fn tokens(&self, scope: &str) -> Value {
        let (status, tokens) = self.redeem(&self.code(scope).await, VERIFIER).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    async fn renew(&self, token: &Value) -> (StatusCode, Value) {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
        self.post("/oauth/token", &form).await
    }

    async fn get(&self, path: &str, token: &Value) -> (StatusCode, Value) {
        let request = self.http.get(self.at(path)).bearer_auth(token.as_str().unwrap());
        let answer = request.header("accept", "application/vnd.pagerduty+json;version=2").send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    fn refused(answer: &(StatusCode, Value), error: &str) {
        assert_eq!((answer.0.is_client_error(), answer.1["error"].as_str()), (true, Some(error)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_code_becomes_tokens_that_open_what_their_scopes_say() {
    let app = App::registered().await;
    let tokens = app.tokens("services.read users.read").await;
    assert_eq!(tokens["scope"], "openid services.read users.read");
    assert!(tokens["access_token"].as_str().unwrap().contains('+') && tokens["expires_in"] == 86400, "{tokens}");
    assert_eq!(app.get("/services", &tokens["access_token"]).await.0, StatusCode::OK);
    let (status, body) = app.get("/incidents", &tokens["access_token"]).await;
    assert_eq!((status, &body["error"]["required_scopes"]), (StatusCode::FORBIDDEN, &Value::from("incidents.read")));
    assert!(app.pagerduty.violations().is_empty(), "{:?}", app.pagerduty.violations());
    // Each person's token says who that is.
    app.pagerduty.signs_in(1);
    let other = app.tokens("users.read").await;
    let name = async |tokens: &Value| app.get("/users/me", &tokens["access_token"]).await.1["user"]["id"].clone();
    assert_ne!(name(&tokens).await, name(&other).await);
}

#[tokio::test]
async fn a_scope_that_the_application_may_not_have_leaves_nothing_but_openid() {
    let app = App::registered().await;
    app.pagerduty.register_scopes(&["services.read"]);
    let tokens = app.tokens("services.read incidents.write").await;
    assert_eq!(tokens["scope"], "openid");
    assert_eq!(app.get("/services", &tokens["access_token"]).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_code_is_good_once_for_thirty_seconds_with_its_verifier_and_redirect_uri() {
    let app = App::registered().await;
    let code = app.code("services.read").await;
    App::refused(&app.redeem(&code, "another-verifier-of-forty-three-characters-").await, "invalid_grant");
    app.pagerduty.advance(Duration::from_secs(29));
    let (status, tokens) = app.redeem(&code, VERIFIER).await;
    assert_eq!(status, StatusCode::OK);
    // The second time it was stolen, and what it was redeemed for ends.
    App::refused(&app.redeem(&code, VERIFIER).await, "invalid_grant");
    assert_eq!(app.get("/services", &tokens["access_token"]).await.0, StatusCode::UNAUTHORIZED);
    let late = app.code("services.read").await;
    app.pagerduty.advance(Duration::from_secs(31));
    App::refused(&app.redeem(&late, VERIFIER).await, "invalid_grant");
    assert!(app.authorize("services.read", "https://gate.test/connect/callback/pd/").await.is_none());
    let elsewhere = [
        ("grant_type", "authorization_code"),
        ("code", &*app.code("services.read").await),
        ("redirect_uri", "https://gate.test/other"),
        ("code_verifier", VERIFIER),
    ];
    App::refused(&app.post("/oauth/token", &elsewhere).await, "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_family_ends_where_it_comes_twice() {
    let app = App::registered().await;
    let first = app.tokens("services.read").await;
    let (status, second) = app.renew(&first["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(second["scope"], "openid services.read");
    assert!(second.get("id_token").is_none());
    assert_eq!(app.get("/services", &second["access_token"]).await.0, StatusCode::OK);
    App::refused(&app.renew(&first["refresh_token"]).await, "invalid_grant");
    assert_eq!(app.get("/services", &second["access_token"]).await.0, StatusCode::UNAUTHORIZED);
    App::refused(&app.renew(&second["refresh_token"]).await, "invalid_grant");
    assert_eq!(app.pagerduty.grants_in_force(), 0);
}

#[tokio::test]
async fn an_access_token_ends_and_a_revoked_grant_opens_nothing() {
    let app = App::registered().await;
    app.pagerduty.access_tokens_last(Duration::from_secs(60));
    let tokens = app.tokens("services.read").await;
    app.pagerduty.advance(Duration::from_secs(61));
    assert_eq!(app.get("/services", &tokens["access_token"]).await.0, StatusCode::UNAUTHORIZED);
    let (_, tokens) = app.renew(&tokens["refresh_token"]).await;
    assert_eq!(app.get("/services", &tokens["access_token"]).await.0, StatusCode::OK);
    let revoked = app.post("/oauth/revoke", &[("token", tokens["refresh_token"].as_str().unwrap())]).await;
    assert_eq!(revoked.0, StatusCode::OK);
    assert_eq!(app.get("/services", &tokens["access_token"]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.post("/oauth/revoke", &[("token", "unknown")]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_application_proves_itself_and_says_no_to_what_a_person_refuses() {
    let app = App::registered().await;
    app.pagerduty.rotate_client_secret("the+next secret");
    let old = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_secret", "standin+secret/59d2&e0")];
    App::refused(&app.post("/oauth/token", &old).await, "invalid_client");
    app.pagerduty.allows(false);
    let back = app.authorize("services.read", BACK).await.unwrap();
    assert!(back.query_pairs().any(|(name, value)| name == "error" && value == "access_denied"), "{back}");
}

#[tokio::test]
async fn what_only_a_wrong_client_sends_is_a_violation() {
    let app = App::registered().await;
    let tokens = app.tokens("services.read").await;
    assert!(app.pagerduty.violations().is_empty(), "{:?}", app.pagerduty.violations());
    // A token whose plus signs were lost, a refresh token at the API, an authorization request without PKCE.
    let raw = format!("grant_type=refresh_token&client_id={}&refresh_token=a+b", app.pagerduty.client_id());
    let request = app.http.post(app.at("/oauth/token")).header("content-type", "application/x-www-form-urlencoded");
    request.body(raw).send().await.unwrap();
    app.get("/services", &tokens["refresh_token"]).await;
    let mut plain = app.at("/oauth/authorize");
    plain
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &app.pagerduty.client_id())
        .append_pair("redirect_uri", BACK)
        .append_pair("state", "s");
    app.http.get(plain).send().await.unwrap();
    let violations = app.pagerduty.violations().join("\n");
    for due in ["not form-encoded", "a refresh token at the API", "without PKCE"] {
        assert!(violations.contains(due), "{due}: {violations}");
    }
}
