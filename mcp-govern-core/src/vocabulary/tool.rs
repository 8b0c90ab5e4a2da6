//! What a provider states about a tool: its surface and its binding.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, DigestError, ToolName};

/// What a tool does to the vendor's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Adds or changes data; what was there can be restored by hand.
    Write,
    /// Removes or replaces data, or silences something that people rely on.
    Destructive,
}

/// What can go wrong beyond the data itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing out of the ordinary.
    #[default]
    None,
    /// Shows personal data, or tells people something (mails customers, pages somebody).
    Sensitive,
    /// Can hand out access, or cause harm that nobody can take back. Also: the effect is not known.
    Dangerous,
}

/// One word for people, the strongest of effect and risk: dangerous > sensitive > destructive > write > read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// Reads, no risk.
    Read,
    /// Writes, no risk.
    Write,
    /// Destroys, no further risk.
    Destructive,
    /// Sensitive, whatever the effect.
    Sensitive,
    /// Dangerous, whatever the effect.
    Dangerous,
}

impl Classification {
    /// The word for an effect and a risk.
    pub fn of(effect: Effect, risk: Risk) -> Self {
        match (risk, effect) {
            (Risk::Dangerous, _) => Self::Dangerous,
            (Risk::Sensitive, _) => Self::Sensitive,
            (Risk::None, Effect::Destructive) => Self::Destructive,
            (Risk::None, Effect::Write) => Self::Write,
            (Risk::None, Effect::Read) => Self::Read,
        }
    }

    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::Sensitive => "sensitive",
            Self::Dangerous => "dangerous",
        }
    }
}

impl fmt::Display for Classification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Hints for AI clients, as MCP defines them. Derived from our own classification, never taken from a remote server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "MCP defines four booleans; they are written out as it names them")]
pub struct Annotations {
    /// The tool changes nothing.
    pub read_only_hint: bool,
    /// The tool may remove or replace.
    pub destructive_hint: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent_hint: bool,
    /// The tool reaches a system outside.
    pub open_world_hint: bool,
}

impl Annotations {
    /// The hints that follow from an effect.
    pub fn of(effect: Effect, idempotent: bool) -> Self {
        Self {
            read_only_hint: effect == Effect::Read,
            destructive_hint: effect == Effect::Destructive,
            idempotent_hint: idempotent,
            open_world_hint: true,
        }
    }
}

/// Where an argument goes in the vendor's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// A header.
    Header,
    /// The body.
    Body,
}

/// An argument bound to a place in the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundArgument {
    /// The argument's name in the input schema; dots descend.
    pub argument: String,
    /// Where it goes.
    #[serde(rename = "in")]
    pub location: Location,
    /// The vendor's name: for bodies a dotted path with the wrapper, empty for the whole body.
    pub name: String,
}

/// A value that is always sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedValue {
    /// Where it goes.
    #[serde(rename = "in")]
    pub location: Location,
    /// The vendor's name.
    pub name: String,
    /// The value. Where the value comes from the server's configuration it is `{"config": "<key>"}`; of a segment of the path what
    /// it is stands in [`OperationBinding::destination`].
    pub value: Value,
}

/// What a tool does on the wire. Part of the digest: a tool that turns from GET to DELETE is another tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Binding {
    /// One HTTP operation.
    Operation(OperationBinding),
    /// A tool of our own over several operations.
    Recipe(RecipeBinding),
}

/// One HTTP operation of the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationBinding {
    /// The HTTP method in capitals.
    pub method: String,
    /// Which of the server's base URLs: `api` unless the document names others.
    pub origin: String,
    /// The path template, below the base URL.
    pub path: String,
    /// The bound arguments, in the order of the document.
    pub arguments: Vec<BoundArgument>,
    /// Values always sent.
    pub fixed: Vec<FixedValue>,
    /// What is sent for an argument that the caller leaves out, by the argument's name. A schema's `default` is an annotation and
    /// sends nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub send: BTreeMap<String, Value>,
    /// The security schemes that can authorise the request: alternatives.
    pub security: Vec<String>,
    /// The media type of the request body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Below which address requests go, where that is reviewed: where a document that others write names the base URL and the
    /// operator's row does not, and where the server's configuration fills in a part of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

/// A tool of our own over several rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeBinding {
    /// The recipe's own version: raised whenever what it does changes.
    pub version: u32,
    /// Why the tool answers to no single operation: a sentence.
    pub why: String,
    /// The rows it uses. Killing or disabling one of them stops the recipe.
    pub uses: Vec<ToolName>,
    /// The value that an argument has where the caller leaves it out, by the argument's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub send: BTreeMap<String, Value>,
    /// The base URL to which its rows' requests go: see [`OperationBinding::destination`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

/// What a provider states about a tool.
///
/// The digest covers all of it. Two tools with the same digest look the same to a model and do the same on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDefinition {
    /// The name within the server.
    pub name: ToolName,
    /// A short title for people.
    pub title: String,
    /// What the tool does, when to use it, what it changes, who is told.
    pub description: String,
    /// One flat JSON Schema object without references, `additionalProperties: false`.
    pub input_schema: Arc<Value>,
    /// The schema of the structured result, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Arc<Value>>,
    /// Hints for AI clients.
    pub annotations: Annotations,
    /// What it does to the data.
    pub effect: Effect,
    /// What can go wrong.
    pub risk: Risk,
    /// Why the risk is what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_reason: Option<String>,
    /// Who is told when the tool is called (customers by mail, people on call by page).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifies: Option<String>,
    /// OAuth scopes that the call needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The vendor has announced its end.
    #[serde(default)]
    pub deprecated: bool,
    /// The area of the API, for people: `incidents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// What it does on the wire.
    pub binding: Binding,
}

impl ToolDefinition {
    /// The digest of surface and binding.
    ///
    /// # Errors
    ///
    /// When a schema holds a number beyond 2^53 or is nested too deep.
    pub fn digest(&self) -> Result<Digest, DigestError> {
        Digest::of_json(self)
    }

    /// The digest that SEP-1766 describes, over name, description and schemas, for tools that compare such pins.
    ///
    /// # Errors
    ///
    /// As [`ToolDefinition::digest`].
    pub fn surface_digest(&self) -> Result<Digest, DigestError> {
        let mut map = serde_json::Map::new();
        map.insert("name".into(), self.name.as_str().into());
        if !self.description.is_empty() {
            map.insert("description".into(), self.description.as_str().into());
        }
        map.insert("inputSchema".into(), Value::clone(&self.input_schema));
        if let Some(schema) = &self.output_schema {
            map.insert("outputSchema".into(), Value::clone(schema));
        }
        Digest::of_json(&Value::Object(map))
    }

    /// Whether a field of the definition says how the request is made and not what the tool means: where it goes, its method, the
    /// places and wire names of arguments, the form of its body, how it is authorised. `field` is a JSON pointer into the definition.
    /// What is sent unasked has a meaning, and so has all that a recipe does but for its destination.
    pub(crate) fn is_of_binding(field: &str, binding: &Binding) -> bool {
        let Some(below) = field.strip_prefix("/binding/") else {
            return field == "/scopes" || field.starts_with("/scopes/");
        };
        let key = below.split('/').next().unwrap_or_default();
        match binding {
            Binding::Operation(_) => !matches!(key, "send" | "kind"),
            Binding::Recipe(_) => key == "destination",
        }
    }

    /// The digest of what the tool means to people and models: all of the definition but its binding
    /// ([`ToolDefinition::binding_digest`]). Two editions of a provider may serve one meaning in different ways.
    ///
    /// # Errors
    ///
    /// As [`ToolDefinition::digest`].
    pub fn meaning_digest(&self) -> Result<Digest, DigestError> {
        self.part_digest(|field| !Self::is_of_binding(field, &self.binding))
    }

    /// The digest of how the tool's request is made: where it goes, its method and path, the places and wire names of arguments, the
    /// form of its body, and what authorises it. What is sent unasked is no part of it, nor what a recipe does.
    ///
    /// # Errors
    ///
    /// As [`ToolDefinition::digest`].
    pub fn binding_digest(&self) -> Result<Digest, DigestError> {
        self.part_digest(|field| Self::is_of_binding(field, &self.binding))
    }

    /// The digest of the fields that are meant; those of the binding are taken one by one.
    fn part_digest(&self, means: impl Fn(&str) -> bool) -> Result<Digest, DigestError> {
        let Value::Object(mut fields) = serde_json::to_value(self).unwrap_or_default() else {
            // INVARIANT: a definition is a JSON object (`two_definitions_differ_exactly_when_their_digests_do`).
            return self.digest();
        };
        if let Some(Value::Object(mut binding)) = fields.remove("binding") {
            binding.retain(|key, _| means(&format!("/binding/{key}")));
            fields.retain(|key, _| means(&format!("/{key}")));
            fields.insert("binding".to_owned(), Value::Object(binding));
        }
        Digest::of_json(&Value::Object(fields))
    }

    /// One word for people.
    pub fn classification(&self) -> Classification {
        Classification::of(self.effect, self.risk)
    }

    /// The names of the tool's arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let properties = self.input_schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|map| map.keys().map(String::as_str))
    }

    /// What is sent for arguments that the caller leaves out, by their names. It is filled in before the arguments are validated
    /// and before rules judge them.
    pub fn send(&self) -> &BTreeMap<String, Value> {
        match &self.binding {
            Binding::Operation(operation) => &operation.send,
            Binding::Recipe(recipe) => &recipe.send,
        }
    }

    /// Below which address requests go, where the definition says so: see [`OperationBinding::destination`].
    pub fn destination(&self) -> Option<&str> {
        match &self.binding {
            Binding::Operation(operation) => operation.destination.as_deref(),
            Binding::Recipe(recipe) => recipe.destination.as_deref(),
        }
    }

    /// The rows that a recipe uses; none for an operation.
    pub fn uses(&self) -> &[ToolName] {
        match &self.binding {
            Binding::Recipe(recipe) => &recipe.uses,
            Binding::Operation(_) => &[],
        }
    }
}

/// All tools of a server as one release of its provider states them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Raised with every release that changes a definition, or [`CatalogueVersion::UNSTATED`]. Sync never moves backwards.
    pub version: CatalogueVersion,
    /// The tools, ordered by name, without duplicates.
    pub tools: Vec<Arc<ToolDefinition>>,
}

impl Catalogue {
    /// Orders the tools by name.
    ///
    /// # Errors
    ///
    /// The first name that stands twice.
    pub fn new(version: CatalogueVersion, mut tools: Vec<Arc<ToolDefinition>>) -> Result<Self, ToolName> {
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        let twice = tools.windows(2).find_map(|pair| match pair {
            [a, b] if a.name == b.name => Some(a.name.clone()),
            _ => None,
        });
        twice.map_or(Ok(Self { version, tools }), Err)
    }

    /// The tool of that name.
    pub fn tool(&self, name: &ToolName) -> Option<&Arc<ToolDefinition>> {
        let at = self.tools.binary_search_by(|tool| tool.name.cmp(name)).ok()?;
        self.tools.get(at)
    }
}

/// The version of a catalogue; larger is newer. A provider that states none says [`CatalogueVersion::UNSTATED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogueVersion(pub u64);

impl CatalogueVersion {
    /// No version is stated: the journal counts, so that a sync which finds other tools than the last one makes the next version. What
    /// is synced last is the newest.
    pub const UNSTATED: Self = Self(0);
}

impl fmt::Display for CatalogueVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_word_is_the_strongest_of_effect_and_risk() {
        use Classification as C;
        let table = [
            (Effect::Read, Risk::None, C::Read),
            (Effect::Write, Risk::None, C::Write),
            (Effect::Destructive, Risk::None, C::Destructive),
            (Effect::Read, Risk::Sensitive, C::Sensitive),
            (Effect::Destructive, Risk::Sensitive, C::Sensitive),
            (Effect::Read, Risk::Dangerous, C::Dangerous),
        ];
        for (effect, risk, word) in table {
            assert_eq!(C::of(effect, risk), word);
        }
        assert!(C::Dangerous > C::Sensitive && C::Sensitive > C::Destructive && C::Destructive > C::Write);
    }
}
