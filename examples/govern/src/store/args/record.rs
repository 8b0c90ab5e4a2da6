//! The command line of what is on record, and of the keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mcp_govern_core::{CallId, ClientId, DenialCode, ServerId, ToolId, UserId, audit::RecordKind, ports::WriterId};

use super::words::{denial_code, record_kind};
use crate::store::parse::{self, Cursor};

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Of this person, `NAME` or `NAME (ISSUER)`; needs the audit's key
    #[arg(long, value_parser = parse::user)]
    pub(crate) user: Option<UserId>,
    /// Of this server
    #[arg(long)]
    pub(crate) server: Option<ServerId>,
    /// Of this tool
    #[arg(long)]
    pub(crate) tool: Option<ToolId>,
    /// Denied with this code
    #[arg(long, value_parser = denial_code())]
    pub(crate) code: Option<DenialCode>,
    /// Records of this kind, each on a line of its own
    #[arg(long, value_parser = record_kind())]
    pub(crate) kind: Option<RecordKind>,
    /// Of this call
    #[arg(long)]
    pub(crate) call: Option<CallId>,
    /// By this AI client, `NAME` or `NAME (ISSUER)`
    #[arg(long, value_parser = parse::client)]
    pub(crate) client: Option<ClientId>,
    /// By an AI client that says this of itself, or something with it in it; its own word, which proves nothing
    #[arg(long, value_name = "NAME")]
    pub(crate) stated_client: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// The newest calls, one line each
    Tail {
        #[command(flatten)]
        filter: FilterArguments,
        /// A line for each record instead: the beginning of a call and its end
        #[arg(long)]
        records: bool,
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        count: usize,
        /// Go on with new ones as they come
        #[arg(long, short)]
        follow: bool,
    },
    /// Calls, newest first, a page at a time; with `--json` their records
    Query {
        #[command(flatten)]
        filter: FilterArguments,
        /// A line for each record instead: the beginning of a call and its end
        #[arg(long)]
        records: bool,
        /// Not before this time, or not longer ago than: `2026-11-21T09:00:00Z`, `24h`
        #[arg(long, value_parser = parse::moment)]
        since: Option<parse::Moment>,
        /// Before this time
        #[arg(long, value_parser = parse::moment)]
        until: Option<parse::Moment>,
        /// How many on a page
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// What the page before ended with: its `next`
        #[arg(long)]
        before: Option<Cursor>,
    },
    /// Every record, one line of JSON each, with the exact bytes that were hashed
    Export {
        /// Of this writer's chain alone
        #[arg(long, value_parser = parse::writer)]
        writer: Option<WriterId>,
        /// Into this new file [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Whether every commit and every record is as it was written; exits with 4 when one is not
    Verify {
        /// Heads that were kept elsewhere: an answer of `audit heads --json`
        #[arg(long, value_name = "FILE")]
        anchors: Option<PathBuf>,
        /// An export instead of the store
        #[arg(long, value_name = "FILE", conflicts_with = "segments")]
        file: Option<PathBuf>,
        /// The folder with the sealed files of what was dropped from the store: with them all of it is verified
        #[arg(long, value_name = "FOLDER")]
        segments: Option<PathBuf>,
    },
    /// Seal the old end of the chains into new files, which can be verified wherever they lie; changes nothing
    Seal {
        /// What is older than: `2026-11-21T09:00:00Z`, `90d`
        #[arg(long, value_parser = parse::moment)]
        before: parse::Moment,
        /// Of this writer's chain alone
        #[arg(long, value_parser = parse::writer)]
        writer: Option<WriterId>,
        /// The folder for the files
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Drop from the store what was sealed into these files; says so in the journal. Keep the files: they are the record
    Drop {
        /// Files of `audit seal`
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Do it without asking
        #[arg(long, short)]
        yes: bool,
    },
    /// The heads of the journal and of every chain: to be kept elsewhere
    Heads,
    /// Calls of which no end is on record: it is unknown whether the vendor did what was asked
    Unknown {
        /// Begun since
        #[arg(long, value_parser = parse::moment, default_value = "7d")]
        since: parse::Moment,
        /// Begun at least so long ago: younger ones may still run
        #[arg(long, value_parser = parse::duration, default_value = "5m")]
        older_than: std::time::Duration,
    },
    /// The newest governance commits: who decided what, and why
    Commits {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        count: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysVerb {
    /// Make keys for the vault in a new file; with those of another file behind them, which then only open
    Vault {
        /// The new file
        file: PathBuf,
        /// The keys that are in use
        #[arg(long, value_name = "FILE")]
        older: Option<PathBuf>,
    },
    /// Make a key for the audit in a new file
    Audit {
        /// The new file
        file: PathBuf,
    },
    /// Seal every credential again that is not sealed under the first of the keys, while others work
    Reseal,
}
