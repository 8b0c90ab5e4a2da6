//! PagerDuty: the account, its credentials and scopes, and the way to each operation.

mod directory;
mod door;
mod entities;
mod errors;
mod incident;
mod incidents;
mod lists;
mod oauth;
mod rest;
mod seed;
mod shapes;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::check::{Param, Shape};
use crate::generic::Store;
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use crate::table::Sample;
use crate::tables::PAGERDUTY;
use crate::window::Window;
use door::Caller;
use entities::Account;
use errors::{error, invalid, malformed, not_found};
use incident::Incident;
use oauth::OAuth;

/// A running stand-in of the PagerDuty REST API, version 2.
pub type PagerDutyStandIn = StandIn<PagerDuty>;

/// The choices before a PagerDuty stand-in starts, and its state afterwards.
#[derive(Clone)]
pub struct PagerDuty {
    keys: Keys,
    scopes: Vec<String>,
    oauth: OAuth,
    rate: Window,
    mint: Mint,
    account: Account,
    /// Newest first.
    incidents: Vec<Incident>,
    number: u64,
    /// Everything that no other member holds.
    store: Store,
}

#[derive(Clone)]
struct Keys {
    account: String,
    read_only: String,
    user: String,
    token: String,
}

impl PagerDuty {
    /// Sets the general-access REST key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.keys.account = key.into();
        self
    }

    /// Sets the key that may only read.
    #[must_use]
    pub fn with_read_only_key(mut self, key: impl Into<String>) -> Self {
        self.keys.read_only = key.into();
        self
    }

    /// Sets the user's own REST key.
    #[must_use]
    pub fn with_user_key(mut self, key: impl Into<String>) -> Self {
        self.keys.user = key.into();
        self
    }

    /// Sets the user's OAuth access token.
    #[must_use]
    pub fn with_user_token(mut self, token: impl Into<String>) -> Self {
        self.keys.token = token.into();
        self
    }

    /// Sets the scopes of the OAuth token; without this it has all that the reference names.
    #[must_use]
    pub fn with_token_scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self
    }

    /// Sets how many requests a rolling minute admits before 429; 960 by default, as the vendor has it.
    #[must_use]
    pub fn with_rate_limit(mut self, per_minute: usize) -> Self {
        self.rate = Window::per_minute(per_minute);
        self
    }

    /// Starts the stand-in on a free loopback port.
    pub async fn start(self) -> PagerDutyStandIn {
        StandIn::open(self).await
    }
}

impl StandIn<PagerDuty> {
    /// The id of a service that takes new incidents.
    pub const SERVICE: &'static str = seed::SERVICE;
    /// The id of a thing that every collection of the reference holds from the start, except for incidents and for what
    /// the account itself is made of: users, services, teams, schedules, escalation policies and priorities.
    pub const KNOWN: &'static str = rest::KNOWN;

    /// Starts a stand-in with everything at its default.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The choices before the start.
    pub fn builder() -> PagerDuty {
        PagerDuty {
            keys: Keys {
                account: "u+standinACCOUNT0001".to_owned(),
                read_only: "u+standinREADER00001".to_owned(),
                user: "u+standinUSER0000001".to_owned(),
                token: "pdus+_STANDIN_4e1b7c02-9d35-oauth-user-token".to_owned(),
            },
            scopes: rest::scopes(),
            oauth: OAuth::new(rest::scopes()),
            rate: Window::per_minute(960),
            mint: Mint::new(0x9d),
            account: Account::default(),
            incidents: Vec::new(),
            number: 0,
            store: rest::store(),
        }
    }

    /// One well-formed request for each operation of the reference; an id in a path is [`Self::KNOWN`], or that of an
    /// incident.
    pub fn samples() -> Vec<Sample> {
        PAGERDUTY.samples()
    }

    /// The general-access REST key, sent as `Token token=…`. Writes need `From`.
    pub fn good_key(&self) -> String {
        self.look(|state| state.keys.account.clone())
    }

    /// A general-access key that may only read.
    pub fn read_only_key(&self) -> String {
        self.look(|state| state.keys.read_only.clone())
    }

    /// A user's own REST key, sent as `Token token=…`. Writes need no `From`.
    pub fn user_key(&self) -> String {
        self.look(|state| state.keys.user.clone())
    }

    /// A user's OAuth token, sent as `Bearer …`. `From` must not be sent with it.
    pub fn user_token(&self) -> String {
        self.look(|state| state.keys.token.clone())
    }

    /// Revokes the user's OAuth token: from now on this one is the good one.
    pub fn revoke_user_token(&self, next: impl Into<String>) {
        self.change(|state, _| state.keys.token = next.into());
    }

    /// The id of the application that is registered at the authorization server.
    pub fn client_id(&self) -> String {
        self.look(|state| state.oauth.client_id.clone())
    }

    /// The application's secret.
    pub fn client_secret(&self) -> String {
        self.look(|state| state.oauth.client_secret.clone())
    }

    /// Gives the application another secret: the one before is refused from now on.
    pub fn rotate_client_secret(&self, next: impl Into<String>) {
        self.change(|state, _| state.oauth.client_secret = next.into());
    }

    /// Registers an address to which the authorization server sends browsers back, to the letter.
    pub fn register_redirect_uri(&self, uri: impl Into<String>) {
        self.change(|state, _| state.oauth.redirect_uris.push(uri.into()));
    }

    /// Which user of the account sits in front of the sign-in from now on: the first is 0.
    pub fn signs_in(&self, user: usize) {
        self.change(|state, _| state.oauth.user = user);
    }

    /// Whether the user allows what an application asks for.
    pub fn allows(&self, allows: bool) {
        self.change(|state, _| state.oauth.allows = allows);
    }

    /// What the application may ask for; without this it is all that the reference names.
    pub fn register_scopes(&self, scopes: &[&str]) {
        self.change(|state, _| state.oauth.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect());
    }

    /// The base URL of the account's region, as ID tokens state it; without this it is the stand-in's own.
    pub fn account_is_at(&self, base: impl Into<String>) {
        self.change(|state, _| state.oauth.audience = base.into());
    }

    /// How long access tokens work that are issued from now on; a day without this.
    pub fn access_tokens_last(&self, life: Duration) {
        self.change(|state, _| state.oauth.access_life = life);
    }

    /// Ends all access tokens; refresh tokens stay good.
    pub fn end_access_tokens(&self) {
        self.change(|state, _| state.oauth.end_access());
    }

    /// Ends everything that a user has allowed.
    pub fn revoke_grants_of(&self, user: usize) {
        self.change(|state, _| state.oauth.end_grants_of(user));
    }

    /// How many grants of people and applications are in force.
    pub fn grants_in_force(&self) -> usize {
        self.look(|state| state.oauth.in_force())
    }

    /// Every access and refresh token that was issued.
    pub fn issued_tokens(&self) -> Vec<String> {
        self.look(|state| state.oauth.issued())
    }

    /// The e-mail address of a user of the account, for `From`.
    pub fn actor_email(&self) -> String {
        self.look(|state| state.account.users.first().map(|user| user.email.clone()).unwrap_or_default())
    }

    /// The ids of the incidents in a status, newest first.
    pub fn incident_ids(&self, status: &str) -> Vec<String> {
        self.look(|state| {
            let of_status = state.incidents.iter().filter(|incident| incident.status == status);
            of_status.map(|incident| incident.id.clone()).collect()
        })
    }
}

impl Vendor for PagerDuty {
    const ROOT: &'static str = "";

    fn opened(&mut self, base: &str, now: Moment) {
        self.account = seed::account(base);
        base.clone_into(&mut self.oauth.audience);
        self.fill_store();
        self.incidents = seed::incidents(&mut self.mint, &self.account, now);
        self.number = 4100 + u64::try_from(self.incidents.len()).unwrap_or_default();
    }

    fn secrets(&self) -> Vec<String> {
        let Keys { account, read_only, user, token } = &self.keys;
        vec![account.clone(), read_only.clone(), user.clone(), token.clone()]
    }

    fn answer(&mut self, call: &mut Call<'_>) -> Answer {
        if let Some(answer) = self.answer_oauth(call) {
            return answer;
        }
        self.look_for_refresh_tokens(call);
        let request_id = self.mint.uuid();
        let answer = match self.admit(call) {
            Err(answer) => answer,
            Ok(caller) => match self.rate.admit(call.now()) {
                Err(wait) => self.throttled(Some(wait)),
                Ok(left) => {
                    let reset = self.rate.seconds_left(call.now());
                    let answer = match self.route(call, &caller) {
                        Ok(answer) | Err(answer) => answer,
                    };
                    self.with_rate(answer, left, reset)
                }
            },
        };
        answer.with_header("x-request-id", request_id)
    }

    fn throttled(&self, wait: Option<u64>) -> Answer {
        let answer = error(429, 2020, "Rate Limit Exceeded", &[]);
        match wait {
            Some(seconds) => self.with_rate(answer, 0, seconds),
            None => answer,
        }
    }
}

impl PagerDuty {
    /// What has code of its own is played by it; everything else as the table says.
    fn route(&mut self, call: &mut Call<'_>, caller: &Caller) -> Result<Answer, Answer> {
        let parts = call.segments();
        let method = call.seen().method();
        let Some((operation, ids)) = PAGERDUTY.find(method, &parts) else {
            call.violate("no operation has this method and path");
            return Err(not_found());
        };
        Self::permit(caller, method, operation.mark("scope"))?;
        let id = ids.first().map(String::as_str).unwrap_or_default();
        match (method, operation.path) {
            ("GET", "/incidents") => self.list_incidents(call),
            ("POST", "/incidents") => {
                let actor = self.actor(call, caller)?;
                self.create_incident(call, &actor)
            }
            ("PUT", "/incidents") => {
                let actor = self.actor(call, caller)?;
                self.manage_incidents(call, &actor)
            }
            ("GET", "/incidents/{id}") => self.get_incident(call, id),
            ("PUT", "/incidents/{id}") => {
                let actor = self.actor(call, caller)?;
                self.update_incident(call, id, &actor)
            }
            ("GET", "/services") => self.list_services(call),
            ("GET", "/services/{id}") => self.get_service(call, id),
            ("GET", "/oncalls") => self.list_on_calls(call),
            ("GET", "/users") => self.list_users(call),
            ("GET", "/users/me") => self.get_me(call, caller),
            ("GET", "/abilities") => Self::list_abilities(call),
            _ => self.generic(call, caller, operation, ids),
        }
    }

    fn with_rate(&self, answer: Answer, left: usize, reset: u64) -> Answer {
        answer
            .with_header("ratelimit-limit", self.rate.limit().to_string())
            .with_header("ratelimit-remaining", left.to_string())
            .with_header("ratelimit-reset", reset.to_string())
    }
}

impl fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagerDuty").field("incidents", &self.incidents.len()).finish_non_exhaustive()
    }
}

/// A request that has parameters from a list and no body.
fn plain(call: &mut Call<'_>, params: &[Param]) -> Result<Pairs, Answer> {
    let pairs = call.query(params).map_err(|why| malformed(&why))?;
    call.no_body().map_err(|why| malformed(&why))?;
    Ok(pairs)
}

/// A JSON body of the shape, and parameters from a list.
fn json_body(call: &mut Call<'_>, params: &[Param], shape: &Shape) -> Result<(Pairs, Value), Answer> {
    let pairs = call.query(params).map_err(|why| malformed(&why))?;
    let body = call.json(shape).map_err(|why| malformed(&why))?;
    Ok((pairs, body))
}
