//! Opsgenie: the account, its keys and rights, and the way to each operation.

mod alert;
mod alerts;
mod attachments;
mod config;
mod door;
mod errors;
mod processing;
mod seed;
mod shapes;

use std::fmt;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::check::Param;
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use alert::Alert;
use config::{Person, Schedule};
use door::{KeyKind, Right};
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
    people: Vec<Person>,
    schedules: Vec<Schedule>,
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
            people: Vec::new(),
            schedules: Vec::new(),
        }
    }
}

impl StandIn<Opsgenie> {
    /// The name of a schedule, for look-ups by name.
    pub const SCHEDULE: &'static str = seed::SCHEDULE;

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
        self.people = seed::people(&mut self.mint);
        self.schedules = seed::schedules(&mut self.mint, &self.people);
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
    fn route(&mut self, call: &mut Call<'_>, kind: KeyKind, request_id: &str) -> Result<Answer, Answer> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let method = call.seen().method();
        if let ("POST", ["v2", "alerts", ..]) = (method, parts.as_slice()) {
            return self.alert_writes(call, kind, &parts, request_id);
        }
        if method != "GET" {
            return Err(no_such_operation(call));
        }
        match parts.as_slice() {
            ["v2", "alerts", rest @ ..] => {
                kind.may(Right::ReadAlerts)?;
                match rest {
                    [] => self.list_alerts(call),
                    ["count"] => self.count_alerts(call),
                    ["requests", id] => self.request_status(call, id),
                    [alert] => self.get_alert(call, alert),
                    [alert, "attachments"] => self.list_attachments(call, alert),
                    _ => Err(no_such_operation(call)),
                }
            }
            ["v2", rest @ ..] => {
                let answer = match rest {
                    ["account"] => Self::get_account,
                    ["users"] => Self::list_users,
                    ["schedules"] => Self::list_schedules,
                    ["schedules", "on-calls"] => Self::list_on_calls,
                    ["schedules", schedule] => {
                        kind.may(Right::ReadConfiguration)?;
                        return self.get_schedule(call, schedule);
                    }
                    ["schedules", schedule, "on-calls"] => {
                        kind.may(Right::ReadConfiguration)?;
                        return self.get_on_calls(call, schedule);
                    }
                    _ => return Err(no_such_operation(call)),
                };
                kind.may(Right::ReadConfiguration)?;
                answer(self, call)
            }
            _ => Err(no_such_operation(call)),
        }
    }

    fn alert_writes(
        &mut self,
        call: &mut Call<'_>,
        kind: KeyKind,
        parts: &[&str],
        request_id: &str,
    ) -> Result<Answer, Answer> {
        match parts {
            ["v2", "alerts"] => {
                kind.may(Right::ActOnAlerts)?;
                self.create_alert(call, request_id)
            }
            ["v2", "alerts", alert, action @ ("acknowledge" | "close" | "notes")] => {
                kind.may(Right::ActOnAlerts)?;
                self.act_on_alert(call, alert, action, request_id)
            }
            ["v2", "alerts", alert, "attachments"] => {
                kind.may(Right::WriteAlerts)?;
                self.add_attachment(call, alert)
            }
            _ => Err(no_such_operation(call)),
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
