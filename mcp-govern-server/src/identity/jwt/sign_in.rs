//! Signing people in at the issuer whose tokens are accepted.

use jsonwebtoken::{DecodingKey, decode_header};
use mcp_govern_core::{Secret, UserId};
use serde_json::Value;
use url::Url;

use super::{
    JwtAlgorithm, JwtAuthenticator, LONGEST,
    discovery::{is_safe, published},
    token_type::TokenType,
};
use crate::identity::{AuthError, RefusalReason};

/// Where people sign in at an issuer, by its own metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuerEndpoints {
    /// Where the browser goes (RFC 6749, section 3.1).
    pub authorize: Url,
    /// Where the code is traded (RFC 6749, section 3.2).
    pub token: Url,
    /// Whether every redirect states the issuer (RFC 9207, section 3).
    pub states_issuer: bool,
}

impl JwtAuthenticator {
    /// The issuer whose tokens are accepted, to the letter.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where people sign in, read from the issuer's metadata now.
    ///
    /// # Errors
    ///
    /// When the issuer does not answer, or its metadata names no sign-in on https.
    pub async fn endpoints(&self) -> Result<IssuerEndpoints, AuthError> {
        let metadata = published(&*self.fetch, &self.issuer_url).await.map_err(AuthError::unavailable)?;
        match (metadata.authorization_endpoint, metadata.token_endpoint) {
            (Some(authorize), Some(token)) if is_safe(&authorize) && is_safe(&token) => Ok(IssuerEndpoints {
                authorize,
                token,
                states_issuer: metadata.authorization_response_iss_parameter_supported,
            }),
            _ => Err(AuthError::unavailable("the issuer's metadata names no sign-in on https")),
        }
    }

    /// The person whom an ID token names (`OpenID` Connect Core 1.0, section 3.1.3.7): signed by the issuer, made for this client and for the
    /// sign-in with this nonce, and not ended. It is not an access token, and opens nothing.
    ///
    /// # Errors
    ///
    /// When it is none of that, or the issuer's keys cannot be read now.
    pub async fn person_of_id_token(&self, token: &Secret, client: &str, nonce: &str) -> Result<UserId, AuthError> {
        let text = token.expose();
        let refused = |message: &str, reason| AuthError::invalid(message).with_reason(reason);
        let header = (text.len() <= LONGEST).then(|| decode_header(text).ok()).flatten();
        let header = header.ok_or_else(|| refused("the ID token is not a signed JWT", RefusalReason::Malformed))?;
        let algorithm = JwtAlgorithm::of_library(header.alg).filter(|algorithm| self.algorithms.contains(algorithm));
        let Some(algorithm) = algorithm.filter(|_| header.crit.is_none()) else {
            return Err(refused("the ID token is signed in a way that is not accepted", RefusalReason::Type));
        };
        if TokenType::of(header.typ.as_deref()).is_access_token() {
            return Err(refused("the token is an access token and no ID token", RefusalReason::Type));
        }
        let audience = [client.to_owned()];
        let check = |candidates: &[&DecodingKey]| self.verified(text, algorithm, candidates, &audience);
        let claims = self.keys.with_candidates(header.kid.as_deref(), algorithm, check).await?;
        claims.check_time(self.clock.now(), self.leeway)?;
        if claims.text("nonce") != Some(nonce) {
            return Err(refused("the ID token is of another sign-in", RefusalReason::Claims));
        }
        // Made for several, it must say that this client asked for it.
        let of_several = claims.0.get("aud").and_then(Value::as_array).is_some_and(|audiences| audiences.len() > 1);
        let asked = claims.0.get("azp").map(|azp| azp.as_str() == Some(client));
        if asked == Some(false) || (of_several && asked.is_none()) {
            return Err(refused("the ID token was made for another client", RefusalReason::Audience));
        }
        claims.person(&self.issuer, &self.names)
    }

    /// The person whom an access token for this server names, judged as if it had come with a request.
    ///
    /// # Errors
    ///
    /// When a request with it would be refused.
    pub async fn person_of_access_token(&self, token: &Secret) -> Result<UserId, AuthError> {
        self.identify(token).await.map(|identity| identity.user)
    }
}
