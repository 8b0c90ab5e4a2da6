//! Metrics, the points of their graphs, and where they take their data from.
//!
//! INVARIANT: a credential of a provider is checked and forgotten, so no answer can hold one
//! (`the_credentials_of_a_provider_never_come_back`).

use serde_json::{Map, Value, json};

use super::Statuspage;
use super::doc::{is_missing, merge, set, shown, strip, text, word};
use super::route::{Asked, error, refuse, unprocessable};
use crate::answer::Answer;
use crate::moment::Moment;

/// Seconds that share one point of the graph.
const BUCKET: i64 = 30;

/// Seconds back to which points are taken.
const BACKFILL: i64 = 28 * 24 * 60 * 60;

const CREDENTIALS: &[&str] = &["api_key", "api_token", "application_key", "email", "password"];

impl Statuspage {
    pub(super) fn metrics(&mut self, mut asked: Asked, tail: &str) -> Result<Answer, Answer> {
        let page = asked.page();
        match (asked.operation.method, tail) {
            ("POST", "/metrics_providers") => {
                refuse(&needs(&asked.fields))?;
                if text(&asked.fields, "type") != Some("Self") {
                    set(&mut asked.fields, "last_revalidated_at", asked.now.to_string());
                }
                strip(&mut asked.fields, CREDENTIALS);
                self.generic(&asked)
            }
            ("GET", "/metrics_providers/{metrics_provider_id}/metrics") => {
                self.thing(&page, "metrics_providers", asked.id(1))?;
                let of_provider = |metric: &&Value| word(metric, "metrics_provider_id") == asked.id(1);
                Ok(asked.list(self.all(&page, "metrics").iter().filter(of_provider).map(shown).collect()))
            }
            ("POST", "/metrics_providers/{metrics_provider_id}/metrics") => {
                let provider = self.thing(&page, "metrics_providers", asked.id(1))?;
                refuse(&problems(&asked.fields, word(provider, "type")))?;
                let mut metric = self.blank(&page, "v1/pages/{}/metrics", asked.now);
                set(&mut metric, "metrics_provider_id", asked.id(1));
                strip(&mut asked.fields, &["application_id", "transform"]);
                merge(&mut metric, &asked.fields);
                let answer = asked.answer(shown(&metric));
                self.all_mut(&page, "metrics").push(metric);
                Ok(answer)
            }
            ("POST", "/metrics/{metric_id}/data") => {
                let kept = self.keep_points(&page, asked.id(1), &[asked.fields.clone()], asked.now)?;
                Ok(asked.answer(json!({"data": kept.first()})))
            }
            ("DELETE", "/metrics/{metric_id}/data") => {
                let metric = self.thing_mut(&page, "metrics", asked.id(1))?;
                set(metric, "_points", json!({}));
                set(metric, "most_recent_data_at", Value::Null);
                Ok(asked.answer(shown(metric)))
            }
            ("POST", "/metrics/data") => self.add_points_in_bulk(&asked, &page),
            _ => self.generic(&asked),
        }
    }

    /// The vendor takes the points on and stores them a little later; here they are stored at once. Either all are kept
    /// or none.
    fn add_points_in_bulk(&mut self, asked: &Asked, page: &str) -> Result<Answer, Answer> {
        let data = asked.fields.as_object().cloned().unwrap_or_default();
        if data.is_empty() {
            return Err(unprocessable("data can't be blank"));
        }
        let before = self.all(page, "metrics").to_vec();
        let mut kept = Map::new();
        for (id, points) in data {
            let points = points.as_array().cloned().unwrap_or_default();
            match self.keep_points(page, &id, &points, asked.now) {
                Ok(points) => kept.insert(id, points.into()),
                Err(refused) => {
                    *self.all_mut(page, "metrics") = before;
                    return Err(refused);
                }
            };
        }
        Ok(asked.answer(kept.into()))
    }

    fn keep_points(&mut self, page: &str, id: &str, points: &[Value], now: Moment) -> Result<Vec<Value>, Answer> {
        let provider = word(self.thing(page, "metrics", id)?, "metrics_provider_id");
        if word(self.thing(page, "metrics_providers", provider)?, "type") != "Self" {
            return Err(error(405, "Data is taken only for metrics of a Self provider"));
        }
        let metric = self.thing_mut(page, "metrics", id)?;
        let too_old = || unprocessable("Data older than 28 days is not taken");
        points.iter().map(|point| add_point(metric, point, now).ok_or_else(too_old)).collect()
    }

    /// Takes away the metrics of providers that are gone.
    pub(super) fn settle_metrics(&mut self, page: &str) {
        let providers = self.all(page, "metrics_providers").iter();
        let providers: Vec<String> = providers.map(|provider| word(provider, "id").to_owned()).collect();
        let metrics = self.all_mut(page, "metrics");
        metrics.retain(|metric| providers.iter().any(|known| known == word(metric, "metrics_provider_id")));
    }
}

/// Keeps a point, the last of its bucket, and gives it back with the bucket's start; `None` when it is too old.
pub(super) fn add_point(metric: &mut Value, point: &Value, now: Moment) -> Option<Value> {
    let timestamp = point.get("timestamp").and_then(Value::as_i64)?;
    if timestamp < now.seconds().saturating_sub(BACKFILL) {
        return None;
    }
    let start = timestamp.saturating_sub(timestamp.rem_euclid(BUCKET));
    let value = point.get("value")?.clone();
    set(metric.get_mut("_points")?, &start.to_string(), value.clone());
    let newest = points_of(metric).last().map(|(second, _)| *second);
    set(metric, "most_recent_data_at", newest.map(|second| Moment::of_seconds(second).to_string()));
    Some(json!({"timestamp": start, "value": value}))
}

/// The points of a metric, oldest first.
pub(super) fn points_of(metric: &Value) -> Vec<(i64, f64)> {
    let points = metric.get("_points").and_then(Value::as_object).into_iter().flatten();
    let point = |(start, value): (&String, &Value)| Some((start.parse().ok()?, value.as_f64()?));
    let mut points: Vec<(i64, f64)> = points.filter_map(point).collect();
    points.sort_by_key(|(start, _)| *start);
    points
}

/// Which credentials each type cannot do without.
fn needs(fields: &Value) -> Vec<String> {
    let needed: &[&str] = match text(fields, "type") {
        None => &["type"],
        Some("Datadog" | "NewRelic") => &["api_key", "metric_base_uri"],
        Some("Librato") => &["email", "api_token"],
        Some("Pingdom") => &["api_token"],
        Some(_) => &[],
    };
    needed.iter().filter(|name| is_missing(fields, name)).map(|name| format!("{name} can't be blank")).collect()
}

fn problems(fields: &Value, provider: &str) -> Vec<String> {
    let needed =
        [("name", true), ("metric_identifier", provider != "Self"), ("application_id", provider == "NewRelic")];
    let missing = needed.into_iter().filter(|(name, is_needed)| *is_needed && is_missing(fields, name));
    let mut problems: Vec<String> = missing.map(|(name, _)| format!("{name} can't be blank")).collect();
    let bound = |name: &str| fields.get(name).and_then(Value::as_i64);
    if let (Some(least), Some(most)) = (bound("y_axis_min"), bound("y_axis_max"))
        && least >= most
    {
        problems.push("y_axis_min must be below y_axis_max".to_owned());
    }
    problems
}
