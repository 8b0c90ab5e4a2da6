//! The Opsgenie stand-in.

mod alerts;
mod configuration;

use serde_json::Value;
use stand_ins::OpsgenieStandIn;

use crate::client::{Caller, Reply};

async fn started() -> (OpsgenieStandIn, Caller) {
    let vendor = OpsgenieStandIn::start().await;
    let caller = with_key(&vendor, &vendor.integration_key());
    (vendor, caller)
}

fn with_key(vendor: &OpsgenieStandIn, key: &str) -> Caller {
    Caller::new(&vendor.base_url(), &format!("GenieKey {key}"))
}

/// Asks for the status of an accepted request until it is no longer pending.
async fn settled(caller: &Caller, accepted: &Reply) -> Value {
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let path = format!("/v2/alerts/requests/{}", accepted.json()["requestId"].as_str().unwrap());
    for _ in 0..5 {
        let status = caller.get(&path).await;
        if status.status == 200 {
            return status.json()["data"].clone();
        }
        assert_eq!((status.status, status.header("x-opsgenie-errortype")), (404, Some("RequestNotProcessed")));
    }
    panic!("the request is still pending");
}
