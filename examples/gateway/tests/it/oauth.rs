//! People's own accounts at an authorization server that is as strict as the vendor's: connected, renewed, refused and taken away, on one
//! gateway and on two.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stand_ins::{Fault, PagerDutyStandIn};
use url::Url;

use crate::{
    connect::Browser,
    world::{ANN, BEN, Gateway, Site, call, code, content, eras, run, stderr, stdout, until},
};

/// PagerDuty's own description: an API of the file's own, whose document names where the authorization server is. The file says nothing but
/// client id, secret and scopes.
fn document(pagerduty: &PagerDutyStandIn) -> String {
    let base = pagerduty.base_url();
    let operation = |id: &str| {
        let responses = json!({"200": {"description": "ok", "content": {"application/json": {}}}});
        json!({"get": {"operationId": id, "x-govern": {"effect": "read"}, "responses": responses}})
    };
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Own", "version": "1"},
        "servers": [{"url": base.as_str().trim_end_matches('/')}],
        "security": [{"oauth": []}],
        "x-govern": {"headers": {"Accept": "application/vnd.pagerduty+json;version=2"}, "probe": [{"operation": "get_me"}],
            "errors": {"message": ["/error/message"], "scopes": ["/error/required_scopes"]}},
        "components": {"securitySchemes": {"oauth": {
            "type": "oauth2",
            "flows": {"authorizationCode": {
                "authorizationUrl": base.join("/oauth/authorize").unwrap(),
                "tokenUrl": base.join("/oauth/token").unwrap(),
                "scopes": {"users.read": "See users.", "services.read": "See services."},
            }},
            "x-govern": {"revoke_url": base.join("/oauth/revoke").unwrap(), "region_from": "id_token_audience"},
        }}},
        "paths": {"/users/me": operation("get_me"), "/services": operation("list_services"), "/incidents": operation("list_incidents")},
    })
    .to_string()
}

/// A gateway's folder, for Ann and Ben, who both may call.
async fn site(pagerduty: &PagerDutyStandIn) -> Site {
    let site = Site::new().await;
    site.write("own.json", &document(pagerduty));
    site.write("client.secret", &pagerduty.client_secret());
    let text = std::fs::read_to_string(site.file()).unwrap();
    site.write("gateway.toml", &format!("apis = [\"own.json\"]\n{text}"));
    site.add(&format!(
        r#"
[servers.own]
provider = "own"
title = "Own"
prefix = "own"
auth_method = "oauth"
sharing = "per_user"
approve = ["*"]

[connect.own]
client_id = "{}"
client_secret = {{ file = "client.secret" }}
scopes = ["users.read", "services.read"]

[grants.ben]
profile = "look"
grantee = {{ user = {{ issuer = "local", subject = "ben" }} }}
"#,
        pagerduty.client_id()
    ));
    site.change(
        "\"status/list_pages\", ",
        "\"status/list_pages\", \"own/get_me\", \"own/list_services\", \"own/list_incidents\", ",
    );
    site
}

/// A gateway that the authorization server knows.
async fn start(site: &Site, pagerduty: &PagerDutyStandIn) -> Gateway {
    let gateway = site.start().await;
    pagerduty.register_redirect_uri(gateway.at("/connect/callback/own"));
    gateway
}

/// The link that a call is answered with.
async fn link(gateway: &Gateway, who: &str) -> Url {
    let denied = gateway.call(who, "own_get_me", json!({})).await;
    let remedy = &denied["result"]["_meta"]["io.github.mcp-govern/denial"]["remedy"];
    remedy["url"].as_str().unwrap_or_else(|| panic!("{denied}")).parse().unwrap()
}

/// Goes to the vendor with a link and comes back: the address at which the browser ends up.
async fn to_the_vendor(browser: &mut Browser, link: &Url, who: &str) -> Url {
    let vendor = browser.go_on(link, who).await;
    browser.redirected(vendor.as_str()).await
}

/// Connects a person's account; the page that is shown at the end.
async fn connect(gateway: &Gateway, who: &str) -> String {
    let mut browser = Browser::new();
    let back = to_the_vendor(&mut browser, &link(gateway, who).await, who).await;
    browser.open(back.as_str()).await.1
}

/// Whom the vendor sees when a person calls.
async fn vendor_sees(gateway: &Gateway, who: &str) -> Value {
    let answered = gateway.call(who, "own_get_me", json!({})).await;
    let seen = answered["result"]["structuredContent"]["user"]["id"].clone();
    assert!(seen.is_string(), "{answered}");
    seen
}

async fn lists(gateway: &Gateway, who: &str) -> Value {
    gateway.call(who, "own_list_services", json!({})).await
}

fn went_well(answered: &Value) -> bool {
    answered["result"]["structuredContent"]["services"].is_array()
}

fn remedy(answered: &Value) -> &str {
    answered["result"]["_meta"]["io.github.mcp-govern/denial"]["remedy"]["action"]
        .as_str()
        .unwrap_or_else(|| panic!("{answered}"))
}

fn assert_no_token(pagerduty: &PagerDutyStandIn, text: &str) {
    for token in pagerduty.issued_tokens() {
        assert!(!text.contains(&token), "a token is in: {text:.200}");
    }
    assert!(!text.contains(&pagerduty.client_secret()), "the client secret is in: {text:.200}");
}

#[tokio::test]
async fn two_people_call_as_themselves_with_nothing_configured_but_the_application() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let checked = run(&["check", "--json", &site.flag()], &[]).await;
    assert_eq!(checked.status.code(), Some(0), "{}{}", stdout(&checked), stderr(&checked));
    let gateway = start(&site, &pagerduty).await;
    let page = connect(&gateway, ANN).await;
    assert!(page.contains("is connected"), "{page}");
    pagerduty.signs_in(1);
    let of_ben = connect(&gateway, BEN).await;
    let (ann, ben) = (vendor_sees(&gateway, ANN).await, vendor_sees(&gateway, BEN).await);
    assert_ne!(ann, ben);

    // A real client, of both eras, gets the answer of its own account.
    for era in eras() {
        let client = gateway.client(Some(BEN), era).await;
        let answered = client.call_tool(call("own_get_me", &json!({}))).await.unwrap();
        assert_eq!(content(&answered)["user"]["id"], ben);
        client.cancel().await.unwrap();
    }
    // A call that the token's scopes do not allow names the scope.
    let denied = gateway.call(ANN, "own_list_incidents", json!({})).await.to_string();
    assert!(denied.contains("incidents.read"), "{denied}");

    // After a restart the accounts are there, and renewed.
    gateway.stop().await;
    pagerduty.end_access_tokens();
    let gateway = start(&site, &pagerduty).await;
    assert_eq!((vendor_sees(&gateway, ANN).await, vendor_sees(&gateway, BEN).await), (ann, ben));
    assert!(pagerduty.violations().is_empty(), "{:?}", pagerduty.violations());

    assert!(pagerduty.issued_tokens().len() >= 8);
    let log = format!("{:?}", gateway.log());
    for text in [log, page, of_ben, denied] {
        assert_no_token(&pagerduty, &text);
    }
    gateway.stop().await;
    for name in site.names() {
        let bytes = std::fs::read(site.path().join(&name)).unwrap_or_default();
        if name != "client.secret" {
            assert_no_token(&pagerduty, &String::from_utf8_lossy(&bytes));
        }
    }
}

#[tokio::test]
async fn a_token_that_ended_by_the_vendors_clock_is_renewed_and_the_same_call_goes_through() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    pagerduty.access_tokens_last(Duration::from_mins(30));
    connect(&gateway, ANN).await;
    let who = vendor_sees(&gateway, ANN).await;
    // The vendor's clock is ahead of ours.
    pagerduty.advance(Duration::from_mins(35));
    assert_eq!(vendor_sees(&gateway, ANN).await, who);
    assert!(went_well(&lists(&gateway, ANN).await));
    assert!(pagerduty.violations().is_empty(), "{:?}", pagerduty.violations());
    gateway.stop().await;
}

#[tokio::test]
async fn two_gateways_that_renew_one_account_at_once_spend_no_refresh_token_twice() {
    let Some(cluster) = stand_ins::postgres::Cluster::shared() else { return };
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let url = cluster.database();
    let store = "[store]\nvault_keys = { env = \"VAULT\" }\naudit_key = { env = \"AUDIT\" }\n[settings]\n";
    site.change("[settings]\n", store);
    let (vault, audit) = (format!("one:{}", "00".repeat(32)), "5a".repeat(32));
    let (flag, store) = (site.flag(), format!("--store={url}"));
    let environment = [("VAULT", vault.as_str()), ("AUDIT", audit.as_str())];
    let one = Gateway::start(&[&flag, &store], &environment).await;
    let two = Gateway::start(&[&flag, &store], &environment).await;
    pagerduty.register_redirect_uri(one.at("/connect/callback/own"));
    pagerduty.register_redirect_uri(two.at("/connect/callback/own"));
    connect(&one, ANN).await;
    pagerduty.signs_in(1);
    connect(&two, BEN).await;
    let people = [vendor_sees(&one, ANN).await, vendor_sees(&two, BEN).await];
    until("both gateways with both accounts", async || {
        let (ann, ben) = (one.call(BEN, "own_get_me", json!({})).await, two.call(ANN, "own_get_me", json!({})).await);
        let there = |answered: &Value| answered["result"]["structuredContent"]["user"]["id"].is_string();
        (there(&ann) && there(&ben)).then_some(())
    })
    .await;
    for _ in 0..5 {
        pagerduty.end_access_tokens();
        let answers = tokio::join!(
            lists(&one, ANN),
            lists(&two, ANN),
            lists(&one, BEN),
            lists(&two, BEN),
            lists(&one, ANN),
            lists(&two, ANN),
        );
        let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5];
        assert!(answers.iter().all(went_well), "{answers:?}");
    }
    // A token that had come twice would have ended everything that its person allowed.
    assert_eq!(pagerduty.grants_in_force(), 2);
    for gateway in [&one, &two] {
        assert_eq!([vendor_sees(gateway, ANN).await, vendor_sees(gateway, BEN).await], people);
    }
    assert!(pagerduty.violations().is_empty(), "{:?}", pagerduty.violations());
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn what_a_person_has_revoked_at_the_vendor_leads_to_a_link_with_the_reason() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    connect(&gateway, ANN).await;
    pagerduty.revoke_grants_of(0);
    let denied = lists(&gateway, ANN).await;
    assert_eq!((code(&denied), remedy(&denied)), ("credential_unusable", "connect_account"));
    assert!(denied.to_string().contains("invalid_grant"), "{denied}");
    assert_no_token(&pagerduty, &denied.to_string());
    let page = connect(&gateway, ANN).await;
    assert!(page.contains("is connected"), "{page}");
    assert!(went_well(&lists(&gateway, ANN).await));
    gateway.stop().await;
}

#[tokio::test]
async fn an_authorization_server_that_is_down_or_answers_html_costs_no_connection() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    // The callback comes, and the authorization server does not answer.
    let mut browser = Browser::new();
    let back = to_the_vendor(&mut browser, &link(&gateway, ANN).await, ANN).await;
    pagerduty.fail_next_on("POST", "/oauth/token", Fault::status(503));
    let (status, page) = browser.open(back.as_str()).await;
    assert!(status == StatusCode::BAD_GATEWAY && page.contains("does not answer"), "{page}");
    connect(&gateway, ANN).await;
    for fault in [Fault::status(503), Fault::Html, Fault::status(429)] {
        pagerduty.end_access_tokens();
        pagerduty.fail_next_on("POST", "/oauth/token", fault);
        let denied = lists(&gateway, ANN).await;
        assert_eq!((code(&denied), remedy(&denied)), ("credential_unusable", "retry"), "{denied}");
        assert!(went_well(&lists(&gateway, ANN).await));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_secret_that_was_rotated_is_the_operators_business() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    connect(&gateway, ANN).await;
    let old = pagerduty.client_secret();
    pagerduty.rotate_client_secret("another+secret");
    assert!(went_well(&lists(&gateway, ANN).await), "a token that is good is used");
    pagerduty.end_access_tokens();
    let denied = lists(&gateway, ANN).await;
    assert_eq!(remedy(&denied), "ask_administrator");
    assert!(denied.to_string().contains("client secret is wrong or was rotated"), "{denied}");
    // With the next secret everybody is connected still.
    gateway.stop().await;
    site.write("client.secret", &pagerduty.client_secret());
    assert_ne!(old, pagerduty.client_secret());
    let gateway = start(&site, &pagerduty).await;
    assert!(went_well(&lists(&gateway, ANN).await));
    gateway.stop().await;
}

#[tokio::test]
async fn a_callback_that_is_lost_late_or_refused_connects_nothing_and_the_next_one_does() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    let mut browser = Browser::new();
    let lost = to_the_vendor(&mut browser, &link(&gateway, ANN).await, ANN).await;
    // Stolen: it comes in another browser.
    let (status, page) = Browser::new().open(lost.as_str()).await;
    assert!(status != StatusCode::OK && !page.contains("is connected"), "{page}");
    // Late: codes live for thirty seconds.
    let mut browser = Browser::new();
    let late = to_the_vendor(&mut browser, &link(&gateway, ANN).await, ANN).await;
    pagerduty.advance(Duration::from_secs(31));
    let (_, page) = browser.open(late.as_str()).await;
    assert!(page.contains("was not connected") && page.contains("refuses the code"), "{page}");
    pagerduty.allows(false);
    let mut browser = Browser::new();
    let refused = to_the_vendor(&mut browser, &link(&gateway, ANN).await, ANN).await;
    assert!(browser.open(refused.as_str()).await.1.contains("did not allow it"));
    pagerduty.allows(true);
    let mut browser = Browser::new();
    let back = to_the_vendor(&mut browser, &link(&gateway, ANN).await, ANN).await;
    assert!(browser.open(back.as_str()).await.1.contains("is connected"));
    // Replayed: the state was taken.
    assert_ne!(browser.open(back.as_str()).await.0, StatusCode::OK);
    assert_eq!(pagerduty.grants_in_force(), 1);
    assert!(went_well(&lists(&gateway, ANN).await));
    gateway.stop().await;
}

#[tokio::test]
async fn scopes_that_are_not_granted_are_named_and_an_account_of_no_use_is_not_connected() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    pagerduty.register_scopes(&["users.read"]);
    let page = connect(&gateway, ANN).await;
    assert!(page.contains("was not connected") && page.contains("`users.read`, `services.read`"), "{page}");
    assert_eq!(pagerduty.grants_in_force(), 0, "what is of no use is revoked");
    gateway.stop().await;
}

/// The vendor's own document has the region from the ID token, and the file overrides where the authorization server is.
#[tokio::test]
async fn an_account_of_another_region_is_not_connected() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let base = pagerduty.base_url();
    site.change("provider = \"own\"", &format!("provider = \"pagerduty\"\nbase_url = \"{base}\""));
    site.change("approve = [\"*\"]", "approve = [\"list_services\"]");
    site.change("\"own/get_me\", \"own/list_services\", \"own/list_incidents\", ", "\"own/list_services\", ");
    site.change(
        "[connect.own]\n",
        &format!("[connect.own]\nauthorize_url = \"{base}oauth/authorize\"\ntoken_url = \"{base}oauth/token\"\n"),
    );
    let gateway = start(&site, &pagerduty).await;
    let connect = async || {
        let denied = lists(&gateway, ANN).await;
        let remedy = &denied["result"]["_meta"]["io.github.mcp-govern/denial"]["remedy"];
        let link: Url = remedy["url"].as_str().unwrap_or_else(|| panic!("{denied}")).parse().unwrap();
        let mut browser = Browser::new();
        let back = to_the_vendor(&mut browser, &link, ANN).await;
        browser.open(back.as_str()).await.1
    };
    pagerduty.account_is_at("https://api.eu.pagerduty.com");
    let page = connect().await;
    assert!(page.contains("the account is in the EU region; this server is for US"), "{page}");
    pagerduty.account_is_at(base);
    let page = connect().await;
    assert!(page.contains("is connected"), "{page}");
    let answered = lists(&gateway, ANN).await;
    assert!(answered["result"]["structuredContent"]["items"].is_array(), "{answered}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_account_that_is_disconnected_is_revoked_at_the_vendor() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let gateway = start(&site, &pagerduty).await;
    connect(&gateway, ANN).await;
    assert_eq!(pagerduty.grants_in_force(), 1);
    let accounts = gateway.at("/connect/accounts");
    let mut browser = Browser::new();
    let (_, page) = browser.post(&accounts, &gateway, &[("token", ANN)]).await;
    let hidden = |name: &str| {
        let at = page.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
        page[at..].split('"').nth(3).unwrap().to_owned()
    };
    let (mark, server) = (hidden("mark"), hidden("server"));
    let fields = [("mark", mark.as_str()), ("server", server.as_str()), ("token", ANN)];
    let (_, page) = browser.post(&accounts, &gateway, &fields).await;
    assert!(page.contains("is disconnected"), "{page}");
    until("the revocation at the vendor", async || (pagerduty.grants_in_force() == 0).then_some(())).await;
    assert_eq!(code(&lists(&gateway, ANN).await), "credential_missing");
    gateway.stop().await;
}

#[tokio::test]
async fn scopes_are_stated_once_and_serve_the_review_and_the_sign_in() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let scoped = document(&pagerduty)
        .replace("\"x-govern\":{\"errors\"", "\"x-govern\":{\"asked_scopes\":{\"config\":\"oauth_scopes\"},\"errors\"")
        .replace(
            "\"region_from\"",
            "\"config\":[{\"name\":\"oauth_scopes\",\"required\":false,\"format\":\"scopes\"}],\"region_from\"",
        );
    assert_eq!(scoped.matches("oauth_scopes").count(), 2, "{scoped}");
    site.write("own.json", &scoped);
    let check = async || {
        let checked = run(&["check", "--json", &site.flag()], &[]).await;
        (checked.status.code(), stdout(&checked) + &stderr(&checked))
    };
    let (exit, told) = check().await;
    assert!(exit == Some(0) && told.contains("oauth_scopes = \\\"users.read services.read\\\""), "{told}");
    site.change(
        "sharing = \"per_user\"\n",
        "sharing = \"per_user\"\nconfig = { oauth_scopes = \"services.read, users.read\" }\n",
    );
    let (exit, told) = check().await;
    assert!(exit == Some(0) && !told.contains("not known to a review"), "{told}");
    site.change("scopes = [\"users.read\", \"services.read\"]", "scopes = [\"users.read\"]");
    let (exit, told) = check().await;
    assert!(exit == Some(2) && told.contains("are others than `config.oauth_scopes`"), "{told}");
    site.change("scopes = [\"users.read\"]\n", "");
    let gateway = start(&site, &pagerduty).await;
    let page = connect(&gateway, ANN).await;
    assert!(page.contains("is connected"), "{page}");
    assert!(went_well(&lists(&gateway, ANN).await));
    gateway.stop().await;
}

#[tokio::test]
async fn an_application_that_acts_as_itself_serves_everybody_with_one_token_that_is_renewed() {
    let pagerduty = PagerDutyStandIn::start().await;
    let site = site(&pagerduty).await;
    let own = document(&pagerduty).replace("authorizationCode", "clientCredentials");
    site.write("own.json", &own);
    site.change("sharing = \"per_user\"\n", "");
    let scopes = "scopes = [\"as_account-us.harbourline\", \"services.read\"]\ngrant = \"client_credentials\"";
    site.change("scopes = [\"users.read\", \"services.read\"]", scopes);
    let checked = run(&["check", "--json", &site.flag()], &[]).await;
    assert_eq!(checked.status.code(), Some(0), "{}{}", stdout(&checked), stderr(&checked));
    let gateway = start(&site, &pagerduty).await;
    assert!(went_well(&lists(&gateway, ANN).await) && went_well(&lists(&gateway, BEN).await));
    pagerduty.end_access_tokens();
    assert!(went_well(&lists(&gateway, BEN).await));
    gateway.stop().await;
    let gateway = start(&site, &pagerduty).await;
    assert!(went_well(&lists(&gateway, ANN).await));
    assert_eq!(pagerduty.issued_tokens().len(), 2, "the one in place is used until it ends");
    assert!(pagerduty.violations().is_empty(), "{:?}", pagerduty.violations());
    gateway.stop().await;
    site.change("client_secret = { file = \"client.secret\" }\n", "");
    let checked = run(&["check", &site.flag()], &[]).await;
    let told = stdout(&checked) + &stderr(&checked);
    assert!(told.contains("client credentials need a `client_secret`"), "{told}");
}

#[tokio::test]
async fn a_sign_in_that_cannot_work_is_found_by_check() {
    let pagerduty = PagerDutyStandIn::start().await;
    let found = async |from: &str, to: &str| {
        let site = site(&pagerduty).await;
        site.change(from, to);
        let checked = run(&["check", "--json", &site.flag()], &[]).await;
        (checked.status.code(), stdout(&checked) + &stderr(&checked))
    };
    let (exit, told) =
        found("client_secret = { file = \"client.secret\" }", "client_secret = { file = \"gone\" }").await;
    assert!(exit == Some(2) && told.contains("connect.own") && told.contains("gone"), "{told}");
    let (exit, told) = found("client_id = \"", "token_url = \"http://id.example.com/t\"\nclient_id = \"").await;
    assert!(exit == Some(2) && told.contains("not on https"), "{told}");
    let by_key = "provider = \"pagerduty\"\nconfig = { actor_email = \"a@example.com\" }\nauth_method = \"api_key\"";
    let by_oauth = "provider = \"own\"\ntitle = \"Own\"\nprefix = \"own\"\nauth_method = \"oauth\"";
    let (exit, told) = found(by_oauth, &format!("title = \"Own\"\nprefix = \"own\"\n{by_key}")).await;
    assert!(exit == Some(2) && told.contains("connect.own") && told.contains("no OAuth flow"), "{told}");
    assert!(told.contains("`authorize_url` and `token_url`, or the `issuer`"), "{told}");
    let (exit, told) = found("scopes = [\"users.read\", \"services.read\"]", "").await;
    assert!(exit == Some(0) && told.contains("no `scopes` are asked for"), "{told}");
}
