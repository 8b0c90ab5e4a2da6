//! Connecting an account: from the call that needs one to the call that has it, and what must not happen on the way.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    extract::{Query, Request as AxumRequest, State},
    response::Redirect,
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, StatusCode, header};
use mcp_govern_core::{AuthMethodId, Credential, CredentialFacts, Secret, ServerConfig};
use mcp_govern_server::{
    AuthError, AuthorizationGrant, AuthorizeRequest, ConnectAccount, ConnectAccounts, ConnectError, ConnectErrorKind,
    Consent, IdentifyVisitor, Presented, Visitor,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::world::{self, Answer, World, message, modern_with, token};

/// A vendor's sign-in on loopback: hands out one code for each request, and a token for a code with its verifier.
#[derive(Debug, Default)]
struct SignIn {
    codes: std::sync::Mutex<Vec<(String, String)>>,
}

async fn authorize(State(sign_in): State<Arc<SignIn>>, Query(asked): Query<Value>) -> Redirect {
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    assert_eq!((text("response_type"), text("code_challenge_method")), ("code".into(), "S256".into()));
    let mut codes = sign_in.codes.lock().unwrap();
    let code = format!("code-{}", codes.len());
    codes.push((code.clone(), text("code_challenge")));
    let mut back: Url = text("redirect_uri").parse().unwrap();
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &text("state"));
    Redirect::to(back.as_str())
}

async fn trade(State(sign_in): State<Arc<SignIn>>, request: AxumRequest) -> Result<String, StatusCode> {
    let body = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier").as_bytes()));
    let mut codes = sign_in.codes.lock().unwrap();
    let known = codes.iter().position(|entry| *entry == (field("code"), challenge.clone()));
    codes.remove(known.ok_or(StatusCode::BAD_REQUEST)?);
    Ok("token-of-ada-at-the-vendor".to_owned())
}

/// The OAuth client of the test.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    vendor: Url,
    /// What the vendor says that it has granted.
    granted: Vec<&'static str>,
}

impl Account {
    pub(crate) async fn start() -> Self {
        let sign_in = Arc::new(SignIn::default());
        let app = Router::new().route("/authorize", get(authorize)).route("/token", post(trade)).with_state(sign_in);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vendor = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { vendor, granted: Vec::new() }
    }
}

#[async_trait]
impl ConnectAccount for Account {
    fn can_connect(&self, server: &ServerConfig) -> bool {
        server.server.as_str() == "own"
    }

    fn consent(&self, _server: &ServerConfig) -> Consent {
        Consent::new(self.vendor.clone(), ["read", "<all>"])
    }

    async fn authorize(&self, _server: &ServerConfig, request: AuthorizeRequest) -> Result<Url, ConnectError> {
        let mut url = self.vendor.join("/authorize").unwrap();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", request.redirect_uri.as_str())
            .append_pair("state", &request.state)
            .append_pair("code_challenge", &request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    async fn exchange(&self, server: &ServerConfig, grant: AuthorizationGrant) -> Result<Credential, ConnectError> {
        assert_eq!(grant.redirect_uri.as_str(), "http://127.0.0.1:8700/connect/callback/own");
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", grant.code.expose())
            .append_pair("code_verifier", grant.code_verifier.expose())
            .finish();
        let sent = reqwest::Client::new().post(self.vendor.join("/token").unwrap()).body(form).send().await.unwrap();
        if !sent.status().is_success() {
            return Err(ConnectError::new(ConnectErrorKind::Refused, "the vendor refuses the code"));
        }
        let token = Secret::new(sent.text().await.unwrap());
        assert_eq!(server.spec.auth_method, AuthMethodId::new("token").unwrap());
        let facts = CredentialFacts::new().with_scopes(self.granted.iter().copied());
        Ok(Credential::new(server.spec.auth_method.clone()).with_field("token", token).with_facts(facts))
    }
}

async fn scene() -> World {
    scene_with(|connect| connect.with_wait(Duration::from_millis(20))).await
}

async fn scene_with(configure: impl FnOnce(ConnectAccounts) -> ConnectAccounts) -> World {
    let connect = configure(ConnectAccounts::new(Account::start().await));
    World::with(|builder| builder.with_connect(connect)).await
}

pub(crate) fn opens_links() -> Value {
    json!({"elicitation": {"url": {}}})
}

async fn ask(world: &World, name: &str, params: Value) -> Answer {
    world.send(modern_with(Some(&token(name)), "tools/call", params, opens_links())).await
}

fn mine() -> Value {
    json!({"name": "own_mine", "arguments": {"of": 1}})
}

fn again(state: &Value, action: &str) -> Value {
    json!({
        "name": "own_mine", "arguments": {"of": 1}, "requestState": state, "inputResponses": {"connect": {"action": action}},
    })
}

/// Asks until the answer is a link; answers link and state.
async fn link_for(world: &World, name: &str) -> (String, Value) {
    let result = ask(world, name, mine()).await.result();
    assert_eq!(result["resultType"], "input_required", "{result}");
    let question = &result["inputRequests"]["connect"];
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    (question["params"]["url"].as_str().unwrap().to_owned(), result["requestState"].clone())
}

/// A browser: it keeps cookies, and sends the origin of the page with its forms.
struct Browser<'a> {
    world: &'a World,
    cookies: Vec<String>,
    origin: &'static str,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, cookies: Vec::new(), origin: "http://127.0.0.1:8700" }
    }

    async fn send(&mut self, request: http::request::Builder, body: String) -> Answer {
        let request = request.header(header::HOST, "127.0.0.1:8700").header(header::COOKIE, self.cookies.join("; "));
        let answer = self.world.send(request.body(Body::from(body)).unwrap()).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            self.cookies.push(cookie.split(';').next().unwrap().to_owned());
        }
        answer
    }

    async fn open(&mut self, url: &str) -> Answer {
        let url: Url = url.parse().unwrap();
        let path = url[url::Position::BeforePath..].to_owned();
        self.send(Request::builder().uri(path), String::new()).await
    }

    /// Sends the form of the first page.
    async fn go_on(&mut self, link: &str, token: &str) -> Answer {
        let url: Url = link.parse().unwrap();
        let (_, ticket) = url.query_pairs().find(|(name, _)| name == "ticket").unwrap();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("ticket", &ticket).append_pair("token", token);
        let request = Request::builder().method("POST").uri("/connect").header(header::ORIGIN, self.origin);
        self.send(request, form.finish()).await
    }

    /// Signs in at the vendor; answers the redirect back.
    async fn sign_in(&mut self, page: &Answer) -> String {
        let html = page.text();
        let begin = html.find("content=\"0;url=").unwrap_or_else(|| panic!("no redirect: {html}")) + 15;
        let url = html[begin..].split('"').next().unwrap().replace("&amp;", "&");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }
}

async fn connect(world: &World, link: &str, name: &str) -> Answer {
    let mut browser = Browser::new(world);
    let page = browser.go_on(link, &token(name)).await;
    let back = browser.sign_in(&page).await;
    browser.open(&back).await
}

#[tokio::test]
async fn a_call_that_needs_an_account_leads_to_one() {
    let world = scene().await;
    let (link, state) = link_for(&world, "ada").await;
    let mut browser = Browser::new(&world);
    let page = browser.open(&link).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("Connect your account with Own &lt;Things&gt;"), "{}", page.text());
    assert!(page.text().contains("`desktop`") && !page.text().contains("<script"));
    // What is asked for where, and where the answer goes.
    for shown in [
        "sign in at `127.0.0.1`",
        "asked for there: `read`, `&lt;all&gt;`",
        "`http://127.0.0.1:8700/connect/callback/own`",
    ] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
    assert!(!link.contains("ada") && !page.text().contains("ada"), "nothing personal");
    let page = browser.go_on(&link, &token("ada")).await;
    assert!(page.text().contains("You are now sent to 127.0.0.1"), "{}", page.text());
    let back = browser.sign_in(&page).await;
    let page = browser.open(&back).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text().contains("is connected") && page.text().contains("The account is ada-at-the-vendor."),
        "{}",
        page.text()
    );
    let result = ask(&world, "ada", again(&state, "accept")).await.result();
    assert_eq!(result["structuredContent"], json!({"whose": "ada-at-the-vendor", "user": "ada"}));
    // Bob's is another account.
    assert_eq!(ask(&world, "bob", mine()).await.result()["resultType"], "input_required");
    let records = serde_json::to_string(&world.records().await).unwrap();
    assert!(!records.contains("token-of-ada") && !records.contains("code-0"));
}

#[tokio::test]
async fn what_the_vendor_has_not_granted_is_named_on_the_page_and_the_account_is_connected() {
    for (granted, named) in [(vec!["read", "more"], true), (vec!["read", "<all>"], false), (Vec::new(), false)] {
        let account = Account { granted, ..Account::start().await };
        let world = World::with(|builder| builder.with_connect(ConnectAccounts::new(account))).await;
        let (link, _) = link_for(&world, "ada").await;
        let page = connect(&world, &link, "ada").await.text().to_owned();
        assert!(page.contains("is connected"), "{page}");
        assert_eq!(page.contains("The vendor has not granted: `&lt;all&gt;`."), named, "{page}");
    }
}

#[tokio::test]
async fn each_era_is_asked_in_its_own_form() {
    let world = scene().await;
    let text = |answer: Answer| {
        let result = answer.result();
        assert_eq!(result["isError"], true);
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains("http://127.0.0.1:8700/connect?ticket="), "{text}");
        let denial = &result["structuredContent"]["denial"];
        assert_eq!(
            (&denial["code"], &denial["remedy"]["action"]),
            (&json!("credential_missing"), &json!("connect_account"))
        );
        assert!(text.contains(denial["remedy"]["url"].as_str().unwrap()));
    };
    // No links, in any version.
    text(world.call("ada", "own_mine", json!({})).await);
    text(world.legacy("ada", "2025-11-25", "tools/call", mine()).await);
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": opens_links(), "clientInfo": {"name": "test", "version": "1"},
    });
    let request = world::post(Some(&token("ada"))).body(Body::from(message("initialize", hello).to_string()));
    world.send(request.unwrap()).await.result();
    let error = world.legacy("ada", "2025-11-25", "tools/call", mine()).await.error();
    assert_eq!(error["code"], -32042);
    let asked = &error["data"]["elicitations"][0];
    assert_eq!(asked["mode"], "url");
    assert!(!asked["elicitationId"].as_str().unwrap().is_empty());
    assert!(
        error["message"].as_str().unwrap().contains(asked["url"].as_str().unwrap()),
        "for clients that show the text"
    );
    // The code is of that version alone, and what Ada's client said is not Bob's.
    text(world.legacy("ada", "2025-06-18", "tools/call", mine()).await);
    text(world.legacy("bob", "2025-11-25", "tools/call", mine()).await);
}

#[tokio::test]
async fn an_account_that_the_vendor_refuses_leads_to_a_link_in_each_era() {
    let world = scene().await;
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": opens_links(), "clientInfo": {"name": "test", "version": "1"},
    });
    let request = world::post(Some(&token("ada"))).body(Body::from(message("initialize", hello).to_string()));
    world.send(request.unwrap()).await.result();
    let begun = || world.vendor.begun.load(std::sync::atomic::Ordering::SeqCst);
    let (link, _) = link_for(&world, "ada").await;
    connect(&world, &link, "ada").await;
    // First by the vendor's refusal, then by what is known of it.
    for attempt in 0..2 {
        *world.vendor.refuses.lock().unwrap() = Some(0);
        let before = begun();
        let (link, state) = link_for(&world, "ada").await;
        assert_eq!(begun(), before + 1, "the vendor is asked once");
        let error = world.legacy("ada", "2025-11-25", "tools/call", mine()).await.error();
        assert_eq!(error["code"], -32042);
        assert!(error["message"].as_str().unwrap().contains("/connect?ticket="), "{error}");
        let result = world.call("ada", "own_mine", json!({})).await.result();
        let denial = &result["structuredContent"]["denial"];
        assert_eq!(
            (&denial["code"], &denial["remedy"]["action"]),
            (&json!("credential_unusable"), &json!("connect_account"))
        );
        assert_eq!(begun(), before + 1, "what is known to be refused is not sent again");
        // Connected again, the call that was asked for goes through.
        *world.vendor.refuses.lock().unwrap() = None;
        assert!(connect(&world, &link, "ada").await.text().contains("is connected"), "{attempt}");
        let result = ask(&world, "ada", again(&state, "accept")).await.result();
        assert_eq!(result["structuredContent"]["whose"], "ada-at-the-vendor");
    }
}

#[tokio::test]
async fn a_call_that_had_answers_before_its_account_was_refused_is_not_repeated_by_itself_where_it_changes_something() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    connect(&world, &link, "ada").await;
    // It only reads: to ask once more does no harm.
    *world.vendor.refuses.lock().unwrap() = Some(2);
    let result = ask(&world, "ada", mine()).await.result();
    assert_eq!(result["resultType"], "input_required", "{result}");
    let link = result["inputRequests"]["connect"]["params"]["url"].as_str().unwrap().to_owned();
    *world.vendor.refuses.lock().unwrap() = None;
    connect(&world, &link, "ada").await;
    *world.vendor.refuses.lock().unwrap() = Some(2);
    let change = json!({"name": "own_change", "arguments": {}});
    let result = ask(&world, "ada", change).await.result();
    assert_eq!((&result["resultType"], &result["isError"]), (&json!("complete"), &json!(true)));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("/connect?ticket=") && text.contains("look before you call again"), "{text}");
}

/// The value of a hidden field, of the first form that has it.
fn hidden(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let at = page.find(&begin).unwrap_or_else(|| panic!("{name}: {page}")) + begin.len();
    page[at..].split('"').next().unwrap().to_owned()
}

impl Browser<'_> {
    /// Sends a form of the page of accounts.
    async fn accounts(&mut self, fields: &[(&str, &str)]) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder().method("POST").uri("/connect/accounts").header(header::ORIGIN, self.origin);
        self.send(request, form).await
    }
}

#[tokio::test]
async fn a_person_disconnects_an_account_of_ones_own_and_of_nobody_else() {
    let world = scene().await;
    for name in ["ada", "bob"] {
        let (link, _) = link_for(&world, name).await;
        let page = connect(&world, &link, name).await.text().to_owned();
        assert!(page.contains("href=\"/connect/accounts\""), "{page}");
    }
    let mut browser = Browser::new(&world);
    let page = browser.open("http://127.0.0.1:8700/connect/accounts").await;
    assert!(page.status == StatusCode::OK && page.text().contains("type=\"password\""), "{}", page.text());
    assert!(!page.text().contains("at-the-vendor"), "nothing is shown to a stranger");
    assert_eq!(browser.accounts(&[("token", &token("nobody"))]).await.status, StatusCode::FORBIDDEN);
    let page = browser.accounts(&[("token", &token("ada"))]).await.text().to_owned();
    for shown in ["<h2>Own &lt;Things&gt;</h2>", "The account is ada-at-the-vendor.", "Connected at "] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains(&token("ada")), "the token is not sent back");
    let (mark, server) = (hidden(&page, "mark"), hidden(&page, "server"));

    // A form of another page, or one that was made up, changes nothing; neither does the mark of somebody else's page.
    let mut elsewhere = Browser { origin: "https://evil.example.com", ..Browser::new(&world) };
    assert_eq!(elsewhere.accounts(&[("mark", &mark), ("server", &server)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.accounts(&[("mark", "made-up"), ("server", &server)]).await.status, StatusCode::GONE);
    let of_bob = hidden(browser.accounts(&[("token", &token("bob"))]).await.text(), "mark");
    let page = browser.accounts(&[("token", &token("ada")), ("mark", &of_bob), ("server", &server)]).await;
    assert_eq!(page.status, StatusCode::GONE);
    ask(&world, "ada", mine()).await.result();
    assert_eq!(ask(&world, "bob", mine()).await.result()["structuredContent"]["user"], "bob");

    let page = browser.accounts(&[("mark", &mark), ("server", &server)]).await.text().to_owned();
    assert!(page.contains("is disconnected") && page.contains("No account of yours is connected"), "{page}");
    assert_eq!(ask(&world, "ada", mine()).await.result()["resultType"], "input_required");
    assert_eq!(ask(&world, "bob", mine()).await.result()["structuredContent"]["user"], "bob");
    // The form is good once.
    assert_eq!(browser.accounts(&[("mark", &mark), ("server", &server)]).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_page_of_accounts_goes_by_the_sign_in_of_the_application() {
    let world = scene_with(|connect| connect.with_visitors(Session)).await;
    let with = |session: &str| Browser { cookies: vec![session.to_owned()], ..Browser::new(&world) };
    let page = with("session=ada").open("http://127.0.0.1:8700/connect/accounts").await;
    assert!(page.status == StatusCode::OK && page.text().contains("No account of yours"), "{}", page.text());
    assert_eq!(with("session=?").open("http://127.0.0.1:8700/connect/accounts").await.status, StatusCode::FORBIDDEN);
    let page = with("none=1").open("http://127.0.0.1:8700/connect/accounts").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let (link, _) = link_for(&world, "ada").await;
    let mut ada = with("session=ada");
    let begun = ada.go_on(&link, "").await;
    let back = ada.sign_in(&begun).await;
    ada.open(&back).await;
    let page = with("session=ada").open("http://127.0.0.1:8700/connect/accounts").await.text().to_owned();
    let fields = [("mark", hidden(&page, "mark")), ("server", hidden(&page, "server"))];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // A page that was shown to Ada is good for nobody else who is signed in.
    assert_eq!(with("session=bob").accounts(&fields).await.status, StatusCode::GONE);
    let page = with("session=ada").open("http://127.0.0.1:8700/connect/accounts").await.text().to_owned();
    let fields = [("mark", hidden(&page, "mark")), ("server", "own".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(with("session=ada").accounts(&fields).await.text().contains("is disconnected"));
}

#[tokio::test]
async fn a_link_is_good_for_the_person_who_was_asked_alone() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    let mut browser = Browser::new(&world);
    for (name, title) in [("bob", "This link is not for you"), ("nobody", "That is not the right token")] {
        let page = browser.go_on(&link, &token(name)).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.text().contains(title), "{}", page.text());
    }
    // Nothing was used up by that.
    assert!(connect(&world, &link, "ada").await.text().contains("is connected"));
}

#[tokio::test]
async fn a_link_is_good_once_and_only_as_it_was_made() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    let mut browser = Browser::new(&world);
    // Looking does not use it up: programs look at links too.
    for _ in 0..3 {
        assert_eq!(browser.open(&link).await.status, StatusCode::OK);
    }
    browser.go_on(&link, &token("ada")).await;
    assert_eq!(browser.go_on(&link, &token("ada")).await.status, StatusCode::GONE);
    let (link, _) = link_for(&world, "ada").await;
    let mut tampered = link.clone();
    let at = link.len() - 60;
    tampered.replace_range(at..=at, if &link[at..=at] == "A" { "B" } else { "A" });
    assert_eq!(browser.open(&tampered).await.status, StatusCode::GONE);
    assert_eq!(browser.go_on(&tampered, &token("ada")).await.status, StatusCode::GONE);
    assert_eq!(browser.open("http://127.0.0.1:8700/connect").await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_redirect_that_is_opened_in_another_browser_connects_nothing() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    let mut own = Browser::new(&world);
    let page = own.go_on(&link, &token("ada")).await;
    // Ada sends the vendor's page to somebody else, who signs in there.
    let back = own.sign_in(&page).await;
    let page = Browser::new(&world).open(&back).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text().contains("This is not where it began"));
    // The state was used up by that.
    assert_eq!(own.open(&back).await.status, StatusCode::GONE);
    assert_eq!(ask(&world, "ada", mine()).await.result()["resultType"], "input_required");
}

#[tokio::test]
async fn a_redirect_of_another_servers_sign_in_connects_nothing() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    let mut browser = Browser::new(&world);
    let page = browser.go_on(&link, &token("ada")).await;
    let back = browser.sign_in(&page).await;
    assert!(back.starts_with("http://127.0.0.1:8700/connect/callback/own?"), "{back}");
    let page = browser.open(&back.replace("/callback/own?", "/callback/acme?")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text().contains("That was another sign-in"), "{}", page.text());
    // The state was used up by that.
    assert_eq!(browser.open(&back).await.status, StatusCode::GONE);
    assert_eq!(ask(&world, "ada", mine()).await.result()["resultType"], "input_required");
}

#[tokio::test]
async fn a_state_that_nobody_made_or_somebody_used_connects_nothing() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    let mut browser = Browser::new(&world);
    let page = browser.go_on(&link, &token("ada")).await;
    let back = browser.sign_in(&page).await;
    for forged in ["", "?code=code-0&state=", "?code=code-0&state=forged"] {
        let answer = browser.open(&format!("http://127.0.0.1:8700/connect/callback/own{forged}")).await;
        assert_eq!(answer.status, StatusCode::GONE, "{forged}");
    }
    assert!(browser.open(&back).await.text().contains("is connected"));
    assert_eq!(browser.open(&back).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_form_of_another_page_is_refused() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    for origin in ["https://evil.example.com", "null", "http://127.0.0.1:8701", "http://127.0.0.1"] {
        let mut browser = Browser { origin, ..Browser::new(&world) };
        assert_eq!(browser.go_on(&link, &token("ada")).await.status, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[tokio::test]
async fn a_person_who_says_no_at_the_vendor_reads_what_became_of_it() {
    let world = scene().await;
    let (link, _) = link_for(&world, "ada").await;
    let mut browser = Browser::new(&world);
    let page = browser.go_on(&link, &token("ada")).await;
    let back: Url = browser.sign_in(&page).await.parse().unwrap();
    let (_, state) = back.query_pairs().find(|(name, _)| name == "state").unwrap();
    let denied = format!("http://127.0.0.1:8700/connect/callback/own?error=access_denied&state={state}");
    let page = browser.open(&denied).await;
    assert!(page.text().contains("The account was not connected") && page.text().contains("did not allow it"));
    // A code that the vendor does not know.
    let (link, _) = link_for(&world, "ada").await;
    let page = browser.go_on(&link, &token("ada")).await;
    let back = browser.sign_in(&page).await.replace("code=code-", "code=other-");
    assert!(browser.open(&back).await.text().contains("the vendor refuses the code"));
}

#[tokio::test]
async fn a_request_state_is_good_once_for_its_own_call() {
    let world = scene().await;
    let (link, state) = link_for(&world, "ada").await;
    connect(&world, &link, "ada").await;
    let refused = |answer: Answer, text: &str| {
        let error = answer.error();
        assert_eq!(error["code"], -32602, "{error}");
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
    };
    let text = state.as_str().unwrap();
    let mut tampered = text.to_owned();
    tampered.replace_range(20..21, if &text[20..21] == "A" { "B" } else { "A" });
    refused(ask(&world, "ada", again(&json!(tampered), "accept")).await, "not valid");
    refused(ask(&world, "ada", again(&json!(""), "accept")).await, "not valid");
    refused(ask(&world, "bob", again(&state, "accept")).await, "not valid");
    let mut other_arguments = again(&state, "accept");
    other_arguments["arguments"] = json!({"of": 2});
    refused(ask(&world, "ada", other_arguments).await, "not valid");
    let mut other_tool = again(&state, "accept");
    other_tool["name"] = json!("acme_echo");
    refused(ask(&world, "ada", other_tool).await, "not valid");
    assert_eq!(world.vendor.begun.load(std::sync::atomic::Ordering::SeqCst), 0);
    ask(&world, "ada", again(&state, "accept")).await.result();
    refused(ask(&world, "ada", again(&state, "accept")).await, "used already");
    assert_eq!(world.vendor.begun.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_person_who_declines_is_not_asked_again_by_the_same_call() {
    let world = scene().await;
    let (_, state) = link_for(&world, "ada").await;
    let result = ask(&world, "ada", again(&state, "decline")).await.result();
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().contains("did not connect an account"));
    // Said yes and did not do it: a sentence with a link, and no question without end.
    let (_, state) = link_for(&world, "ada").await;
    let result = ask(&world, "ada", again(&state, "accept")).await.result();
    assert_eq!((&result["resultType"], &result["isError"]), (&json!("complete"), &json!(true)));
    assert!(result["content"][0]["text"].as_str().unwrap().contains("/connect?ticket="));
}

#[tokio::test]
async fn a_repeated_call_waits_for_the_person_to_finish() {
    let world = scene_with(|connect| connect.with_wait(Duration::from_secs(30))).await;
    let (link, state) = link_for(&world, "ada").await;
    let waiting = ask(&world, "ada", again(&state, "accept"));
    let (answer, page) = tokio::join!(waiting, connect(&world, &link, "ada"));
    assert!(page.text().contains("is connected"));
    assert_eq!(answer.result()["structuredContent"]["whose"], "ada-at-the-vendor");
}

#[derive(Debug)]
struct Session;

#[async_trait]
impl IdentifyVisitor for Session {
    async fn identify(&self, visit: &Presented<'_>) -> Result<Visitor, AuthError> {
        Ok(match visit.parts().headers.get(header::COOKIE).and_then(|cookie| cookie.to_str().ok()) {
            Some("session=ada") => Visitor::Known(world::user("ada")),
            Some("session=bob") => Visitor::Known(world::user("bob")),
            Some("session=?") => Visitor::Unknown,
            _ => Visitor::SignIn("http://127.0.0.1:8700/sign-in?next=x".parse().unwrap()),
        })
    }
}

#[tokio::test]
async fn an_application_with_a_sign_in_of_its_own_asks_for_no_token() {
    let world = scene_with(|connect| connect.with_visitors(Session)).await;
    let (link, _) = link_for(&world, "ada").await;
    let with = |session: &str| Browser { cookies: vec![session.to_owned()], ..Browser::new(&world) };
    let page = with("session=ada").open(&link).await;
    assert!(page.status == StatusCode::OK && !page.text().contains("type=\"password\""));
    assert_eq!(with("session=bob").open(&link).await.status, StatusCode::FORBIDDEN);
    assert_eq!(with("session=?").open(&link).await.status, StatusCode::FORBIDDEN);
    let page = with("none=1").open(&link).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(page.headers[header::LOCATION], "http://127.0.0.1:8700/sign-in?next=x");
    // A token does not stand in for the sign-in.
    assert_eq!(with("session=bob").go_on(&link, &token("ada")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(with("session=ada").go_on(&link, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_sign_in_for_the_vendor_the_refusal_says_what_is_missing() {
    let world = World::new().await;
    let result = ask(&world, "ada", mine()).await.result();
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["structuredContent"]["denial"]["code"], "credential_missing");
    assert_eq!(world.send(world::get("/connect")).await.status, StatusCode::NOT_FOUND);
    let error = ask(&world, "ada", again(&json!("anything"), "accept")).await.error();
    assert_eq!(error["code"], -32602);
}
