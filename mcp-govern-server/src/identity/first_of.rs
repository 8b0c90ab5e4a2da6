//! Several ways to prove who one is, on one endpoint.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AuthError, AuthErrorKind, Authenticate, Identity, Presented, RefusalReason};

/// Accepts what any of several authenticators accepts: the tokens of two issuers, or those of an issuer beside tokens for machines that
/// were handed out beforehand.
///
/// The authenticators are asked in their order. The first that knows the token decides: one that accepts it, and likewise one that
/// refuses it for another reason than that it is not one of its own (it has ended, it lacks a scope, its issuer's keys cannot be read
/// now). Where none knows it, the refusal that says most is the answer.
///
/// ```
/// use mcp_govern_core::{ClientId, Secret, UserId};
/// use mcp_govern_server::{FirstOf, Identity, JwtAuthenticator, StaticJwks, StaticTokens};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let document = r#"{"keys": []}"#;
/// let people = JwtAuthenticator::builder("https://id.example.com", "https://tools.example.com/mcp", StaticJwks::new(document))
///     .with_jwks_url("https://id.example.com/keys".parse()?)
///     .build()?;
/// let machine = Identity::new(UserId::new("local", "ci")?, ClientId::new("local", "pipeline")?);
/// let machines = StaticTokens::new().with_token(&Secret::new("a-token-of-the-pipeline"), machine)?;
/// let authenticator = FirstOf::new(machines).or(people);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct FirstOf {
    all: Vec<Arc<dyn Authenticate>>,
}

impl FirstOf {
    /// With one authenticator, which is asked first.
    pub fn new(first: impl Authenticate) -> Self {
        Self { all: vec![Arc::new(first)] }
    }

    /// With a further authenticator, which is asked where those before do not know the token.
    #[must_use]
    pub fn or(mut self, next: impl Authenticate) -> Self {
        self.all.push(Arc::new(next));
        self
    }
}

/// How much it says that an authenticator does not know a token, so that another one may; none where it knows the token and refuses it. An
/// unproven claim (the issuer that a token states) decides no more than who is asked.
fn not_known(error: &AuthError) -> Option<u8> {
    if error.kind() != AuthErrorKind::Invalid {
        return None;
    }
    match error.reason() {
        RefusalReason::Malformed => Some(1),
        RefusalReason::Unknown => Some(2),
        RefusalReason::Issuer => Some(3),
        _ => None,
    }
}

#[async_trait]
impl Authenticate for FirstOf {
    async fn authenticate(&self, request: &Presented<'_>) -> Result<Identity, AuthError> {
        let mut refusal = (0, AuthError::missing());
        for authenticator in &self.all {
            match authenticator.authenticate(request).await {
                Err(error) => match not_known(&error) {
                    Some(says) if says > refusal.0 => refusal = (says, error),
                    Some(_) => {}
                    None => return Err(error),
                },
                accepted => return accepted,
            }
        }
        Err(refusal.1)
    }

    /// Ready as soon as one of them is: requests that another one would judge are answered 503 on their own until it is ready, too.
    async fn prepare(&self) -> Result<(), AuthError> {
        let mut failed = Ok(());
        let mut is_ready = false;
        for authenticator in &self.all {
            match authenticator.prepare().await {
                Ok(()) => is_ready = true,
                Err(error) => failed = Err(error),
            }
        }
        if is_ready { Ok(()) } else { failed }
    }

    fn authorization_servers(&self) -> Vec<String> {
        distinct(self.all.iter().flat_map(|authenticator| authenticator.authorization_servers()))
    }

    fn scopes(&self) -> Vec<String> {
        distinct(self.all.iter().flat_map(|authenticator| authenticator.scopes()))
    }
}

/// Each once, in the order in which it came first.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{ClientId, Secret, UserId};

    use super::*;
    use crate::StaticTokens;

    /// An issuer whose every token is answered alike.
    #[derive(Debug)]
    struct Says(&'static str, AuthError);

    #[async_trait]
    impl Authenticate for Says {
        async fn authenticate(&self, _: &Presented<'_>) -> Result<Identity, AuthError> {
            Err(self.1.clone())
        }

        async fn prepare(&self) -> Result<(), AuthError> {
            Err(AuthError::unavailable(self.0))
        }

        fn authorization_servers(&self) -> Vec<String> {
            vec![self.0.to_owned()]
        }

        fn scopes(&self) -> Vec<String> {
            vec!["mcp:tools".to_owned()]
        }
    }

    fn refuses(reason: RefusalReason) -> Says {
        Says("https://id.example.com", AuthError::invalid("no").with_reason(reason))
    }

    fn machines() -> StaticTokens {
        let ci = Identity::new(UserId::new("local", "ci").unwrap(), ClientId::new("local", "pipeline").unwrap());
        StaticTokens::new().with_token(&Secret::new("a-token-of-the-pipeline"), ci).unwrap()
    }

    async fn asked(all: &FirstOf, token: &str) -> Result<Identity, AuthError> {
        let (parts, ()) = http::Request::new(()).into_parts();
        let token = Secret::new(token);
        all.authenticate(&Presented::new(&parts).with_bearer(Some(&token))).await
    }

    #[tokio::test]
    async fn a_token_is_judged_by_the_first_that_knows_it() {
        for reason in [RefusalReason::Issuer, RefusalReason::Malformed, RefusalReason::Unknown] {
            let all = FirstOf::new(refuses(reason)).or(machines());
            assert_eq!(asked(&all, "a-token-of-the-pipeline").await.unwrap().user.subject.as_str(), "ci");
        }
        // One that knows the token and refuses it is not passed over.
        for reason in [RefusalReason::Expired, RefusalReason::Signature, RefusalReason::Audience, RefusalReason::Bound]
        {
            let all = FirstOf::new(refuses(reason)).or(machines());
            assert_eq!(asked(&all, "a-token-of-the-pipeline").await.unwrap_err().reason(), reason);
        }
        let down = FirstOf::new(Says("https://id.example.com", AuthError::unavailable("down"))).or(machines());
        assert_eq!(asked(&down, "a-token-of-the-pipeline").await.unwrap_err().kind(), AuthErrorKind::Unavailable);
        for (says, due) in
            [(RefusalReason::Issuer, RefusalReason::Issuer), (RefusalReason::Malformed, RefusalReason::Unknown)]
        {
            for all in [FirstOf::new(machines()).or(refuses(says)), FirstOf::new(refuses(says)).or(machines())] {
                assert_eq!(asked(&all, "a token that is on no list").await.unwrap_err().reason(), due);
            }
        }
    }

    #[tokio::test]
    async fn what_clients_are_told_is_what_any_of_them_accepts_and_one_that_is_ready_is_enough() {
        let all = FirstOf::new(refuses(RefusalReason::Issuer))
            .or(refuses(RefusalReason::Issuer))
            .or(Says("https://id.example.org", AuthError::missing()));
        assert_eq!(all.authorization_servers(), ["https://id.example.com", "https://id.example.org"]);
        assert_eq!(all.scopes(), ["mcp:tools"]);
        assert_eq!(all.prepare().await.unwrap_err().to_string(), "https://id.example.org");
        assert!(all.or(machines()).prepare().await.is_ok());
    }
}
