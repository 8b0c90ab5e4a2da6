//! Who is told about the incidents of a page.

use serde_json::{Map, Value, json};

use super::{Page, Statuspage, page_of, plain, shapes};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Subscriber {
    pub(super) id: String,
    /// `email`, `sms`, `webhook` and so on.
    pub(super) mode: &'static str,
    /// The address, the number or the endpoint.
    pub(super) address: String,
    /// `active`, `unconfirmed` or `quarantined`.
    pub(super) state: &'static str,
    pub(super) created: Moment,
}

const MODES: &[&str] = &["email", "integration_partner", "slack", "sms", "teams", "webhook"];

impl Statuspage {
    pub(super) fn list_subscribers(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::SUBSCRIBER_LIST)?;
        let wanted = pairs.one("q").unwrap_or_default().to_lowercase();
        let page = self.page(page)?;
        let mut found: Vec<&Subscriber> = page
            .subscribers
            .iter()
            .filter(|subscriber| {
                subscriber.is_asked_for(&pairs) && subscriber.address.to_lowercase().contains(&wanted)
            })
            .collect();
        match pairs.one("sort_field") {
            Some("primary") => found.sort_by(|one, other| one.address.cmp(&other.address)),
            Some("created_at") => found.sort_by_key(|subscriber| subscriber.created),
            _ => {}
        }
        if pairs.one("sort_direction") == Some("desc") {
            found.reverse();
        }
        Ok(page_of(
            found.into_iter().map(Subscriber::to_json).collect(),
            &pairs,
            "limit",
            0,
        ))
    }

    pub(super) fn count_subscribers(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::SUBSCRIBER_COUNT)?;
        let page = self.page(page)?;
        let counts: Map<String, Value> = MODES
            .iter()
            .filter(|mode| pairs.one("type").is_none_or(|wanted| wanted == **mode))
            .map(|mode| {
                let of_mode = page
                    .subscribers
                    .iter()
                    .filter(|subscriber| subscriber.mode == *mode);
                (
                    (*mode).to_owned(),
                    json!(
                        of_mode
                            .filter(|subscriber| subscriber.is_asked_for(&pairs))
                            .count()
                    ),
                )
            })
            .collect();
        Ok(Answer::json(200, Value::Object(counts)))
    }
}

impl Page {
    /// How many get a mail when an update goes out.
    pub(super) fn mail_recipients(&self) -> usize {
        let active = self
            .subscribers
            .iter()
            .filter(|subscriber| subscriber.state == "active");
        active.filter(|subscriber| subscriber.mode == "email").count()
    }
}

impl Subscriber {
    /// Quarantined and unconfirmed ones are listed only when they are asked for.
    fn is_asked_for(&self, pairs: &Pairs) -> bool {
        let state = pairs.one("state").unwrap_or("active");
        (state == "all" || state == self.state) && pairs.one("type").is_none_or(|mode| mode == self.mode)
    }

    fn to_json(&self) -> Value {
        let of_mode = |mode: &str| (self.mode == mode).then_some(self.address.as_str());
        json!({
            "id": self.id,
            "mode": self.mode,
            "email": of_mode("email"),
            "phone_number": of_mode("sms"),
            "phone_country": (self.mode == "sms").then_some("NL"),
            "endpoint": of_mode("webhook"),
            "quarantined_at": (self.state == "quarantined").then(|| self.created.to_string()),
            "skip_confirmation_notification": false,
            "page_access_user_id": null,
            "components": null,
            "created_at": self.created.to_string(),
        })
    }
}
