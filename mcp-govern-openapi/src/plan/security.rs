//! Security schemes: what a credential must hold, and which header it fills.

use std::collections::BTreeMap;

use http::HeaderName;
use mcp_govern_core::{AuthMethod, AuthMethodId, Pattern};

/// A security scheme of the document.
#[derive(Debug)]
pub(crate) struct Scheme {
    pub(crate) name: String,
    pub(crate) method: AuthMethodId,
    pub(crate) header: HeaderName,
    pub(crate) kind: SchemeKind,
}

/// What of a credential fills the header.
#[derive(Debug)]
pub(crate) enum SchemeKind {
    /// A prefix and one secret field.
    Token { prefix: String, field: String, fallback: Option<String> },
    /// `Basic` with user name and password (RFC 7617).
    Basic { user: String, password: String },
}

/// A configuration value that an auth method wants, with its form.
#[derive(Debug, Clone)]
pub(crate) struct ConfigRule {
    /// The auth method that wants it; whichever it is, where the document itself wants it.
    pub(crate) method: Option<AuthMethodId>,
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) format: Option<FieldFormat>,
    /// What the whole value must match.
    pub(crate) pattern: Option<Pattern>,
}

impl ConfigRule {
    /// Whether a server with this auth method cannot do without the value.
    pub(crate) fn is_needed_by(&self, method: &AuthMethodId) -> bool {
        self.required && self.method.as_ref().is_none_or(|of| of == method)
    }
}

/// The form of a configured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldFormat {
    Email,
    /// Identifiers, separated by commas.
    Ids,
    /// Hosts, separated by commas.
    Hosts,
    /// OAuth scopes, separated by spaces or commas.
    Scopes,
}

/// All schemes of a document.
#[derive(Debug, Default)]
pub(crate) struct Schemes {
    pub(crate) list: Vec<Scheme>,
    pub(crate) methods: Vec<AuthMethod>,
    pub(crate) config: Vec<ConfigRule>,
    /// Schemes that cannot be honoured, and why: what needs one of them is left out.
    pub(crate) unsupported: BTreeMap<String, String>,
}

impl Scheme {
    /// The secret field that is used, given the names of the fields that a credential has.
    pub(crate) fn field<'a>(&'a self, has: &dyn Fn(&str) -> bool) -> Option<&'a str> {
        match &self.kind {
            SchemeKind::Token { field, fallback, .. } => {
                if has(field) {
                    Some(field)
                } else {
                    fallback.as_deref().filter(|name| has(name))
                }
            }
            SchemeKind::Basic { user, password } => (has(user) && has(password)).then_some(password.as_str()),
        }
    }

    /// The field that the scheme is about, for messages.
    pub(crate) fn own_field(&self) -> &str {
        match &self.kind {
            SchemeKind::Token { field, .. } => field,
            SchemeKind::Basic { password, .. } => password,
        }
    }
}
