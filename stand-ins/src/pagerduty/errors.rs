//! Refusals in the vendor's shapes.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Malformed;

pub(super) fn malformed(why: &Malformed) -> Answer {
    match why {
        Malformed::ContentType => invalid(&["Content-Type does not fit"]),
        Malformed::Syntax => invalid(&["The body cannot be parsed"]),
        Malformed::Query(findings) | Malformed::Body(findings) => {
            let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
            invalid(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }
}

pub(super) fn invalid(errors: &[&str]) -> Answer {
    error(400, 2001, "Invalid Input Provided", errors)
}

pub(super) fn not_found() -> Answer {
    error(404, 2100, "Not Found", &[])
}

pub(super) fn error(status: u16, code: u32, message: &str, errors: &[&str]) -> Answer {
    let mut body = json!({"error": {"message": message, "code": code}});
    if let (false, Some(Value::Object(members))) = (errors.is_empty(), body.get_mut("error")) {
        members.insert("errors".to_owned(), json!(errors));
    }
    Answer::json(status, body)
}
