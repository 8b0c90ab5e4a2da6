//! Why a server could not be built or did not go on.

/// A server could not be built, or stopped serving.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ServerError {
    kind: ServerErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// The configuration makes no sense: correct what the message names.
    Config,
    /// The operating system refused something (random bytes, the name of its user): look at the machine.
    System,
    /// The transport broke or never came about: the peer has gone, or spoke something that is not MCP.
    Transport,
}

impl ServerError {
    pub(crate) fn new(kind: ServerErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ServerErrorKind::Config, message)
    }

    pub(crate) fn caused(
        kind: ServerErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(source.into()) }
    }

    /// What the caller should do.
    pub fn kind(&self) -> ServerErrorKind {
        self.kind
    }
}
