//! A call that governance has let through.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    schema::CallRules,
    vocabulary::{CallId, ToolDefinition, ToolId, UserId},
};

/// Arguments that fit the tool's schema and every rule, with what the definition sends for those that were left out.
///
/// Only core makes them.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedArguments {
    map: Map<String, Value>,
    rules: CallRules,
}

impl CheckedArguments {
    pub(crate) fn new(map: Map<String, Value>, rules: CallRules) -> Self {
        Self { map, rules }
    }

    /// The value of an argument.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// All arguments.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// The rules that stand on the call. The arguments satisfy them already; whatever else a provider sends on behalf of the call
    /// must satisfy them too, and what it reads on an argument that a tool does not have is to be narrowed by them.
    pub fn rules(&self) -> &CallRules {
        &self.rules
    }
}

/// A call that passed every check and whose intent is on record. Only the [`Governor`](crate::Governor) makes one.
///
/// This guards against accident, not against a host process that means to cheat: see the project's security document.
#[derive(Debug)]
pub struct AuthorizedCall {
    id: CallId,
    tool: ToolId,
    definition: Arc<ToolDefinition>,
    arguments: CheckedArguments,
    user: UserId,
}

impl AuthorizedCall {
    pub(crate) fn new(
        id: CallId,
        tool: ToolId,
        definition: Arc<ToolDefinition>,
        arguments: CheckedArguments,
        user: UserId,
    ) -> Self {
        Self { id, tool, definition, arguments, user }
    }

    /// The call's id, as its audit records name it.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// The tool.
    pub fn tool(&self) -> &ToolId {
        &self.tool
    }

    /// The definition under which the call was admitted.
    pub fn definition(&self) -> &Arc<ToolDefinition> {
        &self.definition
    }

    /// The arguments.
    pub fn arguments(&self) -> &CheckedArguments {
        &self.arguments
    }

    /// The person on whose behalf the call is made.
    pub fn user(&self) -> &UserId {
        &self.user
    }
}
