//! Who is told about the incidents of a page, or about one of them.

use serde_json::{Map, Value, json};

use super::fields::{flag, ids, is_missing, text};
use super::replies::refuse;
use crate::answer::Answer;
use crate::call::Pairs;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Subscriber {
    pub(super) id: String,
    /// `email`, `sms`, `webhook` and so on.
    pub(super) mode: &'static str,
    /// The address, the number or the endpoint.
    pub(super) address: String,
    /// Of a webhook: the address that hears of failures.
    pub(super) email: Option<String>,
    pub(super) country: Option<String>,
    /// `active`, `unconfirmed` or `quarantined`.
    pub(super) state: &'static str,
    /// The components that it follows; `None` for all.
    pub(super) components: Option<Vec<String>>,
    pub(super) access_user: Option<String>,
    pub(super) skips_confirmation: bool,
    pub(super) created: Moment,
}

/// Every mode, in the order in which they are counted.
pub(super) const MODES: &[&str] = &["email", "integration_partner", "slack", "sms", "teams", "webhook"];

/// Days after which a quarantined subscriber is removed.
const PURGE_MINUTES: u64 = 60 * 24 * 30;

impl Subscriber {
    pub(super) fn new(id: String, mode: &'static str, address: String, state: &'static str, created: Moment) -> Self {
        Self {
            id,
            mode,
            address,
            email: None,
            country: (mode == "sms").then(|| "NL".to_owned()),
            state,
            components: None,
            access_user: None,
            skips_confirmation: false,
            created,
        }
    }

    /// Makes a subscriber of a body that has passed its check: mail, text message, or webhook with a mail address.
    ///
    /// INVARIANT: nobody is active who was not asked, unless the body says so
    /// (`a_new_subscriber_is_asked_to_confirm_unless_told_otherwise`).
    pub(super) fn asked_for(id: String, fields: &Map<String, Value>, now: Moment) -> Result<Self, Answer> {
        refuse(&contact_problems(fields))?;
        let owned = |name: &str| text(fields, name).map(str::to_owned).unwrap_or_default();
        let (mode, address) = if fields.contains_key("endpoint") {
            ("webhook", owned("endpoint"))
        } else if fields.contains_key("email") {
            ("email", owned("email"))
        } else {
            ("sms", owned("phone_number"))
        };
        let skips = flag(fields, "skip_confirmation_notification").unwrap_or(false);
        let mut subscriber = Self::new(id, mode, address, if skips { "active" } else { "unconfirmed" }, now);
        subscriber.email = (mode == "webhook").then(|| owned("email"));
        subscriber.country = text(fields, "phone_country").map(str::to_owned);
        subscriber.components = ids(fields, "component_ids");
        subscriber.access_user = text(fields, "page_access_user").map(str::to_owned);
        subscriber.skips_confirmation = skips;
        Ok(subscriber)
    }

    /// Whether this is the same way to the same receiver.
    pub(super) fn is_same_receiver(&self, other: &Self) -> bool {
        self.mode == other.mode && self.address.eq_ignore_ascii_case(&other.address)
    }

    /// Quarantined and unconfirmed ones are meant only when they are asked for.
    pub(super) fn is_asked_for(&self, pairs: &Pairs) -> bool {
        self.is_in(pairs.one("state"), pairs.one("type"))
    }

    /// Whether the subscriber is in the state (usually `active`) and of the type.
    pub(super) fn is_in(&self, state: Option<&str>, mode: Option<&str>) -> bool {
        let state = state.unwrap_or("active");
        (state == "all" || state == self.state) && mode.is_none_or(|mode| mode == self.mode)
    }

    pub(super) fn to_json(&self) -> Value {
        let of_mode = |mode: &str| (self.mode == mode).then_some(self.address.as_str());
        let is_quarantined = self.state == "quarantined";
        json!({
            "id": self.id,
            "mode": self.mode,
            "email": of_mode("email").or(self.email.as_deref()),
            "phone_number": of_mode("sms"),
            "phone_country": self.country,
            "display_phone_number": of_mode("sms"),
            "endpoint": of_mode("webhook"),
            "obfuscated_channel_name": null,
            "workspace_name": null,
            "quarantined_at": is_quarantined.then(|| self.created.to_string()),
            "purge_at": is_quarantined.then(|| self.created.in_minutes(PURGE_MINUTES).to_string()),
            "skip_confirmation_notification": self.skips_confirmation,
            "page_access_user_id": self.access_user,
            "components": self.components,
            "created_at": self.created.to_string(),
        })
    }
}

fn contact_problems(fields: &Map<String, Value>) -> Vec<String> {
    let has = |name: &str| fields.contains_key(name);
    let has_phone = has("phone_number") || has("phone_country");
    let mut problems = Vec::new();
    if !has("email") && !has_phone {
        problems.push("A subscriber needs an email or a phone number".to_owned());
    }
    if has_phone && (has("email") || has("endpoint")) {
        problems.push("A subscriber has an email or a phone number, not both".to_owned());
    }
    if has("endpoint") && !has("email") {
        problems.push("A webhook needs an email for the case that it fails".to_owned());
    }
    if has_phone && (is_missing(fields, "phone_number") || is_missing(fields, "phone_country")) {
        problems.push("A phone number needs its country".to_owned());
    }
    if text(fields, "email").is_some_and(|email| !is_email(email)) {
        problems.push("Email is invalid".to_owned());
    }
    let is_country = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if text(fields, "phone_country").is_some_and(|country| !is_country(country)) {
        problems.push("Phone country is invalid".to_owned());
    }
    let is_address = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    if text(fields, "endpoint").is_some_and(|endpoint| !is_address(endpoint)) {
        problems.push("Endpoint is invalid".to_owned());
    }
    problems
}

/// Something on both sides of one sign, and no white space.
pub(super) fn is_email(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    matches!(parts.as_slice(), [local, host] if !local.is_empty() && !host.is_empty())
        && !text.contains(char::is_whitespace)
}
