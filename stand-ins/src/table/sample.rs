//! Requests made from a table: one that the reference allows for each operation, and many that it does not.

use serde_json::{Map, Value, json};

use super::{Form, Kind, Operation, Table};
use crate::check::{Param, Shape};

/// A request for one operation of a vendor's reference, with everything that the operation takes.
///
/// The path is the template of the reference: before the request is sent, ids take the place of `{…}`.
#[derive(Debug, Clone)]
pub struct Sample {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<(Kind, Value)>,
    pub(super) status: u16,
    pub(super) operation: &'static Operation,
}

/// A name that no reference has.
const UNHEARD_OF: &str = "unheard_of";

/// Longer texts than this are not made.
const LONGEST: usize = 30_000;

const BOUNDARY: &str = "a-boundary-that-no-sample-holds";

impl Table {
    pub(crate) fn samples(&'static self) -> Vec<Sample> {
        self.operations.iter().map(Sample::of).collect()
    }
}

impl Sample {
    fn of(operation: &'static Operation) -> Self {
        let text = |param: &Param| (param.name(), as_text(&whole(param.shape())));
        Self {
            method: operation.method,
            path: operation.path,
            query: operation.query.iter().map(text).collect(),
            headers: operation.headers.iter().map(text).collect(),
            body: operation.body.as_ref().map(|body| (body.kind, whole(&body.shape))),
            status: operation.status,
            operation,
        }
    }

    /// The HTTP method in upper case.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The path's template with the leading slash, such as `/teams/{id}/users/{user_id}`.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The decoded query.
    pub fn query(&self) -> &[(&'static str, String)] {
        &self.query
    }

    /// The headers that the operation takes, the credential and the content type aside.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The status with which the operation answers.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The same request without a query parameter.
    #[must_use]
    pub fn without(&self, name: &'static str) -> Self {
        self.with_query(name, None)
    }

    /// The same request with another JSON body.
    #[must_use]
    pub fn with_body(&self, body: Value) -> Self {
        Self { body: Some((Kind::Json, body)), ..self.clone() }
    }

    /// Content type and bytes of the body, where the operation takes one.
    pub fn body(&self) -> Option<(String, Vec<u8>)> {
        let (kind, value) = self.body.as_ref()?;
        Some(match kind {
            Kind::Json => ("application/json".to_owned(), value.to_string().into_bytes()),
            Kind::Form => ("application/x-www-form-urlencoded".to_owned(), form(value).into_bytes()),
            Kind::Multipart => {
                (format!("multipart/form-data; boundary={BOUNDARY}"), self.multipart(value).into_bytes())
            }
        })
    }

    /// What is wrong with the body of an answer to this request; nothing when it has the documented form.
    pub fn misses(&self, answer: &str) -> Option<String> {
        let value: Option<Value> = serde_json::from_str(answer).ok();
        let fits = match (&self.operation.answer, &value) {
            (Form::Nothing, _) => answer.is_empty(),
            (Form::Text, _) => !answer.is_empty(),
            (Form::Thing, Some(value)) => value.is_object(),
            (Form::List, Some(value)) => value.is_array(),
            (Form::Members(members), Some(value)) => members.iter().all(|(name, is_list)| {
                let member = value.get(*name);
                member.is_some_and(|member| member.is_array() || !is_list)
            }),
            (_, None) => false,
        };
        (!fits).then(|| format!("not {:?}: {answer}", self.operation.answer))
    }

    /// The requests that differ from this one in a single thing, which the reference does not allow, each with a word
    /// for that thing.
    pub fn wrong(&self) -> Vec<(String, Self)> {
        let mut wrong = vec![(format!("unknown query parameter {UNHEARD_OF}"), self.with_query(UNHEARD_OF, Some("1")))];
        for param in &self.operation.query {
            if param.is_required() {
                wrong.push((format!("missing {}", param.name()), self.with_query(param.name(), None)));
            }
            if let Some(text) = unfit(param.shape()) {
                let text = as_text(&text);
                wrong.push((format!("{}={text:.40}", param.name()), self.with_query(param.name(), Some(&text))));
            }
        }
        if let (Some(body), Some((kind, value))) = (&self.operation.body, &self.body) {
            let mut bodies = Vec::new();
            spoil(&body.shape, value, "", &mut |what, value| bodies.push((what, value)));
            wrong.extend(
                bodies.into_iter().map(|(what, value)| (what, Self { body: Some((*kind, value)), ..self.clone() })),
            );
        }
        wrong
    }

    fn with_query(&self, name: &'static str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        changed.query.retain(|(known, _)| *known != name);
        changed.query.extend(value.map(|value| (name, value.to_owned())));
        changed
    }

    fn multipart(&self, value: &Value) -> String {
        let is_file = |name: &str| {
            let Some(Shape::Object(fields)) = self.operation.body.as_ref().map(|body| body.shape) else { return false };
            fields.iter().any(|field| field.name() == name && matches!(field.shape(), Shape::File))
        };
        let part = |(name, value): (&String, &Value)| {
            let file = if is_file(name) { "; filename=\"sample.txt\"" } else { "" };
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{}\r\n",
                as_text(value)
            )
        };
        let parts: String = value.as_object().into_iter().flatten().map(part).collect();
        format!("{parts}--{BOUNDARY}--\r\n")
    }
}

/// A value of the shape with every member that it can have; of several forms, the first.
pub(crate) fn whole(shape: &Shape) -> Value {
    match shape {
        Shape::Flag => json!(true),
        Shape::Text(most) => json!("sample".chars().take(*most).collect::<String>()),
        Shape::Bounded(least, most) => {
            json!("sample".chars().cycle().take((*least).max(6.min(*most))).collect::<String>())
        }
        Shape::OneOf(allowed) => json!(allowed.iter().find(|text| !text.is_empty())),
        Shape::Whole(least, most) => json!(1.clamp(*least, *most)),
        Shape::Number => json!(1.5),
        Shape::DateTime | Shape::DateTimeOrDay => json!("2026-02-03T04:05:06Z"),
        Shape::Day | Shape::Like(..) => json!("2026-02-03"),
        Shape::List(least, _, inner) => (0..(*least).max(1)).map(|_| whole(inner)).collect(),
        Shape::Map(inner) => json!({ "sample": whole(inner) }),
        Shape::Object(fields) | Shape::Open(fields, _) => {
            fields.iter().map(|field| (field.name().to_owned(), whole(field.shape()))).collect::<Map<_, _>>().into()
        }
        Shape::AnyObject => json!({}),
        Shape::Nullable(inner) => whole(inner),
        Shape::Either(shapes) => shapes.first().map(whole).unwrap_or_default(),
        Shape::File | Shape::Any => json!("sample"),
    }
}

/// A value that the shape does not allow, where one can be told in one word.
fn unfit(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Text(most) | Shape::Bounded(_, most) if *most <= LONGEST => Some(json!("x".repeat(most + 1))),
        Shape::Whole(_, most) if *most < i64::MAX => Some(json!(most + 1)),
        Shape::OneOf(_)
        | Shape::Flag
        | Shape::Number
        | Shape::Whole(..)
        | Shape::DateTime
        | Shape::Day
        | Shape::DateTimeOrDay
        | Shape::Like(..) => Some(json!("unheard-of")),
        Shape::Nullable(inner) => unfit(inner),
        _ => None,
    }
}

/// Makes every value that differs from a right one in a single wrong thing.
fn spoil(shape: &Shape, value: &Value, place: &str, found: &mut dyn FnMut(String, Value)) {
    if let Some(wrong) = unfit(shape) {
        found(format!("{place}={:.40}", as_text(&wrong)), wrong);
    }
    match (shape, value) {
        (Shape::Nullable(inner), _) => spoil_inside(inner, value, place, found),
        _ => spoil_inside(shape, value, place, found),
    }
}

fn spoil_inside(shape: &Shape, value: &Value, place: &str, found: &mut dyn FnMut(String, Value)) {
    match (shape, value) {
        (Shape::Object(fields) | Shape::Open(fields, _), Value::Object(members)) => {
            if matches!(shape, Shape::Object(_)) {
                found(format!("unknown {place}.{UNHEARD_OF}"), with(members, UNHEARD_OF, json!(true)));
            }
            for field in *fields {
                let (name, inner) = (field.name(), format!("{place}.{}", field.name()));
                if field.is_required() {
                    let mut left = members.clone();
                    left.remove(name);
                    found(format!("missing {inner}"), left.into());
                }
                let member = members.get(name).cloned().unwrap_or_default();
                spoil(field.shape(), &member, &inner, &mut |what, wrong| found(what, with(members, name, wrong)));
            }
        }
        (Shape::List(least, most, inner), Value::Array(items)) => {
            if *least > 0 {
                found(format!("empty {place}"), json!([]));
            }
            let first = items.first().cloned().unwrap_or_default();
            if *most < LONGEST {
                found(format!("too long {place}"), vec![first.clone(); most + 1].into());
            }
            spoil(inner, &first, &format!("{place}[]"), &mut |what, wrong| {
                let rest = items.iter().skip(1).cloned();
                found(what, std::iter::once(wrong).chain(rest).collect());
            });
        }
        (Shape::Map(inner), Value::Object(members)) => {
            let member = members.get("sample").cloned().unwrap_or_default();
            spoil(inner, &member, &format!("{place}.*"), &mut |what, wrong| found(what, json!({ "sample": wrong })));
        }
        _ => {}
    }
}

fn with(members: &Map<String, Value>, name: &str, value: Value) -> Value {
    let mut members = members.clone();
    members.insert(name.to_owned(), value);
    members.into()
}

fn form(value: &Value) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => drop(pairs.extend_pairs(items.iter().map(|item| (name, as_text(item))))),
            value => drop(pairs.append_pair(name, &as_text(value))),
        }
    }
    pairs.finish()
}

/// A value as a query or a form spells it.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
