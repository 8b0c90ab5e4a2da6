//! The suite that every provider must pass.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_conformance::{
    Failure,
    provider::{ProviderCase, Vendor},
    provider_suite,
};
use mcp_govern_core::{Credential, Provider, ServerSpec};
use serde_json::{Value, json};
use stand_ins::OpsgenieStandIn;
use url::Url;

use crate::setup;

struct Opsgenie;

struct Running(OpsgenieStandIn);

#[async_trait]
impl ProviderCase for Opsgenie {
    fn provider(&self) -> Result<Arc<dyn Provider>, Failure> {
        let provider = mcp_provider_opsgenie::provider();
        Ok(Arc::new(provider.map_err(|error| Failure::new(error.to_string()))?))
    }

    fn spec(&self, base_url: Url) -> Result<ServerSpec, Failure> {
        Ok(setup::spec(base_url))
    }

    fn credential(&self, secret: &str) -> Result<Credential, Failure> {
        Ok(setup::keys(secret, Some(secret)))
    }

    async fn vendor(&self, secret: &str) -> Result<Box<dyn Vendor>, Failure> {
        Ok(Box::new(Running(OpsgenieStandIn::builder().with_key(secret).start().await)))
    }

    fn read(&self) -> (String, Value) {
        ("list_alerts".to_owned(), json!({"query": "status: open"}))
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

provider_suite!(Opsgenie);
