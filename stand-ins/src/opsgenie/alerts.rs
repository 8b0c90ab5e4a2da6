//! The alert operations.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::alert::Alert;
use super::processing::Action;
use super::{Opsgenie, error, invalid, malformed, not_found, plain, shapes};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::check::Finding;

/// Offset and limit together may not pass this.
const WINDOW: usize = 20_000;

/// Where the store holds saved searches.
pub(super) const SEARCHES: &str = "v2/alerts/saved-searches";

impl Opsgenie {
    pub(super) fn list_alerts(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ALERT_LIST)?;
        let (offset, limit) = (pairs.whole("offset", 0), pairs.whole("limit", 20));
        if offset.saturating_add(limit) > WINDOW {
            let problem = format!("offset and limit together may not exceed {WINDOW}");
            return Err(invalid([("offset", problem.as_str())]));
        }
        let mut found = self.found(&pairs)?;
        let sort = pairs.one("sort").unwrap_or("createdAt");
        let pointer = format!("/{}", sort.replace('.', "/"));
        found.sort_by(|one, other| compare(one.pointer(&pointer), other.pointer(&pointer)));
        if pairs.one("order") != Some("asc") {
            found.reverse();
        }
        let total = found.len();
        let data: Vec<Value> = found.into_iter().skip(offset).take(limit).collect();
        let links = self.paging(call, "/v2/alerts", &pairs, offset, limit, total);
        Ok(with_paging(json!({"data": data}), &links))
    }

    pub(super) fn count_alerts(&self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ALERT_COUNT)?;
        let count = self.found(&pairs)?.len();
        Ok(Answer::json(200, json!({"data": {"count": count}})))
    }

    pub(super) fn get_alert(&self, call: &mut Call<'_>, identifier: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ONE_ALERT)?;
        let alert = self.alert(identifier, pairs.one("identifierType"))?;
        Ok(Answer::json(200, json!({"data": alert.detail()})))
    }

    pub(super) fn create_alert(&mut self, call: &mut Call<'_>, request_id: &str) -> Result<Answer, Answer> {
        call.query(&[]).map_err(|why| malformed(&why))?;
        let body = call.json(&shapes::NEW_ALERT).map_err(|why| malformed(&why))?;
        let details = body.get("details").and_then(Value::as_object);
        let length: usize = details.into_iter().flatten().map(|(name, value)| characters(name, value)).sum();
        if length > shapes::DETAILS_MOST {
            let most = shapes::DETAILS_MOST;
            let finding = Finding::new("details", format!("must have at most {most} characters in all"));
            return Err(malformed(&call.refuse_body(vec![finding])));
        }
        if body.get("message").and_then(Value::as_str).is_some_and(|message| message.trim().is_empty()) {
            return Err(invalid([("message", "must not be empty")]));
        }
        let nameless = body.get("responders").and_then(Value::as_array).into_iter().flatten().any(|responder| {
            let is_person_or_team = !matches!(responder.get("type").and_then(Value::as_str), Some("all" | "none"));
            is_person_or_team && ["id", "name", "username"].iter().all(|name| responder.get(name).is_none())
        });
        if nameless {
            return Err(invalid([("responders", "each needs an id or a name")]));
        }
        Ok(self.accept(request_id, Action::Create(body), call.now()))
    }

    pub(super) fn act_on_alert(
        &mut self,
        call: &mut Call<'_>,
        identifier: &str,
        action: &str,
        request_id: &str,
    ) -> Result<Answer, Answer> {
        let pairs = call.query(shapes::ONE_ALERT).map_err(|why| malformed(&why))?;
        let body = match action {
            "notes" => call.json(&shapes::NOTE),
            _ => call.json_or_nothing(&shapes::ACTION),
        }
        .map_err(|why| malformed(&why))?;
        let target = (identifier.to_owned(), pairs.one("identifierType").unwrap_or("id").to_owned());
        let action = match action {
            "acknowledge" => Action::Acknowledge(target, body),
            "close" => Action::Close(target, body),
            _ => Action::AddNote(target, body),
        };
        Ok(self.accept(request_id, action, call.now()))
    }

    pub(super) fn alert(&self, identifier: &str, kind: Option<&str>) -> Result<&Alert, Answer> {
        let kind = kind.unwrap_or("id");
        self.alerts.iter().find(|alert| alert.is_called(identifier, kind)).ok_or_else(|| not_found("Alert"))
    }

    pub(super) fn alert_mut(&mut self, identifier: &str, kind: &str) -> Option<&mut Alert> {
        self.alerts.iter_mut().find(|alert| alert.is_called(identifier, kind))
    }

    /// The alerts that a search finds, in the form of the lists.
    fn found(&self, pairs: &Pairs) -> Result<Vec<Value>, Answer> {
        let saved =
            pairs.one("searchIdentifier").map(|name| self.saved_query(name).ok_or_else(|| not_found("Saved search")));
        let query = saved.transpose()?.or(pairs.one("query")).unwrap_or_default();
        if query.matches('"').count() % 2 == 1 {
            return Err(error(422, "The search query cannot be parsed"));
        }
        Ok(self.alerts.iter().filter(|alert| alert.answers(query)).map(Alert::summary).collect())
    }

    fn saved_query(&self, called: &str) -> Option<&str> {
        let is_called =
            |search: &&Value| ["id", "name"].iter().any(|name| search.get(*name).is_some_and(|text| text == called));
        self.store.peek(SEARCHES).iter().find(is_called)?.get("query")?.as_str()
    }

    /// Links to the neighbouring pages. As the vendor does it, each link carries the caller's key: a client must not
    /// pass them on.
    pub(super) fn paging(
        &self,
        call: &mut Call<'_>,
        path: &str,
        pairs: &Pairs,
        offset: usize,
        limit: usize,
        total: usize,
    ) -> Vec<(&'static str, String)> {
        let key = call.authorization().and_then(|value| value.strip_prefix("GenieKey ")).unwrap_or_default();
        let link = |offset: usize| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &limit.to_string()).append_pair("offset", &offset.to_string());
            for name in ["query", "sort", "order"] {
                if let Some(value) = pairs.one(name) {
                    query.append_pair(name, value);
                }
            }
            query.append_pair("apiKey", key);
            format!("{}{path}?{}", self.base, query.finish())
        };
        let last = total.saturating_sub(1) / limit.max(1) * limit;
        let mut links = vec![("first", link(0)), ("last", link(last))];
        if offset.saturating_add(limit) < total {
            links.push(("next", link(offset.saturating_add(limit))));
        }
        if offset > 0 {
            links.push(("prev", link(offset.saturating_sub(limit))));
        }
        links
    }
}

/// A list with its links in the body and in headers.
pub(super) fn with_paging(mut body: Value, links: &[(&'static str, String)]) -> Answer {
    if let Value::Object(members) = &mut body {
        let paging: Map<String, Value> = links.iter().map(|(name, link)| ((*name).to_owned(), json!(link))).collect();
        members.insert("paging".to_owned(), Value::Object(paging));
    }
    links.iter().fold(Answer::json(200, body), |answer, (name, link)| {
        answer.with_header(&format!("x-paging-{name}"), link.as_str())
    })
}

fn characters(name: &str, value: &Value) -> usize {
    name.chars().count() + value.as_str().map_or(0, |text| text.chars().count())
}

fn compare(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.as_i64().cmp(&other.as_i64()),
        (Some(Value::String(one)), Some(Value::String(other))) => one.cmp(other),
        (Some(Value::Bool(one)), Some(Value::Bool(other))) => one.cmp(other),
        (one, other) => one.is_some_and(|value| !value.is_null()).cmp(&other.is_some_and(|value| !value.is_null())),
    }
}
