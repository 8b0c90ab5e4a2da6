//! The one way from arguments to a request: by whatever code they were made, they are held to every rule on the call.

use std::borrow::Cow;

use mcp_govern_core::{CallRules, ProviderError, ProviderErrorKind};
use serde_json::{Map, Value};

use super::{OpenApiServer, invalid};
use crate::{
    bind::{ends_now, with_sent},
    plan::Row,
};

/// Arguments of a row with everything filled in that need not be given, within the server's limits and allowed by every rule.
///
/// INVARIANT: only [`OpenApiServer::hold`] makes them, and nothing is bound or sent that is not one of these: a call by its own
/// name, the rows of a recipe and of a preview, the questions of polling and the reads of a probe go the same way
/// (`nothing_is_sent_through_a_recipe_that_a_direct_call_would_have_been_denied`).
#[derive(Debug)]
pub(crate) struct Held<'a> {
    arguments: Cow<'a, Map<String, Value>>,
    /// What was looked up for the request: no caller gives it, and no rule is about it.
    looked_up: Map<String, Value>,
}

impl Held<'_> {
    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.arguments
    }

    /// The same with a value that was looked up for it.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.looked_up.insert(name.to_owned(), value);
        self
    }

    /// What was looked up.
    pub(super) fn looked_up(&self) -> &Map<String, Value> {
        &self.looked_up
    }

    /// The same with values put out of sight, for a preview.
    pub(crate) fn masked(self, mask: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut arguments = self.arguments.into_owned();
        mask(&mut arguments);
        Self { arguments: Cow::Owned(arguments), looked_up: self.looked_up }
    }
}

impl OpenApiServer {
    /// Fills in what need not be given and holds the whole to the server's limits and to the rules on the call.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::RuleViolated`] where a rule does not allow them; [`ProviderErrorKind::InvalidArguments`] where they lie
    /// outside of what the server's configuration reaches.
    pub(crate) fn hold<'a>(
        &self,
        row: &Row,
        arguments: Cow<'a, Map<String, Value>>,
        rules: &CallRules,
    ) -> Result<Held<'a>, ProviderError> {
        let arguments = self.filled(row, arguments, rules).map_err(|text| invalid(row, &text))?;
        rules
            .hold(&row.definition, &arguments)
            .map_err(|text| ProviderError::new(ProviderErrorKind::RuleViolated, format!("`{}`: {text}", row.name)))?;
        Ok(Held { arguments, looked_up: Map::new() })
    }

    /// Fills in what need not be given, within what the server's configuration reaches.
    ///
    /// # Errors
    ///
    /// A sentence: the arguments lie outside of it, or a range of time cannot end now.
    pub(super) fn filled<'a>(
        &self,
        row: &Row,
        mut arguments: Cow<'a, Map<String, Value>>,
        rules: &CallRules,
    ) -> Result<Cow<'a, Map<String, Value>>, String> {
        for (name, value) in rules.fixed(&row.definition) {
            if !arguments.contains_key(name) {
                arguments.to_mut().insert(name.to_owned(), value.clone());
            }
        }
        let arguments = with_sent(row, arguments);
        let now = self.shared.clock.now();
        let mut arguments = ends_now::fill(&row.ends_now, arguments, now)?;
        self.reach.fill(row, &mut arguments);
        self.reach.hold(row, &arguments)?;
        Ok(arguments)
    }
}
