//! Bearer tokens that are signed by an identity provider.

mod algorithm;
mod builder;
mod cache;
mod claims;
mod discovery;
mod fetch;
mod keys;
mod sign_in;
mod stated;
mod token_type;
#[cfg(feature = "transport")]
mod transport;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use mcp_govern_core::{Clock, Secret};
use serde_json::{Map, Value};

#[cfg(feature = "transport")]
pub use self::transport::TransportJwks;
pub use self::{
    algorithm::JwtAlgorithm,
    builder::JwtAuthenticatorBuilder,
    fetch::{FetchJwks, FetchJwksError, StaticJwks},
};
use self::{
    cache::JwksCache,
    claims::{ClaimNames, Claims},
    stated::Stated,
    token_type::TokenType,
};
use super::{AuthError, Authenticate, Identity, Presented, RefusalReason};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// Accepts access tokens in the form of signed JWTs (RFC 9068) from one issuer.
///
/// A token is good when its signature is that of a key which the issuer publishes, under an algorithm of the allow-list and of the
/// key; when issuer, audience and type are the configured ones, it has not ended and has begun; when it is not an ID token and not bound to a
/// key of its client (`cnf`); and when it names a person and a client.
///
/// The keys are fetched when they are first needed and kept for ten minutes; then a request waits for them to be fetched anew. While the issuer
/// does not answer the known keys are used for up to an hour. A token that names an unknown key leads to one fetch for all callers; while none
/// may begin because one has just ended, such a token is answered 503 and not refused.
///
/// ```
/// use mcp_govern_server::{JwtAuthenticator, StaticJwks};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let document = r#"{"keys": []}"#;
/// let authenticator = JwtAuthenticator::builder("https://id.example.com", "https://tools.example.com/mcp", StaticJwks::new(document))
///     .with_jwks_url("https://id.example.com/keys".parse()?)
///     .with_groups_claim("/realm_access/roles")
///     .with_required_scopes(["mcp:tools"])
///     .build()?;
/// # Ok(()) }
/// ```
pub struct JwtAuthenticator {
    issuer: String,
    keys: Arc<JwksCache>,
    algorithms: BTreeSet<JwtAlgorithm>,
    audiences: Vec<String>,
    leeway: Duration,
    names: ClaimNames,
    token_types: BTreeSet<TokenType>,
    scopes: Vec<String>,
    clock: Arc<dyn Clock>,
}

impl JwtAuthenticator {
    /// For tokens of an issuer (an https URL, compared exactly with the claim `iss`) that are meant for `audience`: the public URL of
    /// the server where clients follow RFC 8707.
    pub fn builder(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        fetch: impl FetchJwks,
    ) -> JwtAuthenticatorBuilder {
        JwtAuthenticatorBuilder::new(issuer.into(), audience.into(), Arc::new(fetch))
    }

    async fn identify(&self, token: &Secret) -> Result<Identity, AuthError> {
        let text = token.expose();
        let malformed = |message: String| AuthError::invalid(message).with_reason(RefusalReason::Malformed);
        if text.len() > LONGEST {
            return Err(malformed(format!("the token is longer than {LONGEST} bytes")));
        }
        let header = decode_header(text).map_err(|_| malformed("the token is not a signed JWT".to_owned()))?;
        let stated = Stated::of(text, header.kid.as_deref());
        let judged = self.judge(text, &header, &stated).await;
        judged.map_err(|error| error.with_claimed(stated.claimed()))
    }

    async fn judge(&self, text: &str, header: &Header, stated: &Stated<'_>) -> Result<Identity, AuthError> {
        // First, as another issuer has other algorithms, types and keys: this one is asked for none of them.
        if stated.issuer().is_some_and(|issuer| issuer != self.issuer) {
            return Err(other_issuer());
        }
        let other = |message: &str| AuthError::invalid(message).with_reason(RefusalReason::Type);
        let algorithm = JwtAlgorithm::of_library(header.alg).filter(|algorithm| self.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or_else(|| other("the token is signed with an algorithm that is not accepted"))?;
        if header.crit.is_some() {
            return Err(other("the token demands an extension that is not understood"));
        }
        let token_type = TokenType::of(header.typ.as_deref());
        if !self.token_types.contains(&token_type) {
            return Err(self.other_type());
        }
        let check = |candidates: &[&DecodingKey]| self.verified(text, algorithm, candidates, &self.audiences);
        let claims = self.keys.with_candidates(header.kid.as_deref(), algorithm, check).await?;
        claims.check_use(&token_type)?;
        let expires = claims.check_time(self.clock.now(), self.leeway)?;
        if !self.scopes.iter().all(|scope| claims.has_scope(scope)) {
            return Err(AuthError::insufficient_scope(self.scopes.clone()));
        }
        Ok(claims.identity(&self.issuer, &self.names)?.with_expiry(expires))
    }

    /// The claims, when one of the keys made the signature and the token is from and for the right ones.
    fn verified(
        &self,
        token: &str,
        algorithm: JwtAlgorithm,
        keys: &[&DecodingKey],
        audiences: &[String],
    ) -> Result<Claims, AuthError> {
        let mut validation = Validation::new(algorithm.to_library());
        validation.set_audience(audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Issuer and times are checked below and by the caller: the library accepts a list of issuers, and knows one clock.
        validation.validate_exp = false;
        let mut reason = AuthError::invalid("the token's signature is wrong").with_reason(RefusalReason::Signature);
        for key in keys {
            match decode::<Map<String, Value>>(token, key, &validation) {
                Ok(token) => {
                    let claims = Claims(token.claims);
                    let ours = claims.text("iss") == Some(self.issuer.as_str());
                    return if ours { Ok(claims) } else { Err(other_issuer()) };
                }
                Err(error) => reason = refused(&error, audiences).unwrap_or(reason),
            }
        }
        Err(reason)
    }

    /// RFC 9068, section 4. What the token states is not repeated: anybody may have written it.
    fn other_type(&self) -> AuthError {
        let accepted: Vec<String> = self.token_types.iter().map(|accepted| format!("`{accepted}`")).collect();
        AuthError::invalid(format!(
            "the token is of another type than the access tokens that are accepted ({}); for an issuer whose access tokens state `JWT` or \
             nothing the operator must accept `JWT` (token types)",
            accepted.join(", ")
        ))
        .with_reason(RefusalReason::Type)
    }
}

/// A sentence for a reason that another key would not change.
fn refused(error: &jsonwebtoken::errors::Error, audiences: &[String]) -> Option<AuthError> {
    use jsonwebtoken::errors::ErrorKind;
    let (sentence, reason) = match error.kind() {
        ErrorKind::InvalidAudience => {
            let expected: Vec<String> = audiences.iter().map(|audience| format!("`{audience}`")).collect();
            let expected = expected.join(" or ");
            (format!("the token is meant for another server: its audience must be {expected}"), RefusalReason::Audience)
        }
        ErrorKind::MissingRequiredClaim(_) => {
            ("the token lacks one of exp, iss, aud and sub".to_owned(), RefusalReason::Claims)
        }
        ErrorKind::InvalidSignature => return None,
        _ => ("the token cannot be read".to_owned(), RefusalReason::Malformed),
    };
    Some(AuthError::invalid(sentence).with_reason(reason))
}

fn other_issuer() -> AuthError {
    AuthError::invalid("the token is of another issuer").with_reason(RefusalReason::Issuer)
}

impl fmt::Debug for JwtAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthenticator")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Authenticate for JwtAuthenticator {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        match request.bearer() {
            Some(token) => self.identify(token).await,
            None => Err(AuthError::missing()),
        }
    }

    async fn prepare(&self) -> Result<(), AuthError> {
        self.keys.ready().await.map_err(AuthError::unavailable)
    }

    fn authorization_servers(&self) -> Vec<String> {
        vec![self.issuer.clone()]
    }

    fn scopes(&self) -> Vec<String> {
        self.scopes.clone()
    }
}
