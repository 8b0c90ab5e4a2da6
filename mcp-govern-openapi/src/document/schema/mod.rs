//! Schemas: what the document says becomes what a model is shown, without references, and a codec that leads back.

mod numbers;

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    names::argument_name,
    refs::{Checked, Components},
};
use crate::{
    plan::{Codec, FieldCodec, ObjectCodec, Rest, WrapCodec},
    steps,
};

/// Which way the data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the vendor: read-only members are left out, a schema that contains itself is an error.
    Input,
    /// From the vendor: write-only members are left out, a schema that contains itself is cut to "anything".
    Output,
}

/// A schema as a model sees it, and the way from its values to the vendor's.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) schema: Value,
    pub(crate) codec: Codec,
}

/// A member of an object as a model sees it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The vendor's name.
    pub(crate) name: String,
    /// The name that the model sees.
    pub(crate) argument: String,
    pub(crate) shown: Shown,
    pub(crate) required: bool,
    /// What whoever binds the member needs of its own schema.
    pub(crate) source: Map<String, Value>,
}

/// The members of an object, the fixed ones apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    pub(crate) shown: Vec<Member>,
    pub(crate) fixed: Vec<(String, Value)>,
}

/// Nesting beyond this is refused.
const DEEPEST: usize = 48;

/// What a schema comes to once its references are followed: a few that each name the next one twice would come to millions.
const MOST_PARTS: usize = 20_000;

/// Keywords that hold one schema.
const ONE: [&str; 8] =
    ["not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"];
/// Keywords that hold a list of schemas.
const LISTS: [&str; 4] = ["oneOf", "anyOf", "allOf", "prefixItems"];
/// Keywords that hold schemas by name.
const MAPS: [&str; 2] = ["patternProperties", "dependentSchemas"];
/// Keywords that are not shown to a model: they cost tokens and say nothing that holds.
const HIDDEN: [&str; 9] =
    ["$ref", "example", "examples", "externalDocs", "xml", "discriminator", "readOnly", "nullable", "$comment"];
/// Keywords of our own that core reads: what is personal, and what is said of a value that does not fit.
const OWN: [&str; 2] = ["x-personal", "x-fault"];
/// What is kept of a member's own schema for whoever binds it.
const MEMBER: [&str; 7] =
    ["x-argument", "x-filename-of", "x-lookup", "x-same-as", "contentEncoding", "contentMediaType", "format"];
/// Keywords that refer in ways that are not supported.
const REFUSED: [&str; 7] = ["$dynamicRef", "$dynamicAnchor", "$anchor", "$id", "$defs", "definitions", "$recursiveRef"];

/// Resolves and rewrites the schemas of one document.
#[derive(Debug)]
pub(crate) struct Schemas<'a> {
    components: Components<'a>,
    side: Side,
    stack: Vec<String>,
    depth: usize,
    /// How many schemas were shown so far.
    parts: usize,
}

impl<'a> Schemas<'a> {
    /// For the schemas of a document, in one direction.
    pub(crate) fn new(components: Components<'a>, side: Side) -> Self {
        Self { components, side, stack: Vec::new(), depth: 0, parts: 0 }
    }

    /// The shown form of a schema.
    pub(crate) fn show(&mut self, node: &Value) -> Checked<Shown> {
        let Value::Object(node) = node else {
            return match node {
                Value::Bool(_) => Ok(Shown { schema: node.clone(), codec: Codec::Same }),
                _ => Err("a schema is neither an object nor a boolean".to_owned()),
            };
        };
        let opened = self.stack.len();
        let shown = match self.open(node)? {
            Some(object) => self.show_object(&object)?,
            None => Shown { schema: Value::Object(Map::new()), codec: Codec::Same },
        };
        self.stack.truncate(opened);
        Ok(shown)
    }

    /// The members of a schema of an object, for where they stand side by side with other arguments.
    pub(crate) fn members(&mut self, object: &Map<String, Value>) -> Checked<Members> {
        let required: BTreeSet<&str> =
            object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members = Members::default();
        let properties = match object.get("properties") {
            None => return Ok(members),
            Some(properties) => properties.as_object().ok_or("`properties` is not an object")?,
        };
        if let Some(name) = required.iter().find(|name| !properties.contains_key(**name)) {
            return Err(format!("`{name}` is required and has no property"));
        }
        for (name, node) in properties {
            self.member(name, node, required.contains(&name.as_str()), &mut members)
                .map_err(|fault| format!("`{name}`: {fault}"))?;
        }
        Ok(members)
    }

    fn member(&mut self, name: &str, node: &Value, required: bool, members: &mut Members) -> Checked<()> {
        let opened = self.stack.len();
        let object = match node {
            Value::Object(node) => self.open(node)?,
            _ => None,
        };
        let object = object.unwrap_or_default();
        let input = self.side == Side::Input;
        let hidden = object.get(if input { "readOnly" } else { "writeOnly" }) == Some(&Value::Bool(true));
        let fixed = object.get("x-fixed").filter(|_| input && !hidden);
        members.fixed.extend(fixed.map(|value| (name.to_owned(), value.clone())));
        if hidden || fixed.is_some() {
            self.stack.truncate(opened);
            return Ok(());
        }
        let shown = if object.is_empty() { self.show(node)? } else { self.show_object(&object)? };
        self.stack.truncate(opened);
        // A nested member keeps the vendor's spelling unless the document states another.
        let stated = object.get("x-argument").and_then(Value::as_str).filter(|_| input);
        let argument = stated.map_or_else(|| Ok(name.to_owned()), |stated| argument_name(name, Some(stated)))?;
        if members.shown.iter().any(|member| member.argument == argument) {
            return Err(format!("`{argument}` is the name of two members; give one of them an `x-argument`"));
        }
        let kept = |key: &&str| Some(((*key).to_owned(), object.get(*key)?.clone()));
        let source = MEMBER.iter().filter_map(kept).collect();
        members.shown.push(Member { name: name.to_owned(), argument, shown, required, source });
        Ok(())
    }

    /// The keys of a schema with its references resolved at the root, `allOf` of objects joined.
    pub(crate) fn root_of<'n>(&mut self, node: &'n Value) -> Checked<Cow<'n, Map<String, Value>>>
    where
        'a: 'n,
    {
        let Value::Object(node) = node else { return Ok(Cow::Owned(Map::new())) };
        let opened = self.stack.len();
        let object = self.open(node)?.unwrap_or_default();
        self.stack.truncate(opened);
        Ok(object)
    }

    /// Resolves references and joins `allOf`. What was entered stays on the stack; the caller leaves it. Nothing where a
    /// schema of an answer contains itself.
    fn open<'n>(&mut self, node: &'n Map<String, Value>) -> Checked<Option<Cow<'n, Map<String, Value>>>>
    where
        'a: 'n,
    {
        let mut object = Cow::Borrowed(node);
        while let Some(reference) = object.get("$ref") {
            let reference = reference.as_str().ok_or("`$ref` is not a text")?.to_owned();
            if self.stack.contains(&reference) {
                return match self.side {
                    Side::Input => {
                        Err(format!("`{reference}` contains itself; an argument cannot be shown without end"))
                    }
                    Side::Output => Ok(None),
                };
            }
            let target = self.components.target(&reference)?;
            let target = target.as_object().ok_or_else(|| format!("`{reference}` is not an object"))?;
            self.stack.push(reference);
            object = if object.len() == 1 {
                Cow::Borrowed(target)
            } else {
                let beside = object.iter().filter(|(key, _)| *key != "$ref").map(|(k, v)| (k.clone(), v.clone()));
                let mut joined = target.clone();
                joined.extend(beside);
                Cow::Owned(joined)
            };
        }
        if let Some(keyword) = REFUSED.iter().find(|keyword| object.contains_key(**keyword)) {
            return Err(format!("`{keyword}` is not supported: put the schema into `components.schemas`"));
        }
        self.join_all_of(object).map(Some)
    }

    fn show_object(&mut self, object: &Map<String, Value>) -> Checked<Shown> {
        steps::tick();
        self.parts += 1;
        match self.side {
            Side::Input if self.parts > MOST_PARTS => {
                return Err(format!("a schema has more than {MOST_PARTS} parts once its references are followed"));
            }
            // An answer may hold anything where it cannot be told in so many words.
            Side::Output if self.parts > MOST_PARTS => {
                return Ok(Shown { schema: Value::Object(Map::new()), codec: Codec::Same });
            }
            Side::Input | Side::Output => {}
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("a schema is nested deeper than {DEEPEST} levels"));
        }
        let shown = match object.get("x-wraps").filter(|_| self.side == Side::Input) {
            Some(key) => self.show_wrapped(object, key.as_str().ok_or("`x-wraps` is not a text")?),
            None => self.show_plain(object),
        };
        self.depth -= 1;
        shown
    }

    fn show_plain(&mut self, object: &Map<String, Value>) -> Checked<Shown> {
        let mut schema = Map::new();
        let mut codec = Codec::Same;
        for (key, value) in object {
            let key = key.as_str();
            if HIDDEN.contains(&key) || (key.starts_with("x-") && !OWN.contains(&key)) {
                continue;
            }
            let within = |error| format!("`{key}`: {error}");
            let shown = if ONE.contains(&key) {
                self.show_same(value).map_err(within)?
            } else if LISTS.contains(&key) {
                let items = value.as_array().ok_or_else(|| format!("`{key}` is not a list"))?;
                Value::Array(items.iter().map(|item| self.show_same(item)).collect::<Checked<_>>().map_err(within)?)
            } else if MAPS.contains(&key) {
                let items = value.as_object().ok_or_else(|| format!("`{key}` is not an object"))?;
                let show = |(name, item): (&String, &Value)| Ok((name.clone(), self.show_same(item)?));
                Value::Object(items.iter().map(show).collect::<Checked<_>>().map_err(within)?)
            } else if key == "items" {
                let items = self.show(value).map_err(within)?;
                if items.codec != Codec::Same {
                    codec = Codec::Array(Box::new(items.codec));
                }
                items.schema
            } else if matches!(key, "properties" | "required" | "additionalProperties") {
                continue;
            } else {
                let Some(shown) = numbers::shown(key, value, object) else { continue };
                shown
            };
            schema.insert(key.to_owned(), shown);
        }
        if ["properties", "required", "additionalProperties"].iter().any(|key| object.contains_key(*key)) {
            let object_codec = self.show_members(object, &mut schema)?;
            if codec != Codec::Same && object_codec != Codec::Same {
                return Err("a schema rewrites both its members and its elements; split it".to_owned());
            }
            codec = if codec == Codec::Same { object_codec } else { codec };
        }
        if object.get("nullable") == Some(&Value::Bool(true)) {
            allow_null(&mut schema);
        }
        Ok(Shown { schema: Value::Object(schema), codec })
    }

    /// Shows `properties`, `required` and `additionalProperties` in `schema`, and says how to lead them back.
    fn show_members(&mut self, object: &Map<String, Value>, schema: &mut Map<String, Value>) -> Checked<Codec> {
        let members = self.members(object)?;
        let rewritten = !members.fixed.is_empty()
            || members.shown.iter().any(|member| member.argument != member.name || member.shown.codec != Codec::Same);
        let mut rest = Rest::Open(Box::new(Codec::Same));
        match object.get("additionalProperties") {
            None => {}
            Some(Value::Bool(false)) => rest = Rest::Closed,
            Some(node) => {
                let shown = self.show(node).map_err(|error| format!("`additionalProperties`: {error}"))?;
                schema.insert("additionalProperties".to_owned(), shown.schema);
                rest = Rest::Open(Box::new(shown.codec));
            }
        }
        let stated = object.contains_key("additionalProperties");
        if rest == Rest::Closed || (rewritten && !stated) {
            rest = Rest::Closed;
            schema.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        if object.contains_key("properties") {
            let required: Vec<Value> =
                members.shown.iter().filter(|m| m.required).map(|m| Value::from(m.argument.as_str())).collect();
            if !required.is_empty() {
                schema.insert("required".to_owned(), Value::Array(required));
            }
            let properties = members.shown.iter().map(|m| (m.argument.clone(), m.shown.schema.clone())).collect();
            schema.insert("properties".to_owned(), Value::Object(properties));
        } else if let Some(required) = object.get("required") {
            schema.insert("required".to_owned(), required.clone());
        }
        if !rewritten && (rest == Rest::Closed || rest == Rest::Open(Box::new(Codec::Same))) {
            return Ok(Codec::Same);
        }
        let field = |m: Member| FieldCodec { argument: m.argument, name: m.name, codec: m.shown.codec };
        let fields = members.shown.into_iter().map(field).collect();
        Ok(Codec::Object(ObjectCodec { fields, fixed: members.fixed, rest }))
    }

    fn show_wrapped(&mut self, object: &Map<String, Value>, key: &str) -> Checked<Shown> {
        let members = self.members(object)?;
        let [member] = members.shown.as_slice() else {
            return Err(format!("`x-wraps: {key}` needs every other member to be `x-fixed`"));
        };
        if member.name != key {
            return Err(format!("`x-wraps: {key}` names no member of the object"));
        }
        let mut schema = match &member.shown.schema {
            Value::Object(schema) => schema.clone(),
            _ => Map::new(),
        };
        for kept in ["title", "description", "default", "deprecated", "x-personal", "x-fault"] {
            if let Some(value) = object.get(kept).and_then(|value| numbers::shown(kept, value, object)) {
                schema.insert(kept.to_owned(), value);
            }
        }
        if nullable(object) {
            allow_null(&mut schema);
        }
        let inner = Box::new(member.shown.codec.clone());
        let codec = Codec::Wrap(WrapCodec { key: key.to_owned(), inner, fixed: members.fixed.clone() });
        Ok(Shown { schema: Value::Object(schema), codec })
    }

    /// A schema where nothing may be renamed or hidden, because it is not known which branch a value takes.
    fn show_same(&mut self, node: &Value) -> Checked<Value> {
        let shown = self.show(node)?;
        if shown.codec == Codec::Same {
            return Ok(shown.schema);
        }
        Err("`x-argument`, `x-fixed` and `x-wraps` cannot stand in a branch of a schema".to_owned())
    }

    /// `allOf` branches that only add members are joined with the object itself.
    fn join_all_of<'n>(&mut self, object: Cow<'n, Map<String, Value>>) -> Checked<Cow<'n, Map<String, Value>>> {
        let joinable = |schema: &Cow<'_, Map<String, Value>>| {
            schema.contains_key("properties") && !LISTS.iter().any(|key| schema.contains_key(*key))
        };
        let Some(Value::Array(branches)) = object.get("allOf") else { return Ok(object) };
        let branches = branches.iter().map(|branch| self.root_of(branch)).collect::<Checked<Vec<_>>>()?;
        if !branches.iter().all(joinable) {
            return Ok(object);
        }
        let mut joined = Map::new();
        let mut required: Vec<Value> = Vec::new();
        let mut properties = Map::new();
        for schema in branches.iter().chain([&object]) {
            for (key, value) in schema.iter().filter(|(key, _)| *key != "allOf") {
                match (key.as_str(), value) {
                    ("properties", Value::Object(members)) => properties.extend(members.clone()),
                    ("required", Value::Array(names)) => {
                        let new: Vec<Value> = names.iter().filter(|name| !required.contains(name)).cloned().collect();
                        required.extend(new);
                    }
                    (_, value) => {
                        joined.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        joined.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            joined.insert("required".to_owned(), Value::Array(required));
        }
        Ok(Cow::Owned(joined))
    }
}

/// Whether `null` is among the types.
fn nullable(object: &Map<String, Value>) -> bool {
    let null = Value::from("null");
    object.get("nullable") == Some(&Value::Bool(true))
        || object.get("type").and_then(Value::as_array).is_some_and(|types| types.contains(&null))
}

/// Adds `null` to the types and to the allowed values.
fn allow_null(schema: &mut Map<String, Value>) {
    let null = Value::from("null");
    match schema.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&null) => types.push(null),
        Some(kind @ Value::String(_)) => *kind = Value::Array(vec![kind.clone(), null]),
        _ => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

#[cfg(test)]
mod tests;
