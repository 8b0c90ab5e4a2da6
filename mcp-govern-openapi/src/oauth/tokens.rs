//! What an authorization server has issued.

use std::{collections::BTreeSet, time::Duration};

use mcp_govern_core::{AuthMethodId, Credential, CredentialFacts, OAuthFlows, Secret, Timestamp};

/// Scopes that say how a sign-in answers, and that open nothing of the vendor's API.
const OF_THE_SIGN_IN: [&str; 2] = ["openid", "offline_access"];

/// Tokens, and what is known of them. `Debug` shows no token.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OAuthTokens {
    /// What the vendor's API accepts.
    pub access_token: Secret,
    /// What renews it.
    pub refresh_token: Option<Secret>,
    /// Who signed in, where that was asked for.
    pub id_token: Option<Secret>,
    /// The granted scopes; empty where neither the server states them nor any were asked for.
    pub scopes: BTreeSet<String>,
    /// The scopes that were asked for and not granted, in the order in which they were asked for.
    pub missing_scopes: Vec<String>,
    /// How long the access token works, where the server states it.
    pub expires_in: Option<Duration>,
}

impl OAuthTokens {
    /// Compares what is granted with what was asked for. A server that states nothing has granted all of it (RFC 6749, section 5.1).
    pub(super) fn compare(&mut self, stated: Option<Vec<String>>, asked: &[String]) {
        let granted: BTreeSet<String> = match stated {
            None => asked.iter().cloned().collect(),
            // Some servers separate them by commas, which no scope of theirs holds then.
            Some(stated) if asked.iter().any(|scope| scope.contains(',')) => stated.into_iter().collect(),
            Some(stated) => stated.iter().flat_map(|scope| scope.split(',')).map(str::to_owned).collect(),
        };
        self.scopes = granted.into_iter().filter(|scope| !scope.is_empty()).collect();
        self.missing_scopes = asked.iter().filter(|scope| !self.scopes.contains(*scope)).cloned().collect();
    }

    /// Whether scopes of the vendor's API were asked for, and none of them granted.
    pub(super) fn grant_nothing(&self, asked: &[String]) -> bool {
        let mut of_the_api = asked.iter().filter(|scope| !OF_THE_SIGN_IN.contains(&scope.as_str())).peekable();
        of_the_api.peek().is_some() && of_the_api.all(|scope| !self.scopes.contains(scope))
    }

    /// The credential of an auth method, issued at `now`. The refresh token is a field of its own, which no request to the vendor's API
    /// has a place for.
    pub fn into_credential(self, method: AuthMethodId, flows: &OAuthFlows, now: Timestamp) -> Credential {
        let mut facts = CredentialFacts::new().with_scopes(self.scopes);
        if let Some(life) = self.expires_in {
            facts.issued = Some(now);
            facts.expires = Some(now.plus(life));
        }
        facts.renewable = self.refresh_token.is_some();
        let mut credential = Credential::new(method).with_field(&flows.token_field, self.access_token);
        if let Some(token) = self.refresh_token {
            credential = credential.with_field(OAuthFlows::REFRESH_TOKEN, token);
        }
        credential.with_facts(facts)
    }
}
