//! What every provider must do, as checks that can be run one by one.
//!
//! [`provider_suite!`](crate::provider_suite) turns them into tests of the calling crate. A [`ProviderCase`] tells how to reach a
//! vendor on loopback; the checks go through a [`Harness`], so a provider is held to what a real governor asks of it.

pub mod calls;
pub mod catalogue;
pub mod hostile;
pub mod offered;
mod raw;
pub mod secrets;

use std::sync::Arc;

use async_trait::async_trait;
use mcp_govern_core::{Credential, Provider, ServerSpec};
use serde_json::Value;
use url::Url;

use crate::{Harness, failure::Failure};

/// A provider with a vendor on loopback to talk to.
#[async_trait]
pub trait ProviderCase: Send + Sync {
    /// The provider.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn provider(&self) -> Result<Arc<dyn Provider>, Failure>;

    /// A row that fits, at a base URL.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn spec(&self, base_url: Url) -> Result<ServerSpec, Failure>;

    /// A credential whose every secret field holds this text.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn credential(&self, secret: &str) -> Result<Credential, Failure>;

    /// A vendor that behaves, and that accepts this text as key and no other.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    async fn vendor(&self, secret: &str) -> Result<Box<dyn Vendor>, Failure>;

    /// A tool that reads, needs a credential, and sends one request; with arguments that the vendor answers with success.
    fn read(&self) -> (String, Value);
}

/// A vendor on loopback.
pub trait Vendor: Send + Sync {
    /// Where it listens.
    fn base_url(&self) -> Url;

    /// How many requests came in.
    fn requests(&self) -> usize;
}

/// A harness over the tool that reads, with the vendor's key in place, or with another one.
async fn harness(case: &dyn ProviderCase, base_url: Url, secret: Option<&str>) -> Result<Harness, Failure> {
    let (tool, _) = case.read();
    let mut builder = Harness::shared_builder(case.provider()?, case.spec(base_url)?).with_only([tool]);
    if let Some(secret) = secret {
        builder = builder.with_credential(case.credential(secret)?);
    }
    builder.open().await
}

/// Expands to one test per check of the provider suite. The argument is an expression that gives a
/// [`ProviderCase`](crate::provider::ProviderCase); the calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! provider_suite {
    ($case:expr) => {
        $crate::provider_suite! { @each $case;
            catalogue: the_provider_says_what_it_is,
            catalogue: a_row_that_does_not_fit_is_refused,
            catalogue: discovery_needs_no_credential_and_stands_a_wrong_one,
            catalogue: discovery_answers_the_same_each_time,
            catalogue: every_tool_is_well_formed,
            offered: what_the_shown_schema_offers_is_never_refused,
            calls: a_call_reaches_the_vendor_and_is_on_record,
            calls: a_call_without_a_credential_sends_nothing,
            calls: an_unknown_argument_sends_nothing,
            calls: a_refused_key_is_told_clearly,
            calls: a_probe_tells_a_good_key_from_a_bad_one,
            calls: a_preview_sends_nothing,
            secrets: the_secret_of_a_good_key_stands_nowhere,
            secrets: the_secret_of_a_bad_key_stands_nowhere,
            hostile: a_closed_port_is_a_network_error_and_nothing_was_sent,
            hostile: a_silent_vendor_is_given_up_at_the_deadline,
            hostile: a_redirect_is_not_followed,
            hostile: a_page_in_place_of_json_is_a_bad_answer,
            hostile: an_endless_body_is_cut_off,
            hostile: a_torn_body_is_an_error,
        }
    };
    (@each $case:expr; $($module:ident: $check:ident,)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                let case = $case;
                if let Err(failure) = $crate::provider::$module::$check(&case).await {
                    panic!("{failure}");
                }
            }
        )*
    };
}
