//! How far a tool's definition has moved from the one that a person reviewed.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    schema::KEYS_OF,
    vocabulary::{DriftAction, DriftPolicy, ToolDefinition},
};

/// How much a change matters, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Title or deprecation: nothing that a model or the vendor acts on.
    Cosmetic,
    /// Descriptions, also those within a schema: they may carry instructions to the model.
    Text,
    /// Arguments, output, annotations, scopes, who is told; the area, by which toolsets may hold it; effect or risk lowered.
    Contract,
    /// What is sent; effect or risk raised: it is another tool.
    Rebound,
}

impl Grade {
    /// The grade's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosmetic => "cosmetic",
            Self::Text => "text",
            Self::Contract => "contract",
            Self::Rebound => "rebound",
        }
    }

    /// What a policy says about a change of this grade. A rebound tool is never kept.
    pub fn action(self, policy: &DriftPolicy) -> DriftAction {
        match self {
            Self::Cosmetic => policy.cosmetic,
            Self::Text => policy.text,
            Self::Contract => policy.contract,
            Self::Rebound => policy.rebound.max(DriftAction::Review),
        }
    }
}

impl std::fmt::Display for Grade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One difference between two definitions, as a reviewer is shown it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FieldChange {
    /// Where: a JSON pointer into the definition, for example `/input_schema/properties/page_id/type`.
    pub field: String,
    /// What stood there; nothing where the field is new.
    pub before: Option<Value>,
    /// What stands there now; nothing where the field is gone.
    pub after: Option<Value>,
    /// How much it matters.
    pub grade: Grade,
}

/// How far `new` has moved from `old`: the strongest grade of all differences; nothing where there is none.
pub fn grade(old: &ToolDefinition, new: &ToolDefinition) -> Option<Grade> {
    diff(old, new).into_iter().map(|change| change.grade).max()
}

/// Every difference between two definitions, field by field, in the order of the fields' names.
pub fn diff(old: &ToolDefinition, new: &ToolDefinition) -> Vec<FieldChange> {
    let (before, after) = (fields(old), fields(new));
    let mut changes = Changes::default();
    changes.maps(&before, &after, "", |field| match field {
        "title" | "deprecated" => Place::Data(Grade::Cosmetic),
        "description" | "risk_reason" => Place::Data(Grade::Text),
        "input_schema" | "output_schema" => Place::Schema,
        "binding" => Place::Binding,
        "effect" if new.effect > old.effect => Place::Data(Grade::Rebound),
        "risk" if new.risk > old.risk => Place::Data(Grade::Rebound),
        "annotations" | "area" | "effect" | "risk" | "notifies" | "scopes" => Place::Data(Grade::Contract),
        // A field that is not graded here (the name, or one that a later release adds) counts as the strongest.
        _ => Place::Data(Grade::Rebound),
    });
    changes.found
}

fn fields(definition: &ToolDefinition) -> Map<String, Value> {
    match serde_json::to_value(definition) {
        Ok(Value::Object(map)) => map,
        // INVARIANT: a definition is a JSON object (`two_definitions_differ_exactly_when_their_digests_do`).
        Ok(_) | Err(_) => Map::new(),
    }
}

/// What kind of value stands at a place, which says how a difference there is graded.
#[derive(Clone, Copy)]
enum Place {
    /// A value of a given grade.
    Data(Grade),
    /// A JSON Schema.
    Schema,
    /// Names, each with a JSON Schema.
    Schemas,
    /// What the tool does on the wire.
    Binding,
}

impl Place {
    fn grade(self) -> Grade {
        match self {
            Self::Data(grade) => grade,
            Self::Schema | Self::Schemas => Grade::Contract,
            Self::Binding => Grade::Rebound,
        }
    }

    fn below(self, key: &str) -> Self {
        match self {
            Self::Data(grade) => Self::Data(grade),
            Self::Schemas => Self::Schema,
            Self::Binding if key == "why" => Self::Data(Grade::Text),
            Self::Binding => Self::Data(Grade::Rebound),
            Self::Schema => match key {
                "title" | "description" | "$comment" | "examples" | "deprecated" | "x-fault" => Self::Data(Grade::Text),
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => Self::Schemas,
                "items"
                | "prefixItems"
                | "additionalProperties"
                | "contains"
                | "not"
                | "if"
                | "then"
                | "else"
                | "allOf"
                | "anyOf"
                | "oneOf"
                | "propertyNames" => Self::Schema,
                // Where a rule bears on the keys of a map, to lose the word is to lose the rule.
                KEYS_OF => Self::Data(Grade::Rebound),
                _ => Self::Data(Grade::Contract),
            },
        }
    }
}

#[derive(Default)]
struct Changes {
    found: Vec<FieldChange>,
}

impl Changes {
    fn maps(
        &mut self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        at: &str,
        place: impl Fn(&str) -> Place,
    ) {
        let mut keys: Vec<&String> =
            before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))).collect();
        keys.sort();
        for key in keys {
            let field = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            self.values(before.get(key), after.get(key), field, place(key));
        }
    }

    fn values(&mut self, before: Option<&Value>, after: Option<&Value>, field: String, place: Place) {
        match (before, after) {
            (Some(before), Some(after)) if same(before, after) => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                self.maps(before, after, &field, |key| place.below(key));
            }
            // Alternatives of a schema are compared one by one, so that a changed description there is graded as text.
            (Some(Value::Array(before)), Some(Value::Array(after)))
                if matches!(place, Place::Schema) && before.len() == after.len() =>
            {
                for (index, (before, after)) in before.iter().zip(after).enumerate() {
                    self.values(Some(before), Some(after), format!("{field}/{index}"), place);
                }
            }
            (before, after) => self.found.push(FieldChange {
                field,
                before: before.cloned(),
                after: after.cloned(),
                grade: place.grade(),
            }),
        }
    }
}

/// Equal as canonical JSON: `1` and `1.0` are the same number.
fn same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => one == two || one.as_f64() == two.as_f64(),
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(a, b)| same(a, b))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len() && one.iter().all(|(key, a)| two.get(key).is_some_and(|b| same(a, b)))
        }
        _ => one == two,
    }
}
