//! Who may see what of an audience-specific page.

use serde_json::Value;

use super::Statuspage;
use super::doc::{flag, ids, is_missing, keep, lists, merge, put, set, shown, take, text, word};
use super::route::{Asked, error, not_found, unprocessable};
use super::subscribers::is_email;
use crate::answer::Answer;

impl Statuspage {
    /// Users and groups, and below them what they see.
    pub(super) fn page_access(&mut self, asked: &Asked, tail: &str) -> Result<Answer, Answer> {
        match (asked.operation.method, tail) {
            ("GET", "/page_access_users") => {
                let wanted = asked.examined.pairs.one("email");
                let users = self
                    .all(asked.id(0), "page_access_users")
                    .iter()
                    .filter(|user| wanted.is_none_or(|wanted| word(user, "email").eq_ignore_ascii_case(wanted)));
                Ok(asked.list(users.map(|user| self.access_user_shown(asked.id(0), user)).collect()))
            }
            ("POST", "/page_access_users") => self.create_access_user(asked),
            ("PATCH", "/page_access_users/{page_access_user_id}") => self.update_access_user(asked),
            ("POST" | "PATCH", "/page_access_groups" | "/page_access_groups/{page_access_group_id}") => {
                self.save_access_group(asked)
            }
            (_, tail) if tail.contains("_id}/components") => self.seen(asked, tail, "components"),
            (_, tail) if tail.contains("_id}/metrics") => self.seen(asked, tail, "metrics"),
            _ => self.generic(asked),
        }
    }

    fn create_access_user(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let page = asked.page();
        if is_missing(&asked.fields, "email") && is_missing(&asked.fields, "external_login") {
            return Err(unprocessable("Email can't be blank"));
        }
        self.check_access_user(&page, &asked.fields, "")?;
        let user = self.blank(&page, "v1/pages/{}/page_access_users", asked.now);
        let id = word(&user, "id").to_owned();
        self.all_mut(&page, "page_access_users").push(user);
        let answer = self.save_access_user(asked, &page, &id)?;
        if let (Some(true), Some(email)) =
            (flag(&asked.fields, "subscribe_to_components"), text(&asked.fields, "email"))
        {
            let mut subscriber = self.subscriber_of("email", email, "unconfirmed", asked.now);
            set(&mut subscriber, "page_access_user_id", id);
            self.subscribe(&page, "", subscriber).ok();
        }
        Ok(answer)
    }

    fn update_access_user(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (page, id) = (asked.page(), asked.id(1));
        self.thing(&page, "page_access_users", id)?;
        self.check_access_user(&page, &asked.fields, id)?;
        self.save_access_user(asked, &page, id)
    }

    /// The groups that are given are all that the user is in afterwards; no document says so, or the opposite.
    fn save_access_user(&mut self, asked: &Asked, page: &str, id: &str) -> Result<Answer, Answer> {
        let mut fields = asked.fields.clone();
        take(&mut fields, "subscribe_to_components");
        let groups = take(&mut fields, "page_access_group_ids");
        let user = self.thing_mut(page, "page_access_users", id)?;
        merge(user, &fields);
        set(user, "updated_at", asked.now.to_string());
        if groups.is_some() {
            for group in self.all_mut(page, "page_access_groups") {
                if lists(&asked.fields, "page_access_group_ids", word(group, "id")) {
                    put(group, "page_access_user_ids", id);
                } else {
                    keep(group, "page_access_user_ids", |known| known != id);
                }
            }
        }
        Ok(asked.answer(self.access_user_shown(page, self.thing(page, "page_access_users", id)?)))
    }

    /// Refuses strangers among the groups, and with 409 a second user with the same address or login.
    fn check_access_user(&self, page: &str, fields: &Value, known: &str) -> Result<(), Answer> {
        if text(fields, "email").is_some_and(|email| !is_email(email)) {
            return Err(unprocessable("Email is invalid"));
        }
        let groups = ids(fields, "page_access_group_ids").unwrap_or_default();
        self.demand(page, "page_access_groups", "page access group", &groups)?;
        let has_same =
            |user: &Value, name: &str| text(fields, name).is_some() && text(user, name) == text(fields, name);
        let mut others = self.all(page, "page_access_users").iter().filter(|user| word(user, "id") != known);
        if others.any(|user| has_same(user, "email") || has_same(user, "external_login")) {
            return Err(error(409, "A page access user with this email or login exists already"));
        }
        Ok(())
    }

    /// Refuses a group with a blank name or with strangers. A list that is given is the whole new one.
    fn save_access_group(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (page, fields) = (asked.page(), &asked.fields);
        if asked.operation.method == "POST" && is_missing(fields, "name") {
            return Err(unprocessable("Name can't be blank"));
        }
        for (name, collection, what) in [
            ("component_ids", "components", "component"),
            ("metric_ids", "metrics", "metric"),
            ("page_access_user_ids", "page_access_users", "page access user"),
        ] {
            self.demand(&page, collection, what, &ids(fields, name).unwrap_or_default())?;
        }
        self.generic(asked)
    }

    /// The components or metrics that a user or a group sees. The verbs are the vendor's, and the other way round than
    /// one expects: `PATCH` adds, `POST` replaces, and `DELETE` removes what it names, or everything.
    fn seen(&mut self, asked: &Asked, tail: &str, of: &str) -> Result<Answer, Answer> {
        let (page, id) = (asked.page(), asked.id(1));
        let of_user = tail.starts_with("/page_access_users");
        let (collection, list) = match (of_user, of) {
            (true, "components") => ("page_access_users", "_components"),
            (true, _) => ("page_access_users", "_metrics"),
            (false, _) => ("page_access_groups", "component_ids"),
        };
        let (body, what) = if of == "metrics" { ("metric_ids", "metric") } else { ("component_ids", "component") };
        let named = ids(&asked.fields, body);
        if asked.operation.method == "GET" {
            let seeing = self.thing(&page, collection, id)?;
            let seen = if of == "metrics" {
                let metrics = self.all(&page, of).iter();
                metrics.filter(|metric| lists(seeing, list, word(metric, "id"))).map(shown).collect()
            } else {
                self.components(&page, |component| lists(seeing, list, word(component, "id")))
            };
            return Ok(asked.list(seen));
        }
        self.demand(&page, of, what, named.as_deref().unwrap_or_default())?;
        let thing = self.thing_mut(&page, collection, id)?;
        match (asked.operation.method, asked.examined.ids.get(2), named) {
            (_, Some(one), _) if !lists(thing, list, one) => return Err(not_found()),
            (_, Some(one), _) => keep(thing, list, |known| known != one),
            ("PATCH", _, named) => named.unwrap_or_default().iter().for_each(|id| put(thing, list, id)),
            ("DELETE", _, Some(named)) => keep(thing, list, |known| !named.iter().any(|id| id == known)),
            (_, _, named) => set(thing, list, named.unwrap_or_default()),
        }
        let thing = self.thing(&page, collection, id)?;
        Ok(asked.answer(if of_user { self.access_user_shown(&page, thing) } else { shown(thing) }))
    }

    pub(super) fn access_user_shown(&self, page: &str, user: &Value) -> Value {
        let groups = self.all(page, "page_access_groups").iter();
        let groups = groups.filter(|group| lists(group, "page_access_user_ids", word(user, "id")));
        let groups: Vec<&str> = groups.map(|group| word(group, "id")).collect();
        let mut out = shown(user);
        set(&mut out, "page_access_group_id", groups.first().copied());
        set(&mut out, "page_access_group_ids", groups);
        out
    }
}
