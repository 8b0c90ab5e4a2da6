//! Which version of a credential counts. The secret itself is in the vault before the commit, and never here.

use super::{Case, Events, server::fits};
use crate::{
    journal::{
        Event, Refusal,
        event::{CredentialRefused, CredentialRemoved, CredentialSet},
    },
    vocabulary::{CredentialFacts, CredentialOwner, CredentialSharing, ServerId, UserId},
};

impl Case<'_> {
    pub(super) fn set_credential(
        &self,
        server: &ServerId,
        owner: &CredentialOwner,
        version: u64,
        facts: &CredentialFacts,
    ) -> Events {
        let sharing = self.server(server)?.spec.sharing;
        if !fits(sharing, owner) {
            let uses = match sharing {
                CredentialSharing::Shared => "one shared credential",
                CredentialSharing::PerUser => "each person's own credential",
            };
            return Err(Refusal::not_possible(format!("server `{server}` uses {uses}, not this one")));
        }
        if matches!(owner, CredentialOwner::User(user) if user != self.actor.user()) {
            return Err(Refusal::not_allowed(format!(
                "nobody but the person sets a person's own credential for server `{server}`"
            )));
        }
        if let Some(known) = self.state.credential(server, owner) {
            if known.version == version && known.facts == *facts {
                return Ok(Vec::new());
            }
            if version <= known.version {
                return Err(Refusal::conflict(format!(
                    "version {} of the credential for server `{server}` counts already, and {version} is not newer",
                    known.version
                )));
            }
        }
        let (server, owner, facts) = (server.clone(), owner.clone(), facts.clone());
        Ok(vec![CredentialSet { server, owner, version, facts }.into()])
    }

    /// What was refused may have been replaced meanwhile: that one is not concerned.
    pub(super) fn note_refused_credential(&self, server: &ServerId, user: &UserId, version: u64) -> Vec<Event> {
        let known = self.state.credential(server, &CredentialOwner::User(user.clone()));
        let news = known
            .is_some_and(|known| known.version <= version && known.refused.is_none_or(|refused| refused < version));
        if news {
            vec![CredentialRefused { server: server.clone(), user: user.clone(), version }.into()]
        } else {
            Vec::new()
        }
    }

    pub(super) fn remove_credential(&self, server: &ServerId, owner: &CredentialOwner) -> Vec<Event> {
        if self.state.credential(server, owner).is_none() {
            return Vec::new();
        }
        vec![CredentialRemoved { server: server.clone(), owner: owner.clone() }.into()]
    }
}
