//! Every tool at least once, each with the request that it must send. Written by hand from the vendor's reference.

mod access;
mod access_users;
mod incidents;
mod metrics;
mod pages;
mod public_status;
mod subscribers;

use mcp_govern_conformance::wire::Case;
use serde_json::{Value, json};

use crate::setup::{PAGE, call, open_only};

/// Identifiers that the stand-in makes up as it starts; they are the same at every start.
#[derive(Debug, Clone)]
struct Made {
    /// An active subscriber of the page.
    subscriber: String,
    /// One who has not confirmed.
    unconfirmed: String,
    /// One who could not be reached.
    quarantined: String,
    /// The newest update of the incident with the booking API.
    update: String,
}

/// Asks a stand-in for the identifiers that it made up.
async fn made() -> Made {
    let (_vendor, harness) = open_only(&["list_subscribers", "get_incident"]).await;
    let first = |list: &Value| list["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let of_state = |state: &'static str| call(&harness, "list_subscribers", json!({"page_id": PAGE, "state": state}));
    let incident = call(&harness, "get_incident", json!({"page_id": PAGE, "incident_id": "i7bookapi5xx"})).await;
    Made {
        subscriber: first(&of_state("active").await),
        unconfirmed: first(&of_state("unconfirmed").await),
        quarantined: first(&of_state("quarantined").await),
        update: incident["incident_updates"][0]["id"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Every tool at least once.
pub(crate) async fn cases() -> Vec<Case> {
    let made = &made().await;
    let areas = [
        pages::pages(),
        pages::components(),
        pages::component_groups(),
        incidents::lists(),
        incidents::creations(),
        incidents::changes(made),
        incidents::postmortems(),
        incidents::templates(),
        subscribers::lists(),
        subscribers::one_by_one(made),
        subscribers::in_bulk(made),
        subscribers::of_incident(),
        metrics::metrics(),
        metrics::points(),
        metrics::providers(),
        access::of_components(),
        access::groups(),
        access::organization(),
        access_users::people(),
        access_users::components(),
        access_users::metrics(),
        public_status::reads(),
    ];
    areas.into_iter().flatten().collect()
}

/// A path below the stand-in's first page.
fn page(rest: &str) -> String {
    format!("/v1/pages/{PAGE}{rest}")
}

/// Arguments with the stand-in's first page, and with one more identifier.
fn of(name: &str, id: &str, mut arguments: Value) -> Value {
    arguments[name] = json!(id);
    of_page(arguments)
}

/// Arguments with the stand-in's first page.
fn of_page(mut arguments: Value) -> Value {
    arguments["page_id"] = json!(PAGE);
    arguments
}
