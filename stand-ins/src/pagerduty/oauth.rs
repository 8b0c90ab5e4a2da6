//! The authorization server: codes of thirty seconds, PKCE, scopes that are narrowed in silence, refresh tokens that are good once.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::PagerDuty;
use crate::answer::Answer;
use crate::call::Call;
use crate::mint::Mint;
use crate::moment::Moment;
use crate::seen::pairs_of;

/// How long a code is good.
const CODE: Duration = Duration::from_secs(30);
/// How long a person's access token works, by default.
const ACCESS: Duration = Duration::from_secs(24 * 3600);
/// How long a refresh token that is not used is good.
const REFRESH: Duration = Duration::from_secs(30 * 24 * 3600);
/// The scope that every token has.
const OPENID: &str = "openid";

/// The authorization server's state.
#[derive(Clone)]
pub(super) struct OAuth {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) redirect_uris: Vec<String>,
    /// What the application may ask for.
    pub(super) scopes: Vec<String>,
    /// The API that the account's region has.
    pub(super) audience: String,
    /// Which user of the account sits in front of the sign-in.
    pub(super) user: usize,
    pub(super) allows: bool,
    pub(super) access_life: Duration,
    mint: Mint,
    codes: Vec<Code>,
    grants: Vec<Grant>,
    access: Vec<Access>,
    refresh: Vec<Refresh>,
}

#[derive(Clone)]
struct Code {
    text: String,
    challenge: String,
    redirect_uri: String,
    scopes: Vec<String>,
    user: usize,
    until: Moment,
    /// The grant that it was redeemed for.
    redeemed: Option<usize>,
}

/// What a person has allowed: everything that was issued on the ground of it ends with it.
#[derive(Clone)]
struct Grant {
    user: Option<usize>,
    scopes: Vec<String>,
    ended: bool,
}

#[derive(Clone)]
struct Access {
    text: String,
    grant: usize,
    until: Moment,
    revoked: bool,
}

#[derive(Clone)]
struct Refresh {
    text: String,
    grant: usize,
    until: Moment,
    spent: bool,
}

/// Whose access token a request carries, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bearer {
    /// The place of the user among those of the account; none for the application itself.
    pub(super) user: Option<usize>,
    pub(super) scopes: Vec<String>,
}

impl OAuth {
    pub(super) fn new(scopes: Vec<String>) -> Self {
        Self {
            client_id: "standin-client-7f31".to_owned(),
            client_secret: "standin+secret/59d2&e0".to_owned(),
            redirect_uris: Vec::new(),
            scopes,
            audience: String::new(),
            user: 0,
            allows: true,
            access_life: ACCESS,
            mint: Mint::new(0x0a),
            codes: Vec::new(),
            grants: Vec::new(),
            access: Vec::new(),
            refresh: Vec::new(),
        }
    }

    /// The good access token that a request carries.
    pub(super) fn bearer(&self, token: &str, now: Moment) -> Option<Bearer> {
        let access = self.access.iter().find(|access| access.text == token && !access.revoked && now < access.until)?;
        let grant = self.grants.get(access.grant).filter(|grant| !grant.ended)?;
        Some(Bearer { user: grant.user, scopes: grant.scopes.clone() })
    }

    /// Every token that was issued.
    pub(super) fn issued(&self) -> Vec<String> {
        self.access.iter().map(|one| one.text.clone()).chain(self.refresh_tokens().map(str::to_owned)).collect()
    }

    pub(super) fn refresh_tokens(&self) -> impl Iterator<Item = &str> {
        self.refresh.iter().map(|one| one.text.as_str())
    }

    /// Ends everything that a user has allowed, as "Revoke All Tokens" does.
    pub(super) fn end_grants_of(&mut self, user: usize) {
        for grant in self.grants.iter_mut().filter(|grant| grant.user == Some(user)) {
            grant.ended = true;
        }
    }

    /// The access tokens end, and the refresh tokens stay good.
    pub(super) fn end_access(&mut self) {
        for access in &mut self.access {
            access.revoked = true;
        }
    }

    /// How many grants are in force.
    pub(super) fn in_force(&self) -> usize {
        self.grants.iter().filter(|grant| !grant.ended).count()
    }

    fn authorize(&mut self, call: &mut Call<'_>) -> Answer {
        let pairs = call.seen().query_pairs();
        let one = |name: &str| Self::one(&pairs, name);
        let known =
            ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            call.violate(&format!("`{name}` is no parameter of the authorization page"));
        }
        if one("client_id").as_deref() != Some(&self.client_id) {
            return page(400, "unknown client");
        }
        // Without a registered address there is no place to send the browser to.
        let Some(uri) = one("redirect_uri").filter(|uri| self.redirect_uris.contains(uri)) else {
            return page(400, "the redirect URI is not one that is registered");
        };
        let Ok(mut back) = uri.parse::<Url>() else { return page(400, "the redirect URI is none") };
        let state = one("state");
        if state.as_ref().is_none_or(String::is_empty) {
            call.violate("an authorization request without `state`");
        }
        let challenge = one("code_challenge").filter(|text| text.len() == 43);
        let error = if !self.allows {
            Some("access_denied")
        } else if one("response_type").as_deref() != Some("code") {
            call.violate("`response_type` is not `code`");
            Some("unsupported_response_type")
        } else if challenge.is_none() || one("code_challenge_method").as_deref() != Some("S256") {
            call.violate("an authorization request without PKCE of method S256");
            Some("invalid_request")
        } else {
            None
        };
        {
            let mut query = back.query_pairs_mut();
            if let Some(error) = error {
                query.append_pair("error", error).append_pair("error_description", "as the stand-in was told");
            } else {
                let text = format!("code+{}/=", self.mint.lower(24));
                let scopes = self.narrowed(&one("scope").unwrap_or_default());
                query.append_pair("code", &text);
                self.codes.push(Code {
                    text,
                    challenge: challenge.unwrap_or_default(),
                    redirect_uri: uri,
                    scopes,
                    user: self.user,
                    until: call.now().plus(CODE),
                    redeemed: None,
                });
            }
            if let Some(state) = state {
                query.append_pair("state", &state);
            }
        }
        Answer::empty(302).with_header("location", back.as_str())
    }

    /// What is granted of what was asked for: one scope that the application may not have, and nothing but `openid` is left.
    fn narrowed(&self, asked: &str) -> Vec<String> {
        let asked: Vec<String> = asked.split(' ').filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let mut granted = vec![OPENID.to_owned()];
        if asked.iter().all(|one| one == OPENID || self.scopes.contains(one)) {
            granted.extend(asked.into_iter().filter(|one| one != OPENID));
        }
        granted
    }

    fn token(&mut self, call: &mut Call<'_>) -> Answer {
        let form = match self.form(call) {
            Ok(form) => form,
            Err(answer) => return answer,
        };
        let kind = Self::one(&form, "grant_type").unwrap_or_default();
        let own: &[&str] = match kind.as_str() {
            "authorization_code" => &["code", "redirect_uri", "code_verifier"],
            "refresh_token" => &["refresh_token"],
            "client_credentials" => &["scope"],
            _ => return refusal(400, "unsupported_grant_type"),
        };
        for (name, _) in &form {
            if !own.contains(&name.as_str()) && !["grant_type", "client_id", "client_secret"].contains(&name.as_str()) {
                call.violate(&format!("`{name}` is no parameter of the grant type `{kind}`"));
            }
        }
        match kind.as_str() {
            "authorization_code" => self.redeem(&form, call.now()),
            "refresh_token" => self.renew(&form, call.now()),
            _ => self.for_the_application(&form, call.now()),
        }
    }

    fn redeem(&mut self, form: &[(String, String)], now: Moment) -> Answer {
        let one = |name: &str| Self::one(form, name).unwrap_or_default();
        let (text, verifier, uri) = (one("code"), one("code_verifier"), one("redirect_uri"));
        let Some(at) = self.codes.iter().position(|code| code.text == text) else {
            return refusal(400, "invalid_grant");
        };
        let Some(code) = self.codes.get(at).cloned() else { return refusal(400, "invalid_grant") };
        if let Some(grant) = code.redeemed {
            // A code that comes twice was stolen: what it was redeemed for ends.
            self.end(grant);
            return refusal(400, "invalid_grant");
        }
        let hashed = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        if now >= code.until || uri != code.redirect_uri || hashed != code.challenge || verifier.len() < 43 {
            return refusal(400, "invalid_grant");
        }
        let grant = self.grants.len();
        self.grants.push(Grant { user: Some(code.user), scopes: code.scopes, ended: false });
        if let Some(code) = self.codes.get_mut(at) {
            code.redeemed = Some(grant);
        }
        let id_token = self.id_token(code.user, now);
        self.issue(grant, now, true).map_json(|answer| with(answer, "id_token", id_token))
    }

    fn renew(&mut self, form: &[(String, String)], now: Moment) -> Answer {
        let text = Self::one(form, "refresh_token").unwrap_or_default();
        let Some(token) = self.refresh.iter_mut().find(|token| token.text == text) else {
            return refusal(400, "invalid_grant");
        };
        let (grant, spent, late) = (token.grant, token.spent, now >= token.until);
        token.spent = true;
        if spent {
            // A refresh token that comes twice was stolen: its family ends.
            self.end(grant);
        }
        if spent || late || self.grants.get(grant).is_none_or(|grant| grant.ended) {
            return refusal(400, "invalid_grant");
        }
        self.issue(grant, now, true)
    }

    fn for_the_application(&mut self, form: &[(String, String)], now: Moment) -> Answer {
        let asked = Self::one(form, "scope").unwrap_or_default();
        let asked: Vec<String> = asked.split(' ').map(str::to_owned).collect();
        let names_account = asked.iter().any(|scope| scope.starts_with("as_account-"));
        let known = |scope: &String| scope.starts_with("as_account-") || self.scopes.contains(scope);
        if !names_account || !asked.iter().all(known) {
            return refusal(400, "invalid_request");
        }
        let grant = self.grants.len();
        self.grants.push(Grant { user: None, scopes: asked, ended: false });
        self.issue(grant, now, false)
    }

    fn revoke(&mut self, call: &mut Call<'_>) -> Answer {
        let form = match self.form(call) {
            Ok(form) => form,
            Err(answer) => return answer,
        };
        let text = Self::one(&form, "token").unwrap_or_default();
        let family = self.refresh.iter().find(|token| token.text == text).map(|token| token.grant);
        if let Some(family) = family {
            self.end(family);
        }
        for access in self.access.iter_mut().filter(|access| access.text == text) {
            access.revoked = true;
        }
        // RFC 7009, section 2.2: an unknown token is as good as revoked.
        Answer::empty(200)
    }

    /// The form of an application that has proven itself.
    fn form(&self, call: &mut Call<'_>) -> Result<Vec<(String, String)>, Answer> {
        let seen = call.seen();
        if seen.method() != "POST" {
            call.violate("the authorization server takes forms alone");
            return Err(Answer::empty(405));
        }
        let given = seen.header("content-type").unwrap_or_default();
        if !given.starts_with("application/x-www-form-urlencoded") {
            call.violate(&format!("content-type `{given}` at the authorization server"));
            return Err(refusal(400, "invalid_request"));
        }
        if seen.query().is_some_and(|query| !query.is_empty()) {
            call.violate("parameters in the address of the token endpoint");
        }
        if seen.header("authorization").is_some() {
            call.violate("the client secret belongs into the form");
        }
        let form = pairs_of(seen.body());
        for (name, value) in &form {
            if form.iter().filter(|(other, _)| other == name).count() > 1 {
                call.violate(&format!("`{name}` is given twice"));
            }
            // What was not encoded has lost its plus signs.
            if value.contains(' ') && name != "scope" {
                call.violate(&format!("`{name}` holds a space: it was not form-encoded"));
            }
        }
        if Self::one(&form, "client_id").as_deref() != Some(&self.client_id)
            || Self::one(&form, "client_secret").as_deref() != Some(&self.client_secret)
        {
            return Err(refusal(401, "invalid_client"));
        }
        Ok(form)
    }

    fn issue(&mut self, grant: usize, now: Moment, renewable: bool) -> Answer {
        let access = format!("pdus+_0ACC+{}/{}", self.mint.lower(20), self.mint.lower(8));
        let scopes = self.grants.get(grant).map(|grant| grant.scopes.join(" ")).unwrap_or_default();
        let until = now.plus(self.access_life);
        self.access.push(Access { text: access.clone(), grant, until, revoked: false });
        let mut answer = json!({
            "client_info": "prefix_legacy_app",
            "token_type": "bearer",
            "access_token": access,
            "scope": scopes,
            "expires_in": self.access_life.as_secs(),
        });
        if renewable {
            let refresh = format!("pdus+_1REF+{}/{}=", self.mint.lower(24), self.mint.lower(8));
            self.refresh.push(Refresh { text: refresh.clone(), grant, until: now.plus(REFRESH), spent: false });
            answer = with(answer, "refresh_token", refresh);
        }
        Answer::json(200, answer).with_header("cache-control", "no-store")
    }

    /// As the vendor's, with a signature that no key made.
    fn id_token(&self, user: usize, now: Moment) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "iss": "https://app.pagerduty.com/global/oauth/anonymous",
            "aud": [self.audience, self.client_id],
            "azp": self.client_id,
            "sub": format!("user-{user}"),
            "iat": now.seconds(),
            "exp": now.plus(self.access_life).seconds(),
        });
        format!("{}.{}.c3RhbmQtaW4", part(&json!({"alg": "RS256", "kid": "stand-in"})), part(&claims))
    }

    fn end(&mut self, grant: usize) {
        if let Some(grant) = self.grants.get_mut(grant) {
            grant.ended = true;
        }
    }

    fn one(pairs: &[(String, String)], name: &str) -> Option<String> {
        pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

impl PagerDuty {
    /// The answer of the authorization server; none for a request to the API.
    pub(super) fn answer_oauth(&mut self, call: &mut Call<'_>) -> Option<Answer> {
        match call.seen().path() {
            "/oauth/authorize" => Some(self.oauth.authorize(call)),
            "/oauth/token" => Some(self.oauth.token(call)),
            "/oauth/revoke" => Some(self.oauth.revoke(call)),
            _ => None,
        }
    }

    /// A refresh token is for the authorization server alone.
    pub(super) fn look_for_refresh_tokens(&self, call: &mut Call<'_>) {
        let seen = call.seen();
        let (target, body) = (seen.target(), String::from_utf8_lossy(seen.body()).into_owned());
        for token in self.oauth.refresh_tokens() {
            let in_headers = seen.headers().iter().any(|(_, value)| value.contains(token));
            if in_headers || target.contains(token) || body.contains(token) {
                call.violate("a refresh token at the API");
            }
        }
    }
}

fn with(mut answer: Value, name: &str, text: String) -> Value {
    if let Value::Object(members) = &mut answer {
        members.insert(name.to_owned(), text.into());
    }
    answer
}

fn refusal(status: u16, code: &str) -> Answer {
    let body = json!({"error": code, "error_description": "The stand-in says no more."});
    Answer::json(status, body).with_header("cache-control", "no-store")
}

fn page(status: u16, text: &str) -> Answer {
    Answer::raw(status, "text/html", format!("<html><body>{text}</body></html>"))
}
