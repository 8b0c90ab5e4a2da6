//! The document's form. Defaults are the strict ones; unknown fields are refused.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ToolChoice, optional_seconds, seconds};
use crate::provider::ProviderInfo;
use crate::vocabulary::{
    ApprovalStep, ApproverRule, ArgumentRule, AuthMethodId, ClientRule, ClientType, CredentialSharing, Digest,
    DriftPolicy, EditionId, Follows, GrantId, Grantee, Justification, Label, NewToolState, ProfileId, ProfileSpec,
    ProfileVisibility, ProviderId, RequestPolicy, RequestableTools, SelfApproval, ServerId, ServerSpec, Settings,
    Timestamp, ToolId, ToolName, ToolPrefix, ToolsetBinding, ToolsetId, UserId,
};

/// Governance as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Blueprint {
    /// Whether calls are to be admitted.
    pub governance: GovernanceBlueprint,
    /// What becomes of what the blueprint does not name.
    pub unnamed: Unnamed,
    /// The tenant's settings.
    pub settings: SettingsBlueprint,
    /// Servers by id.
    pub servers: BTreeMap<ServerId, ServerBlueprint>,
    /// Toolsets by id.
    pub toolsets: BTreeMap<ToolsetId, ToolsetBlueprint>,
    /// Profiles by id.
    pub profiles: BTreeMap<ProfileId, ProfileBlueprint>,
    /// Grants by id.
    pub grants: BTreeMap<GrantId, GrantBlueprint>,
}

impl Blueprint {
    /// With what is not named kept or removed.
    #[must_use]
    pub fn with_unnamed(mut self, unnamed: Unnamed) -> Self {
        self.unnamed = unnamed;
        self
    }
}

/// Whether calls are to be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GovernanceBlueprint {
    /// As it is.
    #[default]
    Unchanged,
    /// Governance is activated, once everything else is in place.
    Activated,
}

/// What becomes of what a blueprint does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unnamed {
    /// It is left alone.
    #[default]
    Keep,
    /// Servers, toolsets, profiles, their tools and bindings, and grants are removed. Grants that answer a request stay.
    Remove,
}

/// Settings that are to be changed; what is absent stays as it is. The fields are those of [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SettingsBlueprint {
    /// The state of new tools where the server says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tools: Option<NewToolState>,
    /// What becomes of changed tools where the server says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
    /// The client types that may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_types: Option<BTreeSet<ClientType>>,
    /// What kind of client each is; the first rule that matches counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_rules: Option<Vec<ClientRule>>,
    /// The type of a client that no rule matches. A blueprint sets it; taking it away is done by a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched_client: Option<ClientType>,
    /// Where calls may come from; anywhere when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<IpNet>>,
    /// Whether tools that a person could ask for are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_requestable: Option<RequestableTools>,
}

/// A server, and which of its tools are approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerBlueprint {
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
    /// A base URL other than the region's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<url::Url>,
    /// How the vendor is told who calls.
    pub auth_method: AuthMethodId,
    /// Whose credential a call uses: `shared` unless it says `per_user`.
    #[serde(default = "shared")]
    pub sharing: CredentialSharing,
    /// What the provider wants to know and is no secret.
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
    /// Tools that are approved when nobody has reviewed them yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approve: Vec<ToolChoice>,
    /// Tools that are approved under exactly this digest, also when they have changed since a review.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<ToolName, Digest>,
}

fn shared() -> CredentialSharing {
    CredentialSharing::Shared
}

impl ServerBlueprint {
    /// A server as its row says, with no tool approved.
    pub fn new(spec: ServerSpec) -> Self {
        Self {
            provider: spec.provider,
            edition: spec.edition,
            title: spec.title,
            prefix: spec.prefix,
            region: spec.region,
            base_url: spec.base_url,
            auth_method: spec.auth_method,
            sharing: spec.sharing,
            config: spec.config,
            new_tools: spec.new_tools,
            drift: spec.drift,
            rules: spec.rules,
            owners: spec.owners,
            approve: Vec::new(),
            pins: BTreeMap::new(),
        }
    }

    /// The server's row as the provider names its edition: its first one is not named, so that a file that does is no other row.
    #[must_use]
    pub fn with_canonical_edition(mut self, provider: &ProviderInfo) -> Self {
        self.edition = provider.canonical_edition(self.edition.as_ref());
        self
    }

    /// With tools that are approved when nobody has reviewed them yet.
    #[must_use]
    pub fn with_approve(mut self, choices: impl IntoIterator<Item = ToolChoice>) -> Self {
        self.approve = choices.into_iter().collect();
        self
    }

    /// The server's row.
    pub fn spec(&self) -> ServerSpec {
        ServerSpec {
            provider: self.provider.clone(),
            edition: self.edition.clone(),
            title: self.title.clone(),
            prefix: self.prefix.clone(),
            region: self.region.clone(),
            base_url: self.base_url.clone(),
            auth_method: self.auth_method.clone(),
            sharing: self.sharing,
            config: self.config.clone(),
            new_tools: self.new_tools,
            drift: self.drift,
            rules: self.rules.clone(),
            owners: self.owners.clone(),
        }
    }
}

/// A toolset: of chosen tools, or one that follows a server by rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ToolsetBlueprint {
    /// A name for people.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The chosen tools. Each is put in once it is approved.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tools: BTreeSet<ToolId>,
    /// Rules on chosen tools, by tool.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<ToolId, Vec<ArgumentRule>>,
    /// Which server it follows instead of holding chosen tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
}

impl ToolsetBlueprint {
    /// Title and description.
    pub fn label(&self) -> Label {
        Label::new(&self.title).with_description(&self.description)
    }
}

/// A profile with its bindings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProfileBlueprint {
    /// A name for people.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who may ask for it; nobody unless it says.
    #[serde(default)]
    pub visibility: ProfileVisibility,
    /// How a request is decided.
    #[serde(default)]
    pub policy: PolicyBlueprint,
    /// The bound toolsets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub toolsets: BTreeSet<ToolsetId>,
    /// Rules on everything that is reached through a binding, by toolset.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<ToolsetId, Vec<ArgumentRule>>,
}

impl ProfileBlueprint {
    /// The profile as an admin writes it.
    pub fn spec(&self) -> ProfileSpec {
        ProfileSpec::new(Label::new(&self.title).with_description(&self.description))
            .with_visibility(self.visibility.clone())
            .with_policy(self.policy.clone().into())
    }

    /// Its bindings, each with its rules.
    pub fn bindings(&self) -> impl Iterator<Item = ToolsetBinding> {
        self.toolsets.iter().map(|toolset| ToolsetBinding {
            toolset: toolset.clone(),
            rules: self.rules.get(toolset).cloned().unwrap_or_default(),
        })
    }
}

/// How a request is decided: a [`RequestPolicy`] whose every field may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PolicyBlueprint {
    /// The approval steps; `[]` = approved at once; absent = one step that nobody can approve.
    pub steps: Vec<ApprovalStep>,
    /// Whether the person who asks may approve, when among the approvers.
    pub self_approval: SelfApproval,
    /// Whether one person may approve in more than one step.
    pub approvers: ApproverRule,
    /// Whether a request must say why.
    pub justification: Justification,
    /// The longest grant, in seconds or as a text such as `8h`; unlimited when absent.
    #[serde(deserialize_with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub longest_seconds: Option<u64>,
    /// After how many seconds an undecided request expires; also a text such as `7d`.
    #[serde(deserialize_with = "seconds")]
    pub expires_after_seconds: u64,
}

impl Default for PolicyBlueprint {
    fn default() -> Self {
        RequestPolicy::default().into()
    }
}

impl From<RequestPolicy> for PolicyBlueprint {
    fn from(policy: RequestPolicy) -> Self {
        let RequestPolicy { steps, self_approval, approvers, justification, longest_seconds, expires_after_seconds } =
            policy;
        Self { steps, self_approval, approvers, justification, longest_seconds, expires_after_seconds }
    }
}

impl From<PolicyBlueprint> for RequestPolicy {
    fn from(policy: PolicyBlueprint) -> Self {
        let PolicyBlueprint { steps, self_approval, approvers, justification, longest_seconds, expires_after_seconds } =
            policy;
        Self { steps, self_approval, approvers, justification, longest_seconds, expires_after_seconds }
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantBlueprint {
    /// The profile.
    pub profile: ProfileId,
    /// To whom.
    pub grantee: Grantee,
    /// When it ends, as an RFC 3339 text; never where absent. A grant that has ended is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl GrantBlueprint {
    /// A grant without end.
    pub fn new(profile: ProfileId, grantee: Grantee) -> Self {
        Self { profile, grantee, until: None }
    }

    /// With an end.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }
}

impl SettingsBlueprint {
    /// The settings with what the blueprint says.
    #[must_use]
    pub fn over(&self, current: &Settings) -> Settings {
        let mut settings = current.clone();
        let Self { new_tools, drift, client_types, client_rules, unmatched_client, sources, list_requestable } =
            self.clone();
        settings.new_tools = new_tools.unwrap_or(settings.new_tools);
        settings.drift = drift.unwrap_or(settings.drift);
        settings.client_types = client_types.unwrap_or(settings.client_types);
        settings.client_rules = client_rules.unwrap_or(settings.client_rules);
        settings.unmatched_client = unmatched_client.or(settings.unmatched_client);
        settings.sources = sources.unwrap_or(settings.sources);
        settings.list_requestable = list_requestable.unwrap_or(settings.list_requestable);
        settings
    }
}
