#![doc = include_str!("../README.md")]

use mcp_govern_openapi::{DocumentError, OpenApiProvider, OpenApiProviderBuilder};

/// The provider's id, as servers name it.
pub const PROVIDER: &str = "opsgenie";

/// The id of the one auth method.
pub const API_KEY: &str = "api_key";

/// The secret field that every credential has: a key from API key management, or of an API integration.
pub const API_KEY_FIELD: &str = "api_key";

/// The secret field for the key of an API integration, which alone may create, acknowledge and close alerts. Where it is
/// left out, [`API_KEY_FIELD`] is used for these as well.
pub const INTEGRATION_KEY_FIELD: &str = "integration_key";

/// The region of accounts in the United States, and of all others outside the European one: the default.
pub const REGION_US: &str = "us";

/// The European region.
pub const REGION_EU: &str = "eu";

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
