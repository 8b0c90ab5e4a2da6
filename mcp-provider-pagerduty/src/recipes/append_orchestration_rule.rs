//! One more rule in an orchestration's router: read, appended, compared with what is there by then, and written back.

use async_trait::async_trait;
use mcp_govern_core::{CallContext, ProviderError, ProviderErrorKind, ToolName};
use mcp_govern_openapi::{Recipe, RowCaller};
use serde_json::{Map, Value, json};

use super::{first, items, refuse, text};

const NAME: &str = "append_orchestration_rule";
const READ: &str = "get_orchestration_router";
const WRITE: &str = "update_orchestration_router";

/// `append_orchestration_rule`: the rules that are there stay, and the order of them.
#[derive(Debug)]
pub(crate) struct AppendOrchestrationRule;

#[async_trait]
impl Recipe for AppendOrchestrationRule {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let which = which(arguments);
        let seen = read(rows, &which).await?;
        let rule = rule(arguments);
        let mut write = which.clone();
        write.extend(appended(&seen, &rule)?);
        rows.check(WRITE, write.clone())?;
        // PagerDuty takes the whole router and has no precondition: what was changed meanwhile would be lost without a word.
        if read(rows, &which).await? != seen {
            let text = "the router was changed while the rule was added; nothing was written. Call again";
            return Err(refuse(NAME, ProviderErrorKind::Conflict, text));
        }
        let written = rows.call(WRITE, write).await?.to_value()?;
        let router = written.get("orchestration_path").unwrap_or(&written);
        let rules: Vec<Value> = items(router, "sets").flat_map(|set| items(set, "rules")).map(brief).collect();
        Ok(json!({
            "event_orchestration_id": which.get("event_orchestration_id"),
            "added": rules.last(),
            "rules": rules,
        }))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        first(READ, which(arguments))
    }
}

fn which(arguments: &Map<String, Value>) -> Map<String, Value> {
    let own = arguments.iter().filter(|(name, _)| *name == "event_orchestration_id");
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What the router is made of, without what the vendor says of it.
async fn read(rows: &RowCaller<'_>, which: &Map<String, Value>) -> Result<Value, ProviderError> {
    let answer = rows.call(READ, which.clone()).await?;
    if answer.is_narrowed {
        let text = "a rule does not let the whole router be seen, and what is not seen would be taken away";
        return Err(refuse(NAME, ProviderErrorKind::RuleViolated, text));
    }
    let router = answer.to_value()?;
    Ok(json!({"sets": router.get("sets"), "catch_all": router.get("catch_all")}))
}

/// The rule that is asked for, in the vendor's form.
fn rule(arguments: &Map<String, Value>) -> Value {
    let conditions: Vec<Value> = arguments
        .get("conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|expression| json!({"expression": expression}))
        .collect();
    let mut rule = json!({"conditions": conditions, "actions": {"route_to": arguments.get("service_id")}});
    if let (Some(label), Some(members)) = (arguments.get("label"), rule.as_object_mut()) {
        members.insert("label".to_owned(), label.clone());
    }
    rule
}

/// The router with the rule behind the others.
fn appended(router: &Value, rule: &Value) -> Result<Map<String, Value>, ProviderError> {
    let mut router = router.clone();
    let rules = router
        .pointer_mut("/sets/0/rules")
        .and_then(Value::as_array_mut)
        .ok_or_else(|| refuse(NAME, ProviderErrorKind::BadAnswer, "the router has no set of rules to add one to"))?;
    rules.push(rule.clone());
    let members = router.as_object_mut().map(std::mem::take).unwrap_or_default();
    Ok(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

fn brief(rule: &Value) -> Value {
    let expressions: Vec<&str> = items(rule, "conditions").map(|condition| text(condition, "expression")).collect();
    json!({
        "id": rule.get("id"),
        "label": rule.get("label"),
        "conditions": expressions,
        "route_to": rule.pointer("/actions/route_to"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_put_behind_those_that_are_there() {
        let router = json!({"sets": [{"id": "start", "rules": [{"id": "a"}]}], "catch_all": {"actions": {}}});
        let rule = json!({"label": "b"});
        let written = appended(&router, &rule).unwrap();
        assert_eq!(written["sets"], json!([{"id": "start", "rules": [{"id": "a"}, {"label": "b"}]}]));
        assert_eq!(written["catch_all"], router["catch_all"]);
        assert!(appended(&json!({"sets": []}), &rule).is_err());
    }
}
