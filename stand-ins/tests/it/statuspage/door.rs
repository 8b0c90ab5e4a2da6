//! Keys, limits of the rate, and requests that no operation takes.

use std::time::Duration;

use serde_json::json;
use stand_ins::StatuspageStandIn;

use super::{components, started};
use crate::client::{Caller, reply};

#[tokio::test]
async fn a_wrong_key_is_refused_without_blame_and_a_wrong_scheme_with_it() {
    let (vendor, caller) = started().await;
    let refused = caller.clone().with("authorization", "OAuth wrong").get("/pages").await;
    assert_eq!((refused.status, refused.json()), (401, json!({"error": "Could not authenticate"})));
    assert!(vendor.violations().is_empty());

    let bearer = format!("Bearer {}", vendor.good_key());
    assert_eq!(caller.clone().with("authorization", &bearer).get("/pages").await.status, 401);
    assert_eq!(vendor.violations().len(), 1);
    assert_eq!(caller.without("authorization").get("/pages").await.status, 401);
    assert_eq!(vendor.violations().len(), 2);
}

#[tokio::test]
async fn a_key_in_the_url_is_a_violation() {
    let (vendor, caller) = started().await;
    let answer = caller.get(&format!("/pages?api_key={}", vendor.good_key())).await;
    assert_eq!(answer.status, 401);
    let violations = vendor.violations();
    assert!(violations.iter().any(|text| text.contains("a key in the query")), "{violations:?}");
    assert!(violations.iter().all(|text| !text.contains(&vendor.good_key())), "{violations:?}");
}

#[tokio::test]
async fn the_content_type_must_fit_and_the_put_twin_is_not_played() {
    let (vendor, caller) = started().await;
    let form = caller.request("POST", &components()).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(reply(form.body("component[name]=x")).await.status, 415);
    let body = json!({"component": {"name": "x"}});
    let put = format!("{}/c01quotesapi", components());
    assert_eq!(caller.send("PUT", &put, &body).await.status, 404);
    assert_eq!(vendor.violations().len(), 2, "{:?}", vendor.violations());
}

#[tokio::test]
async fn an_unknown_or_impossible_query_parameter_is_a_violation() {
    let (vendor, caller) = started().await;
    for query in ["perpage=10", "page=0", "per_page=101", "page=x", "page=1&page=2", "limit=10"] {
        let answer = caller.get(&format!("{}?{query}", components())).await;
        assert_eq!(answer.status, 400, "{query}");
        let violations = vendor.violations();
        assert!(violations.last().unwrap().contains("query: "), "{query}: {violations:?}");
    }
    assert_eq!(vendor.violations().len(), 6);
}

#[tokio::test]
async fn the_sixty_first_request_in_a_minute_is_refused_with_420_until_the_window_rolls() {
    let vendor = StatuspageStandIn::builder().with_rate_limit().with_key("k-1").start().await;
    let caller = Caller::new(&vendor.base_url(), "OAuth k-1");
    for _ in 0..60 {
        assert_eq!(caller.get("/pages").await.status, 200);
    }
    let refused = caller.get("/pages").await;
    assert_eq!(refused.status, 420);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    vendor.advance(Duration::from_secs(61));
    assert_eq!(caller.get("/pages").await.status, 200);
    assert!(vendor.violations().is_empty());
}
