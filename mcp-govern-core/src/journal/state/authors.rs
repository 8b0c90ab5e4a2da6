//! Who set the rules that say of which type an AI client is.

use std::mem;

use serde::{Deserialize, Serialize};

use crate::vocabulary::{ClientId, Settings, UserId};

/// The authors of the tenant's rules on clients.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientRuleAuthors {
    /// One for each of the settings' rules.
    rules: Vec<UserId>,
    /// Of the type of clients that no rule matches.
    unmatched: Option<UserId>,
}

impl ClientRuleAuthors {
    /// Takes in that settings were changed. The author of a rule stays while rules are but added: where one is taken out or moved,
    /// clients come to later ones by the hand that did it.
    pub(crate) fn changed(&mut self, old: &Settings, new: &Settings, by: &UserId) {
        let mut known = old.client_rules.iter().zip(mem::take(&mut self.rules)).peekable();
        for rule in &new.client_rules {
            let author = known.next_if(|(old, _)| *old == rule).map(|(_, author)| author);
            self.rules.push(author.unwrap_or_else(|| by.clone()));
        }
        if known.peek().is_some() || old.unmatched_client != new.unmatched_client {
            self.unmatched = Some(by.clone());
        }
    }

    /// By whose rule a client is of the type that it is, where one says so.
    pub(crate) fn of(&self, settings: &Settings, client: &ClientId) -> Option<&UserId> {
        match settings.client_rules.iter().position(|rule| rule.matches(client)) {
            Some(place) => self.rules.get(place),
            None => self.unmatched.as_ref(),
        }
    }
}
