//! Acting: decide, append, publish.

use super::{GovernError, GovernErrorKind, background_tasks::BackgroundTask, core::Core};
use crate::{
    journal::{Action, Command, Commit, Decided, Event, Head, Revision, Simulation, State, StoredCommit, decide},
    ports::StoreErrorKind,
    vocabulary::{Actor, Digest, ServerId},
};

/// How often a commit gives way to others before it gives up.
const ATTEMPTS: usize = 64;

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Committed {
    /// The revision that the command made; where what it asks for held already, the revision of the moment.
    pub revision: Revision,
    /// What it changed: the same for a command that was repeated. Empty where nothing had to change.
    pub events: Vec<Event>,
    /// Whether this very command changed something now.
    pub outcome: CommitOutcome,
}

impl Committed {
    /// What a command would come to on a simulation, which it is tried on.
    ///
    /// # Errors
    ///
    /// When the command would be refused.
    pub fn simulated(simulation: &mut Simulation, command: &Command) -> Result<Self, GovernError> {
        let events = simulation.try_command(command)?;
        let outcome = if events.is_empty() { CommitOutcome::Unchanged } else { CommitOutcome::Done };
        Ok(Self { revision: simulation.state().head().revision, events, outcome })
    }
}

/// Whether a command changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitOutcome {
    /// It did, now.
    Done,
    /// It was carried out before, under the same id.
    Repeated,
    /// What it asks for held already; nothing was written.
    Unchanged,
}

/// Which definitions the sender of a commit has loaded already.
#[derive(Debug, Clone, Copy)]
pub(super) enum JustLoaded<'a> {
    Nothing,
    Server(&'a ServerId),
}

impl Core {
    /// Carries a command out: once, whatever happens to the acknowledgement. What it changes is visible to the sender's next call.
    pub(super) async fn commit(
        &self,
        actor: &Actor,
        command: &Command,
        loaded: JustLoaded<'_>,
    ) -> Result<Committed, GovernError> {
        let mut sealed_as: Vec<Digest> = Vec::new();
        let mut doubt = None;
        let turn = self.ledger.turn.lock().await;
        for _ in 0..ATTEMPTS {
            self.readable()?;
            let (commit, before) = match self.decide(actor, command)? {
                Next::Append(commit, before) => (commit, before),
                Next::Known(revision) => {
                    drop(turn);
                    return self.recall(command, revision, &sealed_as).await;
                }
                Next::Holds(revision) => {
                    return Ok(Committed { revision, events: Vec::new(), outcome: CommitOutcome::Unchanged });
                }
            };
            let sealed = StoredCommit::seal(&commit)?;
            sealed_as.push(sealed.hash());
            match self.stores.journal.append(before, &sealed).await {
                Ok(_) => {
                    let committed = Committed {
                        revision: commit.revision,
                        events: commit.events.clone(),
                        outcome: CommitOutcome::Done,
                    };
                    let mut background_tasks: Vec<BackgroundTask> =
                        commit.events.iter().flat_map(BackgroundTask::of).collect();
                    if let JustLoaded::Server(server) = loaded {
                        background_tasks.retain(|background_task| !matches!(background_task, BackgroundTask::Load(other) if other == server));
                    }
                    let pending = self.pending(background_tasks);
                    // The driver may have taken it in already; then nothing is published here.
                    let gap = self.publish(vec![(*commit, sealed.head())]).gap;
                    self.ledger.freshness_monitor.confirm();
                    if gap && let Err(error) = self.catch_up().await {
                        // The commit is done all the same; the driver goes on reading.
                        tracing::warn!(%error, "the journal cannot be read after a commit");
                    }
                    drop(turn);
                    pending.settle().await;
                    return Ok(committed);
                }
                Err(error) if error.journal_head().is_some() => {}
                // The commit may be in the journal. Once it is read on, either the command is known, or the next append settles it:
                // of two commits after the same head one wins.
                Err(error) if error.kind() == StoreErrorKind::Unknown => doubt = Some(error),
                Err(error) if doubt.is_none() => return Err(error.into()),
                Err(error) => {
                    return Err(GovernError::new(GovernErrorKind::Unknown, error.to_string()));
                }
            }
            match (self.catch_up().await, &doubt) {
                (Ok(background_tasks), _) => self.upkeep.background_tasks.push(background_tasks),
                (Err(error), None) => return Err(error),
                (Err(error), Some(_)) => {
                    let message = format!("whether the command was carried out is not known: {error}; send it again");
                    return Err(GovernError::new(GovernErrorKind::Unknown, message));
                }
            }
        }
        let kind = if doubt.is_some() { GovernErrorKind::Unknown } else { GovernErrorKind::Unavailable };
        Err(GovernError::new(kind, "others committed at the same time, again and again: send the command again"))
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
                // The chains have not moved, and the journal has: the seal is the commit.
                Decided::AlreadyDone(_)
                    if matches!(command.action, Action::AnchorAudit { .. })
                        && self.seals(&command.action)
                        && Self::rests_on_its_chain_alone(state) =>
                {
                    Vec::new()
                }
                Decided::AlreadyDone(revision) => return Ok(Next::Holds(revision)),
            };
            let mut commit = state.commit(command, actor, now, events);
            if let Some(key) = self.ledger.sealing.as_ref().filter(|_| self.seals(&command.action)) {
                key.seal_commit(&self.tenant, &mut commit)?;
            }
            Ok(Next::Append(Box::new(commit), state.head()))
        })
    }

    /// Whether a commit is sealed: one that anchors the audit or drops the old end of a chain, where there is a key to seal it under.
    fn seals(&self, action: &Action) -> bool {
        self.ledger.sealing.is_some() && matches!(action, Action::AnchorAudit { .. } | Action::DropAuditSegment { .. })
    }

    /// Whether there are commits that no seal covers.
    pub(super) fn rests_on_its_chain_alone(state: &State) -> bool {
        state.head().revision > state.sealed().map_or(Revision::ZERO, |sealed| sealed.revision)
    }

    /// What a command did when it was carried out.
    async fn recall(&self, command: &Command, revision: Revision, ours: &[Digest]) -> Result<Committed, GovernError> {
        let before = Revision(revision.0.saturating_sub(1));
        let stored = self.stores.journal.read(before, 1).await?.into_iter().next();
        let Some(stored) = stored.filter(|stored| stored.revision() == revision) else {
            return Err(GovernError::new(
                GovernErrorKind::Unreadable,
                format!("revision {revision} is not in the journal"),
            ));
        };
        // The chain is known to hold up to the state's head; this commit was read and checked before.
        let commit: Commit = serde_json::from_slice(stored.bytes())
            .map_err(|error| GovernError::new(GovernErrorKind::Unreadable, error.to_string()))?;
        let outcome = if ours.contains(&stored.hash()) { CommitOutcome::Done } else { CommitOutcome::Repeated };
        debug_assert_eq!(commit.command_id, command.id);
        Ok(Committed { revision, events: commit.events, outcome })
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
    Append(Box<Commit>, Head),
    Known(Revision),
    Holds(Revision),
}
