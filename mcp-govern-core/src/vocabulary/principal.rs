//! Who calls: a person or service, through an AI client, from somewhere.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{ClientId, GroupId, UserId};

/// The kind of an AI client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// One registration for one person.
    Personal,
    /// One registration for many people.
    Shared,
    /// No person behind it.
    Service,
    /// One session; never written into the journal.
    Ephemeral,
}

impl ClientType {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Personal, Self::Shared, Self::Service, Self::Ephemeral];

    /// The type's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Shared => "shared",
            Self::Service => "service",
            Self::Ephemeral => "ephemeral",
        }
    }
}

impl fmt::Display for ClientType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who calls a tool: made by the embedding application from what it has authenticated, never from what a model says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Principal {
    /// The person; for a service client the subject that its token names.
    pub user: UserId,
    /// The groups that the identity provider states for the person.
    #[serde(default)]
    pub groups: BTreeSet<GroupId>,
    /// The AI client.
    pub client: ClientId,
    /// Where the call comes from, when that is known.
    #[serde(default)]
    pub source: Option<IpAddr>,
}

impl Principal {
    /// A person who calls through a client.
    pub fn new(user: UserId, client: ClientId) -> Self {
        Self { user, groups: BTreeSet::new(), client, source: None }
    }

    /// With the groups that the identity provider states.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = GroupId>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// With the address that the call comes from.
    #[must_use]
    pub fn with_source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }
}

/// The user, group or service to which a profile is granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Grantee {
    /// A person.
    User(UserId),
    /// All people whose identity provider states the group.
    Group(GroupId),
    /// A service: an AI client of type `service`. A person never holds such a grant.
    Service(ClientId),
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::Service(client) => write!(f, "service {client}"),
        }
    }
}

/// Which AI clients a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRule {
    /// The issuer; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<super::Issuer>,
    /// The client ids that match.
    pub client: ClientMatch,
    /// What such a client is.
    #[serde(rename = "type")]
    pub client_type: ClientType,
}

/// Which client ids match a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMatch {
    /// Every client of the issuer.
    Any,
    /// Exactly this id.
    Exactly(super::ClientName),
    /// Ids that start with this text, for example the origin of client metadata documents.
    Prefix(super::ClientName),
}

impl ClientRule {
    /// Whether the rule speaks of the client.
    pub fn matches(&self, client: &ClientId) -> bool {
        let issuer = self.issuer.as_ref().is_none_or(|issuer| *issuer == client.issuer);
        issuer
            && match &self.client {
                ClientMatch::Any => true,
                ClientMatch::Exactly(name) => *name == client.name,
                ClientMatch::Prefix(prefix) => client.name.as_str().starts_with(prefix.as_str()),
            }
    }
}
