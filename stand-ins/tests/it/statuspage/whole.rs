//! The whole manage API: each of its operations once, with the status that the vendor documents for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stand_ins::StatuspageStandIn as StandIn;

use super::{PAGE, at, started};
use crate::client::{Caller, Reply, reply};

/// Method, status, path and body; what is needed again is deleted last.
const OPERATIONS: &str = r#"
GET    200 /pages
GET    200 /pages/{page}
PATCH  200 /pages/{page} {"page": {"name": "Harbour"}}
GET    200 /pages/{page}/components
POST   201 /pages/{page}/components {"component": {"name": "Berths", "status": "", "start_date": "2026-01-31"}}
GET    200 /pages/{page}/components/c12signin000
PATCH  200 /pages/{page}/components/c12signin000 {"component": {"status": "partial_outage", "showcase": true}}
GET    200 /pages/{page}/components/c12signin000/uptime?start=2026-01&end=2026-02&skip_related_events=false
POST   201 /pages/{page}/components/c12signin000/page_access_users page_access_user_ids[]=pau1lotte000
POST   201 /pages/{page}/components/c12signin000/page_access_groups {"page_access_group_ids": ["pag1shippers"]}
DELETE 200 /pages/{page}/components/c12signin000/page_access_users
DELETE 200 /pages/{page}/components/c12signin000/page_access_groups
GET    200 /pages/{page}/component-groups
POST   201 /pages/{page}/component-groups {"component_group": {"name": "Money", "components": ["c13billing11"]}, "description": "Paying"}
GET    200 /pages/{page}/component-groups/gbk4p0s8y2la
PATCH  200 /pages/{page}/component-groups/gbk4p0s8y2la {"component_group": {"name": "Book", "components": ["c02bookapi11"]}}
GET    200 /pages/{page}/component-groups/gbk4p0s8y2la/uptime
GET    200 /pages/{page}/incident_templates
POST   201 /pages/{page}/incident_templates {"template": {"name": "a", "title": "b", "body": "c"}}
GET    200 /pages/{page}/incidents?q=a&limit=5&page=1
POST   201 /pages/{page}/incidents {"incident": {"name": "Slow", "deliver_notifications": false}}
GET    200 /pages/{page}/incidents/active_maintenance
GET    200 /pages/{page}/incidents/scheduled
GET    200 /pages/{page}/incidents/unresolved
GET    200 /pages/{page}/incidents/upcoming
GET    200 /pages/{page}/incidents/i6singapore0
PATCH  200 /pages/{page}/incidents/i6singapore0 {"incident": {"status": "resolved", "deliver_notifications": false}}
PATCH  200 /pages/{page}/incidents/i6singapore0/incident_updates/{update} {"incident_update": {"deliver_notifications": false}}
PUT    200 /pages/{page}/incidents/i6singapore0/postmortem {"postmortem": {"body_draft": "What happened"}}
GET    200 /pages/{page}/incidents/i6singapore0/postmortem
PUT    200 /pages/{page}/incidents/i6singapore0/postmortem/publish {"postmortem": {"notify_subscribers": false, "notify_twitter": false}}
PUT    200 /pages/{page}/incidents/i6singapore0/postmortem/revert
DELETE 204 /pages/{page}/incidents/i6singapore0/postmortem
GET    200 /pages/{page}/incidents/i6singapore0/subscribers
POST   201 /pages/{page}/incidents/i6singapore0/subscribers {"subscriber": {"email": "a@example.com"}}
GET    200 /pages/{page}/incidents/i6singapore0/subscribers/sub1gatedesk
POST   201 /pages/{page}/incidents/i6singapore0/subscribers/sub1gatedesk/resend_confirmation
DELETE 200 /pages/{page}/incidents/i6singapore0/subscribers/sub1gatedesk
DELETE 200 /pages/{page}/incidents/i6singapore0
GET    200 /pages/{page}/metrics
POST   202 /pages/{page}/metrics/data {"data": {"mt1portalrsp": [{"timestamp": {now}, "value": 1.5}]}}
GET    200 /pages/{page}/metrics/mt1portalrsp
PATCH  200 /pages/{page}/metrics/mt1portalrsp {"metric": {"name": "Response"}}
POST   201 /pages/{page}/metrics/mt1portalrsp/data {"data": {"timestamp": {now}, "value": 2}}
DELETE 200 /pages/{page}/metrics/mt1portalrsp/data
GET    200 /pages/{page}/metrics_providers
POST   201 /pages/{page}/metrics_providers {"metrics_provider": {"type": "Self"}}
GET    200 /pages/{page}/metrics_providers/mp1ownvalues
PATCH  200 /pages/{page}/metrics_providers/mp2datadogxx {"metrics_provider": {"metric_base_uri": "https://m.example.com"}}
GET    200 /pages/{page}/metrics_providers/mp1ownvalues/metrics
POST   201 /pages/{page}/metrics_providers/mp1ownvalues/metrics {"metric": {"name": "Queue"}}
GET    200 /pages/{page}/page_access_groups
POST   201 /pages/{page}/page_access_groups {"page_access_group": {"name": "Brokers"}}
GET    200 /pages/{page}/page_access_groups/pag1shippers
PATCH  200 /pages/{page}/page_access_groups/pag1shippers {"page_access_group": {"name": "Senders"}}
GET    200 /pages/{page}/page_access_groups/pag1shippers/components
POST   201 /pages/{page}/page_access_groups/pag1shippers/components {"component_ids": ["c01quotesapi", "c06trackapi4"]}
PATCH  200 /pages/{page}/page_access_groups/pag1shippers/components {"component_ids": ["c07events555"]}
DELETE 200 /pages/{page}/page_access_groups/pag1shippers/components {"component_ids": ["c01quotesapi"]}
DELETE 200 /pages/{page}/page_access_groups/pag1shippers/components/c06trackapi4
DELETE 200 /pages/{page}/page_access_groups/pag1shippers
GET    200 /pages/{page}/page_access_users?email=lotte@customer.example.com
POST   200 /pages/{page}/page_access_users {"page_access_user": {"external_login": "uid-new"}}
GET    200 /pages/{page}/page_access_users/pau1lotte000
PATCH  200 /pages/{page}/page_access_users/pau1lotte000 {"page_access_user": {"external_login": "uid-other"}}
GET    200 /pages/{page}/page_access_users/pau1lotte000/components
POST   201 /pages/{page}/page_access_users/pau1lotte000/components {"component_ids": ["c01quotesapi", "c06trackapi4"]}
PATCH  200 /pages/{page}/page_access_users/pau1lotte000/components {"component_ids": ["c07events555"]}
DELETE 200 /pages/{page}/page_access_users/pau1lotte000/components {"component_ids": ["c01quotesapi"]}
DELETE 200 /pages/{page}/page_access_users/pau1lotte000/components/c06trackapi4
GET    200 /pages/{page}/page_access_users/pau1lotte000/metrics
POST   201 /pages/{page}/page_access_users/pau1lotte000/metrics {"metric_ids": ["mt1portalrsp", "mt2trackfeed"]}
PATCH  200 /pages/{page}/page_access_users/pau1lotte000/metrics {"metric_ids": ["mt3gatewaylt"]}
DELETE 200 /pages/{page}/page_access_users/pau1lotte000/metrics {"metric_ids": ["mt1portalrsp"]}
DELETE 200 /pages/{page}/page_access_users/pau1lotte000/metrics/mt2trackfeed
DELETE 204 /pages/{page}/page_access_users/pau1lotte000
DELETE 200 /pages/{page}/metrics/mt1portalrsp
DELETE 200 /pages/{page}/metrics_providers/mp2datadogxx
GET    200 /pages/{page}/status_embed_config
PATCH  200 /pages/{page}/status_embed_config {"status_embed_config": {"position": "top-right"}}
GET    200 /pages/{page}/subscribers?state=all&limit=5&page=0&sort_field=quarantined_at&sort_direction=desc
POST   201 /pages/{page}/subscribers {"subscriber": {"email": "b@example.com"}}
GET    200 /pages/{page}/subscribers/count?state=all&type=email
GET    200 /pages/{page}/subscribers/histogram_by_state
POST   201 /pages/{page}/subscribers/reactivate {"subscribers": "all", "type": "email"}
POST   201 /pages/{page}/subscribers/resend_confirmation {"subscribers": ["{subscriber}"]}
POST   201 /pages/{page}/subscribers/unsubscribe {"subscribers": "all", "type": "sms", "state": "all"}
GET    200 /pages/{page}/subscribers/unsubscribed?page=1&per_page=2
GET    200 /pages/{page}/subscribers/{subscriber}
PATCH  200 /pages/{page}/subscribers/{subscriber} {"component_ids": ["c01quotesapi"]}
POST   201 /pages/{page}/subscribers/{subscriber}/resend_confirmation
DELETE 200 /pages/{page}/subscribers/{subscriber}?skip_unsubscription_notification=true
DELETE 204 /pages/{page}/components/c12signin000
DELETE 200 /pages/{page}/component-groups/gbk4p0s8y2la
GET    200 /organizations/{organization}/permissions/{user}
PUT    200 /organizations/{organization}/permissions/{user} {"pages": {"{page}": {"incident_manager": true}}}
GET    200 /organizations/{organization}/users?page=1&per_page=100
POST   201 /organizations/{organization}/users {"user": {"email": "c@example.com"}}
DELETE 200 /organizations/{organization}/users/{user}
"#;

/// The operations that the vendor has twice, as `PATCH` and as `PUT`.
const TWINS: &[&str] = &[
    "",
    "/component-groups/gbk4p0s8y2la",
    "/components/c12signin000",
    "/incidents/i6singapore0",
    "/incidents/i6singapore0/incident_updates/{update}",
    "/metrics/mt1portalrsp",
    "/metrics_providers/mp2datadogxx",
    "/page_access_groups/pag1shippers",
    "/page_access_groups/pag1shippers/components",
    "/page_access_users/pau1lotte000",
    "/page_access_users/pau1lotte000/components",
    "/page_access_users/pau1lotte000/metrics",
    "/status_embed_config",
];

/// The lines with the ids that are known only after the start.
async fn filled(vendor: &StandIn, caller: &Caller, lines: &str) -> String {
    let incident = caller.get(&at("incidents/i6singapore0")).await.json();
    let update = incident["incident_updates"][0]["id"].as_str().unwrap().to_owned();
    let unconfirmed = caller.get(&at("subscribers?state=unconfirmed")).await.column("", "id");
    let now = vendor.metric_points(StandIn::SELF_METRIC)[0].0.to_string();
    lines
        .replace("{page}", PAGE)
        .replace("{organization}", StandIn::ORGANIZATION)
        .replace("{user}", StandIn::USER)
        .replace("{update}", &update)
        .replace("{subscriber}", &unconfirmed[0])
        .replace("{now}", &now)
}

async fn sent(caller: &Caller, method: &str, path: &str, body: &str) -> Reply {
    let request = caller.request(method, path);
    if body.is_empty() {
        reply(request).await
    } else if let Ok(body) = serde_json::from_str::<Value>(body) {
        reply(request.json(&body)).await
    } else {
        let form = request.header("content-type", "application/x-www-form-urlencoded");
        reply(form.body(body.to_owned())).await
    }
}

#[tokio::test]
async fn every_operation_answers_with_its_documented_status_and_no_violation() {
    let (vendor, caller) = started().await;
    let lines = filled(&vendor, &caller, OPERATIONS).await;
    let mut operations = BTreeSet::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (method, rest) = line.split_once(' ').unwrap();
        let (status, rest) = rest.trim_start().split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let answer = sent(&caller, method, path, body).await;
        assert_eq!(answer.status.to_string(), status, "{line}: {}", answer.text);
        assert_eq!(vendor.violations(), Vec::<String>::new(), "{line}");
        operations.insert(format!("{method} {}", path.split('?').next().unwrap()));
    }
    assert_eq!(operations.len(), 99);
}

#[tokio::test]
async fn a_put_twin_is_a_violation() {
    let (vendor, caller) = started().await;
    for (at, twin) in TWINS.iter().enumerate() {
        let path = filled(&vendor, &caller, &format!("/pages/{{page}}{twin}")).await;
        assert_eq!(caller.send("PUT", &path, &json!({})).await.status, 404, "{path}");
        assert_eq!(vendor.violations().len(), at + 1, "{path}");
    }
    assert_eq!(TWINS.len(), 13);
}
