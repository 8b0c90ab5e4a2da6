//! The subscriber operations of a page, one subscriber at a time.

use serde_json::{Map, Value, json};

use super::fields::{ids, text, whole, wrapped};
use super::mail::{Mail, MailKind};
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, page_of, paged, plain, unprocessable};
use super::subscriber::{MODES, Subscriber};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

impl Statuspage {
    pub(super) fn subscribers(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => self.list_subscribers(call, page),
            ("POST", []) => self.create_subscriber(call, page),
            ("GET", ["count"]) => self.count_subscribers(call, page),
            ("GET", ["histogram_by_state"]) => self.subscriber_histogram(call, page),
            ("GET", ["unsubscribed"]) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.page(page)?;
                Ok(paged(page.unsubscribed.iter().map(Subscriber::to_json).collect(), &pairs))
            }
            ("POST", ["unsubscribe"]) => self.unsubscribe_many(call, page),
            ("POST", ["reactivate"]) => self.reactivate_many(call, page),
            ("POST", ["resend_confirmation"]) => self.resend_many(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                Ok(Answer::json(200, self.page(page)?.subscriber(id)?.to_json()))
            }
            ("PATCH", [id]) => self.update_subscriber(call, page, id),
            ("DELETE", [id]) => self.delete_subscriber(call, page, id),
            ("POST", [id, "resend_confirmation"]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let mail = resent(&page.id, "", page.subscriber(id)?)?;
                self.mails.push(mail);
                Ok(Answer::empty(201))
            }
            _ => Err(no_such_operation(call)),
        }
    }

    fn list_subscribers(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::subscribers::LIST)?;
        let wanted = pairs.one("q").unwrap_or_default().to_lowercase();
        let page = self.page(page)?;
        let mut found: Vec<&Subscriber> = page
            .subscribers
            .iter()
            .filter(|subscriber| subscriber.is_asked_for(&pairs) && subscriber.address.to_lowercase().contains(&wanted))
            .collect();
        match pairs.one("sort_field") {
            Some("primary") => found.sort_by(|one, other| one.address.cmp(&other.address)),
            Some("created_at" | "quarantined_at") => found.sort_by_key(|subscriber| subscriber.created),
            _ => {}
        }
        if pairs.one("sort_direction") == Some("desc") {
            found.reverse();
        }
        let found = found.into_iter().map(Subscriber::to_json).collect();
        Ok(page_of(found, &pairs, "limit", 0))
    }

    fn count_subscribers(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::subscribers::COUNT)?;
        let page = self.page(page)?;
        let counts: Map<String, Value> = MODES
            .iter()
            .filter(|mode| pairs.one("type").is_none_or(|wanted| wanted == **mode))
            .map(|mode| {
                let counted = page
                    .subscribers
                    .iter()
                    .filter(|subscriber| subscriber.mode == *mode && subscriber.is_asked_for(&pairs));
                ((*mode).to_owned(), json!(counted.count()))
            })
            .collect();
        Ok(Answer::json(200, Value::Object(counts)))
    }

    fn subscriber_histogram(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        plain(call, &[])?;
        let page = self.page(page)?;
        let count = |mode: &str, state: &str| {
            let counted = page.subscribers.iter();
            counted.filter(|subscriber| subscriber.is_in(Some(state), Some(mode))).count()
        };
        let histogram: Map<String, Value> = MODES
            .iter()
            .map(|mode| {
                let states = json!({
                    "active": count(mode, "active"),
                    "unconfirmed": count(mode, "unconfirmed"),
                    "quarantined": count(mode, "quarantined"),
                    "total": count(mode, "all"),
                });
                ((*mode).to_owned(), states)
            })
            .collect();
        Ok(Answer::json(200, Value::Object(histogram)))
    }

    fn create_subscriber(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::subscribers::NEW)?;
        let fields = wrapped(&body, "subscriber");
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        let subscriber = Subscriber::asked_for(id, &fields, call.now())?;
        page.demand_components(subscriber.components.as_deref().unwrap_or_default())?;
        if let Some(user) = text(&fields, "page_access_user") {
            page.demand_access_users(&[user.to_owned()])?;
        }
        let answer = Answer::json(201, subscriber.to_json());
        let mail = page.subscribe(subscriber)?;
        self.mails.extend(mail);
        Ok(answer)
    }

    /// The body has no wrapper, and without components the subscriber follows the whole page.
    fn update_subscriber(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::subscribers::CHANGED)?;
        let followed = ids(&whole(&body), "component_ids");
        let page = self.page(page)?;
        page.demand_components(followed.as_deref().unwrap_or_default())?;
        let page_id = page.id.clone();
        let subscriber = page.subscriber_mut(id)?;
        subscriber.components = followed;
        let answer = Answer::json(200, subscriber.to_json());
        let mail = Mail::to_one(MailKind::Subscription, &page_id, "", subscriber);
        let is_told = subscriber.state == "active" && !subscriber.skips_confirmation;
        self.mails.extend(is_told.then_some(mail));
        Ok(answer)
    }

    fn delete_subscriber(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::subscribers::END)?;
        let page = self.page(page)?;
        let gone = page.subscriber(id)?.clone();
        page.unsubscribe(&gone);
        let mail = Mail::to_one(MailKind::Unsubscription, &page.id, "", &gone);
        let is_silent = pairs.is_set("skip_unsubscription_notification");
        self.mails.extend((!is_silent).then_some(mail));
        Ok(Answer::json(200, gone.to_json()))
    }
}

impl Page {
    pub(super) fn subscriber(&self, id: &str) -> Result<&Subscriber, Answer> {
        self.subscribers.iter().find(|subscriber| subscriber.id == id).ok_or_else(not_found)
    }

    fn subscriber_mut(&mut self, id: &str) -> Result<&mut Subscriber, Answer> {
        self.subscribers.iter_mut().find(|subscriber| subscriber.id == id).ok_or_else(not_found)
    }

    /// Adds a subscriber; the mail asks it to confirm.
    pub(super) fn subscribe(&mut self, subscriber: Subscriber) -> Result<Option<Mail>, Answer> {
        if self.subscribers.iter().any(|known| known.is_same_receiver(&subscriber)) {
            return Err(unprocessable("This receiver is subscribed already"));
        }
        self.unsubscribed.retain(|known| !known.is_same_receiver(&subscriber));
        let mail = (subscriber.state == "unconfirmed")
            .then(|| Mail::to_one(MailKind::Confirmation, &self.id, "", &subscriber));
        self.subscribers.push(subscriber);
        Ok(mail)
    }

    pub(super) fn unsubscribe(&mut self, gone: &Subscriber) {
        self.subscribers.retain(|known| known.id != gone.id);
        self.unsubscribed.push(gone.clone());
    }
}

/// The mail that asks once more; only e-mail subscribers who have not confirmed get it.
pub(super) fn resent(page: &str, incident: &str, subscriber: &Subscriber) -> Result<Mail, Answer> {
    if subscriber.state == "unconfirmed" && subscriber.mode == "email" {
        Ok(Mail::to_one(MailKind::Confirmation, page, incident, subscriber))
    } else {
        Err(unprocessable("Only an unconfirmed email subscriber can be asked again"))
    }
}
