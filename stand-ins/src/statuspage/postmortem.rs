//! What is told about an incident once it is over: a draft, its publication, and the way back.

use serde_json::Value;

use super::Statuspage;
use super::doc::{flag, is_missing, set, take, text, word};
use super::mail::{MailKind, Tweet};
use super::route::{Asked, not_found, unprocessable};
use crate::answer::Answer;

impl Statuspage {
    pub(super) fn postmortem(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let page = asked.page();
        let mut incident = self.thing(&page, "incidents", asked.id(1))?.clone();
        let known = incident.get("_postmortem").cloned();
        let postmortem = match (asked.operation.method, asked.operation.path.rsplit('/').next()) {
            ("DELETE", _) => {
                known.ok_or_else(not_found)?;
                take(self.thing_mut(&page, "incidents", asked.id(1))?, "_postmortem");
                return Ok(Answer::empty(204));
            }
            ("PUT", Some("postmortem")) => self.drafted(asked, known)?,
            ("PUT", Some("publish")) => self.published(asked, known.ok_or_else(not_found)?, &incident)?,
            ("PUT", Some(_)) => reverted(asked, known.ok_or_else(not_found)?)?,
            _ => known.ok_or_else(not_found)?,
        };
        set(&mut incident, "_postmortem", postmortem.clone());
        *self.thing_mut(&page, "incidents", asked.id(1))? = incident;
        Ok(asked.answer(postmortem))
    }

    fn drafted(&mut self, asked: &Asked, known: Option<Value>) -> Result<Value, Answer> {
        if is_missing(&asked.fields, "body_draft") {
            return Err(unprocessable("Body draft can't be blank"));
        }
        let key = format!("preview-{}", self.mint.lower(24));
        let mut postmortem = match known {
            Some(known) => known,
            None => self.blank("", "postmortem", asked.now),
        };
        take(&mut postmortem, "id");
        if is_missing(&postmortem, "preview_key") {
            set(&mut postmortem, "preview_key", key);
        }
        set(&mut postmortem, "body_draft", word(&asked.fields, "body_draft"));
        set(&mut postmortem, "body_draft_updated_at", asked.now.to_string());
        set(&mut postmortem, "updated_at", asked.now.to_string());
        Ok(postmortem)
    }

    /// What holds without the switches is not documented; the stand-in notifies everyone, so that a client that forgets
    /// them is found out.
    fn published(&mut self, asked: &Asked, mut postmortem: Value, incident: &Value) -> Result<Value, Answer> {
        let (page, id) = (asked.id(0), word(incident, "id"));
        let Some(draft) = text(&postmortem, "body_draft").map(str::to_owned) else {
            return Err(unprocessable("There is no draft to publish"));
        };
        for name in ["notify_subscribers", "notify_twitter"] {
            set(&mut postmortem, name, flag(&asked.fields, name).unwrap_or(true));
        }
        set(&mut postmortem, "body", draft);
        set(&mut postmortem, "body_draft", Value::Null);
        for name in ["body_updated_at", "published_at", "updated_at"] {
            set(&mut postmortem, name, asked.now.to_string());
        }
        set(&mut postmortem, "custom_tweet", text(&asked.fields, "custom_tweet"));
        if flag(&postmortem, "notify_subscribers") == Some(true) {
            self.mail_all(MailKind::Postmortem, page, incident, word(incident, "status"));
        }
        if flag(&postmortem, "notify_twitter") == Some(true) {
            let usual = format!("Postmortem: {}", word(incident, "name"));
            self.tweets.push(Tweet::new(page, id, text(&postmortem, "custom_tweet").unwrap_or(&usual)));
        }
        Ok(postmortem)
    }
}

/// What was published is a draft again, unless a newer draft is there already.
fn reverted(asked: &Asked, mut postmortem: Value) -> Result<Value, Answer> {
    let Some(body) = text(&postmortem, "body").map(str::to_owned) else {
        return Err(unprocessable("The postmortem is not published"));
    };
    if text(&postmortem, "body_draft").is_none() {
        set(&mut postmortem, "body_draft", body);
    }
    for name in ["body", "body_updated_at", "published_at"] {
        set(&mut postmortem, name, Value::Null);
    }
    set(&mut postmortem, "updated_at", asked.now.to_string());
    Ok(postmortem)
}
