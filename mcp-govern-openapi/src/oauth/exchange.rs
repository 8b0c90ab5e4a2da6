//! One exchange with an authorization server: bounded in time and size, and judged before it is parsed.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use serde_json::Value;
use url::Url;

use super::{OAuthError, OAuthErrorKind};
use crate::{text::one_line, transport::Transport};

/// How long an authorization server may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read.
const LONGEST: usize = 64 << 10;
/// The longest error code that is shown.
const LONGEST_CODE: usize = 64;

/// Speaks to one authorization server. Owned throughout: the HTTP client of the crate `oauth2` must serve any lifetime.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) transport: Arc<dyn Transport>,
    /// What the server is called in messages.
    pub(super) whose: Arc<str>,
    /// What it may refuse.
    pub(super) what: &'static str,
}

impl<'c> AsyncHttpClient<'c> for Exchange {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let exchange = self.clone();
        Box::pin(async move { exchange.send(request).await })
    }
}

impl Exchange {
    /// Sends a request of the crate `oauth2`. An answer comes back where it is the JSON of an endpoint that did what it was asked for;
    /// anything else is an error.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        let (parts, body) = request.into_parts();
        let (status, body) = self.answer(Request::from_parts(parts, Bytes::from(body))).await?;
        let read: Option<Value> = serde_json::from_slice(&body).ok();
        // Some servers refuse with status 200.
        let refusal = read.as_ref().and_then(|answer| answer.get("error")).and_then(Value::as_str);
        match (status, refusal) {
            (status, Some(code)) if status.is_client_error() || status.is_success() => Err(self.refused(status, code)),
            (status, None) if status.is_success() => {
                if !read.is_some_and(|answer| answer.is_object()) {
                    return Err(OAuthError::unavailable(&self.whose, &"its answer is not JSON"));
                }
                // Status and type vary; that it is an answer is known.
                Ok(Response::new(body))
            }
            (status, _) => Err(OAuthError::unavailable(&self.whose, &status)),
        }
    }

    /// Reads a document.
    pub(super) async fn get(&self, url: &Url) -> Result<Vec<u8>, OAuthError> {
        let request = Request::get(url.as_str()).header(header::ACCEPT, "application/json").body(Bytes::new());
        let request = request.map_err(|error| OAuthError::new(OAuthErrorKind::Config, format!("`{url}`: {error}")))?;
        let (status, body) = self.answer(request).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(OAuthError::unavailable(&self.whose, &status)) }
    }

    /// Sends a form of which the answer does not matter.
    pub(super) async fn post(&self, url: &Url, form: String, authorization: Option<String>) -> Result<(), OAuthError> {
        let mut request = Request::post(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Bytes::from(form));
        let request =
            request.map_err(|_| OAuthError::new(OAuthErrorKind::Config, "the client id or secret fits no header"))?;
        let (status, body) = self.answer(request).await?;
        if status.is_success() {
            return Ok(());
        }
        let read: Option<Value> = serde_json::from_slice(&body).ok();
        match read.as_ref().and_then(|answer| answer.get("error")).and_then(Value::as_str) {
            Some(code) if status.is_client_error() => Err(self.refused(status, code)),
            _ => Err(OAuthError::unavailable(&self.whose, &status)),
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<(StatusCode, Vec<u8>), OAuthError> {
        let unavailable = |what: &dyn std::fmt::Display| OAuthError::unavailable(&self.whose, what);
        let exchange = async {
            let answer =
                self.transport.send(request, Instant::now() + TIMEOUT).await.map_err(|error| unavailable(&error))?;
            let status = answer.status();
            let (mut body, mut read) = (answer.into_body(), Vec::new());
            while let Some(piece) = body.next_chunk().await.map_err(|error| unavailable(&error))? {
                if read.len().saturating_add(piece.len()) > LONGEST {
                    return Err(unavailable(&"its answer is too long"));
                }
                read.extend_from_slice(&piece);
            }
            Ok((status, read))
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(unavailable(&format_args!("nothing came within {} seconds", TIMEOUT.as_secs()))))
    }

    /// A refusal, by its code alone: a description may repeat what was sent.
    fn refused(&self, status: StatusCode, code: &str) -> OAuthError {
        let plain = code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let shown = if plain { format!(", `{}`", one_line(code, LONGEST_CODE)) } else { String::new() };
        let Self { whose, what, .. } = self;
        match code {
            "invalid_client" => OAuthError::new(
                OAuthErrorKind::Client,
                format!("{whose} refuses this application{shown}: the client secret is wrong or was rotated"),
            ),
            "unauthorized_client" | "unsupported_grant_type" => OAuthError::new(
                OAuthErrorKind::Client,
                format!("{whose} refuses this application{shown}: it is not registered for this"),
            ),
            "temporarily_unavailable" | "server_error" | "slow_down" => {
                OAuthError::unavailable(whose, &format_args!("{status}{shown}"))
            }
            _ => OAuthError::new(OAuthErrorKind::Refused, format!("{whose} refuses {what} ({status}{shown})")),
        }
    }
}
