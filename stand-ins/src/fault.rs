//! What can go wrong with an answer on request.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::answer::Answer;

/// One answer that goes wrong; given to a stand-in's `fail_next`.
///
/// The request is checked for violations in any case. Unless its text says otherwise, a fault stands for a request
/// that was *not* carried out; [`Fault::AfterDoing`] turns it into the ambiguous kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// This very answer. A `content-type` is added when the headers hold none; headers that HTTP cannot carry are
    /// left out, and a status outside 200..=599 becomes 500.
    Status {
        /// The HTTP status.
        status: u16,
        /// Names and values of the headers.
        headers: Vec<(String, String)>,
        /// The body as it is sent.
        body: String,
    },
    /// The vendor's own refusal for too many requests; `None` leaves the hint how long to wait out.
    Throttle {
        /// Seconds to wait.
        retry_after: Option<u64>,
    },
    /// Status 200 with a web page instead of JSON, as a proxy or a captive portal answers.
    Html,
    /// Status 302 to this address.
    Redirect(String),
    /// The request is carried out; the answer keeps its status and loses its body.
    EmptyBody,
    /// The request is carried out; the JSON of the answer ends in the middle.
    CutJson,
    /// The request is carried out; every value in the answer has another JSON type than it should.
    WrongTypes,
    /// The request is carried out; every scalar in the answer is `null`.
    Nulls,
    /// The request is carried out; every object in the answer has members that no document names.
    UnknownFields,
    /// The request is carried out; the answer comes this much later.
    Delay(Duration),
    /// The request is carried out, and then the inner fault answers: the vendor did it, and the caller cannot know.
    AfterDoing(Box<Fault>),
}

impl Fault {
    /// An answer with this status and a small JSON body.
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new(), body: r#"{"message":"the stand-in was told to fail"}"#.to_owned() }
    }

    /// A redirect to another host, which no client may follow with its credential.
    pub fn redirect(to: impl Into<String>) -> Self {
        Self::Redirect(to.into())
    }

    /// Whether the request changes the stand-in's state.
    pub(crate) fn is_carried_out(&self) -> bool {
        match self {
            Self::Status { .. } | Self::Throttle { .. } | Self::Html | Self::Redirect(_) => false,
            Self::EmptyBody
            | Self::CutJson
            | Self::WrongTypes
            | Self::Nulls
            | Self::UnknownFields
            | Self::Delay(_)
            | Self::AfterDoing(_) => true,
        }
    }

    /// The faulty answer, made from the right one.
    pub(crate) fn spoil(&self, right: Answer, throttled: &dyn Fn(Option<u64>) -> Answer) -> Answer {
        match self {
            Self::Status { status, headers, body } => headers
                .iter()
                .fold(Answer::raw(*status, content_type_of(body), body.as_bytes()), |answer, (name, value)| {
                    answer.with_header(name, value.as_str())
                }),
            Self::Throttle { retry_after } => throttled(*retry_after),
            Self::Html => Answer::raw(200, "text/html; charset=utf-8", PAGE),
            Self::Redirect(to) => Answer::empty(302).with_header("location", to.as_str()),
            Self::EmptyBody => right.without_body(),
            Self::CutJson => right.cut_in_half(),
            Self::WrongTypes => right.map_json(other_type),
            Self::Nulls => right.map_json(nulled),
            Self::UnknownFields => right.map_json(extended),
            Self::Delay(delay) => right.with_delay(*delay),
            Self::AfterDoing(inner) => inner.spoil(right, throttled),
        }
    }
}

const PAGE: &str =
    "<!doctype html><html><head><title>Sign in</title></head><body><p>Sign in to go on.</p></body></html>";

fn content_type_of(body: &str) -> &'static str {
    if serde_json::from_str::<Value>(body).is_ok() { "application/json" } else { "text/plain; charset=utf-8" }
}

fn other_type(value: Value) -> Value {
    match value {
        Value::Null => Value::Bool(true),
        Value::Bool(flag) => Value::String(flag.to_string()),
        Value::Number(number) => Value::String(number.to_string()),
        Value::String(text) => Value::from(text.len()),
        Value::Array(items) => {
            Value::Object(items.into_iter().enumerate().map(|(at, item)| (at.to_string(), other_type(item))).collect())
        }
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, member)| (name, other_type(member))).collect())
        }
    }
}

fn nulled(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(nulled).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, member)| (name, nulled(member))).collect())
        }
        _ => Value::Null,
    }
}

fn extended(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(extended).collect(),
        Value::Object(members) => {
            let mut members: Map<String, Value> =
                members.into_iter().map(|(name, member)| (name, extended(member))).collect();
            members.insert("x_unheard_of".to_owned(), serde_json::json!({"deeper": [1, null, "ü"]}));
            members.insert("x_a_number".to_owned(), serde_json::json!(9_007_199_254_740_993_u64));
            Value::Object(members)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wrong_types_leave_no_value_with_the_type_it_had() {
        assert_eq!(
            other_type(json!({"a": "text", "b": [1, true], "c": null})),
            json!({"a": 4, "b": {"0": "1", "1": "true"}, "c": true})
        );
    }

    #[test]
    fn nulls_keep_the_frame_and_lose_the_values() {
        assert_eq!(nulled(json!([{"a": 1, "b": ["x"]}])), json!([{"a": null, "b": [null]}]));
    }

    #[test]
    fn unknown_fields_are_added_at_every_level() {
        let out = extended(json!({"a": {"b": 1}}));
        assert_eq!(out["a"]["b"], 1);
        assert!(out["x_unheard_of"].is_object() && out["a"]["x_unheard_of"].is_object());
    }

    #[test]
    fn only_the_faults_that_say_so_carry_the_request_out() {
        assert!(!Fault::status(500).is_carried_out());
        assert!(!Fault::Throttle { retry_after: None }.is_carried_out());
        assert!(Fault::AfterDoing(Box::new(Fault::status(500))).is_carried_out());
        assert!(Fault::Delay(Duration::ZERO).is_carried_out());
    }
}
