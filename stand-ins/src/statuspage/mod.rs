//! Statuspage: the account behind the manage API, and the page host's keyless reads beside it.

mod access;
mod components;
mod doc;
mod incident_rules;
mod incidents;
mod mail;
mod metrics;
mod organization;
mod postmortem;
mod public;
mod route;
mod seed;
mod span;
mod subscribers;
mod uptime;

use std::fmt;

use url::Url;

use crate::answer::Answer;
use crate::call::Call;
use crate::generic::Store;
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use crate::table::Sample;
use crate::tables::STATUSPAGE;
use crate::window::Window;
pub use mail::{Mail, MailKind, Tweet};
use organization::Permissions;
pub use organization::PermissionsForm;

/// A running stand-in of Statuspage's manage API, and of the keyless reads on a page's own host.
pub type StatuspageStandIn = StandIn<Statuspage>;

/// The choices before a Statuspage stand-in starts, and its state afterwards.
#[derive(Clone)]
pub struct Statuspage {
    key: String,
    rate: Option<Window>,
    mint: Mint,
    store: Store,
    /// Whether the team's accounts are kept at Atlassian.
    has_accounts_elsewhere: bool,
    form: PermissionsForm,
    permissions: Permissions,
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
        self.has_accounts_elsewhere = true;
        self
    }

    /// Chooses how answers about permissions are put together.
    #[must_use]
    pub fn with_permissions_form(mut self, form: PermissionsForm) -> Self {
        self.form = form;
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
    pub const PAGE: &'static str = "hb7k2m9qx4tz";
    /// The id of the second, quiet page; its plan has neither audiences (403) nor roles.
    pub const SECOND_PAGE: &'static str = "hbv3n8r1c6wd";
    /// The id of the organisation that owns both pages.
    pub const ORGANIZATION: &'static str = "org4harbourl";
    /// The id of a team member with roles on the first page and access to the second.
    pub const USER: &'static str = "usr1noorverm";
    /// The id of the metrics provider of type `Self`.
    pub const SELF_PROVIDER: &'static str = "mp1ownvalues";
    /// The id of a metric of [`Self::SELF_PROVIDER`], which takes data.
    pub const SELF_METRIC: &'static str = "mt1portalrsp";
    /// The id of a metrics provider of type `Datadog`.
    pub const DATADOG_PROVIDER: &'static str = "mp2datadogxx";
    /// The id of a metric of [`Self::DATADOG_PROVIDER`], which refuses data with 405.
    pub const DATADOG_METRIC: &'static str = "mt3gatewaylt";

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
            store: seed::store(),
            has_accounts_elsewhere: false,
            form: PermissionsForm::default(),
            permissions: Permissions::new(),
            mails: Vec::new(),
            tweets: Vec::new(),
            public_page: StatuspageStandIn::PAGE.to_owned(),
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
            let pages = state.store.peek("v1/pages").iter().map(|page| state.all(doc::word(page, "id"), "metrics"));
            let found = pages.flatten().find(|known| doc::word(known, "id") == metric);
            found.map(metrics::points_of).unwrap_or_default()
        })
    }

    /// The ids of the first page's components, in page order.
    pub fn component_ids(&self) -> Vec<String> {
        self.look(|state| {
            let components = state.all(Self::PAGE, "components").iter();
            components.map(|component| doc::word(component, "id").to_owned()).collect()
        })
    }
}

impl Vendor for Statuspage {
    const ROOT: &'static str = "/v1";

    fn opened(&mut self, _base: &str, now: Moment) {
        self.fill(now);
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
        let answer = route::error(420, "Too many requests: the limit is one per second over a rolling minute");
        match wait {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}

impl fmt::Debug for Statuspage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statuspage").field("mails", &self.mails.len()).finish_non_exhaustive()
    }
}
