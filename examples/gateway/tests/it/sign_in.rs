//! People who sign in at the issuer, in one browser, for the AI client that they use in another place.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{
    Json, Router,
    extract::{Query, State},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stand_ins::PagerDutyStandIn;
use tokio::net::TcpListener;
use url::Url;

use crate::{
    connect::Browser,
    world::{ANN, Gateway, Site, code, run, stdout},
};

/// An issuer on this machine that is strict: PKCE, one code once, redirect URIs to the letter, and the nonce in the ID token.
struct Issuer {
    origin: String,
    key: EcdsaKeyPair,
    state: Mutex<Is>,
}

/// How the issuer is just now.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a way in which the issuer misbehaves, apart from the others"
)]
struct Is {
    /// Who is signed in at the issuer in the browser that comes.
    person: String,
    /// The parameters of the requests whose codes were not traded yet, with the person.
    codes: BTreeMap<String, (BTreeMap<String, String>, String)>,
    given: usize,
    traded: usize,
    down: bool,
    says_html: bool,
    forgets_the_nonce: bool,
    slash: &'static str,
    states_issuer: bool,
}

impl Issuer {
    async fn start(person: &str) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let state = Mutex::new(Is { person: person.to_owned(), states_issuer: true, ..Is::default() });
        let issuer = Arc::new(Self { origin, key, state });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(Arc::clone(&issuer));
        tokio::spawn(async move { axum::serve(listener, app).await });
        issuer
    }

    fn is(&self, change: impl FnOnce(&mut Is)) {
        change(&mut self.state.lock().unwrap());
    }

    fn sign(&self, kind: &str, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", text(&json!({"alg": "ES256", "typ": kind, "kid": "one"})), text(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The access token that a person's AI client has for the gateway.
    fn access_token(&self, person: &str, gateway: &Gateway) -> String {
        self.sign(
            "at+jwt",
            &json!({"iss": self.origin, "aud": gateway.url(), "sub": person, "client_id": "desktop", "exp": soon()}),
        )
    }

    /// What the gateway's file says of it.
    fn table(&self, more: &str) -> String {
        format!("[auth.jwt]\nissuer = \"{}\"\n{more}\n[auth]\nmode = \"jwt\"\n", self.origin)
    }
}

fn soon() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() + 3600
}

type Shared = State<Arc<Issuer>>;

async fn metadata(State(issuer): Shared) -> Response {
    let is = issuer.state.lock().unwrap();
    if is.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let at = |path: &str| format!("{}{path}", issuer.origin);
    Json(json!({
        "issuer": format!("{}{}", issuer.origin, is.slash), "jwks_uri": at("/keys"),
        "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "authorization_response_iss_parameter_supported": is.states_issuer,
    }))
    .into_response()
}

async fn keys(State(issuer): Shared) -> Response {
    if issuer.state.lock().unwrap().down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let point = issuer.key.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "one", "x": part(1..33), "y": part(33..65)}]}))
        .into_response()
}

async fn authorize(State(issuer): Shared, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let mut is = issuer.state.lock().unwrap();
    let strict = asked["response_type"] == "code"
        && asked["client_id"] == "the-gateway"
        && asked["code_challenge_method"] == "S256"
        && asked["scope"] == "openid"
        && asked["redirect_uri"].ends_with("/connect/signed-in")
        && ["state", "nonce", "code_challenge"].iter().all(|name| asked[*name].len() >= 32);
    if !strict {
        return StatusCode::BAD_REQUEST.into_response();
    }
    is.given += 1;
    let code = format!("issuer-code-{}-{}", is.given, asked["nonce"]);
    let mut back: Url = asked["redirect_uri"].parse().unwrap();
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
    if is.states_issuer {
        back.query_pairs_mut().append_pair("iss", &issuer.origin);
    }
    let person = is.person.clone();
    is.codes.insert(code, (asked, person));
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(issuer): Shared, body: String) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut is = issuer.state.lock().unwrap();
    if is.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if is.says_html {
        return Html("<html>Welcome to <b>the issuer</b></html>").into_response();
    }
    let refused = || (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    let Some((asked, person)) = is.codes.remove(&form["code"]) else { return refused() };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    let same = asked["code_challenge"] == challenge && asked["redirect_uri"] == form["redirect_uri"];
    if !same || form["client_secret"] != "the-issuer-secret" || form["client_id"] != "the-gateway" {
        return refused();
    }
    is.traded += 1;
    let nonce = if is.forgets_the_nonce { "another" } else { asked["nonce"].as_str() };
    let id_token = issuer.sign(
        "JWT",
        &json!({"iss": issuer.origin, "aud": "the-gateway", "sub": person, "nonce": nonce, "exp": soon()}),
    );
    Json(json!({"access_token": "opaque-access", "id_token": id_token, "token_type": "Bearer"})).into_response()
}

/// A gateway with people who sign in at an issuer, and a server with accounts of their own.
struct Scene {
    gateway: Gateway,
    issuer: Arc<Issuer>,
    pagerduty: PagerDutyStandIn,
    vendor: Arc<crate::connect::SignIn>,
    _site: Site,
}

const SIGN_IN: &str = "[auth.jwt.sign_in]\nclient_id = \"the-gateway\"\nclient_secret = { file = \"issuer.secret\" }";

impl Scene {
    async fn new(sign_in: &str) -> Self {
        let issuer = Issuer::start("ann").await;
        let pagerduty = PagerDutyStandIn::start().await;
        let (vendor, origin) = crate::connect::SignIn::start(pagerduty.user_token()).await;
        let site = Site::new().await;
        site.write("issuer.secret", "the-issuer-secret\n");
        site.write("client.secret", "the-client-secret");
        site.change("[auth]\n", &issuer.table(sign_in));
        site.change(
            "issuer = \"local\", subject = \"ann\"",
            &format!("issuer = \"{}\", subject = \"ann\"", issuer.origin),
        );
        site.add(&format!(
            "[servers.own]\nprovider = \"pagerduty\"\ntitle = \"<img src=x> & Co\"\nprefix = \"own\"\nauth_method = \"oauth\"\n\
             sharing = \"per_user\"\nbase_url = \"{}\"\napprove = [\"list_services\"]\n\n[connect.own]\n\
             authorize_url = \"{origin}/authorize\"\ntoken_url = \"{origin}/token\"\nclient_id = \"the-gateway\"\n\
             client_secret = {{ file = \"client.secret\" }}\n",
            pagerduty.base_url()
        ));
        site.change("\"status/list_pages\", ", "\"status/list_pages\", \"own/list_services\", ");
        let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
        Self { gateway, issuer, pagerduty, vendor, _site: site }
    }

    /// The link that Ann's AI client is sent.
    async fn link(&self) -> Url {
        let token = self.issuer.access_token("ann", &self.gateway);
        let denied = self.gateway.call(&token, "own_list_services", json!({})).await;
        assert_eq!(code(&denied), "credential_missing");
        let remedy = &denied["result"]["_meta"]["io.github.mcp-govern/denial"]["remedy"];
        remedy["url"].as_str().unwrap_or_else(|| panic!("{denied}")).parse().unwrap()
    }

    /// Goes to the issuer; answers where it sends the browser back to.
    async fn to_issuer(&self, browser: &mut Browser, link: &Url) -> Url {
        let (status, page) = browser.send_form(&self.gateway.at("/connect/sign-in"), &self.gateway, link, "").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        browser.redirected(onward(&page).as_str()).await
    }

    /// Signs in; answers the page of the link.
    async fn sign_in(&self, browser: &mut Browser, link: &Url) -> (StatusCode, String) {
        let back = self.to_issuer(browser, link).await;
        let to = browser.redirected(back.as_str()).await;
        assert_eq!(to, *link, "back to the link, without code and state");
        browser.open(to.as_str()).await
    }
}

/// Where a page sends the browser by itself.
fn onward(page: &str) -> Url {
    let begin = page.find("content=\"0;url=").unwrap_or_else(|| panic!("{page}")) + 15;
    page[begin..].split('"').next().unwrap().replace("&amp;", "&").parse().unwrap()
}

#[tokio::test]
async fn a_person_signs_in_at_the_issuer_and_connects_an_account() {
    let scene = Scene::new(SIGN_IN).await;
    let link = scene.link().await;
    let mut browser = Browser::new();
    let (status, page) = browser.open(link.as_str()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Sign in at 127.0.0.1") && !page.contains("type=\"password\""), "{page}");
    assert!(page.contains("&lt;img src=x&gt; &amp; Co") && !page.contains("<img"), "{page}");
    let (status, page) = scene.sign_in(&mut browser, &link).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("You will sign in at `127.0.0.1`") && !page.contains("type=\"password\""), "{page}");
    let vendor = browser.go_on(&link, "").await;
    let (_, state) = vendor.query_pairs().into_owned().find(|(name, _)| name == "state").unwrap();
    let mut back: Url = scene.gateway.at("/connect/callback/own").parse().unwrap();
    back.query_pairs_mut().append_pair("code", "the-code").append_pair("state", &state);
    let (_, page) = browser.open(back.as_str()).await;
    assert!(page.contains("is connected"), "{page}");
    // The AI client, which is somewhere else, has the account from now on.
    let token = scene.issuer.access_token("ann", &scene.gateway);
    let answered = scene.gateway.call(&token, "own_list_services", json!({})).await;
    assert!(!answered["result"]["structuredContent"]["items"].as_array().unwrap().is_empty(), "{answered}");
    assert!(scene.pagerduty.violations().is_empty(), "{:?}", scene.pagerduty.violations());
    let session = browser.cookies().iter().find(|cookie| cookie.starts_with("mcp-connect-session=")).unwrap().clone();
    let log = format!("{:?}", scene.gateway.log());
    for secret in ["issuer-code-", "the-issuer-secret", "opaque-access", session.as_str(), token.as_str()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let at = page.find(&begin).unwrap_or_else(|| panic!("{name}: {page}")) + begin.len();
    page[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_signs_in_to_see_the_accounts_of_ones_own_and_disconnects_one() {
    let scene = Scene::new(SIGN_IN).await;
    let (accounts, link) = (scene.gateway.at("/connect/accounts"), scene.link().await);
    let mut browser = Browser::new();
    scene.sign_in(&mut browser, &link).await;
    let vendor = browser.go_on(&link, "").await;
    let (_, state) = vendor.query_pairs().into_owned().find(|(name, _)| name == "state").unwrap();
    let mut back: Url = scene.gateway.at("/connect/callback/own").parse().unwrap();
    back.query_pairs_mut().append_pair("code", "the-code").append_pair("state", &state);
    browser.open(back.as_str()).await;

    // Another person, in another browser and without a link, sees nothing of it.
    let mut other = Browser::new();
    let (status, page) = other.open(&accounts).await;
    assert!(status == StatusCode::OK && page.contains("Sign in at 127.0.0.1"), "{page}");
    assert!(!page.contains("&amp; Co"), "{page}");
    scene.issuer.is(|is| is.person = "ben".to_owned());
    let (status, page) = scene.sign_in(&mut other, &accounts.parse().unwrap()).await;
    assert!(status == StatusCode::OK && page.contains("No account of yours is connected"), "{page}");

    // Without the session of the browser that had one, the page is opened by a sign-in alone.
    let mut browser = Browser::new();
    scene.issuer.is(|is| is.person = "ann".to_owned());
    let (_, page) = scene.sign_in(&mut browser, &accounts.parse().unwrap()).await;
    let (mark, server) = (hidden(&page, "mark"), hidden(&page, "server"));
    let form = [("mark", mark.as_str()), ("server", server.as_str())];
    let (status, page) = other.post(&accounts, &scene.gateway, &form).await;
    assert!(status == StatusCode::GONE && page.contains("Nothing was changed"), "{page}");
    let (_, page) = browser.open(&accounts).await;
    let form = [("mark", hidden(&page, "mark")), ("server", server)];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (status, page) = browser.post(&accounts, &scene.gateway, &form).await;
    assert!(status == StatusCode::OK && page.contains("is disconnected"), "{page}");
    scene.link().await;
}

#[tokio::test]
async fn a_link_is_good_for_the_person_who_signed_in_alone() {
    let scene = Scene::new(SIGN_IN).await;
    let link = scene.link().await;
    let mut browser = Browser::new();
    scene.issuer.is(|is| is.person = "ben".to_owned());
    let (status, page) = scene.sign_in(&mut browser, &link).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(page.contains("This link is not for you") && page.contains("tell your security people"), "{page}");
    let (status, _) = browser.send_form(&scene.gateway.at("/connect"), &scene.gateway, &link, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER, "nobody is signed in any more");
    // Who it is for signs in in the same browser, and the link is still good.
    scene.issuer.is(|is| is.person = "ann".to_owned());
    assert_eq!(scene.sign_in(&mut browser, &link).await.0, StatusCode::OK);
    assert!(scene.vendor.forms().is_empty(), "no vendor was asked for anything");
}

#[tokio::test]
async fn a_sign_in_that_ends_in_another_browser_signs_nobody_in() {
    let scene = Scene::new(SIGN_IN).await;
    let link = scene.link().await;
    let (mut begins, mut other) = (Browser::new(), Browser::new());
    let back = scene.to_issuer(&mut begins, &link).await;
    let (status, page) = other.open(back.as_str()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(page.contains("This is not where it began"), "{page}");
    assert!(other.cookies().is_empty(), "{:?}", other.cookies());
    // The state is used up, also for the browser that began.
    assert_eq!(begins.open(back.as_str()).await.0, StatusCode::GONE);
    assert_eq!(scene.issuer.state.lock().unwrap().traded, 0, "the code went out");
}

#[tokio::test]
async fn a_redirect_is_good_once_and_from_the_issuer_alone() {
    let scene = Scene::new(SIGN_IN).await;
    let link = scene.link().await;
    let mut browser = Browser::new();
    let back = scene.to_issuer(&mut browser, &link).await;
    browser.redirected(back.as_str()).await;
    let (status, page) = browser.open(back.as_str()).await;
    assert_eq!(status, StatusCode::GONE, "{page}");
    // Another issuer, none where the issuer states itself, no code, an error with markup in it.
    let markup = "access_denied<script>alert(1)</script>";
    for (iss, answer, told) in [
        (Some("https://evil.example"), ("code", "x"), "another sign-in"),
        (None, ("code", "x"), "another sign-in"),
        (Some(scene.issuer.origin.as_str()), ("other", "x"), "no code"),
        (Some(scene.issuer.origin.as_str()), ("error", markup), "access_denied&lt;script&gt;"),
    ] {
        let back = scene.to_issuer(&mut browser, &link).await;
        let (_, state) = back.query_pairs().into_owned().find(|(name, _)| name == "state").unwrap();
        let mut forged: Url = scene.gateway.at("/connect/signed-in").parse().unwrap();
        forged.query_pairs_mut().append_pair("state", &state).append_pair(answer.0, answer.1);
        if let Some(iss) = iss {
            forged.query_pairs_mut().append_pair("iss", iss);
        }
        let traded = scene.issuer.state.lock().unwrap().traded;
        let (_, page) = browser.open(forged.as_str()).await;
        assert!(page.contains("You were not signed in") && page.contains(told) && page.contains("Try again"), "{page}");
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(scene.issuer.state.lock().unwrap().traded, traded, "the code went out");
    }
    // A code of another sign-in, and an ID token of another one, prove nothing.
    let query = |url: &Url| -> BTreeMap<String, String> { url.query_pairs().into_owned().collect() };
    let first = query(&scene.to_issuer(&mut browser, &link).await);
    let second = query(&scene.to_issuer(&mut browser, &link).await);
    let mut mixed: Url = scene.gateway.at("/connect/signed-in").parse().unwrap();
    let parts = [("code", &first["code"]), ("state", &second["state"]), ("iss", &scene.issuer.origin)];
    mixed.query_pairs_mut().extend_pairs(parts);
    let (_, page) = browser.open(mixed.as_str()).await;
    assert!(page.contains("refuses the code") && page.contains("`invalid_grant`"), "{page}");
    scene.issuer.is(|is| is.forgets_the_nonce = true);
    let back = scene.to_issuer(&mut browser, &link).await;
    let (_, page) = browser.open(back.as_str()).await;
    assert!(page.contains("the ID token is of another sign-in"), "{page}");
}

#[tokio::test]
async fn a_form_of_another_page_begins_no_sign_in() {
    let scene = Scene::new(SIGN_IN).await;
    let link = scene.link().await;
    let (_, ticket) = link.query_pairs().into_owned().find(|(name, _)| name == "ticket").unwrap();
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("ticket", &ticket).finish();
    let form =
        crate::world::client().post(scene.gateway.at("/connect/sign-in")).header("origin", "https://evil.example");
    assert_eq!(form.body(body).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let mut browser = Browser::new();
    let forged = Url::parse(&format!("{}?ticket=forged", scene.gateway.at("/connect"))).unwrap();
    let (status, _) = browser.send_form(&scene.gateway.at("/connect/sign-in"), &scene.gateway, &forged, "").await;
    assert_eq!(status, StatusCode::GONE);
}

#[tokio::test]
async fn an_issuer_that_is_down_or_says_something_else_is_told_of_and_tried_again() {
    let scene = Scene::new(SIGN_IN).await;
    let link = scene.link().await;
    let mut browser = Browser::new();
    scene.issuer.is(|is| is.down = true);
    let begin = scene.gateway.at("/connect/sign-in");
    let (status, page) = browser.send_form(&begin, &scene.gateway, &link, "").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(page.contains("does not answer") && page.contains("Try again"), "{page}");
    scene.issuer.is(|is| is.down = false);
    // It breaks between the two steps.
    let back = scene.to_issuer(&mut browser, &link).await;
    scene.issuer.is(|is| is.says_html = true);
    let (status, page) = browser.open(back.as_str()).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(page.contains("You were not signed in") && !page.contains("Welcome to"), "{page}");
    scene.issuer.is(|is| is.says_html = false);
    assert_eq!(scene.sign_in(&mut browser, &link).await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_a_sign_in_the_page_says_what_to_configure_and_takes_the_token() {
    let scene = Scene::new("").await;
    let link = scene.link().await;
    let mut browser = Browser::new();
    let (status, page) = browser.open(link.as_str()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("`[auth.jwt.sign_in]`") && page.contains("type=\"password\""), "{page}");
    let (status, _) = browser.send_form(&scene.gateway.at("/connect/sign-in"), &scene.gateway, &link, "").await;
    assert_eq!(status, StatusCode::GONE);
    let vendor = browser.go_on(&link, &scene.issuer.access_token("ann", &scene.gateway)).await;
    assert!(vendor.path().ends_with("/authorize"), "{vendor}");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_told_of_wherever_somebody_looks() {
    let issuer = Issuer::start("ann").await;
    issuer.is(|is| is.down = true);
    let site = Site::new().await;
    site.change("[auth]\n", &issuer.table(""));
    let checked = run(&["check", "--probe", &site.flag()], &[]).await;
    let told = stdout(&checked);
    assert_eq!(checked.status.code(), Some(2), "{told}");
    assert!(told.contains(&format!("auth.jwt: no key of the issuer `{}` can be read", issuer.origin)), "{told}");
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let line = gateway.logged("the issuer's keys could not be fetched").await;
    assert_eq!(line["issuer"], issuer.origin.as_str(), "as text: {line}");
    let ready = gateway.get("/readyz").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!((&ready["ready"], &ready["identity"]), (&json!(false), &json!("unavailable")));
    assert_eq!(gateway.get("/healthz").await.status(), StatusCode::OK);
    issuer.is(|is| is.down = false);
    let checked = run(&["check", "--probe", &site.flag()], &[]).await;
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let ready: Value = gateway.get("/readyz").await.json().await.unwrap();
    assert_eq!((&ready["ready"], &ready["identity"]), (&json!(true), &json!("ready")));
}

#[tokio::test]
async fn an_issuer_that_spells_its_name_otherwise_is_told_of_once_and_named_as_configured() {
    let issuer = Issuer::start("ann").await;
    issuer.is(|is| is.slash = "/");
    let site = Site::new().await;
    site.change("[auth]\n", &issuer.table(""));
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let line = gateway.logged("another spelling of its name").await;
    assert_eq!((&line["configured"], &line["stated"]), (&json!(issuer.origin), &json!(format!("{}/", issuer.origin))));
    let metadata: Value = gateway.get("/.well-known/oauth-protected-resource/mcp").await.json().await.unwrap();
    assert_eq!(metadata["authorization_servers"], json!([issuer.origin]));
    // Its tokens state that spelling, and the log says which issuer they are of.
    let claims = json!({"iss": format!("{}/", issuer.origin), "aud": gateway.url(), "sub": "ann", "client_id": "c", "exp": soon()});
    let refused = gateway.post(Some(&issuer.sign("at+jwt", &claims)), "tools/list", json!({})).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let line = gateway.logged("a request was refused: the token is of another issuer").await;
    assert_eq!((&line["reason"], &line["claimed_issuer"]), (&json!("issuer"), &json!(format!("{}/", issuer.origin))));
    let told = gateway.log().iter().filter(|line| line["configured"] == issuer.origin.as_str()).count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn people_of_two_issuers_and_a_machine_call_through_one_gateway() {
    let (one, two) = (Issuer::start("ann").await, Issuer::start("ben").await);
    let site = Site::new().await;
    let tables = format!(
        "[[auth.jwt]]\nissuer = \"{}\"\nuser_claim = \"email\"\n[[auth.jwt]]\nissuer = \"{}\"\n[auth]\nmode = \"both\"\n",
        one.origin, two.origin
    );
    site.change("[auth]\n", &tables);
    let grantee = format!("{{ user = {{ issuer = \"{}\", subject = \"ann@example.com\" }} }}", one.origin);
    site.add(&format!("[grants.by-address]\nprofile = \"look\"\ngrantee = {grantee}\n"));
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[]).await;
    let metadata: Value = gateway.get("/.well-known/oauth-protected-resource/mcp").await.json().await.unwrap();
    assert_eq!(metadata["authorization_servers"], json!([one.origin, two.origin]));

    let by_address = |verified: bool| {
        let claims = json!({
            "iss": one.origin, "aud": gateway.url(), "sub": "00u1f7", "email": "ann@example.com", "email_verified": verified,
            "client_id": "desktop", "exp": soon(),
        });
        one.sign("at+jwt", &claims)
    };
    let called =
        async |token: &str| gateway.call(token, "status_list_pages", json!({})).await["result"]["isError"].clone();
    assert_eq!(called(&by_address(true)).await, false);
    assert_eq!(called(ANN).await, false, "a token that was handed out");
    // The person of the other issuer comes in, and holds nothing.
    let ben = two.access_token("ben", &gateway);
    assert_eq!(gateway.post(Some(&ben), "tools/list", json!({})).await.status(), StatusCode::OK);
    assert_ne!(called(&ben).await, false);
    // A person whose address is not verified is not that person, and an issuer speaks for its own people alone.
    let of_the_other = json!({
        "iss": one.origin, "aud": gateway.url(), "sub": "x", "email": "ann@example.com", "client_id": "desktop", "exp": soon(),
    });
    for token in [by_address(false), two.sign("at+jwt", &of_the_other), "a-token-of-no-person".to_owned()] {
        let refused = gateway.post(Some(&token), "tools/list", json!({})).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_refusal_by_host_names_the_setting_of_the_file() {
    let site = Site::new().await;
    let gateway = site.start().await;
    let ask = |name: &str, value: &str| crate::world::client().get(gateway.at("/mcp")).header(name, value).send();
    let host = ask("host", "evil.example").await.unwrap();
    assert_eq!(host.status(), StatusCode::FORBIDDEN);
    let told = host.text().await.unwrap();
    assert!(told.contains("`http.hosts`") && told.contains("`evil.example`"), "{told}");
    let told = ask("origin", "https://evil.example").await.unwrap().text().await.unwrap();
    assert!(told.contains("`http.origins`") && told.contains("`https://evil.example`"), "{told}");
}
