//! The pages behind the link.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use mcp_govern_core::{
    Actor, CredentialFacts, Governor, Secret, ServerConfig, ServerId, UserId,
    governor::{GovernError, GovernErrorKind},
};
use url::{Url, form_urlencoded};

use super::{
    AuthorizationGrant, AuthorizeRequest, ConnectError, ConnectErrorKind, Connector, Visitor, accounts,
    link::Ticket,
    pages::{self, Page},
    pending::{Pending, Use, hashed},
    sign_in,
};
use crate::{
    http::{BodyLimits, Ingress, read_body, take_bearer},
    identity::{AuthError, AuthErrorKind},
    metrics::Metrics,
    seal::random_text,
};

/// How long the vendor may take to answer us.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// The form has two short fields.
pub(super) const FORM: BodyLimits = BodyLimits { bytes: 32 * 1024, timeout: Duration::from_secs(10) };

/// What the pages need.
#[derive(Debug)]
pub(crate) struct ConnectIngress {
    pub(crate) governor: Governor,
    pub(crate) metrics: Metrics,
    pub(crate) ingress: Arc<Ingress>,
    pub(crate) connector: Connector,
}

/// Who sits in front of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Person(UserId),
    /// Not known yet: the person signs in.
    SignsIn,
    /// Not known: the token of the person's AI client would tell.
    HoldsToken,
}

/// What a form of ours says.
pub(super) struct Form {
    /// The sealed link.
    pub(super) link: String,
    pub(super) token: Option<Secret>,
}

/// What sign-ins of vendors are kept under.
const KIND: &str = "connect";

/// A page in place of what was asked for.
pub(super) struct Shown(Box<Response>);

impl Shown {
    pub(super) fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Shown {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

/// The routes of the pages.
pub(crate) fn routes(ingress: Arc<ConnectIngress>) -> Router {
    let path = ingress.connector.path().to_owned();
    Router::new()
        .route(&path, get(open).post(go_on))
        .route(&format!("{path}/callback/{{server}}"), get(callback))
        .route(&format!("{path}/sign-in"), post(sign_in::begin))
        .route(&format!("{path}/signed-in"), get(sign_in::signed_in))
        .route(&format!("{path}/accounts"), get(accounts::look).post(accounts::change))
        .route(&format!("{path}/style.css"), get(style))
        .with_state(ingress)
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css"), (header::CACHE_CONTROL, "max-age=3600")], pages::STYLE).into_response()
}

/// The person opens the link. Nothing happens yet: programs open links too, to show what is behind them.
async fn open(State(ingress): State<Arc<ConnectIngress>>, request: Request) -> Response {
    ingress.opened(request).await.unwrap_or_else(Shown::into_response)
}

/// The person goes on: the link is used up, and the browser sent to the vendor.
async fn go_on(State(ingress): State<Arc<ConnectIngress>>, request: Request) -> Response {
    ingress.went_on(request).await.unwrap_or_else(Shown::into_response)
}

/// The vendor sends the browser back.
async fn callback(
    State(ingress): State<Arc<ConnectIngress>>,
    Path(server): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    ingress.came_back(&server, &parts).await.unwrap_or_else(Shown::into_response)
}

impl ConnectIngress {
    async fn opened(&self, request: Request) -> Result<Response, Shown> {
        let (mut parts, _) = request.into_parts();
        let _ = take_bearer(&mut parts.headers);
        let sealed = parameter(parts.uri.query(), "ticket").unwrap_or_default();
        let ticket = self.ticket(&sealed)?;
        let server = self.server(&ticket.server)?;
        let visitor = self.visitor(&parts, None).await?;
        if let Who::Person(user) = &visitor {
            self.must_be_for(&ticket, user)?;
        }
        let title = format!("Connect your account with {}", server.spec.title);
        let asked = format!(
            "The AI client `{}` asked for a tool that works with an account of your own. If you go on, tools here can use \
             your account with {}, and only for you.",
            ticket.client, server.spec.title,
        );
        let warning = "Go on only if you have just been asked this in your own AI client. If another person sent you this link, \
                       close the page.";
        if visitor == Who::SignsIn {
            return Ok(self.ask_to_sign_in(&title, &asked, warning, &sealed));
        }
        let asks_for_token = visitor == Who::HoldsToken;
        let mut page = Page::new(StatusCode::OK, &title, &[]);
        let consent = self.consent(&server);
        let mut paragraphs = vec![asked.as_str(), consent.as_str(), warning];
        paragraphs.extend(self.connector.config.token_hint.as_deref().filter(|_| asks_for_token));
        page.paragraphs = &paragraphs;
        page.more = pages::form(self.connector.path(), &sealed, asks_for_token);
        Ok(self.show(page))
    }

    /// What a form of our own page says.
    pub(super) async fn form_of_our_own_page(&self, headers: &HeaderMap, body: Body) -> Result<Form, Shown> {
        self.must_come_from_our_own_page(headers)?;
        let body = read_body(body, FORM).await?;
        let form = std::str::from_utf8(&body).ok();
        let token = parameter(form, "token").map(|token| Secret::new(token.trim())).filter(|token| !token.is_empty());
        Ok(Form { link: parameter(form, "ticket").unwrap_or_default(), token })
    }

    async fn went_on(&self, request: Request) -> Result<Response, Shown> {
        let (mut parts, body) = request.into_parts();
        let _ = take_bearer(&mut parts.headers);
        let Form { link, token } = self.form_of_our_own_page(&parts.headers, body).await?;
        let ticket = self.ticket(&link)?;
        let server = self.server(&ticket.server)?;
        let user = match self.visitor(&parts, token.as_ref()).await? {
            Who::Person(user) => user,
            // The session has ended meanwhile: the link's page asks to sign in again.
            Who::SignsIn => return Err(Redirect::to(self.connector.link_url(&link).as_str()).into_response().into()),
            Who::HoldsToken => {
                return Err(self.problem(
                    StatusCode::FORBIDDEN,
                    "That is not the right token",
                    &["Go back, and paste the access token that your AI client uses here."],
                ));
            }
        };
        self.must_be_for(&ticket, &user)?;
        match self.connector.spent.spend("link", &ticket.nonce).await {
            Ok(Use::First) => {}
            Ok(Use::Again) => return Err(self.used_up()),
            Err(_) => return Err(self.not_now()),
        }
        self.begin(user, server).await
    }

    /// What is asked for where, and where the answer goes.
    fn consent(&self, server: &ServerConfig) -> String {
        let consent = self.connector.config.account.consent(server);
        let scopes: Vec<String> = consent.scopes.iter().map(|scope| format!("`{scope}`")).collect();
        let asked = match scopes.as_slice() {
            [] => "what the vendor grants when nothing is named".to_owned(),
            scopes => scopes.join(", "),
        };
        let at = consent.sign_in.as_ref().and_then(Url::host_str);
        let at = at.map_or_else(|| "the vendor".to_owned(), |host| format!("`{host}`"));
        let back = self.connector.callback_url(&server.server);
        format!(
            "You will sign in at {at}. What is asked for there: {asked}. The answer is sent to `{back}` and nowhere else."
        )
    }

    /// Sends the browser to the vendor, with a state that is good once, in this browser.
    async fn begin(&self, user: UserId, server: ServerConfig) -> Result<Response, Shown> {
        let random = || random_text().map_err(|_| self.not_now());
        let (state, verifier, browser) = (random()?, random()?, random()?);
        let request = AuthorizeRequest {
            redirect_uri: self.connector.callback_url(&server.server),
            state: state.clone(),
            code_challenge: hashed(&verifier),
            nonce: None,
        };
        let authorize = self.connector.config.account.authorize(&server, request);
        let url = self.in_time(authorize).await?;
        let pending = Pending { user, server: server.server.clone(), verifier, browser: hashed(&browser) };
        self.connector.spent.keep(KIND, &state, &pending).await.map_err(|_| self.not_now())?;
        Ok(self.sent_on(&url, &state, &browser))
    }

    /// The page that sends a browser to a sign-in, with the cookie by which it is known when it comes back.
    pub(super) fn sent_on(&self, url: &Url, state: &str, browser: &str) -> Response {
        let host = url.host_str().unwrap_or_default();
        let onward = format!("You are now sent to {host}, where you sign in.");
        let paragraphs = [onward.as_str()];
        let mut page = Page::new(StatusCode::OK, "One moment", &paragraphs);
        page.more = pages::button(url, &format!("Go to {host}"));
        page.onward = Some(url);
        let mut response = self.show(page);
        self.set_cookie(&mut response, &self.state_cookie(state), browser, self.connector.config.ttl);
        response
    }

    async fn came_back(&self, server: &str, parts: &Parts) -> Result<Response, Shown> {
        let query = parts.uri.query();
        let state = parameter(query, "state").unwrap_or_default();
        let pending: Pending = match self.connector.spent.take(KIND, &state).await {
            Ok(Some(pending)) => pending,
            Ok(None) => return Err(self.used_up()),
            Err(_) => return Err(self.not_now()),
        };
        // INVARIANT: the browser that comes back is the one that began
        // (`a_redirect_that_is_opened_in_another_browser_connects_nothing`).
        self.must_be_the_browser(&parts.headers, &state, &pending.browser)?;
        // INVARIANT: a code goes to the vendor whose redirect it came with
        // (`a_redirect_of_another_servers_sign_in_connects_nothing`).
        if pending.server.as_str() != server {
            self.metrics.connected("other_sign_in");
            return Err(self.problem(
                StatusCode::FORBIDDEN,
                "That was another sign-in",
                &["The account was not connected: the page that sent you here is not the one where you began to sign in. \
                   Tell your security people."],
            ));
        }
        let result = self.finish(pending, query).await;
        self.metrics.connected(if result.is_ok() { "connected" } else { "failed" });
        let mut response = result.unwrap_or_else(Shown::into_response);
        self.set_cookie(&mut response, &self.state_cookie(&state), "", Duration::ZERO);
        Ok(response)
    }

    /// Trades the code for a credential and puts it in place.
    async fn finish(&self, pending: Pending, query: Option<&str>) -> Result<Response, Shown> {
        let server = self.server(&pending.server)?;
        if let Some(error) = parameter(query, "error") {
            let reason = if error == "access_denied" {
                "You, or a person who decides for your account, did not allow it.".to_owned()
            } else {
                let error: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
                format!("The sign-in page answered `{error}`.")
            };
            return Err(self.problem(
                StatusCode::OK,
                "The account was not connected",
                &[&reason, "Call the tool again in your AI client to try once more."],
            ));
        }
        let Some(code) = parameter(query, "code").filter(|code| !code.is_empty()) else {
            return Err(self.used_up());
        };
        let grant = AuthorizationGrant {
            code: Secret::new(code),
            code_verifier: Secret::new(pending.verifier),
            redirect_uri: self.connector.callback_url(&server.server),
            issuer: parameter(query, "iss"),
            nonce: None,
        };
        tracing::info!(server = %pending.server, "the vendor is asked for the credential of an account that was connected");
        let credential = self.in_time(self.connector.config.account.exchange(&server, grant)).await?;
        let actor = Actor::new(pending.user, []);
        let probe = self.connector.config.probe;
        let connect = self.governor.connect(&actor, &pending.server, credential, probe);
        let accepted = connect.await.map_err(|error| self.not_connected(&error))?;
        let account = accepted.facts.authorized_as.as_ref();
        let account = account.map_or_else(String::new, |name| format!("The account is {name}."));
        let missing = self.not_granted(&server, &accepted.facts);
        let title = format!("Your account with {} is connected", server.spec.title);
        let go_back = "You can close this page and go back to your AI client.";
        let paragraphs = [account.as_str(), missing.as_str(), go_back];
        let paragraphs: Vec<&str> = paragraphs.into_iter().filter(|text| !text.is_empty()).collect();
        let mut page = Page::new(StatusCode::OK, &title, &paragraphs);
        page.more = self.link_to_accounts();
        Ok(self.show(page))
    }

    /// Which of the scopes that were asked for the vendor has not granted, as far as it states any.
    fn not_granted(&self, server: &ServerConfig, facts: &CredentialFacts) -> String {
        if facts.scopes.is_empty() {
            return String::new();
        }
        let asked = self.connector.config.account.consent(server).scopes;
        let missing: Vec<String> =
            asked.iter().filter(|scope| !facts.scopes.contains(*scope)).map(|scope| format!("`{scope}`")).collect();
        if missing.is_empty() {
            return String::new();
        }
        let missing = missing.join(", ");
        tracing::warn!(server = %server.server, missing, "a vendor has not granted every scope that was asked for");
        format!("The vendor has not granted: {missing}. Tools that need one of these do not work with your account.")
    }

    /// Who sits in front of the browser: whom the application knows, whom the request itself proves, or whose token it is. None where
    /// there is nothing to go by.
    pub(super) async fn visitor(&self, parts: &Parts, token: Option<&Secret>) -> Result<Who, Shown> {
        if let Some(visitors) = &self.connector.config.visitors {
            return match visitors.identify(&self.ingress.presented(parts)).await {
                Ok(Visitor::Known(user)) => Ok(Who::Person(user)),
                Ok(Visitor::SignIn(url)) => Err(Redirect::to(url.as_str()).into_response().into()),
                Ok(Visitor::Unknown) => Err(self.problem(
                    StatusCode::FORBIDDEN,
                    "Please sign in first",
                    &["It is not known who you are. Sign in, and open the link from your AI client again."],
                )),
                Err(error) => Err(self.cannot_tell(&error)),
            };
        }
        if self.connector.sign_in().is_some() {
            return Ok(self.session(&parts.headers).map_or(Who::SignsIn, Who::Person));
        }
        match self.ingress.identify(parts, token).await {
            Ok((identity, _)) => Ok(Who::Person(identity.user)),
            Err(error) => {
                if token.is_some() {
                    self.ingress.turned_away(&error, parts);
                }
                if error.kind() == AuthErrorKind::Unavailable {
                    Err(self.cannot_tell(&error))
                } else {
                    Ok(Who::HoldsToken)
                }
            }
        }
    }

    pub(super) fn ticket(&self, sealed: &str) -> Result<Ticket, Shown> {
        self.connector.open(sealed).ok_or_else(|| self.used_up())
    }

    /// INVARIANT: the person who opens the link is the one who was asked (`a_link_is_good_for_the_person_who_was_asked_alone`).
    fn must_be_for(&self, ticket: &Ticket, user: &UserId) -> Result<(), Shown> {
        if self.connector.is_for(ticket, user) {
            return Ok(());
        }
        self.metrics.connected("other_person");
        let shown = self.problem(
            StatusCode::FORBIDDEN,
            "This link is not for you",
            &["It was made for another person, and would let that person use your account. Nothing was connected. \
               If another person sent it to you, tell your security people."],
        );
        Err(if self.connector.sign_in().is_some() { self.without_session(shown) } else { shown })
    }

    pub(super) fn server(&self, server: &ServerId) -> Result<ServerConfig, Shown> {
        self.connector.server(&self.governor, server).ok_or_else(|| self.used_up())
    }

    /// Browsers state the origin of every form that is sent: another page's form is refused.
    pub(super) fn must_come_from_our_own_page(&self, headers: &HeaderMap) -> Result<(), Shown> {
        let stated = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        if stated == Some(self.connector.public.origin().ascii_serialization().as_str()) {
            return Ok(());
        }
        Err(self.problem(StatusCode::FORBIDDEN, "That was not our page", &["Open the link from your AI client again."]))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ConnectError>>) -> Result<T, Shown> {
        let error = match tokio::time::timeout(TIMEOUT, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error,
            Err(_) => ConnectError::new(ConnectErrorKind::Unavailable, "the sign-in did not answer in time"),
        };
        tracing::warn!(kind = ?error.kind(), %error, "an account could not be connected");
        let (status, hint) = match error.kind() {
            ConnectErrorKind::Refused => (StatusCode::OK, "Call the tool again in your AI client to try once more."),
            ConnectErrorKind::Unavailable => (StatusCode::BAD_GATEWAY, "Try again later."),
            ConnectErrorKind::Config => (StatusCode::INTERNAL_SERVER_ERROR, "Tell an administrator."),
        };
        Err(self.problem(status, "The account was not connected", &[&error.to_string(), hint]))
    }

    fn not_connected(&self, error: &GovernError) -> Shown {
        tracing::warn!(kind = %error.kind(), %error, "an account could not be connected");
        let reason = match error.kind() {
            GovernErrorKind::CredentialRejected => "The vendor does not accept the account for this.",
            GovernErrorKind::Provider => "Whether the account works could not be found out.",
            GovernErrorKind::NotAllowed | GovernErrorKind::NotPossible => "Accounts cannot be connected here now.",
            _ => "It could not be put in place.",
        };
        let hint = "Call the tool again in your AI client to try once more.";
        self.problem(StatusCode::OK, "The account was not connected", &[reason, hint])
    }

    pub(super) fn used_up(&self) -> Shown {
        let paragraphs = [
            "It is good once and for a few minutes only, and may have been used already.",
            "Call the tool again in your AI client to get a new one.",
        ];
        self.problem(StatusCode::GONE, "This link is no longer good", &paragraphs)
    }

    pub(super) fn not_now(&self) -> Shown {
        self.problem(StatusCode::SERVICE_UNAVAILABLE, "Not now", &["Something does not answer. Try again in a minute."])
    }

    fn cannot_tell(&self, error: &AuthError) -> Shown {
        tracing::warn!(%error, "who opened a link cannot be found out");
        self.not_now()
    }

    pub(super) fn problem(&self, status: StatusCode, title: &str, paragraphs: &[&str]) -> Shown {
        self.show(Page::new(status, title, paragraphs)).into()
    }

    pub(super) fn show(&self, page: Page<'_>) -> Response {
        page.into_response(&format!("{}/style.css", self.connector.path()))
    }
}

/// A parameter of a query or form; none where it is there twice (RFC 6749, section 3.1).
pub(super) fn parameter(text: Option<&str>, name: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(text?.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| value.into_owned())
}
