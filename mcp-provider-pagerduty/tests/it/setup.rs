//! A stand-in, the provider, and a governor between a person and both.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use mcp_govern_conformance::{Failed, Harness, wire::SentRequest};
use mcp_govern_core::{
    AuthMethodId, Credential, CredentialSharing, Provider, Secret, ServerSpec, ToolPrefix, governor::CallSuccess,
};
use mcp_govern_openapi::{Limits, OpenApiProvider};
use mcp_provider_pagerduty::{ACCESS_TOKEN_FIELD, ACTOR_EMAIL, API_KEY, API_KEY_FIELD, OAUTH, PROVIDER, builder};
use serde_json::Value;
use stand_ins::{PagerDutyStandIn, Seen};
use url::Url;

/// The login of a user of the stand-in's account.
pub(crate) const ACTOR: &str = "marit.visser@example.com";
/// The stand-in's service that takes new incidents.
pub(crate) const SERVICE: &str = PagerDutyStandIn::SERVICE;

/// Whose credential a governor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The account's key: it has no user.
    Account,
    /// A key of the account that may only read.
    ReadOnly,
    /// A user's own key.
    User,
    /// A user's OAuth token.
    Token,
}

impl Who {
    /// The secret that the stand-in knows.
    pub(crate) fn secret(self, vendor: &PagerDutyStandIn) -> String {
        match self {
            Self::Account => vendor.good_key(),
            Self::ReadOnly => vendor.read_only_key(),
            Self::User => vendor.user_key(),
            Self::Token => vendor.user_token(),
        }
    }

    /// A credential with this secret.
    pub(crate) fn credential(self, secret: &str) -> Credential {
        let field = if self == Self::Token { ACCESS_TOKEN_FIELD } else { API_KEY_FIELD };
        Credential::new(self.method()).with_field(field, Secret::new(secret))
    }

    /// A server at this address that takes such credentials.
    pub(crate) fn spec(self, base_url: Url) -> ServerSpec {
        let prefix = ToolPrefix::new("pagerduty").unwrap();
        let spec = ServerSpec::new(PROVIDER.parse().unwrap(), "Incidents", prefix, self.method());
        let spec = spec.with_base_url(base_url);
        if self == Self::Token {
            spec.with_sharing(CredentialSharing::PerUser)
        } else {
            spec.with_config(ACTOR_EMAIL, ACTOR)
        }
    }

    fn method(self) -> AuthMethodId {
        AuthMethodId::new(if self == Self::Token { OAUTH } else { API_KEY }).unwrap()
    }
}

/// The provider with short pauses, whose document is read once.
pub(crate) fn provider() -> Arc<dyn Provider> {
    static PROVIDER: OnceLock<OpenApiProvider> = OnceLock::new();
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    // A port may be given to one stand-in after the other: what was sent to the one before is not this one's.
    Arc::new(PROVIDER.get_or_init(|| builder().limits(limits).build().unwrap()).with_own_limiter())
}

/// A governor over a server at this address with this secret.
pub(crate) async fn harness_at(base_url: Url, who: Who, secret: &str) -> Harness {
    let builder = Harness::shared_builder(provider(), who.spec(base_url)).with_credential(who.credential(secret));
    builder.open().await.unwrap()
}

/// A stand-in and a governor that holds the account's key.
pub(crate) async fn open() -> (PagerDutyStandIn, Harness) {
    open_as(Who::Account).await
}

/// A stand-in and a governor that holds such a credential.
pub(crate) async fn open_as(who: Who) -> (PagerDutyStandIn, Harness) {
    let vendor = PagerDutyStandIn::start().await;
    let harness = harness_at(vendor.base_url(), who, &who.secret(&vendor)).await;
    (vendor, harness)
}

/// The result of a call that succeeds.
pub(crate) async fn call(harness: &Harness, tool: &str, arguments: Value) -> Value {
    harness.output(tool, arguments).await.unwrap()
}

/// A call that succeeds.
pub(crate) async fn success(harness: &Harness, tool: &str, arguments: Value) -> CallSuccess {
    match harness.call(tool, arguments).await {
        Ok(success) => success,
        Err(error) => panic!("`{tool}`: {error}"),
    }
}

/// A call that fails on the way to the vendor or there.
pub(crate) async fn failure(harness: &Harness, tool: &str, arguments: Value) -> Failed {
    harness.failure(tool, arguments).await.unwrap()
}

/// As [`failure`], with a deadline.
pub(crate) async fn failure_within(harness: &Harness, tool: &str, arguments: Value, time: Duration) -> Failed {
    Failed::of(tool, harness.call_until(tool, arguments, Instant::now() + time).await).unwrap()
}

/// The request as the cases compare it.
pub(crate) fn sent(seen: &Seen) -> SentRequest {
    SentRequest::new(seen.method(), seen.target(), seen.headers().to_vec(), seen.body())
}
