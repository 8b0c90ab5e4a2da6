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
use mcp_provider_statuspage::{API_KEY, API_KEY_FIELD, PROVIDER, PUBLIC_PAGES, builder};
use serde_json::{Value, json};
use stand_ins::StatuspageStandIn;
use url::Url;

pub(crate) struct Statuspage;

/// With short pauses.
static READ_ONCE: LazyLock<OpenApiProvider> = LazyLock::new(|| {
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    builder().limits(limits).build().unwrap()
});

#[async_trait]
impl ProviderKit for Statuspage {
    type StandIn = StatuspageStandIn;

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(READ_ONCE.with_own_limiter())
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(READ_ONCE.catalogue())
    }

    /// With the stand-in's public page.
    fn spec(&self, base_url: Url) -> ServerSpec {
        let (prefix, method) = (ToolPrefix::new("status").unwrap(), AuthMethodId::new(API_KEY).unwrap());
        let spec = ServerSpec::new(PROVIDER.parse().unwrap(), "Status page", prefix, method);
        let public = base_url.origin().ascii_serialization();
        let is_stand_in = base_url.host_str() == Some("127.0.0.1");
        let spec = spec.with_base_url(base_url);
        if is_stand_in { spec.with_config(PUBLIC_PAGES, public) } else { spec }
    }

    fn credential(&self, secret: &str) -> Credential {
        Credential::new(AuthMethodId::new(API_KEY).unwrap()).with_field(API_KEY_FIELD, Secret::new(secret))
    }

    async fn start(&self, secret: &str) -> StatuspageStandIn {
        StatuspageStandIn::builder().with_key(secret).start().await
    }

    fn seen(vendor: &StatuspageStandIn) -> Seen {
        let requests = vendor.requests_as(SentRequest::new);
        Seen { base_url: vendor.base_url(), requests, violations: vendor.violations() }
    }

    fn reset(vendor: &StatuspageStandIn) {
        vendor.reset();
    }

    fn read(&self) -> (String, Value) {
        ("list_components".to_owned(), json!({"page_id": StatuspageStandIn::PAGE}))
    }

    fn long_lists(&self) -> usize {
        10
    }

    async fn cases(&self) -> Vec<Case> {
        crate::cases::cases().await
    }

    /// The key never goes to the address of a public page.
    fn headers(&self, secret: &str, _: &str, target: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![("accept", "application/json".to_owned())];
        if !target.starts_with("/api/v2/") {
            headers.push(("authorization", format!("OAuth {secret}")));
        }
        headers
    }
}

provider_kit!(Statuspage);
provider_suite!(Statuspage);
