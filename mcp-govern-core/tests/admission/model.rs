//! The rules of admission, restated slowly and obviously.

use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{
    ClientType, CredentialOwner, CredentialSharing, DenialCode, Effect, Grantee, Principal, ProfileId, Risk, Timestamp,
    ToolDefinition, ToolId, ToolsetContent,
    access::{Freshness, Loaded, Visibility},
    journal::{Client, KillScope, State, ToolState, Toolset},
};

/// The rules of admission, said as plainly as possible over the state.
pub(crate) struct Model<'a> {
    pub(crate) state: &'a State,
    pub(crate) loaded: &'a Loaded,
    pub(crate) classified: &'a BTreeMap<ToolId, (Option<Effect>, Option<Risk>)>,
    pub(crate) who: &'a Principal,
    pub(crate) now: Timestamp,
    pub(crate) freshness: Freshness,
}

impl Model<'_> {
    fn client_type(&self) -> Option<ClientType> {
        let set = self.state.clients().get(&self.who.client).and_then(Client::client_type);
        set.or_else(|| self.state.settings().client_type(&self.who.client))
    }

    fn before_the_tool(&self) -> Result<(), DenialCode> {
        let settings = self.state.settings();
        let kills = self.state.kills();
        let client = self.state.clients().get(&self.who.client);
        if self.freshness == Freshness::Unreadable {
            return Err(DenialCode::StateUnreadable);
        }
        if !self.state.is_activated() {
            return Err(DenialCode::TenantInactive);
        }
        if kills.contains(&KillScope::Tenant) {
            return Err(DenialCode::TenantKilled);
        }
        if self.freshness == Freshness::Stale {
            return Err(DenialCode::StateStale);
        }
        let inside = |source| settings.sources.iter().any(|net| net.contains(&source));
        if !settings.sources.is_empty() && !self.who.source.is_some_and(inside) {
            return Err(DenialCode::SourceNotAllowed);
        }
        if kills.contains(&KillScope::User(self.who.user.clone())) {
            return Err(DenialCode::UserKilled);
        }
        let Some(client_type) = self.client_type() else {
            return Err(DenialCode::ClientUnknown);
        };
        let owner = client.and_then(Client::owner);
        if client_type == ClientType::Personal && owner.is_some_and(|owner| *owner != self.who.user) {
            return Err(DenialCode::ClientUnknown);
        }
        if client.is_some_and(Client::is_closed) {
            return Err(DenialCode::ClientClosed);
        }
        if kills.contains(&KillScope::Client(self.who.client.clone())) {
            return Err(DenialCode::ClientKilled);
        }
        if !settings.client_types.contains(&client_type) {
            return Err(DenialCode::ClientTypeNotAllowed);
        }
        Ok(())
    }

    fn uses(&self, tool: &ToolId) -> Vec<ToolId> {
        let Some(row) = self.state.tools().get(tool) else {
            return Vec::new();
        };
        let definition = self.loaded.get(tool).map_or(row.definition(), |(_, definition)| definition);
        definition.uses().iter().map(|name| ToolId::new(tool.server().clone(), name.clone())).collect()
    }

    fn denied_for(&self, tool: &ToolId) -> Result<(), DenialCode> {
        match self.state.tools().get(tool).map(|row| (row.state(), row.approvals())) {
            None | Some((ToolState::Removed, _)) => Err(DenialCode::ToolRemoved),
            Some((ToolState::PendingReview, _)) => Err(DenialCode::ToolPending),
            Some((ToolState::Disabled, _)) => Err(DenialCode::ToolDisabled),
            Some((ToolState::Approved, approvals)) => match self.loaded.get(tool) {
                Some((digest, _)) if approvals.contains(&digest) => Ok(()),
                _ => Err(DenialCode::DefinitionNotApproved),
            },
        }
    }

    /// The checks on the tool. Several used tools may be at fault in several ways: then any of their codes will do.
    fn on_the_tool(&self, tool: &ToolId, pause_counts: bool) -> Result<(), BTreeSet<DenialCode>> {
        let one = |code| Err(BTreeSet::from([code]));
        let kills = self.state.kills();
        let Some(row) = self.state.tools().get(tool) else {
            return one(DenialCode::UnknownTool);
        };
        if pause_counts && self.state.servers()[tool.server()].is_paused() {
            return one(DenialCode::ServerPaused);
        }
        if kills.contains(&KillScope::Server(tool.server().clone())) {
            return one(DenialCode::ServerKilled);
        }
        let uses = self.uses(tool);
        if uses.iter().chain([tool]).any(|tool| kills.contains(&KillScope::Tool(tool.clone()))) {
            return one(DenialCode::ToolKilled);
        }
        if let Err(code) = self.denied_for(tool) {
            return one(code);
        }
        let faults: BTreeSet<DenialCode> = uses.iter().filter_map(|used| self.denied_for(used).err()).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let admits = row.client_types().zip(self.client_type()).is_none_or(|(types, own)| types.contains(&own));
        if admits { Ok(()) } else { one(DenialCode::ToolClientTypeNotAllowed) }
    }

    fn holds(&self, toolset: &Toolset, tool: &ToolId) -> bool {
        let row = &self.state.tools()[tool];
        match toolset.content() {
            ToolsetContent::Chosen(tools) => tools.contains_key(tool),
            ToolsetContent::Maintained(follows) => {
                let loaded = self.loaded.get(tool).map_or(row.definition(), |(_, definition)| definition);
                let (effect, risk) = self.classified.get(tool).copied().unwrap_or_default();
                let effect = effect.unwrap_or(loaded.effect.max(row.definition().effect));
                let risk = risk.unwrap_or(loaded.risk.max(row.definition().risk));
                let tame = follows.up_to.is_none_or(|up_to| effect <= up_to && risk == Risk::None);
                let meant = |definition: &ToolDefinition| match &definition.area {
                    Some(area) => follows.areas.contains(area),
                    None => false,
                };
                let of_area = follows.areas.is_empty() || (meant(loaded) && meant(row.definition()));
                *tool.server() == follows.server && row.state() == ToolState::Approved && tame && of_area
            }
        }
    }

    fn profile_has(&self, profile: &ProfileId, tool: &ToolId) -> bool {
        let Some(profile) = self.state.profiles().get(profile) else {
            return false;
        };
        let mut bound = profile.bindings().keys().filter_map(|toolset| self.state.toolsets().get(toolset));
        bound.any(|toolset| self.holds(toolset, tool))
    }

    fn is_mine(&self, grantee: &Grantee) -> bool {
        match grantee {
            Grantee::User(user) => *user == self.who.user,
            Grantee::Group(group) => self.who.groups.contains(group),
            Grantee::Service(client) => *client == self.who.client && self.client_type() == Some(ClientType::Service),
        }
    }

    fn grant(&self, tool: &ToolId) -> Result<(), DenialCode> {
        let mine = self.state.grants().values().filter(|grant| self.is_mine(grant.grantee()));
        let leading: Vec<_> = mine.filter(|grant| self.profile_has(grant.profile(), tool)).collect();
        if leading.iter().any(|grant| grant.holds(self.now)) {
            Ok(())
        } else if leading.is_empty() {
            Err(DenialCode::NoGrant)
        } else {
            Err(DenialCode::GrantExpired)
        }
    }

    pub(crate) fn admit(&self, tool: &ToolId) -> Result<(), BTreeSet<DenialCode>> {
        self.before_the_tool().map_err(|code| BTreeSet::from([code]))?;
        self.on_the_tool(tool, true)?;
        self.grant(tool).map_err(|code| BTreeSet::from([code]))
    }

    fn can_ask(&self, tool: &ToolId) -> bool {
        let profiles = self.state.profiles().iter();
        let mut open =
            profiles.filter(|(_, profile)| profile.spec().visibility.shows(&self.who.user, &self.who.groups));
        open.any(|(id, _)| self.profile_has(id, tool))
    }

    pub(crate) fn visibility(&self, tool: &ToolId) -> Visibility {
        let server = tool.server();
        if self.before_the_tool().is_err() || self.on_the_tool(tool, false).is_err() {
            return Visibility::Hidden;
        }
        let paused = self.state.servers()[server].is_paused();
        let own = self.state.servers()[server].spec().sharing == CredentialSharing::PerUser;
        let account = self.state.credential(server, &CredentialOwner::User(self.who.user.clone()));
        let connected = account.is_some_and(|account| account.refused().is_none());
        match self.grant(tool) {
            Ok(()) if paused => Visibility::Paused,
            Ok(()) if own && !connected => Visibility::NeedsConnection,
            Ok(()) => Visibility::Callable,
            Err(_) if !paused && self.can_ask(tool) => Visibility::Requestable,
            Err(_) => Visibility::Hidden,
        }
    }
}
