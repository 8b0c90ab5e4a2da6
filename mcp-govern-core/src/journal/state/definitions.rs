//! One copy of each definition.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Weak},
};

use crate::vocabulary::{Digest, ToolDefinition};

/// The definitions that tools hold, by digest, so that equal ones are one copy: those of several servers of a provider, and those that
/// a tool was reviewed as. What no tool holds any more is not kept.
#[derive(Clone, Default)]
pub(crate) struct Definitions(HashMap<Digest, Weak<ToolDefinition>>);

impl Definitions {
    /// The copy of an equal definition that a tool holds already, or else this one, which is shared from now on.
    pub(crate) fn shared(&mut self, digest: Digest, definition: &Arc<ToolDefinition>) -> Arc<ToolDefinition> {
        // A digest is what a commit says it is: what is shared is compared.
        if let Some(known) = self.0.get(&digest).and_then(Weak::upgrade)
            && (Arc::ptr_eq(&known, definition) || known == *definition)
        {
            return known;
        }
        if self.0.len() == self.0.capacity() {
            self.0.retain(|_, known| known.strong_count() > 0);
        }
        self.0.insert(digest, Arc::downgrade(definition));
        Arc::clone(definition)
    }
}

/// The definitions themselves are shown with the tools.
impl fmt::Debug for Definitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definitions").finish_non_exhaustive()
    }
}
