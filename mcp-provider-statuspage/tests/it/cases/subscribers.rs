//! Who is told: subscribers of a page and of an incident.

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};

use super::{Made, of, of_page, page};

pub(super) fn lists() -> Vec<Case> {
    vec![
        Case::new("list_subscribers", of_page(json!({})), "GET", page("/subscribers?limit=25")),
        // This list alone is counted from 0.
        Case::new(
            "list_subscribers",
            of_page(json!({
                "q": "lotte.vandijk@example.com", "type": "email", "state": "all", "sort_field": "created_at",
                "sort_direction": "desc", "limit": 5, "page": 0,
            })),
            "GET",
            page(concat!(
                "/subscribers?q=lotte.vandijk%40example.com&type=email&state=all&sort_field=created_at&sort_direction=desc",
                "&limit=5&page=0",
            )),
        ),
        Case::new(
            "count_subscribers",
            of_page(json!({"type": "email", "state": "quarantined"})),
            "GET",
            page("/subscribers/count?type=email&state=quarantined"),
        ),
        Case::new("count_subscribers_by_state", of_page(json!({})), "GET", page("/subscribers/histogram_by_state")),
        Case::new(
            "list_unsubscribed_subscribers",
            of_page(json!({})),
            "GET",
            page("/subscribers/unsubscribed?per_page=25"),
        ),
    ]
}

pub(super) fn one_by_one(made: &Made) -> Vec<Case> {
    let one = |id: &str| page(&format!("/subscribers/{id}"));
    let of = |fields: Value| of("subscriber_id", &made.subscriber, fields);
    let create = |fields: Value, mut sent: Value| {
        sent["skip_confirmation_notification"] = json!(false);
        Case::new("create_subscriber", of_page(fields), "POST", page("/subscribers")).json(json!({"subscriber": sent}))
    };
    vec![
        create(json!({"email": "new@example.com"}), json!({"email": "new@example.com"})),
        create(
            json!({"phone_country": "NL", "phone_number": "205550199", "component_ids": ["c02bookapi11"]}),
            json!({"phone_country": "NL", "phone_number": "205550199", "component_ids": ["c02bookapi11"]}),
        ),
        create(
            json!({"email": "lotte@customer.example.com", "page_access_user_id": "pau1lotte000"}),
            json!({"email": "lotte@customer.example.com", "page_access_user": "pau1lotte000"}),
        ),
        Case::new("get_subscriber", of(json!({})), "GET", one(&made.subscriber)),
        // Bare, without a wrapper.
        Case::new("update_subscriber", of(json!({"component_ids": ["c02bookapi11"]})), "PATCH", one(&made.subscriber))
            .json(json!({"component_ids": ["c02bookapi11"]})),
        Case::new("update_subscriber", of(json!({"everything": true})), "PATCH", one(&made.subscriber)).json(json!({})),
        Case::new(
            "delete_subscriber",
            of(json!({})),
            "DELETE",
            format!("{}?skip_unsubscription_notification=true", one(&made.subscriber)),
        ),
        Case::new(
            "delete_subscriber",
            of(json!({"skip_unsubscription_notification": false})),
            "DELETE",
            format!("{}?skip_unsubscription_notification=false", one(&made.subscriber)),
        ),
        Case::new(
            "resend_subscriber_confirmation",
            super::of("subscriber_id", &made.unconfirmed, json!({})),
            "POST",
            format!("{}/resend_confirmation", one(&made.unconfirmed)),
        ),
    ]
}

pub(super) fn in_bulk(made: &Made) -> Vec<Case> {
    let (given, all) = (json!({"all": true}), json!({"subscribers": "all"}));
    vec![
        Case::new("resend_confirmation_mails", of_page(given), "POST", page("/subscribers/resend_confirmation"))
            .json(all),
        Case::new(
            "resend_confirmation_mails",
            of_page(json!({"subscribers": [made.unconfirmed]})),
            "POST",
            page("/subscribers/resend_confirmation"),
        )
        .json(json!({"subscribers": [made.unconfirmed]})),
        Case::new(
            "reactivate_subscribers",
            of_page(json!({"subscribers": [made.quarantined], "type": "email"})),
            "POST",
            page("/subscribers/reactivate"),
        )
        .json(json!({"subscribers": [made.quarantined], "type": "email"})),
        Case::new(
            "unsubscribe_subscribers",
            of_page(json!({"subscribers": [made.subscriber], "state": "all"})),
            "POST",
            page("/subscribers/unsubscribe"),
        )
        .json(json!({"subscribers": [made.subscriber], "state": "all", "skip_unsubscription_notification": true})),
    ]
}

pub(super) fn of_incident() -> Vec<Case> {
    const INCIDENT: &str = "i6singapore0";
    let list = page("/incidents/i6singapore0/subscribers");
    let one = format!("{list}/sub1gatedesk");
    let of = |fields: Value| of("incident_id", INCIDENT, fields);
    let gate_desk = || of(json!({"subscriber_id": "sub1gatedesk"}));
    vec![
        Case::new("list_incident_subscribers", of(json!({})), "GET", format!("{list}?per_page=25")),
        Case::new("create_incident_subscriber", of(json!({"email": "new@example.com"})), "POST", list.clone())
            .json(json!({"subscriber": {"email": "new@example.com", "skip_confirmation_notification": false}})),
        Case::new("get_incident_subscriber", gate_desk(), "GET", one.clone()),
        Case::new("delete_incident_subscriber", gate_desk(), "DELETE", one.clone()),
        Case::new("resend_incident_subscriber_confirmation", gate_desk(), "POST", format!("{one}/resend_confirmation")),
    ]
}
