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
    naming::{Naming, Resolve, candidates, told, told_schema},
    nullable::nullable,
};

/// How many schemas are kept in the form that the protocol library wants: those of some thousand tools, of which each has two.
const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8191);

/// Schemas in the form that the protocol library wants, by the address of the one they were made of. An entry holds on to that
/// one, so that an address is never taken for another schema's.
pub(super) struct ToolShapes {
    objects: Mutex<Kept>,
    /// The words of a schema's descriptions that may be names of tools.
    words: Mutex<Words>,
}

type Words = LruCache<usize, (Arc<Value>, Arc<[String]>)>;

type Kept = LruCache<(usize, Side, Names), (Arc<Value>, Arc<JsonObject>)>;

/// The names of tools within a schema, and what each means.
type Names = Vec<(String, Naming)>;

/// What a schema speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Arguments,
    /// Results: the shown schema says that every member may be null.
    Results,
}

impl ToolShapes {
    pub(super) fn new() -> Self {
        Self { objects: Mutex::new(LruCache::new(MOST)), words: Mutex::new(LruCache::new(MOST)) }
    }

    /// The schema as an object, with the names in its descriptions as the caller sees them; without one, that of no arguments.
    fn object(&self, schema: &Arc<Value>, side: Side, resolve: Resolve<'_>) -> Arc<JsonObject> {
        let names: Names = match side {
            Side::Arguments => self.words(schema).iter().map(|word| (word.clone(), resolve(word))).collect(),
            Side::Results => Vec::new(),
        };
        let names: Names = names.into_iter().filter(|(_, naming)| *naming != Naming::None).collect();
        let key = (Arc::as_ptr(schema).addr(), side, names);
        if let Some((_, object)) = locked(&self.objects).get(&key) {
            return Arc::clone(object);
        }
        let shown = match side {
            Side::Arguments if key.2.is_empty() => schema.as_object().cloned(),
            Side::Arguments => {
                let told = told_schema(schema, resolve);
                told.as_ref().unwrap_or(schema).as_object().cloned()
            }
            Side::Results => nullable(schema).as_object().cloned(),
        };
        let object = Arc::new(shown.unwrap_or_else(nothing));
        // A schema that was narrowed for this caller alone is nobody else's: keeping it would drive the others out.
        if is_shared(schema) {
            locked(&self.objects).put(key, (Arc::clone(schema), Arc::clone(&object)));
        }
        object
    }

    fn words(&self, schema: &Arc<Value>) -> Arc<[String]> {
        let address = Arc::as_ptr(schema).addr();
        if let Some((_, words)) = locked(&self.words).get(&address) {
            return Arc::clone(words);
        }
        let words: Arc<[String]> = candidates(schema).into();
        if is_shared(schema) {
            locked(&self.words).put(address, (Arc::clone(schema), Arc::clone(&words)));
        }
        words
    }

    /// The tool as MCP shows it to this caller.
    pub(super) fn shown(
        &self,
        tool: &ListedTool,
        requests: AccessRequests,
        modern: bool,
        resolve: Resolve<'_>,
    ) -> Tool {
        let definition = &tool.definition;
        // An argument that is called as a tool is the argument.
        let resolve: Resolve<'_> = &|word| {
            if definition.arguments().any(|argument| argument == word) { Naming::None } else { resolve(word) }
        };
        let mut description = told(&definition.description, resolve).into_owned();
        if let Some(sentence) = cannot_be_called_yet(tool, requests) {
            description = format!("{sentence} {description}");
        }
        let mut shown =
            Tool::new(tool.name.clone(), description, self.object(&tool.input_schema, Side::Arguments, resolve))
                .with_title(definition.title.clone())
                .with_annotations(annotations(tool));
        if let Some(schema) = definition.output_schema.as_ref().filter(|schema| modern || is_of_objects(schema)) {
            shown = shown.with_raw_output_schema(self.object(schema, Side::Results, resolve));
        }
        shown.with_meta(meta(tool))
    }
}

impl fmt::Debug for ToolShapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolShapes({})", locked(&self.objects).len())
    }
}

/// A cache holds nothing half-done, so that a panic elsewhere does not spoil it.
fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether others hold the schema too.
fn is_shared(schema: &Arc<Value>) -> bool {
    Arc::strong_count(schema) > 1
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
    if let Some(sunset) = &tool.sunset {
        meta.insert(meta_key("sunset"), serde_json::to_value(&**sunset).unwrap_or_default());
    }
    meta
}

/// What prevents a call, said before everything else.
fn cannot_be_called_yet(tool: &ListedTool, requests: AccessRequests) -> Option<String> {
    match tool.visibility {
        Visibility::Requestable => Some(match &tool.remedy {
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
        let shown = |schema: &Arc<Value>| shapes.object(schema, Side::Arguments, &|_| Naming::None);
        assert!(Arc::ptr_eq(&shown(&shared), &shown(&shared)));
        let own = Arc::new(json!({"type": "object", "properties": {}}));
        assert_eq!(shown(&own).len(), 2);
        assert_eq!(locked(&shapes.objects).len(), 1);
        // Callers who see other names are shown other texts.
        let shared = Arc::new(json!({"type": "object", "description": "Of list_pages."}));
        let _elsewhere = Arc::clone(&shared);
        let told = |name: &str| {
            let object = shapes.object(&shared, Side::Arguments, &|word| match word {
                "list_pages" => Naming::Shown(name.to_owned()),
                _ => Naming::None,
            });
            object["description"].clone()
        };
        assert_eq!(
            (told("a_list_pages"), told("b_list_pages")),
            (json!("Of a_list_pages."), json!("Of b_list_pages."))
        );
    }
}
