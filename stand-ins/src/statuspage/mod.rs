//! Statuspage: the account behind the manage API, and the page host's keyless reads beside it.

mod access;
mod access_groups;
mod access_users;
mod component;
mod component_access;
mod component_groups;
mod components;
mod door;
mod fields;
mod incident;
mod incident_rules;
mod incident_subscribers;
mod incidents;
mod mail;
mod metric;
mod metrics;
mod organization;
mod page;
mod pages;
mod posting;
mod postmortem;
mod provider;
mod public;
mod replies;
mod seed;
mod shapes;
mod span;
mod subscriber;
mod subscribers;
mod subscribers_bulk;
mod templates;
mod update;
mod uptime;

use std::fmt;

use url::Url;

use crate::answer::Answer;
use crate::call::Call;
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use crate::table::Sample;
use crate::tables::STATUSPAGE;
use crate::window::Window;
pub use mail::{Mail, MailKind, Tweet};
pub use organization::PermissionsForm;
use organization::{Accounts, Organization};
use page::Page;

/// A running stand-in of Statuspage's manage API, and of the keyless reads on a page's own host.
pub type StatuspageStandIn = StandIn<Statuspage>;

/// The choices before a Statuspage stand-in starts, and its state afterwards.
#[derive(Clone)]
pub struct Statuspage {
    key: String,
    rate: Option<Window>,
    mint: Mint,
    pages: Vec<Page>,
    organization: Organization,
    mails: Vec<Mail>,
    tweets: Vec<Tweet>,
    public_page: String,
    more_subscribers: usize,
}

impl Statuspage {
    /// Sets the API key that is accepted.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Turns the vendor's limit on: 60 requests in a rolling minute, then 420 with `Retry-After`.
    #[must_use]
    pub fn with_rate_limit(mut self) -> Self {
        self.rate = Some(Window::per_minute(60));
        self
    }

    /// Keeps the team's accounts at Atlassian: the three operations on organisation users answer 403.
    #[must_use]
    pub fn with_atlassian_accounts(mut self) -> Self {
        self.organization.accounts = Accounts::Atlassian;
        self
    }

    /// Chooses how answers about permissions are put together.
    #[must_use]
    pub fn with_permissions_form(mut self, form: PermissionsForm) -> Self {
        self.organization.form = form;
        self
    }

    /// Chooses the page whose keyless reads are served, instead of the first.
    ///
    /// A request whose `Host` starts with a page's subdomain and a dot gets that page in any case.
    #[must_use]
    pub fn with_public_page(mut self, page: impl Into<String>) -> Self {
        self.public_page = page.into();
        self
    }

    /// Gives the first page so many active e-mail subscribers more than the usual 23.
    #[must_use]
    pub fn with_more_subscribers(mut self, count: usize) -> Self {
        self.more_subscribers = count;
        self
    }

    /// Starts the stand-in on a free loopback port.
    pub async fn start(self) -> StatuspageStandIn {
        StandIn::open(self).await
    }
}

impl StandIn<Statuspage> {
    /// The id of the first page: 25 components, two of them groups; incidents and maintenances in every state. Its
    /// plan has audiences and roles.
    pub const PAGE: &'static str = seed::PAGE;
    /// The id of the second, quiet page; its plan has neither audiences (403) nor roles.
    pub const SECOND_PAGE: &'static str = seed::SECOND_PAGE;
    /// The id of the organisation that owns both pages.
    pub const ORGANIZATION: &'static str = seed::ORGANIZATION;
    /// The id of a team member with roles on the first page and access to the second.
    pub const USER: &'static str = seed::USER;
    /// The id of the metrics provider of type `Self`.
    pub const SELF_PROVIDER: &'static str = seed::SELF_PROVIDER;
    /// The id of a metric of [`Self::SELF_PROVIDER`], which takes data.
    pub const SELF_METRIC: &'static str = seed::SELF_METRIC;
    /// The id of a metrics provider of type `Datadog`.
    pub const DATADOG_PROVIDER: &'static str = seed::DATADOG_PROVIDER;
    /// The id of a metric of [`Self::DATADOG_PROVIDER`], which refuses data with 405.
    pub const DATADOG_METRIC: &'static str = seed::DATADOG_METRIC;

    /// One well-formed request for each operation of the reference.
    pub fn samples() -> Vec<Sample> {
        STATUSPAGE.samples()
    }

    /// Starts a stand-in with the vendor's rate limit off.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The choices before the start.
    pub fn builder() -> Statuspage {
        Statuspage {
            key: "standin-4c1d9a7e-statuspage-full-access".to_owned(),
            rate: None,
            mint: Mint::new(0x57a7),
            pages: Vec::new(),
            organization: seed::organization(),
            mails: Vec::new(),
            tweets: Vec::new(),
            public_page: seed::PAGE.to_owned(),
            more_subscribers: 0,
        }
    }

    /// The API key that is accepted.
    pub fn good_key(&self) -> String {
        self.look(|state| state.key.clone())
    }

    /// Revokes the API key: from now on this one is accepted.
    pub fn revoke_key(&self, next: impl Into<String>) {
        self.change(|state, _| state.key = next.into());
    }

    /// The address that takes the place of a page's own host, `http://127.0.0.1:PORT/`; the keyless reads are under
    /// `api/v2/`.
    pub fn public_url(&self) -> Url {
        let mut url = self.base_url();
        url.set_path("/");
        url
    }

    /// The notifications that went out to subscribers, in order.
    pub fn mails_sent(&self) -> Vec<Mail> {
        self.look(|state| state.mails.clone())
    }

    /// The messages that went out on Twitter, in order.
    pub fn tweets_sent(&self) -> Vec<Tweet> {
        self.look(|state| state.tweets.clone())
    }

    /// The points that a metric holds, oldest first: the second at which each bucket starts, and its value.
    pub fn metric_points(&self, metric: &str) -> Vec<(i64, f64)> {
        self.look(|state| {
            let mut metrics = state.pages.iter().flat_map(|page| &page.metrics);
            let found = metrics.find(|known| known.id == metric);
            let points = found.into_iter().flat_map(|metric| &metric.points);
            points.map(|(start, value)| (*start, value.as_f64().unwrap_or_default())).collect()
        })
    }

    /// The ids of the first page's components, in page order.
    pub fn component_ids(&self) -> Vec<String> {
        self.look(|state| {
            let page = state.pages.first();
            page.map(|page| page.components.iter().map(|component| component.id.clone()).collect()).unwrap_or_default()
        })
    }
}

impl Vendor for Statuspage {
    const ROOT: &'static str = "/v1";

    fn opened(&mut self, _base: &str, now: Moment) {
        self.pages = seed::pages(&mut self.mint, now, self.more_subscribers);
        self.organization.users = seed::users(now);
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.key.clone()]
    }

    fn answer(&mut self, call: &mut Call<'_>) -> Answer {
        if call.seen().path().starts_with("/api/v2/") {
            return self.public(call);
        }
        match self.admit(call).and_then(|()| self.route(call)) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn throttled(&self, wait: Option<u64>) -> Answer {
        let answer = replies::error(420, "Too many requests: the limit is one per second over a rolling minute");
        match wait {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}

impl fmt::Debug for Statuspage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statuspage").field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}
