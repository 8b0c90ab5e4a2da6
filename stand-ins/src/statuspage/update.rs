//! One posted update of an incident, and its correction afterwards.

use serde_json::{Map, Value, json};

use super::fields::{flag, text, wrapped};
use super::mail::{Mail, MailKind, Tweet};
use super::replies::{json_body, not_found};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Update {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) body: String,
    pub(super) at: Moment,
    pub(super) changed: Moment,
    pub(super) shown_at: Moment,
    pub(super) delivered: bool,
    pub(super) tweeted: bool,
    pub(super) affected: Vec<Affected>,
}

/// What an update did to a component.
#[derive(Clone)]
pub(super) struct Affected {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl Statuspage {
    /// What holds without `deliver_notifications` is not documented; the stand-in tells everybody, so that a client that
    /// forgets it is found out.
    pub(super) fn edit_update(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        incident: &str,
        id: &str,
    ) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::incidents::UPDATE)?;
        let fields = wrapped(&body, "incident_update");
        let page = self.page(page)?;
        let mut incident = page.incident_mut(incident)?.clone();
        let update = incident.updates.iter_mut().find(|update| update.id == id).ok_or_else(not_found)?;
        update.change(&fields, call.now());
        let update = update.clone();
        let mail =
            Mail::to_all(MailKind::Incident, &page.id, &incident.id, &update.status, page.mail_recipients(&incident));
        let tweet = Tweet::new(&page.id, &incident.id, &update.body);
        let answer = Answer::json(200, update.to_json(&incident.id));
        let id = incident.id.clone();
        *page.incident_mut(&id)? = incident;
        self.mails.extend(update.delivered.then_some(mail));
        self.tweets.extend(update.tweeted.then_some(tweet));
        Ok(answer)
    }
}

impl Update {
    pub(super) fn new(id: String, status: &str, body: &str, at: Moment) -> Self {
        Self {
            id,
            status: status.to_owned(),
            body: body.to_owned(),
            at,
            changed: at,
            shown_at: at,
            delivered: true,
            tweeted: false,
            affected: Vec::new(),
        }
    }

    fn change(&mut self, fields: &Map<String, Value>, now: Moment) {
        if let Some(body) = text(fields, "body") {
            body.clone_into(&mut self.body);
        }
        self.shown_at = text(fields, "display_at").and_then(Moment::parse).unwrap_or(self.shown_at);
        self.delivered = flag(fields, "deliver_notifications").unwrap_or(true);
        self.tweeted = flag(fields, "wants_twitter_update").unwrap_or(false);
        self.changed = now;
    }

    pub(super) fn to_json(&self, incident: &str) -> Value {
        let affected: Vec<Value> = self
            .affected
            .iter()
            .map(|one| json!({"code": one.id, "name": one.name, "old_status": one.before, "new_status": one.after}))
            .collect();
        json!({
            "id": self.id,
            "incident_id": incident,
            "status": self.status,
            "body": self.body,
            "created_at": self.at.to_string(),
            "updated_at": self.changed.to_string(),
            "display_at": self.shown_at.to_string(),
            "deliver_notifications": self.delivered,
            "wants_twitter_update": self.tweeted,
            "tweet_id": null,
            "twitter_updated_at": null,
            "custom_tweet": null,
            "affected_components": affected,
        })
    }
}
