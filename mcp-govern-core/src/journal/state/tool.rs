//! What is known of a tool, and how its approval stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::vocabulary::{
    CatalogueVersion, Classification, ClientType, Digest, Effect, RecordedActor, Risk, Timestamp, ToolDefinition,
};

/// The state of a tool's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// Somebody must review it.
    PendingReview,
    /// It can be put into toolsets and called.
    Approved,
    /// It was refused.
    Disabled,
    /// Its server no longer offers it.
    Removed,
}

impl ToolState {
    /// All four.
    pub const ALL: [Self; 4] = [Self::PendingReview, Self::Approved, Self::Disabled, Self::Removed];

    /// The state's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingReview => "pending_review",
            Self::Approved => "approved",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

impl std::fmt::Display for ToolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A tool of a server with its review: its state, the digests under which it is approved, and what it was reviewed as.
#[derive(Debug, Clone)]
pub struct Tool {
    pub(crate) state: ToolState,
    /// The current definition: the one that sync saw last.
    pub(crate) digest: Digest,
    pub(crate) definition: Arc<ToolDefinition>,
    /// The digests under which the tool may be called while it is approved.
    pub(crate) approvals: BTreeSet<Digest>,
    /// The last definition that a person approved: what drift is graded against.
    pub(crate) reviewed: Option<(Digest, Arc<ToolDefinition>)>,
    /// Definitions of coming catalogues, put up for review ahead.
    pub(crate) staged: BTreeMap<Digest, (CatalogueVersion, Arc<ToolDefinition>)>,
    /// The names of all arguments that the tool ever had.
    pub(crate) arguments_seen: BTreeSet<String>,
    pub(crate) effect: Option<Effect>,
    pub(crate) risk: Option<Risk>,
    pub(crate) client_types: Option<BTreeSet<ClientType>>,
    pub(crate) changed_at: Timestamp,
    pub(crate) reviewed_by: Option<RecordedActor>,
    /// When that was: before the definition was found, where it was approved ahead.
    pub(crate) reviewed_at: Option<Timestamp>,
}

impl Tool {
    /// The state of its approval.
    pub fn state(&self) -> ToolState {
        self.state
    }

    /// The digest of the current definition.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The current definition.
    pub fn definition(&self) -> &Arc<ToolDefinition> {
        &self.definition
    }

    /// The digests under which it may be called while it is approved.
    pub fn approvals(&self) -> &BTreeSet<Digest> {
        &self.approvals
    }

    /// The last definition that a person approved.
    pub fn reviewed(&self) -> Option<&Arc<ToolDefinition>> {
        self.reviewed.as_ref().map(|(_, definition)| definition)
    }

    /// Definitions of coming catalogues that can be reviewed ahead.
    pub fn staged(&self) -> impl Iterator<Item = (Digest, CatalogueVersion, &Arc<ToolDefinition>)> {
        self.staged.iter().map(|(digest, (version, definition))| (*digest, *version, definition))
    }

    /// The effect that counts: an administrator's, else the provider's.
    pub fn effect(&self) -> Effect {
        self.effect.unwrap_or(self.definition.effect)
    }

    /// The risk that counts: an administrator's, else the provider's.
    pub fn risk(&self) -> Risk {
        self.risk.unwrap_or(self.definition.risk)
    }

    /// One word for people.
    pub fn classification(&self) -> Classification {
        Classification::of(self.effect(), self.risk())
    }

    /// The client types that may call it; all that the tenant admits where absent.
    pub fn client_types(&self) -> Option<&BTreeSet<ClientType>> {
        self.client_types.as_ref()
    }

    /// When its state or definition last changed.
    pub fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    /// Who reviewed it last.
    pub fn reviewed_by(&self) -> Option<&RecordedActor> {
        self.reviewed_by.as_ref()
    }

    /// When it was reviewed last: before its definition was found ([`Tool::changed_at`]), where that had been approved ahead.
    pub fn reviewed_at(&self) -> Option<Timestamp> {
        self.reviewed_at
    }
}
