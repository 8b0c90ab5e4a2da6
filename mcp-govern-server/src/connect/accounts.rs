//! The page on which a person sees the accounts of its own that are connected, and disconnects them.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use mcp_govern_core::{Actor, Secret, UserId, governor::Connection, journal::CredentialStatus};

use super::{
    pages::{self, Page, TOKEN, escape},
    routes::{ConnectIngress, FORM, Shown, Who, parameter},
};
use crate::{
    http::{read_body, take_bearer},
    seal::random_text,
};

/// The person looks at the connected accounts.
pub(super) async fn look(State(ingress): State<Arc<ConnectIngress>>, request: Request) -> Response {
    ingress.looked(request).await.unwrap_or_else(Shown::into_response)
}

/// The person says who it is, or disconnects an account.
pub(super) async fn change(State(ingress): State<Arc<ConnectIngress>>, request: Request) -> Response {
    ingress.changed(request).await.unwrap_or_else(Shown::into_response)
}

impl ConnectIngress {
    async fn looked(&self, request: Request) -> Result<Response, Shown> {
        let (mut parts, _) = request.into_parts();
        let _ = take_bearer(&mut parts.headers);
        match self.visitor(&parts, None).await? {
            Who::Person(user) => self.accounts(&user, None).await,
            Who::SignsIn => {
                let Some(sign_in) = self.connector.sign_in() else { return Err(self.used_up()) };
                let place = sign_in.place();
                let mut page = Page::new(StatusCode::OK, TITLE, &["Sign in to see your accounts."]);
                page.more = pages::plain_form(&self.sign_in_path(), "", &format!("Sign in at {place}"));
                Ok(self.show(page))
            }
            Who::HoldsToken => {
                let mut page = Page::new(StatusCode::OK, TITLE, &["Say who you are to see your accounts."]);
                page.more = format!(
                    "<form method=\"post\" action=\"{}\">{TOKEN}<button type=\"submit\">Continue</button></form>",
                    escape(&self.accounts_path()),
                );
                Ok(self.show(page))
            }
        }
    }

    async fn changed(&self, request: Request) -> Result<Response, Shown> {
        let (mut parts, body) = request.into_parts();
        let _ = take_bearer(&mut parts.headers);
        self.must_come_from_our_own_page(&parts.headers)?;
        let body = read_body(body, FORM).await?;
        let form = std::str::from_utf8(&body).ok();
        let (mark, server) = (parameter(form, "mark"), parameter(form, "server"));
        let token = parameter(form, "token").map(|token| Secret::new(token.trim())).filter(|token| !token.is_empty());
        let known = self.visitor(&parts, token.as_ref()).await?;
        let Some((mark, server)) = mark.zip(server) else {
            return match known {
                Who::Person(user) => self.accounts(&user, None).await,
                // The session has ended meanwhile: the page asks to sign in again.
                Who::SignsIn => Ok(Redirect::to(&self.accounts_path()).into_response()),
                Who::HoldsToken => Err(self.problem(
                    StatusCode::FORBIDDEN,
                    "That is not the right token",
                    &["Go back, and paste the access token that your AI client uses here."],
                )),
            };
        };
        // INVARIANT: an account is disconnected by the person who was shown the page
        // (`a_person_disconnects_an_account_of_ones_own_and_of_nobody_else`).
        let shown_to = match self.connector.spent.take_visitor(&mark).await {
            Ok(Some(user)) if !matches!(&known, Who::Person(known) if *known != user) => user,
            Ok(_) => {
                return Err(self.problem(
                    StatusCode::GONE,
                    "This page is no longer good",
                    &["Nothing was changed. Open the page again to see your accounts."],
                ));
            }
            Err(_) => return Err(self.not_now()),
        };
        let told = self.disconnect(&shown_to, &server).await?;
        self.accounts(&shown_to, Some(&told)).await
    }

    /// Disconnects an account; a sentence that says so.
    async fn disconnect(&self, user: &UserId, server: &str) -> Result<String, Shown> {
        let governor = &self.governor;
        let connected = governor.connections(user);
        let found = connected.iter().find(|connection| connection.server.as_str() == server);
        let Some(Connection { server, title, .. }) = found else {
            return Ok("That account is not connected any more.".to_owned());
        };
        let actor = Actor::new(user.clone(), []);
        if let Err(error) = governor.disconnect(&actor, server).await {
            tracing::warn!(%server, kind = %error.kind(), %error, "an account could not be disconnected");
            return Err(self.not_now());
        }
        Ok(format!(
            "Your account with {title} is disconnected: tools here use it no more. Look at the vendor, too: what you allowed there may stay \
             allowed until you take it back."
        ))
    }

    /// The page, with a mark that is good once for this person.
    async fn accounts(&self, user: &UserId, told: Option<&str>) -> Result<Response, Shown> {
        let connections = self.governor.connections(user);
        let mark = random_text().map_err(|_| self.not_now())?;
        self.connector.spent.keep_visitor(&mark, user).await.map_err(|_| self.not_now())?;
        let none = if connections.is_empty() { "No account of yours is connected." } else { "" };
        let paragraphs: Vec<&str> = told.into_iter().chain([none]).filter(|text| !text.is_empty()).collect();
        let mut page = Page::new(StatusCode::OK, TITLE, &paragraphs);
        for connection in &connections {
            page.more.push_str(&self.account(connection, &mark));
        }
        Ok(self.show(page))
    }

    fn account(&self, connection: &Connection, mark: &str) -> String {
        let mut facts = String::new();
        let mut fact = |text: &str| {
            let _ = write!(facts, "<p class=\"note\">{}</p>", escape(text));
        };
        if let Some(whose) = &connection.facts.authorized_as {
            fact(&format!("The account is {whose}."));
        }
        if !connection.facts.scopes.is_empty() {
            let scopes: Vec<String> = connection.facts.scopes.iter().map(|scope| format!("`{scope}`")).collect();
            fact(&format!("It may: {}.", scopes.join(", ")));
        }
        fact(&format!("Connected at {}.", connection.at));
        match connection.status {
            CredentialStatus::InUse => {}
            CredentialStatus::Expired => {
                fact("Your permission has ended: call a tool in your AI client to connect it again.");
            }
            CredentialStatus::Refused => {
                fact("The vendor no longer accepts it: call a tool in your AI client to connect it again.");
            }
        }
        format!(
            "<section><h2>{}</h2>{facts}<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"mark\" value=\"{}\">\
             <input type=\"hidden\" name=\"server\" value=\"{}\"><button type=\"submit\">Disconnect</button></form></section>",
            escape(&connection.title),
            escape(&self.accounts_path()),
            escape(mark),
            escape(connection.server.as_str()),
        )
    }

    /// A link to the page.
    pub(super) fn link_to_accounts(&self) -> String {
        format!(
            "<p class=\"note\"><a href=\"{}\">See and disconnect your accounts</a></p>",
            escape(&self.accounts_path())
        )
    }

    fn accounts_path(&self) -> String {
        self.connector.accounts_url().path().to_owned()
    }
}

const TITLE: &str = "Your connected accounts";
