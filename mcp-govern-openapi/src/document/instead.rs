//! Arguments that say in so many words what an empty list or map, a word among identifiers, null, or nothing at all would do:
//! everything is taken away, or everybody is meant. A model that leaves a list out or passes an empty one seldom means that, and
//! a schema with one type for each value is understood by every model.

use mcp_govern_core::{FixedValue, Location};
use serde_json::{Value, json};

use super::{
    govern::{InsteadGovern, OperationGovern},
    parameter::Argument,
    refs::Checked,
};
use crate::plan::{BodyPlan, Instead};

/// Reads `instead`: adds its arguments, and refuses the empty values in whose place they are given.
pub(super) fn read(
    govern: &OperationGovern,
    body: Option<&BodyPlan>,
    arguments: &mut Vec<Argument>,
) -> Checked<Vec<Instead>> {
    let read = |stated: &InsteadGovern| one(stated, body, arguments);
    govern.instead.iter().map(read).collect()
}

fn one(stated: &InsteadGovern, body: Option<&BodyPlan>, arguments: &mut Vec<Argument>) -> Checked<Instead> {
    let InsteadGovern { argument, of, description, send } = stated;
    let fields = body.map(BodyPlan::bindings).map(|(bound, _)| bound).unwrap_or_default();
    let place = fields.into_iter().find(|field| field.argument == *of).map(|field| field.name);
    let target = arguments.iter_mut().find(|argument| argument.name == *of);
    let (Some(place), Some(target)) = (place, target) else {
        return Err(format!("`instead.of: {of}` names no argument of the body"));
    };
    let none = format!("must hold at least one element: where none is meant, give `{argument}`: true instead");
    let (least, fault) = match (target.schema.get("type").and_then(Value::as_str), send) {
        (Some("array"), None) => ("minItems", none),
        (Some("array"), Some(Value::Array(items))) if items.is_empty() => ("minItems", none),
        (Some("array"), Some(Value::String(word))) if !word.is_empty() => (
            "minItems",
            format!("must hold at least one element: where all are meant, give `{argument}`: true instead"),
        ),
        (Some("object"), None) => ("minProperties", none),
        (Some("object"), Some(Value::Object(members))) if members.is_empty() => ("minProperties", none),
        (Some("string"), Some(Value::Null)) => {
            ("minLength", format!("must not be empty: where none is meant, give `{argument}`: true instead"))
        }
        _ => {
            return Err(format!(
                "`instead.of: {of}` must be a list or a map and `send` an empty one, a word or left out; or a text and `send` null"
            ));
        }
    };
    if target.schema.get(least).and_then(Value::as_u64).is_none_or(|stated| stated == 0) {
        target.schema.insert(least.to_owned(), json!(1));
    }
    target.schema.entry("x-fault".to_owned()).or_insert(json!(fault));
    let needed = target.required || send.is_none();
    target.required = false;
    let flag = json!({"type": "boolean", "description": description});
    let schema = flag.as_object().cloned().unwrap_or_default();
    arguments.push(Argument { name: argument.clone(), schema, required: false });
    Ok(Instead { argument: argument.clone(), of: of.clone(), send: send.clone(), needed, place })
}

impl Instead {
    /// The value as a reviewer sees it.
    pub(crate) fn stated(&self) -> Option<FixedValue> {
        let value = json!({"argument": self.argument, "value": self.send.as_ref()?});
        Some(FixedValue { location: Location::Body, name: self.place.clone(), value })
    }
}
