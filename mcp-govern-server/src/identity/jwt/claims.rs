//! What a token says, and who that is.

use std::time::Duration;

use mcp_govern_core::{ClientId, GroupId, Timestamp, UserId};
use serde_json::{Map, Value};

use super::token_type::TokenType;
use crate::identity::{AuthError, Identity, RefusalReason};

/// Which claims mean what.
#[derive(Debug, Clone)]
pub(super) struct ClaimNames {
    /// Names the person.
    pub(super) user: String,
    /// A claim's name, or a JSON pointer into the claims.
    pub(super) groups: String,
    /// The first that is there names the client.
    pub(super) client: Vec<String>,
}

/// The claims of a token whose signature, issuer and audience are good.
#[derive(Debug)]
pub(super) struct Claims(pub(super) Map<String, Value>);

impl Claims {
    /// Whether the token is valid at `now`; answers its end.
    pub(super) fn check_time(&self, now: Timestamp, leeway: Duration) -> Result<Timestamp, AuthError> {
        let expires = self.date("exp")?.ok_or_else(|| {
            AuthError::invalid("the token does not say when it ends").with_reason(RefusalReason::Claims)
        })?;
        if expires.plus(leeway) <= now {
            return Err(AuthError::invalid("the token has expired").with_reason(RefusalReason::Expired));
        }
        let later = |date: Option<Timestamp>| date.is_some_and(|date| date > now.plus(leeway));
        if later(self.date("nbf")?) {
            return Err(AuthError::invalid("the token is not valid yet").with_reason(RefusalReason::NotYetValid));
        }
        if later(self.date("iat")?) {
            return Err(AuthError::invalid(
                "the token was issued in the future: clocks differ by more than is allowed",
            )
            .with_reason(RefusalReason::NotYetValid));
        }
        Ok(expires)
    }

    /// Refuses tokens that are good for less than they are presented for. `stated` is the type in the token's header.
    pub(super) fn check_use(&self, stated: &TokenType) -> Result<(), AuthError> {
        if self.0.contains_key("cnf") {
            return Err(AuthError::invalid(
                "the token is bound to a key of its client (`cnf`), which is not asked for here: get a plain bearer token",
            )
            .with_reason(RefusalReason::Bound));
        }
        let of_sign_in = ["nonce", "at_hash", "c_hash"].iter().any(|name| self.0.contains_key(*name));
        if !stated.is_access_token() && (of_sign_in || self.text("typ") == Some("ID")) {
            return Err(AuthError::invalid(
                "the token is an ID token: it says who signed in, and is not an access token",
            )
            .with_reason(RefusalReason::Type));
        }
        Ok(())
    }

    /// The person and the client.
    pub(super) fn identity(&self, issuer: &str, names: &ClaimNames) -> Result<Identity, AuthError> {
        let unfit = |_| {
            AuthError::invalid("the token names a client in a form that is not understood")
                .with_reason(RefusalReason::Claims)
        };
        let client = names.client.iter().find_map(|name| self.text(name));
        let client =
            client.ok_or_else(|| AuthError::invalid("the token names no client").with_reason(RefusalReason::Claims))?;
        let user = self.person(issuer, names)?;
        let client = ClientId::new(issuer, client).map_err(unfit)?;
        Ok(Identity::new(user, client).with_groups(self.groups(&names.groups)))
    }

    /// The person, by the claim that names people.
    pub(super) fn person(&self, issuer: &str, names: &ClaimNames) -> Result<UserId, AuthError> {
        let refused = |message: String| AuthError::invalid(message).with_reason(RefusalReason::Claims);
        let claim = names.user.as_str();
        let name = self.text(claim).ok_or_else(|| match claim {
            "sub" => refused("the token names no person".to_owned()),
            _ => refused(format!("the token names no person: it has no claim `{claim}`")),
        })?;
        // Who may write an address into one's own profile would be whoever has that address (OpenID Connect Core 1.0, section 5.7).
        let is_unverified = |stated: &Value| *stated != Value::Bool(true) && stated.as_str() != Some("true");
        if claim == "email" && self.0.get("email_verified").is_some_and(is_unverified) {
            return Err(refused(
                "the issuer has not verified the address by which the token names a person".to_owned(),
            ));
        }
        UserId::new(issuer, name)
            .map_err(|_| refused("the token names a person in a form that is not understood".to_owned()))
    }

    /// The scopes that were granted: RFC 9068 writes them as one text, others as a list.
    pub(super) fn has_scope(&self, wanted: &str) -> bool {
        ["scope", "scp"].iter().filter_map(|name| self.0.get(*name)).any(|value| match value {
            Value::String(text) => text.split(' ').any(|scope| scope == wanted),
            Value::Array(items) => items.iter().any(|scope| scope.as_str() == Some(wanted)),
            _ => false,
        })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Group names that are unfit for an id are left out: a person with fewer groups may do less.
    fn groups(&self, claim: &str) -> Vec<GroupId> {
        let found = match claim.strip_prefix('/') {
            None => self.0.get(claim),
            Some(pointer) => pointer
                .split('/')
                .try_fold(None, |at: Option<&Value>, step| {
                    let step = step.replace("~1", "/").replace("~0", "~");
                    let next = match at {
                        None => self.0.get(&step),
                        Some(value) => value.get(&step),
                    };
                    next.map(Some)
                })
                .flatten(),
        };
        match found {
            Some(Value::String(group)) => GroupId::new(group).into_iter().collect(),
            Some(Value::Array(groups)) => {
                groups.iter().filter_map(Value::as_str).filter_map(|group| GroupId::new(group).ok()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A `NumericDate` (RFC 7519, section 2): seconds, with or without a fraction.
    fn date(&self, name: &str) -> Result<Option<Timestamp>, AuthError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_i64().or_else(|| {
            let seconds = value.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the range was checked; a fraction of a second is cut off"
            )]
            let whole = seconds as i64;
            Some(whole)
        });
        let seconds = seconds.ok_or_else(|| {
            AuthError::invalid(format!("the claim `{name}` is not a date")).with_reason(RefusalReason::Claims)
        })?;
        Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        let Value::Object(map) = value else { panic!("an object") };
        Claims(map)
    }

    fn names(groups: &str) -> ClaimNames {
        ClaimNames { user: "sub".into(), groups: groups.into(), client: vec!["client_id".into(), "azp".into()] }
    }

    #[test]
    fn a_token_ends_and_begins_when_it_says_so() {
        let leeway = Duration::from_secs(30);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let token = claims(json!({"exp": 1000, "nbf": 500.7}));
        assert_eq!(token.check_time(at(900), leeway).unwrap(), at(1000));
        assert!(token.check_time(at(1029), leeway).is_ok());
        assert!(token.check_time(at(1030), leeway).is_err());
        assert!(token.check_time(at(470), leeway).is_ok());
        assert!(token.check_time(at(469), leeway).is_err());
        for exp in [json!(null), json!("soon"), json!(-1e300), json!([])] {
            assert!(claims(json!({ "exp": exp })).check_time(at(0), leeway).is_err());
        }
        assert!(claims(json!({})).check_time(at(0), leeway).is_err());
        assert!(claims(json!({"exp": 1000, "nbf": "later"})).check_time(at(900), leeway).is_err());
    }

    #[test]
    fn a_token_that_was_issued_in_the_future_is_refused_beyond_the_leeway() {
        let (leeway, now) = (Duration::from_secs(30), Timestamp::from_millis(900_000));
        let issued = |iat: i64| claims(json!({"exp": 1000, "iat": iat})).check_time(now, leeway);
        assert!(issued(0).is_ok() && issued(930).is_ok());
        assert!(issued(931).unwrap_err().to_string().contains("in the future"));
    }

    #[test]
    fn claims_that_restrict_a_token_are_not_passed_over() {
        let (access, plain) = (TokenType::of(Some("application/at+jwt")), TokenType::of(None));
        for (value, as_access, as_plain) in [
            (json!({}), true, true),
            (json!({"cnf": {"jkt": "x"}}), false, false),
            (json!({"cnf": {"x5t#S256": "x"}}), false, false),
            (json!({"cnf": null}), false, false),
            (json!({"nonce": "n"}), true, false),
            (json!({"at_hash": "h"}), true, false),
            (json!({"typ": "ID"}), true, false),
            (json!({"typ": "Bearer"}), true, true),
        ] {
            let token = claims(value.clone());
            assert_eq!(token.check_use(&access).is_ok(), as_access, "{value}");
            assert_eq!(token.check_use(&plain).is_ok(), as_plain, "{value}");
        }
    }

    #[test]
    fn groups_are_found_by_name_or_pointer() {
        let token = claims(json!({
            "sub": "ada", "azp": "desktop",
            "groups": ["on call", 7, "bad\u{0}", "leads"],
            "one": "solo",
            "realm_access": {"roles": ["admin"]},
            "https://example.com/groups": ["spaced"],
        }));
        let groups = |claim: &str| -> Vec<String> {
            let identity = token.identity("idp", &names(claim)).unwrap();
            identity.groups.iter().map(ToString::to_string).collect()
        };
        assert_eq!(groups("groups"), ["on call", "leads"]);
        assert_eq!(groups("one"), ["solo"]);
        assert_eq!(groups("/realm_access/roles"), ["admin"]);
        assert_eq!(groups("https://example.com/groups"), ["spaced"]);
        assert_eq!(groups("/https:~1~1example.com~1groups"), ["spaced"]);
        assert!(groups("nowhere").is_empty() && groups("/a/b").is_empty());
    }

    #[test]
    fn a_token_without_person_or_client_is_nobodys() {
        for value in
            [json!({"sub": "ada"}), json!({"azp": "x"}), json!({"sub": "", "azp": "x"}), json!({"sub": 1, "azp": "x"})]
        {
            assert!(claims(value).identity("idp", &names("groups")).is_err());
        }
        let both = claims(json!({"sub": "ada", "azp": "second", "client_id": "first"}));
        assert_eq!(both.identity("idp", &names("groups")).unwrap().client.name.as_str(), "first");
    }

    #[test]
    fn a_person_is_named_by_the_claim_that_is_configured_and_by_a_verified_address_alone() {
        let by = |claim: &str, value: Value| {
            let names = ClaimNames { user: claim.into(), ..names("groups") };
            claims(value).person("idp", &names).map(|user| user.subject.to_string()).map_err(|error| error.to_string())
        };
        let token = json!({"sub": "00u1", "email": "ada@example.com", "upn": "ada"});
        assert_eq!(by("sub", token.clone()).unwrap(), "00u1");
        assert_eq!(by("email", token.clone()).unwrap(), "ada@example.com");
        assert_eq!(by("upn", token.clone()).unwrap(), "ada");
        assert!(by("preferred_username", token).unwrap_err().contains("`preferred_username`"));
        for (verified, is_taken) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!(null), false),
        ] {
            let token = json!({"sub": "00u1", "email": "ada@example.com", "email_verified": verified});
            assert_eq!(by("email", token.clone()).is_ok(), is_taken, "{verified}");
            assert!(by("sub", token).is_ok());
        }
    }

    #[test]
    fn scopes_are_a_text_or_a_list() {
        assert!(claims(json!({"scope": "a mcp:tools b"})).has_scope("mcp:tools"));
        assert!(claims(json!({"scp": ["mcp:tools"]})).has_scope("mcp:tools"));
        assert!(!claims(json!({"scope": "mcp:toolshed"})).has_scope("mcp:tools"));
    }
}
