//! An account at a vendor: what authenticates there, and the server row that goes with it.

use std::collections::BTreeMap;

use mcp_govern_core::{
    AuthMethodId, Credential, CredentialSharing, ParseIdError, ProviderId, Secret, ServerSpec, ToolPrefix,
};
use url::Url;

use crate::{Environment, Vendor};

/// A credential for a vendor, with what a server must be configured with for it.
///
/// `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Account {
    vendor: Vendor,
    method: &'static str,
    fields: Vec<(&'static str, Secret)>,
    actor_email: Option<String>,
}

/// Where a vendor is reached, when not at its default, and what else its server is configured with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    region: Option<String>,
    base_url: Option<Url>,
    config: BTreeMap<String, String>,
}

/// The environment describes no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A variable is not set.
    #[error("`{variable}` is not set: {} needs {what} in it", vendor.title())]
    Missing {
        /// The vendor.
        vendor: Vendor,
        /// The variable.
        variable: &'static str,
        /// What belongs into it.
        what: &'static str,
    },
    /// Two variables name different credentials.
    #[error("`{one}` and `{other}` are both set: unset one of them, so that it is clear which counts")]
    Ambiguous {
        /// One of them.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// A base URL cannot be read.
    #[error("`{variable}` is not a valid URL: {reason}")]
    Url {
        /// The variable.
        variable: &'static str,
        /// What the reader stumbled over.
        reason: String,
    },
}

const PAGERDUTY_FROM: &str = "PAGERDUTY_FROM";
const PAGERDUTY_TOKEN: &str = "PAGERDUTY_TOKEN";
const INTEGRATION_KEY: &str = "OPSGENIE_INTEGRATION_KEY";

impl Account {
    /// The account that the environment describes, with an API key or, for PagerDuty, `PAGERDUTY_TOKEN` (an OAuth token).
    ///
    /// # Errors
    ///
    /// When a variable is missing, or two of them contradict each other. The message names them.
    pub fn from_environment(vendor: Vendor, environment: &Environment) -> Result<Self, AccountError> {
        let token = environment.get(PAGERDUTY_TOKEN).filter(|_| vendor == Vendor::PagerDuty);
        match token {
            None => Self::with_shared_key(vendor, environment),
            Some(_) if environment.get(vendor.key_variable()).is_some() => {
                Err(AccountError::Ambiguous { one: vendor.key_variable(), other: PAGERDUTY_TOKEN })
            }
            Some(token) => Ok(Self {
                vendor,
                method: mcp_provider_pagerduty::OAUTH,
                fields: vec![(mcp_provider_pagerduty::ACCESS_TOKEN_FIELD, Secret::new(token))],
                actor_email: None,
            }),
        }
    }

    /// The account that the environment describes, with an API key that all callers may share.
    ///
    /// # Errors
    ///
    /// When a variable is missing. The message names it.
    pub fn with_shared_key(vendor: Vendor, environment: &Environment) -> Result<Self, AccountError> {
        let missing = |variable, what| AccountError::Missing { vendor, variable, what };
        let what = match vendor {
            Vendor::Statuspage => "a user's API key (profile menu, API info)",
            Vendor::Opsgenie => "a key from API key management, or of an API integration",
            Vendor::PagerDuty => "a REST API key of the account or of a user",
        };
        let variable = vendor.key_variable();
        let key = environment.get(variable).ok_or_else(|| missing(variable, what))?;
        let mut account = Self::new(vendor, Secret::new(key));
        if let Some(key) = environment.get(INTEGRATION_KEY).filter(|_| vendor == Vendor::Opsgenie) {
            account = account.with_integration_key(Secret::new(key));
        }
        if vendor == Vendor::PagerDuty {
            let what = "the login (e-mail address) of the user in whose name changes are made";
            let from = environment.get(PAGERDUTY_FROM).ok_or_else(|| missing(PAGERDUTY_FROM, what))?;
            account = account.with_actor_email(from);
        }
        Ok(account)
    }

    /// An account with this API key.
    pub fn new(vendor: Vendor, key: Secret) -> Self {
        let field = match vendor {
            Vendor::Statuspage => mcp_provider_statuspage::API_KEY_FIELD,
            Vendor::Opsgenie => mcp_provider_opsgenie::API_KEY_FIELD,
            Vendor::PagerDuty => mcp_provider_pagerduty::API_KEY_FIELD,
        };
        Self { fields: vec![(field, key)], ..Self::empty(vendor) }
    }

    /// An account whose key is not known: enough to see what would be sent. A PagerDuty actor that the environment does not
    /// name is `somebody@example.com`.
    pub fn without_key(vendor: Vendor, environment: &Environment) -> Self {
        let account = Self::empty(vendor);
        match environment.get(PAGERDUTY_FROM).filter(|_| vendor == Vendor::PagerDuty) {
            Some(from) => account.with_actor_email(from),
            None => account,
        }
    }

    fn empty(vendor: Vendor) -> Self {
        let method = match vendor {
            Vendor::Statuspage => mcp_provider_statuspage::API_KEY,
            Vendor::Opsgenie => mcp_provider_opsgenie::API_KEY,
            Vendor::PagerDuty => mcp_provider_pagerduty::API_KEY,
        };
        let actor_email = (vendor == Vendor::PagerDuty).then(|| "somebody@example.com".to_owned());
        Self { vendor, method, fields: Vec::new(), actor_email }
    }

    /// The same account with a well-formed key that the vendor does not know.
    #[must_use]
    pub fn with_wrong_key(&self) -> Self {
        let key = match self.vendor {
            Vendor::Statuspage => "00000000-wrong-key-0000-000000000000",
            Vendor::Opsgenie => "00000000-0000-4000-8000-000000000000",
            Vendor::PagerDuty => "u+00000000000000wron",
        };
        Self { actor_email: self.actor_email.clone(), ..Self::new(self.vendor, Secret::new(key)) }
    }

    /// The same account without its key: for a server whose key is still in question.
    #[must_use]
    pub fn with_no_key(&self) -> Self {
        Self { fields: Vec::new(), ..self.clone() }
    }

    /// With the key of an API integration, without which Opsgenie does not let alerts be created, acknowledged or closed; other vendors take
    /// no such thing.
    #[must_use]
    pub fn with_integration_key(mut self, key: Secret) -> Self {
        self.fields.push((mcp_provider_opsgenie::INTEGRATION_KEY_FIELD, key));
        self
    }

    /// In the name of this PagerDuty user; other vendors take no such thing.
    #[must_use]
    pub fn with_actor_email(mut self, email: impl Into<String>) -> Self {
        self.actor_email = Some(email.into());
        self
    }

    /// The vendor.
    pub fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// Whether there is a key at all.
    pub fn has_key(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether a text holds one of the account's secrets: no output may.
    pub fn leaks_into(&self, text: &str) -> bool {
        self.fields.iter().any(|(_, secret)| text.contains(secret.expose()))
    }

    /// The credential.
    ///
    /// # Errors
    ///
    /// None in practice: the auth methods are constants.
    pub fn credential(&self) -> Result<Credential, ParseIdError> {
        let empty = Credential::new(AuthMethodId::new(self.method)?);
        Ok(self.fields.iter().fold(empty, |credential, (name, secret)| credential.with_field(*name, secret.clone())))
    }

    /// Whose the credential is: an OAuth token is a person's own.
    pub fn sharing(&self) -> CredentialSharing {
        if self.method == mcp_provider_pagerduty::OAUTH {
            CredentialSharing::PerUser
        } else {
            CredentialSharing::Shared
        }
    }

    /// The server's row: the vendor's id is its prefix.
    ///
    /// # Errors
    ///
    /// None in practice: the ids are constants.
    pub fn server_spec(&self, place: &Place) -> Result<ServerSpec, ParseIdError> {
        let id = self.vendor.id();
        let method = AuthMethodId::new(self.method)?;
        let mut spec = ServerSpec::new(ProviderId::new(id)?, self.vendor.title(), ToolPrefix::new(id)?, method)
            .with_sharing(self.sharing());
        if let Some(email) = self.actor_email.as_ref().filter(|_| self.sharing() == CredentialSharing::Shared) {
            spec = spec.with_config(mcp_provider_pagerduty::ACTOR_EMAIL, email);
        }
        spec.config.extend(place.config.clone());
        spec.region.clone_from(&place.region);
        spec.base_url.clone_from(&place.base_url);
        Ok(spec)
    }
}

impl Place {
    /// Where the environment points a vendor: `*_BASE_URL`.
    ///
    /// # Errors
    ///
    /// When it is not a URL.
    pub fn from_environment(vendor: Vendor, environment: &Environment) -> Result<Self, AccountError> {
        let variable = vendor.base_url_variable();
        let Some(text) = environment.get(variable) else { return Ok(Self::default()) };
        let url = Url::parse(text).map_err(|error| AccountError::Url { variable, reason: error.to_string() })?;
        Ok(Self::default().with_base_url(url))
    }

    /// In one of the vendor's regions.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// At this base URL.
    #[must_use]
    pub fn with_base_url(mut self, url: Url) -> Self {
        self.base_url = Some(url);
        self
    }

    /// With something else that the server is configured with, as the provider's documentation names it: Statuspage's
    /// `page_ids`. It counts before what the account says.
    #[must_use]
    pub fn with_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(name.into(), value.into());
        self
    }

    /// The base URL, when it is another one than the vendor's own.
    pub fn base_url(&self) -> Option<&Url> {
        self.base_url.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_KEYS: [(&str, &str); 5] = [
        ("STATUSPAGE_API_KEY", "canary-1"),
        ("OPSGENIE_API_KEY", "canary-2"),
        ("OPSGENIE_INTEGRATION_KEY", "canary-3"),
        ("PAGERDUTY_API_KEY", "canary-4"),
        ("PAGERDUTY_FROM", "ann@example.com"),
    ];

    fn fields(account: &Account) -> Vec<String> {
        account.credential().unwrap().fields().keys().cloned().collect()
    }

    #[test]
    fn every_key_reaches_its_own_field() {
        let environment = Environment::of(ALL_KEYS);
        let account = |vendor| Account::from_environment(vendor, &environment).unwrap();
        assert_eq!(fields(&account(Vendor::Statuspage)), ["api_key"]);
        assert_eq!(fields(&account(Vendor::Opsgenie)), ["api_key", "integration_key"]);
        let pagerduty = account(Vendor::PagerDuty);
        assert_eq!(fields(&pagerduty), ["api_key"]);
        let spec = pagerduty.server_spec(&Place::default()).unwrap();
        assert_eq!(spec.config.get("actor_email").map(String::as_str), Some("ann@example.com"));
        assert!(pagerduty.leaks_into("x canary-4 x") && !pagerduty.leaks_into("canary-1"));
        assert!(!format!("{pagerduty:?}").contains("canary"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        for absent in ["STATUSPAGE_API_KEY", "OPSGENIE_API_KEY", "PAGERDUTY_API_KEY", "PAGERDUTY_FROM"] {
            let environment = Environment::of(ALL_KEYS.into_iter().filter(|(name, _)| *name != absent));
            let vendor = Vendor::ALL.into_iter().find(|vendor| absent.to_lowercase().starts_with(vendor.id())).unwrap();
            let error = Account::from_environment(vendor, &environment).unwrap_err().to_string();
            assert!(error.contains(absent), "{error}");
        }
    }

    #[test]
    fn a_pagerduty_token_is_a_persons_own_and_needs_no_actor() {
        let environment = Environment::of([("PAGERDUTY_TOKEN", "canary")]);
        let account = Account::from_environment(Vendor::PagerDuty, &environment).unwrap();
        let spec = account.server_spec(&Place::default()).unwrap();
        assert_eq!((spec.auth_method.as_str(), spec.sharing), ("oauth", CredentialSharing::PerUser));
        assert!(spec.config.is_empty());
        let both = Environment::of([("PAGERDUTY_TOKEN", "canary"), ("PAGERDUTY_API_KEY", "canary")]);
        let error = Account::from_environment(Vendor::PagerDuty, &both).unwrap_err().to_string();
        assert!(error.contains("PAGERDUTY_TOKEN") && error.contains("PAGERDUTY_API_KEY"), "{error}");
    }

    #[test]
    fn what_a_place_says_of_the_configuration_counts_before_the_account() {
        let account = Account::from_environment(Vendor::PagerDuty, &Environment::of(ALL_KEYS)).unwrap();
        let place = Place::default().with_config("actor_email", "ben@example.com").with_config("other", "x");
        let config = account.server_spec(&place).unwrap().config;
        assert_eq!(
            config.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            ["actor_email=ben@example.com", "other=x"]
        );
    }

    #[test]
    fn a_base_url_that_is_none_is_refused_by_name() {
        let environment = Environment::of([("OPSGENIE_BASE_URL", "here")]);
        let error = Place::from_environment(Vendor::Opsgenie, &environment).unwrap_err().to_string();
        assert!(error.contains("OPSGENIE_BASE_URL"), "{error}");
        assert_eq!(Place::from_environment(Vendor::Statuspage, &environment).unwrap(), Place::default());
    }

    #[test]
    fn the_wrong_key_belongs_to_the_same_account() {
        let account = Account::from_environment(Vendor::PagerDuty, &Environment::of(ALL_KEYS)).unwrap();
        let wrong = account.with_wrong_key();
        let spec = |account: &Account| account.server_spec(&Place::default()).unwrap();
        assert_eq!(spec(&wrong), spec(&account));
        assert!(!wrong.leaks_into("canary-4") && wrong.has_key());
    }
}
