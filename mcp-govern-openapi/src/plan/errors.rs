//! How a vendor's refusals are read.

use http::{HeaderMap, HeaderName};
use mcp_govern_core::ProviderErrorKind;

use crate::pointer::Pointer;

/// Where the document says that errors keep their parts.
#[derive(Debug, Default)]
pub(crate) struct ErrorPlan {
    pub(crate) message: Vec<Pointer>,
    pub(crate) code: Vec<Pointer>,
    pub(crate) details: Vec<Pointer>,
    pub(crate) scopes: Vec<Pointer>,
    pub(crate) request_id_headers: Vec<HeaderName>,
    pub(crate) request_id_body: Vec<Pointer>,
}

/// What to tell people when an error has these marks; all marks given must be there.
#[derive(Debug)]
pub(crate) struct RemedyRule {
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    /// In small letters.
    pub(crate) contains: Option<String>,
    pub(crate) header: Option<(HeaderName, Option<String>)>,
    pub(crate) kind: Option<ProviderErrorKind>,
    pub(crate) remedy: String,
    /// Said instead where the vendor gave no words of its own.
    pub(crate) without_message: Option<String>,
}

/// Bytes of a body that are looked at.
pub(crate) const MOST_READ: usize = 64 << 10;

impl ErrorPlan {
    /// The vendor's id of a request, from its headers or the body.
    pub(crate) fn request_id(&self, headers: &HeaderMap, body: &str) -> Option<String> {
        let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let from_headers = self.request_id_headers.iter().find_map(header);
        from_headers.or_else(|| self.request_id_body.iter().find_map(|p| p.text(body))).filter(|id| !id.is_empty())
    }
}
