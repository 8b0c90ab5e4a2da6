#![cfg_attr(feature = "engine", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "engine"),
    doc = "Merges the files of an OpenAPI document. The feature `engine` has the rest."
)]
#![cfg_attr(
    all(test, feature = "engine"),
    expect(clippy::needless_pass_by_value, reason = "tests write values in place with `json!`")
)]

mod error;
mod merge;

#[cfg(feature = "engine")]
mod aside;
#[cfg(feature = "engine")]
mod authorize;
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
mod held;
#[cfg(feature = "engine")]
mod limits;
#[cfg(feature = "engine")]
mod long;
#[cfg(feature = "engine")]
mod poll;
#[cfg(feature = "engine")]
mod preview;
#[cfg(feature = "engine")]
mod probe;
#[cfg(feature = "engine")]
mod provider;
#[cfg(feature = "engine")]
mod reach;
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
mod steps;
#[cfg(feature = "engine")]
mod transport;

#[cfg(feature = "engine")]
#[cfg(test)]
mod tests;

#[cfg(feature = "engine")]
pub use self::{
    catalog::catalog_line,
    document::foreign::ForeignDocument,
    limits::Limits,
    provider::{OpenApiProvider, OpenApiProviderBuilder, ResultForms},
    recipe::{Recipe, RecipeSpec, RowAnswer, RowCaller, RowList},
    transport::{BodySource, BodyStream, ReqwestTransport, Transport, TransportError},
};
pub use self::{
    error::{DocumentError, DocumentErrorKind, Fault},
    merge::{merge_directory, merge_documents},
};
