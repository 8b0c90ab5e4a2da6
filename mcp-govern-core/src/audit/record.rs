//! What a tool call leaves behind.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    denial::DenialCode,
    journal::Revision,
    provider::{Exchange, ProviderErrorKind, Sent},
    vocabulary::{CallId, ClientType, CredentialSharing, Digest, GrantId, ProfileId, Timestamp, ToolId},
};

/// How many bytes of arguments a record holds, as JSON. Of longer ones it holds the keyed digest and the length: the caller chooses
/// how long they are, and the record is kept for years.
pub const MAX_RECORDED_ARGUMENTS: usize = 4096;

/// One record of the audit log. The encoding is for ever, as an event's: a version in the tag, unknown fields refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", content = "data", deny_unknown_fields)]
#[non_exhaustive]
pub enum AuditRecord {
    /// A call was admitted and is about to be made.
    #[serde(rename = "intent.v1")]
    Intent(Box<CallIntent>),
    /// A call ended.
    #[serde(rename = "outcome.v1")]
    Outcome(Box<CallOutcome>),
    /// A call was denied.
    #[serde(rename = "denial.v1")]
    Denial(Box<CallDenial>),
    /// The chain's writer says something of itself.
    #[serde(rename = "mark.v1")]
    Mark(WriterMark),
}

/// A record with its place in the chain: what is serialised, hashed and stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainedRecord {
    /// The position in the writer's chain, from 1.
    pub sequence: u64,
    /// The hash of the record before; [`Digest::ZERO`] for the first.
    pub previous: Digest,
    /// When it was written: never before the record before.
    pub at: Timestamp,
    /// What happened.
    pub entry: AuditRecord,
}

/// Who called, as a record names it. Personal fields are salted hashes, so that forgetting the salt forgets the person and
/// keeps the chain; the readable names are in `names`, which the tenant may switch off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Caller {
    /// HMAC-SHA-256 of issuer and subject under the tenant's key.
    pub user: Digest,
    /// Issuer and subject, readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The AI client's issuer and id.
    pub client: String,
    /// The AI client's type, where a rule gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_type: Option<ClientType>,
    /// Where the call came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// What the AI client says of itself. It proves nothing: any client can say anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_client: Option<StatedClient>,
}

/// What an AI client says of itself (`clientInfo` of the protocol): its own word, which was not checked. Bounded and cleaned: a client
/// chooses it, and a record is kept for years.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StatedClient {
    /// Its name, at most 128 characters, those that control or hide text escaped.
    pub name: String,
    /// Its version, likewise; absent where it states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl StatedClient {
    /// What a client says; none where it gives no name.
    pub fn new(name: &str, version: &str) -> Option<Self> {
        let (name, version) = (name.trim(), version.trim());
        let version = (!version.is_empty()).then(|| readable(version));
        (!name.is_empty()).then(|| Self { name: readable(name), version })
    }
}

/// A text that a client chose: at most 128 of its characters, quotes as they are, and escaped what controls or hides text.
fn readable(text: &str) -> String {
    let mut readable = String::new();
    for c in text.chars().take(128) {
        if matches!(c, '"' | '\'') {
            readable.push(c);
        } else {
            readable.extend(c.escape_debug());
        }
    }
    readable
}

impl fmt::Display for StatedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

impl Caller {
    /// A caller by hash and client.
    pub fn new(user: Digest, client: impl Into<String>) -> Self {
        let client = client.into();
        Self { user, user_name: None, client, client_type: None, source: None, trace_id: None, stated_client: None }
    }
}

/// A call that was admitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CallIntent {
    /// The call.
    pub call: CallId,
    /// Who.
    pub caller: Caller,
    /// Which tool.
    pub tool: ToolId,
    /// The digest of the definition under which it was admitted.
    pub digest: Digest,
    /// The grant that lets the caller in.
    pub grant: GrantId,
    /// Its profile.
    pub profile: ProfileId,
    /// The revision of the rules.
    pub revision: Revision,
    /// The arguments, secrets and personal data redacted; `null` where they are longer than [`MAX_RECORDED_ARGUMENTS`].
    pub arguments: Value,
    /// HMAC-SHA-256 of the canonical arguments under the tenant's key: plain hashes of short values can be guessed.
    pub arguments_digest: Digest,
    /// How many bytes the canonical JSON of the arguments has, where they are too long for the record to hold them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_bytes: Option<u64>,
    /// Whose credential the call uses.
    pub credential: CredentialUse,
}

/// Whose credential a call uses. Never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CredentialUse {
    /// Shared, or the person's own.
    pub sharing: CredentialSharing,
    /// The version in the vault; absent when there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Whom the vendor sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_as: Option<String>,
}

impl CredentialUse {
    /// A use of a shared or own credential.
    pub fn new(sharing: CredentialSharing, version: Option<u64>, authorized_as: Option<String>) -> Self {
        Self { sharing, version, authorized_as }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CallOutcome {
    /// The call.
    pub call: CallId,
    /// The person's salted hash, as the intent names it.
    pub user: Digest,
    /// Which tool.
    pub tool: ToolId,
    /// How it ended.
    pub result: CallResult,
    /// The exchanges with the vendor.
    pub exchanges: Vec<Exchange>,
    /// Milliseconds from the intent to the end.
    pub latency_ms: u64,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CallResult {
    /// The vendor did it.
    Success {
        /// SHA-256 of the result's bytes.
        digest: Digest,
        /// The result's size in bytes.
        bytes: u64,
    },
    /// The vendor or the way to it failed.
    Failure {
        /// What kind of failure.
        kind: ProviderErrorKind,
        /// Whether the vendor may have acted.
        sent: Sent,
        /// The HTTP status, where there was one.
        status: Option<u16>,
    },
    /// The call was denied after its intent was recorded.
    Denied {
        /// Why.
        code: DenialCode,
        /// Whether the vendor may have acted.
        sent: Sent,
    },
    /// The caller went away, or the process ended in order.
    Abandoned {
        /// Whether the vendor may have acted.
        sent: Sent,
    },
}

/// A call that was denied before its intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CallDenial {
    /// The call.
    pub call: CallId,
    /// Who.
    pub caller: Caller,
    /// What was asked for, cut to 128 characters, control characters escaped.
    pub name: String,
    /// The tool, where there is one of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolId>,
    /// Why: the true code, also where the caller gets `unknown_tool`.
    pub code: DenialCode,
    /// The revision of the rules.
    pub revision: Revision,
    /// HMAC-SHA-256 of the canonical arguments under the tenant's key; absent when nothing looked at them: the caller may not call
    /// the tool, or they are larger or deeper than arguments may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<Digest>,
}

/// What a writer says of its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum WriterMark {
    /// The writer begins; this is the head of the journal.
    Opened {
        /// The journal's revision.
        revision: Revision,
        /// The journal's last hash: the two streams vouch for each other.
        journal: Digest,
    },
    /// Denials came faster than they are recorded: so many are not on record one by one. Every one of those calls was denied.
    DenialsLost {
        /// How many.
        count: u64,
        /// The person's salted hash, where one person had more denials than are recorded of one; absent where all of them together
        /// came faster than they could be written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<Digest>,
    },
    /// The writer ended in order: nothing follows.
    Closed,
}
