//! What a provider says of itself.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

use crate::vocabulary::{AuthMethodId, CredentialSharing, EditionId, ProviderId, ToolName};

/// What a provider is, how it is authenticated and where it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// The id that servers name.
    pub id: ProviderId,
    /// A name for people.
    pub title: String,
    /// Where its API is documented.
    pub docs: Option<String>,
    /// The ways to authenticate; the recommended one first.
    pub auth_methods: Vec<AuthMethod>,
    /// The regions; the default one first. Empty where there is one host only.
    pub regions: Vec<Region>,
    /// The base URL of an API that others describe, where the operator's row names none: credentials are bound to its origin. Absent
    /// where the provider itself decides, so that another one is another release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<url::Url>,
    /// An announced end of the API.
    pub sunset: Option<SunsetNotice>,
    /// The editions, where there are several; the first one is what the other fields say, and what a server is of whose row names
    /// none. Empty where the provider has one form alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub editions: Vec<Edition>,
}

impl ProviderInfo {
    /// A provider without auth methods and regions.
    pub fn new(id: ProviderId, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            docs: None,
            auth_methods: Vec::new(),
            regions: Vec::new(),
            base_url: None,
            sunset: None,
            editions: Vec::new(),
        }
    }

    /// The edition of that id; the first one where none is named. None where there is no such edition.
    pub fn edition(&self, id: Option<&EditionId>) -> Option<&Edition> {
        match id {
            None => self.editions.first(),
            Some(id) => self.editions.iter().find(|edition| edition.id == *id),
        }
    }

    /// How a row names an edition: the first one is not named. None, too, where there is no such edition.
    pub fn canonical_edition(&self, id: Option<&EditionId>) -> Option<EditionId> {
        let first = self.editions.first();
        id.filter(|id| first.is_none_or(|first| first.id != **id)).cloned()
    }

    /// What the provider says of itself in an edition; what it says at first where none is named. None where there is no such
    /// edition.
    pub fn of_edition(&self, id: Option<&EditionId>) -> Option<Cow<'_, Self>> {
        let Some(id) = id else { return Some(Cow::Borrowed(self)) };
        let edition = self.edition(Some(id))?;
        let mut info = self.clone();
        info.docs.clone_from(&edition.docs);
        info.auth_methods.clone_from(&edition.auth_methods);
        info.regions.clone_from(&edition.regions);
        info.base_url.clone_from(&edition.base_url);
        info.sunset.clone_from(&edition.sunset);
        Some(Cow::Owned(info))
    }

    /// The auth method of that id.
    pub fn auth_method(&self, id: &AuthMethodId) -> Option<&AuthMethod> {
        self.auth_methods.iter().find(|method| method.id == *id)
    }
}

/// An edition of a provider: the same tools, by name, argument and text, at another API of the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Edition {
    /// The id that servers name, for example `jsm-ops`.
    pub id: EditionId,
    /// A name for people.
    pub title: String,
    /// Where its API is documented.
    pub docs: Option<String>,
    /// The ways to authenticate; the recommended one first.
    pub auth_methods: Vec<AuthMethod>,
    /// The regions; the default one first. Empty where there is one host only.
    pub regions: Vec<Region>,
    /// Its base URL, where there is one only; credentials are bound to its origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<url::Url>,
    /// An announced end of this API.
    pub sunset: Option<SunsetNotice>,
    /// Tools of other editions that this one does not have, each with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub absent: BTreeMap<ToolName, String>,
}

impl Edition {
    /// An edition without auth methods and regions, which has all tools.
    pub fn new(id: EditionId, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            docs: None,
            auth_methods: Vec::new(),
            regions: Vec::new(),
            base_url: None,
            sunset: None,
            absent: BTreeMap::new(),
        }
    }
}

/// A way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuthMethod {
    /// The id that servers and credentials name.
    pub id: AuthMethodId,
    /// A name for people.
    pub title: String,
    /// The secrets that make up a credential.
    pub fields: Vec<SecretField>,
    /// What must be configured on the server besides.
    pub config: Vec<ConfigField>,
    /// Whose credentials it takes.
    pub sharing: Vec<CredentialSharing>,
    /// The OAuth flows by which a credential of it is got and renewed; none where people paste one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthFlows>,
}

impl AuthMethod {
    /// A method without fields that takes shared credentials.
    pub fn new(id: AuthMethodId, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            fields: Vec::new(),
            config: Vec::new(),
            sharing: vec![CredentialSharing::Shared],
            oauth: None,
        }
    }
}

/// The OAuth 2.0 flows of an auth method: what is known of the vendor's authorization server before an application is registered there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OAuthFlows {
    /// The secret field that holds the access token.
    pub token_field: String,
    /// People sign in and grant (RFC 6749, section 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<OAuthFlow>,
    /// The application acts as itself (RFC 6749, section 4.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<OAuthFlow>,
    /// The `OpenID` Connect metadata of the issuer, which names the endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<url::Url>,
    /// Where tokens are revoked (RFC 7009).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke_url: Option<url::Url>,
    /// What says in which region of the vendor an account is; none where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_from: Option<RegionFrom>,
    /// The key of a server's configuration that lists the scopes which its app asks for, separated by spaces or commas: tools that need
    /// others are known not to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes_config: Option<String>,
}

impl OAuthFlows {
    /// The name of the secret field that holds the refresh token. It is sent to the authorization server and never to the vendor's API.
    pub const REFRESH_TOKEN: &'static str = "refresh_token";

    /// Returns the scopes of a text that lists them, separated by spaces or commas.
    pub fn scopes_of(text: &str) -> Vec<String> {
        let words = text.split(|sign: char| sign == ',' || sign.is_whitespace());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// No flow, of a method whose access token is in this field.
    pub fn new(token_field: impl Into<String>) -> Self {
        Self {
            token_field: token_field.into(),
            authorization_code: None,
            client_credentials: None,
            discovery: None,
            revoke_url: None,
            region_from: None,
            scopes_config: None,
        }
    }
}

/// One OAuth flow. Each URL may be absent where the document does not state it: then the operator does, or the issuer's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct OAuthFlow {
    /// Where people sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<url::Url>,
    /// Where codes are exchanged for tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_url: Option<url::Url>,
    /// Where tokens are renewed; the token URL where none is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_url: Option<url::Url>,
    /// The scopes that can be asked for, each with what it allows.
    pub scopes: BTreeMap<String, String>,
}

/// What says in which region of a vendor an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RegionFrom {
    /// The audience of the ID token that comes with the access token names the base URL of the account's region.
    IdTokenAudience,
}

/// A secret of an auth method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SecretField {
    /// The field's name.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// Where to find it.
    pub help: String,
    /// Whether a credential without it is useless.
    pub required: bool,
}

impl SecretField {
    /// A required field.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), help: String::new(), required: true }
    }
}

/// Something that is configured on the server and is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConfigField {
    /// The key in the server's configuration.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// What it is for.
    pub help: String,
    /// Whether the server cannot be opened without it.
    pub required: bool,
}

impl ConfigField {
    /// A required field.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), help: String::new(), required: true }
    }
}

/// A region of the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Region {
    /// The id that servers name, for example `eu`.
    pub id: String,
    /// Its base URL.
    pub base_url: url::Url,
    /// A name for people.
    pub title: String,
}

impl Region {
    /// A region at a base URL.
    pub fn new(id: impl Into<String>, base_url: url::Url, title: impl Into<String>) -> Self {
        Self { id: id.into(), base_url, title: title.into() }
    }
}

/// An announced end of an API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SunsetNotice {
    /// The last day, `YYYY-MM-DD`.
    pub date: String,
    /// What ends and what to do.
    pub notice: String,
}

impl SunsetNotice {
    /// A notice.
    pub fn new(date: impl Into<String>, notice: impl Into<String>) -> Self {
        Self { date: date.into(), notice: notice.into() }
    }
}
