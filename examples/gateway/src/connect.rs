//! The vendors' sign-ins for people's own accounts: OAuth 2.0 with an authorization code and PKCE.
//!
//! A token is not refreshed: when it has ended, the person is asked to connect again.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use mcp_govern_core::{Clock, Credential, CredentialFacts, Secret, ServerConfig, ServerId, SystemClock, UserId};
use mcp_govern_openapi::Transport;
use mcp_govern_server::{
    AuthError, AuthorizationGrant, AuthorizeRequest, ConnectAccount, ConnectError, ConnectErrorKind, Consent,
    IdentifyVisitor, Presented, Visitor,
};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::{
    config::{Config, SignIn},
    failure::Failure,
    providers,
};

/// How long the vendor may take to trade a code.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer of a token endpoint that is read.
const LONGEST: usize = 64 << 10;

/// The vendors' sign-ins, by server.
#[derive(Debug)]
pub(crate) struct SignIns {
    by_server: BTreeMap<ServerId, Vendor>,
    transport: Arc<dyn Transport>,
}

#[derive(Debug)]
struct Vendor {
    sign_in: SignIn,
    client: Client,
}

/// What the gateway is to a sign-in.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<Secret>,
}

/// What a token endpoint answers (RFC 6749, section 5.1).
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    /// Where the scope `openid` was asked for (`OpenID` Connect Core 1.0, section 3.1.3.3).
    #[serde(default)]
    pub(crate) id_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    scope: Option<String>,
}

impl SignIns {
    /// Looks the client secrets up.
    pub(crate) fn new(config: &Config) -> Result<Self, Failure> {
        let mut by_server = BTreeMap::new();
        for (server, sign_in) in &config.document.connect {
            let place = |failure: Failure| failure.at(format_args!("connect.{server}"));
            for url in [&sign_in.authorize_url, &sign_in.token_url] {
                if !is_safe(url) {
                    return Err(place(Failure::config(format!("`{url}` is not on https"))));
                }
            }
            let client_secret = sign_in
                .client_secret
                .as_ref()
                .map(|secret| secret.resolve(config.base()))
                .transpose()
                .map_err(place)?;
            let client = Client { id: sign_in.client_id.to_string(), secret: client_secret };
            by_server.insert(server.clone(), Vendor { sign_in: sign_in.clone(), client });
        }
        Ok(Self { by_server, transport: Arc::new(providers::transport(config)) })
    }

    fn of(&self, server: &ServerConfig) -> Result<&Vendor, ConnectError> {
        let absent =
            || ConnectError::new(ConnectErrorKind::Config, format!("server `{}` has no sign-in", server.server));
        self.by_server.get(&server.server).ok_or_else(absent)
    }
}

#[async_trait]
impl ConnectAccount for SignIns {
    fn can_connect(&self, server: &ServerConfig) -> bool {
        self.by_server.contains_key(&server.server)
    }

    fn consent(&self, server: &ServerConfig) -> Consent {
        let known = self.by_server.get(&server.server);
        known.map_or_else(Consent::default, |vendor| {
            Consent::new(vendor.sign_in.authorize_url.clone(), &vendor.sign_in.scopes)
        })
    }

    async fn authorize(&self, server: &ServerConfig, request: AuthorizeRequest) -> Result<Url, ConnectError> {
        let sign_in = &self.of(server)?.sign_in;
        let mut url = sign_in.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", sign_in.client_id.as_str())
            .append_pair("redirect_uri", request.redirect_uri.as_str())
            .append_pair("state", &request.state)
            .append_pair("code_challenge", &request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        if !sign_in.scopes.is_empty() {
            url.query_pairs_mut().append_pair("scope", &sign_in.scopes.join(" "));
        }
        Ok(url)
    }

    async fn exchange(&self, server: &ServerConfig, grant: AuthorizationGrant) -> Result<Credential, ConnectError> {
        let vendor = self.of(server)?;
        // The code goes to nobody but the vendor whose redirect it came with (RFC 9207, section 2.4).
        if !vendor.sign_in.is_from(grant.issuer.as_deref()) {
            return Err(ConnectError::new(ConnectErrorKind::Refused, "the redirect came from another sign-in"));
        }
        let (url, client) = (&vendor.sign_in.token_url, &vendor.client);
        let tokens = trade(&*self.transport, url, client, &grant, "the vendor's sign-in").await?;
        let mut facts = CredentialFacts::new();
        facts.scopes = tokens.scope.iter().flat_map(|scope| scope.split(' ')).map(str::to_owned).collect();
        facts.expires = tokens.expires_in.map(|seconds| SystemClock.now().plus(Duration::from_secs(seconds)));
        let credential = Credential::new(server.spec.auth_method.clone());
        Ok(credential.with_field(&vendor.sign_in.field, Secret::new(tokens.access_token)).with_facts(facts))
    }
}

impl SignIn {
    /// Whether a redirect that states this issuer is this sign-in's. Where none is configured, one that is stated must at least be of the
    /// host where the person signed in.
    fn is_from(&self, stated: Option<&str>) -> bool {
        match (&self.issuer, stated) {
            (Some(expected), stated) => stated == Some(expected),
            (None, Some(stated)) => {
                stated.parse::<Url>().is_ok_and(|stated| stated.origin() == self.authorize_url.origin())
            }
            (None, None) => true,
        }
    }
}

/// The person who opens a link on this machine, where callers do not prove who they are.
#[derive(Debug)]
pub(crate) struct OnThisMachine(pub(crate) UserId);

#[async_trait]
impl IdentifyVisitor for OnThisMachine {
    async fn identify(&self, visit: &Presented<'_>) -> Result<Visitor, AuthError> {
        let here = |address: Option<IpAddr>| address.is_some_and(|address| address.to_canonical().is_loopback());
        let known = here(visit.peer()) && here(visit.source());
        Ok(if known { Visitor::Known(self.0.clone()) } else { Visitor::Unknown })
    }
}

/// Trades a code at a token endpoint. `whose` names it in errors.
pub(crate) async fn trade(
    transport: &dyn Transport,
    token_url: &Url,
    client: &Client,
    grant: &AuthorizationGrant,
    whose: &str,
) -> Result<Tokens, ConnectError> {
    let unavailable = |what: &dyn std::fmt::Display| {
        ConnectError::new(ConnectErrorKind::Unavailable, format!("{whose} does not answer: {what}"))
    };
    let request = Request::post(token_url.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form(client, grant)))
        .map_err(|error| ConnectError::new(ConnectErrorKind::Config, error.to_string()))?;
    let answer = transport.send(request, Instant::now() + TIMEOUT).await.map_err(|error| unavailable(&error))?;
    let status = answer.status();
    let (mut body, mut read) = (answer.into_body(), Vec::new());
    while let Some(piece) = body.next_chunk().await.map_err(|error| unavailable(&error))? {
        if read.len() + piece.len() > LONGEST {
            return Err(unavailable(&"its answer is too long"));
        }
        read.extend_from_slice(&piece);
    }
    match status {
        StatusCode::OK => serde_json::from_slice(&read).map_err(|_| unavailable(&"its answer holds no access token")),
        status if status.is_client_error() => Err(ConnectError::new(
            ConnectErrorKind::Refused,
            format!("{whose} refuses the code ({status}{})", why(&read)),
        )),
        status => Err(unavailable(&status)),
    }
}

/// What a token endpoint is asked with (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
fn form(client: &Client, grant: &AuthorizationGrant) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", grant.code.expose())
        .append_pair("redirect_uri", grant.redirect_uri.as_str())
        .append_pair("client_id", &client.id)
        .append_pair("code_verifier", grant.code_verifier.expose());
    if let Some(secret) = &client.secret {
        form.append_pair("client_secret", secret.expose());
    }
    form.finish()
}

/// The error code of a refusal (RFC 6749, section 5.2), which holds no secret.
fn why(answer: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }
    let plain =
        |code: &String| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let code = serde_json::from_slice::<Refused>(answer).ok().map(|refused| refused.error).filter(plain);
    code.map_or_else(String::new, |code| format!(", `{code}`"))
}

/// Whether codes and tokens may go there.
pub(crate) fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_code_alone() {
        assert_eq!(why(br#"{"error":"invalid_grant","error_description":"canary"}"#), ", `invalid_grant`");
        assert_eq!(why(br#"{"error":"<script>"}"#), "");
        assert_eq!(why(b"canary"), "");
    }

    #[test]
    fn a_redirect_that_states_another_issuer_is_refused_whether_one_is_configured_or_not() {
        let sign_in = |issuer: &str| -> SignIn {
            let urls = "authorize_url = 'https://id.example.com/a/authorize'\ntoken_url = 'https://id.example.com/t'\n";
            toml::from_str(&format!("{urls}client_id = 'c'\n{issuer}")).unwrap()
        };
        let (named, plain) = (sign_in("issuer = 'https://id.example.com/a'"), sign_in(""));
        for (stated, by_name, by_host) in [
            (None, false, true),
            (Some("https://id.example.com/a"), true, true),
            (Some("https://id.example.com"), false, true),
            (Some("https://evil.example"), false, false),
            (Some("http://id.example.com/a"), false, false),
            (Some(""), false, false),
        ] {
            assert_eq!((named.is_from(stated), plain.is_from(stated)), (by_name, by_host), "{stated:?}");
        }
    }

    #[test]
    fn codes_go_over_https_or_stay_on_this_machine() {
        let safe = |text: &str| is_safe(&text.parse().unwrap());
        assert!(safe("https://id.example.com/t") && safe("http://127.0.0.1:1/t") && safe("http://[::1]/t"));
        assert!(!safe("http://id.example.com/t") && !safe("ftp://127.0.0.1/"));
    }
}
