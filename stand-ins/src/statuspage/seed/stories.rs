//! What has happened and what is planned on the first page.

use serde_json::{Value, json};

use super::super::component::Component;
use super::super::incident::Incident;
use super::super::update::Update;
use super::PAGE;
use crate::mint::Mint;
use crate::moment::Moment;

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
            (12, "identified", "A full connection pool makes about one in forty bookings fail. A retry goes through."),
            (25, "investigating", "Some bookings are answered with an error. We are looking into it."),
        ],
    },
    Story {
        id: "i6singapore0",
        name: "No messages from the Singapore terminal",
        components: &["c20portsg888"],
        schedule: None,
        updates: &[
            (40, "monitoring", "Messages flow again. We watch the backlog drain."),
            (170, "identified", "The terminal's message queue is unreachable; their team is on it."),
            (195, "investigating", "Gate moves in Singapore are not coming in."),
        ],
    },
    Story {
        id: "m5aisfeedmov",
        name: "Vessel positions move to new receivers",
        components: &["c09aisfeed77"],
        schedule: Some((-60, 120)),
        updates: &[
            (60, "in_progress", "The move has begun. Positions may be up to ten minutes old."),
            (60 * 24 * 3, "scheduled", "Vessel positions are switched to new receivers."),
        ],
    },
    Story {
        id: "m4databasup0",
        name: "Database upgrade for invoicing",
        components: &["c13billing11", "c14payments2"],
        schedule: Some((60 * 24 * 2, 60 * 24 * 2 + 90)),
        updates: &[(60 * 20, "scheduled", "Invoices cannot be opened for about an hour while we upgrade.")],
    },
    Story {
        id: "m3signincert",
        name: "New certificate for sign-in",
        components: &["c12signin000"],
        schedule: Some((-60 * 24 * 6, -60 * 24 * 6 + 30)),
        updates: &[
            (60 * 24 * 6 - 20, "completed", "Done without interruption."),
            (60 * 24 * 9, "scheduled", "We replace the certificate of the sign-in service."),
        ],
    },
    Story {
        id: "i2webhooksdl",
        name: "Customer webhooks are late",
        components: &["c08webhooks6"],
        schedule: None,
        updates: &[
            (60 * 24 * 4, "resolved", "All held back deliveries went out."),
            (60 * 24 * 4 + 55, "identified", "A stuck worker holds deliveries back."),
        ],
    },
    Story {
        id: "i1gatewaydwn",
        name: "API gateway unreachable from South America",
        components: &["c11gateway99"],
        schedule: None,
        updates: &[
            (60 * 24 * 11, "resolved", "The carrier restored the route."),
            (60 * 24 * 11 + 80, "investigating", "Requests from South America time out."),
        ],
    },
];

pub(super) fn incidents(mint: &mut Mint, components: &[Component], now: Moment) -> Vec<Incident> {
    STORIES.iter().map(|story| story.told(mint, components, now)).collect()
}

impl Story {
    fn told(&self, mint: &mut Mint, components: &[Component], now: Moment) -> Incident {
        let at = |minutes: i64| {
            let away = minutes.unsigned_abs();
            if minutes < 0 { now.minutes_ago(away) } else { now.in_minutes(away) }
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
            incident.updates.insert(0, Update::new(mint.lower(12), status, body, posted));
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
