//! Who may see what of an audience-specific page.

use serde_json::{Map, Value, json};

use super::fields::{ids, text};
use super::page::Page;
use super::replies::unprocessable;
use crate::answer::Answer;
use crate::moment::Moment;

/// A person outside the team who may log in to the page.
#[derive(Clone)]
pub(super) struct AccessUser {
    pub(super) id: String,
    pub(super) email: Option<String>,
    pub(super) external_login: Option<String>,
    /// What the person may see apart from what groups give.
    pub(super) components: Vec<String>,
    pub(super) metrics: Vec<String>,
    pub(super) created: Moment,
    pub(super) updated: Moment,
}

/// People who may see the same.
#[derive(Clone)]
pub(super) struct AccessGroup {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) external_identifier: Option<String>,
    pub(super) users: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) metrics: Vec<String>,
    pub(super) created: Moment,
    pub(super) updated: Moment,
}

/// What a request does with a list. The verbs are the vendor's, and the other way round than one expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// `PATCH`.
    Add,
    /// `POST`.
    Replace,
    /// `DELETE`.
    Remove,
}

impl Change {
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "PATCH" => Some(Self::Add),
            "POST" => Some(Self::Replace),
            "DELETE" => Some(Self::Remove),
            _ => None,
        }
    }

    /// The status of the answer.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Replace => 201,
            Self::Add | Self::Remove => 200,
        }
    }

    /// Changes the list; a removal that names nothing removes everything.
    pub(super) fn apply(self, list: &mut Vec<String>, named: Option<Vec<String>>) {
        match (self, named) {
            (Self::Add, named) => {
                for id in named.unwrap_or_default() {
                    if !list.contains(&id) {
                        list.push(id);
                    }
                }
            }
            (Self::Replace, named) => *list = named.unwrap_or_default(),
            (Self::Remove, Some(named)) => list.retain(|id| !named.contains(id)),
            (Self::Remove, None) => list.clear(),
        }
    }
}

impl AccessUser {
    pub(super) fn new(id: &str, now: Moment) -> Self {
        Self {
            id: id.to_owned(),
            email: None,
            external_login: None,
            components: Vec::new(),
            metrics: Vec::new(),
            created: now,
            updated: now,
        }
    }

    pub(super) fn change(&mut self, fields: &Map<String, Value>, now: Moment) {
        let owned = |name: &str| text(fields, name).map(str::to_owned);
        self.email = owned("email").or_else(|| self.email.take());
        self.external_login = owned("external_login").or_else(|| self.external_login.take());
        self.updated = now;
    }
}

impl AccessGroup {
    pub(super) fn new(id: &str, now: Moment) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            external_identifier: None,
            users: Vec::new(),
            components: Vec::new(),
            metrics: Vec::new(),
            created: now,
            updated: now,
        }
    }

    /// A list that is given is the whole new one.
    pub(super) fn change(&mut self, fields: &Map<String, Value>, now: Moment) {
        if let Some(name) = text(fields, "name") {
            name.clone_into(&mut self.name);
        }
        if let Some(identifier) = text(fields, "external_identifier") {
            self.external_identifier = Some(identifier.to_owned());
        }
        for (list, name) in [
            (&mut self.users, "page_access_user_ids"),
            (&mut self.components, "component_ids"),
            (&mut self.metrics, "metric_ids"),
        ] {
            if let Some(ids) = ids(fields, name) {
                *list = ids;
            }
        }
        self.updated = now;
    }

    pub(super) fn to_json(&self, page: &str) -> Value {
        json!({
            "id": self.id,
            "page_id": page,
            "name": self.name,
            "external_identifier": self.external_identifier,
            "page_access_user_ids": self.users,
            "component_ids": self.components,
            "metric_ids": self.metrics,
            "created_at": self.created.to_string(),
            "updated_at": self.updated.to_string(),
        })
    }
}

impl Page {
    pub(super) fn access_user_json(&self, user: &AccessUser) -> Value {
        let groups: Vec<&str> = self
            .access_groups
            .iter()
            .filter(|group| group.users.contains(&user.id))
            .map(|group| group.id.as_str())
            .collect();
        json!({
            "id": user.id,
            "page_id": self.id,
            "email": user.email,
            "external_login": user.external_login,
            "page_access_group_id": groups.first(),
            "page_access_group_ids": groups,
            "created_at": user.created.to_string(),
            "updated_at": user.updated.to_string(),
        })
    }

    /// Makes the user a member of exactly these groups.
    pub(super) fn put_into_groups(&mut self, user: &str, groups: &[String]) {
        for group in &mut self.access_groups {
            group.users.retain(|known| known != user);
            if groups.contains(&group.id) {
                group.users.push(user.to_owned());
            }
        }
    }

    /// Refuses a group with a blank name or with strangers.
    pub(super) fn refuse_access_group(&self, fields: &Map<String, Value>, name: &str) -> Result<(), Answer> {
        if text(fields, "name").unwrap_or(name).trim().is_empty() {
            return Err(unprocessable("Name can't be blank"));
        }
        let listed = |name: &str| ids(fields, name).unwrap_or_default();
        self.demand_components(&listed("component_ids"))?;
        self.demand_metrics(&listed("metric_ids"))?;
        self.demand_access_users(&listed("page_access_user_ids"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn patch_adds_post_replaces_and_delete_removes() {
        let changed = |method: &str, named: Option<&[&str]>| {
            let mut ids = list(&["a", "b"]);
            Change::of(method).unwrap().apply(&mut ids, named.map(list));
            ids
        };
        assert_eq!(changed("PATCH", Some(&["b", "c"])), ["a", "b", "c"]);
        assert_eq!(changed("POST", Some(&["b", "c"])), ["b", "c"]);
        assert_eq!(changed("DELETE", Some(&["b", "c"])), ["a"]);
        assert!(changed("DELETE", None).is_empty());
        assert_eq!(changed("PATCH", None), ["a", "b"]);
        assert_eq!(Change::of("PUT"), None);
    }
}
