//! Opsgenie: the account, its keys and rights, and the way to each operation.

mod alert;
mod alerts;
mod attachments;
mod config;
mod door;
mod errors;
mod processing;
mod rest;
mod seed;
mod shapes;

use std::fmt;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::check::Param;
use crate::generic::Store;
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use crate::table::Sample;
use crate::tables::OPSGENIE;
use alert::Alert;
use config::{Person, Schedule};
use door::KeyKind;
use errors::{error, invalid, malformed, no_such_operation, not_found};
use processing::Pending;

/// A running stand-in of the Opsgenie REST API.
pub type OpsgenieStandIn = StandIn<Opsgenie>;

/// Which of the vendor's two separate services a stand-in plays: they share no keys and no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Region {
    /// The service in the United States.
    Us,
    /// The service in the European Union.
    Eu,
}

/// The choices before an Opsgenie stand-in starts, and its state afterwards.
#[derive(Clone)]
pub struct Opsgenie {
    region: Region,
    keys: Keys,
    polls_before_done: usize,
    attachment_limit: usize,
    shows_throttling: bool,
    base: String,
    mint: Mint,
    tiny: u64,
    /// Newest first.
    alerts: Vec<Alert>,
    /// In the order of their arrival.
    pending: Vec<Pending>,
    /// Who takes turns.
    schedules: Vec<Schedule>,
    /// Everything that no other member holds.
    store: Store,
}

#[derive(Clone)]
struct Keys {
    account: String,
    integration: String,
    read_only: String,
}

impl Opsgenie {
    /// Sets the account-level key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.keys.account = key.into();
        self
    }

    /// Sets the key of the API integration.
    #[must_use]
    pub fn with_integration_key(mut self, key: impl Into<String>) -> Self {
        self.keys.integration = key.into();
        self
    }

    /// Plays the service of this region: other keys, other account name.
    #[must_use]
    pub fn with_region(self, region: Region) -> Self {
        let defaults = Self::new(region);
        Self { region, keys: defaults.keys, ..self }
    }

    /// How often the status of a request is `RequestNotProcessed` before the request takes effect; one by default.
    /// With zero a request takes effect at once.
    #[must_use]
    pub fn with_pending_polls(mut self, polls: usize) -> Self {
        self.polls_before_done = polls;
        self
    }

    /// The most bytes that an attachment may have; 10 MiB by default, the vendor states no figure.
    #[must_use]
    pub fn with_attachment_limit(mut self, bytes: usize) -> Self {
        self.attachment_limit = bytes;
        self
    }

    /// Starts the stand-in on a free loopback port.
    pub async fn start(self) -> OpsgenieStandIn {
        StandIn::open(self).await
    }

    fn new(region: Region) -> Self {
        let keys = match region {
            Region::Us => Keys {
                account: "0a51c9d2-7e34-4b8f-9c60-account000us".to_owned(),
                integration: "7b20e4f8-13d6-4a95-8e07-integrat00us".to_owned(),
                read_only: "c3d8f016-5a72-4e1b-b94d-readonly00us".to_owned(),
            },
            Region::Eu => Keys {
                account: "9f14b6a7-2c80-4d35-a1e9-account000eu".to_owned(),
                integration: "e85d03c1-6b97-4f2a-90d4-integrat00eu".to_owned(),
                read_only: "16f7a2e9-d84c-4503-b7f1-readonly00eu".to_owned(),
            },
        };
        Self {
            region,
            keys,
            polls_before_done: 1,
            attachment_limit: 10 * 1024 * 1024,
            shows_throttling: false,
            base: String::new(),
            mint: Mint::new(0x0b5),
            tiny: 1800,
            alerts: Vec::new(),
            pending: Vec::new(),
            schedules: Vec::new(),
            store: rest::store(),
        }
    }
}

impl StandIn<Opsgenie> {
    /// The name of a schedule, for look-ups by name.
    pub const SCHEDULE: &'static str = seed::SCHEDULE;
    /// The id of a thing that every collection of the reference holds from the start, except for alerts.
    pub const KNOWN: &'static str = rest::KNOWN;

    /// One well-formed request for each operation of the reference; an id in a path is [`Self::KNOWN`], or that of an
    /// alert.
    pub fn samples() -> Vec<Sample> {
        OPSGENIE.samples()
    }

    /// Starts a stand-in of the US service.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Starts a stand-in of the EU service.
    pub async fn start_eu() -> Self {
        Self::builder().with_region(Region::Eu).start().await
    }

    /// The choices before the start.
    pub fn builder() -> Opsgenie {
        Opsgenie::new(Region::Us)
    }

    /// The account-level key: reads everything, is refused the four alert actions.
    pub fn good_key(&self) -> String {
        self.look(|state| state.keys.account.clone())
    }

    /// The key of an API integration: everything about alerts, nothing of the configuration.
    pub fn integration_key(&self) -> String {
        self.look(|state| state.keys.integration.clone())
    }

    /// A key that may read alerts and configuration and change nothing.
    pub fn read_only_key(&self) -> String {
        self.look(|state| state.keys.read_only.clone())
    }

    /// The id of the newest open alert.
    pub fn open_alert_id(&self) -> Option<String> {
        self.look(|state| state.alerts.iter().find(|alert| alert.is_open()).map(|alert| alert.id.clone()))
    }

    /// Lets every accepted request take effect now, as if time had passed without anybody asking.
    pub fn settle(&self) {
        self.change(Opsgenie::process_all);
    }

    /// From now on answers say `THROTTLED` in their rate-limit headers, although they succeed.
    pub fn show_throttling(&self) {
        self.change(|state, _| state.shows_throttling = true);
    }
}

impl Vendor for Opsgenie {
    const ROOT: &'static str = "";

    fn opened(&mut self, base: &str, now: Moment) {
        base.clone_into(&mut self.base);
        let people = seed::people(&mut self.mint);
        self.schedules = seed::schedules(&mut self.mint, &people);
        self.store.fill(config::USERS, people.iter().map(Person::to_json).collect());
        self.store.fill(config::SCHEDULES, self.schedules.iter().map(Schedule::to_json).collect());
        self.store.things(alerts::SEARCHES, alerts::SEARCHES);
        self.alerts = seed::alerts(&mut self.mint, now);
        self.tiny += u64::try_from(self.alerts.len()).unwrap_or_default();
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.keys.account.clone(), self.keys.integration.clone(), self.keys.read_only.clone()]
    }

    fn answer(&mut self, call: &mut Call<'_>) -> Answer {
        let request_id = self.mint.uuid();
        let answer = match self.admit(call).and_then(|kind| self.route(call, kind, &request_id)) {
            Ok(answer) | Err(answer) => answer,
        };
        let state = if self.shows_throttling { "THROTTLED" } else { "OK" };
        answer
            .with_header("x-ratelimit-state", state)
            .with_header("x-ratelimit-reason", "ACCOUNT")
            .with_header("x-ratelimit-period-in-sec", "60")
            .with_header("x-request-id", request_id.as_str())
            .map_json(|body| stamped(body, &request_id))
    }

    fn throttled(&self, wait: Option<u64>) -> Answer {
        let body = json!({"message": "TooManyRequests", "took": 0.001, "requestId": "throttled"});
        let answer = Answer::json(429, body);
        match wait {
            Some(seconds) => answer
                .with_header("x-ratelimit-state", "THROTTLED")
                .with_header("x-ratelimit-reason", "ACCOUNT")
                .with_header("x-ratelimit-period-in-sec", seconds.to_string()),
            None => answer,
        }
    }
}

impl Opsgenie {
    /// What has code of its own is played by it; everything else as the table says.
    fn route(&mut self, call: &mut Call<'_>, kind: KeyKind, request_id: &str) -> Result<Answer, Answer> {
        let parts = call.segments();
        let method = call.seen().method();
        let Some((operation, ids)) = OPSGENIE.find(method, &parts) else {
            return Err(no_such_operation(call));
        };
        kind.may(rest::right_of(operation))?;
        let id = ids.first().map(String::as_str).unwrap_or_default();
        match (method, operation.path) {
            ("GET", "/v2/alerts") => self.list_alerts(call),
            ("POST", "/v2/alerts") => self.create_alert(call, request_id),
            ("GET", "/v2/alerts/count") => self.count_alerts(call),
            ("GET", "/v2/alerts/requests/{requestId}") => self.request_status(call, id),
            ("GET", "/v2/alerts/{identifier}") => self.get_alert(call, id),
            ("POST", "/v2/alerts/{identifier}/acknowledge") => self.act_on_alert(call, id, "acknowledge", request_id),
            ("POST", "/v2/alerts/{identifier}/close") => self.act_on_alert(call, id, "close", request_id),
            ("POST", "/v2/alerts/{identifier}/notes") => self.act_on_alert(call, id, "notes", request_id),
            ("GET", "/v2/alerts/{identifier}/attachments") => self.list_attachments(call, id),
            ("POST", "/v2/alerts/{identifier}/attachments") => self.add_attachment(call, id),
            ("GET", "/v2/account") => self.get_account(call),
            ("GET", "/v2/users") => self.list_users(call),
            ("GET", "/v2/schedules") => self.list_schedules(call),
            ("GET", "/v2/schedules/on-calls") => self.list_on_calls(call),
            ("GET", "/v2/schedules/{identifier}") => self.get_schedule(call, id),
            ("GET", "/v2/schedules/{identifier}/on-calls") => self.get_on_calls(call, id),
            _ => self.generic(call, operation, ids, request_id),
        }
    }
}

impl fmt::Debug for Opsgenie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opsgenie")
            .field("region", &self.region)
            .field("alerts", &self.alerts.len())
            .finish_non_exhaustive()
    }
}

/// A request that has parameters from a list and no body.
fn plain(call: &mut Call<'_>, params: &[Param]) -> Result<Pairs, Answer> {
    let pairs = call.query(params).map_err(|why| malformed(&why))?;
    call.no_body().map_err(|why| malformed(&why))?;
    Ok(pairs)
}

/// Every body carries the time that it took and the request's id.
fn stamped(body: Value, request_id: &str) -> Value {
    match body {
        Value::Object(mut members) => {
            members.insert("took".to_owned(), json!(0.012));
            members.insert("requestId".to_owned(), json!(request_id));
            Value::Object(members)
        }
        other => other,
    }
}
