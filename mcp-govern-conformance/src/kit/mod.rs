//! Tests of a vendor's provider, made of what is peculiar to the vendor: its provider, its stand-in and its cases.
//!
//! A crate of a vendor writes a [`ProviderKit`] and has [`provider_kit!`](crate::provider_kit) and
//! [`provider_suite!`](crate::provider_suite) turn it into tests:
//!
//! - every tool has a [`Case`], and sends exactly its request, which its preview shows;
//! - what a tool's schema does not admit is denied before anything is sent: an unknown argument, a missing one, a value of another
//!   type or out of range, for every argument of every tool;
//! - every list is short at first, is read to its end, and can be shortened to some members;
//! - no list and no map of a change may be empty;
//! - the tables of the tools in the crate's documentation are those of the catalogue.
//!
//! A [`Fixture`] is what these walk with: one stand-in and one governor with every tool approved, for all cases of a test; the stand-in
//! goes back to its first state wherever a case has changed something. For tests of single flows there are [`open`], [`call`],
//! [`success`], [`failure`] and [`failure_within`], which panic where a call does not go as they say.

mod cases;
mod documentation;
mod fixture;
mod flow;
mod lists;
mod refusals;
mod replaceable;
mod unfit;

use std::{marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{Catalogue, Credential, Provider, ServerSpec};
use serde_json::Value;
use url::Url;

pub use self::{
    cases::{every_tool_has_a_case, every_tool_sends_exactly_its_request_and_its_preview_shows_it},
    documentation::{Home, the_documentation_lists_every_tool, write_the_documentation},
    fixture::Fixture,
    flow::{call, failure, failure_within, open, open_only, success},
    lists::every_list_is_short_is_read_to_its_end_and_names_what_it_leaves_out,
    refusals::{
        Refusal, each_is_refused, no_list_or_map_of_a_change_may_be_empty, what_no_schema_admits_is_denied_and_not_sent,
    },
};
use crate::{
    Failure,
    provider::{ProviderCase, Vendor},
    wire::{Case, SentRequest},
};

/// A vendor's provider with its stand-in, and what its tests know of both.
///
/// It is a [`ProviderCase`] as well, for [`provider_suite!`](crate::provider_suite). A method that cannot do its part panics: the test has
/// failed.
#[async_trait]
pub trait ProviderKit: Send + Sync + 'static {
    /// The vendor's stand-in on loopback. It ends when it is dropped, and is in the same state at every start.
    type StandIn: Send + Sync + 'static;

    /// The provider, with rate limits that count from nothing and with short pauses between its attempts.
    fn provider(&self) -> Arc<dyn Provider>;

    /// Every tool that the provider has in any configuration.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// The specification of a server that offers every tool of the cases, at a base URL.
    fn spec(&self, base_url: Url) -> ServerSpec;

    /// A credential whose every secret field holds this text or begins with it.
    fn credential(&self, secret: &str) -> Credential;

    /// Starts a stand-in that accepts the credential of this text, and none of another one.
    async fn start(&self, secret: &str) -> Self::StandIn;

    /// What a stand-in has seen since its start or since it was reset.
    fn seen(stand_in: &Self::StandIn) -> Seen;

    /// Puts a stand-in back into the state of its start.
    fn reset(stand_in: &Self::StandIn);

    /// A tool that reads, needs a credential, and sends one request; with arguments that the stand-in answers with success.
    fn read(&self) -> (String, Value);

    /// How many lists, at least, have more than one item at the stand-in: fewer than these prove nothing.
    fn long_lists(&self) -> usize {
        1
    }

    /// Every tool at least once, with the request that it must send, written from the vendor's reference. Tools over several
    /// operations may be left out.
    async fn cases(&self) -> Vec<Case>;

    /// The headers of a request of this method to this target (path and query, encoded): all but those of the transport and of the
    /// body, in any order. `secret` is the text of the credential.
    fn headers(&self, secret: &str, method: &str, target: &str) -> Vec<(&'static str, String)>;
}

/// What a stand-in has seen since its start or since it was reset.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where it listens: what takes the place of the vendor's base URL.
    pub base_url: Url,
    /// Every request so far, in order.
    pub requests: Vec<SentRequest>,
    /// In what requests broke the vendor's rules so far, a sentence each.
    pub violations: Vec<String>,
}

/// A stand-in as the suites know it.
struct Running<K: ProviderKit>(K::StandIn, PhantomData<K>);

#[async_trait]
impl<K: ProviderKit> ProviderCase for K {
    fn provider(&self) -> Result<Arc<dyn Provider>, Failure> {
        Ok(ProviderKit::provider(self))
    }

    fn spec(&self, base_url: Url) -> Result<ServerSpec, Failure> {
        Ok(ProviderKit::spec(self, base_url))
    }

    fn credential(&self, secret: &str) -> Result<Credential, Failure> {
        Ok(ProviderKit::credential(self, secret))
    }

    async fn vendor(&self, secret: &str) -> Result<Box<dyn Vendor>, Failure> {
        Ok(Box::new(Running::<K>(self.start(secret).await, PhantomData)))
    }

    fn read(&self) -> (String, Value) {
        ProviderKit::read(self)
    }
}

impl<K: ProviderKit> Vendor for Running<K> {
    fn base_url(&self) -> Url {
        K::seen(&self.0).base_url
    }

    fn requests(&self) -> usize {
        K::seen(&self.0).requests.len()
    }
}

/// Expands to the tests of a [`ProviderKit`](crate::kit::ProviderKit), given as an expression; the calling crate needs `tokio` with
/// `macros` and `rt`.
///
/// The tables of the tools are written anew where the tests run with `UPDATE=1` in the environment. They are linked from the README by
/// the package's `repository`, below a folder with the package's name.
#[macro_export]
macro_rules! provider_kit {
    ($kit:expr) => {
        #[tokio::test]
        async fn every_tool_has_a_case() {
            $crate::kit::every_tool_has_a_case(&$kit).await.unwrap();
        }

        #[tokio::test]
        async fn every_tool_sends_exactly_its_request_and_its_preview_shows_it() {
            $crate::kit::every_tool_sends_exactly_its_request_and_its_preview_shows_it(&$kit).await.unwrap();
        }

        #[tokio::test]
        async fn what_no_schema_admits_is_denied_and_not_sent() {
            $crate::kit::what_no_schema_admits_is_denied_and_not_sent(&$kit).await.unwrap();
        }

        #[tokio::test]
        async fn every_list_is_short_is_read_to_its_end_and_names_what_it_leaves_out() {
            $crate::kit::every_list_is_short_is_read_to_its_end_and_names_what_it_leaves_out(&$kit).await.unwrap();
        }

        #[test]
        fn no_list_or_map_of_a_change_may_be_empty() {
            $crate::kit::no_list_or_map_of_a_change_may_be_empty(&$crate::kit::ProviderKit::catalogue(&$kit)).unwrap();
        }

        #[test]
        fn the_documentation_lists_every_tool() {
            let links = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/", env!("CARGO_PKG_NAME"));
            let home = $crate::kit::Home::new(env!("CARGO_MANIFEST_DIR"), links);
            let catalogue = $crate::kit::ProviderKit::catalogue(&$kit);
            $crate::kit::the_documentation_lists_every_tool(&catalogue, &home).unwrap();
        }
    };
}
