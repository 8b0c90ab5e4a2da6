//! Stand-ins and governors for single flows.

use std::sync::Arc;

pub(crate) use mcp_govern_conformance::kit::{call, failure, failure_within, success};
use mcp_govern_conformance::{
    Harness,
    kit::{self, ProviderKit as _},
};
use mcp_govern_core::{Credential, Provider, ServerConfig, ServerId, ServerSpec, TenantId};
use mcp_provider_statuspage::PUBLIC_PAGES;
use stand_ins::{Seen, StatuspageStandIn};
use url::Url;

use crate::kit::Statuspage;

/// The stand-in's first page, as a path.
pub(crate) const PAGE: &str = StatuspageStandIn::PAGE;

pub(crate) fn provider() -> Arc<dyn Provider> {
    Statuspage.provider()
}

/// A server at this address that reads no public page.
pub(crate) fn spec(base_url: Url) -> ServerSpec {
    let mut spec = Statuspage.spec(base_url);
    spec.config.remove(PUBLIC_PAGES);
    spec
}

pub(crate) fn credential(key: &str) -> Credential {
    Statuspage.credential(key)
}

/// A governor over a server at this address with this key, which offers these tools and what they use: all hundred of them
/// take many times as long to be reviewed.
pub(crate) async fn harness_at(base_url: Url, key: &str, tools: &[&str]) -> Harness {
    let builder = Harness::shared_builder(provider(), spec(base_url)).with_credential(credential(key));
    builder.with_only(tools.iter().copied()).open().await.unwrap()
}

/// A stand-in and a governor that holds its key and offers these tools, those of its public page too.
pub(crate) async fn open_only(tools: &[&str]) -> (StatuspageStandIn, Harness) {
    kit::open_only(&Statuspage, tools).await
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
