//! The uptime of a component or of a group, worked out from the incidents of the page.

use serde_json::{Value, json};

use super::component::{Component, Kind};
use super::incident::Incident;
use super::page::Page;
use super::replies::{not_found, plain, unprocessable};
use super::span::Span;
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

/// Seconds of trouble.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    partial: i64,
    major: i64,
}

/// A partial outage weighs less than a whole one.
const PARTIAL_WEIGHT: f64 = 0.3;

impl Statuspage {
    pub(super) fn component_uptime(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::components::UPTIME)?;
        let span = Span::asked_for(call, &pairs)?;
        let page = self.page(page)?;
        let component = page.component(id)?;
        if component.kind == Kind::Group {
            return Err(not_found());
        }
        if !component.showcase {
            return Err(unprocessable("Uptime is not showcased for this component"));
        }
        let related = page.related(span, call.now(), id);
        let trouble = Trouble::of(&related, span, call.now());
        let events = related.iter().map(|incident| json!({"id": incident.id})).collect();
        Ok(reply(component, span, &[trouble], events, pairs.is_set("skip_related_events")))
    }

    pub(super) fn group_uptime(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::components::UPTIME)?;
        let span = Span::asked_for(call, &pairs)?;
        let page = self.page(page)?;
        let group = page.group(id)?;
        let shown: Vec<&str> = page
            .members(id)
            .into_iter()
            .filter(|id| page.component(id).is_ok_and(|component| component.showcase))
            .collect();
        if shown.is_empty() {
            return Err(unprocessable("Uptime is not showcased for any component of this group"));
        }
        let (mut troubles, mut events) = (Vec::new(), Vec::new());
        for id in shown {
            let related = page.related(span, call.now(), id);
            troubles.push(Trouble::of(&related, span, call.now()));
            let incidents: Vec<Value> = related.iter().map(|incident| json!({"id": incident.id})).collect();
            if !incidents.is_empty() {
                events.push(json!({"component_id": id, "incidents": incidents}));
            }
        }
        Ok(reply(group, span, &troubles, Value::Array(events), pairs.is_set("skip_related_events")))
    }
}

impl Page {
    /// The unplanned incidents of a component that fall into the span.
    fn related(&self, span: Span, now: Moment, id: &str) -> Vec<&Incident> {
        self.incidents
            .iter()
            .filter(|incident| {
                !incident.is_maintenance()
                    && incident.components.iter().any(|known| known == id)
                    && incident.started < span.until()
                    && incident.resolved.unwrap_or(now) >= span.from()
            })
            .collect()
    }
}

impl Trouble {
    fn of(incidents: &[&Incident], span: Span, now: Moment) -> Self {
        let mut trouble = Self::default();
        for incident in incidents {
            let from = incident.started.max(span.from());
            let until = incident.resolved.unwrap_or(now).min(span.until());
            let seconds = until.seconds().saturating_sub(from.seconds()).max(0);
            match incident.impact.as_str() {
                "none" => {}
                "critical" => trouble.major = trouble.major.saturating_add(seconds),
                _ => trouble.partial = trouble.partial.saturating_add(seconds),
            }
        }
        trouble
    }

    fn percentage(self, seconds: f64) -> f64 {
        let down = PARTIAL_WEIGHT.mul_add(float(self.partial), float(self.major));
        (100.0 * (1.0 - down / seconds)).clamp(0.0, 100.0)
    }
}

fn reply(component: &Component, span: Span, troubles: &[Trouble], related: Value, without_events: bool) -> Answer {
    let seconds = span.until().seconds().saturating_sub(span.from().seconds());
    let count = i64::try_from(troubles.len()).unwrap_or(1).max(1);
    let sum: f64 = troubles.iter().map(|trouble| trouble.percentage(float(seconds))).sum();
    let percentage = (100.0 * sum / float(count)).round() / 100.0;
    let warnings = span.was_cut.then_some(["The end was moved to today; range_end tells the day."]);
    let mut body = json!({
        "id": component.id,
        "name": component.name,
        "range_start": span.from().to_string(),
        "range_end": span.until().to_string(),
        "uptime_percentage": percentage,
        "major_outage": troubles.iter().map(|trouble| trouble.major).sum::<i64>(),
        "partial_outage": troubles.iter().map(|trouble| trouble.partial).sum::<i64>(),
        "warnings": warnings,
    });
    if let (false, Some(members)) = (without_events, body.as_object_mut()) {
        members.insert("related_events".to_owned(), related);
    }
    Answer::json(200, body)
}

fn float(seconds: i64) -> f64 {
    f64::from(i32::try_from(seconds).unwrap_or(i32::MAX))
}
