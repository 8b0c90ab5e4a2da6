//! `x-govern` of the document and of its security schemes.

use std::collections::BTreeMap;

use mcp_govern_core::CredentialSharing;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::operation::PageGovern;

/// `x-govern` of a security scheme.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchemeGovern {
    pub(crate) method: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) field: Option<String>,
    pub(crate) fallback: Option<String>,
    pub(crate) fields: Vec<FieldGovern>,
    pub(crate) sharing: Vec<CredentialSharing>,
    pub(crate) config: Vec<FieldGovern>,
    /// Of an OAuth scheme: where tokens are revoked (RFC 7009).
    pub(crate) revoke_url: Option<String>,
    /// Of an OAuth scheme: what says in which region an account is.
    pub(crate) region_from: Option<RegionFromGovern>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RegionFromGovern {
    IdTokenAudience,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldGovern {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) help: String,
    #[serde(default = "yes")]
    pub(crate) required: bool,
    pub(crate) format: Option<FieldFormatGovern>,
    /// Of a configuration: what the whole value must match.
    pub(crate) pattern: Option<String>,
}

/// `x-govern` of the document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DocumentGovern {
    pub(crate) provider: Option<String>,
    pub(crate) catalogue: Option<u64>,
    pub(crate) origin_roles: BTreeMap<String, OriginGovern>,
    pub(crate) scopes: Vec<ScopeGovern>,
    pub(crate) pages: BTreeMap<String, PageGovern>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) throttle: Option<Vec<ThrottleGovern>>,
    pub(crate) wait: Option<Vec<WaitGovern>>,
    pub(crate) wait_default_ms: Option<u64>,
    pub(crate) rates: BTreeMap<String, RateGovern>,
    pub(crate) errors: Option<ErrorsGovern>,
    pub(crate) remedies: Vec<RemedyGovern>,
    pub(crate) warnings: Vec<WarningGovern>,
    pub(crate) probe: Vec<ProbeGovern>,
    /// Values that no caller gives, by the names by which members of bodies refer to them.
    pub(crate) lookups: BTreeMap<String, Vec<LookupGovern>>,
    /// Where a server says which OAuth scopes its app asks for.
    pub(crate) asked_scopes: Option<AskedScopesGovern>,
    pub(crate) sunset: Option<SunsetGovern>,
    /// Which edition of the provider the document is.
    pub(crate) edition: Option<EditionGovern>,
    /// Operations of the first edition that this one does not have, by `operationId`, each with the reason.
    pub(crate) absent: BTreeMap<String, String>,
    /// What a server is configured with whatever its auth method is.
    pub(crate) config: Vec<FieldGovern>,
}

/// An edition's name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditionGovern {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
}

/// Hosts beside the API's own that a server can name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OriginGovern {
    /// The configuration that lists the hosts.
    pub(crate) config: String,
    /// The argument that chooses one of them.
    pub(crate) argument: String,
    /// The argument's description.
    pub(crate) description: String,
}

/// An argument to whose values a server can be limited.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeGovern {
    pub(crate) argument: String,
    /// The configuration that lists the values.
    pub(crate) config: String,
    /// What becomes of the tools without the argument while the server is limited.
    #[serde(default)]
    pub(crate) others: OthersGovern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleGovern {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) nothing_done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitGovern {
    pub(crate) header: String,
    pub(crate) unit: WaitUnitGovern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateGovern {
    pub(crate) requests: usize,
    pub(crate) per_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ErrorsGovern {
    pub(crate) message: Vec<String>,
    pub(crate) code: Vec<String>,
    pub(crate) details: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) request_id: RequestIdGovern,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RequestIdGovern {
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemedyGovern {
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) contains: Option<String>,
    pub(crate) header: Option<String>,
    pub(crate) equals: Option<String>,
    pub(crate) kind: Option<String>,
    /// The origin that it is about; the server's base URL when absent.
    pub(crate) origin: Option<String>,
    pub(crate) remedy: String,
    /// Said instead where the vendor gave no words of its own.
    pub(crate) without_message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarningGovern {
    pub(crate) header: String,
    pub(crate) equals: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeGovern {
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) arguments: Map<String, Value>,
    #[serde(default)]
    pub(crate) grants: Vec<String>,
    #[serde(default)]
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) scheme: Option<String>,
    pub(crate) when: Option<String>,
    /// Asked for facts once the key is proved; what it cannot read is a remark.
    #[serde(default)]
    pub(crate) more: bool,
    /// Told with the facts.
    pub(crate) remark: Option<String>,
}

/// One way to look a value up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupGovern {
    pub(crate) operation: String,
    pub(crate) when: Option<String>,
    #[serde(default)]
    pub(crate) arguments: Map<String, Value>,
    /// Arguments that the server's configuration fills in.
    #[serde(default)]
    pub(crate) config: BTreeMap<String, String>,
    /// Which item of a list is meant.
    pub(crate) matching: Option<MatchingGovern>,
    /// Where the value is.
    pub(crate) value: String,
}

/// Where a server says which OAuth scopes its app asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedScopesGovern {
    pub(crate) config: String,
    /// By wide scope: the scopes that it holds.
    #[serde(default)]
    pub(crate) covers: BTreeMap<String, Vec<String>>,
}

/// The item that has a configured value at a place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchingGovern {
    pub(crate) at: String,
    pub(crate) config: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SunsetGovern {
    pub(crate) date: String,
    pub(crate) notice: String,
}

fn yes() -> bool {
    true
}

/// How a header says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitUnitGovern {
    Seconds,
    Milliseconds,
    EpochSeconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldFormatGovern {
    Email,
    /// Identifiers, separated by commas.
    Ids,
    /// Hosts, separated by commas.
    Hosts,
    /// OAuth scopes, separated by spaces or commas.
    Scopes,
}

/// What becomes of tools without the argument that a server is limited in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OthersGovern {
    /// They are not offered, but for those whose answer is kept to the values (`keep`).
    #[default]
    Closed,
    Open,
}
