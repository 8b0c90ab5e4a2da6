//! A registered server: binds, authorises, sends and decodes the calls of its tools.

pub(crate) mod aside;
mod authorize;
mod held;
mod judge;
mod long;
mod lookup;
mod obstacle;
mod open;
mod poll;
mod preview;
mod probe;
pub(crate) mod reach;
pub(crate) mod recipe;
mod refusal;
mod request;
mod run;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use http::HeaderValue;
use mcp_govern_core::{
    ArgumentFault, ArgumentRule, AuthMethodId, AuthorizedCall, CallContext, CallRules, Catalogue, CheckedArguments,
    Clock, CredentialFacts, CredentialReport, DiscoverContext, Exchange, ProbeContext, ProviderError,
    ProviderErrorKind, RequestPreview, ToolName, ToolOutput, ToolServer,
};
use serde_json::{Map, Value, value::RawValue};
use tokio::time::Instant;

use self::{
    aside::Aside,
    lookup::Found,
    reach::Reach,
    recipe::{Entry, Recipes},
};
use crate::{
    limits::Limits,
    plan::{Document, Row, Shape},
    send::{Limiter, later},
    transport::Transport,
};

/// What all servers of a provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) document: Arc<Document>,
    pub(crate) recipes: Arc<Recipes>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) transport: Arc<dyn Transport>,
    /// Where long answers are worked on.
    pub(crate) aside: Aside,
    pub(crate) limits: Limits,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A registered server.
pub(crate) struct OpenApiServer {
    pub(crate) shared: Arc<Shared>,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) region: Option<String>,
    pub(crate) method: AuthMethodId,
    /// Checked to be sendable in a header.
    pub(crate) config: BTreeMap<String, HeaderValue>,
    /// What the configuration fills into paths, percent-encoded.
    pub(crate) segments: BTreeMap<String, String>,
    /// What the configuration limits the server to.
    pub(crate) reach: Arc<Reach>,
    /// The tools that the server's auth method can call and its configuration reaches.
    pub(crate) catalogue: Arc<Catalogue>,
    /// The OAuth scopes that its app asks for, where the configuration says so.
    pub(crate) asked: Option<Vec<String>>,
    /// What its rows have looked up.
    pub(crate) looked_up: Found,
}

/// The result of a row, before it is cut to size.
#[derive(Debug)]
pub(crate) struct RowResult {
    pub(crate) content: Box<RawValue>,
    pub(crate) notes: Vec<String>,
    pub(crate) exchanges: Vec<Exchange>,
    /// Whether something was left out that the server's limits or the rules on the call do not allow.
    pub(crate) is_narrowed: bool,
}

/// What a tool is made of.
#[derive(Debug)]
pub(crate) enum Tool<'a> {
    Row(&'a Row),
    Recipe(&'a Entry),
}

impl OpenApiServer {
    /// Runs a tool: a row or a recipe.
    pub(crate) async fn execute(
        &self,
        name: &ToolName,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        cx: &CallContext<'_>,
    ) -> Result<ToolOutput, ProviderError> {
        let deadline = self.deadline(cx.deadline);
        let tool = self.tool(name)?;
        let (definition, is_recipe) = match tool {
            Tool::Row(row) => (&row.definition, false),
            Tool::Recipe(recipe) => (&recipe.definition, true),
        };
        let (result, paging) = match tool {
            // Boxed, as polling is: most calls are one request, and theirs is the memory that is moved about.
            Tool::Recipe(recipe) => (Box::pin(self.run_recipe(recipe, arguments, rules, cx, deadline)).await?, None),
            Tool::Row(row) => {
                let paging = match &row.output.shape {
                    Shape::List(plan) => Some(&plan.page),
                    Shape::Whole | Shape::Root(_) => None,
                };
                (self.run_row(row, arguments, rules, cx, deadline).await?, paging)
            }
        };
        let length = result.content.get().len();
        let result = self.trimmed((name, definition.effect), result, paging, arguments, deadline).await?;
        let mut output = ToolOutput::new(result.content, result.exchanges);
        output.notes = result.notes;
        if is_recipe && output.content.get().len() < length {
            output.content = incomplete(output.content);
        }
        Ok(output)
    }

    /// A tool of this server.
    pub(crate) fn tool(&self, name: &ToolName) -> Result<Tool<'_>, ProviderError> {
        let recipe = || self.shared.recipes.get(name).map(Tool::Recipe);
        let row = || self.shared.document.row(name).filter(|row| !row.hidden).map(Tool::Row);
        let tool = self.catalogue.tool(name).and_then(|_| recipe().or_else(row));
        tool.ok_or_else(|| ProviderError::new(ProviderErrorKind::UnknownTool, format!("there is no tool `{name}`")))
    }

    /// When a call ends at the latest.
    pub(crate) fn deadline(&self, asked: Option<std::time::Instant>) -> Instant {
        let own = later(self.shared.limits.deadline);
        asked.map_or(own, |asked| own.min(Instant::from_std(asked)))
    }
}

#[async_trait]
impl ToolServer for OpenApiServer {
    fn rules(&self) -> Vec<ArgumentRule> {
        self.reach.rules()
    }

    fn check(&self, tool: &ToolName, arguments: &CheckedArguments) -> Result<(), Vec<ArgumentFault>> {
        self.judge(tool, arguments.as_map(), arguments.rules())
    }

    fn obstacle(&self, tool: &ToolName) -> Option<String> {
        self.obstacle_of(tool)
    }

    async fn discover(&self, _cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        Ok(self.catalogue.clone())
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        let arguments = call.arguments();
        self.execute(call.tool().name(), arguments.as_map(), arguments.rules(), &cx).await
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        self.prove(cx).await
    }

    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        self.show(tool, arguments.as_map(), arguments.rules(), facts)
    }
}

impl fmt::Debug for OpenApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OpenApiServer");
        shown.field("provider", &self.shared.document.info.id).field("base", &self.base).field("method", &self.method);
        shown.finish_non_exhaustive()
    }
}

/// The result of a recipe that was cut to size: what it says of itself, that it is complete, is no longer so.
fn incomplete(content: Box<RawValue>) -> Box<RawValue> {
    let Ok(mut value) = serde_json::from_str::<Value>(content.get()) else { return content };
    match value.get_mut("is_complete") {
        Some(whole @ Value::Bool(true)) => *whole = Value::Bool(false),
        _ => return content,
    }
    serde_json::value::to_raw_value(&value).unwrap_or(content)
}

pub(crate) fn invalid(row: &Row, text: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidArguments, format!("`{}`: {text}", row.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_can_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        fn check(server: &OpenApiServer, name: &ToolName, map: &Map<String, Value>, cx: &CallContext<'_>) {
            is_send(&server.execute(name, map, &CallRules::default(), cx));
        }
        let _ = check;
    }
}
