//! The operations on many subscribers at once: at most a hundred ids, or all of them.

use serde_json::{Map, Value};

use super::fields::{flag, ids, text, whole};
use super::mail::{Mail, MailKind};
use super::page::Page;
use super::replies::{json_body, unprocessable};
use super::subscriber::Subscriber;
use super::subscribers::resent;
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

/// `all` ends subscriptions only where there are fewer.
const ALL_BELOW: usize = 100;

impl Statuspage {
    pub(super) fn unsubscribe_many(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::subscribers::UNSUBSCRIBE)?;
        let fields = whole(&body);
        let page = self.page(page)?;
        let chosen =
            page.chosen(&fields, |subscriber| subscriber.is_in(text(&fields, "state"), text(&fields, "type")))?;
        if means_all(&fields) && chosen.len() >= ALL_BELOW {
            return Err(unprocessable(format!(
                "All subscribers can be unsubscribed at once only while there are fewer than {ALL_BELOW}"
            )));
        }
        let is_silent = flag(&fields, "skip_unsubscription_notification").unwrap_or(false);
        let mut mails = Vec::new();
        for gone in chosen {
            page.unsubscribe(&gone);
            let mail = Mail::to_one(MailKind::Unsubscription, &page.id, "", &gone);
            mails.extend((!is_silent).then_some(mail));
        }
        self.mails.extend(mails);
        Ok(Answer::empty(201))
    }

    /// Quarantined subscribers become active; the others that are named stay as they are.
    pub(super) fn reactivate_many(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::subscribers::REACTIVATE)?;
        let fields = whole(&body);
        let page = self.page(page)?;
        let chosen = page.chosen(&fields, |subscriber| subscriber.is_in(Some("quarantined"), text(&fields, "type")))?;
        let mut mails = Vec::new();
        for revived in chosen {
            for subscriber in &mut page.subscribers {
                if subscriber.id == revived.id {
                    subscriber.state = "active";
                }
            }
            mails.push(Mail::to_one(MailKind::Subscription, &page.id, "", &revived));
        }
        self.mails.extend(mails);
        Ok(Answer::empty(201))
    }

    /// Unconfirmed e-mail subscribers are asked again; the others that are named are left alone.
    pub(super) fn resend_many(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::subscribers::RESEND)?;
        let page = self.page(page)?;
        let chosen = page.chosen(&whole(&body), |subscriber| subscriber.is_in(Some("unconfirmed"), None))?;
        let mails: Vec<Mail> = chosen.iter().filter_map(|subscriber| resent(&page.id, "", subscriber).ok()).collect();
        self.mails.extend(mails);
        Ok(Answer::empty(201))
    }
}

impl Page {
    /// The subscribers that a bulk body means, of those that the operation is for.
    fn chosen(
        &self,
        fields: &Map<String, Value>,
        is_meant: impl Fn(&Subscriber) -> bool,
    ) -> Result<Vec<Subscriber>, Answer> {
        let named = ids(fields, "subscribers");
        for id in named.iter().flatten() {
            self.subscriber(id).map_err(|_| unprocessable(format!("No subscriber of this page has the id {id}")))?;
        }
        Ok(self
            .subscribers
            .iter()
            .filter(|subscriber| named.as_ref().is_none_or(|named| named.contains(&subscriber.id)))
            .filter(|subscriber| is_meant(subscriber))
            .cloned()
            .collect())
    }
}

fn means_all(fields: &Map<String, Value>) -> bool {
    text(fields, "subscribers") == Some("all")
}
