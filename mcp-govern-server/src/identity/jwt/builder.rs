//! Putting a JWT authenticator together.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jsonwebtoken::crypto::aws_lc;
use mcp_govern_core::{Clock, SystemClock, is_encrypted_or_local};
use url::Url;

use super::{
    FetchJwks, JwtAlgorithm, JwtAuthenticator,
    cache::{Freshness, JwksCache, Origin},
    claims::ClaimNames,
    token_type::TokenType,
};
use crate::ServerError;

/// Puts a [`JwtAuthenticator`] together.
#[derive(Debug)]
#[must_use = "nothing is checked until `build` is called"]
pub struct JwtAuthenticatorBuilder {
    issuer: String,
    audiences: Vec<String>,
    fetch: Arc<dyn FetchJwks>,
    jwks_url: Option<Url>,
    algorithms: BTreeSet<JwtAlgorithm>,
    leeway: Duration,
    names: ClaimNames,
    token_types: BTreeSet<TokenType>,
    scopes: Vec<String>,
    freshness: Freshness,
    clock: Arc<dyn Clock>,
}

impl JwtAuthenticatorBuilder {
    pub(super) fn new(issuer: String, audience: String, fetch: Arc<dyn FetchJwks>) -> Self {
        Self {
            issuer,
            audiences: vec![audience],
            fetch,
            jwks_url: None,
            algorithms: JwtAlgorithm::ALL.into(),
            leeway: Duration::from_secs(30),
            names: ClaimNames {
                user: "sub".to_owned(),
                groups: "groups".to_owned(),
                client: ["client_id", "azp", "cid", "appid"].map(str::to_owned).into(),
            },
            token_types: [TokenType::access_token()].into(),
            scopes: Vec::new(),
            freshness: Freshness {
                max_age: Duration::from_secs(600),
                max_stale: Duration::from_secs(3600),
                pause: Duration::from_secs(30),
            },
            clock: Arc::new(SystemClock),
        }
    }

    /// With a further audience: a token for any of them is accepted.
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// With the key set's URL. Without it the issuer's metadata (RFC 8414, or `OpenID` Connect Discovery) is asked.
    pub fn with_jwks_url(mut self, url: Url) -> Self {
        self.jwks_url = Some(url);
        self
    }

    /// With fewer algorithms than all nine.
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = JwtAlgorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// With another allowance for clocks that differ than thirty seconds.
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// With another claim for the person than `sub`, in access tokens and ID tokens alike: for issuers whose `sub` says nothing to people
    /// (Microsoft Entra, Okta). The claim must be one that the issuer keeps unique, never gives to another person later, and lets no person
    /// change. A token whose `email_verified` is there and not true names no person by `email`. Grants name people by this claim: change it
    /// before the first grant.
    pub fn with_user_claim(mut self, claim: impl Into<String>) -> Self {
        self.names.user = claim.into();
        self
    }

    /// With another claim for groups than `groups`: its name, or a JSON pointer into the claims (`/realm_access/roles`). The claim
    /// is a text or a list of texts.
    pub fn with_groups_claim(mut self, claim: impl Into<String>) -> Self {
        self.names.groups = claim.into();
        self
    }

    /// With other claims for the client than `client_id`, `azp`, `cid` and `appid`; the first that is there counts.
    pub fn with_client_claims(mut self, claims: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.names.client = claims.into_iter().map(Into::into).collect();
        self
    }

    /// With other types of tokens than `at+jwt` (RFC 9068). Which ones an issuer states in the header of its access tokens is in its
    /// documentation: `JWT`, which is also what a token is that states nothing, is what Microsoft Entra and Okta issue. ID tokens are of
    /// that type, too; they are known by their claims (`nonce`, `at_hash`) and refused.
    pub fn with_token_types(mut self, types: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.token_types = types.into_iter().map(|stated| TokenType::of(Some(stated.as_ref()))).collect();
        self
    }

    /// With scopes that every token must have; a token without them is answered 403.
    pub fn with_required_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// With another age than ten minutes from which on keys are used only where the issuer does not answer. A request waits two seconds
    /// for that.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.freshness.max_age = age;
        self
    }

    /// With another age than an hour from which on keys are not used that cannot be fetched anew. So long a key may be used that the
    /// issuer has withdrawn, while the issuer does not answer.
    pub fn with_max_stale(mut self, age: Duration) -> Self {
        self.freshness.max_stale = age;
        self
    }

    /// With another pause than thirty seconds between two fetches. A key that was not looked for yet is not held back by it, as long as
    /// there are few of them.
    pub fn with_fetch_pause(mut self, pause: Duration) -> Self {
        self.freshness.pause = pause;
        self
    }

    /// With another clock than the operating system's for the ends of tokens.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The authenticator. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the issuer or the key set is not on https (http on loopback is fine), an audience is empty, or no algorithm
    /// or type is left.
    pub fn build(self) -> Result<JwtAuthenticator, ServerError> {
        let issuer_url: Url = self
            .issuer
            .parse()
            .map_err(|_| ServerError::config(format!("the issuer `{}` is not a valid URL", self.issuer)))?;
        for url in self.jwks_url.iter().chain([&issuer_url]) {
            if !is_encrypted_or_local(url) {
                return Err(ServerError::config(format!("`{url}` is not on https")));
            }
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(ServerError::config("an audience is empty"));
        }
        if self.algorithms.is_empty() {
            return Err(ServerError::config("no signature algorithm is accepted"));
        }
        if self.token_types.is_empty() || self.token_types.iter().any(TokenType::is_empty) {
            return Err(ServerError::config(
                "no type of tokens is accepted, or one is empty: `at+jwt` or `JWT` are usual",
            ));
        }
        if self.freshness.max_stale < self.freshness.max_age {
            return Err(ServerError::config("keys must not be unusable before they are fetched anew"));
        }
        // Where another crate in the program has chosen a provider already, that one stays: both check the same algorithms.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        let origin = match self.jwks_url {
            Some(url) => Origin::KeySet(url),
            None => Origin::Issuer { name: self.issuer.clone(), url: issuer_url },
        };
        Ok(JwtAuthenticator {
            issuer: self.issuer,
            keys: Arc::new(JwksCache::new(self.fetch, origin, self.freshness)),
            algorithms: self.algorithms,
            audiences: self.audiences,
            leeway: self.leeway,
            names: self.names,
            token_types: self.token_types,
            scopes: self.scopes,
            clock: self.clock,
        })
    }
}
