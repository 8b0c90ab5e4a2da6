//! Who is told about the incidents of a page, or about one of them, alone or many at once.

use serde_json::{Map, Value, json};

use super::Statuspage;
use super::doc::{flag, ids, is_missing, merge, set, shown, take, text, word};
use super::mail::{Mail, MailKind};
use super::route::{Asked, refuse, unprocessable};
use crate::answer::Answer;
use crate::moment::Moment;

/// Every mode, in the order in which they are counted.
const MODES: &[&str] = &["email", "integration_partner", "slack", "sms", "teams", "webhook"];

/// Minutes after which a quarantined subscriber is removed.
const PURGE_MINUTES: u64 = 60 * 24 * 30;

/// `all` ends subscriptions only where there are fewer.
const ALL_BELOW: usize = 100;

impl Statuspage {
    pub(super) fn subscribers(&mut self, asked: &Asked, tail: &str) -> Result<Answer, Answer> {
        let (page, pairs) = (asked.page(), &asked.examined.pairs);
        // Those of an incident stand below it, and its id before theirs.
        let of_incident = tail.starts_with("/incidents/");
        let incident = if of_incident { asked.id(1) } else { "" };
        if of_incident {
            self.thing(&page, "incidents", incident)?;
        }
        let list = list_of(incident);
        let id = asked.examined.ids.get(if of_incident { 2 } else { 1 }).map(String::as_str);
        let action = tail.rsplit('/').next().unwrap_or_default();
        let count = |state: Option<&str>, mode: &str| {
            self.all(&page, "subscribers").iter().filter(|known| is_in(known, state, Some(mode))).count()
        };
        match (asked.operation.method, action, id) {
            ("GET", "count", _) => {
                Ok(asked.answer(Self::by_mode(pairs.one("type"), |mode| json!(count(pairs.one("state"), mode)))))
            }
            ("GET", "histogram_by_state", _) => Ok(asked.answer(Self::by_mode(None, |mode| {
                let of = |state| count(Some(state), mode);
                let (active, unconfirmed) = (of("active"), of("unconfirmed"));
                json!({"active": active, "unconfirmed": unconfirmed, "quarantined": of("quarantined"), "total": of("all")})
            }))),
            ("GET", "unsubscribed", _) => {
                Ok(asked.list(self.all(&page, "subscribers/unsubscribed").iter().map(shown).collect()))
            }
            ("GET", _, None) if of_incident => Ok(asked.list(self.all(&page, &list).iter().map(shown).collect())),
            ("GET", _, None) => Ok(asked.list(self.found(asked))),
            ("GET", _, Some(id)) => Ok(asked.answer(shown(self.thing(&page, &list, id)?))),
            ("POST", "subscribers", _) => self.follow(asked, &page, incident),
            ("POST", "resend_confirmation", Some(id)) => {
                let mail = resent(&page, incident, self.thing(&page, &list, id)?)?;
                self.mails.push(mail);
                Ok(Answer::empty(201))
            }
            ("PATCH", ..) => self.update_subscriber(asked, &page, id.unwrap_or_default()),
            ("DELETE", ..) => {
                let gone = self.thing(&page, &list, id.unwrap_or_default())?.clone();
                self.unsubscribe(&page, &list, &gone);
                let mail = Mail::to_one(MailKind::Unsubscription, &page, incident, word(&gone, "_address"));
                self.mails.extend((!pairs.is_set("skip_unsubscription_notification")).then_some(mail));
                Ok(asked.answer(shown(&gone)))
            }
            _ => self.change_many(asked, &page, action),
        }
    }

    fn found(&self, asked: &Asked) -> Vec<Value> {
        let pairs = &asked.examined.pairs;
        let wanted = pairs.one("q").unwrap_or_default().to_lowercase();
        let all = self.all(asked.id(0), "subscribers").iter();
        let mut found: Vec<&Value> = all
            .filter(|known| is_in(known, pairs.one("state"), pairs.one("type")))
            .filter(|known| word(known, "_address").to_lowercase().contains(&wanted))
            .collect();
        match pairs.one("sort_field") {
            Some("primary") => found.sort_by_key(|known| word(known, "_address")),
            Some("created_at" | "quarantined_at") => found.sort_by_key(|known| word(known, "created_at")),
            _ => {}
        }
        if pairs.one("sort_direction") == Some("desc") {
            found.reverse();
        }
        found.into_iter().map(shown).collect()
    }

    /// Something about the subscribers of each mode, or of one.
    fn by_mode(mode: Option<&str>, told: impl Fn(&str) -> Value) -> Value {
        let modes = MODES.iter().filter(|known| mode.is_none_or(|wanted| wanted == **known));
        modes.map(|mode| ((*mode).to_owned(), told(mode))).collect::<Map<_, _>>().into()
    }

    /// INVARIANT: a subscriber is active only after it was asked, unless the body says so
    /// (`a_new_subscriber_is_asked_to_confirm_unless_told_otherwise`).
    fn follow(&mut self, asked: &Asked, page: &str, incident: &str) -> Result<Answer, Answer> {
        let fields = &asked.fields;
        refuse(&contact_problems(fields))?;
        let followed = ids(fields, "component_ids");
        self.demand(page, "components", "component", followed.as_deref().unwrap_or_default())?;
        if let Some(user) = text(fields, "page_access_user") {
            self.demand(page, "page_access_users", "page access user", &[user.to_owned()])?;
        }
        let (mode, address) = match (text(fields, "endpoint"), text(fields, "email")) {
            (Some(endpoint), _) => ("webhook", endpoint),
            (None, Some(email)) => ("email", email),
            (None, None) => ("sms", word(fields, "phone_number")),
        };
        let skips = flag(fields, "skip_confirmation_notification").unwrap_or(false);
        let state = if skips { "active" } else { "unconfirmed" };
        let mut subscriber = self.subscriber_of(mode, address, state, asked.now);
        for name in ["email", "phone_country"] {
            if let Some(text) = text(fields, name) {
                set(&mut subscriber, name, text);
            }
        }
        let told = json!({
            "components": followed,
            "page_access_user_id": text(fields, "page_access_user"),
            "skip_confirmation_notification": skips,
        });
        merge(&mut subscriber, &told);
        let answer = asked.answer(shown(&subscriber));
        self.subscribe(page, incident, subscriber)?;
        Ok(answer)
    }

    pub(super) fn subscriber_of(&mut self, mode: &str, address: &str, state: &str, created: Moment) -> Value {
        let mut subscriber = self.blank("", "subscriber", created);
        take(&mut subscriber, "updated_at");
        let told = match mode {
            "email" => json!({"email": address}),
            "sms" => json!({"phone_number": address, "display_phone_number": address, "phone_country": "NL"}),
            _ => json!({"endpoint": address}),
        };
        merge(&mut subscriber, &told);
        merge(&mut subscriber, &json!({"mode": mode, "_address": address, "_state": state}));
        if state == "quarantined" {
            set(&mut subscriber, "quarantined_at", created.to_string());
            set(&mut subscriber, "purge_at", created.in_minutes(PURGE_MINUTES).to_string());
        }
        subscriber
    }

    /// Adds a subscriber, of an incident or of the page; a mail asks it to confirm.
    pub(super) fn subscribe(&mut self, page: &str, incident: &str, subscriber: Value) -> Result<(), Answer> {
        let list = list_of(incident);
        let is_same = |known: &Value| {
            word(known, "mode") == word(&subscriber, "mode")
                && word(known, "_address").eq_ignore_ascii_case(word(&subscriber, "_address"))
        };
        if self.all(page, &list).iter().any(is_same) {
            return Err(unprocessable("This receiver is subscribed already"));
        }
        self.all_mut(page, "subscribers/unsubscribed").retain(|known| !is_same(known));
        let mail = Mail::to_one(MailKind::Confirmation, page, incident, word(&subscriber, "_address"));
        self.mails.extend((word(&subscriber, "_state") == "unconfirmed").then_some(mail));
        self.all_mut(page, &list).push(subscriber);
        Ok(())
    }

    fn unsubscribe(&mut self, page: &str, list: &str, gone: &Value) {
        self.all_mut(page, list).retain(|known| word(known, "id") != word(gone, "id"));
        if list == "subscribers" {
            self.all_mut(page, "subscribers/unsubscribed").push(gone.clone());
        }
    }

    /// The body has no wrapper, and without components the subscriber follows the whole page.
    fn update_subscriber(&mut self, asked: &Asked, page: &str, id: &str) -> Result<Answer, Answer> {
        let followed = ids(&asked.fields, "component_ids");
        self.demand(page, "components", "component", followed.as_deref().unwrap_or_default())?;
        let subscriber = self.thing_mut(page, "subscribers", id)?;
        set(subscriber, "components", followed);
        let mail = Mail::to_one(MailKind::Subscription, page, "", word(subscriber, "_address"));
        let skips = flag(subscriber, "skip_confirmation_notification") == Some(true);
        let is_told = word(subscriber, "_state") == "active" && !skips;
        let answer = asked.answer(shown(subscriber));
        self.mails.extend(is_told.then_some(mail));
        Ok(answer)
    }

    /// At most a hundred ids, or all of them. What is named and is not meant by the operation stays as it is.
    fn change_many(&mut self, asked: &Asked, page: &str, action: &str) -> Result<Answer, Answer> {
        let fields = &asked.fields;
        let named = ids(fields, "subscribers");
        self.demand(page, "subscribers", "subscriber", named.as_deref().unwrap_or_default())?;
        let state = match action {
            "unsubscribe" => text(fields, "state"),
            "reactivate" => Some("quarantined"),
            _ => Some("unconfirmed"),
        };
        let is_meant = |known: &&Value| {
            let is_named = named.as_ref().is_none_or(|named| named.iter().any(|id| id == word(known, "id")));
            is_named && is_in(known, state, text(fields, "type"))
        };
        let chosen: Vec<Value> = self.all(page, "subscribers").iter().filter(is_meant).cloned().collect();
        if action == "unsubscribe" && named.is_none() && chosen.len() >= ALL_BELOW {
            let text = "All subscribers can be unsubscribed at once only while there are fewer than";
            return Err(unprocessable(format!("{text} {ALL_BELOW}")));
        }
        let is_silent = flag(fields, "skip_unsubscription_notification") == Some(true);
        for one in &chosen {
            let mail = |kind| Mail::to_one(kind, page, "", word(one, "_address"));
            match action {
                "unsubscribe" => {
                    self.unsubscribe(page, "subscribers", one);
                    self.mails.extend((!is_silent).then(|| mail(MailKind::Unsubscription)));
                }
                "reactivate" => {
                    let told = json!({"_state": "active", "quarantined_at": null, "purge_at": null});
                    merge(self.thing_mut(page, "subscribers", word(one, "id"))?, &told);
                    self.mails.push(mail(MailKind::Subscription));
                }
                _ => self.mails.extend(resent(page, "", one).ok()),
            }
        }
        Ok(Answer::empty(asked.operation.status))
    }
}

/// The collection of the subscribers of an incident, or of the page where there is none.
fn list_of(incident: &str) -> String {
    if incident.is_empty() { "subscribers".to_owned() } else { format!("incidents/{incident}/subscribers") }
}

/// Whether a subscriber is in the state (usually `active`) and of the type.
fn is_in(subscriber: &Value, state: Option<&str>, mode: Option<&str>) -> bool {
    let state = state.unwrap_or("active");
    (state == "all" || state == word(subscriber, "_state")) && mode.is_none_or(|mode| mode == word(subscriber, "mode"))
}

/// The mail that asks once more; only e-mail subscribers who have not confirmed get it.
fn resent(page: &str, incident: &str, subscriber: &Value) -> Result<Mail, Answer> {
    if word(subscriber, "_state") == "unconfirmed" && word(subscriber, "mode") == "email" {
        Ok(Mail::to_one(MailKind::Confirmation, page, incident, word(subscriber, "_address")))
    } else {
        Err(unprocessable("Only an unconfirmed email subscriber can be asked again"))
    }
}

fn contact_problems(fields: &Value) -> Vec<String> {
    let has = |name: &str| fields.get(name).is_some();
    let has_phone = has("phone_number") || has("phone_country");
    let is_country = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_address = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    let is_wrong = |name: &str, fits: fn(&str) -> bool| text(fields, name).is_some_and(|text| !fits(text));
    let has_half_a_number = is_missing(fields, "phone_number") || is_missing(fields, "phone_country");
    let rules = [
        (!has("email") && !has_phone, "A subscriber needs an email or a phone number"),
        (has_phone && (has("email") || has("endpoint")), "A subscriber has an email or a phone number, not both"),
        (has("endpoint") && !has("email"), "A webhook needs an email for the case that it fails"),
        (has_phone && has_half_a_number, "A phone number needs its country"),
        (is_wrong("email", is_email), "Email is invalid"),
        (is_wrong("phone_country", is_country), "Phone country is invalid"),
        (is_wrong("endpoint", is_address), "Endpoint is invalid"),
    ];
    rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, text)| text.to_owned()).collect()
}

/// Something on both sides of one sign, and no white space.
pub(super) fn is_email(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    matches!(parts.as_slice(), [local, host] if !local.is_empty() && !host.is_empty())
        && !text.contains(char::is_whitespace)
}
