//! Who may come in, what their credential allows, and in whose name they write.

use serde_json::json;

use super::PagerDuty;
use super::errors::{error, invalid};
use super::oauth::Bearer;
use crate::answer::Answer;
use crate::call::Call;

const ACCEPT: &str = "application/vnd.pagerduty+json;version=2";

/// Whose credential a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// A general-access key: no user stands behind it, so a write must name one in `From`.
    Account,
    /// A general-access key that is limited to reads.
    ReadOnly,
    /// A user's own key.
    User,
    /// An OAuth token.
    Token(Bearer),
}

impl PagerDuty {
    /// The door: `Token token=<key>` for a key, `Bearer <token>` for a token, and the versioned `Accept`.
    pub(super) fn admit(&self, call: &mut Call<'_>) -> Result<Caller, Answer> {
        let refused = || error(401, 2006, "Authentication failed", &[]);
        let value = call.authorization().ok_or_else(refused)?;
        let caller = match (value.strip_prefix("Token token="), value.strip_prefix("Bearer ")) {
            (Some(key), _) => {
                if key == self.keys.token || key.starts_with('"') {
                    call.violate("an OAuth token, or a quoted key, after `Token token=`");
                }
                let kinds = [
                    (&self.keys.account, Caller::Account),
                    (&self.keys.read_only, Caller::ReadOnly),
                    (&self.keys.user, Caller::User),
                ];
                kinds.into_iter().find(|(known, _)| *known == key).map(|(_, caller)| caller)
            }
            (None, Some(token)) => {
                if [&self.keys.account, &self.keys.read_only, &self.keys.user].into_iter().any(|key| key == token) {
                    call.violate("a REST key after `Bearer`");
                }
                let fixed = || Bearer { user: Some(0), scopes: self.scopes.clone() };
                let issued = self.oauth.bearer(token, call.now());
                issued.or_else(|| (token == self.keys.token).then(fixed)).map(Caller::Token)
            }
            (None, None) => {
                call.violate("the authorization scheme is neither `Token token=` nor `Bearer`");
                None
            }
        };
        let caller = caller.ok_or_else(refused)?;
        if call.seen().header("accept") != Some(ACCEPT) {
            call.violate(&format!("accept is not `{ACCEPT}`"));
            return Err(invalid(&["Accept must name version 2"]));
        }
        if matches!(caller, Caller::Token(_)) && call.seen().header("from").is_some() {
            call.violate("`From` together with a user's token");
            return Err(invalid(&["From is not accepted with a user's token"]));
        }
        Ok(caller)
    }

    pub(super) fn permit(caller: &Caller, method: &str, scope: Option<&str>) -> Result<(), Answer> {
        match (caller, scope) {
            (Caller::ReadOnly, _) if method != "GET" => {
                Err(error(403, 2010, "Access Denied", &["The key may only read"]))
            }
            (Caller::Token(bearer), Some(scope)) if !bearer.scopes.iter().any(|granted| granted == scope) => {
                let body = json!({"error": {
                    "message": "Token missing required scopes",
                    "required_scopes": scope,
                    "token_scopes": bearer.scopes.join(" "),
                }});
                Err(Answer::json(403, body))
            }
            _ => Ok(()),
        }
    }

    /// The id of the user in whose name a write is done.
    pub(super) fn actor(&self, call: &Call<'_>, caller: &Caller) -> Result<String, Answer> {
        let at = if let Caller::Token(bearer) = caller { bearer.user.unwrap_or_default() } else { 0 };
        let own = || self.account.users.get(at).map(|user| user.id.clone()).unwrap_or_default();
        let from = call.seen().header("from");
        match (caller, from) {
            (Caller::User | Caller::Token(_), None) => Ok(own()),
            (_, Some(email)) => {
                let known = self.account.users.iter().find(|user| user.email == email);
                known.map(|user| user.id.clone()).ok_or_else(|| error(400, 1008, "Requester User Not Found", &[]))
            }
            (_, None) => Err(invalid(&["From must be the e-mail address of a user of the account"])),
        }
    }
}
