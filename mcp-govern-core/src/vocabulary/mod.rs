//! The words that everything else is written in. Pure data, parsed at the edge.

mod access;
mod actor;
mod authorization_server;
mod clock;
mod digest;
mod duration;
mod id;
mod principal;
mod rule;
mod secret;
mod server;
mod settings;
mod stream;
mod time;
mod tool;

pub use self::{
    access::{
        ApprovalStep, ApproverRule, Follows, Justification, Label, ProfileSpec, ProfileVisibility, RequestPolicy,
        SelfApproval, ToolsetBinding, ToolsetContent, ToolsetEntry,
    },
    actor::{Actor, RecordedActor, Role},
    authorization_server::{AuthorizationServer, is_encrypted_or_local},
    digest::{Digest, DigestError},
    duration::{ParseDurationError, parse_duration},
    id::{
        AuthMethodId, CallId, ClientId, ClientName, CommandId, EditionId, GrantId, GroupId, Issuer, ParseIdError,
        ProfileId, ProviderId, RequestId, ServerId, SubjectId, TenantId, ToolId, ToolName, ToolPrefix, ToolsetId,
        UserId,
    },
    principal::{ClientMatch, ClientRule, ClientType, Grantee, Principal},
    rule::{AbsentArgument, ArgumentRule, Constraint, Pattern, PatternError},
    secret::Secret,
    server::{CredentialFacts, CredentialOwner, CredentialSharing, DriftAction, DriftPolicy, NewToolState, ServerSpec},
    settings::{RequestableTools, Settings},
    stream::{AuditHead, Head, RecordKind, Revision, WriterId},
    time::{Clock, ManualClock, ParseTimestampError, SystemClock, Timestamp},
    tool::{
        Annotations, Binding, BoundArgument, Catalogue, CatalogueVersion, Classification, Effect, FixedValue, Location,
        OperationBinding, RecipeBinding, Risk, ToolDefinition,
    },
};
pub(crate) use self::{clock::Time, digest::write_canonical_object};
