//! Where the next page of a list begins.

use std::time::Duration;

use mcp_govern_core::Principal;
use rmcp::ErrorData;

use crate::seal::{Purpose, Sealer};

/// How long a cursor is good for.
const TTL: Duration = Duration::from_secs(3600);

/// The name after which the next page begins: a list may change between two pages, and no tool is shown twice or left out for it.
pub(super) fn seal(sealer: &Sealer, principal: &Principal, after: &str) -> Option<String> {
    sealer.seal(Purpose::Cursor, &parts(principal), TTL, &after)
}

/// Opens the caller's own cursor.
pub(super) fn open(sealer: &Sealer, principal: &Principal, cursor: &str) -> Result<String, ErrorData> {
    let opened = sealer.open(Purpose::Cursor, &parts(principal), cursor);
    opened.ok_or_else(|| ErrorData::invalid_params("the cursor is not valid: list again from the start", None))
}

fn parts(principal: &Principal) -> [&str; 4] {
    let (user, client) = (&principal.user, &principal.client);
    [user.issuer.as_str(), user.subject.as_str(), client.issuer.as_str(), client.name.as_str()]
}
