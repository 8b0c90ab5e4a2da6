//! Cookies of the pages: what ties a sign-in to the browser that began it, and who is signed in there.

use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

use super::{
    pending::hashed,
    routes::{ConnectIngress, Shown},
};

impl ConnectIngress {
    /// The browser that comes back must be the one that began.
    pub(super) fn must_be_the_browser(&self, headers: &HeaderMap, state: &str, began: &str) -> Result<(), Shown> {
        let shown = Self::cookie(headers, &self.state_cookie(state)).map(|cookie| hashed(&cookie)).unwrap_or_default();
        if bool::from(shown.as_bytes().ct_eq(began.as_bytes())) {
            return Ok(());
        }
        self.metrics.connected("other_browser");
        Err(self.problem(
            StatusCode::FORBIDDEN,
            "This is not where it began",
            &["The account was not connected: the sign-in was begun in another browser, perhaps by another person. \
               If it was you, call the tool again in your AI client and open the new link."],
        ))
    }

    /// A cookie of its own for each sign-in, so that two at a time do not get in each other's way.
    pub(super) fn state_cookie(&self, state: &str) -> String {
        let id: String = hashed(state).chars().take(16).collect();
        self.cookie_name(&format!("mcp-connect-{id}"))
    }

    /// Over https a cookie is this host's alone (RFC 6265bis, section 4.1.3.2).
    pub(super) fn cookie_name(&self, name: &str) -> String {
        if self.is_https() { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn is_https(&self) -> bool {
        self.connector.public.scheme() == "https"
    }

    pub(super) fn set_cookie(&self, response: &mut Response, name: &str, value: &str, life: Duration) {
        let secure = if self.is_https() { "; Secure" } else { "" };
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", life.as_secs());
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }

    pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }
}
