//! From arguments to a request.
//!
//! INVARIANT: whatever the arguments hold, the request stays on the server's base URL and the row's path template, its
//! headers have the names that the document gives, and its query decodes to exactly the arguments
//! (`tests/binding.rs`: the property tests).

mod body;
mod codec;
pub(crate) mod ends_now;
mod header;
pub(crate) mod instead;
mod judge;
mod multipart;
mod path;
mod query;
mod whole;

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use serde_json::{Map, Value};

pub(crate) use self::{body::Payload, judge::judge, path::segment};
use crate::plan::{BodyPlan, Row};

/// Where requests go: the base URL, and what the server's configuration fills into paths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    /// Without a slash at its end.
    pub(crate) base: &'a str,
    /// By the configuration's name, as they stand in a path ([`segment`]).
    pub(crate) segments: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a str> for Site<'a> {
    /// A server whose configuration fills in nothing.
    fn from(base: &'a str) -> Self {
        static NOTHING: BTreeMap<String, String> = BTreeMap::new();
        Self { base, segments: &NOTHING }
    }
}

/// A request without authorization. Its method is the row's.
#[derive(Debug)]
pub(crate) struct BoundRequest {
    /// The base URL, the path and the query.
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) payload: Option<Payload>,
}

impl BoundRequest {
    /// The body's bytes; empty where there is none.
    pub(crate) fn body(&self) -> Bytes {
        self.payload.as_ref().map(Payload::encode).unwrap_or_default()
    }
}

/// Room for the headers of arguments, configuration, body and credential: few requests have more.
const MORE_HEADERS: usize = 4;
/// Room for what the arguments add to an address: few add more.
const LONG_ARGUMENTS: usize = 64;

/// Binds the arguments of a row, what is sent for those left out filled in, below a base URL.
///
/// # Errors
///
/// A sentence that names the argument and what is expected.
pub(crate) fn bind<'a>(
    row: &Row,
    arguments: &Map<String, Value>,
    site: impl Into<Site<'a>>,
) -> Result<BoundRequest, String> {
    refuse_unknown(row, arguments, row.looked_up())?;
    let url = bind_url(row, arguments, site.into())?;
    let mut headers = Vec::with_capacity(row.fixed_headers.len() + MORE_HEADERS);
    headers.extend_from_slice(&row.fixed_headers);
    for param in &row.headers {
        if let Some(value) = arguments.get(&param.argument) {
            headers.push((param.name.clone(), param.bind(value)?));
        }
    }
    let whole = |plan: &BodyPlan| plan.bind(&whole::with_integers(&row.definition.input_schema, arguments));
    let payload = row.body.as_ref().map(whole).transpose()?;
    if let Some(payload) = &payload {
        headers.push((CONTENT_TYPE, payload.content_type()));
    }
    Ok(BoundRequest { url, headers, payload })
}

/// Whether arguments can be bound: finds what [`bind`] would refuse, without making the whole request.
///
/// # Errors
///
/// As [`bind`].
pub(crate) fn fits(row: &Row, arguments: &Map<String, Value>, site: Site<'_>) -> Result<(), String> {
    refuse_unknown(row, arguments, &[])?;
    bind_url(row, arguments, site)?;
    for param in &row.headers {
        if let Some(value) = arguments.get(&param.argument) {
            param.bind(value)?;
        }
    }
    row.body.as_ref().map_or(Ok(()), |plan| plan.fits(arguments))
}

/// Fills in what the row sends for arguments that are left out. The governor has done so for a call of the row's own tool; a
/// recipe, a probe and the question for an outcome come here without it.
pub(crate) fn with_sent<'a>(row: &Row, mut arguments: Cow<'a, Map<String, Value>>) -> Cow<'a, Map<String, Value>> {
    for (name, value) in row.definition.send() {
        if !arguments.contains_key(name) {
            arguments.to_mut().insert(name.clone(), value.clone());
        }
    }
    arguments
}

fn bind_url(row: &Row, arguments: &Map<String, Value>, site: Site<'_>) -> Result<String, String> {
    let template = row.path.template();
    let mut url = String::with_capacity(site.base.len() + template.len() + row.fixed_query.len() + LONG_ARGUMENTS);
    url.push_str(site.base);
    row.path.write(arguments, site.segments, &mut url)?;
    let path = url.len();
    for param in &row.query {
        if let Some(value) = arguments.get(&param.argument) {
            param.write(value, &mut url, path)?;
        }
    }
    if !row.fixed_query.is_empty() {
        url.push(if url.len() == path { '?' } else { '&' });
        url.push_str(&row.fixed_query);
    }
    Ok(url)
}

/// The vendor ignores what it does not know, so a typo would go unnoticed: unknown arguments are refused here. `looked_up` are those
/// that no caller gives.
fn refuse_unknown(row: &Row, arguments: &Map<String, Value>, looked_up: &[String]) -> Result<(), String> {
    let properties = row.definition.input_schema.get("properties").and_then(Value::as_object);
    for name in arguments.keys().filter(|name| !looked_up.contains(name)) {
        if !properties.is_some_and(|properties| properties.contains_key(name)) {
            return Err(format!("`{name}` is not an argument of `{}`", row.name));
        }
    }
    match row.required.iter().find(|name| !arguments.contains_key(name.as_str())) {
        Some(name) => Err(format!("`{name}` is missing")),
        None => Ok(()),
    }
}
