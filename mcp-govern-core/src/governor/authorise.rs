//! The credential of a call, and the call with it.

use std::sync::Arc;

use super::{
    Repetition,
    call::{RefusedOwn, Stop},
    core::Core,
    prepare::Admitted,
    renewal::{Obstacle, Renewed},
    servers::OpenServer,
};
use crate::{
    denial::{Denial, DenialCode, Remedy},
    ports::{StoreErrorKind, VaultEntry},
    provider::{AuthorizedCall, CallContext, Exchange, ProviderError, ProviderErrorKind, ToolOutput},
    vocabulary::{CredentialOwner, Effect, Principal, ToolDefinition},
};

impl Admitted {
    fn needs_credential(&self) -> bool {
        let permit = &self.permit;
        permit.snapshot().needs_credential(permit.server(), permit.definition())
    }
}

impl Core {
    /// Finds the credential and makes the call, once more with a refreshed credential where the vendor refused it. A person's own
    /// that is refused for good is put on record as that, and the person is asked to connect the account again.
    pub(super) async fn authorised(
        self: &Arc<Self>,
        admitted: &Admitted,
        principal: &Principal,
        call: &AuthorizedCall,
        cx: CallContext<'_>,
    ) -> Result<ToolOutput, Stop> {
        let server = admitted.server().map_err(Stop::Failed)?;
        let Some(open) = admitted.open.as_ref() else {
            return Err(Stop::Failed(ProviderError::new(ProviderErrorKind::Config, "the server is not open")));
        };
        let owner = admitted.owner(principal);
        let entry = self.credential(admitted, open, &owner, principal).await.map_err(Stop::Denied)?;
        let credential = entry.as_ref().map(|entry| &entry.credential);
        let error = match server.invoke(call, cx.with_credential(credential)).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let Some(mut used) = entry.filter(|_| error.credential_rejected()) else {
            return Err(Stop::Failed(error));
        };
        let mut error = error;
        let key = open.vault_key(&owner).into_owned();
        if may_repeat(&error, call.definition()) {
            // Rare and large: boxed, so that no call carries the place for it.
            match Box::pin(self.renewed(open, &owner, &used)).await {
                Renewed::Fresh(fresh) => match server.invoke(call, cx.with_credential(Some(&fresh.credential))).await {
                    Ok(mut output) => {
                        output.exchanges.splice(0..0, error.exchanges().iter().cloned());
                        return Ok(output);
                    }
                    Err(again) => (used, error) = (fresh, again.after(&error)),
                },
                Renewed::NotPossible => {}
                Renewed::Refused(reason) => {
                    let message = format!("{error}; {reason}");
                    error = error.with_message(message);
                }
                Renewed::Unavailable(obstacle) => {
                    self.note_stale(&key, used.version);
                    return Err(not_renewed(open, &owner, error, &obstacle));
                }
            }
        } else if used.credential.facts().renewable {
            // It may have ended by the vendor's clock alone: the next call finds out.
            self.note_stale(&key, used.version);
            let message = format!("{error}; something may have been done before that: look before you call again");
            return Err(Stop::Failed(error.with_message(message)));
        }
        match &owner {
            CredentialOwner::User(person) if error.credential_rejected() => {
                Box::pin(self.note_refused(&open.config.server, person, used.version)).await;
                Err(self.refused_own(open, principal, call.definition(), error))
            }
            _ => Err(Stop::Failed(error)),
        }
    }

    /// The end of a call whose credential, the person's own, the vendor refused.
    ///
    /// INVARIANT: a vendor that refuses a person's own credential leads to a way to connect the account again, and what was refused
    /// is not sent again (`an_account_that_the_vendor_refuses_is_connected_again_and_not_sent_until_then`).
    fn refused_own(
        &self,
        open: &OpenServer,
        principal: &Principal,
        definition: &ToolDefinition,
        error: ProviderError,
    ) -> Stop {
        let server = &open.config.server;
        let repetition = if may_repeat(&error, definition) { Repetition::Harmless } else { Repetition::Doubtful };
        let look = match repetition {
            Repetition::Harmless => "",
            Repetition::Doubtful => "; something may have been done before that: look before you call again",
        };
        let message = format!("your own account with server `{server}` must be connected again: {error}{look}");
        let remedy = self.connect_remedy(open, &CredentialOwner::User(principal.user.clone()), principal);
        let denial = Denial::new(DenialCode::CredentialUnusable, message, remedy);
        Stop::Refused(Box::new(RefusedOwn { denial, error, repetition }))
    }

    /// The credential of a call; none where the tool needs none.
    async fn credential(
        self: &Arc<Self>,
        admitted: &Admitted,
        open: &Arc<OpenServer>,
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
                self.usable(open, owner, entry).await.map(Some).map_err(|unusable_for| match unusable_for {
                    Unusable::Now(denial) => denial,
                    Unusable::Again(reason) => unusable(reason),
                })
            }
            Ok(None) if !admitted.needs_credential() => Ok(None),
            Ok(None) => {
                let message = match owner {
                    CredentialOwner::Shared => {
                        format!("no credential is set for server `{}` yet", open.config.server)
                    }
                    CredentialOwner::User(_) => {
                        format!("connect your own account with server `{}` first", open.config.server)
                    }
                };
                let remedy = self.connect_remedy(open, owner, principal);
                Err(Denial::new(DenialCode::CredentialMissing, message, remedy))
            }
            Err(error) if error.kind() == StoreErrorKind::Unsealable => Err(unusable(format!(
                "the credential for server `{}` cannot be opened: set it again",
                open.config.server
            ))),
            Err(error) => {
                tracing::warn!(server = %open.config.server, %error, "the vault cannot be read");
                let message =
                    format!("the credential for server `{}` cannot be read now; try again", open.config.server);
                Err(Denial::new(DenialCode::CredentialUnusable, message, Remedy::Retry))
            }
        }
    }

    /// A credential that can be sent: the one that is there, or a renewed one.
    async fn usable(
        self: &Arc<Self>,
        open: &Arc<OpenServer>,
        owner: &CredentialOwner,
        entry: VaultEntry,
    ) -> Result<VaultEntry, Unusable> {
        let (server, facts) = (&open.config.server, entry.credential.facts());
        let refused = self.is_refused(server, owner, entry.version);
        let expired = facts.expires.is_some_and(|end| end <= self.time.now());
        let (version, ended) =
            (entry.version, expired || refused || self.is_stale(&open.vault_key(owner), entry.version));
        let renewed = if ended {
            Box::pin(self.renewed(open, owner, &entry)).await
        } else if self.is_due(facts) {
            Box::pin(self.renewed_ahead(open, owner, entry)).await
        } else {
            return Ok(entry);
        };
        let again = match renewed {
            Renewed::Fresh(entry) => return Ok(entry),
            Renewed::Refused(reason) => {
                if let CredentialOwner::User(person) = owner {
                    Box::pin(self.note_refused(server, person, version)).await;
                    format!("your own account with server `{server}` must be connected again: {reason}")
                } else {
                    format!("the credential for server `{server}` cannot be renewed: {reason}")
                }
            }
            Renewed::Unavailable(obstacle) if !refused => {
                return Err(Unusable::Now(cannot_be_renewed(open, owner, &obstacle)));
            }
            Renewed::NotPossible | Renewed::Unavailable(_) => match owner {
                CredentialOwner::Shared => format!("the credential for server `{server}` has expired"),
                CredentialOwner::User(_) if expired => {
                    format!("your access to your own account with server `{server}` has expired: connect it again")
                }
                CredentialOwner::User(_) => {
                    format!("the vendor no longer accepts your own account with server `{server}`: connect it again")
                }
            },
        };
        Err(Unusable::Again(again))
    }

    fn connect_remedy(&self, open: &OpenServer, owner: &CredentialOwner, principal: &Principal) -> Remedy {
        match owner {
            CredentialOwner::Shared => Remedy::AskAdministrator,
            CredentialOwner::User(_) => Remedy::ConnectAccount {
                server: open.config.server.clone(),
                url: self.servers.connect.as_ref().and_then(|urls| urls.connect_url(principal, &open.config)),
            },
        }
    }
}

/// Why a credential that is there cannot be sent.
enum Unusable {
    /// For now.
    Now(Denial),
    /// Until another one is in its place.
    Again(String),
}

/// The end of a call whose credential the vendor refused, before anything was done, and which cannot be renewed now: nothing says that
/// it never can.
fn not_renewed(open: &OpenServer, owner: &CredentialOwner, error: ProviderError, obstacle: &Obstacle) -> Stop {
    if *owner == CredentialOwner::Shared {
        return Stop::Failed(error);
    }
    let denial = cannot_be_renewed(open, owner, obstacle);
    Stop::Refused(Box::new(RefusedOwn { denial, error, repetition: Repetition::Harmless }))
}

/// The denial of a call whose credential has ended and cannot be renewed now. The person need not connect anything.
fn cannot_be_renewed(open: &OpenServer, owner: &CredentialOwner, obstacle: &Obstacle) -> Denial {
    let whose = match owner {
        CredentialOwner::Shared => "the credential for",
        CredentialOwner::User(_) => "your access to your own account with",
    };
    let (then, remedy) = if obstacle.kind == ProviderErrorKind::Config {
        ("ask an administrator", Remedy::AskAdministrator)
    } else {
        ("try again later", Remedy::Retry)
    };
    let message = format!("{whose} server `{}` cannot be renewed now: {}; {then}", open.config.server, obstacle.reason);
    Denial::new(DenialCode::CredentialUnusable, message, remedy)
}

/// Whether a call may be made once more with another credential: the vendor refused the first, and nothing was done before.
fn may_repeat(error: &ProviderError, definition: &ToolDefinition) -> bool {
    let refused = |exchange: &Exchange| exchange.status == Some(401);
    error.credential_rejected() && (definition.effect == Effect::Read || error.exchanges().iter().all(refused))
}
