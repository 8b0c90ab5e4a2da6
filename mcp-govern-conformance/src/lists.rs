//! Lists as a model reads them: short at first, to their end by `next`, and with the members that were asked for.

use mcp_govern_core::ToolName;
use serde_json::{Map, Value, json};

use crate::{Failure, Harness};

/// How many bytes the result of a list may have where the caller asks for nothing in particular: 5,000 tokens of four bytes.
pub const MOST_BYTES: usize = 20_000;

/// More pages than this are not read: no stand-in has as many.
const MOST_PAGES: usize = 60;

/// What a list was found to be.
#[derive(Debug, Default)]
pub struct ListFindings {
    /// What is wrong, one sentence each.
    pub faults: Vec<String>,
    /// How many pages of one item were read by `next`.
    pub pages: usize,
    /// The bytes of a default page as the vendor's items fill it; nothing where the vendor has no item, or no pages.
    pub default_bytes: Option<usize>,
}

/// Calls a list with the required ones of these arguments alone, reads it to its end by `next` with pages of one item, and asks for
/// one member of each item.
///
/// The answer is nothing where the tool's result is no list.
///
/// # Errors
///
/// When the tool is not there.
pub async fn look_at_list(harness: &Harness, tool: &str, arguments: &Value) -> Result<Option<ListFindings>, Failure> {
    let name = ToolName::new(tool)?;
    let known = harness.governor().list(harness.person()).map_err(|denial| Failure::new(denial.to_string()))?;
    let known = known.into_iter().find(|known| *known.id.name() == name);
    let definition = known.ok_or_else(|| Failure::new(format!("there is no tool `{tool}`")))?.definition;
    let schema = &definition.input_schema;
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let least: Map<String, Value> = arguments
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| required.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let call = async |more: Map<String, Value>| {
        let arguments: Map<String, Value> = least.clone().into_iter().chain(more).collect();
        let shown = Value::Object(arguments.clone());
        let called = harness.call(tool, shown.clone()).await;
        called.map_err(|error| Failure::new(format!("`{tool}` {shown}: {error}")))
    };
    let first = call(Map::new()).await?.output;
    let Some(items) = first.to_value()?.get("items").and_then(Value::as_array).cloned() else { return Ok(None) };

    let mut findings = ListFindings::default();
    // The size of a page is the one number that is sent unasked.
    let size =
        definition.send().iter().find_map(|(name, value)| Some((name.clone(), usize::try_from(value.as_u64()?).ok()?)));
    if let Some((_, usual)) = size.as_ref().filter(|_| !items.is_empty()) {
        let bytes = first.content.get().len().div_ceil(items.len()) * usual;
        findings.default_bytes = Some(bytes);
        if bytes > MOST_BYTES {
            findings.faults.push(format!("`{tool}`: a page of {usual} has {bytes} bytes, more than {MOST_BYTES}"));
        }
    }
    if let Some((size, _)) = &size {
        let mut next = Some(Map::new());
        while let Some(more) = next.take()
            && findings.pages < MOST_PAGES
        {
            let mut more = more;
            more.entry(size.clone()).or_insert(json!(1));
            let page = match call(more).await {
                Ok(page) => page.output.to_value()?,
                Err(fault) => {
                    findings.faults.push(format!("{fault} (after {} pages)", findings.pages));
                    break;
                }
            };
            findings.pages += 1;
            next = page.get("next").and_then(Value::as_object).cloned();
        }
    }
    if let Some(member) = items.first().and_then(Value::as_object).and_then(|item| item.keys().next()) {
        let chosen = call(Map::from_iter([("fields".to_owned(), json!([member]))])).await?.output.to_value()?;
        let kept = chosen.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let others = |item: &Value| item.as_object().is_some_and(|item| item.keys().any(|name| name != member));
        let left_out = chosen.get("left_out").and_then(Value::as_array).cloned().unwrap_or_default();
        let all = items.iter().filter_map(Value::as_object).flat_map(Map::keys).filter(|name| *name != member);
        let silent = all.filter(|name| !left_out.iter().any(|told| told == name.as_str())).count();
        if kept.len() != items.len() || kept.iter().any(others) || silent > 0 {
            findings.faults.push(format!(
                "`{tool}`: with `fields` it gives {} items, and {silent} members are left out unnamed",
                kept.len()
            ));
        }
    }
    Ok(Some(findings))
}
