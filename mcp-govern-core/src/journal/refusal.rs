//! Why a command is not carried out.

use std::fmt;

/// A command was refused: nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    kind: RefusalKind,
    message: String,
    /// What kind of thing does not exist, and its id.
    missing: Option<Box<(String, String)>>,
}

/// What the sender of a refused command should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalKind {
    /// The actor's roles do not allow it. Somebody with the role that the message names must send it.
    NotAllowed,
    /// The command would let its sender hold a profile, or obtain one alone, that no other person gave. Another person must grant
    /// it, or send the command.
    AnotherPersonNeeded,
    /// Something that the command names does not exist. Correct the id.
    NotFound,
    /// The id of the new thing is taken. Choose another.
    AlreadyExists,
    /// What the command was based on has moved. Read again, decide again.
    Conflict,
    /// The command's id was used before, for another command or by another person; the message says at which revision. Send it
    /// under an id of its own.
    CommandIdUsed,
    /// The thing is in a state that does not allow it; the message says which, and what is possible.
    NotPossible,
    /// The command contradicts itself, whatever the state. Correct it.
    Invalid,
}

impl RefusalKind {
    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::AnotherPersonNeeded => "another_person_needed",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::CommandIdUsed => "command_id_used",
            Self::NotPossible => "not_possible",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Refusal {
    /// A refusal of a kind, with a sentence that says what is wrong and what to do.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), missing: None }
    }

    /// What does not exist, where that is why: the kind of thing in a word (`grant`, `server`, `tool` …) or a few, and its id.
    pub fn missing(&self) -> Option<(&str, &str)> {
        self.missing.as_deref().map(|(what, id)| (what.as_str(), id.as_str()))
    }

    /// What the sender should do.
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// What is wrong, in a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// With the name that was most likely meant.
    pub(crate) fn meaning(mut self, near: Option<&str>) -> Self {
        if let Some(near) = near {
            self.message = format!("{}; did you mean `{near}`?", self.message);
        }
        self
    }

    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotAllowed, message)
    }

    pub(crate) fn another_person(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::AnotherPersonNeeded, message)
    }

    pub(crate) fn not_found(what: &str, id: &impl fmt::Display) -> Self {
        let missing = Some(Box::new((what.to_owned(), id.to_string())));
        Self { missing, ..Self::new(RefusalKind::NotFound, format!("there is no {what} `{id}`")) }
    }

    pub(crate) fn already_exists(what: &str, id: &impl fmt::Display) -> Self {
        Self::new(RefusalKind::AlreadyExists, format!("there is a {what} `{id}` already: choose another id"))
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, message)
    }

    pub(crate) fn not_possible(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotPossible, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }
}
