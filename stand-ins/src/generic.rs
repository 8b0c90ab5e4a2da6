//! What an operation does where nothing special is written down for it: collections of things that are created, read,
//! listed, changed and deleted, settings that are read and replaced, and actions that change nothing but are answered.
//!
//! Every collection that the reference has holds one thing from the start, whose id a vendor chooses. Its members, like
//! those of a thing that is created, are those of the body that creates it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::call::Pairs;
use crate::check::{Field, Shape};
use crate::mint::Mint;
use crate::moment::Moment;
use crate::table::{Examined, Operation, Step, Table, whole};

/// How a vendor does it.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// The id of the thing that every collection holds from the start; without one it is empty.
    pub(crate) known: Option<&'static str>,
    pub(crate) id: fn(&mut Mint) -> String,
    /// The members that hold the times of creation and of the last change; empty for none.
    pub(crate) stamps: &'static [&'static str],
    /// Whether a body's members stand below a root key.
    pub(crate) wraps: bool,
    /// Whether `PUT` takes away what its body leaves out.
    pub(crate) put_replaces: bool,
}

/// The things that no code of a vendor's own holds.
#[derive(Clone)]
pub(crate) struct Store {
    table: &'static Table,
    rules: Rules,
    /// By the path of the collection, in the order of creation.
    collections: BTreeMap<String, Vec<Value>>,
    settings: BTreeMap<String, Value>,
    /// By kind of collection: what a thing has that its body says nothing of.
    defaults: Map<String, Value>,
}

/// What an operation came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Thing(Value),
    List(Vec<Value>),
}

/// Members by which a path may name a thing.
const NAMES: &[&str] = &["id", "name", "alias", "username", "slug"];

impl Store {
    pub(crate) fn new(table: &'static Table, rules: Rules) -> Self {
        Self { table, rules, collections: BTreeMap::new(), settings: BTreeMap::new(), defaults: Map::new() }
    }

    /// Sets what a thing of each kind of collection has that its body says nothing of.
    pub(crate) fn with_defaults(self, defaults: Map<String, Value>) -> Self {
        Self { defaults, ..self }
    }

    /// A thing of a kind before its body is looked at.
    pub(crate) fn blank(&self, kind: &str) -> Map<String, Value> {
        self.defaults.get(kind).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Sets what is neither a collection nor in one.
    pub(crate) fn set(&mut self, path: &str, value: Value) {
        self.settings.insert(path.to_owned(), value);
    }

    /// Puts things into a collection, in place of what it would hold from the start.
    pub(crate) fn fill(&mut self, collection: &str, things: Vec<Value>) {
        self.collections.insert(collection.to_owned(), things);
    }

    /// The things of a collection, as far as it has been looked at.
    pub(crate) fn peek(&self, collection: &str) -> &[Value] {
        self.collections.get(collection).map(Vec::as_slice).unwrap_or_default()
    }

    /// The things of a collection; what it holds from the start is made when it is first needed.
    pub(crate) fn things(&mut self, collection: &str, kind: &str) -> &mut Vec<Value> {
        if !self.collections.contains_key(collection) {
            let first = self.rules.known.map(|id| self.first_of(kind, id));
            self.collections.insert(collection.to_owned(), first.into_iter().collect());
        }
        self.collections.entry(collection.to_owned()).or_default()
    }

    /// Does what the operation is for with the members of its body; see [`Self::carry_out_with`].
    pub(crate) fn carry_out(
        &mut self,
        operation: &Operation,
        examined: &Examined,
        source: (&mut Mint, Moment),
        exists: &dyn Fn(&Step) -> Option<bool>,
    ) -> Option<Outcome> {
        let fields = self.fields_of(operation, &examined.body);
        self.carry_out_with(operation, (&examined.ids, fields), source, exists)
    }

    /// Does what the operation is for; none when the path leads through something that is not there.
    ///
    /// `exists` says whether a collection that a vendor's own code holds has a thing; of others it knows nothing.
    pub(crate) fn carry_out_with(
        &mut self,
        operation: &Operation,
        (ids, fields): (&[String], Map<String, Value>),
        (mint, now): (&mut Mint, Moment),
        exists: &dyn Fn(&Step) -> Option<bool>,
    ) -> Option<Outcome> {
        let mut steps = operation.steps(ids);
        let last = if operation.is_for_one_thing() { steps.pop() } else { None };
        for step in &steps {
            let is_held = self.table.holds_things(&step.kind);
            let is_there = exists(step).unwrap_or_else(|| !is_held || self.find(step).is_some());
            is_there.then_some(())?;
        }
        let path = operation.filled(ids);
        match last {
            Some(step) => self.one(operation, &step, fields, now, exists(&step)),
            None if self.table.is_collection(&operation.wild()) => Some(self.many(operation, &path, fields, mint, now)),
            None => Some(self.setting(operation, &path, fields, steps.last())),
        }
    }

    fn one(
        &mut self,
        operation: &Operation,
        step: &Step,
        fields: Map<String, Value>,
        now: Moment,
        exists: Option<bool>,
    ) -> Option<Outcome> {
        let rules = self.rules;
        let is_created_elsewhere = self.has_post(&step.kind);
        if exists == Some(true) {
            let mut thing = fields;
            thing.insert("id".to_owned(), json!(step.id));
            return Some(Outcome::Thing(thing.into()));
        }
        let at = self.find(step);
        let things = self.things(&step.collection, &step.kind);
        if operation.method == "DELETE" {
            return Some(Outcome::Thing(things.remove(at?)));
        }
        let at = match at {
            Some(at) => at,
            // What only `PUT` can make, such as a member of a team.
            None if operation.method == "PUT" && !is_created_elsewhere => {
                things.push(json!({ "id": step.id }));
                things.len().saturating_sub(1)
            }
            None => return None,
        };
        let thing = things.get_mut(at)?;
        if let (false, Some(members)) = (operation.method == "GET", thing.as_object_mut()) {
            if operation.method == "PUT" && rules.put_replaces {
                members.retain(|name, _| name == "id" || rules.stamps.contains(&name.as_str()));
            }
            members.extend(fields.into_iter().filter(|(name, _)| name != "id"));
            stamp(members, rules.stamps.get(1..).unwrap_or_default(), now);
        }
        Some(Outcome::Thing(thing.clone()))
    }

    fn many(
        &mut self,
        operation: &Operation,
        path: &str,
        fields: Map<String, Value>,
        mint: &mut Mint,
        now: Moment,
    ) -> Outcome {
        let rules = self.rules;
        let blank = self.blank(&operation.wild());
        let things = self.things(path, &operation.wild());
        match operation.method {
            "POST" => {
                let mut thing = blank;
                thing.extend(fields);
                thing.insert("id".to_owned(), json!((rules.id)(mint)));
                stamp(&mut thing, rules.stamps, now);
                things.push(Value::Object(thing.clone()));
                Outcome::Thing(thing.into())
            }
            "DELETE" => {
                things.clear();
                Outcome::List(Vec::new())
            }
            _ => Outcome::List(things.clone()),
        }
    }

    /// What is neither a collection nor in one: settings, and actions on the thing above.
    fn setting(
        &mut self,
        operation: &Operation,
        path: &str,
        fields: Map<String, Value>,
        above: Option<&Step>,
    ) -> Outcome {
        match operation.method {
            "GET" => Outcome::Thing(self.settings.get(path).cloned().unwrap_or_else(|| self.first_setting(operation))),
            "DELETE" => Outcome::Thing(self.settings.remove(path).unwrap_or_else(|| json!({}))),
            "POST" => {
                let thing = above.and_then(|step| {
                    let at = self.find(step)?;
                    self.collections.get(&step.collection)?.get(at).cloned()
                });
                Outcome::Thing(thing.unwrap_or_else(|| fields.into()))
            }
            _ => {
                let known = self.settings.entry(path.to_owned()).or_insert_with(|| json!({}));
                if let Some(members) = known.as_object_mut() {
                    members.extend(fields);
                }
                Outcome::Thing(known.clone())
            }
        }
    }

    /// The place of a thing in its collection.
    fn find(&mut self, step: &Step) -> Option<usize> {
        let is_called =
            |thing: &Value| NAMES.iter().any(|name| thing.get(*name).is_some_and(|text| *text == step.id.as_str()));
        self.things(&step.collection, &step.kind).iter().position(is_called)
    }

    fn has_post(&self, kind: &str) -> bool {
        self.table.operations().iter().any(|operation| operation.method == "POST" && operation.wild() == kind)
    }

    fn first_of(&self, kind: &str, id: &str) -> Value {
        let item = format!("{kind}/{{}}");
        let creates = |operation: &&Operation| operation.method == "POST" && operation.wild() == kind;
        let changes = |operation: &&Operation| operation.method != "POST" && operation.wild() == item;
        let operations = self.table.operations().iter();
        let mut making = operations.clone().filter(creates).chain(operations.filter(changes));
        let mut thing =
            making.find_map(|operation| Some(self.sample_of(operation).as_object()?.clone())).unwrap_or_default();
        thing.insert("id".to_owned(), json!(id));
        stamp(&mut thing, self.rules.stamps, Moment::now(std::time::Duration::ZERO));
        thing.into()
    }

    fn first_setting(&self, operation: &Operation) -> Value {
        let mut operations = self.table.operations().iter().filter(|known| known.path == operation.path);
        let made = operations.find_map(|operation| Some(self.sample_of(operation).as_object()?.clone()));
        made.unwrap_or_default().into()
    }

    /// The members of a whole body.
    fn sample_of(&self, operation: &Operation) -> Value {
        let Some(body) = &operation.body else { return Value::Null };
        self.fields_of(operation, &whole(&body.shape)).into()
    }

    /// The members of a body, below its root key where the vendor has one.
    pub(crate) fn fields_of(&self, operation: &Operation, body: &Value) -> Map<String, Value> {
        let root = operation.body.as_ref().filter(|_| self.rules.wraps).and_then(|body| match body.shape {
            Shape::Object(fields) => fields.iter().find(|field| field.is_required()).map(Field::name),
            _ => None,
        });
        let below = root.and_then(|root| body.get(root)).filter(|below| below.is_object());
        below.unwrap_or(body).as_object().cloned().unwrap_or_default()
    }
}

fn stamp(thing: &mut Map<String, Value>, names: &[&str], now: Moment) {
    thing.extend(names.iter().map(|name| ((*name).to_owned(), json!(now.to_string()))));
}

/// A part of a list, and where the next part begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) offset: usize,
    pub(crate) size: usize,
    pub(crate) total: usize,
    pub(crate) next: Option<usize>,
}

impl Page {
    /// The asked part of a list: `offset` or an opaque `cursor` or `after` with a size, or a numbered `page`.
    pub(crate) fn of(all: Vec<Value>, pairs: &Pairs, usual: usize) -> Self {
        let size = ["per_page", "limit", "size"].iter().find_map(|name| pairs.one(name)?.parse().ok()).unwrap_or(usual);
        let number = |name: &str| pairs.one(name).and_then(|text| text.parse::<usize>().ok());
        let offset = number("offset").or_else(|| number("cursor")).or_else(|| number("after"));
        let offset = offset.or_else(|| Some(number("page")?.saturating_sub(1).saturating_mul(size))).unwrap_or(0);
        let total = all.len();
        let items: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
        let end = offset.saturating_add(items.len());
        Self { items, offset, size, total, next: (end < total).then_some(end) }
    }
}

/// The members of an answer: the thing or the list where the first fitting one is, and something empty in the others.
pub(crate) fn members(names: &[(&'static str, bool)], outcome: Outcome) -> Map<String, Value> {
    let main = names.iter().position(|(_, is_list)| *is_list == matches!(outcome, Outcome::List(_))).unwrap_or(0);
    let main_is_list = names.get(main).is_some_and(|(_, is_list)| *is_list);
    let main_value = match (outcome, main_is_list) {
        (Outcome::Thing(thing), true) => json!([thing]),
        (Outcome::Thing(thing), false) => thing,
        (Outcome::List(list), true) => list.into(),
        (Outcome::List(list), false) => list.into_iter().next().unwrap_or_else(|| json!({})),
    };
    let mut out: Map<String, Value> = names
        .iter()
        .map(|(name, is_list)| ((*name).to_owned(), if *is_list { json!([]) } else { json!({}) }))
        .collect();
    if let Some((name, _)) = names.get(main) {
        out.insert((*name).to_owned(), main_value);
    }
    out
}
