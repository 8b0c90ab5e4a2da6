//! How accounts are connected.

use std::{sync::Arc, time::Duration};

use mcp_govern_core::{SystemClock, governor::Probe, memory::MemoryOneTime, ports::OneTime};

use super::{ConnectAccount, IdentifyVisitor, SignInPeople};
use crate::ServerError;

/// How people connect accounts of their own.
#[derive(Debug, Clone)]
pub struct ConnectAccounts {
    pub(super) account: Arc<dyn ConnectAccount>,
    pub(super) visitors: Option<Arc<dyn IdentifyVisitor>>,
    pub(super) sign_in: Option<Arc<dyn SignInPeople>>,
    pub(super) token_hint: Option<String>,
    pub(super) one_time: Arc<dyn OneTime>,
    pub(super) path: String,
    pub(super) ttl: Duration,
    pub(super) wait: Duration,
    pub(super) probe: Probe,
}

impl ConnectAccounts {
    /// Through a vendor's sign-in.
    pub fn new(account: impl ConnectAccount) -> Self {
        Self {
            account: Arc::new(account),
            visitors: None,
            sign_in: None,
            token_hint: None,
            one_time: Arc::new(MemoryOneTime::new(Arc::new(SystemClock))),
            path: "/connect".to_owned(),
            ttl: Duration::from_secs(600),
            wait: Duration::from_secs(30),
            probe: Probe::Required,
        }
    }

    /// With the application's own sign-in in place of a form that asks for the access token.
    #[must_use]
    pub fn with_visitors(mut self, visitors: impl IdentifyVisitor) -> Self {
        self.visitors = Some(Arc::new(visitors));
        self
    }

    /// With a sign-in of people in place of a form that asks for the access token: at the issuer whose tokens their AI clients use. It redirects
    /// to `<path>/signed-in`. An application's own sign-in ([`ConnectAccounts::with_visitors`]) overrides it.
    #[must_use]
    pub fn with_sign_in(mut self, sign_in: impl SignInPeople) -> Self {
        self.sign_in = Some(Arc::new(sign_in));
        self
    }

    /// With a sentence beside the form that asks for the access token: what the operator of the server can do, so that it is not asked for.
    #[must_use]
    pub fn with_token_hint(mut self, hint: impl Into<String>) -> Self {
        self.token_hint = Some(hint.into());
        self
    }

    /// With values that are taken once, in place of this process's memory: on several nodes those of the tenant's stores.
    #[must_use]
    pub fn with_one_time(mut self, one_time: Arc<dyn OneTime>) -> Self {
        self.one_time = one_time;
        self
    }

    /// With another path than `/connect`. The vendor redirects to `<path>/callback`.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// With another life of links and states than ten minutes.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// With another time than thirty seconds for which a repeated call waits for the person to finish.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Whether a new credential must be accepted by the vendor before it counts: it must, unless said otherwise.
    #[must_use]
    pub fn with_probe(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    pub(super) fn check(&self) -> Result<(), ServerError> {
        let fine = self.path.len() > 1
            && self.path.starts_with('/')
            && !self.path.ends_with('/')
            && self.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
        if fine {
            Ok(())
        } else {
            Err(ServerError::config(format!("`{}` is not a path such as `/connect`", self.path)))
        }
    }
}
