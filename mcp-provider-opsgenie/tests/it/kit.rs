//! What the tests of every provider need to know of this one.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_conformance::{
    kit::{ProviderKit, Seen},
    provider_kit, provider_suite,
    wire::{Case, SentRequest},
};
use mcp_govern_core::{AuthMethodId, Catalogue, Credential, Provider, Secret, ServerSpec, ToolPrefix};
use mcp_govern_openapi::{Limits, OpenApiProvider};
use mcp_provider_opsgenie::{API_KEY, API_KEY_FIELD, INTEGRATION_KEY_FIELD, PROVIDER, builder};
use serde_json::{Value, json};
use stand_ins::OpsgenieStandIn;
use url::Url;

pub(crate) struct Opsgenie;

/// With short pauses.
static READ_ONCE: LazyLock<OpenApiProvider> = LazyLock::new(|| {
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    builder().limits(limits).build().unwrap()
});

fn of_integration(secret: &str) -> String {
    format!("{secret}-of-the-integration")
}

#[async_trait]
impl ProviderKit for Opsgenie {
    type StandIn = OpsgenieStandIn;

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(READ_ONCE.with_own_limiter())
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(READ_ONCE.catalogue())
    }

    fn spec(&self, base_url: Url) -> ServerSpec {
        let (prefix, method) = (ToolPrefix::new("opsgenie").unwrap(), AuthMethodId::new(API_KEY).unwrap());
        ServerSpec::new(PROVIDER.parse().unwrap(), "Alerts", prefix, method).with_base_url(base_url)
    }

    fn credential(&self, secret: &str) -> Credential {
        let credential = Credential::new(AuthMethodId::new(API_KEY).unwrap());
        let credential = credential.with_field(API_KEY_FIELD, Secret::new(secret));
        credential.with_field(INTEGRATION_KEY_FIELD, Secret::new(of_integration(secret)))
    }

    async fn start(&self, secret: &str) -> OpsgenieStandIn {
        let vendor = OpsgenieStandIn::builder().with_key(secret).with_integration_key(of_integration(secret));
        vendor.with_pending_polls(0).start().await
    }

    fn seen(vendor: &OpsgenieStandIn) -> Seen {
        let requests = vendor.requests_as(SentRequest::new);
        Seen { base_url: vendor.base_url(), requests, violations: vendor.violations() }
    }

    fn reset(vendor: &OpsgenieStandIn) {
        vendor.reset();
    }

    fn read(&self) -> (String, Value) {
        ("list_alerts".to_owned(), json!({"query": "status: open"}))
    }

    async fn cases(&self) -> Vec<Case> {
        crate::requests::cases()
    }

    /// The key of the integration goes with what acts on alerts, but for files.
    fn headers(&self, secret: &str, method: &str, target: &str) -> Vec<(&'static str, String)> {
        let acts = method == "POST" && !target.contains("/attachments?");
        let key = if acts { of_integration(secret) } else { secret.to_owned() };
        vec![("accept", "application/json".to_owned()), ("authorization", format!("GenieKey {key}"))]
    }
}

provider_kit!(Opsgenie);
provider_suite!(Opsgenie);
