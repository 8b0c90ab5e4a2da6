//! Acting: decide, append, publish.

use super::{GovernError, GovernErrorKind, chores::Chore, core::Core};
use crate::{
    journal::{Act, Action, Command, Decided, Event, Head, Revision, Simulation, State, StoredAct, decide},
    ports::{AppendError, StoreErrorKind},
    vocabulary::{Actor, Digest, ServerId},
};

/// How often an act gives way to others before it gives up.
const ATTEMPTS: usize = 64;

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Acted {
    /// The revision that the command made; where what it asks for held already, the revision of the moment.
    pub revision: Revision,
    /// What it changed: the same for a command that was repeated. Empty where nothing had to change.
    pub events: Vec<Event>,
    /// Whether this very command changed something now.
    pub outcome: ActOutcome,
}

impl Acted {
    /// What a command would come to on a simulation, which it is tried on.
    ///
    /// # Errors
    ///
    /// When the command would be refused.
    pub fn simulated(simulation: &mut Simulation, command: &Command) -> Result<Self, GovernError> {
        let events = simulation.try_command(command)?;
        let outcome = if events.is_empty() { ActOutcome::Unchanged } else { ActOutcome::Done };
        Ok(Self { revision: simulation.state().head().revision, events, outcome })
    }
}

/// Whether a command changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActOutcome {
    /// It did, now.
    Done,
    /// It was carried out before, under the same id.
    Repeated,
    /// What it asks for held already; nothing was written.
    Unchanged,
}

/// Which definitions the sender of an act has loaded already.
#[derive(Debug, Clone, Copy)]
pub(super) enum JustLoaded<'a> {
    Nothing,
    Server(&'a ServerId),
}

impl Core {
    /// Carries a command out: once, whatever happens to the acknowledgement. What it changes is visible to the sender's next call.
    pub(super) async fn act(
        &self,
        actor: &Actor,
        command: &Command,
        loaded: JustLoaded<'_>,
    ) -> Result<Acted, GovernError> {
        let mut sealed_as: Vec<Digest> = Vec::new();
        let mut doubt = None;
        let turn = self.turn.lock().await;
        for _ in 0..ATTEMPTS {
            self.readable()?;
            let (act, before) = match self.decide(actor, command)? {
                Next::Append(act, before) => (act, before),
                Next::Known(revision) => {
                    drop(turn);
                    return self.recall(command, revision, &sealed_as).await;
                }
                Next::Holds(revision) => {
                    return Ok(Acted { revision, events: Vec::new(), outcome: ActOutcome::Unchanged });
                }
            };
            let sealed = StoredAct::seal(&act)?;
            sealed_as.push(sealed.hash());
            match self.stores.journal.append(before, &sealed).await {
                Ok(_) => {
                    let acted = Acted { revision: act.revision, events: act.events.clone(), outcome: ActOutcome::Done };
                    let mut chores: Vec<Chore> = act.events.iter().flat_map(Chore::of).collect();
                    if let JustLoaded::Server(server) = loaded {
                        chores.retain(|chore| !matches!(chore, Chore::Load(other) if other == server));
                    }
                    let owed = self.owe(chores);
                    // The driver may have taken it in already; then nothing is published here.
                    let gap = self.publish(vec![(*act, sealed.head())]).gap;
                    self.pulse.confirm();
                    if gap && let Err(error) = self.catch_up().await {
                        // The act is done all the same; the driver goes on reading.
                        tracing::warn!(%error, "the journal cannot be read after an act");
                    }
                    drop(turn);
                    owed.settle().await;
                    return Ok(acted);
                }
                Err(AppendError::Conflict(_)) => {}
                // The act may be in the journal. Once it is read on, either the command is known, or the next append settles it:
                // of two acts after the same head one wins.
                Err(AppendError::Store(error)) if error.kind() == StoreErrorKind::Unknown => doubt = Some(error),
                Err(AppendError::Store(error)) if doubt.is_none() => return Err(error.into()),
                Err(AppendError::Store(error)) => {
                    return Err(GovernError::new(GovernErrorKind::Unknown, error.to_string()));
                }
            }
            match (self.catch_up().await, &doubt) {
                (Ok(chores), _) => self.chores.push(chores),
                (Err(error), None) => return Err(error),
                (Err(error), Some(_)) => {
                    let message = format!("whether the command was carried out is not known: {error}; send it again");
                    return Err(GovernError::new(GovernErrorKind::Unknown, message));
                }
            }
        }
        let kind = if doubt.is_some() { GovernErrorKind::Unknown } else { GovernErrorKind::Unavailable };
        Err(GovernError::new(kind, "others acted at the same time, again and again: send the command again"))
    }

    /// What the command leads to from the state of the moment.
    fn decide(&self, actor: &Actor, command: &Command) -> Result<Next, GovernError> {
        let now = self.time.now();
        self.with_state(|state| {
            let events = match decide(state, command, actor, now)? {
                Decided::Events(events) => events,
                Decided::AlreadyDone(revision) if state.command(&command.id).is_some() => {
                    return Ok(Next::Known(revision));
                }
                // The chains have not moved, and the journal has: the seal is the act.
                Decided::AlreadyDone(_)
                    if matches!(command.action, Action::AnchorAudit { .. })
                        && self.seals(&command.action)
                        && Self::rests_on_its_chain_alone(state) =>
                {
                    Vec::new()
                }
                Decided::AlreadyDone(revision) => return Ok(Next::Holds(revision)),
            };
            let mut act = state.act(command, actor, now, events);
            if let Some(key) = self.sealing.as_ref().filter(|_| self.seals(&command.action)) {
                key.seal_act(&self.tenant, &mut act)?;
            }
            Ok(Next::Append(Box::new(act), state.head()))
        })
    }

    /// Whether an act is sealed: one that anchors the audit or drops the old end of a chain, where there is a key to seal it under.
    fn seals(&self, action: &Action) -> bool {
        self.sealing.is_some() && matches!(action, Action::AnchorAudit { .. } | Action::DropAuditSegment { .. })
    }

    /// Whether there are acts that no seal covers.
    pub(super) fn rests_on_its_chain_alone(state: &State) -> bool {
        state.head().revision > state.sealed().map_or(Revision::ZERO, |sealed| sealed.revision)
    }

    /// What a command did when it was carried out.
    async fn recall(&self, command: &Command, revision: Revision, ours: &[Digest]) -> Result<Acted, GovernError> {
        let before = Revision(revision.0.saturating_sub(1));
        let stored = self.stores.journal.read(before, 1).await?.into_iter().next();
        let Some(stored) = stored.filter(|stored| stored.revision() == revision) else {
            return Err(GovernError::new(
                GovernErrorKind::Unreadable,
                format!("revision {revision} is not in the journal"),
            ));
        };
        // The chain is known to hold up to the state's head; this act was read and checked before.
        let act: Act = serde_json::from_slice(stored.bytes())
            .map_err(|error| GovernError::new(GovernErrorKind::Unreadable, error.to_string()))?;
        let outcome = if ours.contains(&stored.hash()) { ActOutcome::Done } else { ActOutcome::Repeated };
        debug_assert_eq!(act.command_id, command.id);
        Ok(Acted { revision, events: act.events, outcome })
    }

    /// That the actor may do what a command asks for, without doing it.
    pub(super) fn allowed(&self, actor: &Actor, command: &Command) -> Result<(), GovernError> {
        self.readable()?;
        let now = self.time.now();
        self.with_state(|state| decide(state, command, actor, now))?;
        Ok(())
    }
}

enum Next {
    Append(Box<Act>, Head),
    Known(Revision),
    Holds(Revision),
}
