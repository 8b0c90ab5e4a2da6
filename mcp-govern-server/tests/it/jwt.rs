//! Signed tokens, and the keys that they are checked with.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{StatusCode, header};
use mcp_govern_core::{ManualClock, Timestamp};
use mcp_govern_server::{FetchJwks, FetchJwksError, JwtAuthenticator, JwtAuthenticatorBuilder, McpServer};
use serde_json::{Value, json};
use url::Url;

use crate::world::{Answer, Governed, PUBLIC, World, get, modern};

pub(crate) const ISSUER: &str = "https://id.example.com/realms/a";
pub(crate) const NOW: i64 = 1_800_000_000;

/// An issuer with a key that can be replaced, and a network that can be cut.
#[derive(Debug, Clone, Default)]
struct Issuer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    documents: Mutex<Vec<(String, String)>>,
    fetched: AtomicUsize,
    down: AtomicBool,
    takes: Mutex<Duration>,
}

#[async_trait]
impl FetchJwks for Issuer {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchJwksError> {
        self.0.fetched.fetch_add(1, Ordering::SeqCst);
        // Long enough for every other caller to arrive.
        let takes = *self.0.takes.lock().unwrap();
        tokio::time::sleep(takes.max(Duration::from_millis(20))).await;
        let documents = self.0.documents.lock().unwrap();
        let found = documents.iter().find(|(at, _)| at == url.as_str()).map(|(_, text)| text.clone().into_bytes());
        match found {
            Some(found) if !self.0.down.load(Ordering::SeqCst) => Ok(found),
            _ => Err(FetchJwksError::new("no answer")),
        }
    }
}

impl Issuer {
    fn publishes(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        let metadata = json!({"issuer": ISSUER, "jwks_uri": "https://id.example.com/keys"});
        *self.0.documents.lock().unwrap() = vec![
            ("https://id.example.com/realms/a/.well-known/openid-configuration".into(), metadata.to_string()),
            ("https://id.example.com/keys".into(), json!({ "keys": keys }).to_string()),
        ];
    }

    fn fetched(&self) -> usize {
        self.0.fetched.load(Ordering::SeqCst)
    }

    fn takes(&self, long: Duration) {
        *self.0.takes.lock().unwrap() = long;
    }

    fn is_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }
}

pub(crate) struct Key {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Self {
        Self { id, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": part(1..33), "y": part(33..65)})
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "ES256", "typ": "at+jwt", "kid": self.id}), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", text(header), text(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Claims that are good in every way.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": PUBLIC, "sub": "ada", "client_id": "desktop", "exp": NOW + 300, "iat": NOW,
        "scope": "openid mcp:tools", "realm_access": {"roles": ["desk-people"]},
    })
}

pub(crate) fn with(change: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

pub(crate) struct Scene {
    pub(crate) world: World,
    issuer: Issuer,
    pub(crate) key: Key,
    clock: Arc<ManualClock>,
}

impl Scene {
    pub(crate) async fn new(configure: impl FnOnce(JwtAuthenticatorBuilder) -> JwtAuthenticatorBuilder) -> Self {
        let (issuer, key) = (Issuer::default(), Key::new("one"));
        issuer.publishes(&[&key]);
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOW * 1000)));
        let builder = JwtAuthenticator::builder(ISSUER, PUBLIC, issuer.clone())
            .with_clock(clock.clone())
            .with_groups_claim("/realm_access/roles");
        let authenticator = configure(builder).build().unwrap();
        let ready = Governed::new(|builder| builder).await;
        let grant = mcp_govern_core::journal::Action::GrantProfile {
            grant: "people".try_into().unwrap(),
            profile: "desk".try_into().unwrap(),
            grantee: mcp_govern_core::Grantee::Group("desk-people".try_into().unwrap()),
            until: None,
        };
        let builder = McpServer::builder(ready.governor.clone(), authenticator, PUBLIC.parse().unwrap());
        let world = ready.serve(builder);
        world.commit(grant).await;
        Self { world, issuer, key, clock }
    }

    pub(crate) async fn list(&self, token: &str) -> Answer {
        self.world.send(modern(Some(token), "tools/list", json!({}))).await
    }

    /// The reason for which a token is refused.
    async fn reason(&self, token: &str) -> String {
        let answer = self.list(token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
        let challenge = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        answer.text().to_owned()
    }
}

#[tokio::test]
async fn a_good_token_makes_a_principal_with_groups_and_client() {
    let scene = Scene::new(|builder| builder).await;
    let result = scene.list(&scene.key.sign(&claims())).await.result();
    // What the group's grant opens, and the tool that asks for more.
    assert_eq!(result["tools"].as_array().unwrap().len(), 10);
    let call = modern(
        Some(&scene.key.sign(&claims())),
        "tools/call",
        json!({"name": "acme_echo", "arguments": {"text": "x"}}),
    );
    scene.world.send(call).await.result();
    let records = scene.world.records().await;
    let intent = records.iter().find(|entry| entry["record"] == "intent.v1").unwrap();
    assert_eq!(intent["data"]["caller"]["client"], format!("desktop ({ISSUER})"));
    assert_eq!(scene.issuer.fetched(), 3, "metadata in two places, and the keys, once");
}

#[tokio::test]
async fn every_kind_of_bad_token_is_refused() {
    let scene = Scene::new(|builder| builder).await;
    let other = Key::new("one");
    let sign = |claims: &Value| scene.key.sign(claims);
    for (token, reason) in [
        ("no.jwt".to_owned(), "not a signed JWT"),
        (other.sign(&claims()), "signature is wrong"),
        (sign(&with(&json!({"iss": "https://id.example.com"}))), "another issuer"),
        (sign(&with(&json!({"iss": [ISSUER]}))), "another issuer"),
        (
            sign(&with(&json!({"aud": "https://elsewhere.example.com"}))),
            "meant for another server: its audience must be `http://127.0.0.1:8700/mcp`",
        ),
        (sign(&with(&json!({"aud": null}))), "lacks one of"),
        (sign(&with(&json!({"sub": null}))), "lacks one of"),
        (sign(&with(&json!({"exp": NOW - 31}))), "has expired"),
        (sign(&with(&json!({"exp": null}))), "lacks one of"),
        (sign(&with(&json!({"nbf": NOW + 60}))), "not valid yet"),
        (sign(&with(&json!({"iat": NOW + 60}))), "in the future"),
        (sign(&with(&json!({"cnf": {"jkt": "x"}}))), "bound to a key"),
        (sign(&with(&json!({"cnf": {"x5t#S256": "x"}}))), "bound to a key"),
        (scene.key.sign_as(&json!({"alg": "ES256", "kid": "one"}), &claims()), "must accept `JWT`"),
        (scene.key.sign_as(&json!({"alg": "ES256", "typ": "dpop+jwt", "kid": "one"}), &claims()), "another type"),
        (sign(&with(&json!({"client_id": null}))), "names no client"),
        (scene.key.sign_as(&json!({"alg": "none", "typ": "at+jwt"}), &claims()), "not a signed JWT"),
        (scene.key.sign_as(&json!({"alg": "HS256", "typ": "at+jwt", "kid": "one"}), &claims()), "not accepted"),
        (scene.key.sign_as(&json!({"alg": "ES256", "typ": "JWT", "kid": "one"}), &claims()), "another type"),
        (
            scene.key.sign_as(&json!({"alg": "ES256", "typ": "at+jwt", "kid": "one", "crit": ["x"]}), &claims()),
            "extension",
        ),
        (scene.key.sign_as(&json!({"alg": "RS256", "typ": "at+jwt", "kid": "one"}), &claims()), "no key of this name"),
        (scene.key.sign_as(&json!({"alg": "ES256", "typ": "at+jwt", "kid": "two"}), &claims()), "does not publish"),
        (format!("{}x", "a".repeat(17_000)), "longer than"),
    ] {
        let told = scene.reason(&token).await;
        assert!(told.contains(reason), "{told} instead of {reason}");
    }
    let mut changed = sign(&claims());
    changed.replace_range(60..61, if &changed[60..61] == "A" { "B" } else { "A" });
    scene.reason(&changed).await;
    scene.list(&sign(&with(&json!({"aud": ["https://x.example.com", PUBLIC]})))).await.result();
}

#[tokio::test]
async fn a_token_that_expires_between_list_and_call_is_refused_at_the_call() {
    let scene = Scene::new(|builder| builder).await;
    let token = scene.key.sign(&claims());
    scene.list(&token).await.result();
    scene.clock.advance(Duration::from_secs(331));
    let call = modern(Some(&token), "tools/call", json!({"name": "acme_echo", "arguments": {"text": "x"}}));
    let answer = scene.world.send(call).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::UNAUTHORIZED, "the token has expired"));
    assert_eq!(scene.world.vendor.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which() {
    let scene = Scene::new(|builder| builder.with_required_scopes(["mcp:tools"])).await;
    scene.list(&scene.key.sign(&claims())).await.result();
    let answer = scene.list(&scene.key.sign(&with(&json!({"scope": "openid"})))).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let challenge = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"mcp:tools\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn clients_are_told_where_tokens_come_from() {
    let scene = Scene::new(|builder| builder.with_required_scopes(["mcp:tools"])).await;
    let answer = scene.world.send(modern(None, "tools/list", json!({}))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.headers[header::WWW_AUTHENTICATE],
        "Bearer scope=\"mcp:tools\", resource_metadata=\"http://127.0.0.1:8700/.well-known/oauth-protected-resource/mcp\""
    );
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let mut request = get(path);
        request.headers_mut().insert(header::ORIGIN, "https://anywhere.example.com".parse().unwrap());
        let answer = scene.world.send(request).await;
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "pages read it too");
        let document = answer.json();
        assert_eq!(document["resource"], PUBLIC);
        assert_eq!(document["authorization_servers"], json!([ISSUER]));
        assert_eq!(document["scopes_supported"], json!(["mcp:tools"]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    }
}

#[tokio::test]
async fn an_issuer_is_named_to_clients_to_the_letter() {
    for issuer in ["https://id.example.com/", "https://id.example.com", "https://Id.example.com:443/a/", ISSUER] {
        let authenticator = JwtAuthenticator::builder(issuer, PUBLIC, Issuer::default()).build().unwrap();
        let ready = Governed::new(|builder| builder).await;
        let builder = McpServer::builder(ready.governor.clone(), authenticator, PUBLIC.parse().unwrap());
        let world = ready.serve(builder);
        for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource/mcp/"] {
            let document = world.send(get(path)).await.json();
            assert_eq!(document["authorization_servers"], json!([issuer]), "{path}");
            assert_eq!(document["resource"], PUBLIC, "{path}");
        }
    }
}

#[tokio::test]
async fn the_resource_is_named_to_clients_to_the_letter() {
    for (public, spelled) in [
        ("https://tools.example.com/", Some("https://tools.example.com/")),
        ("https://tools.example.com", None),
        ("https://tools.example.com/mcp/", Some("https://TOOLS.example.com:443/mcp/")),
    ] {
        let authenticator = JwtAuthenticator::builder(ISSUER, PUBLIC, Issuer::default()).build().unwrap();
        let ready = Governed::new(|builder| builder).await;
        let mut builder = McpServer::builder(ready.governor.clone(), authenticator, public.parse().unwrap());
        if let Some(spelled) = spelled {
            builder = builder.with_resource(spelled);
        }
        let world = ready.serve(builder);
        let mut request = get("/.well-known/oauth-protected-resource");
        request.headers_mut().insert(header::HOST, "tools.example.com".parse().unwrap());
        assert_eq!(world.send(request).await.json()["resource"], spelled.unwrap_or(public));
    }
    let authenticator = JwtAuthenticator::builder(ISSUER, PUBLIC, Issuer::default()).build().unwrap();
    let ready = Governed::new(|builder| builder).await;
    let builder = McpServer::builder(ready.governor.clone(), authenticator, PUBLIC.parse().unwrap());
    assert!(builder.with_resource("https://elsewhere.example.com/mcp").build().is_err());
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_and_known_ones_serve_while_the_issuer_is_down() {
    let scene = Scene::new(|builder| builder).await;
    scene.list(&scene.key.sign(&claims())).await.result();
    scene.issuer.is_down(true);
    // Old enough to be fetched anew, again and again: the known key serves on.
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(700)).await;
        scene.list(&scene.key.sign(&claims())).await.result();
    }
    // A new key while the issuer is down: nobody can tell.
    let new = Key::new("two");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(scene.list(&new.sign(&claims())).await.status, StatusCode::SERVICE_UNAVAILABLE);
    scene.issuer.is_down(false);
    scene.issuer.publishes(&[&new]);
    tokio::time::advance(Duration::from_secs(31)).await;
    scene.list(&new.sign(&claims())).await.result();
    // The old key is gone with the new set.
    scene.reason(&scene.key.sign(&claims())).await;
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_confirmed_for_an_hour_serve_no_more() {
    let scene = Scene::new(|builder| builder).await;
    scene.list(&scene.key.sign(&claims())).await.result();
    scene.issuer.is_down(true);
    tokio::time::advance(Duration::from_secs(3590)).await;
    scene.list(&scene.key.sign(&claims())).await.result();
    tokio::time::advance(Duration::from_secs(11)).await;
    let answer = scene.list(&scene.key.sign(&claims())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers[header::RETRY_AFTER], "5");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_not_used_after_its_age_however_quiet_it_was() {
    let scene = Arc::new(Scene::new(|builder| builder).await);
    scene.list(&scene.key.sign(&claims())).await.result();
    scene.issuer.publishes(&[&Key::new("fresh")]);
    tokio::time::advance(Duration::from_secs(900)).await;
    // The very first ones, all at once, and all of them by one fetch.
    let before = scene.issuer.fetched();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (scene, stolen) = (Arc::clone(&scene), scene.key.sign(&claims()));
        all.spawn(async move { scene.reason(&stolen).await });
    }
    all.join_all().await;
    assert_eq!(scene.issuer.fetched() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_slow_holds_known_keys_up_for_two_seconds_and_is_heard_all_the_same() {
    let scene = Scene::new(|builder| builder).await;
    scene.list(&scene.key.sign(&claims())).await.result();
    scene.issuer.takes(Duration::from_secs(3));
    tokio::time::advance(Duration::from_secs(700)).await;
    let (began, new) = (tokio::time::Instant::now(), Key::new("two"));
    scene.issuer.publishes(&[&new]);
    scene.list(&scene.key.sign(&claims())).await.result();
    assert_eq!(began.elapsed().as_secs(), 2);
    // The fetch went on, and its keys are the ones that count.
    tokio::time::sleep(Duration::from_secs(8)).await;
    scene.list(&new.sign(&claims())).await.result();
    scene.issuer.takes(Duration::ZERO);
    scene.reason(&scene.key.sign(&claims())).await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_causes_one_fetch() {
    let scene = Arc::new(Scene::new(|builder| builder).await);
    scene.list(&scene.key.sign(&claims())).await.result();
    let before = scene.issuer.fetched();
    tokio::time::advance(Duration::from_secs(31)).await;
    let flood = async |expected: StatusCode| {
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let scene = Arc::clone(&scene);
            let token = Key::new("forged").sign(&claims());
            all.spawn(async move { scene.list(&token).await });
        }
        while let Some(answer) = all.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, expected);
            let held_back = answer.headers.contains_key(header::RETRY_AFTER);
            assert_eq!(held_back, expected == StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    flood(StatusCode::UNAUTHORIZED).await;
    assert_eq!(scene.issuer.fetched() - before, 3, "metadata in two places, and the keys, once");
    // Nobody looks now, so nobody can say that there is no such key.
    tokio::time::advance(Duration::from_secs(1)).await;
    flood(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(scene.issuer.fetched() - before, 3, "none within the pause");
    // Who has a known key is not held up.
    scene.list(&scene.key.sign(&claims())).await.result();
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_different_unknown_keys_causes_few_fetches() {
    let scene =
        Arc::new(Scene::new(|builder| builder.with_jwks_url("https://id.example.com/keys".parse().unwrap())).await);
    scene.list(&scene.key.sign(&claims())).await.result();
    let before = scene.issuer.fetched();
    let forged = |number: usize| {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": format!("forged-{number}")});
        scene.key.sign_as(&header, &claims())
    };
    // For five minutes, ten a second.
    for number in 0..3000 {
        let status = scene.list(&forged(number)).await.status;
        assert!(matches!(status, StatusCode::UNAUTHORIZED | StatusCode::SERVICE_UNAVAILABLE), "{status}");
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let fetches = scene.issuer.fetched() - before;
    assert!((5..=20).contains(&fetches), "{fetches}");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_although_a_stranger_has_just_had_the_keys_fetched() {
    let scene = Scene::new(|builder| builder).await;
    scene.list(&scene.key.sign(&claims())).await.result();
    tokio::time::advance(Duration::from_secs(31)).await;
    scene.reason(&Key::new("forged").sign(&claims())).await;
    // The rotation: within the pause after that fetch.
    let new = Key::new("two");
    scene.issuer.publishes(&[&scene.key, &new]);
    scene.list(&new.sign(&claims())).await.result();
}

#[tokio::test]
async fn an_issuer_that_states_no_type_is_accepted_where_that_was_said_and_its_id_tokens_are_not() {
    let scene = Scene::new(|builder| builder.with_token_types(["JWT"])).await;
    let header = |typ: Value| json!({"alg": "ES256", "typ": typ, "kid": "one"});
    // As Okta and Microsoft Entra write them.
    scene.list(&scene.key.sign_as(&json!({"alg": "ES256", "kid": "one"}), &claims())).await.result();
    scene.list(&scene.key.sign_as(&header(json!("JWT")), &claims())).await.result();
    scene.list(&scene.key.sign_as(&header(json!("application/jwt")), &claims())).await.result();
    for claim in ["nonce", "at_hash"] {
        let told = scene.reason(&scene.key.sign_as(&header(json!("JWT")), &with(&json!({claim: "x"})))).await;
        assert!(told.contains("is an ID token"), "{told}");
    }
    assert!(scene.reason(&scene.key.sign(&claims())).await.contains("another type"));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_from_the_start_is_asked_once_for_all() {
    let scene = Arc::new(Scene::new(|builder| builder).await);
    scene.issuer.is_down(true);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (scene, token) = (Arc::clone(&scene), scene.key.sign(&claims()));
        all.spawn(async move { scene.list(&token).await.status });
    }
    while let Some(status) = all.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(scene.issuer.fetched(), 2, "metadata in two places, once");
    scene.issuer.is_down(false);
    tokio::time::advance(Duration::from_secs(31)).await;
    scene.list(&scene.key.sign(&claims())).await.result();
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_used() {
    let scene = Scene::new(|builder| builder).await;
    let metadata = json!({"issuer": "https://evil.example.com", "jwks_uri": "https://evil.example.com/keys"});
    let evil = Key::new("one");
    *scene.issuer.0.documents.lock().unwrap() = vec![
        ("https://id.example.com/.well-known/oauth-authorization-server/realms/a".into(), metadata.to_string()),
        ("https://evil.example.com/keys".into(), json!({"keys": [evil.public()]}).to_string()),
    ];
    assert_eq!(scene.list(&evil.sign(&claims())).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn an_issuer_without_https_is_refused() {
    let build = |issuer: &str| JwtAuthenticator::builder(issuer, PUBLIC, Issuer::default()).build();
    assert!(build("http://id.example.com").is_err());
    assert!(build("no url").is_err());
    assert!(build("http://127.0.0.1:8080").is_ok());
    assert!(JwtAuthenticator::builder(ISSUER, "", Issuer::default()).build().is_err());
    assert!(JwtAuthenticator::builder(ISSUER, PUBLIC, Issuer::default()).with_algorithms([]).build().is_err());
}

#[tokio::test]
async fn an_id_token_names_a_person_to_the_client_and_the_sign_in_that_it_was_made_for() {
    let (issuer, key) = (Issuer::default(), Key::new("one"));
    issuer.publishes(&[&key]);
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOW * 1000)));
    let authenticator = JwtAuthenticator::builder(ISSUER, PUBLIC, issuer.clone()).with_clock(clock).build().unwrap();
    let person = async |header: Value, change: Value| {
        let mut claims = json!({"iss": ISSUER, "aud": "gateway", "sub": "ada", "nonce": "n-1", "exp": NOW + 300});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = mcp_govern_core::Secret::new(key.sign_as(&header, &claims));
        let person = authenticator.person_of_id_token(&token, "gateway", "n-1").await;
        person.map(|user| user.to_string()).map_err(|error| error.to_string())
    };
    let plain = || json!({"alg": "ES256", "typ": "JWT", "kid": "one"});
    for good in [json!({}), json!({"aud": ["gateway", "other"], "azp": "gateway"}), json!({"aud": ["gateway"]})] {
        assert_eq!(person(plain(), good).await.unwrap(), format!("ada ({ISSUER})"));
    }
    for (change, reason) in [
        (json!({"nonce": "n-2"}), "another sign-in"),
        (json!({"nonce": null}), "another sign-in"),
        (json!({"aud": PUBLIC}), "meant for another server"),
        (json!({"aud": ["gateway", "other"]}), "another client"),
        (json!({"azp": "other"}), "another client"),
        (json!({"iss": "https://id.example.com"}), "another issuer"),
        (json!({"exp": NOW - 300}), "has expired"),
        (json!({"sub": ""}), "not understood"),
    ] {
        let told = person(plain(), change).await.unwrap_err();
        assert!(told.contains(reason), "{told} instead of {reason}");
    }
    let access = json!({"alg": "ES256", "typ": "at+jwt", "kid": "one"});
    assert!(person(access, json!({})).await.unwrap_err().contains("an access token"));
    // And an ID token opens nothing here.
    let id_token = key.sign_as(&plain(), &with(&json!({"nonce": "n-1", "aud": PUBLIC})));
    let presented = authenticator.person_of_access_token(&mcp_govern_core::Secret::new(id_token)).await;
    assert!(presented.is_err());
}

#[tokio::test(start_paused = true)]
async fn readiness_asks_for_keys_that_were_never_read_and_says_so() {
    let scene = Scene::new(|builder| builder).await;
    let app = scene.world.server.health_router();
    scene.issuer.is_down(true);
    let ready = crate::world::send_to(&app, get("/readyz")).await;
    assert_eq!(
        (ready.status, ready.json()["identity"].clone()),
        (StatusCode::SERVICE_UNAVAILABLE, json!("unavailable"))
    );
    scene.issuer.is_down(false);
    tokio::time::advance(Duration::from_secs(31)).await;
    let ready = crate::world::send_to(&app, get("/readyz")).await;
    assert_eq!((ready.status, ready.json()["identity"].clone()), (StatusCode::OK, json!("ready")));
    // Known keys serve while it is down, and are enough.
    scene.issuer.is_down(true);
    let fetched = scene.issuer.fetched();
    assert_eq!(crate::world::send_to(&app, get("/readyz")).await.status, StatusCode::OK);
    assert_eq!(scene.issuer.fetched(), fetched);
}
