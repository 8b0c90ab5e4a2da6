//! A stand-in, the provider, and a governor between a person and both.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use mcp_govern_conformance::{Failed, Harness, wire::SentRequest};
use mcp_govern_core::{
    AuthMethodId, Credential, Provider, Secret, ServerConfig, ServerId, ServerSpec, TenantId, ToolPrefix,
    governor::CallSuccess,
};
use mcp_govern_openapi::{Limits, OpenApiProvider};
use mcp_provider_statuspage::{API_KEY, API_KEY_FIELD, PROVIDER, PUBLIC_PAGES, builder};
use serde_json::Value;
use stand_ins::{Seen, StatuspageStandIn};
use url::Url;

/// The stand-in's first page, as a path.
pub(crate) const PAGE: &str = StatuspageStandIn::PAGE;

/// The provider with short pauses, whose document is read once.
pub(crate) fn provider() -> Arc<dyn Provider> {
    static PROVIDER: OnceLock<OpenApiProvider> = OnceLock::new();
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    // A port may be given to one stand-in after the other: what was sent to the one before is not this one's.
    Arc::new(PROVIDER.get_or_init(|| builder().limits(limits).build().unwrap()).with_own_limiter())
}

/// A server at this address.
pub(crate) fn spec(base_url: Url) -> ServerSpec {
    let prefix = ToolPrefix::new("status").unwrap();
    ServerSpec::new(PROVIDER.parse().unwrap(), "Status page", prefix, method()).with_base_url(base_url)
}

pub(crate) fn credential(key: &str) -> Credential {
    Credential::new(method()).with_field(API_KEY_FIELD, Secret::new(key))
}

fn method() -> AuthMethodId {
    AuthMethodId::new(API_KEY).unwrap()
}

/// A governor over a server at this address with this key, which offers these tools and what they use: all hundred of them
/// take many times as long to be reviewed.
pub(crate) async fn harness_at(base_url: Url, key: &str, tools: &[&str]) -> Harness {
    let builder = Harness::shared_builder(provider(), spec(base_url)).with_credential(credential(key));
    builder.with_only(tools.iter().copied()).open().await.unwrap()
}

/// A stand-in and a governor that holds its key and offers these tools, those of its public page too.
pub(crate) async fn open_only(tools: &[&str]) -> (StatuspageStandIn, Harness) {
    let vendor = StatuspageStandIn::start().await;
    let builder = Harness::shared_builder(provider(), with_public_page(spec(vendor.base_url()), &vendor));
    let builder = builder.with_credential(credential(&vendor.good_key())).with_only(tools.iter().copied());
    (vendor, builder.open().await.unwrap())
}

/// A stand-in and a governor over a server that is configured like this and offers everything.
pub(crate) async fn open_configured(config: &[(&str, &str)]) -> (StatuspageStandIn, Harness) {
    let vendor = StatuspageStandIn::start().await;
    let spec = config.iter().fold(spec(vendor.base_url()), |spec, (key, value)| spec.with_config(*key, *value));
    let builder = Harness::shared_builder(provider(), spec).with_credential(credential(&vendor.good_key()));
    (vendor, builder.open().await.unwrap())
}

/// A server that is registered nowhere.
pub(crate) fn config() -> ServerConfig {
    let spec = spec("https://api.example.com/v1".parse().unwrap());
    ServerConfig::new(TenantId::new("t").unwrap(), ServerId::new("s").unwrap(), spec)
}

/// May read the stand-in's public page, and no other.
pub(crate) fn with_public_page(spec: ServerSpec, vendor: &StatuspageStandIn) -> ServerSpec {
    spec.with_config(PUBLIC_PAGES, vendor.public_url().origin().ascii_serialization())
}

/// Requests as lines, `METHOD target body`, the stand-in's first page shortened to `PAGE`.
pub(crate) fn lines(vendor: &StatuspageStandIn) -> Vec<String> {
    let line = |seen: &Seen| {
        let body = String::from_utf8_lossy(seen.body()).into_owned();
        format!("{} {} {body}", seen.method(), seen.target())
            .replace(&format!("/v1/pages/{PAGE}"), "PAGE")
            .trim()
            .to_owned()
    };
    vendor.requests().iter().map(line).collect()
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
