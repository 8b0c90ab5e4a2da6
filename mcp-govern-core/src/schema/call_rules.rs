//! The rules that stand on one call, wherever its arguments go.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    fault::{MOST, told},
    rules::{Bearing, bearing, fixed, property, violations},
};
use crate::{
    denial::ArgumentFault,
    vocabulary::{ArgumentRule, ToolDefinition},
};

/// The rules of a call's path: those of its server and of the binding, which hold for every tool, and those of the tool's entry.
///
/// They go along with the call to the provider, because a tool may do more than its arguments say: a tool made of several
/// operations makes the arguments of each by itself. Whatever is sent in the name of the call is held to them with
/// [`CallRules::fixed`] and [`CallRules::hold`], and what comes back is narrowed by [`CallRules::on`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallRules {
    server: Option<Arc<[ArgumentRule]>>,
    binding: Option<Arc<[ArgumentRule]>>,
    entry: Option<Arc<[ArgumentRule]>>,
}

impl CallRules {
    /// Rules that hold for every tool, and rules for the tool that is called.
    pub fn new(of_every_tool: impl Into<Arc<[ArgumentRule]>>, of_the_tool: impl Into<Arc<[ArgumentRule]>>) -> Self {
        Self::of(Some(&of_every_tool.into()), &Arc::default(), Some(&of_the_tool.into()))
    }

    pub(crate) fn of(
        server: Option<&Arc<[ArgumentRule]>>,
        binding: &Arc<[ArgumentRule]>,
        entry: Option<&Arc<[ArgumentRule]>>,
    ) -> Self {
        let some = |rules: &Arc<[ArgumentRule]>| (!rules.is_empty()).then(|| Arc::clone(rules));
        Self { server: server.and_then(some), binding: some(binding), entry: entry.and_then(some) }
    }

    /// All of them: those of the server, of the binding, of the entry.
    pub fn iter(&self) -> impl Iterator<Item = &ArgumentRule> {
        self.of_every_tool().chain(self.entry.iter().flat_map(|rules| rules.iter()))
    }

    /// Those of server and binding.
    pub fn of_every_tool(&self) -> impl Iterator<Item = &ArgumentRule> {
        self.server.iter().chain(&self.binding).flat_map(|rules| rules.iter())
    }

    /// The rules on one argument: what does not fit each of them must be left out of an answer.
    pub fn on<'a>(&'a self, argument: &'a str) -> impl Iterator<Item = &'a ArgumentRule> {
        self.iter().filter(move |rule| rule.argument == argument)
    }

    /// The values that rules fix of arguments that `tool` has: to be filled in where they are not given.
    pub fn fixed<'a>(&'a self, tool: &'a ToolDefinition) -> impl Iterator<Item = (&'a str, &'a Value)> {
        fixed(self.iter(), &tool.input_schema)
    }

    /// Holds the arguments of `tool`, defaults and fixed values filled in, to every rule, as if it had been called with them.
    ///
    /// For the tool that the call names this was done before. For another one that is used on its behalf it is the same check,
    /// except that a rule of the entry does not deny tools without its argument: it was made for the tool that is called.
    ///
    /// # Errors
    ///
    /// A sentence that names the arguments and what the rules want, and none of the values that were given.
    pub fn hold(&self, tool: &ToolDefinition, arguments: &Map<String, Value>) -> Result<(), String> {
        let schema = &*tool.input_schema;
        let has = |name: &str| property(schema, name).is_some();
        // What a tool once had is known where it is admitted; here its definition is all there is.
        let absent = |rule: &&ArgumentRule| bearing(rule, has, |_| false) == Bearing::Absent;
        if let Some(rule) = self.of_every_tool().find(absent) {
            let name = &rule.argument;
            return Err(format!(
                "a rule does not allow it: it guards the argument `{name}`, which the tool does not have"
            ));
        }
        let faults = self.iter().flat_map(|rule| violations(rule, schema, arguments));
        let faults: Vec<ArgumentFault> = faults.take(MOST).collect();
        if faults.is_empty() { Ok(()) } else { Err(format!("a rule does not allow it: {}", told(&faults))) }
    }
}
