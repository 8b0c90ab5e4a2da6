//! Why a blueprint cannot be planned.

use crate::journal::Refusal;

/// A blueprint cannot be planned against a state. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlueprintError {
    /// The blueprint contradicts itself or names a tool that a synced server does not have. Correct the document.
    #[error("{place}: {reason}")]
    Invalid {
        /// Where in the document, for example `toolsets.readers`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// A command that leads there is refused: the actor may not send it, or the state does not allow it.
    #[error("{place}: {refusal}")]
    Refused {
        /// Where in the document, for example `servers.status`.
        place: String,
        /// Why.
        #[source]
        refusal: Refusal,
    },
}

impl BlueprintError {
    pub(super) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), reason: reason.into() }
    }
}
