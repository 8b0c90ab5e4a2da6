//! Places within an argument: `/*/timestamp`, where `*` is any one step.

use serde_json::Value;

/// A place within a value; the empty one is the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    steps: Vec<String>,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('/') {
            None if text.is_empty() => Ok(Self { steps: Vec::new() }),
            None => {
                Err(format!("`at: {text}` is not a place in an argument: expected `/name/…`, with `*` for any step"))
            }
            Some(rest) => Ok(Self { steps: rest.split('/').map(str::to_owned).collect() }),
        }
    }

    /// Every value at that place.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| next(value, step)).collect();
        }
        found
    }
}

fn next<'v>(value: &'v Value, step: &str) -> Vec<&'v Value> {
    match (value, step) {
        (Value::Object(members), "*") => members.values().collect(),
        (Value::Array(items), "*") => items.iter().collect(),
        (Value::Object(members), name) => members.get(name).into_iter().collect(),
        _ => Vec::new(),
    }
}
