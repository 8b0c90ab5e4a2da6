//! Recipes: tools of our own over several rows.

mod rows;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{
    Annotations, Binding, CallContext, Effect, ProviderError, RecipeBinding, Risk, ToolDefinition, ToolName,
    check::KEYS_OF,
};
use serde_json::{Map, Value, json};

pub use self::rows::{RowAnswer, RowCaller, RowList};
use crate::{
    error::{DocumentError, DocumentErrorKind},
    plan::{Document, Row, check_sent},
};

/// A tool that is made of several operations: read, change and write back; or one question over two reads.
///
/// # Contract
///
/// - `spec` is constant. Its effect and risk are at least the highest of the rows that it uses; the builder checks it.
/// - `run` reaches the vendor through [`RowCaller`] alone, which lets it call the rows that it named and no others.
/// - `run` is dropped when the call is killed: what was sent stays sent, so the step that changes something comes last.
/// - The arguments are checked against the recipe's schema already, with what the spec sends for those left out filled in. A
///   `default` in the schema is an annotation and fills in nothing.
#[async_trait]
pub trait Recipe: std::fmt::Debug + Send + Sync + 'static {
    /// What the recipe is, as reviewers and models see it.
    fn spec(&self) -> RecipeSpec;

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

/// What a recipe states of itself.
#[derive(Debug, Clone)]
pub struct RecipeSpec {
    name: String,
    title: String,
    description: String,
    input_schema: Value,
    borrowed: Vec<(String, String)>,
    send: BTreeMap<String, Value>,
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
            borrowed: Vec::new(),
            send: BTreeMap::new(),
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

    /// With arguments as a row has them: the same type, limits and description, and the same value where they are left out. None
    /// of them is required by this.
    #[must_use]
    pub fn with_row_arguments(
        mut self,
        row: impl Into<String>,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let row = row.into();
        self.borrowed.extend(names.into_iter().map(|name| (row.clone(), name.into())));
        self
    }

    /// With an argument of its own. It takes the place of a row's of the same name.
    #[must_use]
    pub fn with_argument(mut self, name: impl Into<String>, schema: Value) -> Self {
        let name = name.into();
        self.borrowed.retain(|(_, borrowed)| *borrowed != name);
        if let Some(properties) = self.input_schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert(name, schema);
        }
        self
    }

    /// With the value that an argument has where the caller leaves it out. It is part of the definition: reviewers see it, models
    /// see it as the argument's default, and rules judge it.
    #[must_use]
    pub fn with_sent(mut self, name: impl Into<String>, value: Value) -> Self {
        self.send.insert(name.into(), value);
        self
    }

    /// With an argument whose keys (of a map) or items (of a list) are what `stands_for` is elsewhere: a rule on that holds for each
    /// of them. For an argument of [`RecipeSpec::with_argument`] or of the input schema.
    #[must_use]
    pub fn with_keys_of(mut self, argument: &str, stands_for: impl Into<String>) -> Self {
        let property = self.input_schema.pointer_mut("/properties").and_then(|all| all.get_mut(argument));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            property.insert(KEYS_OF.to_owned(), Value::from(stands_for.into()));
        }
        self
    }

    /// With these arguments required.
    #[must_use]
    pub fn with_required(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<Value> = names.into_iter().map(|name| Value::String(name.into())).collect();
        if let Some(schema) = self.input_schema.as_object_mut() {
            schema.insert("required".to_owned(), Value::Array(names));
        }
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

    fn definition(mut self, document: &Document) -> Result<ToolDefinition, String> {
        let rows = self.uses.iter().map(|name| used(document, name)).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Err("uses no row".to_owned());
        }
        self.borrow(document)?;
        for (name, value) in &self.send {
            if let Some(Value::Object(property)) = self.input_schema.pointer_mut(&format!("/properties/{name}")) {
                property.insert("default".to_owned(), value.clone());
            }
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
        let definition = ToolDefinition {
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
                send: self.send,
                destination: None,
            }),
        };
        check_sent(&definition)?;
        Ok(definition)
    }
}

impl RecipeSpec {
    /// Puts the rows' arguments into the schema.
    fn borrow(&mut self, document: &Document) -> Result<(), String> {
        for (row, name) in &self.borrowed {
            let definition = &used(document, row)?.definition;
            let schema = &definition.input_schema;
            let property = schema.pointer(&format!("/properties/{name}"));
            let property = property.ok_or_else(|| format!("borrows `{name}`, which is no argument of `{row}`"))?;
            if let Some(properties) = self.input_schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(name.clone(), property.clone());
            }
            // An argument that the recipe requires is never left out; a value of the recipe's own stands before the row's.
            let mut required = self.input_schema.get("required").and_then(Value::as_array).into_iter().flatten();
            if let Some(value) = definition.send().get(name)
                && !required.any(|required| required == name)
            {
                self.send.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(())
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
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !properties.is_some_and(|properties| properties.contains_key(name)) {
            return Err(format!("requires `{name}`, which is none of its arguments"));
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

    /// The name of a recipe that a document cannot have, because an operation that it uses is not in it, with the reason; none where it
    /// can.
    pub(crate) fn missing(document: &Document, recipe: &dyn Recipe) -> Option<(ToolName, String)> {
        let spec = recipe.spec();
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
