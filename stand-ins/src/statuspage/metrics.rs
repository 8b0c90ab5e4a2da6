//! The metric operations.

use serde_json::{Map, Value, json};

use super::fields::{is_blank, is_missing, text, wrapped};
use super::metric::Metric;
use super::page::Page;
use super::replies::{error, json_body, no_such_operation, not_found, paged, plain, refuse, unprocessable};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

impl Statuspage {
    pub(super) fn metrics(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.page(page)?;
                Ok(paged(page.metrics.iter().map(Metric::to_json).collect(), &pairs))
            }
            ("POST", ["data"]) => self.add_points_in_bulk(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                Ok(Answer::json(200, self.page(page)?.metric_mut(id)?.to_json()))
            }
            ("PATCH", [id]) => self.update_metric(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let answer = Answer::json(200, page.metric_mut(id)?.to_json());
                page.drop_metrics(|metric| metric.id == *id);
                Ok(answer)
            }
            ("POST", [id, "data"]) => self.add_point(call, page, id),
            ("DELETE", [id, "data"]) => {
                plain(call, &[])?;
                let metric = self.page(page)?.metric_mut(id)?;
                metric.points.clear();
                Ok(Answer::json(200, metric.to_json()))
            }
            _ => Err(no_such_operation(call)),
        }
    }

    pub(super) fn list_provider_metrics(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        provider: &str,
    ) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::PAGED)?;
        let page = self.page(page)?;
        page.provider(provider)?;
        let of_provider = page.metrics.iter().filter(|metric| metric.provider == provider);
        Ok(paged(of_provider.map(Metric::to_json).collect(), &pairs))
    }

    pub(super) fn create_metric(&mut self, call: &mut Call<'_>, page: &str, provider: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::metrics::NEW)?;
        let fields = wrapped(&body, "metric");
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        refuse(&problems(&fields, &page.provider(provider)?.kind))?;
        let metric = Metric::new(&id, provider, &fields, call.now());
        let answer = Answer::json(201, metric.to_json());
        page.metrics.push(metric);
        Ok(answer)
    }

    fn update_metric(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::metrics::CHANGED)?;
        let fields = wrapped(&body, "metric");
        let metric = self.page(page)?.metric_mut(id)?;
        if is_blank(&fields, "name") {
            return Err(unprocessable("Name can't be blank"));
        }
        if let Some(name) = text(&fields, "name") {
            name.clone_into(&mut metric.name);
        }
        if let Some(identifier) = text(&fields, "metric_identifier") {
            metric.identifier = Some(identifier.to_owned());
        }
        metric.updated = call.now();
        Ok(Answer::json(200, metric.to_json()))
    }

    fn add_point(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::metrics::DATA)?;
        let point = body.get("data").cloned().unwrap_or_default();
        let kept = self.page(page)?.keep(id, &[point], call.now())?;
        Ok(Answer::json(201, json!({"data": kept.first()})))
    }

    /// The vendor takes the points on and stores them a little later; here they are stored at once. Either all are
    /// kept or none.
    fn add_points_in_bulk(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::metrics::BULK_DATA)?;
        let data = wrapped(&body, "data");
        let page = self.page(page)?;
        if data.is_empty() {
            return Err(unprocessable("data can't be blank"));
        }
        let before = page.metrics.clone();
        let mut kept = Map::new();
        for (id, points) in data {
            let points = points.as_array().cloned().unwrap_or_default();
            match page.keep(&id, &points, call.now()) {
                Ok(points) => kept.insert(id, Value::Array(points)),
                Err(refused) => {
                    page.metrics = before;
                    return Err(refused);
                }
            };
        }
        Ok(Answer::json(202, Value::Object(kept)))
    }
}

impl Page {
    fn metric_mut(&mut self, id: &str) -> Result<&mut Metric, Answer> {
        self.metrics.iter_mut().find(|metric| metric.id == id).ok_or_else(not_found)
    }

    /// Removes metrics, and with them what page access says of them.
    pub(super) fn drop_metrics(&mut self, is_meant: impl Fn(&Metric) -> bool) {
        let (gone, kept): (Vec<Metric>, Vec<Metric>) =
            std::mem::take(&mut self.metrics).into_iter().partition(is_meant);
        self.metrics = kept;
        let is_gone = |id: &String| gone.iter().any(|metric| metric.id == *id);
        for user in &mut self.access_users {
            user.metrics.retain(|id| !is_gone(id));
        }
        for group in &mut self.access_groups {
            group.metrics.retain(|id| !is_gone(id));
        }
    }

    fn keep(&mut self, id: &str, points: &[Value], now: Moment) -> Result<Vec<Value>, Answer> {
        let provider = self.metric_mut(id)?.provider.clone();
        if self.provider(&provider)?.kind != "Self" {
            return Err(error(405, "Data is taken only for metrics of a Self provider"));
        }
        let metric = self.metric_mut(id)?;
        points
            .iter()
            .map(|point| {
                let too_old = || unprocessable("Data older than 28 days is not taken");
                metric.add(point, now).ok_or_else(too_old)
            })
            .collect()
    }
}

fn problems(fields: &Map<String, Value>, provider: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut need = |name: &str, is_needed: bool| {
        if is_needed && is_missing(fields, name) {
            problems.push(format!("{name} can't be blank"));
        }
    };
    need("name", true);
    need("metric_identifier", provider != "Self");
    need("application_id", provider == "NewRelic");
    let bound = |name: &str| fields.get(name).and_then(Value::as_i64);
    if let (Some(least), Some(most)) = (bound("y_axis_min"), bound("y_axis_max"))
        && least >= most
    {
        problems.push("y_axis_min must be below y_axis_max".to_owned());
    }
    problems
}
