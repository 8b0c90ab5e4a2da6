//! What is kept until the vendor sends the browser back, and what was used already.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_govern_core::{
    ServerId, UserId,
    ports::{OneTime, OneTimeValue, StoreError, StoreErrorKind},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// A sign-in that has begun: good once.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) user: UserId,
    pub(super) server: ServerId,
    /// The PKCE verifier.
    pub(super) verifier: String,
    /// The hash of the cookie that the browser was given.
    pub(super) browser: String,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Values that are good once, across all nodes.
#[derive(Debug, Clone)]
pub(super) struct Spent {
    one_time: Arc<dyn OneTime>,
    ttl: Duration,
}

/// Whether something was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    First,
    Again,
}

impl Spent {
    pub(super) fn new(one_time: Arc<dyn OneTime>, ttl: Duration) -> Self {
        Self { one_time, ttl }
    }

    /// Uses a nonce up. It is remembered for longer than the state that holds it is valid.
    pub(super) async fn spend(&self, kind: &str, nonce: &str) -> Result<Use, StoreError> {
        let key = format!("mcp-{kind}-{}", hashed(nonce));
        let remembered = self.ttl.saturating_add(Duration::from_secs(60));
        match self.one_time.put(&key, OneTimeValue::new([]), remembered).await {
            Ok(()) => Ok(Use::First),
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(Use::Again),
            Err(error) => Err(error),
        }
    }

    /// Keeps a sign-in of a kind under its state.
    pub(super) async fn keep(&self, kind: &str, state: &str, pending: &impl Serialize) -> Result<(), StoreError> {
        let bytes =
            serde_json::to_vec(pending).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error.to_string()))?;
        self.one_time.put(&key_of(kind, state), OneTimeValue::new(bytes), self.ttl).await
    }

    /// Keeps whom a page was shown to, under the mark in it.
    pub(super) async fn keep_visitor(&self, mark: &str, user: &UserId) -> Result<(), StoreError> {
        let bytes =
            serde_json::to_vec(user).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error.to_string()))?;
        self.one_time.put(&key_of_mark(mark), OneTimeValue::new(bytes), self.ttl).await
    }

    /// Takes whom the page with this mark was shown to. None when there is no such page, its form was sent before, or its time has
    /// passed.
    pub(super) async fn take_visitor(&self, mark: &str) -> Result<Option<UserId>, StoreError> {
        let taken = self.one_time.take(&key_of_mark(mark)).await?;
        Ok(taken.and_then(|value| serde_json::from_slice(value.as_bytes()).ok()))
    }

    /// Takes the sign-in of a state. None when there is none, it was taken, or its time has passed.
    pub(super) async fn take<T: DeserializeOwned>(&self, kind: &str, state: &str) -> Result<Option<T>, StoreError> {
        let taken = self.one_time.take(&key_of(kind, state)).await?;
        Ok(taken.and_then(|value| serde_json::from_slice(value.as_bytes()).ok()))
    }
}

fn key_of(kind: &str, state: &str) -> String {
    format!("mcp-{kind}-{}", hashed(state))
}

fn key_of_mark(mark: &str) -> String {
    format!("mcp-accounts-{}", hashed(mark))
}

/// SHA-256 as text that may stand in a URL: the PKCE challenge of a verifier (RFC 7636, section 4.2), the name of what is kept.
pub(super) fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{SystemClock, memory::MemoryOneTime};

    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let challenge = hashed("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[tokio::test]
    async fn a_state_is_taken_once_and_a_nonce_spent_once() {
        let spent = Spent::new(Arc::new(MemoryOneTime::new(Arc::new(SystemClock))), Duration::from_secs(60));
        let pending = Pending {
            user: UserId::new("idp", "ada").unwrap(),
            server: ServerId::new("s").unwrap(),
            verifier: "canary".into(),
            browser: String::new(),
        };
        assert!(!format!("{pending:?}").contains("canary"));
        spent.keep("connect", "state", &pending).await.unwrap();
        assert!(spent.take::<Pending>("sign-in", "state").await.unwrap().is_none(), "of another kind");
        assert_eq!(spent.take::<Pending>("connect", "state").await.unwrap().unwrap().user, pending.user);
        assert!(spent.take::<Pending>("connect", "state").await.unwrap().is_none());
        assert_eq!(spent.spend("x", "nonce").await.unwrap(), Use::First);
        assert_eq!(spent.spend("x", "nonce").await.unwrap(), Use::Again);
        assert_eq!(spent.spend("y", "nonce").await.unwrap(), Use::First);
    }
}
