//! The incident operations.

use serde_json::Value;

use super::fields::{flag, text, wrapped};
use super::incident::Incident;
use super::mail::Tweet;
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, page_of, paged, plain};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

impl Statuspage {
    pub(super) fn incidents(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => self.list_all(call, page),
            ("GET", ["unresolved"]) => self.list_some(call, page, |incident, _| incident.is_unresolved()),
            ("GET", ["scheduled"]) => {
                self.list_some(call, page, |incident, _| incident.is_maintenance() && incident.status != "completed")
            }
            ("GET", ["upcoming"]) => self.list_some(call, page, |incident, now| {
                incident.status == "scheduled" && incident.scheduled_for.is_some_and(|start| start > now)
            }),
            ("GET", ["active_maintenance"]) => {
                self.list_some(call, page, |incident, _| incident.is_active_maintenance())
            }
            ("POST", []) => self.create_incident(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.page(page)?.incident_answer(id, 200)
            }
            ("PATCH", [id]) => self.update_incident(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let answer = page.incident_answer(id, 200)?;
                page.incidents.retain(|incident| incident.id != *id);
                Ok(answer)
            }
            ("PATCH", [id, "incident_updates", update]) => self.edit_update(call, page, id, update),
            (_, [id, "postmortem", rest @ ..]) => self.postmortem(call, page, id, rest),
            (_, [id, "subscribers", rest @ ..]) => self.incident_subscribers(call, page, id, rest),
            _ => Err(no_such_operation(call)),
        }
    }

    fn list_all(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::incidents::LIST)?;
        let wanted = pairs.one("q").unwrap_or_default().to_lowercase();
        let found = self.page(page)?.incidents_json(|incident| {
            let bodies = incident.updates.iter().map(|update| update.body.as_str());
            bodies
                .chain([incident.name.as_str(), incident.status.as_str()])
                .any(|text| text.to_lowercase().contains(&wanted))
        });
        Ok(page_of(found, &pairs, "limit", 1))
    }

    fn list_some(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        is_listed: impl Fn(&Incident, Moment) -> bool,
    ) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::PAGED)?;
        let now = call.now();
        let found = self.page(page)?.incidents_json(|incident| is_listed(incident, now));
        Ok(paged(found, &pairs))
    }

    fn create_incident(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::incidents::NEW)?;
        let fields = wrapped(&body, "incident");
        let (id, update_id) = (self.mint.lower(12), self.mint.lower(12));
        let page = self.page(page)?;
        page.refuse_contradictions(&fields, None)?;
        let name = text(&fields, "name").unwrap_or_default();
        let mut incident = Incident::new(id.clone(), &page.id, name, call.now());
        incident.change(&fields, call.now());
        incident.backfilled = flag(&fields, "backfilled").unwrap_or(false);
        let otherwise = match (incident.backfilled, incident.scheduled_for) {
            (true, _) => "resolved",
            (false, Some(_)) => "scheduled",
            (false, None) => "investigating",
        };
        let status = text(&fields, "status").unwrap_or(otherwise).to_owned();
        incident.enter(&status, call.now());
        if let Some(date) = text(&fields, "backfill_date").and_then(Moment::parse_loosely) {
            (incident.started, incident.created) = (date, date);
        }
        let mail = page.post_update(&mut incident, &fields, update_id, call.now());
        let is_announced = flag(&fields, "auto_tweet_on_creation").unwrap_or(false);
        let tweet = is_announced.then(|| Tweet::new(&page.id, &id, name));
        page.incidents.insert(0, incident);
        let answer = page.incident_answer(&id, 201);
        self.mails.extend(mail);
        self.tweets.extend(tweet);
        answer
    }

    fn update_incident(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::incidents::CHANGED)?;
        let fields = wrapped(&body, "incident");
        let update_id = self.mint.lower(12);
        let page = self.page(page)?;
        let mut incident = page.incident_mut(id)?.clone();
        page.refuse_contradictions(&fields, Some(&incident))?;
        incident.change(&fields, call.now());
        if let Some(status) = text(&fields, "status") {
            incident.enter(status, call.now());
        }
        let mail = if fields.contains_key("status") || fields.contains_key("body") {
            page.post_update(&mut incident, &fields, update_id, call.now())
        } else {
            page.attach(&mut incident, &fields, call.now());
            None
        };
        *page.incident_mut(id)? = incident;
        let answer = page.incident_answer(id, 200);
        self.mails.extend(mail);
        answer
    }
}

impl Page {
    pub(super) fn incident_mut(&mut self, id: &str) -> Result<&mut Incident, Answer> {
        self.incidents.iter_mut().find(|incident| incident.id == id).ok_or_else(not_found)
    }

    fn incidents_json(&self, is_listed: impl Fn(&Incident) -> bool) -> Vec<Value> {
        let listed = self.incidents.iter().filter(|incident| is_listed(incident));
        listed.map(|incident| incident.to_json(&self.components)).collect()
    }

    fn incident_answer(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        let only = self.incidents_json(|incident| incident.id == id);
        let incident = only.into_iter().next().ok_or_else(not_found)?;
        Ok(Answer::json(status, incident))
    }
}
