//! The credential of a call, and the call with it.

use super::{
    call::{Admitted, Stop},
    core::Core,
    servers::OpenServer,
};
use crate::{
    access::Permit,
    denial::{Denial, DenialCode, Remedy},
    ports::{VaultEntry, VaultError},
    provider::{AuthorizedCall, CallContext, Exchange, ProviderError, ProviderErrorKind, ToolOutput},
    vocabulary::{Binding, CredentialOwner, Effect, Principal, ToolDefinition, ToolId},
};

impl Core {
    /// Finds the credential and makes the call, once more with a refreshed credential where the vendor refused it.
    pub(super) async fn authorised(
        &self,
        admitted: &Admitted,
        principal: &Principal,
        call: &AuthorizedCall,
        cx: CallContext<'_>,
    ) -> Result<ToolOutput, Stop> {
        let server = admitted.server().map_err(Stop::Failed)?;
        let Some(open) = admitted.open.as_deref() else {
            return Err(Stop::Failed(ProviderError::new(ProviderErrorKind::Config, "the server is not open")));
        };
        let owner = admitted.owner(principal);
        let entry = self.credential(admitted, open, &owner, principal).await.map_err(Stop::Denied)?;
        let credential = entry.as_ref().map(|entry| &entry.credential);
        let error = match server.invoke(call, cx.with_credential(credential)).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let Some(stale) = entry.filter(|_| may_repeat(&error, call.definition())) else {
            return Err(Stop::Failed(error));
        };
        // Rare and large: boxed, so that no call carries the place for it.
        match Box::pin(self.refreshed(open, &owner, &stale)).await {
            Some(fresh) => match server.invoke(call, cx.with_credential(Some(&fresh.credential))).await {
                Ok(mut output) => {
                    output.exchanges.splice(0..0, error.exchanges().iter().cloned());
                    Ok(output)
                }
                Err(again) => Err(Stop::Failed(again.after(&error))),
            },
            None => Err(Stop::Failed(error)),
        }
    }

    /// The credential of a call; none where the tool needs none.
    async fn credential(
        &self,
        admitted: &Admitted,
        open: &OpenServer,
        owner: &CredentialOwner,
        principal: &Principal,
    ) -> Result<Option<VaultEntry>, Denial> {
        let found = self.vault_entry(open, owner).await;
        let unusable = |reason: String| {
            let remedy = self.connect_remedy(open, owner, principal);
            Denial::new(DenialCode::CredentialUnusable, reason, remedy)
        };
        match found {
            Ok(Some(entry)) => {
                let expired = entry.credential.facts().expires.is_some_and(|end| end <= self.time.now());
                if !expired {
                    return Ok(Some(entry));
                }
                let fresh = Box::pin(self.refreshed(open, owner, &entry)).await;
                fresh
                    .map(Some)
                    .ok_or_else(|| unusable(format!("the credential for server `{}` has expired", open.config.server)))
            }
            Ok(None) if !needs_credential(&admitted.permit) => Ok(None),
            Ok(None) => {
                let message = match owner {
                    CredentialOwner::Shared => {
                        format!("nobody has set a credential for server `{}` yet", open.config.server)
                    }
                    CredentialOwner::User(_) => {
                        format!("connect your own account with server `{}` first", open.config.server)
                    }
                };
                let remedy = self.connect_remedy(open, owner, principal);
                Err(Denial::new(DenialCode::CredentialMissing, message, remedy))
            }
            Err(VaultError::Store(error)) => {
                tracing::warn!(server = %open.config.server, %error, "the vault cannot be read");
                let message =
                    format!("the credential for server `{}` cannot be read now; try again", open.config.server);
                Err(Denial::new(DenialCode::CredentialUnusable, message, Remedy::Retry))
            }
            Err(VaultError::Unsealable(_) | VaultError::Conflict(_)) => Err(unusable(format!(
                "the credential for server `{}` cannot be opened: set it again",
                open.config.server
            ))),
        }
    }

    fn connect_remedy(&self, open: &OpenServer, owner: &CredentialOwner, principal: &Principal) -> Remedy {
        match owner {
            CredentialOwner::Shared => Remedy::AskAdministrator,
            CredentialOwner::User(_) => Remedy::ConnectAccount {
                server: open.config.server.clone(),
                url: self.connect.as_ref().and_then(|urls| urls.connect_url(principal, &open.config)),
            },
        }
    }
}

/// Whether a tool's requests, or those of a tool that it uses, are authenticated.
fn needs_credential(permit: &Permit) -> bool {
    let rows = match &permit.definition().binding {
        Binding::Recipe(recipe) => &recipe.uses,
        _ => return is_authenticated(permit.definition()),
    };
    let snapshot = permit.snapshot();
    rows.iter().any(|name| {
        let row = ToolId::new(permit.server().clone(), name.clone());
        let used = snapshot.tool(&row).and_then(|tool| snapshot.view(tool));
        used.is_none_or(|used| is_authenticated(used.definition()))
    })
}

fn is_authenticated(definition: &ToolDefinition) -> bool {
    match &definition.binding {
        Binding::Operation(operation) => !operation.security.is_empty(),
        Binding::Recipe(_) => true,
    }
}

/// Whether a call may be made once more with another credential: the vendor refused the first, and nothing was done before.
fn may_repeat(error: &ProviderError, definition: &ToolDefinition) -> bool {
    let refused = |exchange: &Exchange| exchange.status == Some(401);
    error.credential_rejected() && (definition.effect == Effect::Read || error.exchanges().iter().all(refused))
}
