//! Results against the form that their tool declares.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jsonschema::{Draft, PatternOptions, Validator};
use lru::LruCache;
use mcp_govern_core::{Digest, ToolDefinition};
use serde_json::Value;

use super::nullable::nullable;

/// How many compiled schemas are kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Compiled output schemas by the digest of their definition.
pub(super) struct OutputSchemas(Mutex<LruCache<Digest, Arc<Compiled>>>);

/// The declared form, and the one that clients are shown.
struct Compiled {
    declared: Form,
    told: OnceLock<Form>,
}

type Form = Result<Validator, String>;

/// The most places with a null that a note names.
const MOST_NULLS: usize = 8;

impl OutputSchemas {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    /// Whether a result is of the form that its tool declares. Where it is but for members that are null, these are answered, so
    /// that a note can name them: clients are shown a form that admits them ([`nullable`]). A tool that declares no form is content with
    /// every result.
    ///
    /// # Errors
    ///
    /// The first fault. It names its place and never the value.
    pub(super) fn check(
        &self,
        digest: Digest,
        definition: &ToolDefinition,
        result: &Value,
    ) -> Result<Vec<String>, String> {
        let Some(schema) = &definition.output_schema else { return Ok(Vec::new()) };
        let compiled = self.compiled(digest, schema);
        let usable =
            |form: &Form| form.as_ref().err().map(|reason| format!("the declared form cannot be used: {reason}"));
        let Ok(declared) = &compiled.declared else { return Err(usable(&compiled.declared).unwrap_or_default()) };
        // Looking for faults costs much more than finding that there is none.
        if declared.is_valid(result) {
            return Ok(Vec::new());
        }
        let told = compiled.told.get_or_init(|| compile(&nullable(schema)));
        let Ok(told) = told else { return Err(usable(told).unwrap_or_default()) };
        if let Some(error) = told.iter_errors(result).next() {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "the whole result".to_owned() } else { format!("`{place}`") };
            return Err(format!("{place} does not fit `{}`", error.schema_path()));
        }
        let mut nulls: Vec<String> = Vec::new();
        for error in declared.iter_errors(result) {
            let place = of_all_items(error.instance_path().as_str());
            if !nulls.contains(&place) {
                nulls.push(place);
            }
            if nulls.len() == MOST_NULLS {
                break;
            }
        }
        Ok(nulls)
    }

    fn compiled(&self, digest: Digest, schema: &Value) -> Arc<Compiled> {
        if let Some(found) = self.lock().get(&digest) {
            return Arc::clone(found);
        }
        let fresh = Arc::new(Compiled { declared: compile(schema), told: OnceLock::new() });
        self.lock().put(digest, Arc::clone(&fresh));
        fresh
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Digest, Arc<Compiled>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Draft 2020-12, patterns in linear time, no reference fetched from anywhere.
fn compile(schema: &Value) -> Form {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
        .offline()
        .build(schema)
        .map_err(|error| error.to_string().chars().take(200).collect())
}

/// A place with the numbers of items left out: what is null in one item of a list is null in others.
fn of_all_items(place: &str) -> String {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    place.split('/').map(|part| if number(part) { "*" } else { part }).collect::<Vec<_>>().join("/")
}

impl fmt::Debug for OutputSchemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputSchemas({})", self.lock().len())
    }
}
