//! A status page with everything on it.

use serde_json::{Map, Value, json};

use super::access::{AccessGroup, AccessUser};
use super::component::Component;
use super::incident::Incident;
use super::metric::Metric;
use super::provider::MetricsProvider;
use super::replies::{error, refuse};
use super::subscriber::Subscriber;
use super::templates::Template;
use crate::answer::Answer;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Page {
    pub(super) id: String,
    pub(super) plan: Plan,
    /// The members that can be changed, and those that are shown alone.
    pub(super) settings: Map<String, Value>,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    pub(super) components: Vec<Component>,
    /// Newest first.
    pub(super) incidents: Vec<Incident>,
    pub(super) templates: Vec<Template>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) unsubscribed: Vec<Subscriber>,
    pub(super) access_users: Vec<AccessUser>,
    pub(super) access_groups: Vec<AccessGroup>,
    pub(super) providers: Vec<MetricsProvider>,
    pub(super) metrics: Vec<Metric>,
    pub(super) embed: Map<String, Value>,
}

/// What the plan of a page includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Roles for the team, and audiences that see their own parts.
    Large,
    /// Neither.
    Small,
}

impl Page {
    pub(super) fn new(id: &str, name: &str, subdomain: &str, plan: Plan, created: Moment) -> Self {
        Self {
            id: id.to_owned(),
            plan,
            settings: settings(name, subdomain),
            created,
            updated: created,
            components: Vec::new(),
            incidents: Vec::new(),
            templates: Vec::new(),
            subscribers: Vec::new(),
            unsubscribed: Vec::new(),
            access_users: Vec::new(),
            access_groups: Vec::new(),
            providers: Vec::new(),
            metrics: Vec::new(),
            embed: embed(),
        }
    }

    pub(super) fn setting(&self, name: &str) -> &str {
        self.settings.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut members = self.settings.clone();
        members.insert("id".to_owned(), json!(self.id));
        members.insert("created_at".to_owned(), json!(self.created.to_string()));
        members.insert("updated_at".to_owned(), json!(self.updated.to_string()));
        Value::Object(members)
    }

    /// Page access is a matter of the plan.
    pub(super) fn demand_audiences(&self) -> Result<(), Answer> {
        match self.plan {
            Plan::Large => Ok(()),
            Plan::Small => {
                Err(error(403, "You are not authorized to access this resource: the page is not audience-specific"))
            }
        }
    }

    /// Refuses ids that no component of the page has.
    pub(super) fn demand_components(&self, ids: &[String]) -> Result<(), Answer> {
        refuse(&strangers(ids, "component", self.components.iter().map(|component| &component.id)))
    }

    /// Refuses ids that no metric of the page has.
    pub(super) fn demand_metrics(&self, ids: &[String]) -> Result<(), Answer> {
        refuse(&strangers(ids, "metric", self.metrics.iter().map(|metric| &metric.id)))
    }

    /// Refuses ids that no page access user of the page has.
    pub(super) fn demand_access_users(&self, ids: &[String]) -> Result<(), Answer> {
        refuse(&strangers(ids, "page access user", self.access_users.iter().map(|user| &user.id)))
    }

    /// Refuses ids that no page access group of the page has.
    pub(super) fn demand_access_groups(&self, ids: &[String]) -> Result<(), Answer> {
        refuse(&strangers(ids, "page access group", self.access_groups.iter().map(|group| &group.id)))
    }
}

const COLORS: &[(&str, &str)] = &[
    ("css_body_background_color", "ffffff"),
    ("css_font_color", "24303c"),
    ("css_light_font_color", "7a8694"),
    ("css_greens", "2f9e6e"),
    ("css_yellows", "e0b93a"),
    ("css_oranges", "dd7e35"),
    ("css_reds", "cc4b43"),
    ("css_blues", "3d78c2"),
    ("css_border_color", "dfe4ea"),
    ("css_graph_color", "3d78c2"),
    ("css_link_color", "2b63a8"),
    ("css_no_data", "b5bec8"),
];

const LOGOS: &[&str] = &["favicon_logo", "transactional_logo", "hero_cover", "email_logo", "twitter_logo"];

fn strangers<'k>(ids: &[String], kind: &str, known: impl Iterator<Item = &'k String>) -> Vec<String> {
    let known: Vec<&String> = known.collect();
    ids.iter().filter(|id| !known.contains(id)).map(|id| format!("No {kind} of this page has the id {id}")).collect()
}

fn settings(name: &str, subdomain: &str) -> Map<String, Value> {
    let settings = json!({
        "name": name,
        "page_description": format!("Live state of {name}"),
        "headline": null,
        "branding": "basic",
        "subdomain": subdomain,
        "domain": null,
        "url": format!("https://{subdomain}.example.com"),
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
    });
    let mut settings = super::fields::whole(&settings);
    let colors = COLORS.iter().map(|(name, color)| ((*name).to_owned(), json!(color)));
    settings.extend(colors);
    settings.extend(LOGOS.iter().map(|name| ((*name).to_owned(), Value::Null)));
    settings
}

fn embed() -> Map<String, Value> {
    super::fields::whole(&json!({
        "position": "bottom-right",
        "incident_background_color": "cc4b43",
        "incident_text_color": "ffffff",
        "maintenance_background_color": "3d78c2",
        "maintenance_text_color": "ffffff",
    }))
}
