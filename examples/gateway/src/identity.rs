//! Who calls, by the file and the flags.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_core::{ClientId, Secret, UserId};
use mcp_govern_server::{
    AuthError, Authenticate, FirstOf, FixedIdentity, Identity, JwtAlgorithm, JwtAuthenticator, Presented, StaticTokens,
    TransportJwks, os_user,
};
use url::Url;

use crate::{
    cli::AuthMode,
    config::{Algorithm, Auth, Config, Jwt, Token},
    failure::Failure,
    providers,
};

/// The client that people on this machine call through, where nothing proves another one.
const LOCAL_CLIENT: &str = "local-client";

/// Authenticates callers; its tokens can be replaced while the gateway runs.
#[derive(Debug)]
pub(crate) struct ReloadableAuthenticator(RwLock<Arc<dyn Authenticate>>);

impl ReloadableAuthenticator {
    pub(crate) fn new(first: Arc<dyn Authenticate>) -> Self {
        Self(RwLock::new(first))
    }

    /// Goes by another list of tokens from now on.
    pub(crate) fn replace(&self, next: Arc<dyn Authenticate>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    fn current(&self) -> Arc<dyn Authenticate> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same reloadable authenticator for the server, which takes one of its own.
#[derive(Debug, Clone)]
pub(crate) struct SharedAuthenticator(pub(crate) Arc<ReloadableAuthenticator>);

#[async_trait]
impl Authenticate for SharedAuthenticator {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        self.0.current().authenticate(request).await
    }

    async fn prepare(&self) -> Result<(), AuthError> {
        self.0.current().prepare().await
    }

    fn authorization_servers(&self) -> Vec<String> {
        self.0.current().authorization_servers()
    }

    fn scopes(&self) -> Vec<String> {
        self.0.current().scopes()
    }
}

/// The user who started the program; where the operating system names none, `local/user`.
pub(crate) fn local_identity() -> Result<Identity, Failure> {
    match os_user(LOCAL_CLIENT) {
        Ok(identity) => Ok(identity),
        Err(_) => Ok(Identity::new(UserId::new("local", "user")?, ClientId::new("local", LOCAL_CLIENT)?)),
    }
}

/// All callers on this machine, where callers prove nothing.
pub(crate) fn everybody(config: &Config) -> Result<Identity, Failure> {
    match &config.document.auth.user {
        Some(user) => Ok(Identity::new(user.clone(), ClientId::new("local", LOCAL_CLIENT)?)),
        None => local_identity(),
    }
}

/// Puts together what says who calls. Every secret is looked up, so that a missing one is reported now.
pub(crate) fn authenticator(
    config: &Config,
    mode: AuthMode,
    demo_token: Option<&Secret>,
    public: &Url,
) -> Result<Arc<dyn Authenticate>, Failure> {
    let auth = &config.document.auth;
    match mode {
        AuthMode::None => Ok(Arc::new(FixedIdentity::new(everybody(config)?))),
        AuthMode::Static => Ok(Arc::new(tokens(auth, config.base(), demo_token)?)),
        AuthMode::Jwt => Ok(Arc::new(issuers(config, public)?)),
        AuthMode::Both => Ok(Arc::new(issuers(config, public)?.or(tokens(auth, config.base(), demo_token)?))),
    }
}

/// The tokens of every issuer of the file.
fn issuers(config: &Config, public: &Url) -> Result<FirstOf, Failure> {
    let auth = &config.document.auth;
    let mut issuers = auth.jwt.iter();
    let Some(first) = issuers.next() else {
        return Err(Failure::config("auth.jwt is not set: it names the issuer whose tokens are accepted"));
    };
    let mut seen = BTreeSet::new();
    if let Some(twice) = auth.jwt.iter().map(|jwt| jwt.issuer.as_str()).find(|issuer| !seen.insert(*issuer)) {
        return Err(Failure::config(format!(
            "auth.jwt: the issuer `{twice}` is there twice; name its audiences in one table"
        )));
    }
    if auth.jwt.iter().filter(|jwt| jwt.sign_in.is_some()).count() > 1 {
        return Err(Failure::config("auth.jwt: people sign in at one issuer: `sign_in` is there for several"));
    }
    let mut all = FirstOf::new(bearer_tokens(first, config, public)?);
    for jwt in issuers {
        all = all.or(bearer_tokens(jwt, config, public)?);
    }
    Ok(all)
}

fn tokens(auth: &Auth, base: &Path, demo_token: Option<&Secret>) -> Result<StaticTokens, Failure> {
    let mut tokens = StaticTokens::new();
    for (index, entry) in auth.tokens.iter().enumerate() {
        let place = |failure: Failure| failure.at(format_args!("auth.tokens[{index}]"));
        let token = entry.secret.resolve(base).map_err(place)?;
        let identity = identity_of(entry).map_err(place)?;
        tokens = tokens.with_token(&token, identity).map_err(|error| place(error.into()))?;
    }
    if let Some(token) = demo_token {
        tokens =
            tokens.with_token(token, local_identity()?).map_err(|error| Failure::from(error).at("--demo-token"))?;
    }
    if auth.tokens.is_empty() && demo_token.is_none() {
        return Err(Failure::config(
            "no caller could be accepted: name tokens under `[[auth.tokens]]` or an issuer under `[auth.jwt]`, or say `--auth none` on \
             this machine alone",
        ));
    }
    Ok(tokens)
}

fn identity_of(entry: &Token) -> Result<Identity, Failure> {
    let user = UserId::new(&entry.issuer, entry.user.as_str())?;
    let client = ClientId::new(&entry.issuer, &entry.client)?;
    Ok(Identity::new(user, client).with_groups(entry.groups.iter().cloned()))
}

pub(crate) fn bearer_tokens(jwt: &Jwt, config: &Config, public: &Url) -> Result<JwtAuthenticator, Failure> {
    let fetch = TransportJwks::new(providers::transport(config));
    let mut audiences = config.audiences(&jwt.audiences, public).into_iter();
    let first = audiences.next().unwrap_or_default();
    let mut builder = JwtAuthenticator::builder(jwt.issuer.as_str(), first, fetch);
    for audience in audiences {
        builder = builder.with_audience(audience);
    }
    if let Some(url) = &jwt.jwks_url {
        builder = builder.with_jwks_url(url.clone());
    }
    if !jwt.algorithms.is_empty() {
        builder = builder.with_algorithms(jwt.algorithms.iter().map(|algorithm| algorithm_of(*algorithm)));
    }
    if let Some(claim) = &jwt.user_claim {
        builder = builder.with_user_claim(claim);
    }
    if let Some(claim) = &jwt.groups_claim {
        builder = builder.with_groups_claim(claim);
    }
    if !jwt.client_claims.is_empty() {
        builder = builder.with_client_claims(&jwt.client_claims);
    }
    if !jwt.token_types.is_empty() {
        builder = builder.with_token_types(&jwt.token_types);
    }
    if let Some(seconds) = jwt.keys_max_age_seconds {
        builder = builder.with_max_age(Duration::from_secs(seconds));
    }
    if let Some(seconds) = jwt.keys_max_stale_seconds {
        builder = builder.with_max_stale(Duration::from_secs(seconds));
    }
    if !jwt.required_scopes.is_empty() {
        builder = builder.with_required_scopes(&jwt.required_scopes);
    }
    if let Some(seconds) = jwt.leeway_seconds {
        builder = builder.with_leeway(Duration::from_secs(seconds));
    }
    builder.build().map_err(|error| Failure::from(error).at("auth.jwt"))
}

fn algorithm_of(algorithm: Algorithm) -> JwtAlgorithm {
    match algorithm {
        Algorithm::RS256 => JwtAlgorithm::Rs256,
        Algorithm::RS384 => JwtAlgorithm::Rs384,
        Algorithm::RS512 => JwtAlgorithm::Rs512,
        Algorithm::PS256 => JwtAlgorithm::Ps256,
        Algorithm::PS384 => JwtAlgorithm::Ps384,
        Algorithm::PS512 => JwtAlgorithm::Ps512,
        Algorithm::ES256 => JwtAlgorithm::Es256,
        Algorithm::ES384 => JwtAlgorithm::Es384,
        Algorithm::EdDsa => JwtAlgorithm::EdDsa,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(folder.path().join("token"), "a-token-nobody-guesses\n").unwrap();
        std::fs::write(&file, text).unwrap();
        let mut config = Config::load(&file).unwrap();
        // The folder must outlive the configuration.
        config.file = Some(folder.keep().join("gateway.toml"));
        config
    }

    fn built(text: &str, mode: AuthMode) -> Result<Arc<dyn Authenticate>, String> {
        let public = "http://127.0.0.1:8700/mcp".parse().unwrap();
        authenticator(&config(text), mode, None, &public).map_err(|failure| failure.to_string())
    }

    async fn who(authenticator_in_use: &dyn Authenticate, token: &str) -> Option<Identity> {
        let (parts, ()) = http::Request::new(()).into_parts();
        let token = Secret::new(token);
        authenticator_in_use.authenticate(&Presented::new(&parts).with_bearer(Some(&token))).await.ok()
    }

    #[tokio::test]
    async fn a_token_is_its_persons_and_a_replaced_list_counts_at_once() {
        let text = "[[auth.tokens]]\ntoken = { file = 'token' }\nuser = 'ann'\ngroups = ['on-call']\n";
        let authenticator_in_use =
            SharedAuthenticator(Arc::new(ReloadableAuthenticator::new(built(text, AuthMode::Static).unwrap())));
        let ann = who(&authenticator_in_use, "a-token-nobody-guesses").await.unwrap();
        assert_eq!((ann.user, ann.groups.len()), (UserId::new("local", "ann").unwrap(), 1));
        let other = StaticTokens::new().with_token(&Secret::new("another-token-entirely"), local_identity().unwrap());
        authenticator_in_use.0.replace(Arc::new(other.unwrap()));
        assert!(who(&authenticator_in_use, "a-token-nobody-guesses").await.is_none());
        assert!(who(&authenticator_in_use, "another-token-entirely").await.is_some());
    }

    #[test]
    fn what_would_let_nobody_in_is_refused() {
        assert!(built("", AuthMode::Static).unwrap_err().contains("no caller could be accepted"));
        assert!(built("", AuthMode::Jwt).unwrap_err().contains("auth.jwt"));
        let missing = "[[auth.tokens]]\ntoken = { env = 'MCP_GATEWAY_NOT_SET' }\nuser = 'ann'\n";
        assert!(built(missing, AuthMode::Static).unwrap_err().starts_with("auth.tokens[0]: the environment variable"));
        assert!(built("[auth.jwt]\nissuer = 'http://id.example.com'\n", AuthMode::Jwt).unwrap_err().contains("https"));
    }

    #[test]
    fn types_and_keys_of_tokens_are_what_the_file_says() {
        let with =
            |more: &str| built(&format!("[auth.jwt]\nissuer = 'https://id.example.com'\n{more}\n"), AuthMode::Jwt);
        assert!(
            with("token_types = ['JWT', 'at+jwt']\nkeys_max_age_seconds = 60\nkeys_max_stale_seconds = 60").is_ok()
        );
        assert!(with("token_types = ['']").unwrap_err().contains("auth.jwt: no type of tokens"));
        assert!(with("keys_max_stale_seconds = 1").unwrap_err().contains("auth.jwt: keys must not be unusable"));
    }

    #[tokio::test]
    async fn issuers_and_tokens_are_accepted_beside_each_other_where_the_file_says_both() {
        let text = "[[auth.tokens]]\ntoken = { file = 'token' }\nuser = 'ci'\n\
                    [[auth.jwt]]\nissuer = 'https://id.example.com'\n[[auth.jwt]]\nissuer = 'https://id.example.org'\nuser_claim = 'email'\n";
        let both = built(text, AuthMode::Both).unwrap();
        assert_eq!(both.authorization_servers(), ["https://id.example.com", "https://id.example.org"]);
        assert_eq!(who(&*both, "a-token-nobody-guesses").await.unwrap().user, UserId::new("local", "ci").unwrap());
        // Tokens that were left in the file are none where it names issuers alone.
        assert!(who(&*built(text, AuthMode::Jwt).unwrap(), "a-token-nobody-guesses").await.is_none());
        let twice =
            "[[auth.jwt]]\nissuer = 'https://id.example.com'\n[[auth.jwt]]\nissuer = 'https://id.example.com'\n";
        assert!(built(twice, AuthMode::Jwt).unwrap_err().contains("is there twice"));
        let sign_in = |issuer: &str| {
            format!("[[auth.jwt]]\nissuer = 'https://{issuer}'\n[auth.jwt.sign_in]\nclient_id = 'gateway'\n")
        };
        let several = sign_in("id.example.com") + &sign_in("id.example.org");
        assert!(built(&several, AuthMode::Jwt).unwrap_err().contains("people sign in at one issuer"));
    }

    #[test]
    fn an_issuer_is_named_to_clients() {
        let authenticator_in_use =
            built("[auth.jwt]\nissuer = 'https://id.example.com'\nalgorithms = ['ES256']\n", AuthMode::Jwt).unwrap();
        assert_eq!(authenticator_in_use.authorization_servers(), ["https://id.example.com"]);
    }
}
