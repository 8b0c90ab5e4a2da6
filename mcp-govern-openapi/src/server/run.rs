//! One row, from its arguments to its result.

use std::borrow::Cow;

use http::StatusCode;
use mcp_govern_core::{CallContext, CallRules, Effect, Exchange, ProviderError, ProviderErrorKind, Sent};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{OpenApiServer, RowResult, authorize::Scheme, held::Held};
use crate::{plan::Row, redact::Redactor};

impl OpenApiServer {
    /// Runs a row to its end, polling included. What of the answer `rules` do not allow is left out.
    pub(crate) async fn run_row(
        &self,
        row: &Row,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let mut arguments = self.hold(row, Cow::Borrowed(arguments), rules)?;
        let replaced = self.replaced(row, rules);
        if replaced.is_none() && !row.looks_up() {
            return self.run_held(row, &arguments, rules, cx, deadline).await;
        }
        let mut before = match replaced {
            Some(asked) => Box::pin(self.look_before(row, asked, &arguments, rules, cx, deadline)).await?,
            None => Vec::new(),
        };
        if row.looks_up() {
            match Box::pin(self.look_up(row, arguments, cx, deadline)).await {
                Ok((with, asked)) => {
                    arguments = with;
                    before.extend(asked);
                }
                Err(error) => return Err(after(before, error)),
            }
        }
        match Box::pin(self.run_held(row, &arguments, rules, cx, deadline)).await {
            Ok(mut result) => {
                result.exchanges.splice(0..0, before);
                Ok(result)
            }
            Err(error) => Err(after(before, error)),
        }
    }

    /// Runs a row with arguments that may be sent.
    pub(super) async fn run_held(
        &self,
        row: &Row,
        arguments: &Held<'_>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let redactor = Redactor::new(cx.credential);
        let answer = match self.request(row, arguments, cx, Scheme::Own, deadline).await {
            Ok(answer) => answer,
            Err(error) => return Err(unsettled(row, error)),
        };
        if !answer.status.is_success() {
            return Err(unsettled(row, self.refusal(row, answer, redactor)));
        }
        let mut notes: Vec<String> = self.shared.document.policy.warnings(&answer.headers).map(str::to_owned).collect();
        if let (Some(plan), StatusCode::ACCEPTED) = (&row.poll, answer.status) {
            let mut result = Box::pin(self.poll(row, plan, answer, rules, cx, deadline)).await?;
            result.notes.splice(0..0, notes);
            return Ok(result);
        }
        let exchanges = vec![answer.exchange.clone()];
        match self.decoded(row, arguments.as_map(), answer, rules, cx.credential, deadline).await {
            Ok(decoded) => {
                notes.extend(decoded.notes);
                Ok(RowResult { content: decoded.content, notes, exchanges, is_narrowed: decoded.is_narrowed })
            }
            Err((kind, text)) => {
                let text = format!("`{}`: {text}", row.name);
                let error = ProviderError::new(kind, text).with_sent(Sent::Yes);
                Err(unsettled(row, error.with_exchanges(exchanges)))
            }
        }
    }

    /// The read that tells what a row replaces, where rules say that not all of it may be touched.
    fn replaced(&self, row: &Row, rules: &CallRules) -> Option<&Row> {
        let bears = row.keys.stand_for.iter().any(|argument| rules.on(argument).next().is_some());
        row.keys.replaces.as_ref().filter(|_| bears).and_then(|read| self.shared.document.row(read))
    }

    /// Looks at what a row replaces. Answers with the exchanges of that look.
    ///
    /// INVARIANT: what a rule does not let be seen is not taken away by leaving it out
    /// (`what_lies_outside_of_a_rule_is_not_taken_away_by_a_whole_that_leaves_it_out`).
    async fn look_before(
        &self,
        row: &Row,
        asked: &Row,
        arguments: &Held<'_>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<Vec<Exchange>, ProviderError> {
        let own = arguments.as_map().iter().filter(|(name, _)| asked.takes(name));
        let own: Map<String, Value> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        let own = self.hold(asked, Cow::Owned(own), rules)?;
        let found = self.run_held(asked, &own, rules, cx, deadline).await?;
        if !found.is_narrowed {
            return Ok(found.exchanges);
        }
        let text = format!(
            "`{}`: a rule does not allow it: what is there now reaches beyond the rule, and what the call does not name would be \
             taken away",
            row.name
        );
        let error = ProviderError::new(ProviderErrorKind::RuleViolated, text).with_sent(Sent::Yes);
        Err(error.with_exchanges(found.exchanges))
    }
}

/// An error behind exchanges that went well.
fn after(before: Vec<Exchange>, error: ProviderError) -> ProviderError {
    let sent = if before.is_empty() { error.sent() } else { Sent::Yes };
    let exchanges = before.into_iter().chain(error.exchanges().iter().cloned()).collect();
    error.with_sent(sent).with_exchanges(exchanges)
}

/// A write whose outcome is unknown must not be repeated without looking; the message says so.
fn unsettled(row: &Row, error: ProviderError) -> ProviderError {
    let unknown = matches!(
        error.kind(),
        ProviderErrorKind::Network
            | ProviderErrorKind::Timeout
            | ProviderErrorKind::BadAnswer
            | ProviderErrorKind::VendorFailure
    );
    if row.definition.effect == Effect::Read || error.sent() == Sent::No || !unknown {
        return error;
    }
    let text = format!("{}. The change may have been made all the same: look before you repeat it", error.message());
    error.with_message(text)
}
