//! A governed tool as MCP shows it.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use mcp_govern_core::{Annotations, Remedy, access::Visibility, governor::ListedTool};
use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Map, Value};

use super::{
    access::{AccessRequests, way_to},
    meta_key,
};

/// How many schemas are kept in the form that the protocol library wants.
const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2047);

/// Schemas in the form that the protocol library wants, by the address of the one they were made of. An entry holds on to that
/// one, so that an address is never taken for another schema's.
pub(super) struct ToolShapes(Mutex<Kept>);

type Kept = LruCache<usize, (Arc<Value>, Arc<JsonObject>)>;

impl ToolShapes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }

    /// The schema as an object; without one, that of no arguments.
    fn object(&self, schema: &Arc<Value>) -> Arc<JsonObject> {
        let address = Arc::as_ptr(schema).addr();
        if let Some((_, object)) = self.lock().get(&address) {
            return Arc::clone(object);
        }
        let object = Arc::new(schema.as_object().cloned().unwrap_or_else(nothing));
        // A schema that was narrowed for this caller alone is nobody else's: keeping it would drive the others out.
        if Arc::strong_count(schema) > 1 {
            self.lock().put(address, (Arc::clone(schema), Arc::clone(&object)));
        }
        object
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tool as MCP shows it to this caller.
    pub(super) fn shown(
        &self,
        tool: &ListedTool,
        remedy: Option<&Remedy>,
        requests: AccessRequests,
        modern: bool,
    ) -> Tool {
        let definition = &tool.definition;
        let mut description = definition.description.clone();
        if let Some(sentence) = cannot_be_called_yet(tool.visibility, remedy, requests) {
            description = format!("{sentence} {description}");
        }
        let mut shown = Tool::new(tool.name.clone(), description, self.object(&tool.input_schema))
            .with_title(definition.title.clone())
            .with_annotations(annotations(tool));
        if let Some(schema) = definition.output_schema.as_ref().filter(|schema| modern || is_of_objects(schema)) {
            shown = shown.with_raw_output_schema(self.object(schema));
        }
        shown.with_meta(meta(tool))
    }
}

impl fmt::Debug for ToolShapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolShapes({})", self.lock().len())
    }
}

/// Whether a schema speaks of objects: before 2026-07-28 a structured result is an object.
pub(super) fn is_of_objects(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

fn nothing() -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), Value::from("object"))])
}

/// Hints from the effect that counts: an administrator's, where one has raised or lowered it.
fn annotations(tool: &ListedTool) -> ToolAnnotations {
    let (definition, effect) = (&tool.definition, tool.effect);
    let stated = definition.annotations;
    let hints = if effect == definition.effect {
        stated
    } else {
        Annotations { open_world_hint: stated.open_world_hint, ..Annotations::of(effect, stated.idempotent_hint) }
    };
    ToolAnnotations::from_raw(
        Some(definition.title.clone()),
        Some(hints.read_only_hint),
        Some(hints.destructive_hint),
        Some(hints.idempotent_hint),
        Some(hints.open_world_hint),
    )
}

fn meta(tool: &ListedTool) -> MetaObject {
    let mut meta = MetaObject::new();
    meta.insert(meta_key("classification"), tool.classification.as_str().into());
    meta.insert(meta_key("server"), tool.id.server().as_str().into());
    let visibility = serde_json::to_value(tool.visibility).unwrap_or_default();
    meta.insert(meta_key("visibility"), visibility);
    meta
}

/// What stands in the way of a call, said before everything else.
fn cannot_be_called_yet(visibility: Visibility, remedy: Option<&Remedy>, requests: AccessRequests) -> Option<String> {
    match visibility {
        Visibility::Requestable => Some(match remedy {
            Some(Remedy::RequestAccess { profiles }) => {
                format!("You cannot call this yet; the person {}.", way_to(profiles, requests))
            }
            _ => "You cannot call this yet; the person can ask for access.".to_owned(),
        }),
        Visibility::NeedsConnection => {
            Some("Before the first call the person is asked to connect an account of their own.".to_owned())
        }
        Visibility::Paused => Some("Paused by an administrator for now.".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shared_schema_is_converted_once_and_a_callers_own_is_not_kept() {
        let shapes = ToolShapes::new();
        let shared = Arc::new(json!({"type": "object"}));
        let _elsewhere = Arc::clone(&shared);
        assert!(Arc::ptr_eq(&shapes.object(&shared), &shapes.object(&shared)));
        let own = Arc::new(json!({"type": "object", "properties": {}}));
        assert_eq!(shapes.object(&own).len(), 2);
        assert_eq!(shapes.lock().len(), 1);
    }
}
