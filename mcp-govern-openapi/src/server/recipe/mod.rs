//! Recipes: tools of our own over several rows.

mod definition;
mod rows;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{CallContext, Effect, ProviderError, ToolDefinition, ToolName};
use serde_json::{Map, Value};

pub use self::rows::{RowAnswer, RowCaller, RowList};
use crate::{
    error::{DocumentError, DocumentErrorKind, Fault},
    plan::{Document, RecipeSpec},
};

/// What a tool over several operations does: read, change and write back; or one question over two reads.
///
/// What the tool is (its name, texts, arguments, the operations that it uses, effect and risk) is its specification, which stands
/// in the document under `x-govern-recipes` beside the rows, or is a [`RecipeSpec`].
///
/// # Contract
///
/// - `run` reaches the vendor through [`RowCaller`] alone, which lets it call the rows that the specification names and no others.
/// - `run` is dropped when the call is killed: what was sent stays sent, so the step that changes something comes last.
/// - The arguments are checked against the recipe's schema already, with what the spec sends for those left out filled in. A
///   `default` in the schema is an annotation and fills in nothing.
#[async_trait]
pub trait Recipe: std::fmt::Debug + Send + Sync + 'static {
    /// Does it. The result must be a JSON object. A member `is_complete` says whether it is whole: where a long result is cut to a
    /// size that a model can read, it becomes false.
    ///
    /// # Errors
    ///
    /// Whatever a row answers, or an error of its own; exchanges and what was sent are added by the caller.
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError>;

    /// The row and the arguments of the first request, for previews.
    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        let _ = arguments;
        None
    }
}

/// A recipe as it was given to the builder of a provider.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    /// The name of the tool.
    pub(crate) name: String,
    /// Its specification, where that does not stand in the document.
    pub(crate) spec: Option<RecipeSpec>,
    pub(crate) recipe: Arc<dyn Recipe>,
}

impl Registered {
    /// The recipe with its specification, where it has one of its own or a document states it.
    pub(crate) fn specified_by(&self, document: &Document) -> Option<Self> {
        let stated = || document.recipes.iter().find(|stated| stated.name == self.name).cloned();
        let spec = Some(self.spec.clone().or_else(stated)?);
        Some(Self { name: self.name.clone(), spec, recipe: Arc::clone(&self.recipe) })
    }
}

/// The recipes of a provider.
#[derive(Debug, Default)]
pub(crate) struct Recipes {
    map: BTreeMap<ToolName, Entry>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    recipe: Arc<dyn Recipe>,
    pub(crate) definition: Arc<ToolDefinition>,
    /// Whether the specification says who is notified, or that nobody is.
    pub(crate) states_notifies: bool,
}

impl Recipes {
    /// Puts what is registered together with its specifications, and checks both against the document. Every fault is named.
    pub(crate) fn new(document: &Document, registered: Vec<Registered>) -> Result<Self, DocumentError> {
        let mut map = BTreeMap::new();
        let mut faults = Vec::new();
        let mut fault = |name: &str, message: String| faults.push(Fault { place: format!("recipe `{name}`"), message });
        let run_by = |name: &str| registered.iter().any(|entry| entry.spec.is_none() && entry.name == name);
        for stated in document.recipes.iter().filter(|stated| !run_by(&stated.name)) {
            let text =
                "stands in `x-govern-recipes` and nothing runs it: register a recipe of this name with the builder";
            fault(&stated.name, text.to_owned());
        }
        for Registered { name, spec, recipe } in registered {
            let stated = || document.recipes.iter().find(|stated| stated.name == name).cloned();
            let Some(spec) = spec.or_else(stated) else {
                fault(&name, "is registered and has no entry in `x-govern-recipes` of the document".to_owned());
                continue;
            };
            let states_notifies = spec.notifies.is_some();
            match definition::definition(spec, document) {
                Err(message) => fault(&name, message),
                Ok(tool) if document.row(&tool.name).is_some() || map.contains_key(&tool.name) => {
                    fault(&name, "has the name of another tool".to_owned());
                }
                Ok(tool) => {
                    let entry = Entry { recipe, definition: Arc::new(tool), states_notifies };
                    map.insert(entry.definition.name.clone(), entry);
                }
            }
        }
        if faults.is_empty() { Ok(Self { map }) } else { Err(DocumentError::new(DocumentErrorKind::Recipe, faults)) }
    }

    /// Tools that change something and whose specification does not say who is notified.
    pub(crate) fn without_notifies(&self) -> impl Iterator<Item = &ToolDefinition> {
        let silent = self.map.values().filter(|entry| !entry.states_notifies);
        silent.map(|entry| &*entry.definition).filter(|tool| tool.effect != Effect::Read)
    }

    /// The name of a recipe that a document cannot have, because an operation that it uses is not in it, with the reason; none where it
    /// can.
    pub(crate) fn missing(document: &Document, recipe: &Registered) -> Option<(ToolName, String)> {
        let spec = recipe.spec.as_ref()?;
        let known = |name: &String| ToolName::new(name).is_ok_and(|name| document.row(&name).is_some());
        let missing = spec.uses.iter().find(|name| !known(name))?;
        let name = ToolName::new(&spec.name).ok()?;
        Some((name, format!("it is made of `{missing}`, which this edition does not have")))
    }

    pub(crate) fn get(&self, name: &ToolName) -> Option<&Entry> {
        self.map.get(name)
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = Arc<ToolDefinition>> {
        self.map.values().map(|entry| entry.definition.clone())
    }
}

impl Entry {
    pub(crate) fn uses(&self) -> &[ToolName] {
        self.definition.uses()
    }

    pub(crate) fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        self.recipe.first_request(arguments)
    }
}
