//! The Statuspage stand-in.

mod access_groups;
mod access_users;
mod component_access;
mod component_groups;
mod components;
mod door;
mod incident_subscribers;
mod incident_updates;
mod incidents;
mod metric_providers;
mod metrics;
mod organization;
mod pages;
mod postmortems;
mod public;
mod subscribers;
mod subscribers_bulk;
mod templates;
mod uptime;
mod whole;

use serde_json::Value;
use stand_ins::{MailKind, Statuspage, StatuspageStandIn};

use crate::client::Caller;

const PAGE: &str = StatuspageStandIn::PAGE;
const SECOND_PAGE: &str = StatuspageStandIn::SECOND_PAGE;

async fn started() -> (StatuspageStandIn, Caller) {
    started_with(StatuspageStandIn::builder()).await
}

async fn started_with(choices: Statuspage) -> (StatuspageStandIn, Caller) {
    let vendor = choices.start().await;
    let caller = Caller::new(&vendor.base_url(), &format!("OAuth {}", vendor.good_key()));
    (vendor, caller)
}

/// A path below the first page.
fn at(rest: &str) -> String {
    format!("/pages/{PAGE}/{rest}")
}

fn incidents() -> String {
    at("incidents")
}

fn components() -> String {
    at("components")
}

fn id_of(body: &Value) -> String {
    body["id"].as_str().expect("an id").to_owned()
}

fn texts(body: &Value) -> Vec<String> {
    let items = body.as_array().unwrap_or_else(|| panic!("no list: {body}"));
    items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}

/// Why mails went out, and to whom where it was one.
fn mails(vendor: &StatuspageStandIn) -> Vec<(MailKind, String)> {
    let sent = vendor.mails_sent();
    sent.iter().map(|mail| (mail.kind(), mail.address().to_owned())).collect()
}
