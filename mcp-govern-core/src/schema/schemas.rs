//! Compiled schemas, made when they are first needed and kept by digest.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jsonschema::{Draft, PatternOptions, Validator};
use lru::LruCache;
use serde_json::Value;

use super::{email::is_email, redact::redacts_nothing};
use crate::vocabulary::Digest;

/// How many compiled schemas are kept: those of the tools that are called.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Schemas by the digest of the definition that they stand in. Two tools with one digest share an entry.
pub(crate) struct Schemas {
    compiled: Mutex<LruCache<Digest, Arc<Compiled>>>,
}

/// What is worked out once of an input schema.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The validator, or why the schema has none.
    pub(crate) validator: Result<Validator, String>,
    /// Whether arguments that fit are put on record as they are.
    pub(crate) redacts_nothing: bool,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        Self { compiled: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The validator of an input schema.
    pub(crate) fn compiled(&self, digest: Digest, schema: &Value) -> Arc<Compiled> {
        cached(&self.compiled, digest, || Arc::new(Compiled::of(schema)))
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schemas").field("compiled", &locked(&self.compiled).len()).finish_non_exhaustive()
    }
}

/// Compiles outside of the lock: two callers may compile the same schema once each, and none waits for the other.
fn cached<T: Clone>(cache: &Mutex<LruCache<Digest, T>>, digest: Digest, make: impl FnOnce() -> T) -> T {
    if let Some(found) = locked(cache).get(&digest) {
        return found.clone();
    }
    let fresh = make();
    locked(cache).put(digest, fresh.clone());
    fresh
}

/// A cache holds nothing half-done, so that a panic elsewhere does not spoil it.
fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Compiled {
    pub(crate) fn of(schema: &Value) -> Self {
        Self { validator: compile(schema), redacts_nothing: redacts_nothing(schema) }
    }
}

/// Draft 2020-12, formats asserted, patterns in linear time, no reference fetched from anywhere.
pub(super) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_format("email", is_email)
        .with_format("idn-email", is_email)
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
        .offline()
        .build(schema)
        .map_err(|error| error.to_string().chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_compiled_once() {
        let schemas = Schemas::new();
        let schema = json!({"type": "object"});
        let first = schemas.compiled(Digest::ZERO, &schema);
        assert!(Arc::ptr_eq(&first, &schemas.compiled(Digest::ZERO, &schema)));
    }

    #[test]
    fn a_schema_that_reaches_elsewhere_or_needs_backtracking_has_no_validator() {
        for schema in [
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"properties": {"a": {"pattern": r"(a)\1"}}}),
            json!({"properties": {"a": {"pattern": "(?=a)b"}}}),
        ] {
            assert!(compile(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn formats_are_asserted() {
        let valid = |format: &str, text: &str| {
            let validator = compile(&json!({"type": "string", "format": format})).unwrap();
            validator.is_valid(&json!(text))
        };
        for (format, good, bad) in [
            ("date-time", "2026-11-21T09:30:00Z", "yesterday"),
            ("date", "2026-11-21", "2026-13-40"),
            ("email", "a@example.com", "a at example"),
            ("email", "jürgen@münchen.example", "Ann <ann@example.com>"),
            ("idn-email", "jürgen@münchen.example", "Ann <ann@example.com>"),
            ("uri", "https://example.com/", "not a uri"),
            ("uuid", "67e55044-10b1-426f-9247-bb680e5fe0c8", "67e5"),
            ("ipv4", "192.0.2.1", "192.0.2.256"),
        ] {
            assert!(valid(format, good), "{format} refused `{good}`");
            assert!(!valid(format, bad), "{format} took `{bad}`");
        }
    }
}
