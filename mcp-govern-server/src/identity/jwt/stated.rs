//! What a token says before anything of it was proven.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::identity::Claimed;

/// The claims of a token, unproven: good to refuse it by, and to show the operator of the server why.
#[derive(Debug)]
pub(super) struct Stated<'a> {
    claims: Map<String, Value>,
    key: Option<&'a str>,
}

impl<'a> Stated<'a> {
    /// Reads the claims of a compact JWS (RFC 7515, section 7.1). There are none where they cannot be read.
    pub(super) fn of(token: &str, key: Option<&'a str>) -> Self {
        let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims = payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default();
        Self { claims, key }
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    pub(super) fn claimed(&self) -> Claimed {
        let audience = match self.claims.get("aud") {
            Some(Value::String(audience)) => Some(audience.clone()),
            Some(Value::Array(audiences)) => {
                Some(audiences.iter().filter_map(Value::as_str).take(8).collect::<Vec<_>>().join(", "))
            }
            _ => None,
        };
        Claimed::new(self.issuer(), audience.as_deref(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_token_says_is_told_in_plain_text_and_short() {
        let token = |claims: Value| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let claims =
            json!({"iss": "https://a.example\n\u{1b}[2J", "aud": ["one", 2, "x".repeat(500)], "sub": "canary"});
        let claimed = Stated::of(&token(claims), Some("k\u{202e}")).claimed();
        assert_eq!(claimed.issuer.unwrap(), "https://a.example\u{fffd}\u{fffd}[2J");
        let audience = claimed.audience.unwrap();
        assert!(audience.starts_with("one, xxx") && audience.chars().count() == 201, "{audience}");
        assert_eq!(claimed.key.as_deref(), Some("k\u{fffd}"));
        for garbage in ["", "a", "a.b", "a.!!!.c", &token(json!([1]))] {
            assert_eq!(Stated::of(garbage, None).claimed(), Claimed::default(), "{garbage}");
        }
    }
}
