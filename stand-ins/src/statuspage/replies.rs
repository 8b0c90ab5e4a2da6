//! The forms of Statuspage's answers, refusals first of all.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::{Call, Malformed, Pairs};
use crate::check::{Finding, Param, Shape};

/// A request that has parameters from a list and no body.
pub(super) fn plain(call: &mut Call<'_>, params: &[Param]) -> Result<Pairs, Answer> {
    let pairs = call.query(params).map_err(|why| malformed(&why))?;
    call.no_body().map_err(|why| malformed(&why))?;
    Ok(pairs)
}

/// A JSON body of the shape, and no query.
pub(super) fn json_body(call: &mut Call<'_>, shape: &Shape) -> Result<Value, Answer> {
    call.query(&[]).map_err(|why| malformed(&why))?;
    call.json(shape).map_err(|why| malformed(&why))
}

/// One page of a list; `page` counts from `first`.
pub(super) fn page_of(all: Vec<Value>, pairs: &Pairs, size: &str, first: usize) -> Answer {
    let (page, size) = (pairs.whole("page", first), pairs.whole(size, 100));
    let skipped = page.saturating_sub(first).saturating_mul(size);
    Answer::json(200, all.into_iter().skip(skipped).take(size).collect())
}

/// One page of a list that counts from 1 and names its size `per_page`, as nearly all do.
pub(super) fn paged(all: Vec<Value>, pairs: &Pairs) -> Answer {
    page_of(all, pairs, "per_page", 1)
}

pub(super) fn malformed(why: &Malformed) -> Answer {
    match why {
        Malformed::ContentType => error(415, "The content type does not fit the body that this operation takes"),
        Malformed::Syntax => error(400, "The body cannot be parsed"),
        Malformed::Query(findings) => errors(400, &texts(findings)),
        Malformed::Body(findings) => errors(422, &texts(findings)),
    }
}

pub(super) fn no_such_operation(call: &mut Call<'_>) -> Answer {
    call.violate("no operation has this method and path");
    not_found()
}

pub(super) fn not_found() -> Answer {
    error(404, "Not found")
}

/// What the vendor refuses although the request has the right shape; nothing to refuse is fine.
pub(super) fn refuse(problems: &[String]) -> Result<(), Answer> {
    if problems.is_empty() { Ok(()) } else { Err(errors(422, problems)) }
}

/// A single reason to refuse a well-formed request.
pub(super) fn unprocessable(problem: impl Into<String>) -> Answer {
    errors(422, &[problem.into()])
}

pub(super) fn error(status: u16, text: &str) -> Answer {
    Answer::json(status, json!({"error": text}))
}

pub(super) fn errors(status: u16, texts: &[String]) -> Answer {
    Answer::json(status, json!({"error": texts}))
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}
