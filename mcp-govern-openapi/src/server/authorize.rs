//! Which headers authorise a request.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue};
use mcp_govern_core::{Credential, CredentialFacts, ProviderError, ProviderErrorKind, Secret};

use super::OpenApiServer;
use crate::{
    header::is_header_text,
    plan::{Row, Scheme as SecurityScheme, SchemeKind},
    redact::MASK,
};

/// Which of the row's alternatives authorises a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    /// The first that the credential can fill.
    Own,
    /// This one, whatever the row says (probes).
    Only(usize),
}

impl OpenApiServer {
    /// Adds the headers that authorise a request.
    pub(crate) fn authorize(
        &self,
        row: &Row,
        credential: Option<&Credential>,
        scheme: Scheme,
        headers: &mut Vec<(HeaderName, HeaderValue)>,
    ) -> Result<(), ProviderError> {
        let others = headers.len();
        if let Some(credential) = credential.filter(|credential| *credential.method() == self.method) {
            for alternative in self.alternatives(row, &scheme) {
                for scheme in self.schemes(alternative) {
                    if let Some(value) = scheme.value(credential) {
                        headers.push((scheme.header.clone(), value.map_err(unauthorized)?));
                    }
                }
                if headers.len() == others + alternative.len() {
                    return Ok(());
                }
                headers.truncate(others);
            }
        }
        self.without_credential(row, credential, &scheme)
    }

    /// What a credential that fills no alternative means: none is needed, or the error says what is missing.
    fn without_credential(
        &self,
        row: &Row,
        credential: Option<&Credential>,
        scheme: &Scheme,
    ) -> Result<(), ProviderError> {
        let mut alternatives = self.alternatives(row, scheme).peekable();
        if alternatives.peek().is_none() {
            return self.needs_none(row);
        }
        let Some(credential) = credential else {
            if alternatives.any(<[usize]>::is_empty) {
                return Ok(());
            }
            return Err(unauthorized(format!(
                "no credential: `{}` needs one of the method `{}`",
                row.name, self.method
            )));
        };
        if *credential.method() != self.method {
            let text =
                format!("the credential is of the method `{}`, the server uses `{}`", credential.method(), self.method);
            return Err(ProviderError::new(ProviderErrorKind::Config, text));
        }
        let schemes = alternatives.flat_map(|needed| self.schemes(needed));
        let fields: Vec<String> = schemes.map(|scheme| format!("`{}`", scheme.own_field())).collect();
        Err(unauthorized(format!(
            "no credential: `{}` needs the field {}, which is not filled in",
            row.name,
            fields.join(" or ")
        )))
    }

    /// The row's alternatives that belong to the server's auth method, in the order in which they are tried.
    pub(crate) fn alternatives<'a>(
        &'a self,
        row: &'a Row,
        scheme: &'a Scheme,
    ) -> impl Iterator<Item = &'a [usize]> + Clone {
        let (only, stated): (_, &[Vec<usize>]) = match scheme {
            Scheme::Only(index) => (Some(std::slice::from_ref(index)), &[]),
            Scheme::Own => (None, &row.security),
        };
        let is_mine = |needed: &&[usize]| self.schemes(needed).all(|scheme| scheme.method == self.method);
        only.into_iter().chain(stated.iter().map(Vec::as_slice).filter(is_mine))
    }

    /// For a row that has no alternative for the server's auth method: it needs none, or cannot be called.
    pub(crate) fn needs_none(&self, row: &Row) -> Result<(), ProviderError> {
        if row.security.is_empty() {
            return Ok(());
        }
        let text = format!("`{}` cannot be called with the auth method `{}`", row.name, self.method);
        Err(ProviderError::new(ProviderErrorKind::Config, text))
    }

    /// The schemes of an alternative.
    pub(crate) fn schemes(&self, alternative: &[usize]) -> impl Iterator<Item = &SecurityScheme> {
        alternative.iter().filter_map(|index| self.shared.document.schemes.list.get(*index))
    }
}

fn unauthorized(text: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Unauthorized, text)
}

impl SecurityScheme {
    /// The header's value, marked as sensitive. `None` when the credential lacks the field.
    ///
    /// # Errors
    ///
    /// When the secret holds characters that no header can carry.
    pub(crate) fn value(&self, credential: &Credential) -> Option<Result<HeaderValue, String>> {
        let has = |name: &str| credential.field(name).is_some_and(|secret| !secret.is_empty());
        let field = self.field(&has)?;
        let secret = credential.field(field)?;
        let text = match &self.kind {
            SchemeKind::Token { prefix, .. } => [prefix, secret.expose()].concat(),
            SchemeKind::Basic { user, .. } => {
                let pair = Secret::new([credential.field(user)?.expose(), ":", secret.expose()].concat());
                ["Basic ", &BASE64_STANDARD.encode(pair.expose())].concat()
            }
        };
        let unfit = || format!("the credential's `{field}` holds characters that no header can carry");
        if !is_header_text(&text) {
            // Wiped, as the credential's own copy will be.
            drop(Secret::new(text));
            return Some(Err(unfit()));
        }
        // The text itself moves into the header: there is no second copy of it.
        let value = HeaderValue::try_from(text).map_err(|_| unfit());
        Some(value.map(|mut value| {
            value.set_sensitive(true);
            value
        }))
    }

    /// The header for a preview, with the secret masked.
    pub(crate) fn masked(&self, facts: &CredentialFacts) -> (String, bool) {
        let known = facts.fields.is_empty() || self.field(&|name| facts.fields.contains(name)).is_some();
        match &self.kind {
            SchemeKind::Token { prefix, .. } => (format!("{prefix}{MASK}"), known),
            SchemeKind::Basic { .. } => (format!("Basic {MASK}"), known),
        }
    }
}
