//! What people are given: toolsets, profiles, grants, requests, and the AI clients that they use.

use std::collections::BTreeMap;

use crate::vocabulary::{
    ClientType, Grantee, Label, ProfileId, ProfileSpec, RequestId, RequestPolicy, Timestamp, ToolsetBinding,
    ToolsetContent, ToolsetId, UserId,
};

/// A set of approved tools: chosen ones with rules of their own, or those that a rule keeps in it ([`ToolsetContent`]).
#[derive(Debug, Clone)]
pub struct Toolset {
    pub(crate) label: Label,
    pub(crate) content: ToolsetContent,
}

impl Toolset {
    /// Title and description.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// What it holds. A tool that was disabled or removed stays listed; it is skipped when calls are admitted.
    pub fn content(&self) -> &ToolsetContent {
        &self.content
    }
}

/// What people hold: toolsets with the rules under which they are bound, who may ask for it, and how a request is decided.
#[doc(alias = "Profile")]
#[doc(alias = "role")]
#[doc(alias = "RBAC")]
#[derive(Debug, Clone)]
pub struct AccessProfile {
    pub(crate) spec: ProfileSpec,
    pub(crate) bindings: BTreeMap<ToolsetId, ToolsetBinding>,
    /// Who set visibility and policy last.
    pub(crate) policy_by: UserId,
}

impl AccessProfile {
    /// What the admin wrote.
    pub fn spec(&self) -> &ProfileSpec {
        &self.spec
    }

    /// Who set its visibility and its policy last: a request of this person's own is not decided by them alone.
    pub fn policy_by(&self) -> &UserId {
        &self.policy_by
    }

    /// The bound toolsets.
    pub fn bindings(&self) -> &BTreeMap<ToolsetId, ToolsetBinding> {
        &self.bindings
    }
}

/// A grant. Its end is derived from `until`, never an event.
#[derive(Debug, Clone)]
pub struct Grant {
    pub(crate) profile: ProfileId,
    pub(crate) grantee: Grantee,
    pub(crate) until: Option<Timestamp>,
    pub(crate) by: UserId,
    pub(crate) at: Timestamp,
    pub(crate) request: Option<RequestId>,
}

impl Grant {
    /// The profile.
    pub fn profile(&self) -> &ProfileId {
        &self.profile
    }

    /// Who holds it.
    pub fn grantee(&self) -> &Grantee {
        &self.grantee
    }

    /// When it ends.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Who granted it; for a request, the last approver.
    pub fn by(&self) -> &UserId {
        &self.by
    }

    /// When it was granted.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The request that it answers.
    pub fn request(&self) -> Option<&RequestId> {
        self.request.as_ref()
    }

    /// Whether it holds at `now`: a grant ends at `until`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for approvers.
    Pending,
    /// Approved; the grant was made.
    Approved,
    /// Denied by an approver.
    Denied,
    /// Taken back.
    Cancelled,
    /// Nobody decided in time.
    Expired,
}

/// A person's request for a profile.
#[derive(Debug, Clone)]
pub struct AccessRequest {
    pub(crate) profile: ProfileId,
    pub(crate) user: UserId,
    pub(crate) justification: Option<String>,
    pub(crate) seconds: Option<u64>,
    pub(crate) policy: RequestPolicy,
    /// Who had set that policy.
    pub(crate) policy_by: UserId,
    pub(crate) at: Timestamp,
    pub(crate) expires: Timestamp,
    /// Who approved which step.
    pub(crate) approvals: Vec<(u32, UserId)>,
    /// `Pending` until an event says otherwise; expiry is derived.
    pub(crate) decided: RequestStatus,
}

impl AccessRequest {
    /// A request as it would be made for a profile.
    pub(crate) fn new(id: &ProfileId, user: &UserId, profile: &AccessProfile, at: Timestamp) -> Self {
        Self {
            profile: id.clone(),
            user: user.clone(),
            justification: None,
            seconds: None,
            policy: profile.spec.policy.clone(),
            policy_by: profile.policy_by.clone(),
            at,
            expires: Timestamp::MAX,
            approvals: Vec::new(),
            decided: RequestStatus::Pending,
        }
    }

    /// The profile.
    pub fn profile(&self) -> &ProfileId {
        &self.profile
    }

    /// Who asked.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Why.
    pub fn justification(&self) -> Option<&str> {
        self.justification.as_deref()
    }

    /// For how many seconds; without end where absent.
    pub fn seconds(&self) -> Option<u64> {
        self.seconds
    }

    /// The policy of the moment it was made.
    pub fn policy(&self) -> &RequestPolicy {
        &self.policy
    }

    /// When it was made.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// When it expires undecided.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Who approved which step, in order.
    pub fn approvals(&self) -> &[(u32, UserId)] {
        &self.approvals
    }

    /// Where it stands at `now`.
    pub fn status(&self, now: Timestamp) -> RequestStatus {
        if self.decided == RequestStatus::Pending && now >= self.expires {
            RequestStatus::Expired
        } else {
            self.decided
        }
    }
}

/// What is known of an AI client.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "`type` is a keyword, and the vocabulary says client type")]
pub struct Client {
    pub(crate) label: Label,
    pub(crate) client_type: Option<ClientType>,
    /// Who gave it that type, or left it to the tenant's rules, where somebody did.
    pub(crate) typed_by: Option<UserId>,
    pub(crate) owner: Option<UserId>,
    pub(crate) closed: bool,
}

impl Client {
    /// A name for people.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Its type; by the tenant's rules where absent.
    pub fn client_type(&self) -> Option<ClientType> {
        self.client_type
    }

    /// Who it belongs to.
    pub fn owner(&self) -> Option<&UserId> {
        self.owner.as_ref()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}
