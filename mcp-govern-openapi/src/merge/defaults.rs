//! What holds for a path, a file or the document is said once there and filled into the operations that do not say it.

use serde_json::{Map, Value};

use crate::error::Fault;

/// Where defaults stand: in a path item, at the top of a file, at the top of the document.
pub(crate) const DEFAULTS: &str = "x-govern-defaults";

/// The extension whose members have defaults one by one.
pub(crate) const GOVERN: &str = "x-govern";

/// The keys of an operation that can have a default.
const KEYS: [&str; 4] = ["responses", "security", "tags", GOVERN];

/// The members of `x-govern` that can have a default. What an operation does to the data, how risky it is and who is notified are
/// said by each operation itself.
pub(crate) const MEMBERS: [&str; 8] =
    ["last_sentence", "origin", "output", "page", "rate_domain", "retry", "secret_output", "unwrap"];

/// The methods whose keys in a path item are operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Takes the defaults out of the path items and fills them into their operations.
pub(crate) fn fill_paths(document: &mut Map<String, Value>) -> Result<(), Fault> {
    for (path, item) in paths(document) {
        let Some(defaults) = taken(item, path)? else { continue };
        operations(item).for_each(|operation| fill(operation, &defaults));
    }
    Ok(())
}

/// Takes the defaults from the top of a file, or of the document, and fills them into all operations.
///
/// To be called behind [`fill_paths`], so that the nearest default wins.
pub(crate) fn fill_all(document: &mut Map<String, Value>) -> Result<(), Fault> {
    let Some(defaults) = taken(document, DEFAULTS)? else { return Ok(()) };
    for (_, item) in paths(document) {
        operations(item).for_each(|operation| fill(operation, &defaults));
    }
    Ok(())
}

/// Takes out what is null: it says that no default holds. To be called once, when everything is filled in.
#[cfg(feature = "engine")]
pub(crate) fn settle(document: &mut Map<String, Value>) {
    for (_, item) in paths(document) {
        for operation in operations(item) {
            operation.retain(|key, value| !(value.is_null() && KEYS.contains(&key.as_str())));
            if let Some(own) = operation.get_mut(GOVERN).and_then(Value::as_object_mut) {
                own.retain(|name, value| !(value.is_null() && MEMBERS.contains(&name.as_str())));
            }
        }
    }
}

/// Fills defaults into one operation: whatever it states itself stays.
pub(crate) fn fill(operation: &mut Map<String, Value>, defaults: &Map<String, Value>) {
    let has_body = operation.contains_key("requestBody");
    for (key, default) in defaults {
        match (key.as_str(), default) {
            (GOVERN, Value::Object(members)) => {
                let own = operation.entry(GOVERN).or_insert_with(|| Value::Object(Map::new()));
                let Some(own) = own.as_object_mut() else { continue };
                // An operation without a body has nothing to unwrap.
                let members = members.iter().filter(|(name, _)| has_body || *name != "unwrap");
                members.for_each(|(name, default)| {
                    own.entry(name.clone()).or_insert_with(|| default.clone());
                });
            }
            _ => {
                operation.entry(key.clone()).or_insert_with(|| default.clone());
            }
        }
    }
}

/// The defaults of a node, read and left there.
pub(crate) fn stated<'a>(node: &'a Map<String, Value>, place: &str) -> Result<Option<&'a Map<String, Value>>, Fault> {
    let fault = |message: String| Fault { place: place.to_owned(), message };
    let Some(stated) = node.get(DEFAULTS) else { return Ok(None) };
    let object = |value: &'a Value, name: &str| {
        value.as_object().ok_or_else(|| fault(format!("`{name}` is not an object with keys of an operation")))
    };
    let keys = object(stated, DEFAULTS)?;
    let known = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let Some(other) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(fault(format!("`{DEFAULTS}.{other}` cannot have a default: expected {}", known(&KEYS))));
    }
    if let Some(members) = keys.get(GOVERN) {
        let name = format!("{DEFAULTS}.{GOVERN}");
        let members = object(members, &name)?;
        if let Some(other) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(fault(format!("`{name}.{other}` cannot have a default: expected {}", known(&MEMBERS))));
        }
    }
    Ok(Some(keys))
}

fn taken(node: &mut Map<String, Value>, place: &str) -> Result<Option<Map<String, Value>>, Fault> {
    let found = stated(node, place)?.cloned();
    node.remove(DEFAULTS);
    Ok(found)
}

fn paths(document: &mut Map<String, Value>) -> impl Iterator<Item = (&str, &mut Map<String, Value>)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths.filter_map(|(path, item)| Some((path.as_str(), item.as_object_mut()?)))
}

fn operations(item: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let operations = item.iter_mut().filter(|(key, _)| is_method(key));
    operations.filter_map(|(_, operation)| operation.as_object_mut())
}

/// Whether a key of a path item holds an operation.
pub(crate) fn is_method(key: &str) -> bool {
    METHODS.contains(&key)
}

#[cfg(feature = "engine")]
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(mut document: Value) -> Result<Value, String> {
        let object = document.as_object_mut().unwrap();
        fill_paths(object).and_then(|()| fill_all(object)).map_err(|fault| fault.to_string())?;
        settle(object);
        Ok(document)
    }

    #[test]
    fn the_nearest_default_wins_and_what_an_operation_states_stays() {
        let document = filled(json!({
            "x-govern-defaults": {
                "tags": ["all"], "security": [], "x-govern": {"rate_domain": "a", "page": "standard", "unwrap": "thing"}},
            "paths": {"/x": {
                "x-govern-defaults": {"tags": ["x"], "x-govern": {"rate_domain": "b"}},
                "parameters": [],
                "get": {"security": null, "x-govern": {"effect": "read", "rate_domain": "c", "page": null}},
                "post": {"tags": ["own"], "requestBody": {}, "x-govern": {"effect": "write"}},
            }, "/y": {"get": {}}},
        }))
        .unwrap();
        assert_eq!(
            document,
            json!({"paths": {
                "/x": {
                    "parameters": [],
                    "get": {"tags": ["x"], "x-govern": {"effect": "read", "rate_domain": "c"}},
                    "post": {"tags": ["own"], "security": [], "requestBody": {},
                             "x-govern": {"effect": "write", "rate_domain": "b", "page": "standard", "unwrap": "thing"}},
                },
                "/y": {"get": {"tags": ["all"], "security": [], "x-govern": {"rate_domain": "a", "page": "standard"}}},
            }})
        );
    }

    #[test]
    fn what_every_operation_must_say_itself_has_no_default() {
        for (defaults, part) in [
            (json!({"x-govern": {"effect": "read"}}), "`x-govern-defaults.x-govern.effect` cannot have a default"),
            (json!({"x-govern": {"notifies": "nobody"}}), "`x-govern-defaults.x-govern.notifies`"),
            (json!({"description": "x"}), "`x-govern-defaults.description`"),
            (json!({"x-govern": []}), "`x-govern-defaults.x-govern` is not an object"),
            (json!([]), "`x-govern-defaults` is not an object"),
        ] {
            let error = filled(json!({"x-govern-defaults": defaults, "paths": {}})).unwrap_err();
            assert!(error.contains(part), "{error}");
            let of_path = filled(json!({"paths": {"/x": {"x-govern-defaults": defaults}}})).unwrap_err();
            assert!(of_path.starts_with("/x: ") && of_path.contains(part), "{of_path}");
        }
    }
}
