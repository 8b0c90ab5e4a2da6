//! Statuspage: the account, its door, and the way to each operation.

mod component;
mod components;
mod incident;
mod incidents;
mod seed;
mod shapes;
mod subscribers;

use std::fmt;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::{Call, Malformed, Pairs};
use crate::check::{Finding, Param, Shape};
use crate::mint::Mint;
use crate::moment::Moment;
use crate::stand_in::{StandIn, Vendor};
use crate::window::Window;
use component::Component;
use incident::Incident;
use subscribers::Subscriber;

/// A running stand-in of Statuspage's manage API.
pub type StatuspageStandIn = StandIn<Statuspage>;

/// The choices before a Statuspage stand-in starts, and its state afterwards.
#[derive(Clone)]
pub struct Statuspage {
    key: String,
    rate: Option<Window>,
    mint: Mint,
    pages: Vec<Page>,
    mails: Vec<Mail>,
}

/// A status page with everything on it.
#[derive(Clone)]
struct Page {
    id: String,
    name: String,
    subdomain: String,
    created: Moment,
    components: Vec<Component>,
    /// Newest first.
    incidents: Vec<Incident>,
    subscribers: Vec<Subscriber>,
    access_users: Vec<String>,
}

/// A notification that went out to the subscribers of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    page: String,
    incident: String,
    status: String,
    recipients: usize,
}

impl Mail {
    /// The page's id.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The incident's id.
    pub fn incident(&self) -> &str {
        &self.incident
    }

    /// The incident's status that the mail announced.
    pub fn status(&self) -> &str {
        &self.status
    }

    /// How many active e-mail subscribers got it.
    pub fn recipients(&self) -> usize {
        self.recipients
    }
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

    /// Starts the stand-in on a free loopback port.
    pub async fn start(self) -> StatuspageStandIn {
        StandIn::open(self).await
    }
}

impl StandIn<Statuspage> {
    /// The id of the first page: 25 components, two of them groups; incidents and maintenances in every state.
    pub const PAGE: &'static str = seed::PAGE;
    /// The id of the second, quiet page.
    pub const SECOND_PAGE: &'static str = seed::SECOND_PAGE;

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
            mails: Vec::new(),
        }
    }

    /// The API key that is accepted.
    pub fn good_key(&self) -> String {
        self.look(|state| state.key.clone())
    }

    /// The notifications that went out, in order.
    pub fn mails_sent(&self) -> Vec<Mail> {
        self.look(|state| state.mails.clone())
    }

    /// The ids of the first page's components, in page order.
    pub fn component_ids(&self) -> Vec<String> {
        self.look(|state| {
            let page = state.pages.first();
            page.map(|page| {
                page.components
                    .iter()
                    .map(|component| component.id.clone())
                    .collect()
            })
            .unwrap_or_default()
        })
    }
}

impl Vendor for Statuspage {
    const ROOT: &'static str = "/v1";

    fn opened(&mut self, _base: &str, now: Moment) {
        self.pages = seed::pages(&mut self.mint, now);
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.key.clone()]
    }

    fn answer(&mut self, call: &mut Call<'_>) -> Answer {
        match self.admit(call).and_then(|()| self.route(call)) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn throttled(&self, wait: Option<u64>) -> Answer {
        let answer = error(
            420,
            "Too many requests: the limit is one per second over a rolling minute",
        );
        match wait {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}

impl Statuspage {
    /// The door: one header `Authorization: OAuth <key>`, no key in the address, room in the window.
    fn admit(&mut self, call: &mut Call<'_>) -> Result<(), Answer> {
        let refused = || error(401, "Could not authenticate");
        let value = call.authorization().ok_or_else(refused)?;
        let Some(key) = value.strip_prefix("OAuth ") else {
            call.violate("the authorization scheme is not `OAuth`");
            return Err(refused());
        };
        if call
            .seen()
            .query_pairs()
            .iter()
            .any(|(name, _)| name == "api_key")
            || key != self.key
        {
            return Err(refused());
        }
        match self.rate.as_mut().map(|window| window.admit(call.now())) {
            Some(Err(wait)) => Err(self.throttled(Some(wait))),
            _ => Ok(()),
        }
    }

    fn route(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["v1", "pages", rest @ ..] = parts.as_slice() else {
            return Err(no_such_operation(call));
        };
        match (call.seen().method(), rest) {
            ("GET", []) => self.list_pages(call),
            ("GET", [page]) => self.get_page(call, page),
            (_, [page, "components", rest @ ..]) => self.components(call, page, rest),
            (_, [page, "incidents", rest @ ..]) => self.incidents(call, page, rest),
            ("GET", [page, "subscribers"]) => self.list_subscribers(call, page),
            ("GET", [page, "subscribers", "count"]) => self.count_subscribers(call, page),
            _ => Err(no_such_operation(call)),
        }
    }

    fn list_pages(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        plain(call, &[])?;
        Ok(Answer::json(200, self.pages.iter().map(Page::to_json).collect()))
    }

    fn get_page(&self, call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
        plain(call, &[])?;
        let page = self
            .pages
            .iter()
            .find(|page| page.id == id)
            .ok_or_else(not_found)?;
        Ok(Answer::json(200, page.to_json()))
    }

    fn page(&mut self, id: &str) -> Result<&mut Page, Answer> {
        self.pages
            .iter_mut()
            .find(|page| page.id == id)
            .ok_or_else(not_found)
    }
}

impl Page {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "created_at": self.created.to_string(),
            "updated_at": self.created.to_string(),
            "name": self.name,
            "page_description": format!("Live state of {}", self.name),
            "headline": null,
            "branding": "basic",
            "subdomain": self.subdomain,
            "domain": null,
            "url": format!("https://{}.example.com", self.subdomain),
            "support_url": "https://support.example.com",
            "hidden_from_search": false,
            "allow_page_subscribers": true,
            "allow_incident_subscribers": true,
            "allow_email_subscribers": true,
            "allow_sms_subscribers": true,
            "allow_rss_atom_feeds": true,
            "allow_webhook_subscribers": true,
            "notifications_from_email": null,
            "notifications_email_footer": null,
            "activity_score": 42,
            "twitter_username": null,
            "viewers_must_be_team_members": false,
            "ip_restrictions": null,
            "city": "Rotterdam",
            "state": null,
            "country": "Netherlands",
            "time_zone": "Europe/Amsterdam",
            "css_body_background_color": "ffffff",
        })
    }
}

impl fmt::Debug for Statuspage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statuspage")
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

/// A request that has parameters from a list and no body.
fn plain(call: &mut Call<'_>, params: &[Param]) -> Result<Pairs, Answer> {
    let pairs = call.query(params).map_err(|why| malformed(&why))?;
    call.no_body().map_err(|why| malformed(&why))?;
    Ok(pairs)
}

/// A JSON body of the shape, and no query.
fn json_body(call: &mut Call<'_>, shape: &Shape) -> Result<Value, Answer> {
    call.query(&[]).map_err(|why| malformed(&why))?;
    call.json(shape).map_err(|why| malformed(&why))
}

/// One page of a list; `page` counts from `first`.
fn page_of(all: Vec<Value>, pairs: &Pairs, size: &str, first: usize) -> Answer {
    let (page, size) = (pairs.whole("page", first), pairs.whole(size, 100));
    let skipped = page.saturating_sub(first).saturating_mul(size);
    Answer::json(200, all.into_iter().skip(skipped).take(size).collect())
}

fn malformed(why: &Malformed) -> Answer {
    match why {
        Malformed::ContentType => error(
            415,
            "The content type does not fit the body that this operation takes",
        ),
        Malformed::Syntax => error(400, "The body cannot be parsed"),
        Malformed::Query(findings) => errors(400, &texts(findings)),
        Malformed::Body(findings) => errors(422, &texts(findings)),
    }
}

fn no_such_operation(call: &mut Call<'_>) -> Answer {
    call.violate("no operation has this method and path");
    not_found()
}

fn not_found() -> Answer {
    error(404, "Not found")
}

fn error(status: u16, text: &str) -> Answer {
    Answer::json(status, json!({"error": text}))
}

fn errors(status: u16, texts: &[String]) -> Answer {
    Answer::json(status, json!({"error": texts}))
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}
