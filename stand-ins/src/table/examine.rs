//! Holding a request against the operation that it is for.

use serde_json::{Map, Value};

use super::{Body, Kind, Operation};
use crate::call::{Call, Malformed, Pairs};
use crate::check::{Field, Finding, Param, Shape, is_text_of};
use crate::multipart::Part;

/// A request that is as the reference wants it.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The values of the path's parameters, from the left.
    pub(crate) ids: Vec<String>,
    pub(crate) pairs: Pairs,
    /// The body, of a form and of multipart too; null without one.
    pub(crate) body: Value,
}

impl Examined {
    /// A parameter of the path, counted from the left.
    pub(crate) fn id(&self, at: usize) -> &str {
        self.ids.get(at).map(String::as_str).unwrap_or_default()
    }
}

impl Operation {
    /// Checks query, headers and body. What is wrong is a violation.
    pub(crate) fn examine(&self, call: &mut Call<'_>, ids: Vec<String>) -> Result<Examined, Malformed> {
        let pairs = call.query(&self.query)?;
        self.check_headers(call)?;
        let body = match &self.body {
            None => {
                call.no_body()?;
                Value::Null
            }
            Some(body) if !body.is_needed && call.seen().body().is_empty() => Value::Object(Map::new()),
            Some(body) => body.read(call)?,
        };
        Ok(Examined { ids, pairs, body })
    }

    fn check_headers(&self, call: &mut Call<'_>) -> Result<(), Malformed> {
        for header in &self.headers {
            match call.seen().header(header.name()) {
                Some(value) if is_text_of(value, header.shape()) => {}
                Some(_) => {
                    call.violate(&format!(
                        "the header `{}` has a value that the operation does not know",
                        header.name()
                    ));
                    return Err(Malformed::Query(vec![Finding::new(header.name(), "is not known")]));
                }
                None if header.is_required() && !header.name().eq_ignore_ascii_case("from") => {
                    call.violate(&format!("the header `{}` is missing", header.name()));
                    return Err(Malformed::Query(vec![Finding::new(header.name(), "is missing")]));
                }
                // Whether a request may go without `From` depends on whose credential it carries.
                None => {}
            }
        }
        Ok(())
    }
}

impl Body {
    fn read(&self, call: &mut Call<'_>) -> Result<Value, Malformed> {
        match self.kind {
            Kind::Json => call.json(&self.shape),
            Kind::Form => self.form(call),
            Kind::Multipart => self.multipart(call),
        }
    }

    /// A list is sent as one pair for each entry.
    fn form(&self, call: &mut Call<'_>) -> Result<Value, Malformed> {
        let Shape::Object(fields) = self.shape else { return Err(Malformed::Syntax) };
        let params: Vec<Param> = fields
            .iter()
            .map(|field| {
                let param = match field.shape() {
                    Shape::List(_, _, inner) => Param::many(field.name(), **inner),
                    shape => Param::once(field.name(), *shape),
                };
                if field.is_required() { param.needed() } else { param }
            })
            .collect();
        let pairs = call.form(&params)?;
        let mut members = Map::new();
        for field in fields {
            let values = pairs.all(field.name());
            let name = field.name().trim_end_matches("[]").to_owned();
            match (field.shape(), values.first()) {
                (_, None) => {}
                (Shape::List(..), Some(_)) => drop(members.insert(name, values.into())),
                (_, Some(value)) => drop(members.insert(name, Value::from(*value))),
            }
        }
        Ok(Value::Object(members))
    }

    fn multipart(&self, call: &mut Call<'_>) -> Result<Value, Malformed> {
        let Shape::Object(fields) = self.shape else { return Err(Malformed::Syntax) };
        let parts = call.multipart()?;
        let mut findings = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if parts.iter().take(at).any(|earlier| earlier.name == part.name) {
                findings.push(Finding::new(&part.name, "is given more than once"));
            }
            match fields.iter().find(|field| field.name() == part.name).map(Field::shape) {
                None => findings.push(Finding::new(&part.name, "is not a part of this operation")),
                Some(Shape::File) if !has_plain_name(part) => {
                    findings.push(Finding::new(&part.name, "must have a plain file name"));
                }
                Some(Shape::File) => {}
                Some(shape) if is_text_of(&String::from_utf8_lossy(&part.content), shape) => {}
                Some(_) => findings.push(Finding::new(&part.name, "has a value that the operation does not know")),
            }
        }
        let is_given = |name: &str| parts.iter().any(|part| part.name == name);
        let missing = fields.iter().filter(|field| field.is_required() && !is_given(field.name()));
        findings.extend(missing.map(|field| Finding::new(field.name(), "is missing")));
        if !findings.is_empty() {
            return Err(call.refuse_body(findings));
        }
        let shown =
            |part: &Part| part.filename.clone().unwrap_or_else(|| String::from_utf8_lossy(&part.content).into_owned());
        Ok(parts.iter().map(|part| (part.name.clone(), Value::from(shown(part)))).collect::<Map<_, _>>().into())
    }
}

fn has_plain_name(part: &Part) -> bool {
    part.filename.as_deref().is_some_and(|name| !name.is_empty() && !name.contains(['/', '\\', '\r', '\n']))
}
