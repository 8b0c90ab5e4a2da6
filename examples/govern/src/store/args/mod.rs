//! The command line of the verbs that govern a store.

mod access;
mod record;
mod words;

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Subcommand};
use mcp_govern_core::{
    AuthMethodId, ClientId, CommandId, EditionId, Effect, GrantId, GroupId, Label, ProfileId, Role, ServerId, ToolId,
    UserId, journal::ToolState,
};

use self::words::{effect, role, tool_state};
pub(crate) use self::{
    access::{
        ConnectionsVerb, CredentialsVerb, EndArguments, GranteeArguments, GrantsArguments, ProfilesVerb, RequestsVerb,
        ToolsetsVerb,
    },
    record::{AuditVerb, FilterArguments, KeysVerb},
};
use super::{
    parse::{self, SeenTool},
    review::DigestPrefix,
};

/// Which store, and in whose name.
#[derive(Debug, Args)]
#[command(next_help_heading = "The store, for the verbs that govern one")]
pub(crate) struct StoreArguments {
    /// `sqlite:PATH` or `postgres://…`; with a password it belongs into `GOVERN_STORE`
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Speak to a database on another machine without TLS where its URL says so: for tunnels
    #[arg(long, global = true)]
    pub(crate) insecure_postgres: bool,
    /// The tenant [default: default]
    #[arg(long, global = true)]
    pub(crate) tenant: Option<String>,
    /// Who commits, `NAME` or `NAME (ISSUER)` [default: the user of the operating system]
    #[arg(long, global = true, value_name = "PERSON", value_parser = parse::user)]
    pub(crate) actor: Option<UserId>,
    /// A role of the actor; may be said several times [default: owner]
    #[arg(long, global = true, value_parser = role(), hide_possible_values = true)]
    pub(crate) role: Vec<Role>,
    /// A group of the actor: it counts where groups approve requests
    #[arg(long, global = true, value_name = "GROUP")]
    pub(crate) member_of: Vec<GroupId>,
    /// The file with the vault's keys
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) vault_keys: Option<PathBuf>,
    /// The file with the audit's key
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) audit_key: Option<PathBuf>,
    /// The file in which the last known heads are kept
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) heads: Option<PathBuf>,
    /// Go on with a store that is behind what was known of it; why goes on record
    #[arg(long, global = true, value_name = "REASON")]
    pub(crate) accept_rollback: Option<String>,
    /// An OpenAPI document of one's own, or a gateway's file with `apis`; may be repeated
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) api: Vec<PathBuf>,
}

/// How something is changed.
#[derive(Debug, Args)]
pub(crate) struct CommitArguments {
    /// Do it without asking, also where it widens access
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Say what would change and who would gain access; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// The command's id: with the same one it is carried out once, however often it is sent [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) command_id: Option<CommandId>,
    /// Do it only where nothing was changed after this revision, for example the one that a dry run answered
    #[arg(long, value_name = "REVISION")]
    pub(crate) expecting: Option<u64>,
}

/// What is done with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The state of governance: servers, tools to review, requests to decide, kill switches, the record
    Status,
    /// The registered servers
    Servers {
        #[command(subcommand)]
        what: Option<ServersVerb>,
    },
    /// Take in what the servers offer now: new tools wait for review, changed ones go by the drift policy
    Sync {
        /// Which servers [default: all]
        servers: Vec<ServerId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// The tools, with the digests of their definitions
    Tools(ToolsArguments),
    /// What has changed in a tool since it was reviewed, field by field
    Diff {
        /// `server/tool`
        tool: ToolId,
        /// A definition that was staged, by its digest [default: the current one]
        #[arg(long, value_name = "DIGEST")]
        to: Option<DigestPrefix>,
    },
    /// Approve tools, each under the digest that was seen; all or none
    Approve {
        /// `server/tool@sha256:…`; at least 16 digits
        #[arg(required_unless_present = "from")]
        tools: Vec<SeenTool>,
        /// Those of an answer of `tools --json`, once it has been looked through; `-` for standard input
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// What another edition would make of the tools of a server and of the rules on them; changes nothing
    MigrateCheck {
        /// The server
        server: ServerId,
        /// The edition [default: the only other one]
        #[arg(long, value_name = "EDITION")]
        edition: Option<EditionId>,
        #[command(flatten)]
        row: EditionRowArguments,
        /// Approve ahead, by their digests, those approved tools that mean the same there
        #[arg(long)]
        approve_ahead: bool,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// The definitions that were approved before they are offered
    Ahead {
        #[command(subcommand)]
        what: Option<AheadVerb>,
    },
    /// Disable tools; all or none
    Disable {
        /// `server/tool`
        #[arg(required = true)]
        tools: Vec<ToolId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Set tools back to be reviewed; all or none
    Reset {
        /// `server/tool`
        #[arg(required = true)]
        tools: Vec<ToolId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// The toolsets
    Toolsets {
        #[command(subcommand)]
        what: Option<ToolsetsVerb>,
    },
    /// The access profiles
    Profiles {
        #[command(subcommand)]
        what: Option<ProfilesVerb>,
    },
    /// Who holds which profile
    Grants(GrantsArguments),
    /// Grant a profile to a person, a group or a service; never to oneself
    Grant {
        /// The profile
        profile: ProfileId,
        #[command(flatten)]
        to: GranteeArguments,
        #[command(flatten)]
        end: EndArguments,
        /// The grant's id [default: a new one]
        #[arg(long)]
        id: Option<GrantId>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Take a grant back: calls in flight finish, the next is denied
    Revoke {
        /// The grant, as `grants` names it
        grant: GrantId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Ask for a profile in the actor's own name; `requests` follows it
    Request {
        /// The profile
        profile: ProfileId,
        /// For so long: `45m`, `8h`, `30d` [default: as long as the profile allows]
        #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
        duration: Option<std::time::Duration>,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// The requests for access
    Requests {
        #[command(subcommand)]
        what: Option<RequestsVerb>,
    },
    /// Throw a kill switch: calls in flight are stopped, on every node
    Kill {
        #[command(subcommand)]
        scope: ScopeVerb,
    },
    /// Release a kill switch
    Unkill {
        #[command(subcommand)]
        scope: ScopeVerb,
    },
    /// End what a person has: grants, requests, connected accounts. Says what goes and what stays first
    Offboard {
        /// `NAME` (issuer `local`) or `NAME (ISSUER)`
        #[arg(value_parser = parse::user)]
        user: UserId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// The credentials of servers: shared ones, and the accounts that people have connected
    Credentials {
        #[command(subcommand)]
        what: Option<CredentialsVerb>,
    },
    /// The accounts of their own that people have connected with servers
    Connections {
        #[command(subcommand)]
        what: Option<ConnectionsVerb>,
    },
    /// Why a call would be admitted or denied: every check; exits with 1 when it would be denied
    Explain(ExplainArguments),
    /// What is on record: calls and commits
    Audit {
        #[command(subcommand)]
        what: AuditVerb,
    },
    /// What a blueprint would change, and who would gain access by it; changes nothing
    Plan {
        /// The blueprint, in TOML
        file: PathBuf,
        /// Exit with 5 when there is something to do
        #[arg(long)]
        exit_code: bool,
    },
    /// What a list of verbs would change together, and for whom; changes nothing
    ///
    /// Exits with 1 when one of them would be refused.
    Simulate {
        /// One verb on each line, as behind `govern`: `grant on-call --user ann --for 8h`; `-` for standard input
        file: PathBuf,
    },
    /// Bring a blueprint about; doing it twice changes nothing the second time
    Apply {
        /// The blueprint, in TOML
        file: PathBuf,
        /// Make the store and the tenant where they are not there
        #[arg(long)]
        create: bool,
        /// Do it without asking, also where it widens access
        #[arg(long, short)]
        yes: bool,
        /// Do it only where nothing was changed after this revision, for example the one that `plan` answered
        #[arg(long, value_name = "REVISION")]
        expecting: Option<u64>,
    },
    /// Write the store as it is at this moment to a new file, while others go on; SQLite only
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// The keys of a store
    Keys {
        #[command(subcommand)]
        what: KeysVerb,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServersVerb {
    /// Pause a server: its tools are denied, calls in flight finish
    Pause {
        /// The server
        server: ServerId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Let a paused server go on
    Resume {
        /// The server
        server: ServerId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Reach a server by another edition of its provider, and take in the tools there. It keeps its id, toolsets, profiles, grants and
    /// rules; its credentials are taken away
    Edition {
        /// The server
        server: ServerId,
        /// The edition
        edition: EditionId,
        #[command(flatten)]
        row: EditionRowArguments,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

/// What of a server's row goes with another edition.
#[derive(Debug, Args)]
pub(crate) struct EditionRowArguments {
    /// What the edition wants to be configured; may be said several times. What it does not know is left out
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = crate::cli::setting)]
    pub(crate) set: Vec<(String, String)>,
    /// The edition's auth method [default: the server's, or the edition's only one]
    #[arg(long, value_name = "NAME")]
    pub(crate) auth_method: Option<AuthMethodId>,
    /// One of the edition's regions [default: its first]
    #[arg(long, value_name = "NAME")]
    pub(crate) region: Option<String>,
    /// Another address than the edition's own
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<url::Url>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AheadVerb {
    /// Take approvals ahead back
    Revoke {
        /// `server/tool@sha256:…`; at least 16 digits
        #[arg(required = true)]
        tools: Vec<SeenTool>,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ToolsArguments {
    /// Of this server
    #[arg(long)]
    pub(crate) server: Option<ServerId>,
    /// Those that wait for review
    #[arg(long)]
    pub(crate) pending: bool,
    /// Those whose definition is another one than the last that was reviewed
    #[arg(long)]
    pub(crate) changed: bool,
    /// Those in this state
    #[arg(long, value_parser = tool_state())]
    pub(crate) state: Option<ToolState>,
    /// Those of this area of the API; may be given several times
    #[arg(long = "area", value_name = "AREA")]
    pub(crate) areas: Vec<String>,
    /// Those with at most this effect and without risk
    #[arg(long, value_parser = effect())]
    pub(crate) up_to: Option<Effect>,
}

/// What a kill switch stops.
#[derive(Debug, Subcommand)]
pub(crate) enum ScopeVerb {
    /// Every call of the tenant
    Tenant {
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Every call to a server
    Server {
        /// The server
        server: ServerId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Every call to a tool, and to those that use it
    Tool {
        /// `server/tool`
        tool: ToolId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Every call of an AI client
    Client {
        /// `NAME` or `NAME (ISSUER)`
        #[arg(value_parser = parse::client)]
        client: ClientId,
        #[command(flatten)]
        commit: CommitArguments,
    },
    /// Every call of a person, whatever the person holds it by
    User {
        /// `NAME` (issuer `local`) or `NAME (ISSUER)`
        #[arg(value_parser = parse::user)]
        user: UserId,
        #[command(flatten)]
        commit: CommitArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// `server/tool`, or the name that AI clients see
    pub(crate) tool: String,
    /// Who calls, `NAME` (issuer `local`) or `NAME (ISSUER)`
    #[arg(long, value_parser = parse::user)]
    pub(crate) user: UserId,
    /// A group of that person; may be said several times
    #[arg(long)]
    pub(crate) group: Vec<GroupId>,
    /// Through which AI client, `NAME` or `NAME (ISSUER)`
    #[arg(long, value_parser = parse::client, default_value = "local-client")]
    pub(crate) client: ClientId,
    /// From which address
    #[arg(long)]
    pub(crate) source: Option<IpAddr>,
}

/// A title, or else the id.
pub(crate) fn label(title: Option<&str>, id: &impl std::fmt::Display) -> Label {
    title.map_or_else(|| Label::new(id.to_string()), Label::new)
}
