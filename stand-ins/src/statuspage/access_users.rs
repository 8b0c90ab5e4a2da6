//! The page access user operations.

use serde_json::{Map, Value};

use super::access::{AccessUser, Change};
use super::fields::{flag, ids, is_missing, text, whole, wrapped};
use super::mail::Mail;
use super::page::Page;
use super::replies::{error, json_body, no_such_operation, not_found, paged, plain, unprocessable};
use super::subscriber::{Subscriber, is_email};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::check::Shape;
use crate::moment::Moment;

/// What a user may see, apart from what groups give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Components,
    Metrics,
}

impl Statuspage {
    pub(super) fn access_users(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => self.list_access_users(call, page),
            ("POST", []) => self.create_access_user(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                let page = self.audience(page)?;
                Ok(Answer::json(200, page.access_user_json(page.access_user(id)?)))
            }
            ("PATCH", [id]) => self.update_access_user(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.audience(page)?;
                page.access_user(id)?;
                page.access_users.retain(|user| user.id != *id);
                page.put_into_groups(id, &[]);
                Ok(Answer::empty(204))
            }
            (_, [id, kind, rest @ ..]) => match *kind {
                "components" => self.seen_by_user(call, page, id, Shown::Components, rest),
                "metrics" => self.seen_by_user(call, page, id, Shown::Metrics, rest),
                _ => Err(no_such_operation(call)),
            },
            _ => Err(no_such_operation(call)),
        }
    }

    /// A page that has audiences.
    pub(super) fn audience(&mut self, page: &str) -> Result<&mut Page, Answer> {
        let page = self.page(page)?;
        page.demand_audiences()?;
        Ok(page)
    }

    fn list_access_users(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::access::USER_LIST)?;
        let page = self.audience(page)?;
        let found = page.access_users.iter().filter(|user| {
            let wanted = pairs.one("email");
            wanted.is_none_or(|wanted| user.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(wanted)))
        });
        Ok(paged(found.map(|user| page.access_user_json(user)).collect(), &pairs))
    }

    fn create_access_user(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::access::NEW_USER)?;
        let fields = wrapped(&body, "page_access_user");
        let (id, subscriber) = (self.mint.lower(12), self.mint.lower(12));
        let page = self.audience(page)?;
        if is_missing(&fields, "email") && is_missing(&fields, "external_login") {
            return Err(unprocessable("Email can't be blank"));
        }
        page.refuse_access_user(&fields, None)?;
        let mut user = AccessUser::new(&id, call.now());
        user.change(&fields, call.now());
        page.access_users.push(user);
        page.put_into_groups(&id, &ids(&fields, "page_access_group_ids").unwrap_or_default());
        let answer = Answer::json(200, page.access_user_json(page.access_user(&id)?));
        let mail = if flag(&fields, "subscribe_to_components").unwrap_or(false) {
            page.subscribe_access_user(&id, subscriber, call.now())
        } else {
            None
        };
        self.mails.extend(mail);
        Ok(answer)
    }

    /// The groups that are given are all that the user is in afterwards; no document says so, or the opposite.
    fn update_access_user(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::access::CHANGED_USER)?;
        let fields = wrapped(&body, "page_access_user");
        let page = self.audience(page)?;
        page.access_user(id)?;
        page.refuse_access_user(&fields, Some(id))?;
        page.access_user_mut(id)?.change(&fields, call.now());
        if let Some(groups) = ids(&fields, "page_access_group_ids") {
            page.put_into_groups(id, &groups);
        }
        Ok(Answer::json(200, page.access_user_json(page.access_user(id)?)))
    }

    fn seen_by_user(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        id: &str,
        shown: Shown,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.audience(page)?;
                let user = page.access_user(id)?;
                Ok(paged(page.shown_to(user, shown), &pairs))
            }
            ("DELETE", [one]) => {
                plain(call, &[])?;
                let page = self.audience(page)?;
                let list = page.access_user_mut(id)?.list_mut(shown);
                let at = list.iter().position(|known| known == one).ok_or_else(not_found)?;
                list.remove(at);
                Ok(Answer::json(200, page.access_user_json(page.access_user(id)?)))
            }
            (method, []) => {
                let change = Change::of(method).ok_or_else(|| no_such_operation(call))?;
                let body = json_body(call, shown.shape(change))?;
                let named = ids(&whole(&body), shown.member());
                let page = self.audience(page)?;
                let strangers = named.as_deref().unwrap_or_default();
                match shown {
                    Shown::Components => page.demand_components(strangers)?,
                    Shown::Metrics => page.demand_metrics(strangers)?,
                }
                change.apply(page.access_user_mut(id)?.list_mut(shown), named);
                let user = page.access_user_json(page.access_user(id)?);
                Ok(Answer::json(change.status(), user))
            }
            _ => Err(no_such_operation(call)),
        }
    }
}

impl Shown {
    fn member(self) -> &'static str {
        match self {
            Self::Components => "component_ids",
            Self::Metrics => "metric_ids",
        }
    }

    fn shape(self, change: Change) -> &'static Shape {
        match (self, change) {
            (Self::Components, Change::Remove) => &shapes::access::OPTIONAL_COMPONENTS,
            (Self::Components, Change::Add | Change::Replace) => &shapes::access::COMPONENTS,
            (Self::Metrics, Change::Remove) => &shapes::access::OPTIONAL_METRICS,
            (Self::Metrics, Change::Add | Change::Replace) => &shapes::access::METRICS,
        }
    }
}

impl AccessUser {
    fn list_mut(&mut self, shown: Shown) -> &mut Vec<String> {
        match shown {
            Shown::Components => &mut self.components,
            Shown::Metrics => &mut self.metrics,
        }
    }
}

impl Page {
    fn access_user(&self, id: &str) -> Result<&AccessUser, Answer> {
        self.access_users.iter().find(|user| user.id == id).ok_or_else(not_found)
    }

    fn access_user_mut(&mut self, id: &str) -> Result<&mut AccessUser, Answer> {
        self.access_users.iter_mut().find(|user| user.id == id).ok_or_else(not_found)
    }

    fn shown_to(&self, user: &AccessUser, shown: Shown) -> Vec<Value> {
        match shown {
            Shown::Components => self.components_json_of(|component| user.components.contains(&component.id)),
            Shown::Metrics => {
                let metrics = self.metrics.iter();
                metrics.filter(|metric| user.metrics.contains(&metric.id)).map(super::metric::Metric::to_json).collect()
            }
        }
    }

    /// Refuses strangers among the groups, and with 409 a second user with the same address or login.
    fn refuse_access_user(&self, fields: &Map<String, Value>, known: Option<&str>) -> Result<(), Answer> {
        if text(fields, "email").is_some_and(|email| !is_email(email)) {
            return Err(unprocessable("Email is invalid"));
        }
        self.demand_access_groups(&ids(fields, "page_access_group_ids").unwrap_or_default())?;
        let (email, login) = (text(fields, "email"), text(fields, "external_login"));
        let is_taken = self.access_users.iter().any(|user| {
            let is_other = known != Some(user.id.as_str());
            let has_email = email.is_some() && user.email.as_deref() == email;
            let has_login = login.is_some() && user.external_login.as_deref() == login;
            is_other && (has_email || has_login)
        });
        if is_taken {
            return Err(error(409, "A page access user with this email or login exists already"));
        }
        Ok(())
    }

    fn subscribe_access_user(&mut self, user: &str, id: String, now: Moment) -> Option<Mail> {
        let email = self.access_user(user).ok()?.email.clone()?;
        let mut subscriber = Subscriber::new(id, "email", email, "unconfirmed", now);
        subscriber.access_user = Some(user.to_owned());
        self.subscribe(subscriber).ok().flatten()
    }
}
