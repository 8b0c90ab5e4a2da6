//! Where the API is, as its document says.

use mcp_govern_core::Region;
use url::Url;

/// What the document's `servers` come to.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) regions: Vec<Region>,
    /// Servers that are no base URL by themselves, and why: an operator names one instead.
    pub(crate) unusable: Vec<String>,
}

impl Servers {
    /// The base URL where the operator's row says nothing.
    pub(crate) fn base(&self) -> Option<&Url> {
        self.regions.first().map(|region| &region.base_url)
    }

    /// Why the operator's row must name a base URL.
    pub(crate) fn missing(&self) -> String {
        match self.unusable.as_slice() {
            [] => "the document names no server: `base_url` is needed".to_owned(),
            unusable => {
                format!("the document names no server that can be used ({}): `base_url` is needed", unusable.join(", "))
            }
        }
    }
}
