//! From the paths of a document to rows.

use std::{collections::HashMap, fmt::Write as _};

use mcp_govern_core::ToolName;
use serde_json::{Map, Value};

use super::{
    Faults,
    context::{Shared, Stands},
    foreign::{ForeignDocument, Label},
    govern::{self, OperationGovern},
    operation::compile,
    refs::Checked,
    variants::Variant,
};
use crate::{merge::FILE_KEY, plan::Row};

/// An operation that is meant.
#[derive(Debug)]
pub(super) struct Found<'a> {
    label: Label,
    method: &'a str,
    path: &'a str,
    item: &'a Map<String, Value>,
    node: &'a Map<String, Value>,
    place: String,
}

impl<'a> Found<'a> {
    /// What it is called by, and where it stands.
    pub(super) fn called(&self) -> (&Label, &'a Map<String, Value>) {
        (&self.label, self.node)
    }
}

/// The operations of a document that are meant, in its order.
pub(super) fn operations<'a>(
    object: &'a Map<String, Value>,
    variants: &'a [Variant],
    foreign: Option<&ForeignDocument>,
    faults: &mut Faults,
) -> Checked<Vec<Found<'a>>> {
    let paths = object.get("paths").ok_or("is missing")?.as_object().ok_or("is not an object")?;
    let mut found = Vec::new();
    let mut labels = Vec::new();
    for (path, item) in paths {
        let Some(item) = item.as_object() else {
            faults.push(path, "is not an object");
            continue;
        };
        for (key, node) in item {
            if matches!(key.as_str(), "parameters" | "summary" | "description" | "servers") || key.starts_with("x-") {
                continue;
            }
            let Some(node) = node.as_object() else {
                faults.push(place_of(key, path, &Map::new()), "is not supported here");
                continue;
            };
            let place = place_of(key, path, node);
            let label = Label::new(key, path, node.get("operationId").and_then(Value::as_str));
            let is_meant = foreign.is_none_or(|foreign| foreign.means(&label));
            labels.push(label.clone());
            if is_meant {
                found.push(Found { label, method: key, path, item, node, place });
            }
        }
        let own = variants.iter().filter(|variant| variant.path == *path);
        for Variant { method, node, .. } in own {
            let label = Label::new(method, path, node.get("operationId").and_then(Value::as_str));
            let is_meant = foreign.is_none_or(|foreign| foreign.means(&label));
            let place = place_of(method, path, node);
            labels.push(label.clone());
            if is_meant {
                found.push(Found { label, method, path, item, node, place });
            }
        }
    }
    for (place, entry) in foreign.into_iter().flat_map(|foreign| foreign.idle(&labels)) {
        let shown: String = entry.chars().take(80).flat_map(char::escape_debug).collect();
        faults.push(
            place,
            format!("`{shown}` names no operation of the document: expected an `operationId` or `GET /path`"),
        );
    }
    Ok(found)
}

/// The rows that operations become; one that cannot be honoured is a fault and becomes none.
pub(super) fn compiled<'a>(operations: &[Found<'a>], shared: Shared<'a>, faults: &mut Faults) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut places: HashMap<ToolName, &str> = HashMap::new();
    for found in operations {
        match found.row(shared) {
            Err(message) => faults.push(&found.place, message),
            Ok(None) => {}
            Ok(Some(row)) => {
                if let Some(other) = places.get(&row.name) {
                    faults.push(&found.place, format!("the name `{}` is taken by {other}", row.name));
                    continue;
                }
                places.insert(row.name.clone(), &found.place);
                rows.push(row);
            }
        }
    }
    rows
}

impl<'a> Found<'a> {
    fn row(&self, shared: Shared<'a>) -> Checked<Option<Row>> {
        let govern: OperationGovern = govern::read(self.node)?;
        if govern.ignore {
            return Ok(None);
        }
        let at = Stands {
            method: self.method,
            path: self.path,
            of_path: self.item.get("parameters"),
            servers: self.item.get("servers"),
            node: self.node,
            label: &self.label,
            place: &self.place,
        };
        compile(shared, at, govern).map(Some)
    }
}

/// `GET /pages (list_pages) in pages.yaml`.
fn place_of(method: &str, path: &str, node: &Map<String, Value>) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    let mut place = format!("{} {path}", method.to_uppercase());
    if let Some(id) = text("operationId") {
        let _ = write!(place, " ({id})");
    }
    if let Some(file) = text(FILE_KEY) {
        let _ = write!(place, " in {file}");
    }
    place
}
