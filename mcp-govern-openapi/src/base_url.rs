//! The base URL of a server.

use mcp_govern_core::is_encrypted_or_local;
use url::Url;

/// Whether a URL can be a server's base.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check_base(url: &Url) -> Result<(), &'static str> {
    if !url.has_host() {
        return Err("has no host");
    }
    match url.scheme() {
        _ if is_encrypted_or_local(url) => {}
        "http" => return Err("is plain http to another machine: expected https"),
        _ => return Err("has a scheme other than https"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_loopback_and_holds_nothing_else() {
        for good in [
            "https://api.example.com",
            "https://a.example/v1/",
            "http://127.0.0.1:8080",
            "http://localhost/v1",
            "http://[::1]:9",
        ] {
            assert_eq!(check_base(&Url::parse(good).unwrap()), Ok(()), "{good}");
        }
        for bad in [
            "http://api.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "ftp://a",
            "https://u@a",
            "https://u:p@a",
            "https://a?x=1",
            "https://a#x",
            "file:///etc/passwd",
            "data:text/plain,x",
            "http://0.0.0.0",
        ] {
            assert!(check_base(&Url::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
