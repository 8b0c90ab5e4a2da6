//! Classic paging: `limit` and `offset` in, `more` and `total` out.

use serde_json::{Map, Value, json};

use super::error;
use crate::answer::Answer;
use crate::call::Pairs;

/// Offset and limit together may not pass this.
const WINDOW: usize = 10_000;

/// The asked part of a list under its root key; `total` is null unless it is asked for.
pub(super) fn listed(root: &str, all: Vec<Value>, pairs: &Pairs) -> Result<Answer, Answer> {
    let (limit, offset) = (pairs.whole("limit", 25), pairs.whole("offset", 0));
    if offset.saturating_add(limit) > WINDOW {
        let text = format!("Offset and limit together may not exceed {WINDOW}");
        return Err(error(400, 2002, "Arguments Caused Error", &[&text]));
    }
    let total = all.len();
    let part: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let mut body = Map::new();
    body.insert("limit".to_owned(), json!(limit));
    body.insert("offset".to_owned(), json!(offset));
    body.insert("total".to_owned(), if pairs.is_set("total") { json!(total) } else { Value::Null });
    body.insert("more".to_owned(), json!(offset.saturating_add(part.len()) < total));
    body.insert(root.to_owned(), Value::Array(part));
    Ok(Answer::json(200, Value::Object(body)))
}
