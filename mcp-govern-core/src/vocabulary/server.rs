//! A registered server, its credential facts, and how new and changed tools are treated.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ArgumentRule, AuthMethodId, EditionId, ProviderId, Timestamp, ToolPrefix, UserId};

/// Whose credential a call uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSharing {
    /// One credential for everybody. The audit still names the person.
    Shared,
    /// Each person's own; the person is asked to connect at the first call.
    PerUser,
}

/// The state of a tool that sync sees for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewToolState {
    /// Somebody must approve it.
    #[default]
    PendingReview,
    /// Approved at once.
    Approved,
}

/// What becomes of an approved tool whose definition changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftAction {
    /// The new digest is pinned too, on record.
    Keep,
    /// Back to pending review.
    Review,
    /// Disabled.
    Disable,
}

/// What becomes of an approved tool, by the grade of the change. A rebound tool is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftPolicy {
    /// Only the title changed.
    pub cosmetic: DriftAction,
    /// The description changed: it may carry instructions to the model.
    pub text: DriftAction,
    /// Arguments, output, annotations, scopes or the area changed.
    pub contract: DriftAction,
    /// The binding changed, or effect or risk was raised. [`DriftAction::Keep`] counts as `Review`.
    pub rebound: DriftAction,
}

impl Default for DriftPolicy {
    fn default() -> Self {
        Self {
            cosmetic: DriftAction::Keep,
            text: DriftAction::Review,
            contract: DriftAction::Review,
            rebound: DriftAction::Review,
        }
    }
}

/// Everything an operator decides about a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerSpec {
    /// The kind of API.
    pub provider: ProviderId,
    /// Which of the provider's editions it is reached by; the provider's first when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<EditionId>,
    /// A name for people.
    pub title: String,
    /// What stands before its tools' names.
    pub prefix: ToolPrefix,
    /// One of the provider's regions; its first when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A base URL other than the region's: https, or http on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<url::Url>,
    /// How the vendor is told who calls.
    pub auth_method: AuthMethodId,
    /// Whose credential a call uses.
    pub sharing: CredentialSharing,
    /// What the auth method and provider want to know and is no secret (for example `actor_email`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// The state of new tools; the tenant's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_tools: Option<NewToolState>,
    /// What becomes of changed tools; the tenant's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
    /// Rules that hold for every tool of the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ArgumentRule>,
    /// Who may govern this server with the role `server_owner`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owners: BTreeSet<UserId>,
}

impl ServerSpec {
    /// A server with a shared credential and the tenant's defaults.
    pub fn new(provider: ProviderId, title: impl Into<String>, prefix: ToolPrefix, auth_method: AuthMethodId) -> Self {
        Self {
            provider,
            edition: None,
            title: title.into(),
            prefix,
            region: None,
            base_url: None,
            auth_method,
            sharing: CredentialSharing::Shared,
            config: BTreeMap::new(),
            new_tools: None,
            drift: None,
            rules: Vec::new(),
            owners: BTreeSet::new(),
        }
    }

    /// Of another edition than the provider's first.
    #[must_use]
    pub fn with_edition(mut self, edition: EditionId) -> Self {
        self.edition = Some(edition);
        self
    }

    /// In one of the provider's regions.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// At another base URL.
    #[must_use]
    pub fn with_base_url(mut self, url: url::Url) -> Self {
        self.base_url = Some(url);
        self
    }

    /// With a credential of each person's own, or a shared one.
    #[must_use]
    pub fn with_sharing(mut self, sharing: CredentialSharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// With a configuration value.
    #[must_use]
    pub fn with_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(key.into(), value.into());
        self
    }

    /// With its own state for new tools.
    #[must_use]
    pub fn with_new_tools(mut self, state: NewToolState) -> Self {
        self.new_tools = Some(state);
        self
    }

    /// With its own treatment of changed tools.
    #[must_use]
    pub fn with_drift(mut self, drift: DriftPolicy) -> Self {
        self.drift = Some(drift);
        self
    }

    /// With rules on arguments that hold for every tool.
    #[must_use]
    pub fn with_rules(mut self, rules: impl IntoIterator<Item = ArgumentRule>) -> Self {
        self.rules = rules.into_iter().collect();
        self
    }

    /// With owners.
    #[must_use]
    pub fn with_owners(mut self, owners: impl IntoIterator<Item = UserId>) -> Self {
        self.owners = owners.into_iter().collect();
        self
    }
}

/// Whose credential it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialOwner {
    /// The server's shared credential.
    Shared,
    /// A person's own.
    User(UserId),
}

/// What is known of a credential and is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CredentialFacts {
    /// Whom the vendor sees: an e-mail, a name, an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_as: Option<String>,
    /// What it may do, in the vendor's words (scopes, rights).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
    /// The region it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// When it was issued, where its issuer says how long it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether it is renewed without the person when it stops working: it holds a refresh token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renewable: bool,
    /// Which of the auth method's secret fields are set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<String>,
    /// Further facts (organisation, account type).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, String>,
}

impl CredentialFacts {
    /// No facts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the one whom the vendor sees.
    #[must_use]
    pub fn with_authorized_as(mut self, whom: impl Into<String>) -> Self {
        self.authorized_as = Some(whom.into());
        self
    }

    /// With what it may do, in the vendor's words.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// With the time at which it stops working.
    #[must_use]
    pub fn with_expiry(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// With what another source says, where nothing is stated here: what is stated here stands. Of `more` each name counts by
    /// itself.
    ///
    /// The one who issues a credential states what it was issued for, and a later look at it adds to that:
    ///
    /// ```
    /// use mcp_govern_core::{CredentialFacts, Timestamp};
    ///
    /// let issued = CredentialFacts::new().with_scopes(["read", "write"]).with_expiry(Timestamp::from_millis(1_000));
    /// let seen = CredentialFacts::new().with_scopes(["read"]).with_authorized_as("ada@example.com");
    /// let facts = issued.completed_by(&seen);
    /// assert_eq!(facts.scopes.len(), 2);
    /// assert_eq!(facts.authorized_as.as_deref(), Some("ada@example.com"));
    /// assert!(facts.expires.is_some());
    /// ```
    #[must_use]
    pub fn completed_by(mut self, other: &Self) -> Self {
        // Each field is named, so that a new one cannot be forgotten here.
        let Self { authorized_as, scopes, region, issued, expires, renewable, fields, more } = other;
        self.authorized_as = self.authorized_as.or_else(|| authorized_as.clone());
        self.region = self.region.or_else(|| region.clone());
        self.issued = self.issued.or(*issued);
        self.expires = self.expires.or(*expires);
        self.renewable |= renewable;
        if self.scopes.is_empty() {
            self.scopes.clone_from(scopes);
        }
        if self.fields.is_empty() {
            self.fields.clone_from(fields);
        }
        for (name, value) in more {
            self.more.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}
