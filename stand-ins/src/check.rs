//! Strict checking of bodies, queries and forms against shapes, from a vendor's table or written by hand.

use std::fmt;

use serde_json::{Map, Value};

use crate::moment::Moment;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Flag,
    /// Text of at most so many characters.
    Text(usize),
    /// Text of at least and at most so many characters.
    Bounded(usize, usize),
    OneOf(&'static [&'static str]),
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// Any number.
    Number,
    /// Text of a form of its own: what it must be, and whether a text is it.
    Like(&'static str, fn(&str) -> bool),
    /// A date-time with its offset.
    DateTime,
    /// A day, `YYYY-MM-DD`.
    Day,
    /// A date-time, with or without its offset, or a day.
    DateTimeOrDay,
    /// A list of at least and at most so many; in a query: separated by commas.
    List(usize, usize, &'static Shape),
    /// An object whose names are data.
    Map(&'static Shape),
    /// An object with these members and no others.
    Object(&'static [Field]),
    /// An object with these members; all others have the shape.
    Open(&'static [Field], &'static Shape),
    /// Any object.
    AnyObject,
    Nullable(&'static Shape),
    Either(&'static [Shape]),
    /// A part of a multipart body that is a file.
    File,
    /// Whatever it is: the reference does not say.
    Any,
}

/// Text without a documented limit.
pub(crate) const TEXT: Shape = Shape::Text(usize::MAX);

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    need: Need,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

impl Field {
    pub(crate) const fn required(name: &'static str, shape: Shape) -> Self {
        Self { name, need: Need::Required, shape }
    }

    pub(crate) const fn optional(name: &'static str, shape: Shape) -> Self {
        Self { name, need: Need::Optional, shape }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn is_required(&self) -> bool {
        self.need == Need::Required
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }
}

/// A query or form parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    name: &'static str,
    times: Times,
    need: Need,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Many,
}

impl Param {
    pub(crate) const fn once(name: &'static str, shape: Shape) -> Self {
        Self { name, times: Times::Once, need: Need::Optional, shape }
    }

    /// A parameter that is repeated for each value.
    pub(crate) const fn many(name: &'static str, shape: Shape) -> Self {
        Self { name, times: Times::Many, need: Need::Optional, shape }
    }

    /// The same parameter, which may not be left out.
    pub(crate) const fn needed(self) -> Self {
        Self { need: Need::Required, ..self }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn is_required(&self) -> bool {
        self.need == Need::Required
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }

    /// The dotted path of the value, or the parameter's name.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.place, self.problem)
    }
}

/// Everything that is wrong with a JSON value.
pub(crate) fn check_json(value: &Value, shape: &Shape) -> Vec<Finding> {
    let mut findings = Vec::new();
    json_at(value, "", shape, &mut findings);
    findings
}

/// Everything that is wrong with the pairs of a query or of a form.
pub(crate) fn check_pairs(pairs: &[(String, String)], params: &[Param]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, (name, text)) in pairs.iter().enumerate() {
        let Some(param) = params.iter().find(|param| param.name == name) else {
            findings.push(Finding::new(name, "is not a parameter of this operation"));
            continue;
        };
        let is_repeated = pairs.iter().take(at).any(|(earlier, _)| earlier == name);
        if is_repeated && param.times == Times::Once {
            findings.push(Finding::new(name, "is given more than once"));
        }
        text_at(text, name, &param.shape, &mut findings);
    }
    if !findings.is_empty() {
        // A misspelt name is one mistake, not two.
        return findings;
    }
    let missing = params.iter().filter(|param| param.is_required() && pairs.iter().all(|(name, _)| name != param.name));
    findings.extend(missing.map(|param| Finding::new(param.name, "is missing")));
    findings
}

/// Whether a text on its own, as in a path or a header, has the shape.
pub(crate) fn is_text_of(text: &str, shape: &Shape) -> bool {
    let mut findings = Vec::new();
    text_at(text, "", shape, &mut findings);
    findings.is_empty()
}

fn json_at(value: &Value, place: &str, shape: &Shape, findings: &mut Vec<Finding>) {
    let mut wrong = |expected: String| findings.push(Finding::new(place, format!("must be {expected}")));
    match (shape, value) {
        (Shape::Nullable(_), Value::Null)
        | (Shape::Flag, Value::Bool(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::AnyObject, Value::Object(_))
        | (Shape::Any, _) => {}
        (Shape::Nullable(inner), _) => json_at(value, place, inner, findings),
        (Shape::Whole(..), Value::Number(number)) => {
            if !number.as_i64().is_some_and(|whole| is_within(whole, shape)) {
                wrong(expected(shape));
            }
        }
        (
            Shape::Text(_)
            | Shape::Bounded(..)
            | Shape::OneOf(_)
            | Shape::Like(..)
            | Shape::DateTime
            | Shape::Day
            | Shape::DateTimeOrDay,
            Value::String(text),
        ) => text_at(text, place, shape, findings),
        (Shape::List(least, most, inner), Value::Array(items)) => {
            if items.len() < *least || items.len() > *most {
                wrong(expected(shape));
            }
            for (at, item) in items.iter().enumerate() {
                json_at(item, &join(place, &at.to_string()), inner, findings);
            }
        }
        (Shape::Map(inner), Value::Object(members)) => {
            for (name, member) in members {
                json_at(member, &join(place, name), inner, findings);
            }
        }
        (Shape::Object(fields), Value::Object(members)) => members_at(members, place, fields, None, findings),
        (Shape::Open(fields, more), Value::Object(members)) => {
            members_at(members, place, fields, Some(more), findings);
        }
        (Shape::Either(shapes), _) => {
            let fits = shapes.iter().any(|shape| {
                let mut inner = Vec::new();
                json_at(value, place, shape, &mut inner);
                inner.is_empty()
            });
            if !fits {
                wrong("one of the forms that the operation knows".to_owned());
            }
        }
        _ => wrong(expected(shape)),
    }
}

fn members_at(
    members: &Map<String, Value>,
    place: &str,
    fields: &[Field],
    more: Option<&Shape>,
    findings: &mut Vec<Finding>,
) {
    for (name, member) in members {
        let known = fields.iter().find(|field| field.name == name).map(|field| &field.shape);
        match known.or(more) {
            Some(shape) => json_at(member, &join(place, name), shape, findings),
            None => findings.push(Finding::new(join(place, name), "is not a member of this object")),
        }
    }
    for field in fields {
        if field.need == Need::Required && !members.contains_key(field.name) {
            findings.push(Finding::new(join(place, field.name), "is missing"));
        }
    }
}

fn text_at(text: &str, place: &str, shape: &Shape, findings: &mut Vec<Finding>) {
    let is_right = match shape {
        Shape::Flag => matches!(text, "true" | "false"),
        Shape::Any => true,
        Shape::Text(most) => text.chars().count() <= *most,
        Shape::Bounded(least, most) => (*least..=*most).contains(&text.chars().count()),
        Shape::OneOf(allowed) => allowed.contains(&text),
        Shape::Whole(..) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && text.parse().is_ok_and(|whole: i64| is_within(whole, shape))
        }
        Shape::Number => text.parse().is_ok_and(f64::is_finite),
        Shape::Like(_, fits) => fits(text),
        Shape::DateTime => Moment::parse(text).is_some(),
        Shape::Day => Moment::is_day(text),
        Shape::DateTimeOrDay => Moment::parse_loosely(text).is_some(),
        Shape::List(least, most, inner) => {
            let parts: Vec<&str> = text.split(',').collect();
            for part in &parts {
                text_at(part, place, inner, findings);
            }
            (*least..=*most).contains(&parts.len())
        }
        Shape::Either(shapes) => shapes.iter().any(|shape| is_text_of(text, shape)),
        Shape::Nullable(inner) => is_text_of(text, inner),
        Shape::Map(_) | Shape::Object(_) | Shape::Open(..) | Shape::AnyObject | Shape::File => false,
    };
    if !is_right {
        findings.push(Finding::new(place, format!("must be {}", expected(shape))));
    }
}

fn is_within(whole: i64, shape: &Shape) -> bool {
    matches!(shape, Shape::Whole(least, most) if (*least..=*most).contains(&whole))
}

fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Flag => "true or false".to_owned(),
        Shape::Text(usize::MAX) => "text".to_owned(),
        Shape::Text(most) | Shape::Bounded(0, most) => format!("text of at most {most} characters"),
        Shape::Bounded(least, usize::MAX) => format!("text of at least {least} characters"),
        Shape::Bounded(least, most) => format!("text of {least} to {most} characters"),
        Shape::OneOf(allowed) => format!("one of {}", allowed.join(", ")),
        Shape::Whole(least, i64::MAX) => format!("a whole number, {least} or more"),
        Shape::Whole(least, most) => format!("a whole number from {least} to {most}"),
        Shape::Number => "a number".to_owned(),
        Shape::Like(what, _) => (*what).to_owned(),
        Shape::DateTime => "a date-time with its offset".to_owned(),
        Shape::Day => "a day, YYYY-MM-DD".to_owned(),
        Shape::DateTimeOrDay => "a date-time or a day".to_owned(),
        Shape::List(0, usize::MAX, _) => "a list".to_owned(),
        Shape::List(least, usize::MAX, _) => format!("a list of at least {least}"),
        Shape::List(least, most, _) => format!("a list of {least} to {most}"),
        Shape::Map(_) | Shape::Object(_) | Shape::Open(..) | Shape::AnyObject => "an object".to_owned(),
        Shape::File => "a file with a plain name".to_owned(),
        Shape::Any => "anything".to_owned(),
        Shape::Nullable(inner) => format!("{} or null", expected(inner)),
        Shape::Either(_) => "one of the forms that the operation knows".to_owned(),
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PERSON: Shape = Shape::Object(&[
        Field::required("name", Shape::Text(5)),
        Field::optional("age", Shape::Whole(0, 150)),
        Field::optional("tags", Shape::List(1, 2, &TEXT)),
        Field::optional("group", Shape::Nullable(&TEXT)),
        Field::optional("scores", Shape::Map(&Shape::OneOf(&["good", "bad"]))),
        Field::optional("born", Shape::Day),
        Field::optional("height", Shape::Number),
        Field::optional("code", Shape::Like("two capitals", is_two_capitals)),
    ]);

    fn is_two_capitals(text: &str) -> bool {
        text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
    }

    fn found(value: &Value) -> Vec<String> {
        check_json(value, &PERSON).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_of_the_right_shape_has_no_findings() {
        let value = json!({"name": "Ümit5", "age": 3, "tags": ["a"], "group": null, "scores": {"x": "good"}, "born": "2020-02-29",
            "height": 1.75, "code": "NL"});
        assert_eq!(found(&value), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_mistake_is_found_and_placed() {
        let value = json!({"nmae": "x", "age": 1.5, "tags": [], "group": 1, "scores": {"x": "so so"}, "born": "2020-02-30",
            "height": "1.75", "code": "nl"});
        let found = found(&value);
        for place in ["nmae", "name", "age", "tags", "group", "scores.x", "born", "height", "code"] {
            assert!(found.iter().any(|text| text.contains(&format!("`{place}`"))), "{place}: {found:?}");
        }
        assert_eq!(found.len(), 9, "{found:?}");
    }

    #[test]
    fn text_is_measured_in_characters() {
        assert_eq!(found(&json!({"name": "abcdef"})), ["`name` must be text of at most 5 characters"]);
    }

    #[test]
    fn pairs_are_checked_for_names_repetition_and_values() {
        const PARAMS: &[Param] = &[
            Param::once("limit", Shape::Whole(1, 100)),
            Param::many("ids[]", TEXT),
            Param::once("sort", Shape::List(1, 2, &Shape::OneOf(&["a", "b"]))),
        ];
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        assert!(
            check_pairs(&pairs(&[("limit", "5"), ("ids[]", "x"), ("ids[]", "y"), ("sort", "a,b")]), PARAMS).is_empty()
        );
        assert_eq!(check_pairs(&pairs(&[("limit", "5"), ("limit", "6")]), PARAMS).len(), 1);
        assert_eq!(check_pairs(&pairs(&[("limit", "+5")]), PARAMS).len(), 1);
        assert_eq!(check_pairs(&pairs(&[("limit", "101")]), PARAMS).len(), 1);
        assert_eq!(check_pairs(&pairs(&[("ids", "x")]), PARAMS).len(), 1);
        assert_eq!(check_pairs(&pairs(&[("sort", "a,c")]), PARAMS).len(), 1);
    }
}
