//! The command line.

use clap::{Args, Parser, Subcommand};
use mcp_govern_core::EditionId;
use url::Url;

use crate::store::{StoreArguments, Verb};

const ENVIRONMENT: &str = "\
Vendors' keys come from the environment and from nowhere else:
  statuspage  STATUSPAGE_API_KEY
  opsgenie    OPSGENIE_API_KEY, and OPSGENIE_INTEGRATION_KEY for creating, acknowledging and closing alerts
  pagerduty   PAGERDUTY_API_KEY with PAGERDUTY_FROM (the login in whose name changes are made),
              or PAGERDUTY_TOKEN (an OAuth token)
STATUSPAGE_BASE_URL, OPSGENIE_BASE_URL and PAGERDUTY_BASE_URL count where --base-url is not given. Of a document that
--api names each field of the auth method is a variable: T_API_TOKEN is the field `token` of the provider `t-api`.

GOVERN_STORE, GOVERN_TENANT, GOVERN_VAULT_KEYS (the keys themselves) and GOVERN_AUDIT_KEY (likewise) count where the
options do not say it. For a SQLite file the keys are looked for in `vault.keys` and `audit.key` beside it.

Exit codes: 0 done, also where nothing had to change; 1 refused (by the rules, the state or the vendor), or, for
`explain`, the call would be denied; 2 the command line, a file or the environment is wrong; 3 the store or the vendor
did not answer; 4 what is on record does not hold, or cannot be read; 5 nothing was done: it widens access and was
not confirmed, or, for `plan --exit-code`, there is something to do.";

const LINES: &str = "\
Each line on standard input is one JSON object of at most 1 MiB:
  {\"id\": 1, \"tool\": \"list_pages\", \"arguments\": {}}
`id` is any JSON value and comes back with the answer; `arguments` may be left out. A line that is not such an object is
answered with the code `bad_line`, and reading goes on.";

const CALL: &str = "\
Each line on standard output answers one line of input, in order:
  {\"id\": 1, \"ok\": true, \"output\": …}
  {\"id\": 2, \"ok\": false, \"error\": {\"code\": \"invalid_arguments\", \"message\": …}}
`notes` beside `output` says what was left out. `code` is a denial code of the governor or the kind of the vendor's
error; then `sent` says whether the vendor may have acted (`no`, `maybe`, `yes`): look at it before calling again.
The exit code is 0 when every line was answered, whatever the answers are.";

/// Governed vendors on the command line.
#[derive(Debug, Parser)]
#[command(name = "govern", version, after_help = ENVIRONMENT)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Write JSON where text for people is the default: one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print every tool of a provider, one JSON object per line; needs no key
    Catalog {
        /// `statuspage`, `opsgenie`, `pagerduty`, or the id of a document that `--api` names [default: that of the only one]
        provider: Option<String>,
        /// Which of its editions [default: the first]
        #[arg(long, value_name = "EDITION")]
        edition: Option<EditionId>,
    },
    /// Make calls: one JSON object per line in, one per line out, each through a governor
    #[command(long_about = LINES, after_long_help = CALL, before_long_help = "Makes governed calls with the key from the environment.")]
    Call {
        /// `statuspage`, `opsgenie`, `pagerduty`, or the id of a document that `--api` names [default: that of the only one]
        provider: Option<String>,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Print the exact request that each call would send, secrets masked; sends nothing and needs no key
    #[command(long_about = LINES, before_long_help = "Shows the exact requests that calls would send, secrets masked. Sends nothing.")]
    Preview {
        /// `statuspage`, `opsgenie`, `pagerduty`, or the id of a document that `--api` names [default: that of the only one]
        provider: Option<String>,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Say whether the key works, whose it is and what it may do; exits with 1 when the vendor refuses it
    Probe {
        /// `statuspage`, `opsgenie`, `pagerduty`, or the id of a document that `--api` names [default: that of the only one]
        provider: Option<String>,
        #[command(flatten)]
        place: PlaceArguments,
    },
    #[command(flatten)]
    Store(Verb),
}

/// Where the vendor is reached, and how its server is configured.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// Another address than the vendor's own: https, or http on loopback
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<Url>,
    /// The vendor's service region: `us` or `eu` of Opsgenie and PagerDuty
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The auth method of a document of one's own [default: its first]
    #[arg(long, value_name = "NAME")]
    pub(crate) auth_method: Option<String>,
    /// What else the server is configured with, as the provider's README names it: `page_ids=…` of Statuspage; may be said
    /// several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) config: Vec<(String, String)>,
}

/// A value may hold `=`, a name may not.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected `NAME=VALUE`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_json_stands_anywhere() {
        Cli::command().debug_assert();
        let parsed = Cli::try_parse_from(["govern", "probe", "opsgenie", "--region", "eu", "--json"]).unwrap();
        let Command::Probe { provider, place } = parsed.command else { panic!("not a probe") };
        assert!(parsed.json && place.region.as_deref() == Some("eu") && provider.as_deref() == Some("opsgenie"));
        assert!(Cli::try_parse_from(["govern", "--json", "preview", "statuspage"]).unwrap().json);
    }

    #[test]
    fn an_address_that_is_none_is_refused_by_name() {
        let refused =
            Cli::try_parse_from(["govern", "call", "opsgenie", "--base-url", "here"]).unwrap_err().to_string();
        assert!(refused.contains("--base-url"));
    }

    #[test]
    fn a_setting_has_a_name_and_whatever_value() {
        let parsed =
            Cli::try_parse_from(["govern", "call", "statuspage", "--config", "a=b=c", "--config", "d="]).unwrap();
        let Command::Call { place, .. } = parsed.command else { panic!("not a call") };
        assert_eq!(place.config, [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())]);
        for text in ["a", "=b", ""] {
            assert!(setting(text).is_err(), "{text}");
        }
    }
}
