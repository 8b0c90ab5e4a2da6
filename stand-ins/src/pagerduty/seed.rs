//! The invented account: the same container line, seen from its pagers.

use super::entities::{Account, Named, Policy, Service, User};
use super::incident::Incident;
use crate::mint::Mint;
use crate::moment::Moment;

pub(super) const SERVICE: &str = "PHLBOOK";

const PLATFORM: &str = "PTMPLAT";
const LOGISTICS: &str = "PTMLOGI";
const FINANCE: &str = "PTMFINA";

pub(super) fn account(base: &str) -> Account {
    Account {
        base: base.to_owned(),
        users: users(),
        teams: vec![
            Named { id: PLATFORM, name: "Platform" },
            Named { id: LOGISTICS, name: "Logistics systems" },
            Named { id: FINANCE, name: "Finance systems" },
        ],
        services: services(),
        policies: vec![
            Policy {
                id: "PEPPLAT",
                name: "Platform first responders",
                team: PLATFORM,
                levels: vec![(Some("PSCPLAT"), "PUSMARI"), (Some("PSCPLAT"), "PUSKOFI"), (None, "PUSLENA")],
            },
            Policy {
                id: "PEPLOGI",
                name: "Logistics around the clock",
                team: LOGISTICS,
                levels: vec![(Some("PSCLOGI"), "PUSRAVI"), (None, "PUSINES")],
            },
            Policy { id: "PEPFINA", name: "Finance, office hours", team: FINANCE, levels: vec![(None, "PUSJUNP")] },
        ],
        schedules: vec![
            Named { id: "PSCPLAT", name: "Platform weekly" },
            Named { id: "PSCLOGI", name: "Logistics follow the sun" },
        ],
        priorities: vec![
            Named { id: "PPRIO01", name: "P1" },
            Named { id: "PPRIO02", name: "P2" },
            Named { id: "PPRIO03", name: "P3" },
        ],
    }
}

fn users() -> Vec<User> {
    [
        ("PUSMARI", "Marit Visser", "marit.visser", "owner", PLATFORM),
        ("PUSKOFI", "Kofi Mensah", "kofi.mensah", "admin", PLATFORM),
        ("PUSLENA", "Lena Brandt", "lena.brandt", "user", PLATFORM),
        ("PUSRAVI", "Ravi Menon", "ravi.menon", "user", LOGISTICS),
        ("PUSINES", "Inês Carvalho", "ines.carvalho", "limited_user", LOGISTICS),
        ("PUSJUNP", "Jun Park", "jun.park", "user", FINANCE),
    ]
    .into_iter()
    .map(|(id, name, email, role, team)| User {
        id: id.to_owned(),
        name,
        email: format!("{email}@example.com"),
        role,
        team,
    })
    .collect()
}

fn services() -> Vec<Service> {
    [
        (SERVICE, "Booking API", "Takes bookings from the portal and from partners", PLATFORM, "PEPPLAT"),
        ("PHLSIGN", "Sign-in", "Accounts and sessions of customers", PLATFORM, "PEPPLAT"),
        ("PHLGATE", "API gateway", "The door of all public interfaces", PLATFORM, "PEPPLAT"),
        ("PHLTRAK", "Tracking", "Where a container is, and where it was", LOGISTICS, "PEPLOGI"),
        ("PHLEDIX", "EDI exchange", "Messages to and from terminals", LOGISTICS, "PEPLOGI"),
        ("PHLREEF", "Reefer telemetry", "Temperatures of cooled containers", LOGISTICS, "PEPLOGI"),
        ("PHLINVO", "Invoicing", "Invoices and credit notes", FINANCE, "PEPFINA"),
        ("PHLPAYM", "Card payments", "Payments by card in the portal", FINANCE, "PEPFINA"),
    ]
    .into_iter()
    .map(|(id, name, description, team, policy)| Service { id, name, description, team, policy })
    .collect()
}

/// Minutes ago, service, urgency, status, title.
const ROWS: &[(u64, &str, &str, &str, &str)] = &[
    (4, SERVICE, "high", "triggered", "One in forty bookings fails with an error"),
    (11, "PHLTRAK", "high", "triggered", "Event feed lags four minutes behind"),
    (33, "PHLEDIX", "high", "acknowledged", "Singapore terminal: queue unreachable"),
    (61, "PHLINVO", "low", "acknowledged", "Disk on db-invoice-2 is 86 % full"),
    (90, "PHLGATE", "low", "triggered", "Certificate of portal.example.com ends in 13 days"),
    (131, "PHLTRAK", "low", "resolved", "Webhook deliveries fail for three customers"),
    (244, "PHLREEF", "high", "resolved", "No data from vessel 0417"),
    (401, "PHLSIGN", "high", "resolved", "Sign-in takes longer than 1.5 seconds"),
    (702, SERVICE, "low", "resolved", "Backup of the booking database is late"),
    (1_203, "PHLTRAK", "low", "resolved", "Replica db-track-3 is 40 seconds behind"),
];

const PROBES: &[(&str, &str)] = &[
    ("PHLGATE", "Probe from Amsterdam failed twice"),
    ("PHLSIGN", "Probe from Singapore failed twice"),
    ("PHLPAYM", "Card payments answer slowly"),
    ("PHLEDIX", "Message rejected by a terminal"),
];

/// Newest first: 34 incidents, so that a list has more than one page.
pub(super) fn incidents(mint: &mut Mint, account: &Account, now: Moment) -> Vec<Incident> {
    let older = (0..24_u64)
        .zip(PROBES.iter().cycle())
        .map(|(round, (service, title))| (1_900 + round * 610, *service, "low", "resolved", *title));
    let rows: Vec<_> = ROWS.iter().copied().chain(older).collect();
    let newest = 4100 + u64::try_from(rows.len()).unwrap_or_default();
    (0_u64..)
        .zip(rows)
        .map(|(age, (ago, service, urgency, status, title))| {
            let created = now.minutes_ago(ago);
            let policy = account.service(service).map_or("", |service| service.policy);
            let first = account.policy(policy).and_then(|policy| policy.levels.first());
            let person = first.map(|(_, user)| (*user).to_owned()).unwrap_or_default();
            let is_resolved = status == "resolved";
            Incident {
                id: format!("Q{}", mint.upper(13)),
                number: newest.saturating_sub(age),
                key: mint.lower(32),
                title: title.to_owned(),
                details: None,
                status: status.to_owned(),
                urgency: urgency.to_owned(),
                service: service.to_owned(),
                policy: policy.to_owned(),
                priority: (urgency == "high").then(|| "PPRIO02".to_owned()),
                assignees: vec![person.clone()],
                acknowledgers: if status == "triggered" {
                    Vec::new()
                } else {
                    vec![(person.clone(), created.in_minutes(2))]
                },
                bridge: serde_json::Value::Null,
                changed_by: person,
                created,
                updated: created.in_minutes(if status == "triggered" { 0 } else { 2 }),
                resolved: is_resolved.then(|| created.in_minutes(35)),
            }
        })
        .collect()
}
