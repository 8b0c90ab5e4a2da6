//! The argument `fields` of a list.

use serde_json::{Map, Value, json};

use crate::plan::Fields;

/// The names that the argument may have; the second where the vendor has an argument of the first.
const NAMES: [&str; 2] = ["fields", "item_fields"];

/// How many names one call may give.
const MOST_NAMES: u64 = 100;

impl Fields {
    /// The argument for a list whose items are of this form; nothing where the vendor takes all its names.
    pub(crate) fn new(taken: impl Fn(&str) -> bool, item: Option<&Value>) -> Option<Self> {
        let argument = NAMES.into_iter().find(|name| !taken(name))?;
        let known = item.and_then(|item| item.get("properties")?.as_object());
        let known = known.filter(|known| !known.is_empty()).map(|known| known.keys().cloned().collect());
        Some(Self { argument, known })
    }

    /// The schema of the argument.
    pub(crate) fn schema() -> Map<String, Value> {
        let schema = json!({
            "type": "array", "minItems": 1, "maxItems": MOST_NAMES, "items": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": "Only these members of each item, by name, for a shorter answer; left_out then names the others.",
        });
        schema.as_object().cloned().unwrap_or_default()
    }
}
