//! Arguments as clients write them, brought to the one form that everything behind sees.
//!
//! Clients and model interfaces write some values in ways that no schema knows: `null`, `""` or `[]` for an argument that is left
//! out (interfaces whose strict mode makes every property required), a list or an object as JSON text, a number as a text of
//! digits. What fits the schema is never touched. What does not fit is read where there is exactly one reading.

use jsonschema::{
    JsonType, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde_json::{Map, Value};

use super::bounds::bounded;
use crate::{denial::ArgumentFault, steps};

/// How often the whole is looked at: a text may hold members that are left out, or a text that is read in turn.
const ROUNDS: usize = 4;

/// Arguments in the form that rules, records, previews and providers see.
#[derive(Debug)]
pub(crate) struct Normal {
    pub(crate) arguments: Map<String, Value>,
    /// Whether they fit the schema as they are.
    pub(crate) fit: bool,
}

/// Reads what a client wrote.
///
/// - A `null`, `""` or `[]` that the schema does not admit is taken away where the object that holds it names it as a property
///   that may be left out. An `""` or `[]` is refused where the schema says in its own words (`x-fault`) what to give instead.
/// - A text where the schema admits no text is replaced by the list, object, number or truth value that it writes as JSON, where
///   the schema admits that type.
///
/// INVARIANT: what fits the schema is returned as it is (`what_fits_the_schema_is_never_touched`), and the steps grow as the
/// arguments do (`arguments_are_read_in_steps_that_grow_as_they_do`).
///
/// # Errors
///
/// When the arguments are too large once their texts are read.
pub(crate) fn normal(
    validator: &Validator,
    schema: &Value,
    arguments: Map<String, Value>,
) -> Result<Normal, ArgumentFault> {
    let mut whole = Value::Object(arguments);
    let mut fit = validator.is_valid(&whole);
    let mut rounds = 0;
    while !fit && rounds < ROUNDS {
        let mends: Vec<Mend> = validator.iter_errors(&whole).filter_map(|error| Mend::of(&error, schema)).collect();
        if mends.is_empty() {
            break;
        }
        let mut grown = false;
        for mend in mends {
            grown |= mend.apply(&mut whole);
        }
        if let Some(arguments) = whole.as_object().filter(|_| grown) {
            bounded(arguments)?;
        }
        fit = validator.is_valid(&whole);
        rounds += 1;
    }
    match whole {
        Value::Object(arguments) => Ok(Normal { arguments, fit }),
        _ => Ok(Normal { arguments: Map::new(), fit: false }),
    }
}

/// What is done about one value that does not fit.
enum Mend {
    /// The member of this name is taken out of the object at this place.
    LeaveOut { place: String, name: String },
    /// The text at this place is replaced by what it writes.
    Read { place: String, value: Value },
}

impl Mend {
    fn of(error: &ValidationError<'_>, schema: &Value) -> Option<Self> {
        steps::tick();
        let place = error.instance_path().as_str();
        let value = error.instance();
        if means_absent(value, error.kind())
            && (value.is_null() || !says_what_to_do(error, schema))
            && let Some(member) = Member::at(error, schema)
            && !member.is_required
        {
            return Some(Self::LeaveOut { place: member.parent.to_owned(), name: member.name });
        }
        let text = value.as_str()?;
        let value = reading(text, &admitted(error, schema)?)?;
        Some(Self::Read { place: place.to_owned(), value })
    }

    /// Answers whether there are more values than before. Two faults of one value lead to the same mend: the second changes nothing.
    fn apply(self, whole: &mut Value) -> bool {
        match self {
            Self::LeaveOut { place, name } => {
                if let Some(Value::Object(map)) = whole.pointer_mut(&place)
                    && map.get(&name).is_some_and(is_empty)
                {
                    map.remove(&name);
                }
                false
            }
            Self::Read { place, value } => match whole.pointer_mut(&place) {
                Some(slot @ Value::String(_)) => {
                    *slot = value;
                    true
                }
                _ => false,
            },
        }
    }
}

/// Whether the schema says in its own words what to give instead of a value that does not fit: then an empty text or list is not
/// known to mean nothing, as where it would take everything away.
fn says_what_to_do(error: &ValidationError<'_>, schema: &Value) -> bool {
    let node = error.schema_path().as_str().rsplit_once('/').and_then(|(node, _)| schema.pointer(node));
    node.is_some_and(|node| node.get("x-fault").is_some())
}

/// The values by which clients say that there is none.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Whether a value that does not fit says that there is none: a list only where a list is wanted, and one with items in it.
fn means_absent(value: &Value, kind: &Kind) -> bool {
    let of_the_value = matches!(
        kind,
        Kind::Type { .. }
            | Kind::Enum { .. }
            | Kind::Constant { .. }
            | Kind::AnyOf { .. }
            | Kind::OneOfNotValid { .. }
            | Kind::Format { .. }
            | Kind::MinLength { .. }
            | Kind::Pattern { .. }
            | Kind::FalseSchema
    );
    match value {
        Value::Null | Value::String(_) => of_the_value && is_empty(value),
        Value::Array(items) => items.is_empty() && matches!(kind, Kind::MinItems { .. }),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// A value that the schema names as a property of the object that holds it.
#[derive(Debug)]
pub(super) struct Member<'e> {
    /// The place of the object.
    parent: &'e str,
    name: String,
    /// Whether the schema demands it.
    pub(super) is_required: bool,
}

impl<'e> Member<'e> {
    /// The member at which an error lies; nothing where the value is an item of a list, or a member under a name that the caller
    /// chose.
    pub(super) fn at(error: &'e ValidationError<'_>, schema: &Value) -> Option<Self> {
        let (parent, name) = error.instance_path().as_str().rsplit_once('/')?;
        let keyword = format!("{}/", error.schema_path().as_str());
        let (object, within) = keyword.rsplit_once(&format!("/properties/{name}/"))?;
        // Everything but the keyword itself only says which branch of the same value's schema it stands in.
        let branch = |part: &str| {
            matches!(part, "allOf" | "anyOf" | "oneOf" | "then" | "else")
                || part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !within.trim_end_matches('/').rsplit('/').skip(1).all(branch) {
            return None;
        }
        let name = name.replace("~1", "/").replace("~0", "~");
        let object = schema.pointer(object)?;
        object.get("properties")?.get(&name)?;
        let required = object.get("required").and_then(Value::as_array);
        let is_required = required.is_some_and(|names| names.iter().any(|required| required == name.as_str()));
        Some(Self { parent, name, is_required })
    }
}

/// The types that are admitted where a value does not fit; nothing where they cannot be determined.
fn admitted(error: &ValidationError<'_>, schema: &Value) -> Option<Vec<JsonType>> {
    let node = || error.schema_path().as_str().rsplit_once('/').and_then(|(node, _)| schema.pointer(node));
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(wanted) } => Some(vec![*wanted]),
        Kind::Type { kind: TypeKind::Multiple(wanted) } => Some(wanted.iter().collect()),
        Kind::Enum { .. } | Kind::Constant { .. } => types(node()?),
        Kind::AnyOf { .. } => branches(node()?, "anyOf"),
        Kind::OneOfNotValid { .. } => branches(node()?, "oneOf"),
        _ => None,
    }
}

fn branches(node: &Value, keyword: &str) -> Option<Vec<JsonType>> {
    let branches = node.get(keyword)?.as_array()?;
    let types: Option<Vec<Vec<JsonType>>> = branches.iter().map(types).collect();
    types.map(|types| types.concat())
}

/// The types that a schema admits, from its `type`, or else from its values.
fn types(node: &Value) -> Option<Vec<JsonType>> {
    let parsed = |word: &Value| word.as_str()?.parse().ok();
    match node.get("type") {
        Some(Value::Array(names)) => names.iter().map(parsed).collect(),
        Some(name) => Some(vec![parsed(name)?]),
        None => {
            let values = node.get("enum").and_then(Value::as_array).map(Vec::as_slice);
            let values = values.or_else(|| node.get("const").map(std::slice::from_ref))?;
            Some(values.iter().map(type_of).collect())
        }
    }
}

fn type_of(value: &Value) -> JsonType {
    match value {
        Value::Null => JsonType::Null,
        Value::Bool(_) => JsonType::Boolean,
        Value::Number(_) => JsonType::Number,
        Value::String(_) => JsonType::String,
        Value::Array(_) => JsonType::Array,
        Value::Object(_) => JsonType::Object,
    }
}

/// What a text writes, where one of these types is admitted and text is not.
fn reading(text: &str, admitted: &[JsonType]) -> Option<Value> {
    let admits = |kind| admitted.contains(&kind);
    if admits(JsonType::String) {
        return None;
    }
    let text = text.trim();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
    let wanted = match text.as_bytes().first()? {
        b'[' => admits(JsonType::Array),
        b'{' => admits(JsonType::Object),
        b't' | b'f' => admits(JsonType::Boolean),
        _ if digits(whole) && fraction.is_none() => admits(JsonType::Integer) || admits(JsonType::Number),
        _ if digits(whole) => admits(JsonType::Number) && fraction.is_some_and(digits),
        _ => false,
    };
    if !wanted {
        return None;
    }
    steps::ticks(text.len());
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use fuzzing::steps;
    use serde_json::json;

    use super::{super::schemas::Compiled, *};

    fn schema() -> Value {
        json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
            "id": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
            "ratio": {"type": "number"},
            "urgent": {"type": "boolean"},
            "since": {"type": "string", "format": "date-time"},
            "state": {"type": "string", "enum": ["open", "closed"]},
            "note": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "ids": {"type": "array", "minItems": 1, "items": {"type": "integer"}},
            "owner": {"type": ["string", "null"]},
            "size": {"enum": [1, 2]},
            "either": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
            "open": {},
            "all": {"type": "array", "minItems": 1, "x-fault": "must hold an element: for none give `no_all`: true"},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "bridge": {"type": "object", "additionalProperties": false, "required": ["number"], "properties": {
                "number": {"type": "string"}, "url": {"type": "string", "format": "uri"},
                "codes": {"type": "array", "items": {"type": "integer"}}}},
            "people": {"type": "array", "items": {"type": "object", "properties": {"role": {"type": "string"}}}},
        }})
    }

    fn read(arguments: Value) -> (Value, bool) {
        let schema = schema();
        let compiled = Compiled::of(&schema);
        let Value::Object(arguments) = arguments else { panic!("no object") };
        let normal = normal(compiled.validator.as_ref().unwrap(), &schema, arguments).unwrap();
        (Value::Object(normal.arguments), normal.fit)
    }

    #[test]
    fn what_an_optional_argument_does_not_admit_and_says_nothing_is_left_out() {
        for absent in [
            json!({"limit": null}),
            json!({"tags": null, "bridge": null, "urgent": null, "since": null}),
            json!({"state": null, "size": null, "either": null}),
            json!({"since": "", "state": "", "limit": "", "either": ""}),
            json!({"ids": []}),
            json!({"ids": "[]"}),
            json!({"all": null}),
        ] {
            let mut given = absent.clone();
            given["id"] = json!("a");
            assert_eq!(read(given), (json!({"id": "a"}), true), "{absent}");
        }
        let given =
            json!({"id": "a", "bridge": {"number": "1", "url": null}, "people": [{"role": null}, {"role": "r"}]});
        let meant = json!({"id": "a", "bridge": {"number": "1"}, "people": [{}, {"role": "r"}]});
        assert_eq!(read(given), (meant, true));
    }

    #[test]
    fn what_is_required_or_named_by_the_caller_alone_is_not_left_out() {
        for refused in [
            json!({"id": null}),
            json!({"id": ""}),
            json!({"id": "a", "bridge": {"number": null}}),
            json!({"id": "a", "tags": [null]}),
            json!({"id": "a", "map": {"x": null, "map": null}}),
            json!({"id": "a", "toolCallId": null}),
            json!({"id": "a", "all": []}),
            json!({"id": "a", "bridge": []}),
            json!({"id": "a", "limit": []}),
        ] {
            assert_eq!(read(refused.clone()), (refused, false));
        }
    }

    #[test]
    fn a_text_is_read_where_the_schema_admits_what_it_writes_and_no_text() {
        for (text, meant) in [
            (json!({"tags": "[\"triggered\"]"}), json!({"tags": ["triggered"]})),
            (json!({"tags": " [] "}), json!({"tags": []})),
            (json!({"ids": "[1, \"2\"]"}), json!({"ids": [1, 2]})),
            (
                json!({"limit": "25", "ratio": "-0.5", "urgent": "true"}),
                json!({"limit": 25, "ratio": -0.5, "urgent": true}),
            ),
            (json!({"bridge": "{\"number\": \"5\", \"url\": null}"}), json!({"bridge": {"number": "5"}})),
            (json!({"bridge": {"number": "5", "codes": "[\"7\"]"}}), json!({"bridge": {"number": "5", "codes": [7]}})),
            (json!({"map": {"x": "1"}}), json!({"map": {"x": 1}})),
            (json!({"either": "[1]"}), json!({"either": [1]})),
            (json!({"either": "1", "size": "2"}), json!({"either": 1, "size": 2})),
        ] {
            let with_id = |mut value: Value| {
                value["id"] = json!("a");
                value
            };
            assert_eq!(read(with_id(text.clone())), (with_id(meant), true), "{text}");
        }
    }

    #[test]
    fn a_text_without_one_reading_stays_a_text() {
        for text in [
            json!({"tags": "triggered"}),
            json!({"tags": "{\"a\": 1}"}),
            json!({"tags": "[\"a\""}),
            json!({"bridge": "[1]"}),
            json!({"limit": "5.0"}),
            json!({"limit": "1e1"}),
            json!({"limit": "0x10"}),
            json!({"limit": "05"}),
            json!({"limit": "five"}),
            json!({"ratio": ".5"}),
            json!({"ratio": "NaN"}),
            json!({"urgent": "yes"}),
            json!({"urgent": "True"}),
            json!({"bridge": "null"}),
        ] {
            let mut given = text.clone();
            given["id"] = json!("a");
            assert_eq!(read(given.clone()), (given, false), "{text}");
        }
    }

    #[test]
    fn what_fits_the_schema_is_never_touched() {
        for fits in [
            json!({"id": "[1]", "note": "", "owner": null, "tags": [], "open": null}),
            json!({"id": "5", "note": "{\"a\": 1}", "owner": "null", "open": "[1]", "tags": ["1", ""]}),
            json!({"id": "true", "map": {}, "people": [], "either": [], "open": ""}),
        ] {
            assert_eq!(read(fits.clone()), (fits, true));
        }
    }

    #[test]
    fn texts_that_hold_more_values_than_are_looked_at_are_refused() {
        let schema = schema();
        let compiled = Compiled::of(&schema);
        let text = format!("[{}1]", "1,".repeat(60_000));
        let arguments = Map::from_iter([("id".to_owned(), json!("a")), ("ids".to_owned(), text.into())]);
        let fault = normal(compiled.validator.as_ref().unwrap(), &schema, arguments).unwrap_err();
        assert!(fault.fault.contains("more than 50000 values"), "{}", fault.fault);
        // Deeper than JSON is read: it stays a text.
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let given = json!({"id": "a", "tags": deep});
        assert_eq!(read(given.clone()), (given, false));
    }

    #[test]
    fn arguments_are_read_in_steps_that_grow_as_they_do() {
        let shapes: [fn(usize) -> Value; 4] = [
            |n| json!({"people": vec![json!({"role": null}); n]}),
            |n| json!({"ids": format!("[{}]", vec!["\"1\""; n].join(","))}),
            |n| json!({"tags": vec![Value::Null; n]}),
            |n| json!({"people": format!("[{}]", vec!["{\"role\":null}"; n].join(","))}),
        ];
        let schema = schema();
        let compiled = Compiled::of(&schema);
        let validator = compiled.validator.as_ref().unwrap();
        for shape in shapes {
            let read = |n: usize| normal(validator, &schema, shape(n).as_object().unwrap().clone()).is_ok();
            steps::assert_linear(|n| steps::counted(|| read(n)).1, 2_000);
        }
    }
}
