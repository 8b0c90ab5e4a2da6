//! The answer to a client that was not authenticated (RFC 6750, RFC 9728).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::identity::{AuthError, AuthErrorKind};

/// The answer to a caller who was not authenticated.
pub(super) fn refuse(error: &AuthError, metadata: Option<&str>, scopes: &[String]) -> Response {
    let status = match error.kind() {
        AuthErrorKind::Missing | AuthErrorKind::Invalid => StatusCode::UNAUTHORIZED,
        AuthErrorKind::InsufficientScope => StatusCode::FORBIDDEN,
        AuthErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, error.to_string()).into_response();
    let headers = response.headers_mut();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    } else if let Ok(value) = HeaderValue::from_str(&challenge(error, metadata, scopes)) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn challenge(error: &AuthError, metadata: Option<&str>, scopes: &[String]) -> String {
    let mut parameters = Vec::new();
    let code = match error.kind() {
        AuthErrorKind::Invalid => Some("invalid_token"),
        AuthErrorKind::InsufficientScope => Some("insufficient_scope"),
        // RFC 6750, section 3.1: who presents nothing is told of no error.
        AuthErrorKind::Missing | AuthErrorKind::Unavailable => None,
    };
    if let Some(code) = code {
        parameters.push(format!("error=\"{code}\""));
        parameters.push(format!("error_description=\"{}\"", quotable(&error.to_string())));
    }
    let scopes = if error.scopes().is_empty() { scopes } else { error.scopes() };
    if !scopes.is_empty() {
        parameters.push(format!("scope=\"{}\"", quotable(&scopes.join(" "))));
    }
    if let Some(metadata) = metadata {
        parameters.push(format!("resource_metadata=\"{}\"", quotable(metadata)));
    }
    if parameters.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parameters.join(", ")) }
}

/// What may stand within quotes in a header (RFC 6750, section 3).
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_says_where_to_get_a_token_and_what_was_wrong() {
        let metadata = Some("https://x/.well-known/oauth-protected-resource/mcp");
        let scopes = ["mcp:tools".to_owned()];
        assert_eq!(
            challenge(&AuthError::missing(), metadata, &scopes),
            "Bearer scope=\"mcp:tools\", resource_metadata=\"https://x/.well-known/oauth-protected-resource/mcp\""
        );
        assert_eq!(
            challenge(&AuthError::invalid("the \"token\"\r\nhas expired"), None, &[]),
            "Bearer error=\"invalid_token\", error_description=\"the tokenhas expired\""
        );
        assert_eq!(challenge(&AuthError::missing(), None, &[]), "Bearer");
        let refused = refuse(&AuthError::insufficient_scope(scopes), metadata, &[]);
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
}
