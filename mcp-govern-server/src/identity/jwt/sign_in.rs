//! Signing people in at the issuer whose tokens are accepted.

use jsonwebtoken::{DecodingKey, decode_header};
use mcp_govern_core::{Secret, UserId};
use serde_json::Value;

use super::{JwtAlgorithm, JwtAuthenticator, LONGEST, token_type::TokenType};
use crate::identity::{AuthError, RefusalReason};

impl JwtAuthenticator {
    /// The issuer whose tokens are accepted, to the letter.
    pub fn issuer(&self) -> &str {
        &self.issuer
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
