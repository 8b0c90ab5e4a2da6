//! How it ends: in order, with calls in flight, and when it is told twice.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use stand_ins::Fault;
use tokio::task::JoinHandle;

use crate::world::{ANN, Gateway, Site, client, until};

#[tokio::test]
async fn a_call_in_flight_ends_well_and_nothing_new_is_accepted() {
    let site = Site::new().await;
    let mut gateway = site.start().await;
    site.vendor.fail_next(Fault::Delay(Duration::from_secs(4)));
    let calling = gateway.call(ANN, "status_list_pages", json!({}));
    let telling = async {
        until("the request at the vendor", async || (site.vendor.count() > 0).then_some(())).await;
        gateway.signal("TERM");
        until("the closed listener", async || client().get(gateway.at("/healthz")).send().await.is_err().then_some(()))
            .await;
    };
    let (answered, ()) = tokio::join!(calling, telling);
    assert!(!answered["result"]["structuredContent"]["items"].as_array().unwrap().is_empty(), "{answered}");
    assert_eq!(gateway.ended().await.code(), Some(0));
    gateway.logged("ended").await;
}

/// A call that runs, at a vendor that does not answer for long.
async fn hanging_call(site: &Site, gateway: &Gateway) -> JoinHandle<String> {
    site.vendor.fail_next(Fault::Delay(Duration::from_mins(5)));
    let params = json!({"name": "status_list_pages", "arguments": {}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let request = client().post(gateway.url()).header("accept", "application/json, text/event-stream").bearer_auth(ANN);
    let request = request.json(&body);
    // What comes of it: nothing where the connection is cut.
    let calling = tokio::spawn(async move {
        match request.send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    });
    until("the request at the vendor", async || (site.vendor.count() > 0).then_some(())).await;
    calling
}

#[tokio::test]
async fn a_call_that_does_not_end_in_time_is_dropped() {
    let site = Site::new().await;
    site.add("[http]\nshutdown_grace_seconds = 1\n");
    let mut gateway = site.start().await;
    let calling = hanging_call(&site, &gateway).await;
    gateway.signal("INT");
    assert_eq!(gateway.ended().await.code(), Some(0));
    let answered = calling.await.unwrap();
    assert!(!answered.contains("items"), "{answered}");
}

#[tokio::test]
async fn whoever_tells_it_twice_does_not_wait() {
    let site = Site::new().await;
    let mut gateway = site.start().await;
    let calling = hanging_call(&site, &gateway).await;
    gateway.signal("TERM");
    gateway.logged("a signal to stop: nothing new").await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await.code(), Some(130));
    let answered = calling.await.unwrap();
    assert!(!answered.contains("items"), "{answered}");
}

#[tokio::test]
async fn health_on_a_port_of_its_own_tells_of_the_end() {
    let site = Site::new().await;
    site.add("[http]\noperations = \"127.0.0.1:0\"\n");
    let mut gateway = site.start().await;
    let aside = format!("http://{}", gateway.facts["operations"].as_str().unwrap());
    assert_eq!(gateway.get("/readyz").await.status(), StatusCode::NOT_FOUND);
    let ready = async || client().get(format!("{aside}/readyz")).send().await.unwrap().status();
    assert_eq!(ready().await, StatusCode::OK);
    site.vendor.fail_next(Fault::Delay(Duration::from_secs(4)));
    let calling = gateway.call(ANN, "status_list_pages", json!({}));
    let telling = async {
        until("the request at the vendor", async || (site.vendor.count() > 0).then_some(())).await;
        gateway.signal("TERM");
        until("503", async || (ready().await == StatusCode::SERVICE_UNAVAILABLE).then_some(())).await;
    };
    let (answered, ()) = tokio::join!(calling, telling);
    assert!(answered["result"]["structuredContent"].is_object(), "{answered}");
    assert_eq!(gateway.ended().await.code(), Some(0));
}
