//! The invented account: the same container line, seen from its operations room.

use serde_json::{Value, json};

use super::alert::Alert;
use super::config::{Person, Schedule};
use crate::mint::Mint;
use crate::moment::Moment;

pub(super) const SCHEDULE: &str = "Platform on-call";

pub(super) fn people(mint: &mut Mint) -> Vec<Person> {
    [
        ("marit.visser", "Marit Visser", "Owner"),
        ("kofi.mensah", "Kofi Mensah", "Admin"),
        ("lena.brandt", "Lena Brandt", "User"),
        ("ravi.menon", "Ravi Menon", "User"),
        ("ines.carvalho", "Inês Carvalho", "User"),
        ("jun.park", "Jun Park", "User"),
    ]
    .into_iter()
    .map(|(name, full_name, role)| Person { id: mint.uuid(), username: format!("{name}@example.com"), full_name, role })
    .collect()
}

pub(super) fn schedules(mint: &mut Mint, people: &[Person]) -> Vec<Schedule> {
    [
        (SCHEDULE, "Europe/Amsterdam", true, 0),
        ("Vessel telemetry", "Asia/Singapore", true, 2),
        ("Night watch / EDI", "UTC", false, 4),
    ]
    .into_iter()
    .map(|(name, time_zone, enabled, first)| Schedule {
        id: mint.uuid(),
        name,
        time_zone,
        enabled,
        turns: people.iter().skip(first).take(3).cloned().collect(),
    })
    .collect()
}

/// Minutes ago, message, alias, priority, tags, who acknowledged it, who closed it.
type Row = (
    u64,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    Option<&'static str>,
    Option<&'static str>,
);

const ROWS: &[Row] = &[
    (3, "Booking API: error rate above 2 %", "booking-api/error-rate", "P1", &["booking", "api"], None, None),
    (9, "Event feed lags 4 minutes behind", "events/lag", "P2", &["tracking"], None, None),
    (
        31,
        "Terminal link Singapore: queue unreachable",
        "edi/sgsin/queue",
        "P2",
        &["edi", "terminal"],
        Some("lena.brandt"),
        None,
    ),
    (58, "Disk on db-invoice-2 is 86 % full", "db-invoice-2/disk", "P3", &["database"], Some("ravi.menon"), None),
    (95, "Certificate of portal.example.com ends in 13 days", "cert/portal", "P4", &["certificate"], None, None),
    (
        130,
        "Webhook deliveries fail for 3 customers",
        "webhooks/failures",
        "P3",
        &["webhooks"],
        Some("kofi.mensah"),
        Some("kofi.mensah"),
    ),
    (
        240,
        "Reefer telemetry: no data from vessel 0417",
        "reefer/0417",
        "P3",
        &["telemetry", "vessel"],
        None,
        Some("jun.park"),
    ),
    (
        400,
        "Sign-in latency above 1.5 s",
        "signin/latency",
        "P2",
        &["identity"],
        Some("lena.brandt"),
        Some("lena.brandt"),
    ),
    (
        700,
        "Backup of the booking database is late",
        "db-booking/backup",
        "P3",
        &["database", "backup"],
        Some("ravi.menon"),
        Some("ravi.menon"),
    ),
    (1500, "Replica db-track-3 is 40 s behind", "db-track-3/replica", "P3", &["database"], None, Some("ines.carvalho")),
];

const HOSTS: &[&str] = &["edge-ams-1", "edge-ams-2", "edge-sin-1", "edge-sav-1", "edge-sav-2"];

/// Newest first: the hand-written rows, then older closed ones of a kind, so that lists have more than one page.
pub(super) fn alerts(mint: &mut Mint, now: Moment) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    let total = ROWS.len() + HOSTS.len() * 4;
    let mut add = |body: &Value, ago: u64, acknowledged: Option<&str>, closed: Option<&str>| {
        let created = now.minutes_ago(ago);
        let tiny = 1800 + u64::try_from(total.saturating_sub(alerts.len())).unwrap_or_default();
        let id = format!("{}-{}", mint.uuid(), created.millis());
        let mut alert = Alert::from_body(id, tiny, body, created);
        let event =
            |who: Option<&str>, later: u64| who.map(|who| (format!("{who}@example.com"), created.in_minutes(later)));
        alert.acknowledged_by = event(acknowledged, 1);
        alert.closed_by = event(closed, 2);
        alerts.push(alert);
    };
    for (ago, message, alias, priority, tags, acknowledged, closed) in ROWS {
        let entity = alias.split('/').next().unwrap_or_default();
        let body = json!({
            "message": message, "alias": alias, "priority": priority, "tags": tags, "entity": entity,
            "description": format!("{message}. Runbook: https://runbooks.example.com/{entity}"),
            "source": "prober", "actions": ["Restart", "Drain"], "details": {"service": entity},
            "responders": [{"type": "team", "id": "8b1f-team-platform"}],
        });
        add(&body, *ago, *acknowledged, *closed);
    }
    for round in 0..4_u64 {
        for (at, host) in (0_u64..).zip(HOSTS) {
            let body = json!({
                "message": format!("Probe from {host} failed twice"), "alias": format!("probe/{host}/{round}"),
                "priority": "P5", "tags": ["probe"], "entity": host, "source": "prober",
            });
            add(&body, 2000 + round * 700 + at * 45, None, Some("jun.park"));
        }
    }
    alerts
}
