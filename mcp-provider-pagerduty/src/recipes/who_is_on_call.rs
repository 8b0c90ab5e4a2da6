//! One question over several reads: who is on call, by schedule, service, team, escalation policy or all, now or at a time.

use std::collections::BTreeSet;

use async_trait::async_trait;
use mcp_govern_core::{CallContext, ProviderError, ProviderErrorKind, Timestamp, ToolName};
use mcp_govern_openapi::{Recipe, RowCaller};
use serde_json::{Map, Value, json};

use super::{first, refuse, text, texts};

const NAME: &str = "who_is_on_call";
/// More people than these are on call in no answer that a person reads.
const MOST: usize = 200;
/// How long the moment that is asked about lasts, in milliseconds: a range needs an end behind its start.
const MOMENT: i64 = 1_000;

/// `who_is_on_call`: flat names, the level that is paged first in front.
#[derive(Debug)]
pub(crate) struct WhoIsOnCall;

#[async_trait]
impl Recipe for WhoIsOnCall {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let mut asked = on_calls(arguments)?;
        let by_service = texts(arguments, "service_ids");
        let by_team = texts(arguments, "team_ids");
        let mut policies: BTreeSet<String> = texts(arguments, "escalation_policy_ids").into_iter().collect();
        for service in &by_service {
            let found = rows.call("get_service", object([("service_id", json!(service))])).await?.to_value()?;
            let policy = found.pointer("/escalation_policy/id").and_then(Value::as_str);
            policies.extend(policy.map(str::to_owned));
        }
        let mut is_complete = true;
        if !by_team.is_empty() {
            let found = rows.list("list_escalation_policies", object([("team_ids", json!(by_team))]), MOST).await?;
            is_complete = found.is_complete;
            policies.extend(found.items.iter().map(|policy| text(policy, "id").to_owned()).filter(|id| !id.is_empty()));
        }
        let narrows = !by_service.is_empty() || !by_team.is_empty();
        if narrows && policies.is_empty() {
            // Without a policy the list would be that of the whole account.
            return Ok(answer(&[], is_complete));
        }
        if !policies.is_empty() {
            asked.insert("escalation_policy_ids".to_owned(), json!(policies));
        }
        let found = rows.list("list_on_calls", asked, MOST).await?;
        let mut entries: Vec<Value> = found.items.iter().map(brief).collect();
        let order =
            |entry: &Value| (text(entry, "escalation_policy").to_owned(), entry.get("level").and_then(Value::as_u64));
        entries.sort_by_key(order);
        Ok(answer(&entries, is_complete && found.is_complete))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        if let Some(service) = texts(arguments, "service_ids").first() {
            return first("get_service", object([("service_id", json!(service))]));
        }
        let teams = texts(arguments, "team_ids");
        if !teams.is_empty() {
            return first("list_escalation_policies", object([("team_ids", json!(teams))]));
        }
        first("list_on_calls", on_calls(arguments).ok()?)
    }
}

/// What of the question the list of on-calls takes itself.
fn on_calls(arguments: &Map<String, Value>) -> Result<Map<String, Value>, ProviderError> {
    let mut asked = object([("include", json!(["users"]))]);
    for name in ["schedule_ids", "escalation_policy_ids"] {
        if let Some(ids) = arguments.get(name) {
            asked.insert(name.to_owned(), ids.clone());
        }
    }
    if let Some(at) = arguments.get("at").and_then(Value::as_str) {
        let wrong = |_| refuse(NAME, ProviderErrorKind::InvalidArguments, "`at` is not a date-time with an offset");
        let at: Timestamp = at.parse().map_err(wrong)?;
        asked.insert("since".to_owned(), json!(at.to_string()));
        asked.insert("until".to_owned(), json!(Timestamp::from_millis(at.as_millis() + MOMENT).to_string()));
    }
    Ok(asked)
}

fn brief(entry: &Value) -> Value {
    let empty = Value::Null;
    let member = |name: &str| entry.get(name).unwrap_or(&empty);
    let user = member("user");
    let name = if text(user, "name").is_empty() { text(user, "summary") } else { text(user, "name") };
    json!({
        "name": name,
        "user_id": user.get("id"),
        "email": user.get("email"),
        "level": entry.get("escalation_level"),
        "escalation_policy": text(member("escalation_policy"), "summary"),
        "escalation_policy_id": member("escalation_policy").get("id"),
        "schedule": member("schedule").get("summary"),
        "schedule_id": member("schedule").get("id"),
        "from": entry.get("start"),
        "until": entry.get("end"),
    })
}

fn answer(entries: &[Value], is_complete: bool) -> Value {
    let first: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry.get("level").and_then(Value::as_u64) == Some(1))
        .map(|entry| text(entry, "name"))
        .filter(|name| !name.is_empty())
        .collect();
    json!({"paged_first": first, "on_call": entries, "is_complete": is_complete})
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_asked_about_as_a_range_that_has_an_end() {
        let asked = on_calls(&object([("at", json!("2026-03-14T10:00:00+01:00"))])).unwrap();
        let time = |name: &str| asked[name].as_str().unwrap().parse::<Timestamp>().unwrap().as_millis();
        assert_eq!(time("until") - time("since"), MOMENT);
        assert!(on_calls(&object([("at", json!("tomorrow"))])).is_err());
        assert!(on_calls(&Map::new()).unwrap().get("since").is_none());
    }
}
