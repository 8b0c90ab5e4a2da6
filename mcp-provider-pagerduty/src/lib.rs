#![doc = include_str!("../README.md")]

mod recipes;

use mcp_govern_openapi::{DocumentError, OpenApiProvider, OpenApiProviderBuilder};

use self::recipes::{AppendOrchestrationRule, WhoIsOnCall};

/// The provider's id, as servers name it.
pub const PROVIDER: &str = "pagerduty";

/// The id of the auth method with a REST API key, of the account or of a user.
pub const API_KEY: &str = "api_key";

/// The secret field of [`API_KEY`].
pub const API_KEY_FIELD: &str = "api_key";

/// What a server with [`API_KEY`] must be configured with: the login of the user in whose name changes are made.
pub const ACTOR_EMAIL: &str = "actor_email";

/// The id of the auth method with a user's OAuth token.
pub const OAUTH: &str = "oauth";

/// The secret field of [`OAUTH`].
pub const ACCESS_TOKEN_FIELD: &str = "access_token";

/// The region of accounts in the United States: the default.
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

/// The provider before it is built, for a transport, limits, a clock or recipes of one's own. It has its document and its own
/// recipes.
pub fn builder() -> OpenApiProviderBuilder {
    OpenApiProvider::builder()
        .document(DOCUMENT)
        .recipe("who_is_on_call", WhoIsOnCall)
        .recipe("append_orchestration_rule", AppendOrchestrationRule)
}
