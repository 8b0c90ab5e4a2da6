//! Services, users, who is on call, and what the account can do.

use std::time::Duration;

use serde_json::{Value, json};

use super::entities::{Depth, Policy};
use super::lists::listed;
use super::{Caller, PagerDuty, error, not_found, plain, shapes};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::moment::Moment;

/// On-calls can be asked for so far ahead.
const FARTHEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl PagerDuty {
    pub(super) fn list_services(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::SERVICE_LIST)?;
        let includes = pairs.all("include[]");
        let wanted = pairs.one("query").unwrap_or_default().to_lowercase();
        let mut found: Vec<_> = self
            .account
            .services
            .iter()
            .filter(|service| service.name.to_lowercase().contains(&wanted))
            .filter(|service| pairs.one("name").is_none_or(|name| name == service.name))
            .filter(|service| pairs.allows("team_ids[]", [service.team]))
            .collect();
        found.sort_by_key(|service| service.name);
        if pairs.one("sort_by") == Some("name:desc") {
            found.reverse();
        }
        let all = found
            .iter()
            .map(|service| self.account.service_json(service.id, Depth::Whole, &self.incidents, &includes))
            .chain(self.created("services", |id| self.account.service(id).is_some()))
            .collect();
        listed("services", all, &pairs)
    }

    pub(super) fn get_service(&self, call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ONE_SERVICE)?;
        if self.account.service(id).is_none() {
            let created = self.created("services", |known| known != id).into_iter().next().ok_or_else(not_found)?;
            return Ok(Answer::json(200, json!({"service": created})));
        }
        let service = self.account.service_json(id, Depth::Whole, &self.incidents, &pairs.all("include[]"));
        Ok(Answer::json(200, json!({"service": service})))
    }

    pub(super) fn list_users(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::USER_LIST)?;
        let wanted = pairs.one("query").unwrap_or_default().to_lowercase();
        let all = self
            .account
            .users
            .iter()
            .filter(|user| user.name.to_lowercase().contains(&wanted) || user.email.to_lowercase().contains(&wanted))
            .filter(|user| pairs.allows("team_ids[]", [user.team]))
            .map(|user| self.account.user_json(&user.id, Depth::Whole))
            .chain(self.created("users", |id| self.account.user(id).is_some()))
            .collect();
        listed("users", all, &pairs)
    }

    /// Only a user's credential has somebody behind it; the error for an account key is a bare string.
    pub(super) fn get_me(&self, call: &mut Call<'_>, caller: &Caller) -> Result<Answer, Answer> {
        plain(call, shapes::ME)?;
        let at = match caller {
            Caller::User => Some(0),
            Caller::Token(bearer) => bearer.user,
            Caller::Account | Caller::ReadOnly => None,
        };
        let user = at.and_then(|at| self.account.users.get(at));
        let Some(user) = user else {
            let text = "An account-level access token has no current user";
            return Err(Answer::json(400, json!({"error": text})));
        };
        let user = self.account.user_json(&user.id, Depth::Whole);
        Ok(Answer::json(200, json!({"user": user})))
    }

    pub(super) fn list_abilities(call: &mut Call<'_>) -> Result<Answer, Answer> {
        plain(call, &[])?;
        Ok(Answer::json(200, json!({"abilities": ["teams", "urgencies", "read_only_users", "sso"]})))
    }

    pub(super) fn list_on_calls(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ON_CALL_LIST)?;
        let since = pairs.one("since").and_then(Moment::parse).unwrap_or(call.now());
        let until = pairs.one("until").and_then(Moment::parse).unwrap_or(since);
        if until < since || since > call.now().plus(FARTHEST) {
            return Err(error(400, 2005, "Invalid Time Range", &["At most 90 days ahead, and in order"]));
        }
        let policies = self.account.policies.iter();
        let all = policies
            .filter(|policy| pairs.allows("escalation_policy_ids[]", [policy.id]))
            .flat_map(|policy| self.shifts_of(policy, since, &pairs))
            .collect();
        listed("oncalls", all, &pairs)
    }

    fn shifts_of(&self, policy: &Policy, since: Moment, pairs: &Pairs) -> Vec<Value> {
        let includes = pairs.all("include[]");
        let depth = |name: &str| {
            if includes.contains(&name) { Depth::Whole } else { Depth::Reference }
        };
        policy
            .levels
            .iter()
            .enumerate()
            .filter(|(_, (schedule, user))| {
                pairs.allows("user_ids[]", [*user]) && pairs.allows("schedule_ids[]", *schedule)
            })
            .map(|(level, (schedule, user))| {
                let start = since.midnight();
                let shift = schedule.map(|_| (start.to_seconds_text(), start.in_minutes(24 * 60).to_seconds_text()));
                json!({
                    "escalation_policy": self.account.policy_json(policy.id, depth("escalation_policies")),
                    "escalation_level": level + 1,
                    "schedule": schedule.map(|id| self.account.schedule_json(id, depth("schedules"))),
                    "user": self.account.user_json(user, depth("users")),
                    "start": shift.as_ref().map(|(start, _)| start),
                    "end": shift.as_ref().map(|(_, end)| end),
                })
            })
            .collect()
    }
}
