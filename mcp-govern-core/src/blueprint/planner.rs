//! Planning: the blueprint is played through on a copy of the state, so that a plan holds exactly the commands that change
//! something, and only such as will be accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Blueprint, BlueprintError, GovernanceBlueprint, Plan, PlannedStep, ProfileBlueprint, ServerBlueprint, Unnamed,
};
use crate::{
    journal::{Action, Command, Decided, Refusal, State, Tool, decide},
    schema::nearest,
    vocabulary::{
        Actor, CommandId, Digest, GrantId, ParseIdError, ProfileId, ServerId, ServerSpec, Timestamp, ToolId, ToolsetId,
    },
};

impl Blueprint {
    /// The commands that lead from a state to this blueprint when `actor` sends them at `now`.
    ///
    /// # Errors
    ///
    /// When the blueprint contradicts itself, or a command would be refused: the actor may not, the provider of a known server
    /// differs, a toolset of that name is of another kind.
    pub fn plan(&self, state: &State, actor: &Actor, now: Timestamp) -> Result<Plan, BlueprintError> {
        let digest =
            Digest::of_json(self).map_err(|error| BlueprintError::invalid("the blueprint", error.to_string()))?;
        let mut planner = Planner {
            state: state.clone(),
            actor,
            now,
            seed: [state.head().hash.as_bytes().as_slice(), digest.as_bytes()].concat(),
            plan: Plan {
                revision: state.head().revision,
                steps: Vec::new(),
                to_sync: BTreeSet::new(),
                waiting: Vec::new(),
            },
            faults: Vec::new(),
            broken: Broken::default(),
        };
        planner.blueprint(self)?;
        let mut faults = planner.faults;
        match (faults.pop(), faults.is_empty()) {
            (None, _) => Ok(planner.plan),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                faults.push(last);
                Err(BlueprintError::Several(faults))
            }
        }
    }
}

pub(super) struct Planner<'a> {
    /// The state as it will be after the steps planned so far.
    pub(super) state: State,
    actor: &'a Actor,
    now: Timestamp,
    /// What the commands' ids are made of.
    seed: Vec<u8>,
    pub(super) plan: Plan,
    /// What is wrong, found on the way: each is told, and what rests on it is passed over.
    pub(super) faults: Vec<BlueprintError>,
    pub(super) broken: Broken,
}

/// What will not be there because of a fault that is told already: what names it is at no fault.
#[derive(Debug, Default)]
pub(super) struct Broken {
    pub(super) servers: BTreeSet<ServerId>,
    pub(super) toolsets: BTreeSet<ToolsetId>,
    profiles: BTreeSet<ProfileId>,
}

pub(super) type Planned = Result<(), BlueprintError>;

impl Planner<'_> {
    /// Activation comes last: calls are admitted once everything is in place.
    ///
    /// INVARIANT: a fault is told once, and none of what follows from it
    /// (`every_fault_of_a_blueprint_is_told_at_once_and_nothing_that_follows_from_one`).
    fn blueprint(&mut self, blueprint: &Blueprint) -> Planned {
        let settings = blueprint.settings.over(&self.state.settings);
        if settings != self.state.settings {
            let done = self.step("settings", "change the settings", Action::ChangeSettings { settings });
            self.note(done)?;
        }
        for (id, server) in &blueprint.servers {
            let done = self.server(id, server);
            if !self.note(done)? && !self.state.servers.contains_key(id) {
                self.broken.servers.insert(id.clone());
            }
        }
        for (id, toolset) in &blueprint.toolsets {
            let done = self.toolset(id, toolset, blueprint.unnamed);
            if !self.note(done)? && !self.state.toolsets.contains_key(id) {
                self.broken.toolsets.insert(id.clone());
            }
        }
        for (id, profile) in &blueprint.profiles {
            let done = self.profile(id, profile, blueprint.unnamed);
            if !self.note(done)? && !self.state.profiles.contains_key(id) {
                self.broken.profiles.insert(id.clone());
            }
        }
        for id in blueprint.grants.keys() {
            let done = self.grant(id, blueprint);
            self.note(done)?;
        }
        // Only what is whole is rounded off.
        if !self.faults.is_empty() {
            return Ok(());
        }
        if blueprint.unnamed == Unnamed::Remove {
            self.remove_unnamed(blueprint)?;
        }
        if blueprint.governance == GovernanceBlueprint::Activated {
            self.step("governance", "activate governance", Action::ActivateGovernance)?;
        }
        Ok(())
    }

    /// Takes note of a fault and goes on with what does not rest on it; whether there was none.
    fn note(&mut self, done: Planned) -> Result<bool, BlueprintError> {
        match done {
            Ok(()) => Ok(true),
            Err(error) if error.is_of_the_actor() => Err(error),
            Err(BlueprintError::Several(faults)) => {
                self.faults.extend(faults);
                Ok(false)
            }
            Err(error) => {
                self.faults.push(error);
                Ok(false)
            }
        }
    }

    fn server(&mut self, id: &ServerId, server: &ServerBlueprint) -> Planned {
        let place = format!("servers.{id}");
        let spec = server.spec();
        if self.state.servers.contains_key(id) {
            let why = self.why_changed(id, &spec);
            self.step(&place, &why, Action::ChangeServer { server: id.clone(), spec })?;
        } else {
            self.step(&place, &format!("register server `{id}`"), Action::RegisterServer { server: id.clone(), spec })?;
        }
        if self.is_synced(id) {
            self.approvals(&place, id, server)
        } else {
            self.plan.to_sync.insert(id.clone());
            Ok(())
        }
    }

    fn why_changed(&self, id: &ServerId, spec: &ServerSpec) -> String {
        let before = self.state.servers.get(id).and_then(|server| server.spec.edition.as_ref());
        if before == spec.edition.as_ref() {
            return format!("change server `{id}`");
        }
        let to = spec.edition.as_ref().map_or_else(|| "the first edition".to_owned(), |to| format!("edition `{to}`"));
        format!("move server `{id}` to {to}, which takes its credentials away")
    }

    fn profile(&mut self, id: &ProfileId, profile: &ProfileBlueprint, unnamed: Unnamed) -> Planned {
        let place = format!("profiles.{id}");
        if let Some(toolset) = profile.rules.keys().find(|toolset| !profile.toolsets.contains(*toolset)) {
            let near = nearest(toolset.as_str(), profile.toolsets.iter().map(ToolsetId::as_str));
            return Err(BlueprintError::invalid(
                place,
                format!("there are rules on `{toolset}`, which is not bound to it{}", meant(near)),
            ));
        }
        let spec = profile.spec();
        if self.state.profiles.contains_key(id) {
            self.step(&place, &format!("change profile `{id}`"), Action::ChangeProfile { profile: id.clone(), spec })?;
        } else {
            self.step(&place, &format!("create profile `{id}`"), Action::CreateProfile { profile: id.clone(), spec })?;
        }
        for binding in profile.bindings() {
            if self.broken.toolsets.contains(&binding.toolset) {
                continue;
            }
            let why = format!("bind toolset `{}` to profile `{id}`", binding.toolset);
            self.step(&place, &why, Action::BindToolset { profile: id.clone(), binding })?;
        }
        if unnamed == Unnamed::Keep {
            return Ok(());
        }
        let bound = self.state.profiles.get(id).map(|row| row.bindings.keys().cloned().collect::<Vec<_>>());
        for toolset in bound.unwrap_or_default().into_iter().filter(|toolset| !profile.toolsets.contains(toolset)) {
            let why = format!("unbind toolset `{toolset}` from profile `{id}`");
            self.step(&place, &why, Action::UnbindToolset { profile: id.clone(), toolset })?;
        }
        Ok(())
    }

    fn grant(&mut self, id: &GrantId, blueprint: &Blueprint) -> Planned {
        let Some(grant) = blueprint.grants.get(id) else {
            return Ok(());
        };
        let place = format!("grants.{id}");
        if grant.until.is_some_and(|until| until <= self.now.max(self.state.last_at))
            || self.broken.profiles.contains(&grant.profile)
        {
            return Ok(());
        }
        if let Some(row) = self.state.grants.get(id) {
            if row.profile == grant.profile && row.grantee == grant.grantee && row.until == grant.until {
                return Ok(());
            }
            let why = format!("take grant `{id}` back, to give it anew");
            self.step(&place, &why, Action::RevokeGrant { grant: id.clone() })?;
        }
        let why = format!("grant profile `{}` to {}", grant.profile, grant.grantee);
        let (profile, grantee) = (grant.profile.clone(), grant.grantee.clone());
        self.step(&place, &why, Action::GrantProfile { grant: id.clone(), profile, grantee, until: grant.until })
    }

    /// A server goes last: a toolset that follows it holds it.
    fn remove_unnamed(&mut self, blueprint: &Blueprint) -> Planned {
        let place = "unnamed";
        let grants =
            self.state.grants.iter().filter(|(id, row)| row.request.is_none() && !blueprint.grants.contains_key(*id));
        for grant in grants.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.step(place, &format!("take grant `{grant}` back"), Action::RevokeGrant { grant })?;
        }
        for profile in absent(self.state.profiles.keys(), &blueprint.profiles) {
            self.step(place, &format!("delete profile `{profile}`"), Action::DeleteProfile { profile })?;
        }
        for toolset in absent(self.state.toolsets.keys(), &blueprint.toolsets) {
            self.step(place, &format!("delete toolset `{toolset}`"), Action::DeleteToolset { toolset })?;
        }
        for server in absent(self.state.servers.keys(), &blueprint.servers) {
            self.step(place, &format!("remove server `{server}`"), Action::RemoveServer { server })?;
        }
        Ok(())
    }

    pub(super) fn is_synced(&self, server: &ServerId) -> bool {
        self.state.servers.get(server).is_some_and(|server| server.catalogue.is_some())
    }

    /// A tool that is there; else a fault that names the nearest one of the server, or server of the tools.
    pub(super) fn known(&self, place: &str, tool: &ToolId) -> Result<&Tool, BlueprintError> {
        if let Some(found) = self.state.tools.get(tool) {
            return Ok(found);
        }
        let server = tool.server();
        let near = if self.state.servers.contains_key(server) {
            let names = self.state.tools_of(server).map(|(id, _)| id.name().as_str());
            nearest(tool.name().as_str(), names).map(|near| format!("{server}/{near}"))
        } else {
            let near = nearest(server.as_str(), self.state.servers.keys().map(ServerId::as_str));
            near.map(|near| format!("{near}/{}", tool.name()))
        };
        Err(BlueprintError::invalid(place, format!("there is no tool `{tool}`{}", meant(near.as_deref()))))
    }

    /// Plans a command if it changes something.
    pub(super) fn step(&mut self, place: &str, why: &str, action: Action) -> Planned {
        let invalid = |reason: String| BlueprintError::invalid(place, reason);
        let draft = CommandId::new("blueprint").map_err(|error| invalid(error.to_string()))?;
        let mut command = Command::new(draft, action).with_reason(format!("blueprint: {why}"));
        command.id = self.command_id(&command).map_err(|error| invalid(error.to_string()))?;
        let decided = decide(&self.state, &command, self.actor, self.now).map_err(|refusal| {
            BlueprintError::Refused { place: place.to_owned(), refusal: self.with_nearest(refusal) }
        })?;
        if let Decided::Events(events) = decided {
            let commit = self.state.commit(&command, self.actor, self.now, events);
            self.state.apply(&commit);
            self.plan.steps.push(PlannedStep { command, place: place.to_owned(), why: why.to_owned() });
        }
        Ok(())
    }

    /// A refusal that names what was most likely meant, where something is not there.
    fn with_nearest(&self, refusal: Refusal) -> Refusal {
        let near = match refusal.missing() {
            Some(("server", id)) => nearest(id, self.state.servers.keys().map(ServerId::as_str)),
            Some(("toolset", id)) => nearest(id, self.state.toolsets.keys().map(ToolsetId::as_str)),
            Some(("profile", id)) => nearest(id, self.state.profiles.keys().map(ProfileId::as_str)),
            _ => None,
        };
        let near = near.map(str::to_owned);
        refusal.meaning(near.as_deref())
    }

    /// An id that follows from what is planned, from where and for whom: nodes that plan the same thing at once send the same
    /// commands, and no two different commands have one id.
    fn command_id(&self, command: &Command) -> Result<CommandId, ParseIdError> {
        let mut seed = self.seed.clone();
        seed.extend_from_slice(format!("{}/{}", self.plan.steps.len(), command.action.name()).as_bytes());
        let bound = command.digest(self.actor.user());
        seed.extend_from_slice(bound.as_ref().map_or(&[], |digest| digest.as_bytes()));
        let digest = Digest::of_bytes(&seed).to_string();
        let digits: String = digest.chars().skip("sha256:".len()).take(48).collect();
        CommandId::new(format!("blueprint-{digits}"))
    }
}

fn absent<'a, K: Ord + Clone + 'a, V>(keys: impl Iterator<Item = &'a K>, named: &BTreeMap<K, V>) -> Vec<K> {
    keys.filter(|key| !named.contains_key(*key)).cloned().collect()
}

/// The end of a sentence about something that is not there.
pub(super) fn meant(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
