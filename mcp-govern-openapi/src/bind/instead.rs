//! Flags that are given in place of an empty value, as they are bound.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::plan::Instead;

impl Instead {
    fn hold(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let Self { argument, of, .. } = self;
        match (arguments.contains_key(of), arguments.contains_key(argument)) {
            (true, true) => Err(format!("`{of}` and `{argument}` exclude one another")),
            (false, false) if self.needed => Err(format!("give `{of}`, or `{argument}`: true where that is meant")),
            _ => Ok(()),
        }
    }
}

/// The arguments without those flags that are off, which say nothing.
///
/// # Errors
///
/// When a flag and what it takes the place of are given both, or neither where one of them is needed.
pub(crate) fn meant<'a>(
    all: &[Instead],
    arguments: &'a Map<String, Value>,
) -> Result<Cow<'a, Map<String, Value>>, String> {
    let mut arguments = Cow::Borrowed(arguments);
    for instead in all {
        if arguments.get(&instead.argument).is_some_and(|value| *value != Value::Bool(true)) {
            arguments.to_mut().remove(&instead.argument);
        }
        instead.hold(&arguments)?;
    }
    Ok(arguments)
}

/// The arguments as they are bound: each flag replaced by what it says.
pub(crate) fn sent<'a>(all: &[Instead], arguments: &'a Map<String, Value>) -> Cow<'a, Map<String, Value>> {
    let mut arguments = Cow::Borrowed(arguments);
    for instead in all {
        if arguments.contains_key(&instead.argument) {
            let arguments = arguments.to_mut();
            arguments.remove(&instead.argument);
            arguments.extend(instead.send.clone().map(|value| (instead.of.clone(), value)));
        }
    }
    arguments
}
