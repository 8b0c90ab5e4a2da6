//! Strict loopback stand-ins of Statuspage, Opsgenie, PagerDuty and the Operations API of Jira Service Management.
//!
//! Each stand-in is an HTTP server on a free loopback port that answers the way the vendor documents it, holds a
//! small invented account, and changes it as requests say: an incident that is created shows up in the lists, an
//! alert that is acknowledged is acknowledged once its request has been processed.
//!
//! What the stand-ins expect is data: a table for each vendor in `tables/`, made from the vendor's reference, and never
//! from this project's own descriptions of the API, so that a mistake in those cannot hide in both places. A request is
//! held against the table; what it then does is written by hand where behaviour matters, and otherwise follows from the
//! operation's place: collections of things that are created, read, listed, changed and deleted. Of a table's operations
//! [`Sample`] makes requests, right and wrong ones.
//!
//! They are stricter than the vendors. A real API ignores a query parameter that it does not know, and a typo then
//! returns unfiltered data; here it is refused and written down in [`StandIn::violations`], which a test asserts to
//! be empty.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use stand_ins::{Fault, StatuspageStandIn};
//!
//! let vendor = StatuspageStandIn::start().await;
//! let pages = format!("{}/pages", vendor.base_url());
//! let client = reqwest::Client::new();
//!
//! let answer = client.get(&pages).header("authorization", format!("OAuth {}", vendor.good_key())).send().await?;
//! assert_eq!(answer.status(), 200);
//! assert!(vendor.violations().is_empty());
//!
//! vendor.fail_next(Fault::Throttle { retry_after: Some(7) });
//! let answer = client.get(&pages).header("authorization", format!("OAuth {}", vendor.good_key())).send().await?;
//! assert_eq!(answer.status(), 420);
//! # Ok(())
//! # }
//! ```
//!
//! - [`StatuspageStandIn`], [`OpsgenieStandIn`], [`PagerDutyStandIn`], [`JsmOpsStandIn`]: `start()` with everything at its default, or
//!   `builder()` for the few choices there are.
//! - [`StatuspageStandIn`] plays the whole manage API, and under [`StatuspageStandIn::public_url`] the keyless reads of
//!   a page's own host; [`StatuspageStandIn::mails_sent`] tells who was told.
//! - [`Fault`]: what the next answer does wrong, still within HTTP.
//! - [`RawServer`]: what lies below HTTP: endless bodies, cut connections, silence.
//! - `postgres::Cluster` (feature `postgres`, on Unix): a database server of one's own, for tests of what is kept in it.
//!
//! A request's path is seen as the URL standard normalises it (`/a/../b` arrives as `/b`); for the bytes themselves
//! there is [`RawServer::heads`]. Seeded times count back from the moment of the start, so that "a month back" and
//! "upcoming" mean what they say whenever it runs; ids are the same in every run.

mod answer;
mod call;
mod check;
mod fault;
mod generic;
mod jsm_ops;
mod mint;
mod moment;
mod multipart;
mod opsgenie;
mod pagerduty;
#[cfg(all(unix, feature = "postgres"))]
pub mod postgres;
mod raw;
mod seen;
mod stand_in;
mod statuspage;
mod table;
mod tables;
mod window;

pub use fault::Fault;
pub use jsm_ops::{JsmOps, JsmOpsStandIn};
pub use opsgenie::{Opsgenie, OpsgenieStandIn, Region};
pub use pagerduty::{PagerDuty, PagerDutyStandIn};
pub use raw::{Behaviour, RawServer};
pub use seen::Seen;
pub use stand_in::StandIn;
pub use statuspage::{Mail, MailKind, PermissionsForm, Statuspage, StatuspageStandIn, Tweet};
pub use table::Sample;
