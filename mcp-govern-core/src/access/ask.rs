//! What a caller may ask for.

use super::{admit::Moment, caller::Caller, id_set::Bits, snapshot::Snapshot, tool_index::ToolRecord};
use crate::vocabulary::{Grantee, ProfileId};

impl Snapshot {
    /// The profiles that the caller may ask for, ordered by id, without those that the caller holds without end.
    pub(crate) fn requestable_profiles(&self, caller: &Caller, moment: &Moment) -> Vec<ProfileId> {
        let held = |profile: u32| {
            let own = caller.inner.grants.iter().filter(|grant| grant.profile == profile);
            own.into_iter().any(|grant| grant.until.timestamp().is_none() && grant.until.holds(moment.now))
        };
        let askable = self.askable(caller).into_iter().filter(|profile| !held(*profile));
        let mut profiles: Vec<ProfileId> =
            askable.filter_map(|profile| self.tool_index.profile(profile)).map(|profile| profile.id.clone()).collect();
        profiles.sort_unstable();
        profiles
    }

    /// The profiles that the caller may ask for and that hold the tool, ordered by id.
    pub(super) fn askable_for(&self, caller: &Caller, tool: &ToolRecord) -> Vec<ProfileId> {
        let Some(index) = self.tool_index.by_id.get(&tool.id).copied() else {
            return Vec::new();
        };
        let profiles = self.askable(caller);
        let holding = profiles.iter().filter_map(|profile| self.tool_index.profile(*profile));
        holding.filter(|profile| profile.tools.contains(index)).map(|profile| profile.id.clone()).collect()
    }

    /// Every tool of every profile that the caller may ask for.
    pub(super) fn askable_tools(&self, caller: &Caller) -> Bits {
        let mut tools = Bits::new(self.tool_index.tools.len());
        let profiles = self.askable(caller);
        let profiles = profiles.iter().filter_map(|profile| self.tool_index.profile(*profile));
        profiles.for_each(|profile| profile.tools.add_to(&mut tools));
        tools
    }

    /// Whether the caller may know of the tool: through a grant, be it one that has ended, or because it can be asked for.
    pub(super) fn may_know(&self, caller: &Caller, tool: u32) -> bool {
        let row = self.tool_index.row(tool);
        let granted = |profile: u32| row.is_some_and(|row| row.profiles.contains(profile));
        let asked_for = || self.askable(caller).into_iter().any(granted);
        caller.inner.grants.iter().any(|held| granted(held.profile)) || asked_for()
    }

    /// The profiles that the caller may ask for, ordered.
    fn askable(&self, caller: &Caller) -> Vec<u32> {
        let principal = caller.principal();
        let user = [Grantee::User(principal.user.clone())].into_iter();
        let grantees = user.chain(principal.groups.iter().cloned().map(Grantee::Group));
        let of_grantees = grantees.filter_map(|grantee| self.tool_index.askable.get(&grantee)).flatten();
        let mut profiles: Vec<u32> = self.tool_index.open_profiles.iter().chain(of_grantees).copied().collect();
        profiles.sort_unstable();
        profiles.dedup();
        profiles
    }
}
