//! The command line of toolsets, profiles, grants and requests.

use clap::{Args, Subcommand};
use mcp_govern_core::{
    ClientId, Effect, GroupId, ProfileId, RequestId, ServerId, Timestamp, ToolId, ToolsetId, UserId,
};

use super::{CommitArguments, words::effect};
use crate::store::parse;

#[derive(Debug, Subcommand)]
pub(crate) enum ToolsetsVerb {
    /// One toolset with its tools
    Show {
        /// The toolset
        toolset: ToolsetId,
    },
    /// Make a toolset of chosen tools, or one that follows a server
    Create {
        /// Its id
        toolset: ToolsetId,
        /// The chosen tools, which must be approved
        #[arg(conflicts_with = "follows")]
        tools: Vec<ToolId>,
        /// A name for people [default: the id]
        #[arg(long)]
        title: Option<String>,
        /// Every approved tool of this server, those to come included
        #[arg(long, value_name = "SERVER")]
        follows: Option<ServerId>,
        /// Of the followed server only tools of this area; may be given several times
        #[arg(long = "area", value_name = "AREA", requires = "follows")]
        areas: Vec<String>,
        /// Of the followed server only tools with at most this effect and without risk
        #[arg(long, requires = "follows", value_parser = effect())]
        up_to: Option<Effect>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Put approved tools in; those that are in it keep their rules
    Add {
        /// The toolset
        toolset: ToolsetId,
        /// `server/tool`
        #[arg(required = true)]
        tools: Vec<ToolId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Take tools out
    Remove {
        /// The toolset
        toolset: ToolsetId,
        /// `server/tool`
        #[arg(required = true)]
        tools: Vec<ToolId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Delete a toolset; it is unbound everywhere
    Delete {
        /// The toolset
        toolset: ToolsetId,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfilesVerb {
    /// One profile with its toolsets, its policy and who holds it
    Show {
        /// The profile
        profile: ProfileId,
    },
    /// Make a profile that no person can ask for; a blueprint can say more
    Create {
        /// Its id
        profile: ProfileId,
        /// A name for people [default: the id]
        #[arg(long)]
        title: Option<String>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Bind a toolset to a profile: the people who hold the profile gain its tools
    Bind {
        /// The profile
        profile: ProfileId,
        /// The toolset
        toolset: ToolsetId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Unbind a toolset
    Unbind {
        /// The profile
        profile: ProfileId,
        /// The toolset
        toolset: ToolsetId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Delete a profile with its grants
    Delete {
        /// The profile
        profile: ProfileId,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GrantsArguments {
    /// Of this profile
    #[arg(long)]
    pub(crate) profile: Option<ProfileId>,
    /// To this person, `NAME` or `NAME (ISSUER)`
    #[arg(long, value_parser = parse::user)]
    pub(crate) user: Option<UserId>,
    /// Those that have ended too
    #[arg(long)]
    pub(crate) ended: bool,
}

/// To whom.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct GranteeArguments {
    /// A person, `NAME` (issuer `local`) or `NAME (ISSUER)`
    #[arg(long, value_parser = parse::user)]
    pub(crate) user: Option<UserId>,
    /// A group, as the identity provider names it
    #[arg(long)]
    pub(crate) group: Option<GroupId>,
    /// An AI client that is a service, `NAME` or `NAME (ISSUER)`
    #[arg(long, value_parser = parse::client)]
    pub(crate) service: Option<ClientId>,
}

/// Until when.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct EndArguments {
    /// Until this time, for example `2026-11-21T18:00:00Z` [default: without end]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// For so long: `45m`, `8h`, `30d`
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub(crate) duration: Option<std::time::Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsVerb {
    /// Who has connected what, and whether it still works; without an office, one's own
    List {
        /// Of this server
        #[arg(long)]
        server: Option<ServerId>,
        /// Of this person, `NAME` (issuer `local`) or `NAME (ISSUER)`
        #[arg(long, value_parser = parse::user)]
        user: Option<UserId>,
    },
    /// Take a credential away: no call uses it any more. At the vendor nothing is revoked
    Remove {
        /// The server
        server: ServerId,
        /// The account of this person [default: the actor's own]
        #[arg(long, value_parser = parse::user)]
        user: Option<UserId>,
        /// The shared credential
        #[arg(long, conflicts_with = "user")]
        shared: bool,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsVerb {
    /// Who has connected which account, since when, with which scopes, and whether it works; without an office, one's own
    List {
        /// With this server
        #[arg(long)]
        server: Option<ServerId>,
        /// Of this person, `NAME` (issuer `local`) or `NAME (ISSUER)`
        #[arg(long, value_parser = parse::user)]
        user: Option<UserId>,
    },
    /// End a connection: no call uses the account any more. What the person has allowed at the vendor is not revoked there
    End {
        /// The server
        server: ServerId,
        /// The person [default: the actor]
        #[arg(value_parser = parse::user)]
        user: Option<UserId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RequestsVerb {
    /// The open requests
    List {
        /// The decided and expired ones too
        #[arg(long)]
        all: bool,
    },
    /// Approve the step that a request waits at; the actor must be among its approvers
    Approve {
        /// The request
        request: RequestId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Deny a request
    Deny {
        /// The request
        request: RequestId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Take a request back
    Cancel {
        /// The request
        request: RequestId,
        #[command(flatten)]
        commit: CommitArguments,
    },
}
