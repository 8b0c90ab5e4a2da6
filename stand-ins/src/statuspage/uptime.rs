//! The uptime of a component or of a group, worked out from the incidents of the page.

use serde_json::{Value, json};

use super::Statuspage;
use super::components::is_group;
use super::doc::{flag, lists, time, word};
use super::incidents::is_maintenance;
use super::route::{Asked, not_found, unprocessable};
use super::span::Span;
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
    pub(super) fn component_uptime(&self, call: &mut Call<'_>, asked: &Asked) -> Result<Answer, Answer> {
        let span = Span::asked_for(call, &asked.examined.pairs)?;
        let component = self.thing(asked.id(0), "components", asked.id(1))?;
        if is_group(component) {
            return Err(not_found());
        }
        if flag(component, "showcase") != Some(true) {
            return Err(unprocessable("Uptime is not showcased for this component"));
        }
        let related = self.related(asked, span, asked.id(1));
        let trouble = Trouble::of(&related, span, asked.now);
        let events = related.iter().map(|incident| json!({"id": incident.get("id")})).collect();
        Ok(reply(asked, component, span, &[trouble], events))
    }

    pub(super) fn group_uptime(&self, call: &mut Call<'_>, asked: &Asked) -> Result<Answer, Answer> {
        let span = Span::asked_for(call, &asked.examined.pairs)?;
        let page = asked.id(0);
        let group = self.group(page, asked.id(1))?;
        let is_shown =
            |id: &&str| self.thing(page, "components", id).is_ok_and(|known| flag(known, "showcase") == Some(true));
        let shown: Vec<&str> = self.members(page, asked.id(1)).into_iter().filter(is_shown).collect();
        if shown.is_empty() {
            return Err(unprocessable("Uptime is not showcased for any component of this group"));
        }
        let (mut troubles, mut events) = (Vec::new(), Vec::new());
        for id in shown {
            let related = self.related(asked, span, id);
            troubles.push(Trouble::of(&related, span, asked.now));
            let incidents: Vec<Value> = related.iter().map(|incident| json!({"id": incident.get("id")})).collect();
            if !incidents.is_empty() {
                events.push(json!({"component_id": id, "incidents": incidents}));
            }
        }
        Ok(reply(asked, group, span, &troubles, events.into()))
    }

    /// The unplanned incidents of a component that fall into the span.
    fn related(&self, asked: &Asked, span: Span, id: &str) -> Vec<&Value> {
        let unplanned = self.all(asked.id(0), "incidents").iter().filter(|incident| !is_maintenance(incident));
        let of_component = unplanned.filter(|incident| lists(incident, "_components", id));
        of_component
            .filter(|incident| {
                let (from, until) = times(incident, asked.now);
                from < span.until() && until >= span.from()
            })
            .collect()
    }
}

/// When an incident began and ended, or now where it has not.
fn times(incident: &Value, now: Moment) -> (Moment, Moment) {
    (time(incident, "started_at").unwrap_or(now), time(incident, "resolved_at").unwrap_or(now))
}

impl Trouble {
    fn of(incidents: &[&Value], span: Span, now: Moment) -> Self {
        let mut trouble = Self::default();
        for incident in incidents {
            let (from, until) = times(incident, now);
            let (from, until) = (from.max(span.from()), until.min(span.until()));
            let seconds = until.seconds().saturating_sub(from.seconds()).max(0);
            match word(incident, "impact") {
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

fn reply(asked: &Asked, component: &Value, span: Span, troubles: &[Trouble], related: Value) -> Answer {
    let seconds = span.until().seconds().saturating_sub(span.from().seconds());
    let count = i64::try_from(troubles.len()).unwrap_or(1).max(1);
    let sum: f64 = troubles.iter().map(|trouble| trouble.percentage(float(seconds))).sum();
    let warnings = span.was_cut.then_some(["The end was moved to today; range_end tells the day."]);
    let mut body = json!({
        "id": component.get("id"),
        "name": component.get("name"),
        "range_start": span.from().to_string(),
        "range_end": span.until().to_string(),
        "uptime_percentage": (100.0 * sum / float(count)).round() / 100.0,
        "major_outage": troubles.iter().map(|trouble| trouble.major).sum::<i64>(),
        "partial_outage": troubles.iter().map(|trouble| trouble.partial).sum::<i64>(),
        "warnings": warnings,
    });
    if !asked.examined.pairs.is_set("skip_related_events") {
        super::doc::set(&mut body, "related_events", related);
    }
    asked.answer(body)
}

fn float(seconds: i64) -> f64 {
    f64::from(i32::try_from(seconds).unwrap_or(i32::MAX))
}
