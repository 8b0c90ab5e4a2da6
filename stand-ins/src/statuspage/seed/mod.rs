//! The invented account: a container line that tells its customers how its systems do.

mod people;
mod stories;

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::component::{Component, Kind};
use super::fields::whole;
use super::metric::Metric;
use super::organization::{Accounts, Organization, PermissionsForm};
use super::page::{Page, Plan};
use super::provider::MetricsProvider;
use super::templates::Template;
use crate::mint::Mint;
use crate::moment::Moment;
pub(super) use people::users;

pub(super) const PAGE: &str = "hb7k2m9qx4tz";
pub(super) const SECOND_PAGE: &str = "hbv3n8r1c6wd";
pub(super) const ORGANIZATION: &str = "org4harbourl";
pub(super) const USER: &str = "usr1noorverm";
pub(super) const SELF_PROVIDER: &str = "mp1ownvalues";
pub(super) const SELF_METRIC: &str = "mt1portalrsp";
pub(super) const DATADOG_PROVIDER: &str = "mp2datadogxx";
pub(super) const DATADOG_METRIC: &str = "mt3gatewaylt";

const BOOKING: &str = "gbk4p0s8y2la";
const TRACKING: &str = "gtr9d3f6h1ne";

/// Id, name, group, status.
const COMPONENTS: &[(&str, &str, Option<&str>, &str)] = &[
    (BOOKING, "Booking", None, "operational"),
    ("c01quotesapi", "Quote engine", Some(BOOKING), "operational"),
    ("c02bookapi11", "Booking API", Some(BOOKING), "degraded_performance"),
    ("c03bookportl", "Booking portal", Some(BOOKING), "operational"),
    ("c04docsgen22", "Shipping documents", Some(BOOKING), "operational"),
    ("c05customs33", "Customs filing", Some(BOOKING), "operational"),
    (TRACKING, "Tracking", None, "operational"),
    ("c06trackapi4", "Tracking API", Some(TRACKING), "operational"),
    ("c07events555", "Event feed", Some(TRACKING), "operational"),
    ("c08webhooks6", "Customer webhooks", Some(TRACKING), "operational"),
    ("c09aisfeed77", "Vessel positions", Some(TRACKING), "under_maintenance"),
    ("c10reefers88", "Reefer telemetry", Some(TRACKING), "operational"),
    ("c11gateway99", "API gateway", None, "operational"),
    ("c12signin000", "Sign-in", None, "operational"),
    ("c13billing11", "Invoicing", None, "operational"),
    ("c14payments2", "Card payments", None, "operational"),
    ("c15edi333333", "EDI exchange", None, "operational"),
    ("c16mailer444", "Outgoing mail", None, "operational"),
    ("c17sms555555", "Text messages", None, "operational"),
    ("c18mobile666", "Mobile app", None, "operational"),
    ("c19portnl777", "Terminal link Rotterdam", None, "operational"),
    ("c20portsg888", "Terminal link Singapore", None, "partial_outage"),
    ("c21portus999", "Terminal link Savannah", None, "operational"),
    ("c22reports00", "Reports", None, "operational"),
    ("c23support11", "Support desk", None, "operational"),
];

pub(super) fn pages(mint: &mut Mint, now: Moment, more_subscribers: usize) -> Vec<Page> {
    let created = now.minutes_ago(60 * 24 * 900);
    let mut busy = Page::new(PAGE, "Harbourline", "harbourline", Plan::Large, created);
    busy.components = components(created);
    busy.settle();
    busy.incidents = stories::incidents(mint, &busy.components, now);
    busy.subscribers = people::subscribers(mint, created);
    let mut quiet =
        Page::new(SECOND_PAGE, "Harbourline Depots", "harbourline-depots", Plan::Small, now.minutes_ago(60 * 24 * 200));
    quiet.components = ["Depot search", "Container releases", "Drop-off slots"]
        .iter()
        .map(|name| Component::new(mint.lower(12), SECOND_PAGE, name, created))
        .collect();
    busy.subscribers.extend(people::more_subscribers(mint, created, more_subscribers));
    busy.unsubscribed = vec![people::former_subscriber(created)];
    busy.access_users = people::access_users(created);
    busy.access_groups = people::access_groups(created);
    busy.templates = vec![template()];
    (busy.providers, busy.metrics) = (providers(created), metrics(created, now));
    if let Some(incident) = busy.incidents.iter_mut().find(|incident| incident.id == "i6singapore0") {
        incident.subscribers.push(people::follower(now.minutes_ago(180)));
    }
    vec![busy, quiet]
}

fn components(created: Moment) -> Vec<Component> {
    let entries = COMPONENTS.iter().map(|(id, name, group, status)| {
        let mut component = Component::new((*id).to_owned(), PAGE, name, created);
        component.group = group.map(str::to_owned);
        (*status).clone_into(&mut component.status);
        if component.id == BOOKING || component.id == TRACKING {
            component.kind = Kind::Group;
        }
        component
    });
    entries.collect()
}

fn template() -> Template {
    Template {
        id: "tpl1terminal".to_owned(),
        name: "Terminal link down".to_owned(),
        title: "No messages from a terminal".to_owned(),
        body: "Gate moves of one terminal are not coming in. We are in touch with its team.".to_owned(),
        group: Some("tgr1incident".to_owned()),
        status: Some("investigating".to_owned()),
        tweets: false,
        notifies: true,
        components: vec!["c20portsg888".to_owned()],
    }
}

fn providers(created: Moment) -> Vec<MetricsProvider> {
    let provider = |id: &str, kind: &str, address: Option<&str>| MetricsProvider {
        id: id.to_owned(),
        kind: kind.to_owned(),
        address: address.map(str::to_owned),
        created,
        updated: created,
    };
    vec![
        provider(SELF_PROVIDER, "Self", None),
        provider(DATADOG_PROVIDER, "Datadog", Some("https://monitoring.example.com/api")),
    ]
}

fn metrics(created: Moment, now: Moment) -> Vec<Metric> {
    let fields = |name: &str, identifier: Option<&str>| {
        whole(&json!({"name": name, "metric_identifier": identifier, "suffix": "ms", "decimal_places": 0}))
    };
    let mut portal = Metric::new(SELF_METRIC, SELF_PROVIDER, &fields("Portal response time", None), created);
    for (minutes, value) in [(15, 212), (10, 187), (5, 195)] {
        let timestamp = now.minutes_ago(minutes).seconds();
        portal.add(&json!({"timestamp": timestamp, "value": value}), now);
    }
    let tracking = Metric::new("mt2trackfeed", SELF_PROVIDER, &fields("Delay of events", None), created);
    let gateway =
        Metric::new(DATADOG_METRIC, DATADOG_PROVIDER, &fields("Gateway latency", Some("gateway.latency.p95")), created);
    vec![portal, tracking, gateway]
}

/// The organisation before its people are known; ids and rights do not depend on the time.
pub(super) fn organization() -> Organization {
    let roles = whole(&json!({"incident_manager": true, "maintenance_manager": true}));
    let rights = BTreeMap::from([(PAGE.to_owned(), roles), (SECOND_PAGE.to_owned(), Map::new())]);
    Organization {
        id: ORGANIZATION.to_owned(),
        accounts: Accounts::Own,
        form: PermissionsForm::default(),
        users: Vec::new(),
        permissions: BTreeMap::from([(USER.to_owned(), rights)]),
    }
}
