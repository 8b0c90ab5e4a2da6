//! The three vendors.

use std::{fmt, str::FromStr};

use mcp_govern_openapi::{DocumentError, OpenApiProvider, OpenApiProviderBuilder};

/// A vendor that a provider crate of this family describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the example programs handle every vendor")]
pub enum Vendor {
    /// Statuspage: public status pages.
    Statuspage,
    /// Opsgenie: alerts and who is on call.
    Opsgenie,
    /// PagerDuty: incidents and who is on call.
    PagerDuty,
}

/// A text names no vendor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no provider `{0}`: expected `statuspage`, `opsgenie` or `pagerduty`")]
pub struct UnknownVendor(String);

impl Vendor {
    /// All three, in the order in which the examples go through them.
    pub const ALL: [Self; 3] = [Self::Statuspage, Self::Opsgenie, Self::PagerDuty];

    /// The provider's id; the examples use it as server id and tool prefix too.
    pub fn id(self) -> &'static str {
        match self {
            Self::Statuspage => mcp_provider_statuspage::PROVIDER,
            Self::Opsgenie => mcp_provider_opsgenie::PROVIDER,
            Self::PagerDuty => mcp_provider_pagerduty::PROVIDER,
        }
    }

    /// The name that people use.
    pub fn title(self) -> &'static str {
        match self {
            Self::Statuspage => "Statuspage",
            Self::Opsgenie => "Opsgenie",
            Self::PagerDuty => "PagerDuty",
        }
    }

    /// The provider with everything at its default.
    ///
    /// # Errors
    ///
    /// None in practice: the description is part of the provider's crate and tested there.
    pub fn provider(self) -> Result<OpenApiProvider, DocumentError> {
        match self {
            Self::Statuspage => mcp_provider_statuspage::provider(),
            Self::Opsgenie => mcp_provider_opsgenie::provider(),
            Self::PagerDuty => mcp_provider_pagerduty::provider(),
        }
    }

    /// The provider before it is built, with its description: for a transport or limits of one's own.
    pub fn builder(self) -> OpenApiProviderBuilder {
        match self {
            Self::Statuspage => mcp_provider_statuspage::builder(),
            Self::Opsgenie => mcp_provider_opsgenie::builder(),
            Self::PagerDuty => mcp_provider_pagerduty::builder(),
        }
    }

    /// The provider's description of the API: an OpenAPI 3.1 document in JSON.
    pub fn document(self) -> &'static str {
        match self {
            Self::Statuspage => mcp_provider_statuspage::DOCUMENT,
            Self::Opsgenie => mcp_provider_opsgenie::DOCUMENT,
            Self::PagerDuty => mcp_provider_pagerduty::DOCUMENT,
        }
    }

    /// The environment variable that holds the API key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::Statuspage => "STATUSPAGE_API_KEY",
            Self::Opsgenie => "OPSGENIE_API_KEY",
            Self::PagerDuty => "PAGERDUTY_API_KEY",
        }
    }

    /// The environment variable that points elsewhere than to the vendor.
    pub fn base_url_variable(self) -> &'static str {
        match self {
            Self::Statuspage => "STATUSPAGE_BASE_URL",
            Self::Opsgenie => "OPSGENIE_BASE_URL",
            Self::PagerDuty => "PAGERDUTY_BASE_URL",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Vendor {
    type Err = UnknownVendor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|vendor| vendor.id() == text).ok_or_else(|| UnknownVendor(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::Provider;

    use super::*;

    #[test]
    fn a_vendor_is_named_as_its_provider_names_itself() {
        for vendor in Vendor::ALL {
            assert_eq!(vendor.provider().unwrap().info().id.as_str(), vendor.id());
            assert_eq!(vendor.id().parse::<Vendor>().unwrap(), vendor);
        }
        assert!("Statuspage".parse::<Vendor>().unwrap_err().to_string().contains("`statuspage`"));
    }
}
