//! Toolsets, access profiles, and the policy of asking for one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{ArgumentRule, Effect, Grantee, GroupId, Risk, ServerId, ToolId, ToolsetId, UserId};

/// What a toolset holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToolsetContent {
    /// Tools that were chosen one by one, each with its own rules.
    Chosen(BTreeMap<ToolId, ToolsetEntry>),
    /// Follows by rule: every approved tool of a server, or of some areas of it, up to an effect. Read-only.
    Maintained(Follows),
}

/// What a maintained toolset follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Follows {
    /// The server.
    pub server: ServerId,
    /// Only tools of these areas ([`ToolDefinition::area`](crate::ToolDefinition::area)); of every area, and of none, when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub areas: BTreeSet<String>,
    /// Only tools with at most this effect and without risk; every approved tool when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Effect>,
}

impl Follows {
    /// Every approved tool of a server.
    pub fn new(server: ServerId) -> Self {
        Self { server, areas: BTreeSet::new(), up_to: None }
    }

    /// Only tools of these areas.
    #[must_use]
    pub fn with_areas<A: Into<String>>(mut self, areas: impl IntoIterator<Item = A>) -> Self {
        self.areas = areas.into_iter().map(Into::into).collect();
        self
    }

    /// Only tools with at most this effect and without risk.
    #[must_use]
    pub fn with_up_to(mut self, effect: Effect) -> Self {
        self.up_to = Some(effect);
        self
    }

    /// Whether a tool of this effect and risk is among those that it follows. `areas` are those that its definitions state, where
    /// more than one is looked at: each must be meant.
    pub(crate) fn takes(&self, tool: &ToolId, effect: Effect, risk: Risk, areas: &[Option<&str>]) -> bool {
        let of_area = |area: Option<&str>| area.is_some_and(|area| self.areas.contains(area));
        *tool.server() == self.server
            && (self.areas.is_empty() || areas.iter().copied().all(of_area))
            && self.up_to.is_none_or(|most| effect <= most && risk == Risk::None)
    }
}

/// A tool within a toolset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolsetEntry {
    /// Rules that hold when the tool is reached through this toolset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ArgumentRule>,
}

/// Title and description of a toolset or profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// A name for people.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl Label {
    /// A title without description.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), description: String::new() }
    }

    /// With a description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }
}

/// An access profile, as a profile admin writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProfileSpec {
    /// Title and description.
    pub label: Label,
    /// Who may ask for it.
    pub visibility: ProfileVisibility,
    /// How a request is decided.
    pub policy: RequestPolicy,
}

impl ProfileSpec {
    /// A profile that no person can ask for.
    pub fn new(label: Label) -> Self {
        Self { label, visibility: ProfileVisibility::Nobody, policy: RequestPolicy::default() }
    }

    /// With people who may ask for it.
    #[must_use]
    pub fn with_visibility(mut self, visibility: ProfileVisibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// With a policy for requests.
    #[must_use]
    pub fn with_policy(mut self, policy: RequestPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// Who may ask for a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProfileVisibility {
    /// No person: it is only granted.
    #[default]
    Nobody,
    /// Every person.
    Everyone,
    /// These people and members of these groups.
    Only(BTreeSet<Grantee>),
}

impl ProfileVisibility {
    /// Whether a person with these groups may ask.
    pub fn shows(&self, user: &UserId, groups: &BTreeSet<GroupId>) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everyone => true,
            Self::Only(grantees) => grantees.iter().any(|grantee| match grantee {
                Grantee::User(other) => other == user,
                Grantee::Group(group) => groups.contains(group),
                Grantee::Service(_) => false,
            }),
        }
    }
}

/// How a request for a profile is decided. A request is governed by the policy of the moment it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RequestPolicy {
    /// The approval steps, one after the other; none = approved at once.
    pub steps: Vec<ApprovalStep>,
    /// Whether the person who asks may approve, when among the approvers.
    pub self_approval: SelfApproval,
    /// Whether one person may approve in more than one step.
    pub approvers: ApproverRule,
    /// Whether a request must say why.
    pub justification: Justification,
    /// The longest grant, in seconds; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_seconds: Option<u64>,
    /// After how many seconds an undecided request expires.
    pub expires_after_seconds: u64,
}

impl Default for RequestPolicy {
    /// An approval without approvers cannot be given: the default policy has one step without approvers, so
    /// that a profile whose policy was not thought about hands out nothing.
    fn default() -> Self {
        Self {
            steps: vec![ApprovalStep { approvers: BTreeSet::new(), quorum: 1 }],
            self_approval: SelfApproval::Refused,
            approvers: ApproverRule::Distinct,
            justification: Justification::Optional,
            longest_seconds: None,
            expires_after_seconds: 7 * 24 * 3600,
        }
    }
}

impl RequestPolicy {
    /// Every request is approved at once.
    pub fn automatic() -> Self {
        Self { steps: Vec::new(), ..Self::default() }
    }

    /// One step: any one of these approves.
    pub fn approved_by(approvers: impl IntoIterator<Item = Grantee>) -> Self {
        let step = ApprovalStep { approvers: approvers.into_iter().collect(), quorum: 1 };
        Self { steps: vec![step], ..Self::default() }
    }

    /// With the last step's quorum.
    #[must_use]
    pub fn with_quorum(mut self, quorum: u32) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.quorum = quorum;
        }
        self
    }

    /// With a further step after the others.
    #[must_use]
    pub fn with_step(mut self, step: ApprovalStep) -> Self {
        self.steps.push(step);
        self
    }

    /// With self-approval allowed or refused.
    #[must_use]
    pub fn with_self_approval(mut self, self_approval: SelfApproval) -> Self {
        self.self_approval = self_approval;
        self
    }

    /// With approvers of several steps distinct or not.
    #[must_use]
    pub fn with_approvers(mut self, approvers: ApproverRule) -> Self {
        self.approvers = approvers;
        self
    }

    /// With a justification required or optional.
    #[must_use]
    pub fn with_justification(mut self, justification: Justification) -> Self {
        self.justification = justification;
        self
    }

    /// With a longest duration, in whole seconds.
    #[must_use]
    pub fn with_longest(mut self, longest: Duration) -> Self {
        self.longest_seconds = Some(longest.as_secs());
        self
    }

    /// With another time after which an undecided request expires, in whole seconds.
    #[must_use]
    pub fn with_expiry(mut self, after: Duration) -> Self {
        self.expires_after_seconds = after.as_secs();
        self
    }
}

/// One step of approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStep {
    /// Who may approve: people and groups.
    pub approvers: BTreeSet<Grantee>,
    /// How many different people must; at least 1.
    pub quorum: u32,
}

/// Whether the person who asks may approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfApproval {
    /// Never.
    Refused,
    /// When among the approvers.
    Allowed,
}

/// Whether one person may approve in more than one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApproverRule {
    /// Every approval comes from another person.
    Distinct,
    /// A person may approve once in each step.
    OncePerStep,
}

/// Whether a request must say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Justification {
    /// It may be left out.
    Optional,
    /// It must be there.
    Required,
}

/// A toolset bound to a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolsetBinding {
    /// The toolset.
    pub toolset: ToolsetId,
    /// Rules that hold for every tool reached through this binding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ArgumentRule>,
}
