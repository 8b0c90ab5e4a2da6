//! The pantry's API on loopback, so that the example needs nothing else. Yours would be somewhere on the network.

use serde_json::json;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path, path_regex},
};

/// The token that the pantry accepts.
pub(crate) const TOKEN: &str = "pantry-token";

/// Serves `GET /v1/shelves` and `POST /v1/shelves/{shelf}/items` to whoever shows the token.
pub(crate) async fn serve() -> MockServer {
    let server = MockServer::start().await;
    let shelves = json!({"shelves": [{"name": "jam", "items": 3}, {"name": "tea", "items": 7}, {"name": "spirits", "items": 1}]});
    let token = format!("Bearer {TOKEN}");
    Mock::given(method("GET"))
        .and(path("/v1/shelves"))
        .and(header("authorization", token.as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json(shelves))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path_regex("^/v1/shelves/[^/]+/items$"))
        .and(header("authorization", token.as_str()))
        .respond_with(|request: &Request| {
            let body: serde_json::Value = request.body_json().unwrap_or_default();
            let shelf = request.url.path_segments().and_then(|mut segments| segments.nth(2)).unwrap_or_default().to_owned();
            ResponseTemplate::new(201).set_body_json(json!({"shelf": shelf, "put": body}))
        })
        .mount(&server)
        .await;
    Mock::given(|_: &Request| true)
        .respond_with(ResponseTemplate::new(401).set_body_json(json!({"message": "no such token"})))
        .with_priority(9)
        .mount(&server)
        .await;
    server
}
