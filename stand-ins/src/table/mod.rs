//! What a vendor's reference says about its operations, as data: see `tables/README.md` for the form.
//!
//! A table is read once for each process and never again; what it holds lives as long as the process.

mod examine;
mod parse;
mod sample;

use std::collections::{HashMap, HashSet};

use crate::check::{Param, Shape, is_text_of};
pub(crate) use examine::Examined;
pub use sample::Sample;
pub(crate) use sample::whole;

/// Every operation of a vendor's reference.
#[derive(Debug)]
pub(crate) struct Table {
    operations: Vec<Operation>,
    /// The paths that end in a parameter, each parameter as `{}`: what can be addressed there are things.
    items: HashSet<String>,
}

/// One method of one path.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    segments: Vec<Segment>,
    pub(crate) status: u16,
    pub(crate) answer: Form,
    pub(crate) query: Vec<Param>,
    headers: Vec<Param>,
    pub(crate) body: Option<Body>,
    marks: HashMap<&'static str, &'static str>,
}

#[derive(Debug)]
enum Segment {
    Literal(&'static str),
    /// A parameter, and what the segment ends in after it, as in `{id}.ics`.
    Parameter(Shape, &'static str),
}

impl Segment {
    /// Whether it names a thing; a parameter with few values spells out a part of the path instead.
    fn is_a_thing(&self) -> bool {
        matches!(self, Self::Parameter(shape, "") if !matches!(shape, Shape::OneOf(_)))
    }
}

/// The form of an answer.
#[derive(Debug)]
pub(crate) enum Form {
    Nothing,
    Thing,
    List,
    Text,
    /// Members of an object: the name, and whether it holds a list.
    Members(Vec<(&'static str, bool)>),
}

impl Form {
    fn is_list(&self) -> bool {
        match self {
            Self::List => true,
            Self::Members(members) => members.iter().any(|(_, is_list)| *is_list),
            _ => false,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) kind: Kind,
    pub(crate) is_needed: bool,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Form,
    Multipart,
}

impl Table {
    /// Reads a table, and what makes it stricter.
    pub(crate) fn of(text: &'static str, stricter: &'static str) -> Result<Self, String> {
        let mut operations = parse::operations(text)?;
        parse::narrow(&mut operations, stricter)?;
        let items = operations.iter().filter(|operation| operation.is_for_one_thing());
        let items = items.map(Operation::wild).collect();
        Ok(Self { operations, items })
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of a method and a decoded path, and the values of the path's parameters. Where several fit, the
    /// one that spells out more of the path from the left is meant.
    pub(crate) fn find(&self, method: &str, parts: &[String]) -> Option<(&Operation, Vec<String>)> {
        let fitting = self.operations.iter().filter(|operation| operation.method == method);
        let fitting = fitting.filter_map(|operation| Some((operation, operation.ids_in(parts)?)));
        fitting.max_by_key(|(operation, _)| operation.spelled_out())
    }

    /// Whether there are things below the path, each parameter of which is `{}`.
    pub(crate) fn holds_things(&self, path: &str) -> bool {
        self.items.contains(&format!("{path}/{{}}"))
    }

    /// Whether the path is that of a collection: there are things below it, or it is listed and added to.
    pub(crate) fn is_collection(&self, path: &str) -> bool {
        let here = || self.operations.iter().filter(|operation| operation.wild() == path);
        let is_added_to = || here().any(|operation| operation.method == "POST");
        let is_listed = || here().any(|operation| operation.method == "GET" && operation.answer.is_list());
        self.holds_things(path) || is_added_to() && is_listed()
    }
}

impl Operation {
    /// The path with each parameter as `{}`.
    pub(crate) fn wild(&self) -> String {
        wild(self.path)
    }

    /// The things that the path leads through, from the left, the last one included.
    pub(crate) fn steps(&self, ids: &[String]) -> Vec<Step> {
        let (mut ids, mut steps) = (ids.iter(), Vec::new());
        let (mut collection, mut kind) = (String::new(), String::new());
        for segment in &self.segments {
            let (here, wild) = match segment {
                Segment::Literal(text) => ((*text).to_owned(), (*text).to_owned()),
                Segment::Parameter(_, suffix) => {
                    let id = ids.next().cloned().unwrap_or_default();
                    let here = format!("{id}{suffix}");
                    steps.extend(segment.is_a_thing().then(|| Step {
                        collection: collection.clone(),
                        kind: kind.clone(),
                        id,
                    }));
                    (here, format!("{{}}{suffix}"))
                }
            };
            collection = joined(&collection, &here);
            kind = joined(&kind, &wild);
        }
        steps
    }

    /// The path with the ids in it.
    pub(crate) fn filled(&self, ids: &[String]) -> String {
        let mut ids = ids.iter();
        let part = |segment: &Segment| match segment {
            Segment::Literal(text) => (*text).to_owned(),
            Segment::Parameter(_, suffix) => format!("{}{suffix}", ids.next().map(String::as_str).unwrap_or_default()),
        };
        self.segments.iter().map(part).collect::<Vec<_>>().join("/")
    }

    pub(crate) fn is_for_one_thing(&self) -> bool {
        self.segments.last().is_some_and(Segment::is_a_thing)
    }

    /// Whether the reference demands the header.
    pub(crate) fn demands(&self, header: &str) -> bool {
        self.headers.iter().any(|param| param.is_required() && param.name().eq_ignore_ascii_case(header))
    }

    pub(crate) fn mark(&self, name: &str) -> Option<&'static str> {
        self.marks.get(name).copied()
    }

    fn ids_in(&self, parts: &[String]) -> Option<Vec<String>> {
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut ids = Vec::new();
        for (segment, part) in self.segments.iter().zip(parts) {
            match segment {
                Segment::Literal(text) if text == part => {}
                Segment::Parameter(shape, suffix) => {
                    let id = part.strip_suffix(suffix).filter(|id| !id.is_empty() && is_text_of(id, shape))?;
                    ids.push(id.to_owned());
                }
                Segment::Literal(_) => return None,
            }
        }
        Some(ids)
    }

    fn spelled_out(&self) -> Vec<usize> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 2,
            Segment::Parameter(_, "") => 0,
            Segment::Parameter(..) => 1,
        };
        self.segments.iter().map(rank).collect()
    }
}

/// A thing on the way of a path: the path of its collection, the same with each parameter as `{}`, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) collection: String,
    pub(crate) kind: String,
    pub(crate) id: String,
}

fn joined(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}/{part}") }
}

fn wild(path: &str) -> String {
    let plain = |segment: &str| match (segment.starts_with('{'), segment.split_once('}')) {
        (true, Some((_, suffix))) => format!("{{}}{suffix}"),
        _ => segment.to_owned(),
    };
    path.trim_start_matches('/').split('/').map(plain).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
