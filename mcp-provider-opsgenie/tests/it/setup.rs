//! A stand-in, the provider, and a governor between a person and both.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use mcp_govern_conformance::{Failed, Harness, wire::SentRequest};
use mcp_govern_core::{AuthMethodId, Credential, Provider, Secret, ServerSpec, ToolPrefix, governor::CallSuccess};
use mcp_govern_openapi::{Limits, OpenApiProvider};
use mcp_provider_opsgenie::{API_KEY, API_KEY_FIELD, INTEGRATION_KEY_FIELD, PROVIDER, builder};
use serde_json::Value;
use stand_ins::{OpsgenieStandIn, Seen};
use url::Url;

/// The alias of an open alert that nobody has acknowledged.
pub(crate) const OPEN: &str = "booking-api/error-rate";
/// The alias of an open alert that somebody has acknowledged.
pub(crate) const ACKNOWLEDGED: &str = "edi/sgsin/queue";

/// The provider with short pauses, whose document is read once.
pub(crate) fn provider() -> Arc<dyn Provider> {
    static PROVIDER: OnceLock<OpenApiProvider> = OnceLock::new();
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    // A port may be given to one stand-in after the other: what was sent to the one before is not this one's.
    Arc::new(PROVIDER.get_or_init(|| builder().limits(limits).build().unwrap()).with_own_limiter())
}

/// A server at this address.
pub(crate) fn spec(base_url: Url) -> ServerSpec {
    let prefix = ToolPrefix::new("opsgenie").unwrap();
    ServerSpec::new(PROVIDER.parse().unwrap(), "Alerts", prefix, method()).with_base_url(base_url)
}

/// A credential with one key or with both.
pub(crate) fn keys(key: &str, integration_key: Option<&str>) -> Credential {
    let credential = Credential::new(method()).with_field(API_KEY_FIELD, Secret::new(key));
    match integration_key {
        Some(key) => credential.with_field(INTEGRATION_KEY_FIELD, Secret::new(key)),
        None => credential,
    }
}

fn method() -> AuthMethodId {
    AuthMethodId::new(API_KEY).unwrap()
}

/// A governor over a server at this address with this credential.
pub(crate) async fn harness_at(base_url: Url, credential: Credential) -> Harness {
    Harness::shared_builder(provider(), spec(base_url)).with_credential(credential).open().await.unwrap()
}

/// A stand-in whose requests take effect at once, and a governor that holds both its keys.
pub(crate) async fn open() -> (OpsgenieStandIn, Harness) {
    open_with(0).await
}

/// A stand-in whose requests take effect after so many questions for their status.
pub(crate) async fn open_with(polls: usize) -> (OpsgenieStandIn, Harness) {
    let vendor = OpsgenieStandIn::builder().with_pending_polls(polls).start().await;
    let credential = keys(&vendor.good_key(), Some(&vendor.integration_key()));
    let harness = harness_at(vendor.base_url(), credential).await;
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
