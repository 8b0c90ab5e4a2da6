//! The invented account: a container line that tells its customers how its systems do.

use serde_json::{Value, json};

use super::Page;
use super::component::{Component, Kind};
use super::incident::{Incident, Update};
use super::subscribers::Subscriber;
use crate::mint::Mint;
use crate::moment::Moment;

pub(super) const PAGE: &str = "hb7k2m9qx4tz";
pub(super) const SECOND_PAGE: &str = "hbv3n8r1c6wd";

const BOOKING: &str = "gbk4p0s8y2la";
const TRACKING: &str = "gtr9d3f6h1ne";

/// Id, name, group, status.
const COMPONENTS: &[(&str, &str, Option<&str>, &str)] = &[
    (BOOKING, "Booking", None, "operational"),
    ("c01quotesapi", "Quote engine", Some(BOOKING), "operational"),
    (
        "c02bookapi11",
        "Booking API",
        Some(BOOKING),
        "degraded_performance",
    ),
    ("c03bookportl", "Booking portal", Some(BOOKING), "operational"),
    ("c04docsgen22", "Shipping documents", Some(BOOKING), "operational"),
    ("c05customs33", "Customs filing", Some(BOOKING), "operational"),
    (TRACKING, "Tracking", None, "operational"),
    ("c06trackapi4", "Tracking API", Some(TRACKING), "operational"),
    ("c07events555", "Event feed", Some(TRACKING), "operational"),
    ("c08webhooks6", "Customer webhooks", Some(TRACKING), "operational"),
    (
        "c09aisfeed77",
        "Vessel positions",
        Some(TRACKING),
        "under_maintenance",
    ),
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

pub(super) fn pages(mint: &mut Mint, now: Moment) -> Vec<Page> {
    let created = now.minutes_ago(60 * 24 * 900);
    let mut components: Vec<Component> = COMPONENTS
        .iter()
        .map(|(id, name, group, status)| {
            let mut component = Component::new((*id).to_owned(), PAGE, name, created);
            component.group = group.map(str::to_owned);
            (*status).clone_into(&mut component.status);
            component
        })
        .collect();
    for component in &mut components {
        if component.id == BOOKING || component.id == TRACKING {
            component.kind = Kind::Group;
        }
    }
    let incidents = incidents(mint, &components, now);
    let quiet = ["Depot search", "Container releases", "Drop-off slots"];
    vec![
        Page {
            id: PAGE.to_owned(),
            name: "Harbourline".to_owned(),
            subdomain: "harbourline".to_owned(),
            created,
            components,
            incidents,
            subscribers: subscribers(mint, created),
            access_users: vec![
                "pau1lotte000".to_owned(),
                "pau2kwame000".to_owned(),
                "pau3ingrid00".to_owned(),
            ],
        },
        Page {
            id: SECOND_PAGE.to_owned(),
            name: "Harbourline Depots".to_owned(),
            subdomain: "harbourline-depots".to_owned(),
            created: now.minutes_ago(60 * 24 * 200),
            components: quiet
                .iter()
                .map(|name| Component::new(mint.lower(12), SECOND_PAGE, name, created))
                .collect(),
            incidents: Vec::new(),
            subscribers: Vec::new(),
            access_users: Vec::new(),
        },
    ]
}

/// One invented incident; times are minutes before now, with the newest update first.
struct Story {
    id: &'static str,
    name: &'static str,
    components: &'static [&'static str],
    /// Start and end of a maintenance, in minutes from now.
    schedule: Option<(i64, i64)>,
    updates: &'static [(u64, &'static str, &'static str)],
}

const STORIES: &[Story] = &[
    Story {
        id: "i7bookapi5xx",
        name: "Booking API answers some requests with errors",
        components: &["c02bookapi11"],
        schedule: None,
        updates: &[
            (
                12,
                "identified",
                "A full connection pool makes about one in forty bookings fail. A retry goes through.",
            ),
            (
                25,
                "investigating",
                "Some bookings are answered with an error. We are looking into it.",
            ),
        ],
    },
    Story {
        id: "i6singapore0",
        name: "No messages from the Singapore terminal",
        components: &["c20portsg888"],
        schedule: None,
        updates: &[
            (
                40,
                "monitoring",
                "Messages flow again. We watch the backlog drain.",
            ),
            (
                170,
                "identified",
                "The terminal's message queue is unreachable; their team is on it.",
            ),
            (195, "investigating", "Gate moves in Singapore are not coming in."),
        ],
    },
    Story {
        id: "m5aisfeedmov",
        name: "Vessel positions move to new receivers",
        components: &["c09aisfeed77"],
        schedule: Some((-60, 120)),
        updates: &[
            (
                60,
                "in_progress",
                "The move has begun. Positions may be up to ten minutes old.",
            ),
            (
                60 * 24 * 3,
                "scheduled",
                "Vessel positions are switched to new receivers.",
            ),
        ],
    },
    Story {
        id: "m4databasup0",
        name: "Database upgrade for invoicing",
        components: &["c13billing11", "c14payments2"],
        schedule: Some((60 * 24 * 2, 60 * 24 * 2 + 90)),
        updates: &[(
            60 * 20,
            "scheduled",
            "Invoices cannot be opened for about an hour while we upgrade.",
        )],
    },
    Story {
        id: "m3signincert",
        name: "New certificate for sign-in",
        components: &["c12signin000"],
        schedule: Some((-60 * 24 * 6, -60 * 24 * 6 + 30)),
        updates: &[
            (60 * 24 * 6 - 20, "completed", "Done without interruption."),
            (
                60 * 24 * 9,
                "scheduled",
                "We replace the certificate of the sign-in service.",
            ),
        ],
    },
    Story {
        id: "i2webhooksdl",
        name: "Customer webhooks are late",
        components: &["c08webhooks6"],
        schedule: None,
        updates: &[
            (60 * 24 * 4, "resolved", "All held back deliveries went out."),
            (
                60 * 24 * 4 + 55,
                "identified",
                "A stuck worker holds deliveries back.",
            ),
        ],
    },
    Story {
        id: "i1gatewaydwn",
        name: "API gateway unreachable from South America",
        components: &["c11gateway99"],
        schedule: None,
        updates: &[
            (60 * 24 * 11, "resolved", "The carrier restored the route."),
            (
                60 * 24 * 11 + 80,
                "investigating",
                "Requests from South America time out.",
            ),
        ],
    },
];

fn incidents(mint: &mut Mint, components: &[Component], now: Moment) -> Vec<Incident> {
    STORIES
        .iter()
        .map(|story| story.told(mint, components, now))
        .collect()
}

impl Story {
    fn told(&self, mint: &mut Mint, components: &[Component], now: Moment) -> Incident {
        let at = |minutes: i64| {
            let away = minutes.unsigned_abs();
            if minutes < 0 {
                now.minutes_ago(away)
            } else {
                now.in_minutes(away)
            }
        };
        let first = self.updates.last().map_or(0, |(ago, _, _)| *ago);
        let mut incident = Incident::new(self.id.to_owned(), PAGE, self.name, now.minutes_ago(first));
        incident.components = self.components.iter().map(|id| (*id).to_owned()).collect();
        incident.scheduled_for = self.schedule.map(|(start, _)| at(start));
        incident.scheduled_until = self.schedule.map(|(_, end)| at(end));
        for (ago, status, body) in self.updates.iter().rev() {
            let posted = now.minutes_ago(*ago);
            incident.enter(status, posted);
            incident.updated = posted;
            incident.updates.insert(
                0,
                Update {
                    id: mint.lower(12),
                    status: (*status).to_owned(),
                    body: (*body).to_owned(),
                    at: posted,
                    delivered: true,
                    affected: Vec::new(),
                },
            );
        }
        incident.metadata = metadata(self.id);
        incident.assess(components);
        if incident.impact == "none" {
            "minor".clone_into(&mut incident.impact);
        }
        incident
    }
}

fn metadata(id: &str) -> Value {
    if !id.starts_with('i') {
        return json!({});
    }
    let number: String = id.chars().filter(char::is_ascii_digit).collect();
    json!({"tracker": {"key": format!("OPS-4{number}")}})
}

const PEOPLE: &[&str] = &[
    "lotte.vandijk",
    "kwame.boateng",
    "ingrid.solheim",
    "mateus.rocha",
    "yuki.tanabe",
    "priya.raman",
    "tomas.novak",
    "amara.okafor",
    "elif.demir",
    "niko.laine",
    "sofia.conti",
    "jonas.keller",
    "mei.lin",
    "omar.haddad",
    "clara.dubois",
    "pavel.orlov",
    "hana.kim",
    "diego.paz",
    "freya.lund",
    "samir.patel",
    "greta.holm",
    "luca.moretti",
    "zoe.martin",
];

fn subscribers(mint: &mut Mint, since: Moment) -> Vec<Subscriber> {
    let mut list = Vec::new();
    let mut add = |mode: &'static str, address: String, state: &'static str| {
        let day = u64::try_from(list.len()).unwrap_or_default();
        let created = since.in_minutes(day * 60 * 24);
        list.push(Subscriber {
            id: mint.lower(12),
            mode,
            address,
            state,
            created,
        });
    };
    for person in PEOPLE {
        add("email", format!("{person}@example.com"), "active");
    }
    for number in ["+31 20 555 0101", "+31 20 555 0102", "+65 5550 0103"] {
        add("sms", number.to_owned(), "active");
    }
    add(
        "webhook",
        "https://hooks.example.com/harbourline".to_owned(),
        "active",
    );
    add("email", "new.customer@example.com".to_owned(), "unconfirmed");
    add("email", "returned.mail@example.com".to_owned(), "quarantined");
    list
}
