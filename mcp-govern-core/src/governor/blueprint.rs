//! Applying a blueprint: on the store, or on a copy of the state that shows what it would do.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{CommitOutcome, Committed, GovernError, GovernErrorKind, Governor};
use crate::{
    blueprint::{Blueprint, Kept, Plan, Waiting},
    journal::{AccessChange, Action, Command, EffectiveAccess, Event, Revision, Simulation, State, ToolState},
    vocabulary::{Actor, CommandId, ServerId, Timestamp},
};

/// How often a blueprint is planned anew: once for what it says, once after servers were synced, and again where others committed.
const ROUNDS: usize = 16;

/// What came of a blueprint, or would come of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Applied {
    /// What was done, in order; empty when everything was as the blueprint says.
    pub commits: Vec<Committed>,
    /// The commands of the blueprint that changed something, in order, syncs excluded.
    pub steps: Vec<AppliedStep>,
    /// The servers whose tools were taken in on the way and were others than before.
    pub synced: Vec<SyncedServer>,
    /// Who can do more or less than before.
    pub access: Vec<AccessChange>,
    /// Tools that wait for a person or a sync.
    pub waiting: Vec<Waiting>,
    /// What is there, is not named by the blueprint, and stays.
    pub kept: Vec<Kept>,
    /// Servers that could not be discovered, with the reason; what was known of them stays. Empty unless
    /// [`ApplyOptions::despite_faults`] is set.
    pub faults: BTreeMap<ServerId, String>,
    /// The commands that did it, or would do it, in order.
    pub commands: Vec<Command>,
}

/// What a blueprint would do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Simulated {
    /// What would come of it.
    pub applied: Applied,
    /// The copy of the state on which it was tried, with what it would leave.
    pub simulation: Simulation,
}

/// One command of a blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppliedStep {
    /// Where in the document it comes from.
    pub place: String,
    /// The command's action, as the journal names it.
    pub action: &'static str,
    /// What it does, for people.
    pub why: String,
}

/// A server whose tools were taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncedServer {
    /// The server.
    pub server: ServerId,
    /// What was found.
    pub found: SyncCounts,
    /// The hosts to which the tools went before, and go now, where the two differ and there were tools before.
    pub moved: Option<(BTreeSet<String>, BTreeSet<String>)>,
}

/// How many tools a sync found to be what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SyncCounts {
    /// Tools that were not known.
    pub new: usize,
    /// Tools whose definition is another one.
    pub changed: usize,
    /// Tools that the server no longer offers.
    pub gone: usize,
    /// Tools that were gone and are offered again.
    pub returned: usize,
}

impl SyncCounts {
    /// What the events of a sync say.
    pub fn of(events: &[Event]) -> Self {
        let mut found = Self::default();
        for event in events {
            match event {
                Event::ToolDiscovered(_) => found.new += 1,
                Event::ToolChanged(_) => found.changed += 1,
                Event::ToolGone(_) => found.gone += 1,
                Event::ToolReturned(_) => found.returned += 1,
                _ => {}
            }
        }
        found
    }
}

/// How a blueprint is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use = "options do nothing by themselves"]
pub struct ApplyOptions {
    anew: bool,
    despite_faults: bool,
}

impl ApplyOptions {
    /// Servers are synced where the blueprint needs it, and one that cannot be discovered ends it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Discovers every registered server anew before the blueprint is planned: for a process that starts, perhaps as another release that
    /// knows other tools.
    pub fn discovering_anew(mut self) -> Self {
        self.anew = true;
        self
    }

    /// Goes on where a server cannot be discovered: the others are brought to what the blueprint says, and the fault is part of the answer.
    pub fn despite_faults(mut self) -> Self {
        self.despite_faults = true;
        self
    }
}

impl Governor {
    /// What a blueprint would change as far as it is known without discovering a server. [`Governor::simulate`] discovers them.
    ///
    /// # Errors
    ///
    /// When the blueprint contradicts itself, or the actor may not.
    pub fn plan(&self, actor: &Actor, blueprint: &Blueprint) -> Result<Plan, GovernError> {
        self.core.readable()?;
        Ok(self.canonical(blueprint).plan(&self.core.state(), actor, self.core.time.now())?)
    }

    /// A blueprint with the editions of servers as the providers name them.
    fn canonical<'a>(&self, blueprint: &'a Blueprint) -> Cow<'a, Blueprint> {
        if blueprint.servers.values().all(|row| row.edition.is_none()) {
            return Cow::Borrowed(blueprint);
        }
        let mut blueprint = blueprint.clone();
        for row in blueprint.servers.values_mut() {
            if let Some(provider) = self.core.servers.providers.get(&row.provider) {
                *row = row.clone().with_canonical_edition(provider.info());
            }
        }
        Cow::Owned(blueprint)
    }

    /// Applies a blueprint: plans, sends the commands, syncs the servers that need it, and plans again until nothing is left
    /// to do, also where others commit meanwhile. Applying it twice changes nothing the second time.
    ///
    /// # Errors
    ///
    /// When planning fails, a command is refused, or a server cannot be discovered. What was done before stays; applying it again
    /// goes on from there.
    pub async fn apply(&self, actor: &Actor, blueprint: &Blueprint) -> Result<Applied, GovernError> {
        self.apply_with(actor, blueprint, ApplyOptions::new()).await
    }

    /// Applies a blueprint, with options.
    ///
    /// # Errors
    ///
    /// Like [`Governor::apply`], but for what the options permit.
    pub async fn apply_with(
        &self,
        actor: &Actor,
        blueprint: &Blueprint,
        options: ApplyOptions,
    ) -> Result<Applied, GovernError> {
        bring_about(&mut OnStore { governor: self, actor }, &self.canonical(blueprint), options).await
    }

    /// What [`Governor::apply_with`] would do now, tools included that only a sync finds: servers are discovered, and nothing is written.
    ///
    /// # Errors
    ///
    /// Like [`Governor::apply_with`].
    pub async fn simulate(
        &self,
        actor: &Actor,
        blueprint: &Blueprint,
        options: ApplyOptions,
    ) -> Result<Simulated, GovernError> {
        self.core.readable()?;
        let simulation = Simulation::new(&self.core.state(), actor.clone(), self.core.time.now());
        let mut copy = OnCopy { governor: self, simulation };
        let applied = bring_about(&mut copy, &self.canonical(blueprint), options).await?;
        Ok(Simulated { applied, simulation: copy.simulation })
    }
}

/// Where a blueprint is applied.
trait Target {
    fn state(&self) -> Arc<State>;

    fn now(&self) -> Timestamp;

    fn actor(&self) -> &Actor;

    /// Carries a command out, where nothing but the plan has changed anything since a revision.
    async fn commit(&mut self, command: &Command, expecting: Revision) -> Result<Committed, GovernError>;

    /// Discovers a server and takes its tools in; answers the command that did it.
    async fn sync(&mut self, server: &ServerId) -> Result<(Command, Committed), GovernError>;
}

struct OnStore<'a> {
    governor: &'a Governor,
    actor: &'a Actor,
}

impl Target for OnStore<'_> {
    fn state(&self) -> Arc<State> {
        self.governor.core.state()
    }

    fn now(&self) -> Timestamp {
        self.governor.core.time.now()
    }

    fn actor(&self) -> &Actor {
        self.actor
    }

    async fn commit(&mut self, command: &Command, expecting: Revision) -> Result<Committed, GovernError> {
        self.governor.commit(self.actor, command.clone().expecting(expecting)).await
    }

    async fn sync(&mut self, server: &ServerId) -> Result<(Command, Committed), GovernError> {
        self.governor.sync_by_command(self.actor, server).await
    }
}

struct OnCopy<'a> {
    governor: &'a Governor,
    simulation: Simulation,
}

impl Target for OnCopy<'_> {
    fn state(&self) -> Arc<State> {
        Arc::new(self.simulation.state().clone())
    }

    fn now(&self) -> Timestamp {
        self.simulation.now()
    }

    fn actor(&self) -> &Actor {
        self.simulation.actor()
    }

    async fn commit(&mut self, command: &Command, _: Revision) -> Result<Committed, GovernError> {
        Committed::simulated(&mut self.simulation, command)
    }

    async fn sync(&mut self, server: &ServerId) -> Result<(Command, Committed), GovernError> {
        // The server as the copy has it: perhaps the store does not know it yet.
        let row = self.simulation.state().servers().get(server).map(|row| row.spec().clone());
        let spec = row.ok_or_else(|| GovernError::not_found("server", server))?;
        let catalogue = self.governor.core.discover_as(server, &spec).await?;
        let command = Command::new(CommandId::random()?, Action::SyncServer { server: server.clone(), catalogue });
        let committed = Committed::simulated(&mut self.simulation, &command)?;
        Ok((command, committed))
    }
}

async fn bring_about<T: Target>(
    target: &mut T,
    blueprint: &Blueprint,
    options: ApplyOptions,
) -> Result<Applied, GovernError> {
    let before = EffectiveAccess::of(&target.state(), target.now());
    let mut applied = Applied {
        commits: Vec::new(),
        steps: Vec::new(),
        synced: Vec::new(),
        access: Vec::new(),
        waiting: Vec::new(),
        kept: Vec::new(),
        faults: BTreeMap::new(),
        commands: Vec::new(),
    };
    if options.anew {
        let known: Vec<ServerId> = target.state().servers().keys().cloned().collect();
        for server in known {
            // A store that knows a newer release's tools is a fault of this server, and no change of the moment.
            match take_in(target, &server, options, &mut applied).await {
                Err(error) if options.despite_faults => {
                    applied.faults.insert(server, error.to_string());
                }
                done => done?,
            }
        }
    }
    let mut refused_at = None;
    for _ in 0..ROUNDS {
        let plan = blueprint.plan(&target.state(), target.actor(), target.now())?;
        if plan.steps().is_empty() && plan.to_sync().iter().all(|server| applied.faults.contains_key(server)) {
            applied.waiting = plan.waiting().to_vec();
            let state = target.state();
            applied.access = before.changes_to(&EffectiveAccess::of(&state, target.now()));
            applied.kept = blueprint.kept(&state, target.now());
            return Ok(applied);
        }
        if let Err(error) = carry_out(target, &plan, options, &mut applied).await {
            // A plan holds only what would be accepted. Where that is refused, and the journal has moved since the last
            // refusal, somebody else committed in between: what is left is planned anew.
            let head = Some(target.state().head());
            if !error.kind().is_of_the_state() || head == refused_at {
                return Err(error);
            }
            refused_at = head;
        }
    }
    let message = "others change the same things at the same time, again and again: apply the blueprint again";
    Err(GovernError::new(GovernErrorKind::Conflict, message))
}

async fn carry_out<T: Target>(
    target: &mut T,
    plan: &Plan,
    options: ApplyOptions,
    applied: &mut Applied,
) -> Result<(), GovernError> {
    let mut at = plan.revision();
    for step in plan.steps() {
        let committed = target.commit(&step.command, at).await?;
        at = at.max(committed.revision);
        if committed.outcome == CommitOutcome::Done {
            let (place, why, action) = (step.place.clone(), step.why.clone(), step.command.action.name());
            applied.steps.push(AppliedStep { place, action, why });
            applied.commands.push(step.command.clone());
        }
        applied.commits.push(committed);
    }
    for server in plan.to_sync() {
        if !applied.faults.contains_key(server) {
            take_in(target, server, options, applied).await?;
        }
    }
    Ok(())
}

/// Takes a server's tools in.
async fn take_in<T: Target>(
    target: &mut T,
    server: &ServerId,
    options: ApplyOptions,
    applied: &mut Applied,
) -> Result<(), GovernError> {
    let went = destinations(&target.state(), server);
    match target.sync(server).await {
        Ok((command, committed)) => {
            let found = SyncCounts::of(&committed.events);
            if found != SyncCounts::default() {
                let goes = destinations(&target.state(), server);
                let moved = (!went.is_empty() && !goes.is_empty() && went != goes).then_some((went, goes));
                applied.synced.push(SyncedServer { server: server.clone(), found, moved });
            }
            if committed.outcome == CommitOutcome::Done {
                applied.commands.push(command);
                applied.commits.push(committed);
            }
        }
        Err(error) if !options.despite_faults || error.kind().is_of_the_state() => return Err(error),
        Err(error) => {
            applied.faults.insert(server.clone(), error.to_string());
        }
    }
    Ok(())
}

/// The hosts to which a server's tools send, where its document says so.
fn destinations(state: &State, server: &ServerId) -> BTreeSet<String> {
    let offered = state.tools_of(server).filter(|(_, tool)| tool.state() != ToolState::Removed);
    offered.filter_map(|(_, tool)| tool.definition().destination().map(str::to_owned)).collect()
}
