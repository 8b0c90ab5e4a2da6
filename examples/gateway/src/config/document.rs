//! The file's own tables. The tables of governance are a `Blueprint`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use example_vendors::OwnApi;
use ipnet::IpNet;
use mcp_govern_core::{
    ClientName, GroupId, Issuer, ServerId, SubjectId, TenantId, UserId,
    blueprint::optional_seconds,
    governor::{CallLimits, CallRate},
};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use url::Url;

use super::secret::{CredentialFields, SecretRef, StoreUrl};
use crate::cli::AuthMode;

/// The file without governance.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Document {
    pub(crate) tenant: Option<TenantId>,
    /// OpenAPI documents of further APIs.
    pub(crate) apis: Vec<OwnApi>,
    pub(crate) http: Http,
    pub(crate) auth: Auth,
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) audit: Audit,
    pub(crate) log: Log,
    pub(crate) outbound: Outbound,
    /// The shared credentials, by server.
    pub(crate) credentials: BTreeMap<ServerId, CredentialFields>,
    /// The vendors' sign-ins for people's own accounts, by server.
    pub(crate) connect: BTreeMap<ServerId, SignIn>,
}

impl Document {
    /// The tables of the file that are no governance.
    pub(super) const TABLES: [&'static str; 11] =
        ["tenant", "apis", "http", "auth", "store", "audit", "limits", "log", "outbound", "credentials", "connect"];

    /// Every secret that it refers to.
    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let store = [self.store.vault_keys.as_ref(), self.store.audit_key.as_ref()];
        let url = match &self.store.url {
            Some(StoreUrl::Elsewhere(reference)) => Some(reference),
            _ => None,
        };
        let tokens = self.auth.tokens.iter().map(|token| &token.secret);
        let credentials = self.credentials.values().flat_map(|fields| fields.0.values());
        let sign_ins = self.connect.values().filter_map(|sign_in| sign_in.client_secret.as_ref());
        let all = store.into_iter().flatten().chain(url).chain(self.http.state_key.as_ref());
        let issuers = self.auth.jwt.iter().filter_map(|jwt| jwt.sign_in.as_ref()?.client_secret.as_ref());
        all.chain(tokens).chain(credentials).chain(sign_ins).chain(issuers)
    }

    /// The environment variables that it refers to: the program that starts the gateway must hand them on.
    pub(crate) fn variables(&self) -> BTreeSet<&str> {
        self.secrets()
            .filter_map(|reference| match reference {
                SecretRef::Env(name) => Some(name.as_str()),
                SecretRef::File(_) => None,
            })
            .collect()
    }

    /// The files with secrets that it refers to, as they are spelled.
    pub(crate) fn secret_files(&self) -> BTreeSet<&Path> {
        self.secrets()
            .filter_map(|reference| match reference {
                SecretRef::File(path) => Some(path.as_path()),
                SecretRef::Env(_) => None,
            })
            .collect()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) operations: Option<SocketAddr>,
    pub(crate) title: Option<String>,
    pub(crate) instructions: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) trusted_proxies: Option<Proxies>,
    pub(crate) state_key: Option<SecretRef>,
    pub(crate) page_size: Option<usize>,
    #[serde(deserialize_with = "optional_seconds")]
    pub(crate) list_ttl_seconds: Option<u64>,
    /// Whether models are offered the tool `request_access`.
    pub(crate) access_requests: Option<AccessRequests>,
    #[serde(deserialize_with = "optional_seconds")]
    pub(crate) call_deadline_seconds: Option<u64>,
    #[serde(deserialize_with = "optional_seconds")]
    pub(crate) shutdown_grace_seconds: Option<u64>,
    pub(crate) max_body_bytes: Option<usize>,
    pub(crate) max_body_bytes_in_flight: Option<usize>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) max_operations_connections: Option<usize>,
    #[serde(deserialize_with = "optional_seconds")]
    pub(crate) idle_timeout_seconds: Option<u64>,
    #[serde(deserialize_with = "optional_seconds")]
    pub(crate) write_timeout_seconds: Option<u64>,
    #[serde(deserialize_with = "optional_seconds")]
    pub(crate) unauthenticated_timeout_seconds: Option<u64>,
    pub(crate) max_unauthenticated_requests: Option<usize>,
}

/// The URL under which clients see the gateway, and how the file spells it: clients ask for tokens under that spelling.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PublicUrl {
    pub(crate) url: Url,
    pub(crate) text: String,
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = text
            .parse()
            .map_err(|error| format!("`{text}` is not a URL such as `https://tools.example.com/mcp`: {error}"))?;
        Ok(Self { url, text })
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proxies {
    pub(crate) networks: Vec<IpNet>,
    #[serde(default = "forwarded_for")]
    pub(crate) header: String,
}

fn forwarded_for() -> String {
    "x-forwarded-for".to_owned()
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Auth {
    pub(crate) mode: Option<AuthMode>,
    /// Who every caller is where the mode is `none`; the user of the operating system when absent.
    pub(crate) user: Option<UserId>,
    pub(crate) tokens: Vec<Token>,
    /// The issuers whose tokens are accepted: one table, or a list of them.
    #[serde(deserialize_with = "one_or_several")]
    pub(crate) jwt: Vec<Jwt>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    #[serde(rename = "token")]
    pub(crate) secret: SecretRef,
    pub(crate) user: SubjectId,
    #[serde(default = "local")]
    pub(crate) issuer: String,
    #[serde(default = "any_client")]
    pub(crate) client: String,
    #[serde(default)]
    pub(crate) groups: Vec<GroupId>,
}

fn local() -> String {
    "local".to_owned()
}

fn any_client() -> String {
    "mcp-client".to_owned()
}

impl Auth {
    /// The issuer at which people sign in to connect accounts of their own.
    pub(crate) fn sign_in(&self) -> Option<(&Jwt, &IssuerSignIn)> {
        self.jwt.iter().find_map(|jwt| Some((jwt, jwt.sign_in.as_ref()?)))
    }

    /// The issuers' names, in their order.
    pub(crate) fn issuers(&self) -> Vec<&Issuer> {
        self.jwt.iter().map(|jwt| &jwt.issuer).collect()
    }
}

/// One table (`[auth.jwt]`), or a list of them (`[[auth.jwt]]`).
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Jwt>, D::Error> {
    struct Tables;

    impl<'de> Visitor<'de> for Tables {
        type Value = Vec<Jwt>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table `[auth.jwt]`, or several `[[auth.jwt]]`")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Jwt>, A::Error> {
            Jwt::deserialize(MapAccessDeserializer::new(map)).map(|jwt| vec![jwt])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<Jwt>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }

    deserializer.deserialize_any(Tables)
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    pub(crate) issuer: Issuer,
    /// What tokens are issued for; the public URL when absent.
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
    #[serde(default)]
    pub(crate) jwks_url: Option<Url>,
    #[serde(default)]
    pub(crate) algorithms: Vec<Algorithm>,
    /// The types of tokens that are accepted; `at+jwt` when empty.
    #[serde(default)]
    pub(crate) token_types: Vec<String>,
    #[serde(default, deserialize_with = "optional_seconds")]
    pub(crate) keys_max_age_seconds: Option<u64>,
    #[serde(default, deserialize_with = "optional_seconds")]
    pub(crate) keys_max_stale_seconds: Option<u64>,
    /// The claim that names people; `sub` when absent.
    #[serde(default)]
    pub(crate) user_claim: Option<String>,
    #[serde(default)]
    pub(crate) groups_claim: Option<String>,
    #[serde(default)]
    pub(crate) client_claims: Vec<String>,
    #[serde(default)]
    pub(crate) required_scopes: Vec<String>,
    #[serde(default, deserialize_with = "optional_seconds")]
    pub(crate) leeway_seconds: Option<u64>,
    /// How people sign in at the issuer to connect accounts of their own.
    #[serde(default)]
    pub(crate) sign_in: Option<IssuerSignIn>,
}

/// The gateway as a client of the issuer, for people who connect accounts of their own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerSignIn {
    pub(crate) client_id: ClientName,
    #[serde(default)]
    pub(crate) client_secret: Option<SecretRef>,
    #[serde(default = "openid")]
    pub(crate) scopes: Vec<String>,
    /// Both where the issuer's metadata does not name them.
    #[serde(default)]
    pub(crate) authorize_url: Option<Url>,
    #[serde(default)]
    pub(crate) token_url: Option<Url>,
}

fn openid() -> Vec<String> {
    vec!["openid".to_owned()]
}

/// A signature algorithm by its name in RFC 7518 and RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    pub(crate) url: Option<StoreUrl>,
    pub(crate) vault_keys: Option<SecretRef>,
    pub(crate) audit_key: Option<SecretRef>,
    /// The file in which the last known heads are kept, or `none`.
    pub(crate) heads: Option<String>,
    pub(crate) readable_names: bool,
    /// Whether a database on another machine may be spoken to without TLS where the URL says so.
    pub(crate) insecure_postgres: bool,
    /// A size, in MiB, that a SQLite file does not outgrow: what does not fit is refused, as on a full disk.
    pub(crate) largest_mebibytes: Option<u64>,
}

/// What one person and one AI client may use of this node. What is left out is as in `CallLimits`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) calls_in_flight: Option<usize>,
    pub(crate) calls_in_flight_per_person: Option<usize>,
    pub(crate) calls_in_flight_per_client: Option<usize>,
    pub(crate) rate_per_person: Option<Rate>,
    pub(crate) rate_per_client: Option<Rate>,
    pub(crate) recorded_denials_per_person: Option<Rate>,
}

/// So many a second, after so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}

impl Limits {
    /// The limits as the governor takes them.
    pub(crate) fn of_calls(&self) -> CallLimits {
        let rate = |rate: Rate| CallRate::new(rate.per_second, rate.burst);
        let mut limits = CallLimits::default();
        limits.in_flight = self.calls_in_flight.unwrap_or(limits.in_flight);
        limits.in_flight_per_person = self.calls_in_flight_per_person.or(limits.in_flight_per_person);
        limits.in_flight_per_client = self.calls_in_flight_per_client.or(limits.in_flight_per_client);
        limits.rate_per_person = self.rate_per_person.map(rate).or(limits.rate_per_person);
        limits.rate_per_client = self.rate_per_client.map(rate).or(limits.rate_per_client);
        let denials = self.recorded_denials_per_person.map(rate);
        limits.recorded_denials_per_person = denials.or(limits.recorded_denials_per_person);
        limits
    }

    /// What is wrong with them, one sentence each.
    pub(super) fn faults(&self) -> Vec<String> {
        let all = self.calls_in_flight.unwrap_or(CallLimits::default().in_flight);
        let mut faults = Vec::new();
        for (name, given, most, why) in [
            ("calls_in_flight", self.calls_in_flight, MOST_CALLS, "that is more than a process can hold"),
            (
                "calls_in_flight_per_person",
                self.calls_in_flight_per_person,
                all / 10,
                "a tenth of all, so that no person takes all",
            ),
            (
                "calls_in_flight_per_client",
                self.calls_in_flight_per_client,
                all / 2,
                "half of all, so that no client takes all",
            ),
        ] {
            let most = most.max(1);
            if given.is_some_and(|given| given == 0 || given > most) {
                faults.push(format!("limits.{name}: expected 1 to {most} ({why})"));
            }
        }
        for (name, rate) in [
            ("rate_per_person", self.rate_per_person),
            ("rate_per_client", self.rate_per_client),
            ("recorded_denials_per_person", self.recorded_denials_per_person),
        ] {
            if rate.is_some_and(|rate| !(1..=1_000_000).contains(&rate.per_second) || rate.burst == 0) {
                faults
                    .push(format!("limits.{name}: expected `per_second` of 1 to 1000000 and a `burst` of at least 1"));
            }
        }
        faults
    }
}

/// More calls in flight than this are not held by one process.
const MOST_CALLS: usize = 1_000_000;

/// How long the record of calls stays in the store; for ever where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// What is older is sealed into files and dropped from the store.
    pub(crate) keep_days: Option<u32>,
    /// The folder for the files; a relative path is meant from the file's folder.
    pub(crate) export: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: Option<LogFormat>,
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// How requests leave this machine.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Outbound {
    /// Through the proxies that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub(crate) system_proxy: bool,
}

/// The gateway as an application that is registered at a vendor's authorization server, for people's own accounts. Where the provider's
/// document names the endpoints, the file need not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    pub(crate) client_id: ClientName,
    #[serde(default)]
    pub(crate) client_secret: Option<SecretRef>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// Whose account it is.
    #[serde(default)]
    pub(crate) grant: GrantKind,
    /// How the client secret is sent.
    #[serde(default)]
    pub(crate) auth: SecretSent,
    /// Instead of those of the document, or of the issuer's metadata.
    #[serde(default)]
    pub(crate) authorize_url: Option<Url>,
    #[serde(default)]
    pub(crate) token_url: Option<Url>,
    #[serde(default)]
    pub(crate) revoke_url: Option<Url>,
    /// The vendor's issuer: its metadata names the endpoints that are not known otherwise, and what the redirect states is compared with it
    /// (RFC 9207).
    #[serde(default)]
    pub(crate) issuer: Option<String>,
    /// The field of the auth method that takes the access token, where the document does not say it.
    #[serde(default)]
    pub(crate) field: Option<String>,
}

/// How a token is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantKind {
    /// Each person signs in, and grants the own account.
    #[default]
    AuthorizationCode,
    /// The application itself has one, which all callers of the server share.
    ClientCredentials,
}

/// How a client secret is sent to a token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecretSent {
    /// In the form.
    #[default]
    Post,
    /// In the header `Authorization`.
    Basic,
}

/// Whether models are offered the tool with which they ask for access in the person's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccessRequests {
    Offered,
    Off,
}
