//! Rights of a team member: read, changed, shown, and written only as they were shown.

use async_trait::async_trait;
use mcp_govern_core::{CallContext, Digest, ProviderError, ProviderErrorKind, ToolName};
use mcp_govern_openapi::{Recipe, RowCaller};
use serde_json::{Map, Value, json};

use super::{first, invalid, pick, refuse, rights::Rights};

const NAME: &str = "change_user_permissions";

/// How much of a digest makes a code that one can copy.
const CODE_LENGTH: usize = 16;

/// `change_user_permissions`: what is not named stays, and nothing is written that was not shown before.
#[derive(Debug)]
pub(crate) struct ChangeUserPermissions;

#[async_trait]
impl Recipe for ChangeUserPermissions {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let set = arguments.get("set").and_then(Value::as_object).cloned().unwrap_or_default();
        let revoke = arguments.get("revoke").and_then(Value::as_array).into_iter().flatten();
        let revoke: Vec<&str> = revoke.filter_map(Value::as_str).collect();
        if set.is_empty() && revoke.is_empty() {
            return Err(invalid(NAME, "give at least one of `set`, `revoke`"));
        }
        if let Some(both) = revoke.iter().find(|page| set.contains_key(**page)) {
            return Err(invalid(NAME, format!("`set` and `revoke` both name `{both}`")));
        }
        let person = pick(arguments, &["organization_id", "user_id"]);
        let found = rows.call("get_user_permissions", person.clone()).await?;
        if found.is_narrowed {
            let text = "a rule does not allow it: the person has rights on pages outside of the rule, which writing the whole \
                        back would take away";
            return Err(refuse(NAME, ProviderErrorKind::RuleViolated, text));
        }
        let before = read(&found.to_value()?)?;
        if let Some(other) = revoke.iter().find(|page| !before.holds(page)) {
            let text = format!("`revoke` names `{other}`, which the person does not have: see get_user_permissions");
            return Err(invalid(NAME, text));
        }
        let mut after = before.clone();
        for (page, roles) in &set {
            after.set(page, roles);
        }
        for page in revoke {
            after.revoke(page);
        }
        let code = code(&person, &before, &after)?;
        let Some(confirm) = arguments.get("confirm").and_then(Value::as_str) else {
            return Ok(report(&before, &after, State::Shown { code: &code }));
        };
        if confirm != code {
            let text = "`confirm` does not fit: the rights are no longer those that were shown, or the change is another one. \
                        Call without `confirm` and look again";
            return Err(refuse(NAME, ProviderErrorKind::Conflict, text));
        }
        let mut write = person;
        if after.is_empty() {
            write.insert("no_pages".to_owned(), Value::Bool(true));
        } else {
            write.insert("pages".to_owned(), after.to_json());
        }
        let answer = rows.call("replace_user_permissions", write).await?.to_value()?;
        let settled = Rights::read(&answer).is_some_and(|now| now.is_same(&after));
        Ok(report(&before, &after, State::Written { settled }))
    }

    fn first_request(&self, arguments: &Map<String, Value>) -> Option<(ToolName, Map<String, Value>)> {
        first("get_user_permissions", pick(arguments, &["organization_id", "user_id"]))
    }
}

#[derive(Clone, Copy)]
enum State<'a> {
    Shown { code: &'a str },
    Written { settled: bool },
}

fn read(answer: &Value) -> Result<Rights, ProviderError> {
    Rights::read(answer).ok_or_else(|| {
        let text = "the rights came in a form that cannot be read in full, so nothing was changed: what is not understood \
                    would be revoked";
        refuse(NAME, ProviderErrorKind::BadAnswer, text)
    })
}

/// Stands for this change of these rights of this person.
fn code(person: &Map<String, Value>, before: &Rights, after: &Rights) -> Result<String, ProviderError> {
    let all = json!({"person": person, "before": before.to_json(), "after": after.to_json()});
    let digest = Digest::of_json(&all).map_err(|error| refuse(NAME, ProviderErrorKind::Internal, error))?;
    let hex = digest.to_string();
    let hex = hex.rsplit(':').next().unwrap_or_default();
    Ok(hex.chars().take(CODE_LENGTH).collect())
}

fn report(before: &Rights, after: &Rights, state: State<'_>) -> Value {
    let difference = before.compare(after);
    let mut report = json!({
        "granted": difference.granted,
        "revoked": difference.revoked,
        "changed": difference.changed,
        "before": before.to_json(),
        "after": after.to_json(),
    });
    if let Some(members) = report.as_object_mut() {
        match state {
            State::Shown { code } => {
                members.insert("applied".to_owned(), json!(false));
                members.insert("confirm".to_owned(), json!(code));
            }
            State::Written { settled } => {
                members.insert("applied".to_owned(), json!(true));
                members.insert("matches_answer".to_owned(), json!(settled));
            }
        }
    }
    report
}
