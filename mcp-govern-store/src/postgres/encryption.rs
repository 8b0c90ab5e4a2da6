//! Whether what is sent to the database can be read on the way there.

use std::net::IpAddr;

use mcp_govern_core::ports::{StoreError, StoreErrorKind};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::open::Plaintext;

/// What a connection is set to before it is opened.
///
/// A database on another machine is reached over TLS whose certificate is verified (`verify-full`), unless the URL, or the
/// variable `PGSSLMODE`, says otherwise. The library's own default would send the password in the clear to a server that declines
/// TLS. On this machine (loopback, or a socket) the library's default stays.
pub(super) fn secured(
    connect: PgConnectOptions,
    url: &str,
    variable: Option<&str>,
    plaintext: Plaintext,
) -> Result<PgConnectOptions, StoreError> {
    if is_local(&connect) {
        return Ok(connect);
    }
    // A value that the library does not know it takes for its default in the variable, and refuses in the URL.
    if !says_mode(url) && variable.is_none_or(|mode| mode.parse::<PgSslMode>().is_err()) {
        return Ok(connect.ssl_mode(PgSslMode::VerifyFull));
    }
    match (connect.get_ssl_mode(), plaintext) {
        (PgSslMode::VerifyFull, _) => {}
        (PgSslMode::VerifyCa, _) => {
            tracing::warn!("`sslmode=verify-ca` does not compare the name of the database server: `verify-full` does");
        }
        (PgSslMode::Require, _) => {
            tracing::warn!("`sslmode=require` encrypts and does not verify the database server: `verify-full` does");
        }
        (mode, Plaintext::Allowed) => {
            let mode = word(mode);
            tracing::warn!(
                "`sslmode={mode}`: the password and everything that is kept may cross the network unencrypted"
            );
        }
        (mode, Plaintext::Refused) => return Err(refused(mode)),
    }
    Ok(connect)
}

fn refused(mode: PgSslMode) -> StoreError {
    let message = format!(
        "the database is on another machine, and `sslmode={}` may send the password and everything that is kept there unencrypted: \
         write `sslmode=verify-full` (with `sslrootcert=FILE` where the certificate is of an authority of your own), or allow \
         plaintext where a tunnel protects the way (`Plaintext::Allowed`; `--insecure-postgres` of the programs)",
        word(mode)
    );
    StoreError::new(StoreErrorKind::Invalid, message)
}

fn word(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// Whether the URL names a mode; the options that were read from it hold the last one.
fn says_mode(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    // A name that is written with percent signs counts as none, and the connection is then verified.
    query.split('&').filter_map(|pair| pair.split('=').next()).any(|name| matches!(name, "sslmode" | "ssl-mode"))
}

fn is_local(connect: &PgConnectOptions) -> bool {
    let host = connect.get_host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    connect.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn mode(url: &str, variable: Option<&str>, plaintext: Plaintext) -> Result<&'static str, StoreError> {
        let mut connect = PgConnectOptions::from_str(url).unwrap();
        if let Some(Ok(mode)) = variable.filter(|_| !says_mode(url)).map(str::parse) {
            connect = connect.ssl_mode(mode);
        }
        secured(connect, url, variable, plaintext).map(|connect| word(connect.get_ssl_mode()))
    }

    #[test]
    fn a_database_on_another_machine_is_verified_where_nothing_else_is_said() {
        for url in [
            "postgres://u:p@db.example.com/d",
            "postgres://u:p@db.example.com/d?application_name=sslmode",
            "postgres://u:p@10.0.0.7:5432/d",
            "postgres://u:p@[2001:db8::1]/d",
            "postgres://u@localhost/d?host=db.example.com",
            "postgres://u@localhost/d?hostaddr=10.0.0.7",
            "postgres://u@localhost.example.com/d",
            "postgres://u@127.0.0.1.example.com/d",
            "postgres://u:p@db.example.com/d?ssl%6Dode=disable",
        ] {
            assert_eq!(mode(url, None, Plaintext::Refused).unwrap(), "verify-full", "{url}");
            assert_eq!(mode(url, None, Plaintext::Allowed).unwrap(), "verify-full", "{url}");
        }
        // A word that the library does not know is no mode: it would take it for its default.
        assert_eq!(mode("postgres://u@db/d", Some("verify"), Plaintext::Refused).unwrap(), "verify-full");
    }

    #[test]
    fn a_database_on_this_machine_is_taken_as_it_is() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "%2Frun%2Fpg"] {
            assert_eq!(mode(&format!("postgres://u@{host}/d"), None, Plaintext::Refused).unwrap(), "prefer", "{host}");
            let disabled = format!("postgres://u@{host}/d?sslmode=disable");
            assert_eq!(mode(&disabled, None, Plaintext::Refused).unwrap(), "disable", "{host}");
        }
        assert_eq!(mode("postgres:///d?host=/run/postgresql", None, Plaintext::Refused).unwrap(), "prefer");
    }

    #[test]
    fn what_may_be_read_on_the_way_is_refused_unless_it_is_allowed() {
        for weak in ["disable", "allow", "prefer"] {
            let url = format!("postgres://u:canary@db.example.com/d?sslmode={weak}");
            let error = mode(&url, None, Plaintext::Refused).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid);
            let said = error.to_string();
            assert!(
                said.contains(weak) && said.contains("sslmode=verify-full") && said.contains("--insecure-postgres")
            );
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            assert_eq!(mode(&url, None, Plaintext::Allowed).unwrap(), weak);
            assert!(mode("postgres://u@db/d", Some(weak), Plaintext::Refused).is_err());
            // The last word counts.
            let last = format!("postgres://u@db/d?ssl-mode=verify-full&sslmode={weak}");
            assert!(mode(&last, None, Plaintext::Refused).is_err());
        }
        for encrypted in ["require", "verify-ca", "verify-full"] {
            let url = format!("postgres://u@db/d?sslmode={encrypted}");
            assert_eq!(mode(&url, None, Plaintext::Refused).unwrap(), encrypted);
        }
    }
}
