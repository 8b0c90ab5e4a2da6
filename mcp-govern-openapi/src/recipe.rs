//! Recipes: tools of our own over several rows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mcp_govern_core::{
    Annotations, Binding, CallContext, Effect, Exchange, ProviderError, ProviderErrorKind, RecipeBinding, Risk, Sent,
    ToolDefinition, ToolName,
};
use serde_json::{Map, Value, json, value::RawValue};
use tokio::time::Instant;

use crate::{
    document::Document,
    error::{DocumentError, DocumentErrorKind},
    row::Row,
    server::{OpenApiServer, RowResult},
};

/// A tool that is made of several operations: read, change and write back; or one question over two reads.
///
/// # Contract
///
/// - `spec` is constant. Its effect and risk are at least the highest of the rows that it uses; the builder checks it.
/// - `run` reaches the vendor through [`RowCaller`] alone, which lets it call the rows that it named and no others.
/// - `run` is dropped when the call is killed: what was sent stays sent, so the step that changes something comes last.
/// - The arguments are checked against the recipe's schema already, defaults filled in.
#[async_trait]
pub trait Recipe: std::fmt::Debug + Send + Sync + 'static {
    /// What the recipe is, as reviewers and models see it.
    fn spec(&self) -> RecipeSpec;

    /// Does it. The result must be a JSON object.
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

/// What a recipe states of itself.
#[derive(Debug, Clone)]
pub struct RecipeSpec {
    name: String,
    title: String,
    description: String,
    input_schema: Value,
    output_schema: Option<Value>,
    effect: Effect,
    risk: Risk,
    risk_reason: Option<String>,
    notifies: Option<String>,
    idempotent: bool,
    area: Option<String>,
    version: u32,
    why: String,
    uses: Vec<String>,
}

impl RecipeSpec {
    /// A read without arguments, version 1. `why` says in a sentence why the tool answers to no single operation.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        description: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            description: description.into(),
            input_schema: json!({"type": "object", "properties": {}, "additionalProperties": false}),
            output_schema: None,
            effect: Effect::Read,
            risk: Risk::None,
            risk_reason: None,
            notifies: None,
            idempotent: true,
            area: None,
            version: 1,
            why: why.into(),
            uses: Vec::new(),
        }
    }

    /// With the rows it calls, by the names of their tools.
    #[must_use]
    pub fn with_uses(mut self, rows: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.uses = rows.into_iter().map(Into::into).collect();
        self
    }

    /// With arguments: one flat object without references, `additionalProperties: false`.
    #[must_use]
    pub fn with_input_schema(mut self, schema: Value) -> Self {
        self.input_schema = schema;
        self
    }

    /// With a schema of its result.
    #[must_use]
    pub fn with_output_schema(mut self, schema: Value) -> Self {
        self.output_schema = Some(schema);
        self
    }

    /// With an effect, and whether calling it again changes nothing more.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect, idempotent: bool) -> Self {
        self.effect = effect;
        self.idempotent = idempotent;
        self
    }

    /// With a risk and its reason.
    #[must_use]
    pub fn with_risk(mut self, risk: Risk, why: impl Into<String>) -> Self {
        self.risk = risk;
        self.risk_reason = Some(why.into());
        self
    }

    /// With the people who are told.
    #[must_use]
    pub fn with_notifies(mut self, who: impl Into<String>) -> Self {
        self.notifies = Some(who.into());
        self
    }

    /// With the area of the API that it belongs to.
    #[must_use]
    pub fn with_area(mut self, area: impl Into<String>) -> Self {
        self.area = Some(area.into());
        self
    }

    /// With another version: raise it whenever what the recipe does changes.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    fn definition(self, document: &Document) -> Result<ToolDefinition, String> {
        let rows = self.uses.iter().map(|name| used(document, name)).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Err("uses no row".to_owned());
        }
        check_schema(&self.input_schema)?;
        for row in &rows {
            let (effect, risk) = (row.definition.effect, row.definition.risk);
            if self.effect < effect || self.risk < risk {
                return Err(format!("has a lower effect or risk than `{}`, which it uses", row.name));
            }
        }
        if self.risk != Risk::None && self.risk_reason.is_none() {
            return Err("has a risk without a reason".to_owned());
        }
        let mut scopes: Vec<String> = rows.iter().flat_map(|row| row.definition.scopes.iter().cloned()).collect();
        scopes.sort();
        scopes.dedup();
        Ok(ToolDefinition {
            name: ToolName::new(&self.name).map_err(|error| error.to_string())?,
            title: self.title,
            description: self.description,
            input_schema: Arc::new(self.input_schema),
            output_schema: self.output_schema.map(Arc::new),
            annotations: Annotations::of(self.effect, self.idempotent),
            effect: self.effect,
            risk: self.risk,
            risk_reason: self.risk_reason,
            notifies: self.notifies,
            scopes,
            deprecated: rows.iter().any(|row| row.definition.deprecated),
            area: self.area,
            binding: Binding::Recipe(RecipeBinding {
                version: self.version,
                why: self.why,
                uses: rows.iter().map(|row| row.name.clone()).collect(),
            }),
        })
    }
}

fn used<'a>(document: &'a Document, name: &str) -> Result<&'a Row, String> {
    let parsed = ToolName::new(name).map_err(|error| error.to_string())?;
    let row = document.row(&parsed).ok_or_else(|| format!("uses `{name}`, which is no operation of the document"))?;
    if row.hidden {
        return Err(format!("uses `{name}`, which is hidden: nobody could disable it"));
    }
    Ok(row)
}

fn check_schema(schema: &Value) -> Result<(), String> {
    fn refers(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
            Value::Array(items) => items.iter().any(refers),
            _ => false,
        }
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if schema.get("type") != Some(&Value::from("object")) || !closed || refers(schema) {
        return Err(
            "needs an input schema of type object, with `additionalProperties: false` and without `$ref`".to_owned()
        );
    }
    Ok(())
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
}

impl Recipes {
    /// Checks the recipes against the document.
    pub(crate) fn new(document: &Document, recipes: Vec<Arc<dyn Recipe>>) -> Result<Self, DocumentError> {
        let mut map = BTreeMap::new();
        for recipe in recipes {
            let spec = recipe.spec();
            let place = format!("recipe `{}`", spec.name);
            let fault = |message: String| DocumentError::one(DocumentErrorKind::Recipe, place.clone(), message);
            let definition = Arc::new(spec.definition(document).map_err(fault)?);
            let name = definition.name.clone();
            if document.row(&name).is_some() || map.contains_key(&name) {
                return Err(fault("has the name of another tool".to_owned()));
            }
            map.insert(name, Entry { recipe, definition });
        }
        Ok(Self { map })
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

/// Calls the rows of a recipe, and keeps the record of what was exchanged.
#[derive(Debug)]
pub struct RowCaller<'a> {
    server: &'a OpenApiServer,
    uses: &'a [ToolName],
    cx: &'a CallContext<'a>,
    deadline: Instant,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    exchanges: Vec<Exchange>,
    notes: Vec<String>,
    sent: Sent,
}

/// What a row answered, whole.
#[derive(Debug)]
#[non_exhaustive]
pub struct RowAnswer {
    /// The result in the form that the row's own tool gives it.
    pub content: Box<RawValue>,
}

impl RowAnswer {
    /// The result as a tree.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::BadAnswer`] when it nests too deep.
    pub fn to_value(&self) -> Result<Value, ProviderError> {
        let broken = |_| ProviderError::new(ProviderErrorKind::BadAnswer, "the result of a row nests too deep");
        serde_json::from_str(self.content.get()).map_err(broken)
    }
}

impl RowCaller<'_> {
    /// Calls a row that the recipe named in its spec.
    ///
    /// # Errors
    ///
    /// What the row's own tool would answer; [`ProviderErrorKind::Internal`] for a row that was not named.
    pub async fn call(&self, row: &str, arguments: Map<String, Value>) -> Result<RowAnswer, ProviderError> {
        let named = self.uses.iter().find(|name| name.as_str() == row);
        let named = named.and_then(|name| self.server.shared.document.row(name));
        let Some(named) = named else {
            let text = format!("a recipe called `{row}`, which it did not name");
            return Err(ProviderError::new(ProviderErrorKind::Internal, text));
        };
        let result = self.server.run_row(named, arguments, self.cx, self.deadline).await;
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(result) => {
                record.sent = Sent::Yes;
                record.exchanges.extend(result.exchanges);
                record.notes.extend(result.notes);
                Ok(RowAnswer { content: result.content })
            }
            Err(error) => {
                record.sent = record.sent.max(error.sent());
                record.exchanges.extend_from_slice(error.exchanges());
                Err(error)
            }
        }
    }
}

impl OpenApiServer {
    pub(crate) async fn run_recipe(
        &self,
        entry: &Entry,
        arguments: &Map<String, Value>,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let record = Mutex::new(Record { exchanges: Vec::new(), notes: Vec::new(), sent: Sent::No });
        let rows = RowCaller { server: self, uses: entry.uses(), cx, deadline, record };
        let outcome = tokio::time::timeout_at(deadline, entry.recipe.run(&rows, arguments, cx)).await;
        let record = rows.record.into_inner().unwrap_or_else(PoisonError::into_inner);
        let name = &entry.definition.name;
        let fail = |kind, text: String| ProviderError::new(kind, text);
        let outcome = match outcome {
            // What was on its way when the time was up is not in the record.
            Err(_) => {
                Err(fail(ProviderErrorKind::Timeout, format!("`{name}`: the deadline passed")).with_sent(Sent::Maybe))
            }
            Ok(Ok(value)) if !value.is_object() => {
                Err(fail(ProviderErrorKind::Internal, format!("`{name}`: the recipe's result is no object")))
            }
            Ok(outcome) => outcome,
        };
        let value = match outcome {
            Ok(value) => value,
            Err(error) => {
                let sent = error.sent().max(record.sent);
                return Err(error.with_sent(sent).with_exchanges(record.exchanges));
            }
        };
        let content = serde_json::value::to_raw_value(&value)
            .map_err(|error| fail(ProviderErrorKind::Internal, error.to_string()).with_sent(record.sent))?;
        Ok(RowResult { content, notes: record.notes, exchanges: record.exchanges })
    }
}
