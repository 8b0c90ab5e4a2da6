//! Stand-ins and governors for single flows.

use std::sync::Arc;

pub(crate) use mcp_govern_conformance::kit::{call, failure, failure_within, success};
use mcp_govern_conformance::{
    Harness,
    kit::{self, ProviderKit as _},
};
use mcp_govern_core::Provider;
use stand_ins::PagerDutyStandIn;
use url::Url;

use crate::kit::PagerDuty;
pub(crate) use crate::kit::{ACTOR, Who};

/// The stand-in's service that takes new incidents.
pub(crate) const SERVICE: &str = PagerDutyStandIn::SERVICE;

pub(crate) fn provider() -> Arc<dyn Provider> {
    PagerDuty(Who::Account).provider()
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
    kit::open(&PagerDuty(who)).await
}
