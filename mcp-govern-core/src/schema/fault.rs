//! Faults of arguments in our own words. No value that the caller gave is ever repeated, so that none can be secret.

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde_json::{Map, Value};

use super::{example::example, narrow::says_of_others, nearest::nearest, normal::Member, rules::listed};
use crate::denial::ArgumentFault;

/// The most faults that one answer names.
pub(crate) const MOST: usize = 20;

/// The faults that a validator found.
pub(crate) fn faults<'a>(errors: impl Iterator<Item = ValidationError<'a>>, schema: &Value) -> Vec<ArgumentFault> {
    errors.take(MOST).flat_map(|error| of_error(&error, schema)).take(MOST).collect()
}

/// Names that the schema does not know, where it does not say what other names mean: a typo must never be passed over.
pub(crate) fn unknown_names(arguments: &Map<String, Value>, schema: &Value) -> Vec<ArgumentFault> {
    if says_of_others(schema) {
        return Vec::new();
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let unknown = arguments.keys().filter(|name| !known.is_some_and(|known| known.contains_key(*name)));
    unknown.take(MOST).map(|name| unknown_name("", name, schema)).collect()
}

/// The first faults in one line; the remedy holds them all.
pub(crate) fn told(faults: &[ArgumentFault]) -> String {
    const TOLD: usize = 5;
    let told = faults.iter().take(TOLD).map(|fault| match fault.argument.as_str() {
        "" => fault.fault.clone(),
        name => format!("`{name}` {}", fault.fault),
    });
    let mut text = told.collect::<Vec<_>>().join("; ");
    if faults.len() > TOLD {
        text.push_str("; and more");
    }
    text
}

fn of_error(error: &ValidationError<'_>, schema: &Value) -> Vec<ArgumentFault> {
    let place = error.instance_path().as_str();
    let one = |text: String| vec![ArgumentFault { argument: named(place), fault: text }];
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let path = error.schema_path().as_str();
            let parent = path.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent)).unwrap_or(&Value::Null);
            // Thousands of names may be unknown: only those that an answer can name are looked into.
            unexpected.iter().take(MOST).map(|name| unknown_name(place, name, parent)).collect()
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![ArgumentFault { argument: below(place, name), fault: "is required".to_owned() }]
        }
        Kind::Type { kind: wanted } => one(type_sentence(error, wanted, schema)),
        kind => one(own_sentence(error, schema).unwrap_or_else(|| sentence(kind))),
    }
}

/// What is wrong with a value of the wrong type: how it was sent, where clients are known to send it so, and how it is meant.
fn type_sentence(error: &ValidationError<'_>, wanted: &TypeKind, schema: &Value) -> String {
    let wanted: Vec<JsonType> = match wanted {
        TypeKind::Single(wanted) => vec![*wanted],
        TypeKind::Multiple(wanted) => wanted.iter().collect(),
    };
    let names = || wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let node = error.schema_path().as_str().rsplit_once('/').and_then(|(node, _)| schema.pointer(node));
    let shape = match wanted.as_slice() {
        [JsonType::Array | JsonType::Object] => node.map(example).map(|shape| format!(", such as `{}`", cut(&shape))),
        _ => None,
    };
    let shape = shape.unwrap_or_default();
    match (&**error.instance(), wanted.as_slice()) {
        (Value::String(_), [JsonType::Array]) => format!("was sent as text; send a JSON array, not a string{shape}"),
        (Value::String(_), [JsonType::Object]) => format!("was sent as text; send a JSON object, not a string{shape}"),
        (Value::String(_), [JsonType::Integer]) => "was sent as text; send a whole number such as `5`".to_owned(),
        (Value::String(_), [JsonType::Number]) => "was sent as text; send a number such as `5`".to_owned(),
        (Value::String(_), [JsonType::Boolean]) => "was sent as text; send `true` or `false`".to_owned(),
        (Value::Null, _) if Member::at(error, schema).is_some_and(|member| member.is_required) => {
            format!("is required and must be of type {}, not null", names())
        }
        // An item of a list, or a member under a name that the caller chose: an optional property was left out already.
        (Value::Null, _) => format!("must be of type {}, not null; leave it out", names()),
        _ => format!("must be of type {}{shape}", names()),
    }
}

/// What the schema itself says of a value that does not fit it (`x-fault`), where the keyword says it to machines alone.
fn own_sentence(error: &ValidationError<'_>, schema: &Value) -> Option<String> {
    let mechanical = matches!(
        error.kind(),
        Kind::Pattern { .. }
            | Kind::MinItems { .. }
            | Kind::MinProperties { .. }
            | Kind::MaxProperties { .. }
            | Kind::PropertyNames { .. }
            | Kind::Not { .. }
            | Kind::AnyOf { .. }
            | Kind::OneOfNotValid { .. }
            | Kind::OneOfMultipleValid { .. }
    );
    if !mechanical {
        return None;
    }
    let (node, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(node)?.get("x-fault")?.as_str().map(str::to_owned)
}

fn unknown_name(place: &str, name: &str, schema: &Value) -> ArgumentFault {
    let known = schema.get("properties").and_then(Value::as_object);
    let names = || known.into_iter().flat_map(Map::keys).map(String::as_str);
    let fault = match nearest(name, names()) {
        Some(meant) => format!("is not known; did you mean `{meant}`?"),
        None if place.is_empty() && names().count() == 0 => "is not known; the tool takes no arguments".to_owned(),
        None if names().count() == 0 => "is not known".to_owned(),
        None => {
            let mut known: Vec<String> = names().take(20).map(|name| format!("`{name}`")).collect();
            if names().count() > 20 {
                known.push("…".to_owned());
            }
            format!("is not known; known are {}", known.join(", "))
        }
    };
    ArgumentFault { argument: below(place, name), fault }
}

fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::Enum { options } => match options.as_array() {
            Some(options) => format!("must be one of {}", listed(options)),
            None => "must be one of the allowed values".to_owned(),
        },
        Kind::Constant { expected_value } => {
            format!("must be {}", listed(std::slice::from_ref(&**expected_value)))
        }
        Kind::Format { format } => format_sentence(format),
        Kind::Pattern { pattern } => format!("must match the pattern `{}`", cut(pattern)),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } | Kind::MinProperties { limit: 1 } => {
            "must not be empty".to_owned()
        }
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} members"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} members"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::UnevaluatedItems { .. } => "has more items than the tool knows".to_owned(),
        Kind::UniqueItems => "must not hold the same item twice".to_owned(),
        Kind::Contains => "must hold an item of the wanted kind".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "fits none of the allowed forms".to_owned(),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the allowed forms".to_owned(),
        Kind::FalseSchema => "must not be given".to_owned(),
        Kind::Not { .. } => "has a form that is not allowed".to_owned(),
        Kind::PropertyNames { .. } => "has a member with a name that is not allowed".to_owned(),
        other => format!("does not fit the schema ({})", other.keyword()),
    }
}

fn format_sentence(format: &str) -> String {
    let example = match format {
        "date-time" => "a date-time such as `2026-11-21T09:30:00Z`",
        "date" => "a date such as `2026-11-21`",
        "time" => "a time such as `09:30:00Z`",
        "duration" => "a duration such as `PT1H`",
        "email" | "idn-email" => "an e-mail address such as `ann@example.com`, without a name",
        "uri" => "a URI such as `https://example.com/`",
        "uuid" => "a UUID",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "hostname" => "a host name",
        other => return format!("must have the format `{}`", cut(other)),
    };
    format!("must be {example}")
}

/// `/a/b/0` as `a/b/0`: the argument's name, then a pointer below it.
fn named(place: &str) -> String {
    let Some(rest) = place.strip_prefix('/') else {
        return String::new();
    };
    let (first, below) = rest.split_once('/').map_or((rest, None), |(first, below)| (first, Some(below)));
    let mut name = first.replace("~1", "/").replace("~0", "~");
    if let Some(below) = below {
        name.push('/');
        name.push_str(below);
    }
    escaped(&name)
}

/// A name below a place.
fn below(place: &str, name: &str) -> String {
    if place.is_empty() {
        return escaped(name);
    }
    escaped(&format!("{}/{}", named(place), name.replace('~', "~0").replace('/', "~1")))
}

/// A name that a caller chose, safe to print.
pub(super) fn escaped(name: &str) -> String {
    name.chars().take(128).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn cut(text: &str) -> String {
    if text.chars().count() > 120 {
        format!("{}…", text.chars().take(120).collect::<String>())
    } else {
        text.to_owned()
    }
}
