//! The words that everything else is written in. Pure data, parsed at the edge.

mod access;
mod actor;
mod digest;
mod duration;
mod id;
mod principal;
mod rule;
mod secret;
mod server;
mod settings;
mod time;
mod tool;

pub(crate) use self::digest::write_canonical_object;
pub use self::{
    access::{
        ApprovalStep, ApproverRule, Follows, Justification, Label, ProfileSpec, ProfileVisibility, RequestPolicy,
        SelfApproval, ToolsetBinding, ToolsetContent, ToolsetEntry,
    },
    actor::{Actor, RecordedActor, Role},
    digest::{Digest, DigestError},
    duration::{ParseDurationError, parse_duration},
    id::{
        AuthMethodId, CallId, ClientId, ClientName, CommandId, GrantId, GroupId, Issuer, ParseIdError, ProfileId,
        ProviderId, RequestId, ServerId, SubjectId, TenantId, ToolId, ToolName, ToolPrefix, ToolsetId, UserId,
    },
    principal::{ClientMatch, ClientRule, ClientType, Grantee, Principal},
    rule::{AbsentArgument, ArgumentRule, Constraint, Pattern, PatternError},
    secret::Secret,
    server::{CredentialFacts, CredentialOwner, CredentialSharing, DriftAction, DriftPolicy, NewToolState, ServerSpec},
    settings::{RequestableTools, Settings},
    time::{Clock, ManualClock, ParseTimestampError, SystemClock, Timestamp},
    tool::{
        Annotations, Binding, BoundArgument, Catalogue, CatalogueVersion, Classification, Effect, FixedValue, Location,
        OperationBinding, RecipeBinding, Risk, ToolDefinition,
    },
};
