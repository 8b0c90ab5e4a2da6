//! The PagerDuty stand-in.

mod directory;
mod incidents;
mod oauth;

use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;

use crate::client::Caller;

const ACCEPT: &str = "application/vnd.pagerduty+json;version=2";

async fn started() -> (PagerDutyStandIn, Caller) {
    let vendor = PagerDutyStandIn::start().await;
    let caller = with(&vendor, &format!("Token token={}", vendor.good_key())).with("from", &vendor.actor_email());
    (vendor, caller)
}

fn with(vendor: &PagerDutyStandIn, authorization: &str) -> Caller {
    Caller::new(&vendor.base_url(), authorization).with("accept", ACCEPT)
}

fn new_incident(more: &[(&str, Value)]) -> Value {
    let mut incident = json!({
        "type": "incident", "title": "Quay crane 7 stands still",
        "service": {"id": PagerDutyStandIn::SERVICE, "type": "service_reference"},
    });
    for (name, value) in more {
        incident[*name] = value.clone();
    }
    json!({"incident": incident})
}
