//! Tokens that were handed out beforehand.

use std::fmt;

use async_trait::async_trait;
use mcp_govern_core::Secret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{AuthError, Authenticate, Identity, Presented, RefusalReason};
use crate::ServerError;

/// The fewest characters of a token.
const SHORTEST: usize = 16;

/// Tokens that were handed out beforehand, each to one person and AI client: for a laptop, a demonstration, a test.
///
/// Only the tokens' SHA-256 hashes are kept. All of them are compared, each in constant time.
#[derive(Clone, Default)]
pub struct StaticTokens {
    entries: Vec<([u8; 32], Identity)>,
}

impl StaticTokens {
    /// No tokens yet: no caller is accepted.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more token.
    ///
    /// # Errors
    ///
    /// When the token has fewer than 16 characters, cannot be part of a header, or has another owner already.
    pub fn with_token(mut self, token: &Secret, identity: Identity) -> Result<Self, ServerError> {
        let text = token.expose();
        if text.len() < SHORTEST {
            return Err(ServerError::config(format!("a token must have at least {SHORTEST} characters")));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServerError::config("a token must be of visible ASCII characters, without spaces"));
        }
        if self.find(token).is_some() {
            return Err(ServerError::config(format!("the token of `{}` has another owner already", identity.user)));
        }
        self.entries.push((hash(token), identity));
        Ok(self)
    }

    fn find(&self, token: &Secret) -> Option<&Identity> {
        let wanted = hash(token);
        let mut found = u32::MAX;
        for (index, (known, _)) in (0_u32..).zip(&self.entries) {
            let same: Choice = known.ct_eq(&wanted);
            found.conditional_assign(&index, same);
        }
        self.entries.get(usize::try_from(found).ok()?).map(|(_, identity)| identity)
    }
}

fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|(_, identity)| &identity.user)).finish()
    }
}

#[async_trait]
impl Authenticate for StaticTokens {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        let token = request.bearer().ok_or_else(AuthError::missing)?;
        self.find(token)
            .cloned()
            .ok_or_else(|| AuthError::invalid("the token is not known").with_reason(RefusalReason::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{ClientId, UserId};

    use super::*;

    fn identity(name: &str) -> Identity {
        Identity::new(UserId::new("local", name).unwrap(), ClientId::new("local", "any").unwrap())
    }

    fn tokens() -> StaticTokens {
        let with = |tokens: StaticTokens, name: &str| {
            tokens.with_token(&Secret::new(format!("{name}-token-canary-0123")), identity(name)).unwrap()
        };
        ["ada", "bob", "eve"].into_iter().fold(StaticTokens::new(), with)
    }

    #[tokio::test]
    async fn each_token_is_one_persons() {
        let (parts, ()) = http::Request::new(()).into_parts();
        for name in ["ada", "bob", "eve"] {
            let token = Secret::new(format!("{name}-token-canary-0123"));
            let presented = Presented::new(&parts).with_bearer(Some(&token));
            assert_eq!(tokens().authenticate(&presented).await.unwrap(), identity(name));
        }
        for token in ["ada-token-canary-012", "ada-token-canary-01234", ""] {
            let token = Secret::new(token);
            let presented = Presented::new(&parts).with_bearer(Some(&token));
            assert!(tokens().authenticate(&presented).await.is_err());
        }
        assert!(StaticTokens::new().authenticate(&Presented::new(&parts)).await.is_err());
    }

    #[test]
    fn weak_and_doubled_tokens_are_refused_and_none_is_shown() {
        assert!(tokens().with_token(&Secret::new("short"), identity("x")).is_err());
        assert!(tokens().with_token(&Secret::new("with a space 0123456789"), identity("x")).is_err());
        let error = tokens().with_token(&Secret::new("ada-token-canary-0123"), identity("x")).unwrap_err();
        assert!(!error.to_string().contains("canary"));
        assert!(!format!("{:?}", tokens()).contains("canary"));
    }
}
