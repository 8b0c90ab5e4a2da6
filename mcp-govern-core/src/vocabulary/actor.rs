//! Who governs: a person with governance roles, or the system itself.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{GroupId, UserId};

/// A governance role. The embedding application says who holds which; core enforces what each may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything; activates governance.
    Owner,
    /// Servers, tools, toolsets, binding, settings, clients, kill switches.
    GovernanceAdmin,
    /// The servers that name the person as owner, and their tools.
    ServerOwner,
    /// Profiles, grants and requests; never to oneself.
    ProfileAdmin,
    /// Reads everything.
    Auditor,
    /// Asks for profiles and calls tools. Every person has it.
    User,
}

impl Role {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::GovernanceAdmin, Self::ServerOwner, Self::ProfileAdmin, Self::Auditor, Self::User];

    /// The role's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::GovernanceAdmin => "governance_admin",
            Self::ServerOwner => "server_owner",
            Self::ProfileAdmin => "profile_admin",
            Self::Auditor => "auditor",
            Self::User => "user",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who sends a command: a person with the roles that the embedding application has established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    user: UserId,
    roles: BTreeSet<Role>,
    groups: BTreeSet<GroupId>,
    kind: ActorKind,
}

/// Whether anybody signs in as an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActorKind {
    Person,
    Process,
}

impl Actor {
    /// A person with the roles; [`Role::User`] is always among them.
    pub fn new(user: UserId, roles: impl IntoIterator<Item = Role>) -> Self {
        let roles = roles.into_iter().chain([Role::User]).collect();
        Self { user, roles, groups: BTreeSet::new(), kind: ActorKind::Person }
    }

    /// A process that acts by a configuration, in a name under which no person signs in and calls tools. It has no access of its own, so
    /// that the rules on what a person may give oneself do not bear on it: the person who writes its configuration answers for it.
    pub fn process(name: UserId, roles: impl IntoIterator<Item = Role>) -> Self {
        Self { kind: ActorKind::Process, ..Self::new(name, roles) }
    }

    /// With the groups that the identity provider states; they count where a group is an approver or owner.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = GroupId>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// The person.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The person's roles.
    pub fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    /// The person's groups.
    pub fn groups(&self) -> &BTreeSet<GroupId> {
        &self.groups
    }

    /// Whether it is a process, not a person ([`Actor::process`]).
    pub fn is_process(&self) -> bool {
        self.kind == ActorKind::Process
    }

    /// Whether the person holds the role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The actor as a commit records it.
    pub fn to_recorded(&self) -> RecordedActor {
        RecordedActor { user: self.user.clone(), roles: self.roles.clone() }
    }
}

/// An actor as the journal records it: the roles at the time of the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedActor {
    /// The person.
    pub user: UserId,
    /// The roles at the time.
    pub roles: BTreeSet<Role>,
}
