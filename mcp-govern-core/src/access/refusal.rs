//! Sentences and remedies for refused calls.

use super::{admit::Refused, caller::Caller, snapshot::Snapshot, tool_index::ToolRecord};
use crate::denial::{Denial, DenialCode, Remedy};

impl Snapshot {
    /// The true denial, for administrators and the record: sentence and remedy.
    pub fn denial(&self, caller: &Caller, refused: &Refused) -> Denial {
        let tool = refused.tool.and_then(|tool| self.record(tool));
        let Some(tool) = tool else {
            return early(refused.code, caller);
        };
        let blamed = refused.blamed.and_then(|tool| self.record(tool));
        let remedy = self.tool_remedy(caller, refused.code, tool, blamed.unwrap_or(tool));
        Denial::new(refused.code, tool_sentence(refused.code, tool, blamed), remedy)
    }

    /// What the caller may be shown. A tool that the caller holds nothing of and cannot ask for is unknown: code, sentence and
    /// remedy are those of a name that does not exist.
    pub fn public_denial(&self, caller: &Caller, refused: &Refused) -> Denial {
        // INVARIANT: the answer is the same for a hidden tool and for none at all
        // (`a_hidden_tool_is_told_apart_from_none_by_nothing`).
        let hidden = refused.tool.is_some_and(|tool| self.record(tool).is_none() || !self.may_know(caller, tool.index));
        if hidden { early(DenialCode::UnknownTool, caller) } else { self.denial(caller, refused) }
    }

    pub(super) fn tool_remedy(
        &self,
        caller: &Caller,
        code: DenialCode,
        tool: &ToolRecord,
        blamed: &ToolRecord,
    ) -> Remedy {
        match code {
            DenialCode::ServerPaused => Remedy::Retry,
            DenialCode::ToolPending | DenialCode::DefinitionNotApproved => {
                Remedy::WaitForReview { tool: blamed.id.clone() }
            }
            DenialCode::ToolRemoved => Remedy::None,
            DenialCode::NoGrant | DenialCode::GrantExpired => {
                let profiles = self.askable_for(caller, tool);
                if profiles.is_empty() { Remedy::AskAdministrator } else { Remedy::RequestAccess { profiles } }
            }
            _ => Remedy::AskAdministrator,
        }
    }
}

/// The remedy for a check that comes before the tool.
pub(super) fn early_remedy(code: DenialCode) -> Remedy {
    match code {
        DenialCode::StateStale => Remedy::Retry,
        DenialCode::UnknownTool => Remedy::None,
        _ => Remedy::AskAdministrator,
    }
}

fn early(code: DenialCode, caller: &Caller) -> Denial {
    let client = &caller.principal().client;
    let sentence = match code {
        DenialCode::StateUnreadable => {
            "no tool can be called: the rules on this node cannot be read in full".to_owned()
        }
        DenialCode::TenantInactive => "no tool can be called: governance has not been activated".to_owned(),
        DenialCode::TenantKilled => "no tool can be called: an administrator has stopped every call".to_owned(),
        DenialCode::StateStale => {
            "no tool can be called now: this node cannot confirm that its rules are current; try again".to_owned()
        }
        DenialCode::SourceNotAllowed => match caller.principal().source {
            Some(source) => format!("calls from `{source}` are not allowed"),
            None => "calls from an unknown address are not allowed".to_owned(),
        },
        DenialCode::UserKilled => "an administrator has stopped every call of yours".to_owned(),
        DenialCode::ClientUnknown => {
            format!("the AI client `{client}` is not known here, or belongs to another person")
        }
        DenialCode::ClientClosed => format!("the AI client `{client}` has been closed"),
        DenialCode::ClientKilled => {
            format!("an administrator has stopped every call of the AI client `{client}`")
        }
        DenialCode::ClientTypeNotAllowed => match caller.client_type() {
            Some(client_type) => format!("AI clients of type `{client_type}` may not call tools here"),
            None => "AI clients of this type may not call tools here".to_owned(),
        },
        DenialCode::UnknownTool => "there is no such tool; list the tools to see which there are".to_owned(),
        other => format!("the call is denied ({other})"),
    };
    Denial::new(code, sentence, early_remedy(code))
}

fn tool_sentence(code: DenialCode, tool: &ToolRecord, blamed: Option<&ToolRecord>) -> String {
    let name = match blamed {
        Some(used) => format!("`{}`, which `{}` uses,", used.exposed, tool.exposed),
        None => format!("`{}`", tool.exposed),
    };
    let server = tool.id.server();
    match code {
        DenialCode::ServerPaused => format!("the server `{server}` is paused; try `{}` again later", tool.exposed),
        DenialCode::ServerKilled => {
            format!("an administrator has stopped every call to the server `{server}`")
        }
        DenialCode::ToolKilled => format!("an administrator has stopped every call to {}", name.trim_end_matches(',')),
        DenialCode::ToolPending => format!("{name} waits for review; a reviewer must approve it first"),
        DenialCode::ToolDisabled => format!("{name} has been disabled"),
        DenialCode::ToolRemoved => match &tool.missing {
            Some(missing) if blamed.is_none() && tool.state != crate::journal::ToolState::Removed => {
                format!("`{missing}`, which `{}` uses, is not offered by its server", tool.exposed)
            }
            _ => format!("{name} is no longer offered by its server"),
        },
        DenialCode::DefinitionNotApproved => {
            format!("{name} has changed since it was reviewed; a reviewer must approve its new definition first")
        }
        DenialCode::ToolClientTypeNotAllowed => {
            format!("{name} may not be called by AI clients of this type")
        }
        DenialCode::NoGrant => format!("you hold no access profile with {name}"),
        DenialCode::GrantExpired => format!("your access to {name} has ended"),
        other => format!("the call of {name} is denied ({other})"),
    }
}
