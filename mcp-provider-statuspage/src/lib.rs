#![doc = include_str!("../README.md")]

mod recipes;

use mcp_govern_openapi::{DocumentError, OpenApiProvider, OpenApiProviderBuilder};

/// The provider's id, as servers name it.
pub const PROVIDER: &str = "statuspage";

/// The id of the one auth method.
pub const API_KEY: &str = "api_key";

/// The auth method's one secret field: a user's API key.
pub const API_KEY_FIELD: &str = "api_key";

/// The server configuration that lists the pages that the server may reach, with commas between their identifiers.
pub const PAGE_IDS: &str = "page_ids";

/// The server configuration that names the organisation.
pub const ORGANIZATION_ID: &str = "organization_id";

/// The server configuration that lists the public pages that may be read without a key, with commas between their hosts.
pub const PUBLIC_PAGES: &str = "public_pages";

/// The description of the API, as an OpenAPI 3.1 document in JSON. [`builder`] has what runs the recipes that it specifies.
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
        .recipe("is_anything_down", recipes::IsAnythingDown)
        .recipe("post_incident_update", recipes::PostIncidentUpdate)
        .recipe("schedule_maintenance", recipes::ScheduleMaintenance)
        .recipe("change_user_permissions", recipes::ChangeUserPermissions)
}
