//! The whole of each vendor's reference: every operation answers a well-formed request, and refuses each request that
//! differs from it in one thing that the reference does not have.

use reqwest::Method;
use serde_json::json;
use stand_ins::{JsmOpsStandIn, OpsgenieStandIn, PagerDutyStandIn, Sample, StatuspageStandIn};

use crate::client::{Caller, Reply, reply};

/// The ids that take the place of the parameters in a template, from the left; the credential, where it is not the usual.
struct Place {
    path: String,
    authorization: Option<String>,
}

async fn sent(caller: &Caller, sample: &Sample, place: &Place) -> Reply {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(sample.query().iter().map(|(name, text)| (*name, text.as_str())));
    let query = query.finish();
    let path = if query.is_empty() { place.path.clone() } else { format!("{}?{query}", place.path) };
    let caller = match &place.authorization {
        Some(authorization) => caller.clone().with("authorization", authorization),
        None => caller.clone(),
    };
    let method = Method::from_bytes(sample.method().as_bytes()).unwrap();
    let mut request = caller.request(method.as_str(), &path);
    if let Some((content_type, body)) = sample.body() {
        request = request.header("content-type", content_type).body(body);
    }
    reply(request).await
}

/// Sends what is wrong with each operation. Answers how many requests there were.
async fn refused(
    violations: impl Fn() -> usize,
    caller: &Caller,
    samples: &[Sample],
    place: impl Fn(&Sample) -> Place,
) -> usize {
    let (mut wrong, mut faults) = (0, Vec::new());
    for sample in samples {
        for (what, twin) in sample.wrong() {
            let before = violations();
            let answer = sent(caller, &twin, &place(sample)).await;
            // The one list that is too long is refused with a status of its own.
            let is_blamed = violations() > before || answer.status == 413;
            if !(400..500).contains(&answer.status) || !is_blamed {
                faults.push(format!("{} {} takes {what}: {}", sample.method(), sample.path(), answer.text));
            }
            wrong += 1;
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    wrong
}

/// Sends what is wrong with each operation first, since none of it may change anything, and then what is right, with what
/// deletes last and what is innermost before what is around it. Answers how many wrong requests there were.
async fn whole(
    violations: impl Fn() -> usize,
    caller: &Caller,
    samples: &[Sample],
    place: impl Fn(&Sample) -> Place,
) -> usize {
    let wrong = refused(&violations, caller, samples, &place).await;
    let mut ordered: Vec<&Sample> = samples.iter().collect();
    ordered
        .sort_by_key(|sample| (sample.method() == "DELETE").then(|| usize::MAX - sample.path().matches('/').count()));
    let mut faults = Vec::new();
    for sample in ordered {
        let before = violations();
        let answer = sent(caller, sample, &place(sample)).await;
        if violations() != before || answer.status != sample.status() || sample.misses(&answer.text).is_some() {
            faults.push(format!("{} {}: {} {}", sample.method(), sample.path(), answer.status, answer.text));
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    wrong
}

/// The template with an id for each parameter; `{a|b}` is not there: what has few values is given by its first.
fn filled(path: &str, ids: impl Fn(&str, &str) -> String) -> String {
    let (mut out, mut rest) = (String::new(), path);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').unwrap();
        out.push_str(&ids(&out, name));
        rest = after;
    }
    out + rest
}

#[tokio::test]
async fn every_operation_of_pagerduty_is_answered_and_nothing_else_is() {
    let vendor = PagerDutyStandIn::builder().with_rate_limit(1_000_000).start().await;
    let incident = vendor.incident_ids("triggered")[0].clone();
    let caller = Caller::new(&vendor.base_url(), &format!("Token token={}", vendor.user_key()))
        .with("accept", "application/vnd.pagerduty+json;version=2")
        .with("x-early-access", "ip-allow-lists");
    let place = |sample: &Sample| Place {
        path: filled(sample.path(), |before, name| match (before, name) {
            ("/incidents/", _) => incident.clone(),
            ("/users/", _) => "PUSRAVI".to_owned(),
            ("/services/", _) => PagerDutyStandIn::SERVICE.to_owned(),
            ("/teams/", _) => "PTMFINA".to_owned(),
            ("/schedules/", _) => "PSCLOGI".to_owned(),
            ("/escalation_policies/", _) => "PEPFINA".to_owned(),
            (_, "entity_type") => "users".to_owned(),
            (_, "feature_name") => "aiops".to_owned(),
            (_, "resource_type") => "technical_services".to_owned(),
            _ => PagerDutyStandIn::KNOWN.to_owned(),
        }),
        authorization: None,
    };
    // Where members or parameters exclude one another, or name other things, not everything can be given at once.
    let reference = |kind: &str, id: &str| json!({"id": id, "type": kind});
    let samples = PagerDutyStandIn::samples().into_iter().map(|sample| match (sample.method(), sample.path()) {
        ("GET", "/incidents") => sample.without("since").without("sort_by"),
        ("GET", "/oncalls") => sample.without("since").without("until"),
        ("POST", "/incidents") => {
            let service = reference("service_reference", PagerDutyStandIn::SERVICE);
            sample.with_body(json!({"incident": {"type": "incident", "title": "a", "service": service}}))
        }
        ("PUT", "/incidents") => {
            sample.with_body(json!({"incidents": [{"id": incident, "type": "incident", "status": "acknowledged"}]}))
        }
        ("PUT", "/incidents/{id}") => sample.with_body(json!({"incident": {"type": "incident", "status": "resolved"}})),
        _ => sample,
    });
    let samples: Vec<Sample> = samples.collect();
    let wrong = whole(|| vendor.violations().len(), &caller, &samples, place).await;
    assert!(wrong > 2_000, "{wrong}");
}

/// What an account's key may not do, and an integration's may.
const BLOCKED: &[&str] = &[
    "/v2/alerts",
    "/v2/alerts/{identifier}/acknowledge",
    "/v2/alerts/{identifier}/close",
    "/v2/alerts/{identifier}/notes",
];

#[tokio::test]
async fn every_operation_of_opsgenie_is_answered_and_nothing_else_is() {
    let vendor = OpsgenieStandIn::builder().with_pending_polls(0).start().await;
    let alert = vendor.open_alert_id().unwrap();
    let caller = Caller::new(&vendor.base_url(), &format!("GenieKey {}", vendor.good_key()));
    let key = format!("GenieKey {}", vendor.integration_key());
    let schedule = caller.get("/v2/schedules").await.column("/data", "id").remove(0);
    let user = caller.get("/v2/users").await.column("/data", "id").remove(0);
    let other = caller.clone().with("authorization", &key);
    let accepted = other.send("POST", "/v2/alerts", &json!({"message": "a"})).await.json();
    let request = accepted["requestId"].as_str().unwrap().to_owned();
    let samples = OpsgenieStandIn::samples();
    let attach = samples.iter().find(|sample| sample.path().ends_with("/attachments") && sample.method() == "POST");
    let path = format!("/v2/alerts/{alert}/attachments");
    let attached = sent(&caller, attach.unwrap(), &Place { path, authorization: None }).await.json();
    let file = attached["data"]["id"].as_str().unwrap().to_owned();
    let place = |sample: &Sample| Place {
        path: filled(sample.path(), |before, name| match (before, name) {
            ("/v2/alerts/", _) => alert.clone(),
            ("/v2/schedules/", _) => schedule.clone(),
            ("/v2/users/", _) => user.clone(),
            (_, "requestId") => request.clone(),
            (_, "attachmentId") => file.clone(),
            _ => OpsgenieStandIn::KNOWN.to_owned(),
        }),
        authorization: (sample.method() == "POST" && BLOCKED.contains(&sample.path())).then(|| key.clone()),
    };
    let wrong = whole(|| vendor.violations().len(), &caller, &samples, place).await;
    assert!(wrong > 800, "{wrong}");
}

#[tokio::test]
async fn every_operation_of_jsm_ops_is_answered_and_nothing_else_is() {
    let vendor = JsmOpsStandIn::start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("Basic {}", vendor.basic()));
    let key = vendor.integration_key();
    let alerts = format!("/jsm/ops/api/{}/v1/alerts", JsmOpsStandIn::CLOUD);
    let accepted = caller.send("POST", &alerts, &json!({"message": "a"})).await.json();
    let request = accepted["requestId"].as_str().unwrap().to_owned();
    let place = |sample: &Sample| Place {
        path: filled(sample.path(), |before, name| match name {
            _ if before.ends_with("/requests/") => request.clone(),
            "cloudId" => JsmOpsStandIn::CLOUD.to_owned(),
            _ => JsmOpsStandIn::KNOWN.to_owned(),
        }),
        authorization: sample.path().starts_with("/jsm/ops/integration/").then(|| format!("GenieKey {key}")),
    };
    let wrong = whole(|| vendor.violations().len(), &caller, &JsmOpsStandIn::samples(), place).await;
    assert!(wrong > 700, "{wrong}");
}

/// What is right is sent by `every_operation_answers_with_its_documented_status_and_no_violation`, for its operations name
/// one another's things.
#[tokio::test]
async fn nothing_but_what_the_reference_of_statuspage_has_is_taken() {
    let vendor = StatuspageStandIn::start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("OAuth {}", vendor.good_key()));
    let place = |sample: &Sample| Place {
        path: filled(sample.path().strip_prefix("/v1").unwrap(), |_, name| match name {
            "page_id" => StatuspageStandIn::PAGE.to_owned(),
            _ => "any".to_owned(),
        }),
        authorization: None,
    };
    let wrong = refused(|| vendor.violations().len(), &caller, &StatuspageStandIn::samples(), place).await;
    assert!(wrong > 300, "{wrong}");
}
