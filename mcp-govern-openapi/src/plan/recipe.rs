//! The specification of a recipe: a tool over several rows.

use std::collections::BTreeMap;

use mcp_govern_core::{Effect, Risk, check::KEYS_OF};
use serde_json::{Value, json};

/// The word for `notifies` which says that nobody is.
pub(crate) const NOBODY: &str = "nobody";

/// What a recipe is, as reviewers and models see it: what `x-govern-recipes` of a document says of it, or a program.
///
/// Its effect and risk are at least the highest of the rows that it uses; the builder of the provider checks it.
#[derive(Debug, Clone)]
pub struct RecipeSpec {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) input_schema: Value,
    pub(crate) borrowed: Vec<(String, String)>,
    pub(crate) send: BTreeMap<String, Value>,
    pub(crate) output_schema: Option<Value>,
    pub(crate) effect: Effect,
    pub(crate) risk: Risk,
    pub(crate) risk_reason: Option<String>,
    pub(crate) notifies: Option<String>,
    pub(crate) idempotent: bool,
    pub(crate) area: Option<String>,
    pub(crate) version: u32,
    pub(crate) why: String,
    pub(crate) uses: Vec<String>,
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

    /// With the people who are notified; `nobody` says that there are none.
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
}
