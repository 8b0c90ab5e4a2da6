//! What commands would do: the rules on a copy of a state.

use super::{AccessChange, Command, Decided, EffectiveAccess, Event, Refusal, State, decide};
use crate::vocabulary::{Actor, Timestamp};

/// Commands tried on a copy of a state, in one person's name and at one time. Nothing here can change a store.
///
/// Each command is decided by the same rules as one that is sent, on what those before it left. A command that is refused changes
/// nothing, and those after it can still be tried.
///
/// ```
/// use mcp_govern_core::{
///     Actor, CommandId, Role, Timestamp, UserId,
///     journal::{Action, Command, KillScope, Simulation, State},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let state = State::new();
/// let olga = Actor::new(UserId::new("local", "olga")?, [Role::Owner]);
/// let mut simulation = Simulation::new(&state, olga, Timestamp::from_millis(0));
/// let kill = Action::Kill { scope: KillScope::Tenant };
/// assert_eq!(simulation.try_command(&Command::new(CommandId::new("stop")?, kill))?.len(), 1);
/// assert!(simulation.state().kills().contains(&KillScope::Tenant));
/// assert!(state.kills().is_empty() && simulation.access().iter().all(|change| !change.widens));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Simulation {
    before: State,
    after: State,
    actor: Actor,
    now: Timestamp,
}

impl Simulation {
    /// Begins with a copy of a state.
    pub fn new(state: &State, actor: Actor, now: Timestamp) -> Self {
        Self { before: state.clone(), after: state.clone(), actor, now }
    }

    /// Tries a command on what those before it left. Answers what it would change: no events where what it asks for holds already.
    ///
    /// # Errors
    ///
    /// When the command would be refused.
    pub fn try_command(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match decide(&self.after, command, &self.actor, self.now)? {
            Decided::Events(events) => {
                let commit = self.after.commit(command, &self.actor, self.now, events);
                self.after.apply(&commit);
                Ok(commit.events)
            }
            Decided::AlreadyDone(_) => Ok(Vec::new()),
        }
    }

    /// The state that the commands would leave.
    pub fn state(&self) -> &State {
        &self.after
    }

    /// The time at which the commands are decided.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The person in whose name the commands are decided.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The state on which the first command was tried.
    pub fn before(&self) -> &State {
        &self.before
    }

    /// Who could do more, or less, after all of them.
    pub fn access(&self) -> Vec<AccessChange> {
        EffectiveAccess::of(&self.before, self.now).changes_to(&EffectiveAccess::of(&self.after, self.now))
    }
}
