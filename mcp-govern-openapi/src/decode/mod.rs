//! From the vendor's answer to the tool's result. The vendor's own bytes pass through wherever nothing changes.

mod cut;
pub(crate) mod error;
mod fields;
mod list;
mod mask;
mod said;
mod trim;
mod values;

use std::{borrow::Cow, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header};
use mcp_govern_core::Effect;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json, value::RawValue};

pub(crate) use self::trim::{Trimmed, trim};
use self::{fields::Chosen, said::said, values::holds_at_most};
use crate::{
    plan::{Accepts, ListPlan, Row, Shape},
    redact::Redactor,
    steps,
    text::one_line,
};

/// A decoded result.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) content: Box<RawValue>,
    pub(crate) notes: Vec<String>,
    /// Whether something was left out that lies outside of what the answer is kept to.
    pub(crate) is_narrowed: bool,
}

/// Leaves out of an answer what may not be seen.
pub(crate) trait Filter: fmt::Debug {
    /// The text without what may not be seen; `None` where there is nothing that could be left out.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, where it cannot be decided what may be seen of it.
    fn keep(&self, row: &Row, text: &str) -> Result<Option<KeptText>, String>;
}

/// An answer after it was kept to what may be seen.
#[derive(Debug)]
pub(crate) struct KeptText {
    pub(crate) text: String,
    /// Whether something was left out.
    pub(crate) is_narrowed: bool,
}

/// What an answer is kept to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// What may be seen.
    pub(crate) filter: &'a dyn Filter,
    /// How many values it may hold.
    pub(crate) values: usize,
}

/// Reads a good answer. The result is always a JSON object.
///
/// # Errors
///
/// A sentence that says what is wrong with the answer.
pub(crate) fn decode(
    row: &Row,
    arguments: &Map<String, Value>,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    redactor: Redactor<'_>,
    kept: Kept<'_>,
) -> Result<Decoded, String> {
    let blank = body.iter().all(u8::is_ascii_whitespace);
    if blank {
        return nothing(row, status);
    }
    match row.accepts {
        Accepts::Json | Accepts::Anything => {
            if let Err(fault) = check_form(row, headers, body) {
                return no_json(row, status, headers, body, redactor, kept, &fault);
            }
            if !holds_at_most(body, kept.values) {
                let most = kept.values;
                return Err(format!("sent more than {most} values, which is the most that is read; ask for less"));
            }
            let mut text = Cow::Borrowed(text_of(body)?);
            if let Some(clean) = redactor.redacts(&text) {
                text = Cow::Owned(clean);
            }
            let mut is_narrowed = false;
            if let Some(kept) = kept.filter.keep(row, &text)? {
                (text, is_narrowed) = (Cow::Owned(kept.text), kept.is_narrowed);
            }
            decode_json(row, arguments, &text).map(|decoded| Decoded { is_narrowed, ..decoded })
        }
        Accepts::Text => {
            let text = redactor.clean(String::from_utf8_lossy(body).into_owned());
            match row.definition.effect {
                Effect::Read => raw(&json!({ "text": text })),
                Effect::Write | Effect::Destructive => done(status, Some(text)),
            }
        }
        Accepts::Bytes => {
            let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let kind = kind.map(|kind| redactor.clean(kind.to_owned()));
            raw(&json!({ "content_type": kind, "base64": BASE64_STANDARD.encode(body) }))
        }
    }
}

/// How many characters of what a vendor says are handed on where its words are the result, and where they stand in a complaint.
const LONGEST_RESULT: usize = 2_000;
const LONGEST_COMPLAINT: usize = 300;

/// Whether a body is JSON as far as its head says; where the document promises none, its text is looked at too.
fn check_form(row: &Row, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    check_content_type(headers, body)?;
    if row.accepts == Accepts::Anything {
        serde_json::from_str::<IgnoredAny>(text_of(body)?)
            .map_err(|error| format!("sent JSON that cannot be read ({})", category(&error)))?;
    }
    Ok(())
}

/// A good answer that is not JSON. Where the document promises none, a change was made and the vendor says so in words of its own;
/// otherwise these stand beside the complaint.
fn no_json(
    row: &Row,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    redactor: Redactor<'_>,
    kept: Kept<'_>,
    fault: &str,
) -> Result<Decoded, String> {
    // Of words it cannot be told what lies within a limit, or which of them are secret: they are not shown then.
    let may_be_shown = row.output.secrets.is_empty() && matches!(kept.filter.keep(row, "null"), Ok(None));
    let words = |longest| said(headers, body, redactor, longest).filter(|_| may_be_shown);
    if row.accepts == Accepts::Anything && row.definition.effect != Effect::Read {
        return done(status, words(LONGEST_RESULT));
    }
    Err(match words(LONGEST_COMPLAINT) {
        Some(words) => format!("{fault}: {words}"),
        None => fault.to_owned(),
    })
}

/// The media type that a body claims to have must be JSON; without one, the body must look like it.
pub(crate) fn check_content_type(headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let essence = essence.to_ascii_lowercase();
    if essence == "text/json" || essence.ends_with("+json") {
        return Ok(());
    }
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if (essence.is_empty() || essence == "text/plain" || essence == "application/octet-stream")
        && matches!(first, Some(b'{' | b'['))
    {
        return Ok(());
    }
    let shown = if essence.is_empty() { "something that is not JSON" } else { essence.as_str() };
    Err(format!("sent `{}` where JSON is due", one_line(shown, 80)))
}

fn decode_json(row: &Row, arguments: &Map<String, Value>, text: &str) -> Result<Decoded, String> {
    let no_json = |error: serde_json::Error| format!("sent JSON that cannot be read ({})", category(&error));
    let mut text = Cow::Borrowed(text);
    if row.output.secrets.iter().any(|secret| secret.may_touch(&text)) {
        let mut tree: Value = serde_json::from_str(&text).map_err(no_json)?;
        row.output.secrets.iter().for_each(|secret| secret.mask(&mut tree));
        text = Cow::Owned(tree.to_string());
    }
    match &row.output.shape {
        Shape::List(plan) => decode_list(row, plan, arguments, &text),
        Shape::Whole => object(row, whole(&text).map_err(no_json)?),
        Shape::Root(pointer) => {
            let found = pointer.find(&text).map_err(no_json)?;
            let found = found.filter(|found| *found != "null");
            let found = found.ok_or_else(|| format!("sent nothing at `{pointer}`, where the result should be"))?;
            object(row, whole(found).map_err(no_json)?)
        }
    }
}

fn decode_list(row: &Row, plan: &ListPlan, arguments: &Map<String, Value>, text: &str) -> Result<Decoded, String> {
    let place = || if plan.items.tokens().is_empty() { "the body".to_owned() } else { format!("`{}`", plan.items) };
    let found =
        plan.items.find(text).map_err(|error| format!("sent JSON that cannot be read ({})", category(&error)))?;
    let found = found.ok_or_else(|| format!("sent no list at {}", place()))?;
    let items: Vec<&RawValue> =
        serde_json::from_str(found).map_err(|_| format!("sent something that is not a list at {}", place()))?;
    let count = items.len();
    let broken = |error: serde_json::Error| error.to_string();
    let dropped;
    let raw_items: &RawValue = if row.output.drop.is_empty() {
        serde_json::from_str(found).map_err(broken)?
    } else {
        let items: Result<Vec<_>, _> = items.iter().map(|item| drop_members(item, &row.output.drop)).collect();
        dropped = serde_json::value::to_raw_value(&items?).map_err(broken)?;
        &dropped
    };
    let chosen = match &row.output.fields {
        Some(fields) => {
            fields.choose(&serde_json::from_str::<Vec<&RawValue>>(raw_items.get()).map_err(broken)?, arguments)
        }
        None => Ok(None),
    };
    let chosen = chosen.map_err(broken)?;
    let (raw_items, left_out) =
        chosen.as_ref().map_or((raw_items, &[][..]), |chosen| (&*chosen.items, chosen.left_out.as_slice()));
    let list = plan.decode((raw_items, left_out), count, text, arguments).map_err(broken)?;
    let notes = list.note.into_iter().chain(chosen.as_ref().and_then(Chosen::note)).collect();
    Ok(Decoded { content: list.content, notes, is_narrowed: false })
}

/// A result that is an object stays as it is; a list becomes one, and so does a plain value.
fn object(row: &Row, content: Box<RawValue>) -> Result<Decoded, String> {
    let content = if row.output.drop.is_empty() { content } else { drop_members(&content, &row.output.drop)? };
    match content.get().as_bytes().first() {
        Some(b'{') => Ok(Decoded { content, notes: Vec::new(), is_narrowed: false }),
        Some(b'[') => wrap(&format!("{{\"items\":{content},\"has_more\":false,\"next\":null}}")),
        _ => wrap(&format!("{{\"value\":{content}}}")),
    }
}

fn wrap(text: &str) -> Result<Decoded, String> {
    let content = RawValue::from_string(text.to_owned()).map_err(|error| error.to_string())?;
    Ok(Decoded { content, notes: Vec::new(), is_narrowed: false })
}

fn whole(text: &str) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::from_str::<&RawValue>(text).map(ToOwned::to_owned)
}

fn drop_members(content: &RawValue, drop: &[String]) -> Result<Box<RawValue>, String> {
    steps::ticks(content.get().len());
    let mut value: Value = serde_json::from_str(content.get())
        .map_err(|error| format!("sent JSON that cannot be read ({})", category(&error)))?;
    if let Value::Object(members) = &mut value {
        members.retain(|name, _| !drop.contains(name));
    }
    serde_json::value::to_raw_value(&value).map_err(|error| error.to_string())
}

/// No body: success where something was done, a broken answer where something was asked.
fn nothing(row: &Row, status: StatusCode) -> Result<Decoded, String> {
    let empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
    if row.definition.effect == Effect::Read && !empty {
        return Err("sent an empty body where the result should be".to_owned());
    }
    done(status, None)
}

/// A change was made, and this is what the vendor says of it.
fn done(status: StatusCode, text: Option<String>) -> Result<Decoded, String> {
    let mut result = Map::new();
    result.insert("done".to_owned(), Value::Bool(true));
    result.insert("status".to_owned(), Value::from(status.as_u16()));
    result.extend(text.map(|text| ("text".to_owned(), Value::String(text))));
    raw(&Value::Object(result))
}

fn raw(value: &Value) -> Result<Decoded, String> {
    let content = serde_json::value::to_raw_value(value).map_err(|error| error.to_string())?;
    Ok(Decoded { content, notes: Vec::new(), is_narrowed: false })
}

fn text_of(body: &[u8]) -> Result<&str, String> {
    let text = str::from_utf8(body).map_err(|_| "sent JSON that is not in UTF-8".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// What is wrong with JSON, without a piece of it.
fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "broken syntax",
        serde_json::error::Category::Data | serde_json::error::Category::Io => "unexpected types",
    }
}
