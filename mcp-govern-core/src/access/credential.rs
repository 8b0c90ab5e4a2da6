//! Whether a call would find a credential: what an explanation adds to the checks of admission.

use super::{
    explain::{Check, CheckResult, CheckTrace, Explanation},
    snapshot::Snapshot,
};
use crate::{
    denial::{DenialCode, Remedy},
    journal::{CredentialStatus, State},
    vocabulary::{Binding, CredentialOwner, CredentialSharing, ServerId, Timestamp, ToolDefinition, ToolId},
};

impl Snapshot {
    /// Whether a tool's requests, or those of a tool that it uses, are authenticated.
    pub(crate) fn needs_credential(&self, server: &ServerId, definition: &ToolDefinition) -> bool {
        let Binding::Recipe(recipe) = &definition.binding else { return is_authenticated(definition) };
        recipe.uses.iter().any(|name| {
            let row = ToolId::new(server.clone(), name.clone());
            let used = self.tool(&row).and_then(|tool| self.view(tool));
            used.is_none_or(|used| is_authenticated(used.definition()))
        })
    }
}

fn is_authenticated(definition: &ToolDefinition) -> bool {
    match &definition.binding {
        Binding::Operation(operation) => !operation.security.is_empty(),
        Binding::Recipe(_) => true,
    }
}

impl Explanation {
    /// With whether the call would find a credential, as far as the journal tells: the vault is not opened. Nothing is added for a tool
    /// that does not exist.
    #[must_use]
    pub fn with_credential(mut self, snapshot: &Snapshot, state: &State, now: Timestamp) -> Self {
        let view = snapshot.tool(&self.tool).and_then(|tool| snapshot.view(tool));
        let row = state.servers().get(self.tool.server());
        let Some((view, row)) = view.zip(row) else { return self };
        let server = self.tool.server();
        let (owner, whose) = match row.spec().sharing {
            CredentialSharing::Shared => (CredentialOwner::Shared, "the shared credential"),
            CredentialSharing::PerUser => (CredentialOwner::User(self.user.clone()), "the person's own account"),
        };
        let remedy = || match owner {
            CredentialOwner::Shared => Remedy::AskAdministrator,
            CredentialOwner::User(_) => Remedy::ConnectAccount { server: server.clone(), url: None },
        };
        let status = state.credential(server, &owner).map(|credential| credential.status(now));
        let (failed, detail) = match status {
            None if !snapshot.needs_credential(server, view.definition()) => (None, "the tool needs none".to_owned()),
            None => (Some(DenialCode::CredentialMissing), format!("{whose} for server `{server}` is not there yet")),
            Some(CredentialStatus::InUse) => (None, format!("{whose} for server `{server}` is there")),
            Some(CredentialStatus::Expired) => {
                (Some(DenialCode::CredentialUnusable), format!("{whose} for server `{server}` has expired"))
            }
            Some(CredentialStatus::Refused) => {
                let detail = format!("the vendor no longer accepts {whose} for server `{server}`");
                (Some(DenialCode::CredentialUnusable), detail)
            }
        };
        let result = failed.map_or(CheckResult::Passed, CheckResult::Failed);
        self.checks.push(CheckTrace { check: Check::Credential, result, detail, remedy: failed.map(|_| remedy()) });
        self.denied = self.denied.or(failed);
        self
    }
}
