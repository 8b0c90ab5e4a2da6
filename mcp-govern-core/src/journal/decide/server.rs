//! Registering, changing and removing servers.

use super::{Case, Events, free, validate};
use crate::{
    journal::{
        Event, Refusal,
        event::{CredentialRemoved, ServerChanged, ServerPaused, ServerRegistered, ServerRemoved, ServerResumed},
    },
    vocabulary::{CredentialOwner, CredentialSharing, Role, ServerId, ServerSpec, ToolPrefix, ToolsetContent},
};

impl Case<'_> {
    pub(super) fn register_server(&self, id: &ServerId, spec: &ServerSpec) -> Events {
        free(self.state.servers.get(id), "server", id)?;
        validate::server(spec)?;
        self.prefix_is_free(&spec.prefix)?;
        Ok(vec![ServerRegistered { server: id.clone(), spec: spec.clone() }.into()])
    }

    /// A server owner may change all but the owners: whoever approves a server's tools may say how it is reached, too.
    pub(super) fn change_server(&self, id: &ServerId, spec: &ServerSpec) -> Events {
        let old = &self.server(id)?.spec;
        if old == spec {
            return Ok(Vec::new());
        }
        validate::server(spec)?;
        if spec.owners != old.owners && !(self.actor.has(Role::Owner) || self.actor.has(Role::GovernanceAdmin)) {
            return Err(Refusal::not_allowed(format!(
                "only an owner or governance_admin changes who owns server `{id}`"
            )));
        }
        if spec.provider != old.provider {
            return Err(Refusal::not_possible(format!(
                "server `{id}` is of provider `{}` and stays so: register another server for `{}`",
                old.provider, spec.provider
            )));
        }
        if spec.prefix != old.prefix {
            if self.state.tools_of(id).next().is_some() {
                return Err(Refusal::not_possible(format!(
                    "the tools of server `{id}` are known under the prefix `{}`, which stays: register another server \
                     for `{}`",
                    old.prefix, spec.prefix
                )));
            }
            self.prefix_is_free(&spec.prefix)?;
        }
        let mut events: Vec<Event> = vec![ServerChanged { server: id.clone(), spec: spec.clone() }.into()];
        events.extend(self.credentials_lost(id, old, spec));
        Ok(events)
    }

    pub(super) fn pause_server(&self, id: &ServerId) -> Events {
        let paused = self.server(id)?.paused;
        Ok(if paused { Vec::new() } else { vec![ServerPaused { server: id.clone() }.into()] })
    }

    pub(super) fn resume_server(&self, id: &ServerId) -> Events {
        let paused = self.server(id)?.paused;
        Ok(if paused { vec![ServerResumed { server: id.clone() }.into()] } else { Vec::new() })
    }

    /// A maintained toolset names its server: it would give its holders whatever is registered under that id next.
    pub(super) fn remove_server(&self, id: &ServerId) -> Events {
        self.server(id)?;
        let follower = self.state.toolsets.iter().find(|(_, toolset)| match &toolset.content {
            ToolsetContent::Maintained(follows) => follows.server == *id,
            ToolsetContent::Chosen(_) => false,
        });
        if let Some((toolset, _)) = follower {
            return Err(Refusal::not_possible(format!(
                "toolset `{toolset}` follows server `{id}`: delete the toolset first"
            )));
        }
        Ok(vec![ServerRemoved { server: id.clone() }.into()])
    }

    fn prefix_is_free(&self, prefix: &ToolPrefix) -> Result<(), Refusal> {
        let other = self.state.servers.iter().find(|(_, server)| server.spec.prefix == *prefix);
        other.map_or(Ok(()), |(server, _)| {
            Err(Refusal::new(
                crate::journal::RefusalKind::AlreadyExists,
                format!("server `{server}` has the prefix `{prefix}` already: its tools could not be told apart"),
            ))
        })
    }

    /// A credential belongs to an origin and an auth method; and nobody uses a shared one where everybody brings their own.
    fn credentials_lost<'a>(
        &'a self,
        id: &'a ServerId,
        old: &ServerSpec,
        new: &'a ServerSpec,
    ) -> impl Iterator<Item = Event> + use<'a> {
        let moved = old.edition != new.edition
            || old.base_url != new.base_url
            || old.region != new.region
            || old.auth_method != new.auth_method;
        let credentials = self.state.credentials.keys().filter(move |(server, _)| server == id);
        credentials
            .filter(move |(_, owner)| moved || !fits(new.sharing, owner))
            .map(|(server, owner)| CredentialRemoved { server: server.clone(), owner: owner.clone() }.into())
    }
}

/// Whether a server with this sharing uses such a credential.
pub(super) fn fits(sharing: CredentialSharing, owner: &CredentialOwner) -> bool {
    match (sharing, owner) {
        (CredentialSharing::Shared, CredentialOwner::Shared)
        | (CredentialSharing::PerUser, CredentialOwner::User(_)) => true,
        (CredentialSharing::Shared, CredentialOwner::User(_))
        | (CredentialSharing::PerUser, CredentialOwner::Shared) => false,
    }
}
