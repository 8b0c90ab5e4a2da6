//! What is sent for an argument that is left out: the word `send` of an operation, and the size of a page.
//!
//! A schema's `default` is an annotation (JSON Schema, validation, section 9.2): it says what the vendor takes a missing value for, and
//! only the vendor applies it. Documents that a framework wrote have one on every member of a change, and sending them would set
//! back whatever the caller did not name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{govern::OperationGovern, parameter::Argument, refs::Checked};
use crate::plan::BodyPlan;

/// Reads `send`, and shows each value as the argument's default. `size` is the argument for the size of a page and its value.
pub(super) fn read(
    govern: &OperationGovern,
    size: Option<(String, Value)>,
    body: Option<&BodyPlan>,
    arguments: &mut [Argument],
) -> Checked<BTreeMap<String, Value>> {
    let mut send = govern.send.clone();
    if let Some((name, value)) = size {
        send.entry(name).or_insert(value);
    }
    for (name, value) in &send {
        let Some(argument) = arguments.iter_mut().find(|argument| argument.name == *name) else {
            let fixed = body.into_iter().flat_map(|body| &body.fixed).filter_map(|(path, _)| path.last());
            let fixed = fixed.chain(govern.fixed.iter().map(|fixed| &fixed.name)).any(|fixed| fixed == name);
            return Err(if fixed {
                format!("`send` names `{name}`, which is fixed: it is sent with every call already")
            } else {
                format!("`send` names `{name}`, which is not an argument")
            });
        };
        argument.schema.insert("default".to_owned(), value.clone());
    }
    Ok(send)
}
