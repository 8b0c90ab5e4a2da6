//! Signing in to open a link: at the issuer whose tokens the person's AI client uses, in most cases.
//!
//! 1. A person who opens a link in a browser that is not signed in is asked to sign in. Nothing happens before the form is sent.
//! 2. The browser goes to the sign-in and comes back with a code, to a redirect URI of its own (`<path>/signed-in`). The state is good once, and
//!    in the browser that began.
//! 3. Whose code it is the sign-in says. The browser is given a session for a few minutes, and goes back to the link.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use mcp_govern_core::{Secret, UserId};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    AuthorizationGrant, AuthorizeRequest, ConnectError, ConnectErrorKind,
    pages::{self, Page},
    pending::hashed,
    routes::{ConnectIngress, Shown, TIMEOUT, parameter},
};
use crate::{
    cleaned,
    http::take_bearer,
    seal::{Purpose, random_text},
};

/// How long a browser stays signed in: for the steps of one link.
const SESSION: Duration = Duration::from_secs(600);

/// A sign-in that has begun: good once.
#[derive(Serialize, Deserialize)]
struct PendingSignIn {
    /// The sealed link to go back to.
    link: String,
    /// The PKCE verifier.
    verifier: String,
    nonce: String,
    /// The hash of the cookie that the browser was given.
    browser: String,
}

/// Who is signed in in a browser. It stays in that browser.
#[derive(Serialize, Deserialize)]
struct Session {
    user: UserId,
}

/// What sign-ins are kept under, beside those of vendors.
const KIND: &str = "sign-in";

/// The name of the session's cookie.
const COOKIE: &str = "mcp-connect-session";

/// The person goes on to sign in.
pub(super) async fn begin(State(ingress): State<Arc<ConnectIngress>>, request: Request) -> Response {
    ingress.begins_to_sign_in(request).await.unwrap_or_else(Shown::into_response)
}

/// The sign-in sends the browser back.
pub(super) async fn signed_in(State(ingress): State<Arc<ConnectIngress>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    ingress.came_back_signed_in(&parts).await.unwrap_or_else(Shown::into_response)
}

impl ConnectIngress {
    /// The first page of a link, for a browser in which no person is signed in.
    pub(super) fn ask_to_sign_in(&self, title: &str, asked: &str, warning: &str, link: &str) -> Response {
        let Some(sign_in) = self.connector.sign_in() else { return self.used_up().into_response() };
        let place = sign_in.place();
        let first = format!(
            "First sign in at `{place}`, so that it is known that this link was made for you. Nothing else is asked for there."
        );
        let paragraphs = [asked, first.as_str(), warning];
        let mut page = Page::new(StatusCode::OK, title, &paragraphs);
        page.more = pages::plain_form(&self.sign_in_path(), link, &format!("Sign in at {place}"));
        self.show(page)
    }

    async fn begins_to_sign_in(&self, request: Request) -> Result<Response, Shown> {
        let (mut parts, body) = request.into_parts();
        let _ = take_bearer(&mut parts.headers);
        let link = self.form_of_our_own_page(&parts.headers, body).await?.link;
        // Without a link the person wants to see the accounts that are connected.
        if !link.is_empty() {
            let ticket = self.ticket(&link)?;
            self.server(&ticket.server)?;
        }
        let Some(sign_in) = self.connector.sign_in() else { return Err(self.used_up()) };
        let random = || random_text().map_err(|_| self.not_now());
        let (state, verifier, nonce, browser) = (random()?, random()?, random()?, random()?);
        let request = AuthorizeRequest {
            redirect_uri: self.connector.signed_in_url(),
            state: state.clone(),
            code_challenge: hashed(&verifier),
            nonce: Some(nonce.clone()),
        };
        let url = match tokio::time::timeout(TIMEOUT, sign_in.authorize(request)).await {
            Ok(Ok(url)) => url,
            Ok(Err(error)) => return Err(self.not_signed_in(&error, &link)),
            Err(_) => return Err(self.not_signed_in(&late(), &link)),
        };
        let pending = PendingSignIn { link, verifier, nonce, browser: hashed(&browser) };
        self.connector.spent.keep(KIND, &state, &pending).await.map_err(|_| self.not_now())?;
        Ok(self.sent_on(&url, &state, &browser))
    }

    /// Where a person goes on who has signed in: to the link, or to the page of accounts.
    fn place_of(&self, link: &str) -> Url {
        if link.is_empty() { self.connector.accounts_url() } else { self.connector.link_url(link) }
    }

    async fn came_back_signed_in(&self, parts: &Parts) -> Result<Response, Shown> {
        let query = parts.uri.query();
        let state = parameter(query, "state").unwrap_or_default();
        let pending: PendingSignIn = match self.connector.spent.take(KIND, &state).await {
            Ok(Some(pending)) => pending,
            Ok(None) => return Err(self.used_up()),
            Err(_) => return Err(self.not_now()),
        };
        // INVARIANT: the browser that comes back is the one that began (`a_sign_in_that_ends_in_another_browser_signs_nobody_in`).
        self.must_be_the_browser(&parts.headers, &state, &pending.browser)?;
        let signed_in = self.identified(&pending, query).await;
        self.metrics.connected(if signed_in.is_ok() { "signed_in" } else { "sign_in_failed" });
        let mut response = match signed_in {
            Ok(user) => {
                let sealed = self.connector.sealer.seal(Purpose::Session, &[], SESSION, &Session { user });
                let Some(sealed) = sealed else { return Err(self.not_now()) };
                let mut response = Redirect::to(self.place_of(&pending.link).as_str()).into_response();
                self.set_cookie(&mut response, &self.cookie_name(COOKIE), &sealed, SESSION);
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Err(shown) => shown.into_response(),
        };
        self.set_cookie(&mut response, &self.state_cookie(&state), "", Duration::ZERO);
        Ok(response)
    }

    /// Who came back.
    async fn identified(&self, pending: &PendingSignIn, query: Option<&str>) -> Result<UserId, Shown> {
        let Some(sign_in) = self.connector.sign_in() else { return Err(self.used_up()) };
        let refused = |reason: String| {
            let error = ConnectError::new(ConnectErrorKind::Refused, reason);
            self.not_signed_in(&error, &pending.link)
        };
        if let Some(error) = parameter(query, "error") {
            return Err(refused(format!("the sign-in answered `{}`", cleaned(&error, 64))));
        }
        let Some(code) = parameter(query, "code").filter(|code| !code.is_empty()) else {
            return Err(refused("the sign-in sent no code".to_owned()));
        };
        let grant = AuthorizationGrant {
            code: Secret::new(code),
            code_verifier: Secret::new(pending.verifier.as_str()),
            redirect_uri: self.connector.signed_in_url(),
            issuer: parameter(query, "iss"),
            nonce: Some(pending.nonce.clone()),
        };
        match tokio::time::timeout(TIMEOUT, sign_in.identify(grant)).await {
            Ok(Ok(user)) => Ok(user),
            Ok(Err(error)) => Err(self.not_signed_in(&error, &pending.link)),
            Err(_) => Err(self.not_signed_in(&late(), &pending.link)),
        }
    }

    /// Who is signed in in a browser.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<UserId> {
        let sealed = Self::cookie(headers, &self.cookie_name(COOKIE))?;
        let session: Session = self.connector.sealer.open(Purpose::Session, &[], &sealed)?;
        Some(session.user)
    }

    /// Ends the session of the browser that is shown this: another person may sign in there.
    pub(super) fn without_session(&self, shown: Shown) -> Shown {
        let mut response = shown.into_response();
        self.set_cookie(&mut response, &self.cookie_name(COOKIE), "", Duration::ZERO);
        response.into()
    }

    /// No person was signed in; the way back to the link is still open.
    fn not_signed_in(&self, error: &ConnectError, link: &str) -> Shown {
        tracing::warn!(kind = ?error.kind(), %error, "a person could not be signed in to connect an account");
        let (status, hint) = match error.kind() {
            ConnectErrorKind::Refused => (StatusCode::OK, "You can try again."),
            ConnectErrorKind::Unavailable => (StatusCode::BAD_GATEWAY, "Try again in a minute."),
            ConnectErrorKind::Config => (StatusCode::INTERNAL_SERVER_ERROR, "Tell an administrator."),
        };
        let reason = error.to_string();
        let paragraphs = [reason.as_str(), hint];
        let mut page = Page::new(status, "You were not signed in", &paragraphs);
        page.more = pages::button(&self.place_of(link), "Try again");
        self.show(page).into()
    }

    pub(super) fn sign_in_path(&self) -> String {
        format!("{}/sign-in", self.connector.path())
    }
}

fn late() -> ConnectError {
    ConnectError::new(ConnectErrorKind::Unavailable, "the sign-in did not answer in time")
}
