//! Refusals in the vendor's shapes.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::{Call, Malformed};

pub(super) fn malformed(why: &Malformed) -> Answer {
    match why {
        Malformed::ContentType => error(415, "Unsupported media type"),
        Malformed::Syntax => error(400, "The body cannot be parsed"),
        Malformed::Query(findings) | Malformed::Body(findings) => {
            invalid(findings.iter().map(|finding| (finding.place(), finding.problem())))
        }
    }
}

/// A semantic error: a text for each field.
pub(super) fn invalid<'e>(errors: impl IntoIterator<Item = (&'e str, &'e str)>) -> Answer {
    let errors: Map<String, Value> =
        errors.into_iter().map(|(field, problem)| (field.to_owned(), json!(problem))).collect();
    let body = json!({"message": "Request body is not processable. Please check the errors.", "errors": errors});
    Answer::json(422, body).with_header("x-opsgenie-errortype", "InvalidRequest")
}

pub(super) fn forbidden(message: &str) -> Answer {
    Answer::json(403, json!({"code": 40301, "message": message})).with_header("x-opsgenie-errortype", "Forbidden")
}

pub(super) fn no_such_operation(call: &mut Call<'_>) -> Answer {
    call.violate("no operation has this method and path");
    error(404, "No handler is found for this request")
}

pub(super) fn not_found(what: &str) -> Answer {
    error(404, &format!("{what} does not exist")).with_header("x-opsgenie-errortype", "NotFound")
}

pub(super) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({"message": message}))
}
