//! The suite that every provider must pass, with a key and with a token.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_conformance::{
    Failure,
    provider::{ProviderCase, Vendor},
};
use mcp_govern_core::{Credential, Provider, ServerSpec};
use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;
use url::Url;

use crate::setup::Who;

struct PagerDuty(Who);

struct Running(PagerDutyStandIn);

#[async_trait]
impl ProviderCase for PagerDuty {
    fn provider(&self) -> Result<Arc<dyn Provider>, Failure> {
        let provider = mcp_provider_pagerduty::provider();
        Ok(Arc::new(provider.map_err(|error| Failure::new(error.to_string()))?))
    }

    fn spec(&self, base_url: Url) -> Result<ServerSpec, Failure> {
        Ok(self.0.spec(base_url))
    }

    fn credential(&self, secret: &str) -> Result<Credential, Failure> {
        Ok(self.0.credential(secret))
    }

    async fn vendor(&self, secret: &str) -> Result<Box<dyn Vendor>, Failure> {
        let vendor = PagerDutyStandIn::builder();
        let vendor = if self.0 == Who::Token { vendor.with_user_token(secret) } else { vendor.with_key(secret) };
        Ok(Box::new(Running(vendor.start().await)))
    }

    fn read(&self) -> (String, Value) {
        ("list_incidents".to_owned(), json!({"statuses": ["triggered"]}))
    }
}

impl Vendor for Running {
    fn base_url(&self) -> Url {
        self.0.base_url()
    }

    fn requests(&self) -> usize {
        self.0.count()
    }
}

mod with_a_key {
    use mcp_govern_conformance::provider_suite;

    use super::{PagerDuty, Who};

    provider_suite!(PagerDuty(Who::Account));
}

mod with_a_token {
    use mcp_govern_conformance::provider_suite;

    use super::{PagerDuty, Who};

    provider_suite!(PagerDuty(Who::Token));
}
