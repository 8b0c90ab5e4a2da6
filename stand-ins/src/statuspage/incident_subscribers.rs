//! The subscribers of a single incident.

use super::fields::wrapped;
use super::mail::{Mail, MailKind};
use super::replies::{json_body, no_such_operation, not_found, paged, plain, unprocessable};
use super::subscriber::Subscriber;
use super::subscribers::resent;
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

impl Statuspage {
    pub(super) fn incident_subscribers(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        incident: &str,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let incident = self.page(page)?.incident_mut(incident)?;
                let all = incident.subscribers.iter().map(Subscriber::to_json);
                Ok(paged(all.collect(), &pairs))
            }
            ("POST", []) => self.follow_incident(call, page, incident),
            ("GET", [id]) => {
                plain(call, &[])?;
                Ok(Answer::json(200, self.follower(page, incident, id)?.to_json()))
            }
            ("DELETE", [id]) => {
                // There is no switch here: the subscriber is always told.
                plain(call, &[])?;
                let gone = self.follower(page, incident, id)?;
                let found = self.page(page)?.incident_mut(incident)?;
                found.subscribers.retain(|known| known.id != *id);
                self.mails.push(Mail::to_one(MailKind::Unsubscription, page, incident, &gone));
                Ok(Answer::json(200, gone.to_json()))
            }
            ("POST", [id, "resend_confirmation"]) => {
                plain(call, &[])?;
                let mail = resent(page, incident, &self.follower(page, incident, id)?)?;
                self.mails.push(mail);
                Ok(Answer::empty(201))
            }
            _ => Err(no_such_operation(call)),
        }
    }

    fn follow_incident(&mut self, call: &mut Call<'_>, page: &str, incident: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::subscribers::NEW_OF_INCIDENT)?;
        let id = self.mint.lower(12);
        let found = self.page(page)?.incident_mut(incident)?;
        let subscriber = Subscriber::asked_for(id, &wrapped(&body, "subscriber"), call.now())?;
        if found.subscribers.iter().any(|known| known.is_same_receiver(&subscriber)) {
            return Err(unprocessable("This receiver is subscribed already"));
        }
        let is_asked = subscriber.state == "unconfirmed";
        let mail = Mail::to_one(MailKind::Confirmation, page, incident, &subscriber);
        let answer = Answer::json(201, subscriber.to_json());
        found.subscribers.push(subscriber);
        self.mails.extend(is_asked.then_some(mail));
        Ok(answer)
    }

    fn follower(&mut self, page: &str, incident: &str, id: &str) -> Result<Subscriber, Answer> {
        let incident = self.page(page)?.incident_mut(incident)?;
        let mut known = incident.subscribers.iter();
        known.find(|subscriber| subscriber.id == id).cloned().ok_or_else(not_found)
    }
}
