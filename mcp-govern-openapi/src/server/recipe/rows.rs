//! The rows of a recipe as it calls them.

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
};

use mcp_govern_core::{CallContext, CallRules, Effect, Exchange, ProviderError, ProviderErrorKind, Sent, ToolName};
use serde_json::{Map, Value, value::RawValue};
use tokio::time::Instant;

use super::Entry;
use crate::{
    plan::Row,
    server::{OpenApiServer, RowResult},
};

/// Calls the rows of a recipe, and keeps the record of what was exchanged.
#[derive(Debug)]
pub struct RowCaller<'a> {
    server: &'a OpenApiServer,
    uses: &'a [ToolName],
    rules: &'a CallRules,
    cx: &'a CallContext<'a>,
    deadline: Instant,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    exchanges: Vec<Exchange>,
    notes: Vec<String>,
    sent: Sent,
    /// The rows that changed something.
    done: Vec<ToolName>,
}

/// What a row answered, whole.
#[derive(Debug)]
#[non_exhaustive]
pub struct RowAnswer {
    /// The result in the form that the row's own tool gives it.
    pub content: Box<RawValue>,
    /// Whether a part was left out that the rules on the call, or the server's limits, do not allow to be seen. A recipe that
    /// writes back what it read must not do so then: what it did not see would be lost.
    pub is_narrowed: bool,
}

impl RowAnswer {
    /// The result as a tree.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::BadAnswer`] when it nests too deep.
    pub fn to_value(&self) -> Result<Value, ProviderError> {
        let broken = |_| ProviderError::new(ProviderErrorKind::BadAnswer, "the result of a row nests too deep");
        serde_json::from_str(self.content.get()).map_err(broken)
    }
}

/// The items of a list over several of its pages.
#[derive(Debug)]
#[non_exhaustive]
pub struct RowList {
    /// The items.
    pub items: Vec<Value>,
    /// Whether these are all.
    pub is_complete: bool,
}

impl RowCaller<'_> {
    /// Reads a list page after page, to its end or until it holds `most` items. Pages are as large as the vendor allows, unless
    /// their size is given or a rule on the call speaks of it.
    ///
    /// # Errors
    ///
    /// As [`RowCaller::call`]; [`ProviderErrorKind::BadAnswer`] when a result is not a list.
    pub async fn list(
        &self,
        row: &str,
        mut arguments: Map<String, Value>,
        most: usize,
    ) -> Result<RowList, ProviderError> {
        if let Some((size, largest)) = self.named(row)?.largest_page()
            && self.rules.on(size).next().is_none()
        {
            arguments.entry(size).or_insert(largest);
        }
        let mut list = RowList { items: Vec::new(), is_complete: false };
        loop {
            let mut page = self.call(row, arguments.clone()).await?.to_value()?;
            let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                let text = format!("the result of `{row}` is not a list");
                return Err(ProviderError::new(ProviderErrorKind::BadAnswer, text).with_sent(Sent::Yes));
            };
            list.items.extend(items);
            match page.get_mut("next").map(Value::take) {
                Some(Value::Object(next)) if list.items.len() < most => arguments.extend(next),
                Some(Value::Object(_)) => return Ok(list),
                _ => {
                    list.is_complete = true;
                    return Ok(list);
                }
            }
        }
    }

    /// Whether a row would take these arguments. Sends nothing: for faults that shall be found before the first read.
    ///
    /// # Errors
    ///
    /// As [`RowCaller::call`] before it sends.
    pub fn check(&self, row: &str, arguments: Map<String, Value>) -> Result<(), ProviderError> {
        let row = self.named(row)?;
        let arguments = self.server.hold(row, Cow::Owned(arguments), self.rules)?;
        self.server.bind(row, &arguments).map(drop)
    }

    /// Calls a row that the recipe named in its spec.
    ///
    /// The rules on the call hold for the row as if it had been called by its own name: what they fix is filled in, what they do
    /// not allow is refused before it is sent, and what they do not allow to be seen is left out of the answer.
    ///
    /// # Errors
    ///
    /// What the row's own tool would answer; [`ProviderErrorKind::RuleViolated`] where a rule does not allow the arguments; [`ProviderErrorKind::Internal`] for a row that was not named.
    pub async fn call(&self, row: &str, arguments: Map<String, Value>) -> Result<RowAnswer, ProviderError> {
        let named = self.named(row)?;
        let result = self.server.run_row(named, &arguments, self.rules, self.cx, self.deadline).await;
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(result) => {
                record.sent = Sent::Yes;
                if named.definition.effect != Effect::Read {
                    record.done.push(named.name.clone());
                }
                record.exchanges.extend(result.exchanges);
                record.notes.extend(result.notes);
                Ok(RowAnswer { content: result.content, is_narrowed: result.is_narrowed })
            }
            Err(error) => {
                record.sent = record.sent.max(error.sent());
                record.exchanges.extend_from_slice(error.exchanges());
                Err(error)
            }
        }
    }
}

impl RowCaller<'_> {
    fn named(&self, row: &str) -> Result<&Row, ProviderError> {
        let named = self.uses.iter().find(|name| name.as_str() == row);
        named.and_then(|name| self.server.shared.document.row(name)).ok_or_else(|| {
            let text = format!("a recipe called `{row}`, which it did not name");
            ProviderError::new(ProviderErrorKind::Internal, text)
        })
    }
}

impl OpenApiServer {
    pub(crate) async fn run_recipe(
        &self,
        entry: &Entry,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let record = Mutex::new(Record { exchanges: Vec::new(), notes: Vec::new(), sent: Sent::No, done: Vec::new() });
        let rows = RowCaller { server: self, uses: entry.uses(), rules, cx, deadline, record };
        let outcome = tokio::time::timeout_at(deadline, entry.recipe.run(&rows, arguments, cx)).await;
        let record = rows.record.into_inner().unwrap_or_else(PoisonError::into_inner);
        let name = &entry.definition.name;
        let fail = |kind, text: String| ProviderError::new(kind, text);
        let outcome = match outcome {
            // What was on its way when the time was up is not in the record.
            Err(_) => {
                Err(fail(ProviderErrorKind::Timeout, format!("`{name}`: the deadline passed")).with_sent(Sent::Maybe))
            }
            Ok(Ok(value)) if !value.is_object() => {
                Err(fail(ProviderErrorKind::Internal, format!("`{name}`: the recipe's result is not an object")))
            }
            Ok(outcome) => outcome,
        };
        let value = match outcome {
            Ok(value) => value,
            Err(error) => {
                let sent = error.sent().max(record.sent);
                let error = error.with_sent(sent).with_exchanges(record.exchanges);
                if record.done.is_empty() {
                    return Err(error);
                }
                // What a row has done stays done, whatever ended the call afterwards.
                let done: Vec<String> = record.done.iter().map(|row| format!("`{row}`")).collect();
                let text =
                    format!("{}. Before that, {} was carried out and stays so", error.message(), done.join(", "));
                return Err(error.with_message(text));
            }
        };
        let content = serde_json::value::to_raw_value(&value)
            .map_err(|error| fail(ProviderErrorKind::Internal, error.to_string()).with_sent(record.sent))?;
        Ok(RowResult { content, notes: record.notes, exchanges: record.exchanges, is_narrowed: false })
    }
}
