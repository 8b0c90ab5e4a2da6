//! Why a call is denied: one documented list of stable codes, each with a remedy that machines can act on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocabulary::{ProfileId, ServerId, ToolId};

macro_rules! denial_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Why a call was denied. The strings are stable: they stand in audit records and in answers to AI clients.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum DenialCode {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl DenialCode {
            /// Every code, in the order in which admission checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable string.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

denial_codes! {
    /// Governance has not been activated for the tenant.
    TenantInactive = "tenant_inactive",
    /// The tenant's kill switch is on.
    TenantKilled = "tenant_killed",
    /// This node cannot confirm that its rules are current.
    StateStale = "state_stale",
    /// The journal cannot be read in full: an event of a newer version, an unknown field, a broken chain.
    StateUnreadable = "state_unreadable",
    /// The call comes from an address that is not allowed.
    SourceNotAllowed = "source_not_allowed",
    /// The person's kill switch is on.
    UserKilled = "user_killed",
    /// No rule says what kind of AI client this is.
    ClientUnknown = "client_unknown",
    /// The AI client has been closed.
    ClientClosed = "client_closed",
    /// The AI client's kill switch is on.
    ClientKilled = "client_killed",
    /// The tenant does not admit AI clients of this type.
    ClientTypeNotAllowed = "client_type_not_allowed",
    /// There is no such tool, or the caller may not know of it.
    UnknownTool = "unknown_tool",
    /// The server is paused.
    ServerPaused = "server_paused",
    /// The server's kill switch is on.
    ServerKilled = "server_killed",
    /// The tool's kill switch, or that of a tool it uses, is on.
    ToolKilled = "tool_killed",
    /// The tool, or a tool it uses, waits for review.
    ToolPending = "tool_pending",
    /// The tool, or a tool it uses, is disabled.
    ToolDisabled = "tool_disabled",
    /// The tool, or a tool it uses, is no longer offered by its server.
    ToolRemoved = "tool_removed",
    /// The definition that this node has loaded is not one that was approved.
    DefinitionNotApproved = "definition_not_approved",
    /// The tool does not admit AI clients of this type.
    ToolClientTypeNotAllowed = "tool_client_type_not_allowed",
    /// The caller holds no profile with the tool.
    NoGrant = "no_grant",
    /// The caller held a profile with the tool; the grant has ended.
    GrantExpired = "grant_expired",
    /// The person or the AI client has as many calls in flight, or has begun as many lately, as one may.
    QuotaExceeded = "quota_exceeded",
    /// The server's configuration keeps the tool from working: nothing was sent.
    ToolUnusable = "tool_unusable",
    /// The arguments do not fit the tool's schema.
    InvalidArguments = "invalid_arguments",
    /// The arguments are outside what a rule allows.
    RuleViolated = "rule_violated",
    /// A rule names an argument that the tool no longer has.
    RuleStale = "rule_stale",
    /// A person must approve this very call. Reserved: no such rule exists yet.
    ApprovalRequired = "approval_required",
    /// The call could not be put on record, so it was not made.
    RecordUnavailable = "record_unavailable",
    /// There is no credential for the call.
    CredentialMissing = "credential_missing",
    /// The credential belongs to another base URL or region, cannot be read, has expired, or is a person's own and refused by the vendor.
    CredentialUnusable = "credential_unusable",
    /// A kill switch was thrown while the call ran.
    CallKilled = "call_killed",
}

impl fmt::Display for DenialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What would help, for machines. The sentence for people is [`Denial::message`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing that the caller can do.
    None,
    /// Try again later; the condition passes by itself.
    Retry,
    /// Try again after this time; the condition has passed then.
    RetryAfter {
        /// After how many milliseconds.
        milliseconds: u64,
    },
    /// Ask an administrator.
    AskAdministrator,
    /// Wait until the tool was reviewed.
    WaitForReview {
        /// The tool.
        tool: ToolId,
    },
    /// Ask for one of these profiles.
    RequestAccess {
        /// The profiles that hold the tool and that the caller may ask for.
        profiles: Vec<ProfileId>,
    },
    /// Connect the caller's own account.
    ConnectAccount {
        /// The server.
        server: ServerId,
        /// Where to, when the embedding application offers it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Correct the arguments.
    CorrectArguments {
        /// What is wrong, one entry per fault.
        faults: Vec<ArgumentFault>,
    },
}

/// What is wrong with an argument. Never holds the value of a secret or personal argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentFault {
    /// The argument's name, with a JSON pointer below it where the fault lies deeper; empty for the whole object.
    pub argument: String,
    /// What is wrong and what is expected.
    pub fault: String,
}

/// A denied call: code, sentence, remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Denial {
    code: DenialCode,
    message: String,
    remedy: Remedy,
}

impl Denial {
    /// A denial with its sentence and remedy.
    pub fn new(code: DenialCode, message: impl Into<String>, remedy: Remedy) -> Self {
        Self { code, message: message.into(), remedy }
    }

    /// The stable code.
    pub fn code(&self) -> DenialCode {
        self.code
    }

    /// A sentence that a model or a person can act on.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would help, for machines.
    pub fn remedy(&self) -> &Remedy {
        &self.remedy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_as_its_stable_string() {
        for code in DenialCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
        let distinct: std::collections::BTreeSet<_> = DenialCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(distinct.len(), DenialCode::ALL.len());
    }
}
