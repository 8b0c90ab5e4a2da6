//! Credentials, and what a probe says of one.

use std::{collections::BTreeMap, sync::Arc};

use crate::vocabulary::{AuthMethodId, CredentialFacts, Secret};

/// A credential: an auth method, its secret fields, and facts that are no secrets.
///
/// `Debug` shows the names of the fields and never their values. Cheap to clone: clones share the secrets.
#[derive(Debug, Clone)]
pub struct Credential {
    method: AuthMethodId,
    fields: Arc<BTreeMap<String, Secret>>,
    facts: Arc<CredentialFacts>,
}

impl Credential {
    /// A credential without fields.
    pub fn new(method: AuthMethodId) -> Self {
        Self { method, fields: Arc::default(), facts: Arc::default() }
    }

    /// With a secret field, for example `api_key`.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<String>, secret: Secret) -> Self {
        let name = name.into();
        Arc::make_mut(&mut self.facts).fields.insert(name.clone());
        Arc::make_mut(&mut self.fields).insert(name, secret);
        self
    }

    /// With facts in place of those that it has; the set of field names is kept right. [`Credential::with_further_facts`] keeps them.
    #[must_use]
    pub fn with_facts(mut self, mut facts: CredentialFacts) -> Self {
        facts.fields = self.fields.keys().cloned().collect();
        self.facts = Arc::new(facts);
        self
    }

    /// With facts of another source, where its own say nothing ([`CredentialFacts::completed_by`]).
    #[must_use]
    pub fn with_further_facts(self, further: &CredentialFacts) -> Self {
        let facts = CredentialFacts::clone(&self.facts).completed_by(further);
        self.with_facts(facts)
    }

    /// The auth method.
    pub fn method(&self) -> &AuthMethodId {
        &self.method
    }

    /// A secret field.
    pub fn field(&self, name: &str) -> Option<&Secret> {
        self.fields.get(name)
    }

    /// The secret fields by name.
    pub fn fields(&self) -> &BTreeMap<String, Secret> {
        &self.fields
    }

    /// What is known of it and is not secret.
    pub fn facts(&self) -> &CredentialFacts {
        &self.facts
    }
}

/// Whether a credential works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialVerdict {
    /// The vendor accepts it.
    Accepted,
    /// The vendor refuses it.
    Rejected,
}

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialReport {
    /// Whether it works.
    pub verdict: CredentialVerdict,
    /// Whose it is, and what it may do, as far as the vendor tells.
    pub facts: CredentialFacts,
    /// Sentences for the operator: what the credential cannot do, what to change.
    pub remarks: Vec<String>,
}

impl CredentialReport {
    /// A report.
    pub fn new(verdict: CredentialVerdict, facts: CredentialFacts) -> Self {
        Self { verdict, facts, remarks: Vec::new() }
    }

    /// With a remark.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_the_fields_and_hides_their_values() {
        let credential =
            Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new("canary"));
        let shown = format!("{credential:?}");
        assert!(shown.contains("api_key") && !shown.contains("canary"), "{shown}");
    }
}
