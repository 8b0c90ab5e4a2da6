//! What the gateway is configured with: a file, or the demonstration, and the flags over it.

mod document;
mod faults;
mod reading;
mod secret;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use mcp_govern_core::{TenantId, blueprint::Blueprint};
use url::Url;

pub(crate) use self::{
    document::{
        AccessRequests, Algorithm, Auth, Document, GrantKind, Http, IssuerSignIn, Jwt, Log, LogFormat, SecretSent,
        SignIn, Token,
    },
    secret::{SecretRef, StoreUrl, holds_password, warn_of_readers},
};
use crate::{
    cli::{AuthMode, ServeFlags},
    failure::Failure,
};

/// Where the gateway listens when nothing else is said.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8700);

/// The file's content and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file; none for the demonstration.
    pub(crate) file: Option<PathBuf>,
    pub(crate) document: Document,
    pub(crate) blueprint: Blueprint,
}

impl Config {
    /// Reads a file. What it refers to is not looked at yet.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::config(format!("`{}` cannot be read: {error}", path.display())))?;
        let (document, blueprint) = reading::read(path, &text)?;
        let config = Self { file: Some(path.to_owned()), document, blueprint };
        match config.faults().as_slice() {
            [] => Ok(config),
            faults => Err(Failure::config(faults.join("\n"))),
        }
    }

    /// What is wrong between the file's parts, one sentence each.
    fn faults(&self) -> Vec<String> {
        let place = self.name();
        faults::of(&self.document, &self.blueprint).into_iter().map(|fault| format!("{place}: {fault}")).collect()
    }

    /// The folder from which relative paths are meant.
    pub(crate) fn base(&self) -> &Path {
        self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }

    /// The file's name, for messages.
    pub(crate) fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| "the demonstration".to_owned(), |file| file.display().to_string())
    }

    pub(crate) fn is_demonstration(&self) -> bool {
        self.file.is_none()
    }

    pub(crate) fn tenant(&self) -> Result<TenantId, Failure> {
        match &self.document.tenant {
            Some(tenant) => Ok(tenant.clone()),
            None => Ok(TenantId::new(if self.is_demonstration() { "demo" } else { "default" })?),
        }
    }

    pub(crate) fn listen(&self, flags: &ServeFlags) -> SocketAddr {
        flags.listen.or(self.document.http.listen).unwrap_or(LISTEN)
    }

    pub(crate) fn auth_mode(&self, flags: &ServeFlags) -> AuthMode {
        let by_tables = || if self.document.auth.jwt.is_empty() { AuthMode::Static } else { AuthMode::Jwt };
        flags.auth.or(self.document.auth.mode).unwrap_or_else(by_tables)
    }

    /// The URL under which clients see the gateway that listens on `address`.
    pub(crate) fn public_url(&self, address: SocketAddr) -> Result<Url, Failure> {
        if let Some(public) = &self.document.http.public_url {
            return Ok(public.url.clone());
        }
        // Whoever listens on every address is reached on this machine too.
        let host = match address {
            SocketAddr::V6(v6) if !v6.ip().is_unspecified() => format!("[{}]", v6.ip()),
            SocketAddr::V4(v4) if !v4.ip().is_unspecified() && !v4.ip().is_loopback() => {
                return Err(Failure::config(format!(
                    "the gateway listens on {address}, and it is not known under which URL clients see it: set `http.public_url`, \
                     for example to `https://tools.example.com/mcp`"
                )));
            }
            _ => "127.0.0.1".to_owned(),
        };
        let text = format!("http://{host}:{}/mcp", address.port());
        text.parse().map_err(|error| Failure::config(format!("`{text}`: {error}")))
    }

    /// The public URL as it is spelled in the file: the identifier under which clients ask for tokens.
    pub(crate) fn resource(&self) -> Option<&str> {
        self.document.http.public_url.as_ref().map(|public| public.text.as_str())
    }

    /// What tokens must be made for: what the file says, or the public URL. A URL without a path has two spellings, which are one place
    /// (RFC 3986, section 6.2.3); clients use either.
    pub(crate) fn audiences(&self, stated: &[String], public: &Url) -> Vec<String> {
        if !stated.is_empty() {
            return stated.to_vec();
        }
        let mut audiences = vec![self.resource().unwrap_or(public.as_str()).to_owned()];
        if public.path() == "/" {
            for spelling in [public.as_str(), public.as_str().trim_end_matches('/')] {
                if !audiences.iter().any(|known| known == spelling) {
                    audiences.push(spelling.to_owned());
                }
            }
        }
        audiences
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.document.http.shutdown_grace_seconds.unwrap_or(20))
    }

    /// What takes a restart to change, by name, as far as it differs.
    pub(crate) fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let (old, new) = (&self.document, &new.document);
        let differs = [
            ("tenant", old.tenant != new.tenant),
            ("apis", old.apis != new.apis),
            ("http", old.http != new.http),
            ("auth.mode", old.auth.mode != new.auth.mode || old.auth.jwt.is_empty() != new.auth.jwt.is_empty()),
            ("auth.jwt.issuer", old.auth.issuers() != new.auth.issuers()),
            (
                "auth.jwt.sign_in",
                old.auth.sign_in().map(|(_, sign_in)| sign_in) != new.auth.sign_in().map(|(_, sign_in)| sign_in),
            ),
            ("store", old.store != new.store),
            ("limits", old.limits != new.limits),
            ("audit", old.audit != new.audit),
            ("log", old.log != new.log),
            ("outbound", old.outbound != new.outbound),
            ("connect", old.connect != new.connect),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::governor::{CallLimits, CallRate};

    use super::*;

    fn config(text: &str) -> Config {
        let (document, blueprint) = reading::read(Path::new("gateway.toml"), text).unwrap();
        Config { file: Some("gateway.toml".into()), document, blueprint }
    }

    #[test]
    fn flags_stand_over_the_file_and_the_file_over_the_defaults() {
        let flags = ServeFlags::default();
        let plain = config("");
        assert_eq!((plain.listen(&flags), plain.auth_mode(&flags)), (LISTEN, AuthMode::Static));
        let said = config("[http]\nlisten = \"127.0.0.1:1\"\n[auth]\nmode = \"none\"\n");
        assert_eq!((said.listen(&flags).port(), said.auth_mode(&flags)), (1, AuthMode::None));
        let flags = ServeFlags { listen: "[::1]:2".parse().ok(), auth: Some(AuthMode::Jwt), ..ServeFlags::default() };
        assert_eq!((said.listen(&flags).port(), said.auth_mode(&flags)), (2, AuthMode::Jwt));
    }

    #[test]
    fn the_public_url_follows_the_address_only_where_that_says_enough() {
        let url = |address: &str| config("").public_url(address.parse().unwrap()).map(String::from).ok();
        assert_eq!(url("127.0.0.1:8700").as_deref(), Some("http://127.0.0.1:8700/mcp"));
        assert_eq!(url("0.0.0.0:1").as_deref(), Some("http://127.0.0.1:1/mcp"));
        assert_eq!(url("[::1]:1").as_deref(), Some("http://[::1]:1/mcp"));
        assert_eq!(url("192.0.2.1:1"), None);
    }

    #[test]
    fn the_public_url_is_an_identifier_as_the_file_spells_it() {
        let audiences = |spelled: &str, stated: &[&str]| {
            let config = config(&format!("[http]\npublic_url = \"{spelled}\"\n"));
            let public = config.public_url(LISTEN).unwrap();
            assert_eq!(config.resource(), Some(spelled));
            config.audiences(&stated.iter().map(ToString::to_string).collect::<Vec<_>>(), &public)
        };
        assert_eq!(audiences("https://Tools.example.com:443/mcp", &[]), ["https://Tools.example.com:443/mcp"]);
        assert_eq!(audiences("https://tools.example.com/mcp/", &[]), ["https://tools.example.com/mcp/"]);
        let both = ["https://tools.example.com", "https://tools.example.com/"];
        assert_eq!(audiences("https://tools.example.com", &[]), both);
        assert_eq!(audiences("https://tools.example.com/", &[]), [both[1], both[0]]);
        assert_eq!(audiences("https://tools.example.com", &["api://x"]), ["api://x"]);
    }

    #[test]
    fn limits_that_are_left_out_are_those_of_the_governor() {
        let limits = |text: &str| config(text).document.limits.of_calls();
        assert_eq!(limits(""), CallLimits::default());
        let given = limits("[limits]\ncalls_in_flight = 50\nrate_per_person = { per_second = 3, burst = 9 }");
        let expected = CallLimits::default().with_in_flight(50).with_rate_per_person(Some(CallRate::new(3, 9)));
        assert_eq!(given, expected);
    }

    #[test]
    fn what_takes_a_restart_is_named() {
        let old = config("[log]\nformat = \"text\"\n");
        assert!(old.needs_restart(&old).is_empty());
        let new = config("tenant = \"other\"\n[http]\npage_size = 3\n[log]\nformat = \"json\"\n");
        assert_eq!(old.needs_restart(&new), ["tenant", "http", "log"]);
        assert!(old.needs_restart(&config("governance = \"activated\"\n[log]\nformat = \"text\"\n")).is_empty());
    }
}
