//! Bringing a blueprint about.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Acted, GovernError, GovernErrorKind, Governor, act::JustLoaded};
use crate::{
    blueprint::{Blueprint, Plan, Waiting},
    vocabulary::{Actor, ServerId},
};

/// How often a blueprint is planned anew: once for what it says, once after servers were synced, and again where others acted.
const ROUNDS: usize = 16;

/// What came of a blueprint.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Applied {
    /// What was done, in order; empty when everything was as the blueprint says.
    pub acts: Vec<Acted>,
    /// The servers that were synced on the way.
    pub synced: BTreeSet<ServerId>,
    /// Tools that wait for a person or a sync.
    pub waiting: Vec<Waiting>,
}

impl Governor {
    /// What a blueprint would change, without changing it.
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
            if let Some(provider) = self.core.providers.get(&row.provider) {
                *row = row.clone().with_canonical_edition(provider.info());
            }
        }
        Cow::Owned(blueprint)
    }

    /// Brings a blueprint about: plans, sends the commands, syncs the servers that need it, and plans again until nothing is left
    /// to do, also where others act meanwhile. Applying it twice changes nothing the second time.
    ///
    /// # Errors
    ///
    /// When planning fails, a command is refused, or a server cannot be discovered. What was done before stays; applying it again
    /// goes on from there.
    pub async fn apply(&self, actor: &Actor, blueprint: &Blueprint) -> Result<Applied, GovernError> {
        let mut applied = Applied { acts: Vec::new(), synced: BTreeSet::new(), waiting: Vec::new() };
        let mut refused_at = None;
        for _ in 0..ROUNDS {
            let plan = self.plan(actor, blueprint)?;
            if plan.is_empty() {
                applied.waiting = plan.waiting().to_vec();
                return Ok(applied);
            }
            if let Err(error) = self.carry_out(actor, &plan, &mut applied).await {
                // A plan holds only what would be accepted. Where that is refused, and the journal has moved since the last
                // refusal, somebody else acted in between.
                let head = Some(self.journal_head());
                if !error.kind().is_of_the_state() || head == refused_at {
                    return Err(error);
                }
                refused_at = head;
            }
        }
        let message = "others change the same things at the same time, again and again: apply the blueprint again";
        Err(GovernError::new(GovernErrorKind::Conflict, message))
    }

    async fn carry_out(&self, actor: &Actor, plan: &Plan, applied: &mut Applied) -> Result<(), GovernError> {
        for step in plan.steps() {
            applied.acts.push(self.core.act(actor, &step.command, JustLoaded::Nothing).await?);
        }
        for server in plan.to_sync() {
            applied.acts.push(self.sync(actor, server).await?);
            applied.synced.insert(server.clone());
        }
        Ok(())
    }
}
