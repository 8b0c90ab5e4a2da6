//! What commands would do: the pure rules on a copy of the state. Nothing here can change a store.

use mcp_govern_core::{
    Actor, Timestamp,
    journal::{Command, Decided, Event, Refusal, State, decide},
};

/// A copy of the state that commands are tried on.
#[derive(Debug)]
pub(crate) struct Shadow<'a> {
    state: State,
    actor: &'a Actor,
    now: Timestamp,
}

impl<'a> Shadow<'a> {
    pub(crate) fn of(state: &State, actor: &'a Actor, now: Timestamp) -> Self {
        Self { state: state.clone(), actor, now }
    }

    /// Carries a command out on the copy. No events where what it asks for holds already.
    pub(crate) fn carry_out(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match decide(&self.state, command, self.actor, self.now)? {
            Decided::Events(events) => {
                let act = self.state.act(command, self.actor, self.now, events);
                self.state.apply(&act);
                Ok(act.events)
            }
            Decided::AlreadyDone(_) => Ok(Vec::new()),
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}
