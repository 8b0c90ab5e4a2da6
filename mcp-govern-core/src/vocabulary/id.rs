//! Identifiers: parsed once at the edge, cheap to clone, ordered and hashable.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

use super::digest::write_hex;

/// Why a text is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: {expected}")]
pub struct ParseIdError {
    kind: &'static str,
    expected: &'static str,
    text: String,
}

impl ParseIdError {
    fn new(kind: &'static str, expected: &'static str, text: &str) -> Self {
        let text = text.chars().take(80).flat_map(char::escape_debug).collect();
        Self { kind, expected, text }
    }

    /// The kind of identifier that was wanted, for example `server id`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

const SLUG: &str = "expected 1 to 64 characters of a-z, 0-9, `-` and `_`, starting with a letter or digit";
const TOOL_NAME: &str = "expected 1 to 48 characters of a-z, 0-9 and `_`, starting with a letter";
const PREFIX: &str = "expected 1 to 15 characters of a-z and 0-9, starting with a letter";
const OPAQUE: &str = "expected 1 to 512 characters without control characters";

fn is_slug(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn is_tool_name(text: &str) -> bool {
    text.len() <= 48
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_prefix(text: &str) -> bool {
    text.len() <= 15
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_opaque(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 512 && !text.chars().any(char::is_control)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $valid:ident, $expected:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            #[doc = concat!("Parses a ", $kind, ".")]
            ///
            /// # Errors
            ///
            #[doc = concat!("When the text is not a valid ", $kind, "; the error says what is expected.")]
            pub fn new(text: impl AsRef<str>) -> Result<Self, ParseIdError> {
                let text = text.as_ref();
                if $valid(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(ParseIdError::new($kind, $expected, text))
                }
            }

            /// The text as it was parsed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ParseIdError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    };
}

id!(
    /// One company or environment under governance. Nothing is shared between tenants.
    TenantId, "tenant id", is_slug, SLUG
);
id!(
    /// A kind of API that tools come from, for example `opsgenie`.
    ProviderId, "provider id", is_slug, SLUG
);
id!(
    /// A registered instance of a provider, for example `opsgenie-eu`.
    ServerId, "server id", is_slug, SLUG
);
id!(
    /// The name of a tool within its server: snake case, verb first.
    ToolName, "tool name", is_tool_name, TOOL_NAME
);
id!(
    /// What stands before a tool's name where AI clients see it: `<prefix>_<tool>`.
    ///
    /// At most 15 characters, so that prefix, `_` and a tool name of 48 stay within the 64 characters that model
    /// vendors accept. It holds no `_`, so that a name can be taken apart in one way only.
    ToolPrefix, "tool prefix", is_prefix, PREFIX
);
id!(
    /// A set of tools that is handed out together.
    ToolsetId, "toolset id", is_slug, SLUG
);
id!(
    /// An access profile: what people hold or ask for.
    ProfileId, "profile id", is_slug, SLUG
);
id!(
    /// A grant of a profile to somebody.
    GrantId, "grant id", is_slug, SLUG
);
id!(
    /// A person's request for a profile.
    RequestId, "request id", is_slug, SLUG
);
id!(
    /// The idempotency key of a command: the same id is carried out once.
    CommandId, "command id", is_slug, SLUG
);
id!(
    /// One tool call; the key of its audit records.
    CallId, "call id", is_slug, SLUG
);
id!(
    /// An authentication method of a provider, for example `api_key`.
    AuthMethodId, "auth method id", is_slug, SLUG
);
id!(
    /// An edition of a provider: the same tools at another API, for example `jsm-ops`.
    EditionId, "edition id", is_slug, SLUG
);
id!(
    /// A group name as the caller's identity provider states it.
    GroupId, "group id", is_opaque, OPAQUE
);
id!(
    /// Who vouches for a user or client: an OAuth issuer URL, or a name such as `local`.
    Issuer, "issuer", is_opaque, OPAQUE
);
id!(
    /// A person within an issuer: the `sub` claim.
    SubjectId, "subject", is_opaque, OPAQUE
);
id!(
    /// An AI client's identifier within an issuer: the OAuth client id, which may be a URL.
    ClientName, "client id", is_opaque, OPAQUE
);

impl CommandId {
    /// A fresh random command id of 128 bits.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, crate::RandomError> {
        crate::random::slug("cmd").map(Self)
    }
}

impl RequestId {
    /// A fresh random request id of 128 bits.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, crate::RandomError> {
        crate::random::slug("request").map(Self)
    }
}

impl GrantId {
    /// A fresh random grant id of 128 bits.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, crate::RandomError> {
        crate::random::slug("grant").map(Self)
    }
}

impl CallId {
    /// A fresh random call id of 128 bits.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, crate::RandomError> {
        crate::random::slug("call").map(Self)
    }

    /// The `number`th call of a node that drew `node` at random when it opened.
    pub(crate) fn numbered(node: u64, number: u64) -> Self {
        let mut text = *b"call-00000000000000000000000000000000";
        if let Some((_, hex)) = text.split_first_chunk_mut::<5>() {
            write_hex(hex, node.to_be_bytes().into_iter().chain(number.to_be_bytes()));
        }
        Self(str::from_utf8(&text).unwrap_or_default().into())
    }
}

/// A tool of a server. Written `server/tool`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ToolId {
    server: ServerId,
    name: ToolName,
}

impl Serialize for ToolId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ToolId {
    /// The tool `name` of `server`.
    pub fn new(server: ServerId, name: ToolName) -> Self {
        Self { server, name }
    }

    /// The server that the tool belongs to.
    pub fn server(&self) -> &ServerId {
        &self.server
    }

    /// The tool's name within the server.
    pub fn name(&self) -> &ToolName {
        &self.name
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.name)
    }
}

impl fmt::Debug for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolId({self})")
    }
}

impl FromStr for ToolId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (server, name) =
            text.split_once('/').ok_or_else(|| ParseIdError::new("tool id", "expected `server/tool`", text))?;
        Ok(Self::new(ServerId::new(server)?, ToolName::new(name)?))
    }
}

impl TryFrom<String> for ToolId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ToolId> for String {
    fn from(id: ToolId) -> Self {
        id.to_string()
    }
}

/// A person: the pair of issuer and subject. The same subject of two issuers is two people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserId {
    /// Who vouches for the person.
    pub issuer: Issuer,
    /// The person within the issuer.
    pub subject: SubjectId,
}

impl UserId {
    /// Parses issuer and subject.
    ///
    /// # Errors
    ///
    /// When either is empty, too long or holds control characters.
    pub fn new(issuer: impl AsRef<str>, subject: impl AsRef<str>) -> Result<Self, ParseIdError> {
        Ok(Self { issuer: Issuer::new(issuer)?, subject: SubjectId::new(subject)? })
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.subject, self.issuer)
    }
}

/// An AI client: the pair of issuer and client id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientId {
    /// The authorization server that registered the client.
    pub issuer: Issuer,
    /// The client's identifier there.
    pub name: ClientName,
}

impl ClientId {
    /// Parses issuer and client id.
    ///
    /// # Errors
    ///
    /// When either is empty, too long or holds control characters.
    pub fn new(issuer: impl AsRef<str>, name: impl AsRef<str>) -> Result<Self, ParseIdError> {
        Ok(Self { issuer: Issuer::new(issuer)?, name: ClientName::new(name)? })
    }

    /// What `Display` shows, made in one piece.
    pub(crate) fn to_text(&self) -> String {
        [self.name.as_str(), " (", self.issuer.as_str(), ")"].concat()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_and_the_longest_tool_name_fit_in_sixty_four_characters() {
        let prefix = ToolPrefix::new("a".repeat(15)).unwrap();
        let name = ToolName::new("b".repeat(48)).unwrap();
        assert_eq!(format!("{prefix}_{name}").len(), 64);
        assert!(ToolPrefix::new("a".repeat(16)).is_err());
        assert!(ToolName::new("b".repeat(49)).is_err());
    }

    #[test]
    fn look_alikes_and_control_characters_are_no_identifiers() {
        for text in ["", "Ops", "öps", "a b", "a/b", "a\u{200b}", "-a", "_a", "a\n"] {
            assert!(ServerId::new(text).is_err(), "`{text}` parsed");
        }
        assert!(GroupId::new("on call\r\n").is_err());
        assert!(GroupId::new("On-Call Leads").is_ok());
    }

    #[test]
    fn a_numbered_call_id_is_a_call_id() {
        let id = CallId::numbered(u64::MAX - 1, 7);
        assert_eq!(CallId::new(id.as_str()).unwrap(), id);
        assert_eq!(id.as_str(), "call-fffffffffffffffe0000000000000007");
    }

    #[test]
    fn an_error_shows_control_characters_escaped() {
        let error = ServerId::new("a\nb").unwrap_err().to_string();
        assert!(error.contains("a\\nb") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_tool_id_is_one_string_in_json() {
        let id: ToolId = serde_json::from_str("\"status/list_pages\"").unwrap();
        assert_eq!(id.name().as_str(), "list_pages");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"status/list_pages\"");
        assert!(serde_json::from_str::<ToolId>("\"status\"").is_err());
    }
}
