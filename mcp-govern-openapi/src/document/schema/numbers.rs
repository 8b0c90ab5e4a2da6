//! Numbers beyond 2^53. They have no canonical JSON form, so that nothing that holds one can be reviewed or recorded, and the interfaces
//! of models refuse them. Generators write them all the same: the bounds of an `int64` stand in many documents.

use serde_json::{Map, Value};

/// The largest integer that every reader of JSON holds exactly.
const LARGEST: i64 = (1 << 53) - 1;

/// What is shown of a keyword of `schema`; nothing where it can only be left out.
///
/// A bound that no argument reaches is drawn in to the largest integer, or left out where fractions are meant; other values that hold
/// such a number are left out, and of an enumeration its members.
pub(super) fn shown(key: &str, value: &Value, schema: &Map<String, Value>) -> Option<Value> {
    let bound = match key {
        "maximum" => Some((true, LARGEST)),
        "exclusiveMaximum" => Some((true, LARGEST + 1)),
        "minimum" => Some((false, -LARGEST)),
        "exclusiveMinimum" => Some((false, -LARGEST - 1)),
        _ => None,
    };
    match (bound, value) {
        (Some((is_upper, largest)), Value::Number(number)) => {
            let Some(near) = number.as_f64().filter(|near| near.abs() > LIMIT) else { return Some(value.clone()) };
            // A lower bound beyond every argument would refuse them all; what it means, the vendor says.
            (near.is_sign_positive() == is_upper && is_integer(schema)).then(|| Value::from(largest))
        }
        _ if !holds_one(value) => Some(value.clone()),
        (None, Value::Array(members)) if key == "enum" => {
            let kept: Vec<Value> = members.iter().filter(|member| !holds_one(member)).cloned().collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}

/// 2^53.
const LIMIT: f64 = 9_007_199_254_740_992.0;

fn is_integer(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "integer",
        Some(Value::Array(kinds)) => {
            kinds.iter().any(|kind| kind == "integer") && kinds.iter().all(|kind| kind != "number")
        }
        _ => false,
    }
}

/// Whether an integer beyond 2^53 stands in a value, however deep.
fn holds_one(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            whole.is_some_and(|whole| whole > 1 << 53)
        }
        Value::Array(items) => items.iter().any(holds_one),
        Value::Object(members) => members.values().any(holds_one),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_argument_reaches_is_drawn_in_or_left_out_and_everything_else_stays() {
        for (key, value, kind, expected) in [
            ("maximum", json!(i64::MAX), "integer", Some(json!(LARGEST))),
            ("maximum", json!(u64::MAX), "integer", Some(json!(LARGEST))),
            ("maximum", json!(9_223_372_036_854_776_000.0_f64), "integer", Some(json!(LARGEST))),
            ("exclusiveMaximum", json!(i64::MAX), "integer", Some(json!(LARGEST + 1))),
            ("minimum", json!(i64::MIN), "integer", Some(json!(-LARGEST))),
            ("maximum", json!(i64::MAX), "number", None),
            ("minimum", json!(i64::MAX), "integer", None),
            ("maximum", json!(i64::MIN), "integer", None),
            ("maximum", json!(5), "integer", Some(json!(5))),
            ("maximum", json!(1_u64 << 53), "integer", Some(json!(1_u64 << 53))),
            ("default", json!(u64::MAX), "integer", None),
            ("const", json!({"a": [i64::MIN]}), "object", None),
            ("maxLength", json!(i64::MAX), "string", None),
            ("enum", json!([1, u64::MAX, "a"]), "integer", Some(json!([1, "a"]))),
            ("enum", json!([u64::MAX]), "integer", None),
            ("default", json!(1e300), "number", Some(json!(1e300))),
            ("title", json!("18014398509481985"), "integer", Some(json!("18014398509481985"))),
        ] {
            let schema = json!({ "type": kind });
            assert_eq!(shown(key, &value, schema.as_object().unwrap()), expected, "{key} {value} of {kind}");
        }
        let nullable = json!({"type": ["integer", "null"]});
        assert_eq!(shown("maximum", &json!(i64::MAX), nullable.as_object().unwrap()), Some(json!(LARGEST)));
    }
}
