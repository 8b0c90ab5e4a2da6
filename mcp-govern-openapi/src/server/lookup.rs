//! Looking up what no caller gives, such as the identifier of the user in whose name a key acts.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_govern_core::{CallContext, CallRules, Exchange, ProviderError, ProviderErrorKind, Sent, Timestamp};
use serde_json::{Value, value::RawValue};
use tokio::time::Instant;

use super::{OpenApiServer, authorize::Scheme, held::Held};
use crate::{
    plan::{LookupPlan, Row},
    pointer::Pointer,
    send::RateBucketKey,
};

/// How long a value is good for: a user who was deleted and made anew has another identifier.
const AGE: Duration = Duration::from_secs(60 * 60);
/// How many values are kept, over all credentials of a server.
const MOST: usize = 4_096;

/// What a preview shows in place of a value that is looked up when the call is made.
pub(super) const LATER: &str = "(looked up when it is called)";

/// What has been looked up, by credential and by name.
#[derive(Debug, Default)]
pub(crate) struct Found(Mutex<HashMap<RateBucketKey, (Value, Timestamp)>>);

impl Found {
    fn get(&self, key: &RateBucketKey, now: Timestamp) -> Option<Value> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    fn put(&self, key: RateBucketKey, value: Value, now: Timestamp) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(key, (value, now.plus(AGE)));
    }
}

impl OpenApiServer {
    /// The arguments with what the row looks up, and the exchanges that this took: none where it is known already.
    ///
    /// A lookup is made for the request and not by the caller: it is within the server's limits, and no rule of the caller's path
    /// applies to it. Nothing of what it reads but the one value goes on.
    ///
    /// # Errors
    ///
    /// Whatever the read answers; [`ProviderErrorKind::Config`] where the vendor has no such value.
    pub(super) async fn look_up<'a>(
        &self,
        row: &Row,
        mut arguments: Held<'a>,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<(Held<'a>, Vec<Exchange>), ProviderError> {
        let mut exchanges = Vec::new();
        for name in row.looked_up() {
            let ways = self.shared.document.lookups.get(name).into_iter().flatten();
            let mut ways = ways.filter(|way| way.is_for(&self.method));
            let Some((way, read)) = ways.find_map(|way| Some((way, self.shared.document.row(&way.row)?))) else {
                let text = format!("`{}` needs `{name}`, which cannot be looked up with `{}`", row.name, self.method);
                return Err(ProviderError::new(ProviderErrorKind::Config, text));
            };
            let mut headers = Vec::new();
            self.authorize(read, cx.credential, Scheme::Own, &mut headers)?;
            let key = self.shared.limiter.key(&self.base, &headers, &Arc::from(name.as_str()));
            let now = self.shared.clock.now();
            let value = if let Some(known) = self.looked_up.get(&key, now) {
                known
            } else {
                let (value, asked) = self.look(way, read, cx, deadline).await?;
                exchanges.extend(asked);
                self.looked_up.put(key, value.clone(), now);
                value
            };
            arguments = arguments.with(name, value);
        }
        Ok((arguments, exchanges))
    }

    async fn look(
        &self,
        way: &LookupPlan,
        read: &Row,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<(Value, Vec<Exchange>), ProviderError> {
        let rules = CallRules::default();
        let configured = |key: &str| self.config.get(key).and_then(|value| value.to_str().ok());
        let mut asked = way.arguments.clone();
        for (argument, key) in &way.config {
            let value = configured(key).ok_or_else(|| {
                let text = format!("`{}` needs `{key}` in the server's configuration", read.name);
                ProviderError::new(ProviderErrorKind::Config, text)
            })?;
            asked.insert(argument.clone(), Value::from(value));
        }
        let asked = self.hold(read, Cow::Owned(asked), &rules)?;
        let result = Box::pin(self.run_held(read, &asked, &rules, cx, deadline)).await?;
        let value = found(way, &result.content, configured).ok_or_else(|| {
            let by = way.matching.as_ref().map_or_else(String::new, |(_, key)| format!(" for the configured `{key}`"));
            let text =
                format!("`{}` has no value{by} that the call needs: correct the server's configuration", read.name);
            let error = ProviderError::new(ProviderErrorKind::Config, text).with_sent(Sent::Yes);
            error.with_exchanges(result.exchanges.clone())
        })?;
        Ok((value, result.exchanges))
    }
}

/// The value in a result.
fn found<'c>(way: &LookupPlan, content: &RawValue, configured: impl Fn(&str) -> Option<&'c str>) -> Option<Value> {
    let result: Value = serde_json::from_str(content.get()).ok()?;
    let Some((place, key)) = &way.matching else {
        return at(&result, &way.value).cloned();
    };
    let wanted = configured(key)?.to_lowercase();
    let is_meant = |item: &&Value| {
        let text = at(item, place).and_then(Value::as_str);
        text.is_some_and(|text| text.to_lowercase() == wanted)
    };
    let item = result.get("items")?.as_array()?.iter().find(is_meant)?;
    at(item, &way.value).cloned()
}

/// The value at a place, where it is not null.
fn at<'v>(value: &'v Value, place: &Pointer) -> Option<&'v Value> {
    let found = place.tokens().iter().try_fold(value, |value, token| value.get(token))?;
    (!found.is_null()).then_some(found)
}
