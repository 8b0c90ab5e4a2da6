//! Tools that are a part of what an operation can do: some of its arguments, and others at one value.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Faults,
    names::argument_name,
    refs::{Checked, Components, LONGEST_CHAIN},
};
use crate::merge::{
    FILE_KEY,
    defaults::{GOVERN, MEMBERS, is_method},
};

/// Where variants are, in an operation.
const VARIANTS: &str = "x-govern-variants";

/// What a variant says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    #[serde(rename = "x-govern")]
    govern: Map<String, Value>,
    summary: String,
    description: String,
    /// The operation's arguments that it has.
    arguments: BTreeSet<String>,
    /// Those of the body that it needs, whatever the operation does.
    #[serde(default)]
    required: BTreeSet<String>,
    /// The operation's arguments that are always sent, with their values.
    #[serde(default)]
    fixed: Map<String, Value>,
}

/// A variant as an operation of its own.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) path: String,
    pub(super) method: String,
    pub(super) node: Map<String, Value>,
}

/// The variants of all operations. One that cannot be honoured is a fault.
pub(super) fn read(paths: &Map<String, Value>, components: Components<'_>, faults: &mut Faults) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten().filter(|(key, _)| is_method(key)) {
            let Some(operation) = operation.as_object() else { continue };
            for (name, stated) in operation.get(VARIANTS).and_then(Value::as_object).into_iter().flatten() {
                match Part::of(stated, item.get("parameters"), components).and_then(|part| part.node(name, operation)) {
                    Ok(node) => variants.push(Variant { path: path.clone(), method: method.clone(), node }),
                    Err(fault) => {
                        let place = format!("{} {path}: {VARIANTS}.{name}", method.to_uppercase());
                        faults.push(place, fault);
                    }
                }
            }
        }
    }
    variants
}

/// A variant while its operation is made.
struct Part<'a> {
    stated: Stated,
    of_path: Option<&'a Value>,
    components: Components<'a>,
    /// The arguments that were found.
    found: BTreeSet<String>,
}

impl<'a> Part<'a> {
    fn of(stated: &Value, of_path: Option<&'a Value>, components: Components<'a>) -> Checked<Self> {
        let stated: Stated = serde_json::from_value(stated.clone()).map_err(|error| error.to_string())?;
        if let Some(both) = stated.fixed.keys().find(|name| stated.arguments.contains(*name)) {
            return Err(format!("`{both}` is an argument and fixed: one of both"));
        }
        if let Some(other) = stated.required.iter().find(|name| !stated.arguments.contains(*name)) {
            return Err(format!("`{other}` is required and not among the arguments"));
        }
        Ok(Self { stated, of_path, components, found: BTreeSet::new() })
    }

    /// The operation that the variant is.
    fn node(mut self, name: &str, operation: &'a Map<String, Value>) -> Checked<Map<String, Value>> {
        let whole = operation.get(GOVERN).and_then(Value::as_object);
        let mut govern = self.stated.govern.clone();
        for member in MEMBERS {
            if let Some(value) = whole.and_then(|whole| whole.get(member)) {
                govern.entry(member).or_insert_with(|| value.clone());
            }
        }
        let unwrap = govern.get("unwrap").and_then(Value::as_str).map(str::to_owned);
        let mut node = Map::new();
        node.insert("operationId".to_owned(), json!(name));
        node.insert(GOVERN.to_owned(), govern.into());
        node.insert("summary".to_owned(), json!(self.stated.summary));
        node.insert("description".to_owned(), json!(self.stated.description));
        for key in ["tags", "security", "responses", "servers", "deprecated", FILE_KEY] {
            if let Some(value) = operation.get(key) {
                node.insert(key.to_owned(), value.clone());
            }
        }
        self.look_at_path()?;
        let parameters = self.parameters(operation)?;
        if !parameters.is_empty() {
            node.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = operation.get("requestBody") {
            node.insert("requestBody".to_owned(), self.body(body, unwrap.as_deref())?);
        }
        let named = self.stated.arguments.iter().chain(self.stated.fixed.keys());
        match named.into_iter().find(|name| !self.found.contains(*name)) {
            Some(unknown) => Err(format!("`{unknown}` is not an argument of the operation")),
            None => Ok(node),
        }
    }

    /// The parameters of the path are those of every operation on it.
    fn look_at_path(&mut self) -> Checked<()> {
        for parameter in self.of_path.and_then(Value::as_array).into_iter().flatten() {
            let parameter = self.components.object(parameter)?;
            let argument = argument(&parameter, parameter.get("name"))?;
            self.found.insert(argument);
        }
        Ok(())
    }

    fn parameters(&mut self, operation: &'a Map<String, Value>) -> Checked<Vec<Value>> {
        let mut kept = Vec::new();
        for stated in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let parameter = self.components.object(stated)?;
            let is_configured = parameter.contains_key("x-config");
            let argument = argument(&parameter, parameter.get("name"))?;
            if is_configured || self.stated.arguments.contains(&argument) {
                kept.push(stated.clone());
                self.found.insert(argument);
            } else if parameter.get("required") == Some(&Value::Bool(true)) {
                return Err(format!("`{argument}` is needed by the operation and not among the arguments"));
            }
        }
        Ok(kept)
    }

    fn body(&mut self, body: &'a Value, unwrap: Option<&str>) -> Checked<Value> {
        let mut body = self.components.object(body)?.into_owned();
        for media in body.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            let Some(schema) = media.get_mut("schema") else { continue };
            let mut root = self.resolved(schema)?;
            if let Some(wrapper) = unwrap {
                let inner = root.get_mut("properties").and_then(|properties| properties.get_mut(wrapper));
                let inner = inner.ok_or_else(|| format!("`unwrap: {wrapper}` names no property of the body"))?;
                let mut object = self.resolved(inner)?;
                self.prune(&mut object)?;
                *inner = object.into();
            } else {
                self.prune(&mut root)?;
            }
            *schema = root.into();
        }
        Ok(body.into())
    }

    /// The object that a schema is, without a reference at its top.
    fn resolved(&self, schema: &Value) -> Checked<Map<String, Value>> {
        let mut object = schema.as_object().cloned().ok_or("expected an object schema")?;
        for _ in 0..=LONGEST_CHAIN {
            let Some(reference) = object.remove("$ref") else { return Ok(object) };
            let reference = reference.as_str().ok_or("`$ref` is not a text")?.to_owned();
            let target = self.components.target(&reference)?.as_object().ok_or("`$ref` points to no object")?;
            for (key, value) in target {
                object.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        Err("`$ref` leads in a circle".to_owned())
    }

    /// Keeps the members that are arguments of the variant, and puts the fixed ones at their value.
    fn prune(&mut self, object: &mut Map<String, Value>) -> Checked<()> {
        let properties = object.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take);
        let properties = properties.ok_or("the body is not an object with `properties`")?;
        let mut kept = Map::new();
        let mut required: BTreeSet<String> = BTreeSet::new();
        for (name, property) in properties {
            let member = self.resolved(&property)?;
            let argument = argument(&member, Some(&json!(name)))?;
            if ["x-fixed", "x-lookup", "x-same-as"].iter().any(|key| member.contains_key(*key)) {
                required.insert(name.clone());
                kept.insert(name, property);
            } else if let Some(value) = self.stated.fixed.get(&argument) {
                required.insert(name.clone());
                kept.insert(name, json!({ "x-fixed": value }));
                self.found.insert(argument);
            } else if self.stated.arguments.contains(&argument) {
                if self.stated.required.contains(&argument) {
                    required.insert(name.clone());
                }
                kept.insert(name, property);
                self.found.insert(argument);
            }
        }
        let stated = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        required.extend(stated.iter().filter_map(Value::as_str).map(str::to_owned));
        if let Some(missing) = required.iter().find(|name| !kept.contains_key(*name)) {
            return Err(format!("`{missing}` is needed by the operation and not among the arguments"));
        }
        object.insert("required".to_owned(), json!(required));
        object.insert("properties".to_owned(), kept.into());
        object.remove("minProperties");
        Ok(())
    }
}

/// What a parameter or a member is called as an argument.
fn argument(stated: &Map<String, Value>, name: Option<&Value>) -> Checked<String> {
    let name = name.and_then(Value::as_str).ok_or("a parameter has no `name`")?;
    argument_name(name, stated.get("x-argument").and_then(Value::as_str))
}
