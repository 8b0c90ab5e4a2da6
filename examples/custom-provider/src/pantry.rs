//! The pantry: a small API on loopback that stands for your own.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// The token that the pantry accepts.
pub(crate) const TOKEN: &str = "pantry-token-of-the-household";

/// Starts the pantry; it is closed when it is dropped.
pub(crate) async fn open() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Pantry::default()).mount(&server).await;
    server
}

/// What stands on each shelf.
#[derive(Debug)]
struct Pantry(Mutex<BTreeMap<String, BTreeMap<String, u64>>>);

impl Default for Pantry {
    fn default() -> Self {
        let flour = BTreeMap::from([("flour".to_owned(), 2)]);
        Self(Mutex::new(BTreeMap::from([("bottom".to_owned(), flour), ("top".to_owned(), BTreeMap::new())])))
    }
}

impl Respond for Pantry {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let answer = |status, body: Value| ResponseTemplate::new(status).set_body_json(body);
        let due = format!("Bearer {TOKEN}");
        if request.headers.get("authorization").is_none_or(|value| value.as_bytes() != due.as_bytes()) {
            return answer(401, json!({"message": "This token opens nothing here."}));
        }
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path: Vec<&str> = request.url.path().trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["shelves"]) => {
                let all = shelves.iter().map(|(name, items)| json!({"name": name, "items": items}));
                answer(200, json!({"shelves": all.collect::<Vec<_>>()}))
            }
            ("POST", ["shelves", name, "items"]) => {
                let item: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let what = item.get("name").and_then(Value::as_str);
                let amount = item.get("amount").and_then(Value::as_u64);
                match (shelves.get_mut(*name), what, amount) {
                    (Some(items), Some(what), Some(amount)) => {
                        *items.entry(what.to_owned()).or_default() += amount;
                        answer(201, json!({"name": name, "items": items}))
                    }
                    _ => answer(400, json!({"message": "There is no such shelf, or no name and amount."})),
                }
            }
            ("DELETE", ["shelves", name]) if shelves.contains_key(*name) => {
                shelves.insert((*name).to_owned(), BTreeMap::new());
                ResponseTemplate::new(204)
            }
            _ => answer(404, json!({"message": "There is nothing here."})),
        }
    }
}
