//! The form of the files: what a reviewer looks for comes first, and nothing is said that holds anyway.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{
    document::names::argument_name,
    error::DocumentError,
    merge::{
        defaults::{self, DEFAULTS, GOVERN},
        parse_yaml, read_directory,
    },
};

/// What a careful author would still change in the form of the `*.yaml` files of a directory: see [`lint_documents`].
///
/// # Errors
///
/// When a file cannot be read, or is no YAML.
pub fn lint_directory(directory: &Path) -> Result<Vec<String>, DocumentError> {
    let sources = read_directory(directory)?;
    lint_documents(sources.iter().map(|source| (source.name.as_str(), source.text.as_str())))
}

/// What a careful author would still change in the form of files that describe one API together, as sentences that name the file and
/// the place. Each pair is a file's name and its text in YAML, as [`merge_documents`](crate::merge_documents) takes them.
///
/// Named are: an `x-govern` that does not stand directly behind `operationId`, where a reviewer looks for it; keys that equal the
/// default of their path, file or document, or what the paging style says; an `x-argument` that equals the name which is derived.
/// [`OpenApiProvider::lint`](crate::OpenApiProvider::lint) looks at what the operations say.
///
/// # Errors
///
/// When a text is no YAML.
pub fn lint_documents<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<String>, DocumentError> {
    let mut remarks = Vec::new();
    let mut files = Vec::new();
    for (file, text) in texts {
        order(file, text, &mut remarks);
        files.push((file, parse_yaml(file, text)?));
    }
    let main = files.iter().find(|(_, root)| root.get("openapi").is_some()).map(|(_, root)| root);
    for (file, root) in &files {
        let of_document = main.filter(|main| *main != root).and_then(|main| main.get(DEFAULTS)?.as_object());
        let mut say = |text: String| remarks.push(format!("{file}: {text}"));
        redundant(root, of_document, &mut say);
        pages(root, main, &mut say);
        names(root, None, &mut say);
    }
    Ok(remarks)
}

/// Names operations whose `x-govern` stands elsewhere than behind their `operationId`.
fn order(file: &str, text: &str, remarks: &mut Vec<String>) {
    let mut lines =
        text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).peekable();
    while let Some(line) = lines.next() {
        let Some((before, id)) = line.split_once("operationId:") else { continue };
        let follows = if before.trim().is_empty() {
            lines.peek().is_some_and(|next| next.strip_prefix(before).is_some_and(|next| next.starts_with("x-govern:")))
        } else {
            // Within braces on one line. Elsewhere the word is part of a text.
            let in_braces = before.trim_end().ends_with(['{', ',']);
            !in_braces || id.split_once(',').is_some_and(|(_, next)| next.trim_start().starts_with("x-govern:"))
        };
        if !follows {
            let id = id.split(['#', ',', '}']).next().unwrap_or_default().trim();
            remarks.push(format!("{file}: `{id}`: `x-govern` does not stand directly behind `operationId`"));
        }
    }
}

/// Names keys that equal their default.
fn redundant(root: &Value, of_document: Option<&Map<String, Value>>, say: &mut dyn FnMut(String)) {
    let of_file = root.get(DEFAULTS).and_then(Value::as_object);
    if let Some(of_file) = of_file {
        equal(of_file, &[of_document], "its defaults", say);
    }
    for (path, item) in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
        let Some(item) = item.as_object() else { continue };
        let of_path = item.get(DEFAULTS).and_then(Value::as_object);
        if let Some(of_path) = of_path {
            equal(of_path, &[of_file, of_document], &format!("the defaults of {path}"), say);
        }
        for (method, operation) in item.iter().filter(|(key, _)| defaults::is_method(key)) {
            let Some(operation) = operation.as_object() else { continue };
            equal(operation, &[of_path, of_file, of_document], &place(method, path, operation), say);
        }
    }
}

/// Compares what is stated with what would hold if nothing were.
fn equal(stated: &Map<String, Value>, all: &[Option<&Map<String, Value>>], place: &str, say: &mut dyn FnMut(String)) {
    let mut due = Map::new();
    if let Some(body) = stated.get("requestBody") {
        due.insert("requestBody".to_owned(), body.clone());
    }
    all.iter().copied().flatten().for_each(|defaults| defaults::fill(&mut due, defaults));
    due.remove("requestBody");
    for (key, value) in &due {
        if key != GOVERN {
            if stated.get(key) == Some(value) {
                say(format!("{place} states `{key}` as its default does: leave it out"));
            }
            continue;
        }
        let own = stated.get(GOVERN).and_then(Value::as_object);
        for (name, value) in value.as_object().into_iter().flatten() {
            if own.and_then(|own| own.get(name)) == Some(value) {
                say(format!("{place} states `{GOVERN}.{name}` as its default does: leave it out"));
            }
        }
    }
}

/// Names what operations state although their paging style says it.
fn pages(root: &Value, main: Option<&Value>, say: &mut dyn FnMut(String)) {
    let styles = main.and_then(|main| main.pointer("/x-govern/pages"));
    for (path, item) in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten().filter(|(key, _)| defaults::is_method(key)) {
            let Some(operation) = operation.as_object() else { continue };
            let govern = operation.get(GOVERN);
            let style = govern.and_then(|govern| styles?.get(govern.get("page")?.as_str()?));
            let Some(style) = style else { continue };
            let place = place(method, path, operation);
            let items = govern.and_then(|govern| govern.get("output")?.get("items"));
            if items.is_some() && items == style.get("items") {
                say(format!("{place} states `output.items` as its paging style does: leave it out"));
            }
            let list = |node: Option<&Value>| node.and_then(Value::as_array).cloned().unwrap_or_default();
            let of_style = list(style.get("parameters"));
            for parameter in list(operation.get("parameters")).iter().filter(|parameter| of_style.contains(parameter)) {
                say(format!("{place} states a parameter of its paging style: leave {parameter} out"));
            }
        }
    }
}

/// Names each `x-argument` that is the derived name. `name` is that of the property.
fn names(value: &Value, name: Option<&str>, say: &mut dyn FnMut(String)) {
    match value {
        Value::Object(members) => {
            let text = |key: &str| members.get(key).and_then(Value::as_str);
            let vendor = name.or_else(|| text("in").and(text("name")));
            if let (Some(stated), Some(vendor)) = (text("x-argument"), vendor)
                && argument_name(vendor, None).is_ok_and(|derived| derived == stated)
            {
                say(format!("`{vendor}` has the `x-argument: {stated}` that is derived from its name: leave it out"));
            }
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        properties.iter().for_each(|(name, property)| names(property, Some(name), say));
                    }
                    _ => names(value, None, say),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, None, say)),
        _ => {}
    }
}

/// `GET /pages (list_pages)`.
fn place(method: &str, path: &str, operation: &Map<String, Value>) -> String {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or("no `operationId`");
    format!("{} {path} ({id})", method.to_uppercase())
}
