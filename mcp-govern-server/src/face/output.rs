//! Results against the form that their tool declares.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jsonschema::{Draft, PatternOptions, Validator};
use lru::LruCache;
use mcp_govern_core::{Digest, ToolDefinition};
use serde_json::Value;

/// How many compiled schemas are kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Compiled output schemas by the digest of their definition.
pub(super) struct OutputSchemas(Mutex<LruCache<Digest, Arc<Compiled>>>);

type Compiled = Result<Validator, String>;

impl OutputSchemas {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    /// Whether a result is of the form that its tool declares; the first fault where it is not. A tool that declares no form is
    /// content with every result. A fault names its place and never the value.
    pub(super) fn check(&self, digest: Digest, definition: &ToolDefinition, result: &Value) -> Result<(), String> {
        let Some(schema) = &definition.output_schema else { return Ok(()) };
        let compiled = self.compiled(digest, schema);
        let validator = match &*compiled {
            Ok(validator) => validator,
            Err(reason) => return Err(format!("the declared form cannot be used: {reason}")),
        };
        // Looking for faults costs much more than finding that there is none.
        if validator.is_valid(result) {
            return Ok(());
        }
        match validator.iter_errors(result).next() {
            None => Ok(()),
            Some(error) => {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "the whole result".to_owned() } else { format!("`{place}`") };
                Err(format!("{place} does not fit `{}`", error.schema_path()))
            }
        }
    }

    fn compiled(&self, digest: Digest, schema: &Value) -> Arc<Compiled> {
        if let Some(found) = self.lock().get(&digest) {
            return Arc::clone(found);
        }
        let fresh = Arc::new(compile(schema));
        self.lock().put(digest, Arc::clone(&fresh));
        fresh
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Digest, Arc<Compiled>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Draft 2020-12, patterns in linear time, no reference fetched from anywhere.
fn compile(schema: &Value) -> Compiled {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
        .offline()
        .build(schema)
        .map_err(|error| error.to_string().chars().take(200).collect())
}

impl fmt::Debug for OutputSchemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputSchemas({})", self.lock().len())
    }
}
