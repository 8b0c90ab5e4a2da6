//! What a tenant decides for all its servers.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ClientRule, ClientType, DriftPolicy, NewToolState};

/// A tenant's settings. The defaults are the strict ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The state of new tools where the server says nothing.
    pub new_tools: NewToolState,
    /// What becomes of changed tools where the server says nothing.
    pub drift: DriftPolicy,
    /// The client types that may call.
    pub client_types: BTreeSet<ClientType>,
    /// What kind of client each is; the first rule that matches counts.
    #[serde(default)]
    pub client_rules: Vec<ClientRule>,
    /// The type of a client that no rule matches; denied when absent.
    #[serde(default)]
    pub unmatched_client: Option<ClientType>,
    /// Where calls may come from; anywhere when empty. A call without a known source is denied when this is not empty.
    #[serde(default)]
    pub sources: Vec<IpNet>,
    /// Whether tools that a person could ask for are listed.
    #[serde(default)]
    pub list_requestable: RequestableTools,
}

/// Whether tools that a person could ask for are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestableTools {
    /// Left out of the list.
    #[default]
    Unlisted,
    /// Listed; a call says how to ask.
    Listed,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            new_tools: NewToolState::PendingReview,
            drift: DriftPolicy::default(),
            client_types: BTreeSet::from([ClientType::Personal]),
            client_rules: Vec::new(),
            unmatched_client: None,
            sources: Vec::new(),
            list_requestable: RequestableTools::Unlisted,
        }
    }
}

impl Settings {
    /// The type of a client by rule.
    pub fn client_type(&self, client: &super::ClientId) -> Option<ClientType> {
        let rule = self.client_rules.iter().find(|rule| rule.matches(client));
        rule.map(|rule| rule.client_type).or(self.unmatched_client)
    }

    /// With another state for new tools.
    #[must_use]
    pub fn with_new_tools(mut self, state: NewToolState) -> Self {
        self.new_tools = state;
        self
    }

    /// With another treatment of changed tools.
    #[must_use]
    pub fn with_drift(mut self, drift: DriftPolicy) -> Self {
        self.drift = drift;
        self
    }

    /// With these client types allowed.
    #[must_use]
    pub fn with_client_types(mut self, types: impl IntoIterator<Item = ClientType>) -> Self {
        self.client_types = types.into_iter().collect();
        self
    }

    /// With these rules on clients.
    #[must_use]
    pub fn with_client_rules(mut self, rules: impl IntoIterator<Item = ClientRule>) -> Self {
        self.client_rules = rules.into_iter().collect();
        self
    }

    /// With a type for clients that no rule matches.
    #[must_use]
    pub fn with_unmatched_client(mut self, client_type: ClientType) -> Self {
        self.unmatched_client = Some(client_type);
        self
    }

    /// With calls from these networks only.
    #[must_use]
    pub fn with_sources(mut self, sources: impl IntoIterator<Item = IpNet>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// With requestable tools listed or not.
    #[must_use]
    pub fn with_list_requestable(mut self, listed: RequestableTools) -> Self {
        self.list_requestable = listed;
        self
    }
}
