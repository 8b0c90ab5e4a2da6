//! Profiles, their bindings, and grants.

use super::{Case, Events, authorise::speaks_for, free, known, validate};
use crate::{
    journal::{
        AccessProfile, Refusal, RequestStatus,
        event::{
            GrantRevoked, ProfileChanged, ProfileCreated, ProfileDeleted, ProfileGranted, ToolsetBound, ToolsetUnbound,
            UserOffboarded,
        },
    },
    vocabulary::{
        CredentialOwner, GrantId, Grantee, ProfileId, ProfileSpec, Timestamp, ToolsetBinding, ToolsetId, UserId,
    },
};

impl Case<'_> {
    pub(super) fn create_profile(&self, id: &ProfileId, spec: &ProfileSpec) -> Events {
        free(self.state.profiles.get(id), "profile", id)?;
        validate::profile(spec)?;
        Ok(vec![ProfileCreated { profile: id.clone(), spec: spec.clone() }.into()])
    }

    pub(super) fn change_profile(&self, id: &ProfileId, spec: &ProfileSpec) -> Events {
        let profile = self.profile(id)?;
        validate::profile(spec)?;
        if profile.spec == *spec {
            return Ok(Vec::new());
        }
        Ok(vec![ProfileChanged { profile: id.clone(), spec: spec.clone() }.into()])
    }

    pub(super) fn delete_profile(&self, id: &ProfileId) -> Events {
        self.profile(id)?;
        Ok(vec![ProfileDeleted { profile: id.clone() }.into()])
    }

    pub(super) fn bind_toolset(&self, id: &ProfileId, binding: &ToolsetBinding) -> Events {
        let profile = self.profile(id)?;
        self.toolset(&binding.toolset)?;
        validate::rules(&format!("of the binding of toolset `{}`", binding.toolset), &binding.rules)?;
        if profile.bindings.get(&binding.toolset) == Some(binding) {
            return Ok(Vec::new());
        }
        Ok(vec![ToolsetBound { profile: id.clone(), binding: binding.clone() }.into()])
    }

    pub(super) fn unbind_toolset(&self, id: &ProfileId, toolset: &ToolsetId) -> Events {
        if !self.profile(id)?.bindings.contains_key(toolset) {
            return Err(Refusal::not_found(&format!("toolset bound to profile `{id}` named"), toolset));
        }
        Ok(vec![ToolsetUnbound { profile: id.clone(), toolset: toolset.clone() }.into()])
    }

    pub(super) fn grant_profile(
        &self,
        id: &GrantId,
        profile: &ProfileId,
        grantee: &Grantee,
        until: Option<Timestamp>,
    ) -> Events {
        self.profile(profile)?;
        free(self.state.grants.get(id), "grant", id)?;
        if speaks_for(self.actor, [grantee]) {
            return Err(Refusal::another_person(format!(
                "nobody grants a profile to oneself, nor to a group that one belongs to: ask for profile `{profile}`, or \
                 have somebody else grant it"
            )));
        }
        if until.is_some_and(|until| until <= self.now) {
            return Err(Refusal::invalid(format!("a grant of profile `{profile}` until then would be over already")));
        }
        let (grant, profile, grantee) = (id.clone(), profile.clone(), grantee.clone());
        Ok(vec![ProfileGranted { grant, profile, grantee, until, request: None }.into()])
    }

    pub(super) fn revoke_grant(&self, id: &GrantId) -> Events {
        known(self.state.grants.get(id), "grant", id)?;
        Ok(vec![GrantRevoked { grant: id.clone() }.into()])
    }

    /// Always on record, also for a person who holds nothing that the state knows of: the vault may.
    pub(super) fn offboard_user(&self, user: &UserId) -> Events {
        if user == self.actor.user() {
            return Err(Refusal::not_allowed("nobody off-boards oneself: somebody else has to"));
        }
        if !self.has_anything(user) {
            return Ok(Vec::new());
        }
        Ok(vec![UserOffboarded { user: user.clone() }.into()])
    }

    /// Whether there is anything of a person's own that would end.
    fn has_anything(&self, user: &UserId) -> bool {
        let (holder, owner) = (Grantee::User(user.clone()), CredentialOwner::User(user.clone()));
        let state = self.state;
        state.credentials.keys().any(|(_, of)| *of == owner)
            || state.requests.values().any(|one| one.user == *user && one.status(self.now) == RequestStatus::Pending)
            || state.clients.values().any(|client| !client.closed && client.owner.as_ref() == Some(user))
            || state.grants.values().any(|grant| grant.grantee == holder)
    }

    pub(super) fn profile(&self, id: &ProfileId) -> Result<&AccessProfile, Refusal> {
        known(self.state.profiles.get(id), "profile", id)
    }
}
