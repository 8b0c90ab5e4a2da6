//! What is told about an incident once it is over: a draft, its publication, and the way back.

use serde_json::{Map, Value, json};

use super::fields::{flag, is_missing, text, wrapped};
use super::mail::{Mail, MailKind, Tweet};
use super::replies::{json_body, no_such_operation, not_found, plain, unprocessable};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Postmortem {
    preview_key: String,
    draft: Option<String>,
    drafted: Moment,
    /// Text and time of what is published.
    published: Option<(String, Moment)>,
    notify_subscribers: bool,
    notify_twitter: bool,
    custom_tweet: Option<String>,
    created: Moment,
    updated: Moment,
}

impl Statuspage {
    pub(super) fn postmortem(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        incident: &str,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                plain(call, &[])?;
                self.postmortem_mut(page, incident).map(|postmortem| postmortem.answer())
            }
            ("PUT", []) => self.save_draft(call, page, incident),
            ("DELETE", []) => {
                plain(call, &[])?;
                self.postmortem_mut(page, incident)?;
                self.page(page)?.incident_mut(incident)?.postmortem = None;
                Ok(Answer::empty(204))
            }
            ("PUT", ["publish"]) => self.publish(call, page, incident),
            ("PUT", ["revert"]) => {
                plain(call, &[])?;
                let postmortem = self.postmortem_mut(page, incident)?;
                postmortem.revert(call.now())?;
                Ok(postmortem.answer())
            }
            _ => Err(no_such_operation(call)),
        }
    }

    fn postmortem_mut(&mut self, page: &str, incident: &str) -> Result<&mut Postmortem, Answer> {
        let incident = self.page(page)?.incident_mut(incident)?;
        incident.postmortem.as_mut().ok_or_else(not_found)
    }

    fn save_draft(&mut self, call: &mut Call<'_>, page: &str, incident: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::incidents::DRAFT)?;
        let fields = wrapped(&body, "postmortem");
        let preview_key = format!("preview-{}", self.mint.lower(24));
        let incident = self.page(page)?.incident_mut(incident)?;
        if is_missing(&fields, "body_draft") {
            return Err(unprocessable("Body draft can't be blank"));
        }
        let postmortem = incident.postmortem.get_or_insert_with(|| Postmortem::new(preview_key, call.now()));
        postmortem.draft = text(&fields, "body_draft").map(str::to_owned);
        (postmortem.drafted, postmortem.updated) = (call.now(), call.now());
        Ok(postmortem.answer())
    }

    fn publish(&mut self, call: &mut Call<'_>, page: &str, incident: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::incidents::PUBLICATION)?;
        let fields = wrapped(&body, "postmortem");
        let page = self.page(page)?;
        let mut found = page.incident_mut(incident)?.clone();
        let postmortem = found.postmortem.as_mut().ok_or_else(not_found)?;
        postmortem.publish(&fields, call.now())?;
        let postmortem = postmortem.clone();
        let mail = Mail::to_all(MailKind::Postmortem, &page.id, incident, &found.status, page.mail_recipients(&found));
        let usual = format!("Postmortem: {}", found.name);
        let text = postmortem.custom_tweet.as_deref().unwrap_or(&usual);
        let tweet = Tweet::new(&page.id, incident, text);
        *page.incident_mut(incident)? = found;
        self.mails.extend(postmortem.notify_subscribers.then_some(mail));
        self.tweets.extend(postmortem.notify_twitter.then_some(tweet));
        Ok(postmortem.answer())
    }
}

impl Postmortem {
    fn new(preview_key: String, now: Moment) -> Self {
        Self {
            preview_key,
            draft: None,
            drafted: now,
            published: None,
            notify_subscribers: false,
            notify_twitter: false,
            custom_tweet: None,
            created: now,
            updated: now,
        }
    }

    /// What holds without the switches is not documented; the stand-in tells everybody, so that a client that forgets
    /// them is found out.
    fn publish(&mut self, fields: &Map<String, Value>, now: Moment) -> Result<(), Answer> {
        let Some(draft) = self.draft.take() else {
            return Err(unprocessable("There is no draft to publish"));
        };
        self.published = Some((draft, now));
        self.notify_subscribers = flag(fields, "notify_subscribers").unwrap_or(true);
        self.notify_twitter = flag(fields, "notify_twitter").unwrap_or(true);
        self.custom_tweet = text(fields, "custom_tweet").map(str::to_owned);
        self.updated = now;
        Ok(())
    }

    /// What was published is a draft again, unless a newer draft is there already.
    fn revert(&mut self, now: Moment) -> Result<(), Answer> {
        let Some((body, _)) = self.published.take() else {
            return Err(unprocessable("The postmortem is not published"));
        };
        self.draft.get_or_insert(body);
        self.updated = now;
        Ok(())
    }

    fn answer(&self) -> Answer {
        let published = self.published.as_ref();
        let published_at = published.map(|(_, at)| at.to_string());
        Answer::json(
            200,
            json!({
                "preview_key": self.preview_key,
                "body": published.map(|(body, _)| body),
                "body_updated_at": published_at,
                "body_draft": self.draft,
                "body_draft_updated_at": self.drafted.to_string(),
                "published_at": published_at,
                "notify_subscribers": self.notify_subscribers,
                "notify_twitter": self.notify_twitter,
                "custom_tweet": self.custom_tweet,
                "created_at": self.created.to_string(),
                "updated_at": self.updated.to_string(),
            }),
        )
    }

    /// What an incident shows of its postmortem.
    pub(super) fn members(postmortem: Option<&Self>) -> Map<String, Value> {
        let shown = postmortem.and_then(|known| known.published.as_ref().map(|text| (known, text)));
        let published_at = shown.map(|(_, (_, at))| at.to_string());
        super::fields::whole(&json!({
            "postmortem_body": shown.map(|(_, (body, _))| body),
            "postmortem_body_last_updated_at": published_at,
            "postmortem_ignored": false,
            "postmortem_notified_subscribers": shown.is_some_and(|(known, _)| known.notify_subscribers),
            "postmortem_notified_twitter": shown.is_some_and(|(known, _)| known.notify_twitter),
            "postmortem_published_at": published_at,
        }))
    }
}
