//! The `x-govern` extension as it stands in a document. Every key is known here; any other is an error.

mod document;
mod operation;

use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use self::{
    document::{
        DocumentGovern, ErrorsGovern, FieldFormatGovern, FieldGovern, LookupGovern, OthersGovern, ProbeGovern,
        RateGovern, RegionFromGovern, RemedyGovern, RequestIdGovern, SchemeGovern, WaitGovern, WaitUnitGovern,
    },
    operation::{
        CheckGovern, CheckKindGovern, DiffersGovern, EndsNowGovern, IdempotentGovern, InsteadGovern, KeepGovern,
        OperationGovern, PageChoice, PageGovern, PageStyleGovern, PollGovern,
    },
};

/// Reads `x-govern` of a node; an unknown key or a wrong type is an error that says what is known.
pub(crate) fn read<T: Default + for<'de> Deserialize<'de>>(node: &Map<String, Value>) -> Result<T, String> {
    match node.get("x-govern") {
        None => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| format!("`x-govern`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(value: Value) -> Result<OperationGovern, String> {
        read(json!({ "x-govern": value }).as_object().unwrap())
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_at_every_depth() {
        for (value, key) in [
            (json!({"efect": "read"}), "efect"),
            (json!({"page": {"style": "number", "per_page": "x"}}), "per_page"),
            (json!({"keep": [{"argument": "a", "ids": "/id"}]}), "ids"),
            (json!({"output": {"item": "/a"}}), "item"),
            (json!({"checks": [{"kind": "exclusive", "argumens": []}]}), "argumens"),
            (json!({"retry": {"throtled": true}}), "throtled"),
            (json!({"sends": {"a": 1}}), "sends"),
            (json!({"effect": "reed"}), "reed"),
        ] {
            let error = operation(value).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn idempotent_is_a_boolean_or_names_an_argument() {
        let with = operation(json!({"idempotent": {"with": "alias"}})).unwrap().idempotent;
        assert!(matches!(with, Some(IdempotentGovern::With { with }) if with == "alias"));
        assert!(matches!(
            operation(json!({"idempotent": true})).unwrap().idempotent,
            Some(IdempotentGovern::Always(true))
        ));
        assert!(operation(json!({"idempotent": "yes"})).is_err());
    }
}
