//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use mcp_govern_core::Secret;

const AFTER: &str = "\
Without a file it runs a demonstration: the three vendors are played by stand-ins inside this program, and what to paste
into an AI client is printed. With a file it governs what the file says; `gateway example` prints a documented one.

Signals: SIGINT and SIGTERM stop accepting, let calls in flight end within the configured time, close the record, and
end the program; a second one ends it at once. SIGHUP reads the file again: what it changes is planned, logged, applied.

Exit codes: 0 done; 1 it broke off; 2 the command line or the file is wrong; 3 `plan --exit-code` found something to
change; 4 the store cannot be used now; 130 ended by a second signal.";

/// An MCP gateway: governed tools of Statuspage, Opsgenie and PagerDuty for AI clients.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, after_help = AFTER, args_conflicts_with_subcommands = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    /// The configuration file
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// Write JSON for machines: one object on standard output, and a log of JSON lines
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the file would change, and who would gain or lose what; changes nothing
    Plan(PlanFlags),
    /// Look whether the file, and everything that it refers to, is in order; changes nothing
    Check(CheckFlags),
    /// Print a documented configuration file
    Example,
    /// Print a new key, to be kept where only the operator can read it
    NewKey {
        /// What it is for: `store.vault_keys`, `store.audit_key` or `http.state_key`
        #[arg(value_enum)]
        kind: KeyKind,
    },
}

/// Which store, over what the file says.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreFlags {
    /// Where state is kept: `memory`, `sqlite:<path>` or `postgres://…`; with a password in it, it belongs into the file as
    /// `store.url = { env = "NAME" }`
    #[arg(long = "store", global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Speak to a database on another machine without TLS where its URL says so: for tunnels
    #[arg(long, global = true)]
    pub(crate) insecure_postgres: bool,
}

/// Options for serving, which override the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeFlags {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// How clients prove who they are; `none` on loopback alone
    #[arg(long, value_enum)]
    pub(crate) auth: Option<AuthMode>,
    /// One more token, for the person who starts the program; without a file it takes the place of a random one
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub(crate) demo_token: Option<Secret>,
    /// Start on a store that is behind what was known of it, because an earlier one was restored on purpose; the reason is put on
    /// record
    #[arg(long, value_name = "REASON")]
    pub(crate) accept_rollback: Option<String>,
    /// Serve one client over standard input and output, as the user of the operating system, instead of listening
    #[arg(long, conflicts_with_all = ["listen", "auth", "demo_token"])]
    pub(crate) stdio: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanFlags {
    /// Compare with this file, as if it were applied, in place of what is in the store
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// End with 3 when there is something to change
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckFlags {
    /// Ask each vendor whether the key is good; everything else needs no network
    #[arg(long)]
    pub(crate) probe: bool,
    /// Count operations that are left out of a document as problems, not as notes
    #[arg(long)]
    pub(crate) strict: bool,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// Seals credentials in the store
    Vault,
    /// Hashes people in the record
    Audit,
    /// Seals cursors, states and links
    State,
}

/// How clients prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMode {
    /// Not at all: all callers on this machine are one and the same person
    None,
    /// With tokens that were handed out beforehand
    Static,
    /// With bearer tokens of an identity provider
    Jwt,
    /// With either: tokens of an identity provider for people, and such that were handed out beforehand for machines
    Both,
}

impl AuthMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Static => "static",
            Self::Jwt => "jwt",
            Self::Both => "both",
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.trim_start_matches(':').parse().unwrap_or(8700_u16);
        format!("expected an address and a port, for example `127.0.0.1:{port}`")
    })
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that could fail")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_global_flags_stand_anywhere() {
        Cli::command().debug_assert();
        let parsed = Cli::try_parse_from(["gateway", "plan", "--config", "a.toml", "--json"]).unwrap();
        assert!(parsed.json && parsed.config.is_some_and(|file| file.ends_with("a.toml")));
        assert!(Cli::try_parse_from(["gateway", "--json", "check"]).unwrap().json);
    }

    #[test]
    fn an_address_without_its_half_is_answered_with_a_whole_one() {
        for text in ["25020", ":25020"] {
            let refused = Cli::try_parse_from(["gateway", "--listen", text]).unwrap_err().to_string();
            assert!(refused.contains("`127.0.0.1:25020`"), "{refused}");
        }
        let refused = Cli::try_parse_from(["gateway", "--listen", "localhost"]).unwrap_err().to_string();
        assert!(refused.contains("`127.0.0.1:8700`"), "{refused}");
    }

    #[test]
    fn stdio_listens_nowhere_and_debug_shows_no_token() {
        assert!(Cli::try_parse_from(["gateway", "--stdio", "--listen", "127.0.0.1:1"]).is_err());
        let parsed = Cli::try_parse_from(["gateway", "--demo-token", "canary-canary-1"]).unwrap();
        assert!(!format!("{parsed:?}").contains("canary"));
        assert!(Cli::try_parse_from(["gateway", "--auth", "basic"]).unwrap_err().to_string().contains("jwt"));
    }
}
