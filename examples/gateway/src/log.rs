//! The log, on standard error.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    config::{Log, LogFormat},
    failure::Failure,
};

/// What is logged unless the file says otherwise.
const DEFAULT: &str = "info";

/// The protocol library writes whole messages, arguments included, at `debug`, and a client that goes away at `error`. The
/// database library repeats the database's remarks on tables that are there already.
const QUIET: &str = "rmcp=warn,rmcp::service=off,sqlx=warn";

/// Begins to log. `json` comes from the command line and overrides the file.
pub(crate) fn begin(log: &Log, json: bool) -> Result<(), Failure> {
    let filter = filter(log.filter.as_deref())?;
    let format = if json { LogFormat::Json } else { log.format.unwrap_or(LogFormat::Text) };
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    let begun = match format {
        LogFormat::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| Failure::Other(format!("the log cannot be begun: {error}")))
}

/// The filter: what the file says, with the protocol library kept quiet unless it is named there.
fn filter(said: Option<&str>) -> Result<EnvFilter, Failure> {
    let said = said.unwrap_or(DEFAULT);
    let text = if said.contains("rmcp") { said.to_owned() } else { format!("{said},{QUIET}") };
    EnvFilter::try_new(text)
        .map_err(|error| Failure::config(format!("log.filter: `{said}` is not a valid filter: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_library_stays_quiet_unless_it_is_named() {
        assert!(filter(None).unwrap().to_string().contains("rmcp=warn"));
        assert!(filter(Some("debug")).unwrap().to_string().contains("rmcp::service=off"));
        assert!(!filter(Some("info,rmcp=debug")).unwrap().to_string().contains("rmcp=warn"));
        assert!(filter(Some("gateway=loud")).unwrap_err().to_string().contains("log.filter"));
    }
}
