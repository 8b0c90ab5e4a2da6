//! What a server can be limited to: values of an argument, and hosts beside the API's own.

use crate::pointer::Pointer;

/// The origin of the server's base URL.
pub(crate) const OWN_ORIGIN: &str = "api";

/// Everything that a document lets a server be limited to.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    pub(crate) rules: Vec<ScopeRule>,
    pub(crate) origins: Vec<Origin>,
}

/// An argument to whose values a server can be limited.
#[derive(Debug)]
pub(crate) struct ScopeRule {
    pub(crate) argument: String,
    /// The configuration that lists the values.
    pub(crate) config: String,
    pub(crate) others: Others,
}

/// What becomes of tools without the argument that a server is limited in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Others {
    /// They are not offered, but for those whose answer is kept to the values (`keep`).
    #[default]
    Closed,
    Open,
}

/// Hosts beside the API's own. They never see the credential.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) role: String,
    /// The configuration that lists the hosts.
    pub(crate) config: String,
    /// The argument that chooses one.
    pub(crate) argument: String,
    pub(crate) description: String,
}

/// How an answer without the argument is kept to the values that a server is limited to.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(crate) argument: String,
    /// Where lists or maps of what is kept may stand; at least one of them must be there.
    pub(crate) at: Vec<Pointer>,
    /// Where the value is in an item of a list. In a map it is the key.
    pub(crate) id: Pointer,
}
