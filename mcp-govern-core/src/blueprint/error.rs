//! Why a blueprint cannot be planned.

use crate::journal::{Refusal, RefusalKind};

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
    /// Several faults at once, each independent of the others; each is one of the kinds above.
    #[error("{}", lines(.0))]
    Several(Vec<BlueprintError>),
}

impl BlueprintError {
    pub(super) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), reason: reason.into() }
    }

    /// Whether nothing else is worth planning: the actor may not send such commands at all.
    pub(super) fn is_of_the_actor(&self) -> bool {
        let kind = match self {
            Self::Refused { refusal, .. } => refusal.kind(),
            Self::Invalid { .. } | Self::Several(_) => return false,
        };
        matches!(kind, RefusalKind::NotAllowed | RefusalKind::AnotherPersonNeeded)
    }
}

/// A line for each fault.
fn lines(faults: &[BlueprintError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
