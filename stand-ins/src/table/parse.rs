//! Reading a table.

use std::collections::HashMap;

use super::{Body, Form, Kind, Operation, Segment};
use crate::check::{Field, Param, Shape, TEXT};
use crate::moment::is_part_of_date;

/// The types that have names, as far as they have been read.
type Named = HashMap<&'static str, Shape>;

/// What is left of a line.
struct Rest<'n> {
    text: &'static str,
    named: &'n Named,
}

const INT32: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

/// The operations of a table, or what cannot be read in it.
pub(super) fn operations(text: &'static str) -> Result<Vec<Operation>, String> {
    let mut named = Named::new();
    let mut operations: Vec<Operation> = Vec::new();
    for line in lines(text) {
        let read = match line.split_once(' ') {
            Some((name, rest)) if rest.starts_with("= ") => Rest::of(rest, &named).last_type_after("= ").map(|shape| {
                named.insert(name, shape);
            }),
            Some((keyword, rest)) if line.starts_with(char::is_lowercase) => match operations.last_mut() {
                Some(operation) => operation.add(keyword, Rest::of(rest, &named)),
                None => Err("stands before any operation".to_owned()),
            },
            Some(_) => operation(line).map(|operation| operations.push(operation)),
            None => Err("is a single word".to_owned()),
        };
        read.map_err(|why| format!("`{line}` {why}"))?;
    }
    Ok(operations)
}

/// Makes operations stricter: below the method and the path of an operation stand members of its body, by the names
/// on the way to them, with other types, and after `query` parameters.
pub(super) fn narrow(operations: &mut [Operation], text: &'static str) -> Result<(), String> {
    let named = Named::new();
    let mut current = None;
    for line in lines(text) {
        if let Some((method, path)) = line.split_once(' ').filter(|(_, path)| path.starts_with('/')) {
            let known = operations.iter().position(|known| (known.method, known.path) == (method, path));
            current = Some(known.ok_or_else(|| format!("`{line}` is not an operation of the reference"))?);
            continue;
        }
        let operation = current.and_then(|at| operations.get_mut(at));
        if let Some(line) = line.strip_prefix("query ") {
            let operation = operation.ok_or_else(|| format!("`{line}` is for no operation"))?;
            for param in Rest::of(line, &named).params()? {
                let known = operation.query.iter_mut().find(|known| known.name() == param.name());
                *known.ok_or_else(|| format!("`{line}` names no parameter"))? = param;
            }
            continue;
        }
        let body = operation.and_then(|operation| operation.body.as_mut());
        let body = body.ok_or_else(|| format!("`{line}` is for no body"))?;
        let mut rest = Rest::of(line, &named);
        let [param] = rest.params()?.try_into().map_err(|_| format!("`{line}` is not for one member"))?;
        let way: Vec<&str> = param.name().split('.').collect();
        body.shape = replaced(&body.shape, &way, &param).ok_or_else(|| format!("`{line}` names no member"))?;
    }
    Ok(())
}

/// The shape with another type for the member at the end of the way.
fn replaced(shape: &Shape, way: &[&str], by: &Param) -> Option<Shape> {
    let Shape::Object(fields) = shape else { return None };
    let (name, rest) = way.split_first()?;
    let at = fields.iter().position(|field| field.name() == *name)?;
    let mut fields = fields.to_vec();
    let field = fields.get_mut(at)?;
    let (inner, is_required) = match rest {
        [] => (*by.shape(), by.is_required() || field.is_required()),
        rest => (replaced(field.shape(), rest, by)?, field.is_required()),
    };
    *field = if is_required { Field::required(field.name(), inner) } else { Field::optional(field.name(), inner) };
    Some(Shape::Object(fields.leak()))
}

/// The lines of a table, each with its continuations; they live as long as the table.
fn lines(text: &'static str) -> Vec<&'static str> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match lines.last_mut() {
            Some(last) if line.starts_with("        ") => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines.into_iter().map(|line| -> &'static str { line.leak() }).collect()
}

/// `METHOD path -> status form mark=value …`.
fn operation(line: &'static str) -> Result<Operation, String> {
    let (head, answer) = line.split_once(" -> ").ok_or("has no answer")?;
    let (method, path) = head.split_once(' ').ok_or("has no path")?;
    let (status, rest) = answer.split_once(' ').ok_or("has no form of its answer")?;
    let (form, marks) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}').ok_or("does not close the members of its answer")?,
        None => rest.split_once(' ').unwrap_or((rest, "")),
    };
    let form = match (rest.starts_with('{'), form) {
        (true, names) => Form::Members(names.split(", ").map(member).collect()),
        (false, "nothing") => Form::Nothing,
        (false, "thing") => Form::Thing,
        (false, "list") => Form::List,
        (false, "text") => Form::Text,
        (false, other) => return Err(format!("has an answer of the unknown form {other}")),
    };
    let marks = marks.split_whitespace().map(|mark| mark.split_once('=').unwrap_or((mark, "")));
    Ok(Operation {
        method,
        path,
        segments: path.trim_start_matches('/').split('/').map(segment).collect(),
        status: status.parse().map_err(|_| "has no status")?,
        answer: form,
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        marks: marks.collect(),
    })
}

/// A member of an answer; `[]` behind its name makes it a list.
fn member(name: &'static str) -> (&'static str, bool) {
    name.strip_suffix("[]").map_or((name, false), |name| (name, true))
}

fn segment(text: &'static str) -> Segment {
    match (text.starts_with('{'), text.split_once('}')) {
        (true, Some((_, suffix))) => Segment::Parameter(TEXT, suffix),
        _ => Segment::Literal(text),
    }
}

impl Operation {
    /// A line below an operation: `path`, `query` and `header` with parameters, `json`, `form` and `multipart` with a
    /// type; `!` after the keyword of a body demands it.
    fn add(&mut self, keyword: &str, mut rest: Rest<'_>) -> Result<(), String> {
        match keyword {
            "path" => {
                for param in rest.params()? {
                    let template = format!("{{{}}}", param.name());
                    let at = self.path.trim_start_matches('/').split('/').position(|part| part.starts_with(&template));
                    let segment = at.and_then(|at| self.segments.get_mut(at));
                    match segment {
                        Some(Segment::Parameter(shape, _)) => *shape = *param.shape(),
                        _ => return Err(format!("names {template}, which the path does not have")),
                    }
                }
            }
            "query" => self.query = rest.params()?,
            "header" => self.headers = rest.params()?,
            _ => {
                let (keyword, is_needed) = match keyword.strip_suffix('!') {
                    Some(keyword) => (keyword, true),
                    None => (keyword, false),
                };
                let kind = match keyword {
                    "json" => Kind::Json,
                    "form" => Kind::Form,
                    "multipart" => Kind::Multipart,
                    other => return Err(format!("begins with the unknown word {other}")),
                };
                self.body = Some(Body { kind, is_needed, shape: rest.last_type_after("")? });
            }
        }
        Ok(())
    }
}

impl<'n> Rest<'n> {
    fn of(text: &'static str, named: &'n Named) -> Self {
        Self { text, named }
    }

    fn last_type_after(mut self, prefix: &str) -> Result<Shape, String> {
        self.demand(prefix)?;
        let shape = self.union()?;
        if self.text.is_empty() { Ok(shape) } else { Err(format!("has `{}` behind its end", self.text)) }
    }

    /// `name: type, name!: type, name*: type`: `!` demands it, `*` lets it be repeated.
    fn params(&mut self) -> Result<Vec<Param>, String> {
        let mut params = Vec::new();
        loop {
            let name = self.until(&['!', '*', ':'])?;
            let is_needed = self.eat("!");
            let is_many = self.eat("*");
            self.demand(": ")?;
            let shape = self.union()?;
            let param = if is_many { Param::many(name, shape) } else { Param::once(name, shape) };
            params.push(if is_needed { param.needed() } else { param });
            if !self.eat(", ") {
                return if self.text.is_empty() {
                    Ok(params)
                } else {
                    Err(format!("has `{}` behind its end", self.text))
                };
            }
        }
    }

    /// Types separated by ` | `; of nothing but literals, an enumeration.
    fn union(&mut self) -> Result<Shape, String> {
        let mut parts = vec![self.nullable()?];
        while self.eat(" | ") {
            parts.push(self.nullable()?);
        }
        let literals: Option<Vec<&'static str>> = parts
            .iter()
            .map(|part| match part {
                Shape::OneOf([one]) => Some(*one),
                _ => None,
            })
            .collect();
        Ok(match (literals, parts.as_slice()) {
            (Some(literals), _) => Shape::OneOf(literals.leak()),
            (None, [only]) => *only,
            (None, _) => Shape::Either(parts.leak()),
        })
    }

    fn nullable(&mut self) -> Result<Shape, String> {
        let shape = self.single()?;
        Ok(if self.eat("?") { Shape::Nullable(Box::leak(Box::new(shape))) } else { shape })
    }

    fn single(&mut self) -> Result<Shape, String> {
        if self.text.starts_with('"') {
            return Ok(Shape::OneOf(vec![self.literal()?].leak()));
        }
        if self.eat("[") {
            let inner = self.boxed()?;
            self.demand("]")?;
            let (least, most) = self.bounds((0, i64::MAX))?;
            return Ok(Shape::List(size(least), size(most), inner));
        }
        if self.eat("<") {
            let inner = self.boxed()?;
            self.demand(">")?;
            return Ok(Shape::Map(inner));
        }
        if self.eat("(") {
            let inner = self.union()?;
            self.demand(")")?;
            return Ok(inner);
        }
        if self.eat("{") {
            return self.object();
        }
        if self.eat("&") {
            let name = self.word();
            return self.named.get(name).copied().ok_or_else(|| format!("names the type {name}, which is not there"));
        }
        self.keyword()
    }

    fn keyword(&mut self) -> Result<Shape, String> {
        Ok(match self.word() {
            "text" => match self.bounds((0, i64::MAX))? {
                (0, most) => Shape::Text(size(most)),
                (least, most) => Shape::Bounded(size(least), size(most)),
            },
            "int" => self.bounds((i64::MIN, i64::MAX)).map(|(least, most)| Shape::Whole(least, most))?,
            "int32" => self.bounds(INT32).map(|(least, most)| Shape::Whole(least, most))?,
            "number" => Shape::Number,
            "flag" => Shape::Flag,
            "time" => Shape::DateTime,
            "day" => Shape::Day,
            "time-or-day" => Shape::DateTimeOrDay,
            "part-of-date" => Shape::Like("YYYY, YYYY-MM or YYYY-MM-DD, from 1970 on", is_part_of_date),
            "object" => Shape::AnyObject,
            "file" => Shape::File,
            "any" => Shape::Any,
            other => return Err(format!("has the unknown type {other}")),
        })
    }

    fn object(&mut self) -> Result<Shape, String> {
        let (mut fields, mut more) = (Vec::new(), None);
        loop {
            if self.eat("*: ") {
                more = Some(self.boxed()?);
            } else {
                let name = self.until(&['!', ':'])?;
                let is_needed = self.eat("!");
                self.demand(": ")?;
                let shape = self.union()?;
                fields.push(if is_needed { Field::required(name, shape) } else { Field::optional(name, shape) });
            }
            if self.eat("}") {
                return Ok(match more {
                    Some(more) => Shape::Open(fields.leak(), more),
                    None => Shape::Object(fields.leak()),
                });
            }
            self.demand(", ")?;
        }
    }

    fn boxed(&mut self) -> Result<&'static Shape, String> {
        Ok(Box::leak(Box::new(self.union()?)))
    }

    /// `(least..most)`, either of which may be left out, or nothing.
    fn bounds(&mut self, otherwise: (i64, i64)) -> Result<(i64, i64), String> {
        if !self.eat("(") {
            return Ok(otherwise);
        }
        let text = self.until(&[')'])?;
        self.demand(")")?;
        let (least, most) = text.split_once("..").ok_or("has bounds without `..`")?;
        let number = |text: &str, otherwise: i64| {
            if text.is_empty() { Ok(otherwise) } else { text.parse().map_err(|_| format!("has the bound {text}")) }
        };
        Ok((number(least, otherwise.0)?, number(most, otherwise.1)?))
    }

    fn literal(&mut self) -> Result<&'static str, String> {
        let inner = self.text.get(1..).unwrap_or_default();
        let end = inner.find('"').ok_or("has a literal without an end")?;
        let (text, rest) = inner.split_at(end);
        self.text = rest.get(1..).unwrap_or_default();
        if text.contains('\\') { Err("has a literal with a backslash".to_owned()) } else { Ok(text) }
    }

    fn word(&mut self) -> &'static str {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        let end = self.text.find(|letter| !is_part(letter)).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        word
    }

    fn until(&mut self, ends: &[char]) -> Result<&'static str, String> {
        let end = self.text.find(ends).ok_or_else(|| format!("ends in the middle of `{}`", self.text))?;
        let (text, rest) = self.text.split_at(end);
        self.text = rest;
        Ok(text)
    }

    fn eat(&mut self, expected: &str) -> bool {
        let Some(rest) = self.text.strip_prefix(expected) else { return false };
        self.text = rest;
        true
    }

    fn demand(&mut self, expected: &str) -> Result<(), String> {
        if self.eat(expected) { Ok(()) } else { Err(format!("needs `{expected}` before `{}`", self.text)) }
    }
}

fn size(bound: i64) -> usize {
    if bound == i64::MAX { usize::MAX } else { usize::try_from(bound).unwrap_or_default() }
}
