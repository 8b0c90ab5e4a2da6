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
use stand_ins::StatuspageStandIn;
use url::Url;

use crate::setup;

struct Statuspage;

struct Running(StatuspageStandIn);

#[async_trait]
impl ProviderCase for Statuspage {
    fn provider(&self) -> Result<Arc<dyn Provider>, Failure> {
        Ok(setup::provider())
    }

    fn spec(&self, base_url: Url) -> Result<ServerSpec, Failure> {
        Ok(setup::spec(base_url))
    }

    fn credential(&self, secret: &str) -> Result<Credential, Failure> {
        Ok(setup::credential(secret))
    }

    async fn vendor(&self, secret: &str) -> Result<Box<dyn Vendor>, Failure> {
        Ok(Box::new(Running(StatuspageStandIn::builder().with_key(secret).start().await)))
    }

    fn read(&self) -> (String, Value) {
        ("list_components".to_owned(), json!({"page_id": setup::PAGE}))
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

provider_suite!(Statuspage);
