#![doc = include_str!("../README.md")]

use mcp_govern_openapi::{DocumentError, OpenApiProvider, OpenApiProviderBuilder};

/// The provider's id, as servers name it.
pub const PROVIDER: &str = "statuspage";

/// The id of the one auth method.
pub const API_KEY: &str = "api_key";

/// The auth method's one secret field: a user's API key.
pub const API_KEY_FIELD: &str = "api_key";

/// The description of the API, as an OpenAPI 3.1 document in JSON.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/api.json"));

/// The provider with everything at its default.
///
/// # Errors
///
/// None in a released version: the document is part of the crate, and a test reads it.
pub fn provider() -> Result<OpenApiProvider, DocumentError> {
    builder().build()
}

/// The provider before it is built, for a transport, limits, a clock or recipes of one's own. It has its document.
pub fn builder() -> OpenApiProviderBuilder {
    OpenApiProvider::builder().document(DOCUMENT)
}
