#![doc = include_str!("../README.md")]

pub mod access;
pub mod audit;
mod audit_key;
pub mod blueprint;
mod causes;
pub mod check;
mod denial;
pub mod governor;
mod hash;
pub mod journal;
pub mod memory;
pub mod ports;
pub mod provider;
mod quota;
mod random;
mod schema;
mod steps;
mod vocabulary;

pub use self::{
    causes::with_causes,
    denial::{ArgumentFault, Denial, DenialCode, Remedy},
    governor::Governor,
    journal::{AccessProfile, AccessRequest, Grant, Server, Tool, ToolState, Toolset, approval},
    provider::{
        AuthMethod, AuthorizedCall, CallContext, CallObserver, CheckedArguments, ConfigField, Credential,
        CredentialReport, CredentialVerdict, DiscoverContext, Edition, Exchange, NoObserver, NoProgress, OAuthFlow,
        OAuthFlows, ProbeContext, Progress, Provider, ProviderError, ProviderErrorKind, ProviderInfo, Region,
        RegionFrom, RequestPreview, SecretField, Sent, ServerConfig, SunsetNotice, ToolOutput, ToolServer,
        TraceContext, VendorError,
    },
    random::RandomError,
    schema::CallRules,
    vocabulary::{
        AbsentArgument, Actor, Annotations, ApprovalStep, ApproverRule, ArgumentRule, AuthMethodId,
        AuthorizationServer, Binding, BoundArgument, CallId, Catalogue, CatalogueVersion, Classification, ClientId,
        ClientMatch, ClientName, ClientRule, ClientType, Clock, CommandId, Constraint, CredentialFacts,
        CredentialOwner, CredentialSharing, Digest, DigestError, DriftAction, DriftPolicy, EditionId, Effect,
        FixedValue, Follows, GrantId, Grantee, GroupId, Issuer, Justification, Label, Location, ManualClock,
        NewToolState, OperationBinding, ParseDurationError, ParseIdError, ParseTimestampError, Pattern, PatternError,
        Principal, ProfileId, ProfileSpec, ProfileVisibility, ProviderId, RecipeBinding, RecordedActor, RequestId,
        RequestPolicy, RequestableTools, Risk, Role, Secret, SelfApproval, ServerId, ServerSpec, Settings, SubjectId,
        SystemClock, TenantId, Timestamp, ToolDefinition, ToolId, ToolName, ToolPrefix, ToolsetBinding, ToolsetContent,
        ToolsetEntry, ToolsetId, UserId, is_encrypted_or_local, parse_duration,
    },
};
