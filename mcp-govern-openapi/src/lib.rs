#![cfg_attr(feature = "engine", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "engine"), doc = "Merges the files of an OpenAPI document. The feature `engine` has the rest.")]

mod error;
mod merge;

#[cfg(feature = "engine")]
mod bind;
#[cfg(feature = "engine")]
mod catalog;
#[cfg(feature = "engine")]
mod check;
#[cfg(feature = "engine")]
mod decode;
#[cfg(feature = "engine")]
mod document;
#[cfg(feature = "engine")]
mod limits;
#[cfg(feature = "engine")]
mod poll;
#[cfg(feature = "engine")]
mod preview;
#[cfg(feature = "engine")]
mod probe;
#[cfg(feature = "engine")]
mod provider;
#[cfg(feature = "engine")]
mod recipe;
#[cfg(feature = "engine")]
mod row;
#[cfg(feature = "engine")]
mod schema;
#[cfg(feature = "engine")]
mod send;
#[cfg(feature = "engine")]
mod server;
#[cfg(feature = "engine")]
mod transport;

#[cfg(all(test, feature = "engine"))]
mod tests;

pub use self::{
    error::{DocumentError, DocumentErrorKind, Fault},
    merge::{merge_directory, merge_documents},
};
#[cfg(feature = "engine")]
pub use self::{
    catalog::catalog_line,
    limits::Limits,
    provider::{OpenApiProvider, OpenApiProviderBuilder},
    recipe::{Recipe, RecipeSpec, RowAnswer, RowCaller},
    transport::{BodySource, BodyStream, ReqwestTransport, Transport, TransportError},
};
