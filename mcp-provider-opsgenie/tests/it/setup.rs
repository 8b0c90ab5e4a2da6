//! Stand-ins and governors for single flows.

use std::sync::Arc;

pub(crate) use mcp_govern_conformance::kit::{call, failure, failure_within, success};
use mcp_govern_conformance::{
    Harness,
    kit::{self, ProviderKit as _},
};
use mcp_govern_core::{AuthMethodId, Credential, Provider, Secret, ServerSpec};
use mcp_provider_opsgenie::{API_KEY, API_KEY_FIELD, INTEGRATION_KEY_FIELD};
use stand_ins::OpsgenieStandIn;
use url::Url;

use crate::kit::Opsgenie;

/// The alias of an open alert that nobody has acknowledged.
pub(crate) const OPEN: &str = "booking-api/error-rate";
/// The alias of an open alert that somebody has acknowledged.
pub(crate) const ACKNOWLEDGED: &str = "edi/sgsin/queue";

pub(crate) fn provider() -> Arc<dyn Provider> {
    Opsgenie.provider()
}

/// A server at this address.
pub(crate) fn spec(base_url: Url) -> ServerSpec {
    Opsgenie.spec(base_url)
}

/// A credential with one key or with both.
pub(crate) fn keys(key: &str, integration_key: Option<&str>) -> Credential {
    let credential = Credential::new(AuthMethodId::new(API_KEY).unwrap()).with_field(API_KEY_FIELD, Secret::new(key));
    match integration_key {
        Some(key) => credential.with_field(INTEGRATION_KEY_FIELD, Secret::new(key)),
        None => credential,
    }
}

/// A governor over a server at this address with this credential.
pub(crate) async fn harness_at(base_url: Url, credential: Credential) -> Harness {
    Harness::shared_builder(provider(), spec(base_url)).with_credential(credential).open().await.unwrap()
}

/// A stand-in whose requests take effect at once, and a governor that holds both its keys.
pub(crate) async fn open() -> (OpsgenieStandIn, Harness) {
    kit::open(&Opsgenie).await
}

/// A stand-in whose requests take effect after so many questions for their status.
pub(crate) async fn open_with(polls: usize) -> (OpsgenieStandIn, Harness) {
    let vendor = OpsgenieStandIn::builder().with_pending_polls(polls).start().await;
    let credential = keys(&vendor.good_key(), Some(&vendor.integration_key()));
    let harness = harness_at(vendor.base_url(), credential).await;
    (vendor, harness)
}
