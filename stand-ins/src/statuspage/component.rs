//! A component of a status page.

use serde_json::{Map, Value, json};

use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Component {
    pub(super) id: String,
    pub(super) page: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) group: Option<String>,
    pub(super) kind: Kind,
    pub(super) status: String,
    pub(super) showcase: bool,
    pub(super) only_show_if_degraded: bool,
    pub(super) start_date: Option<String>,
    pub(super) created: Moment,
    pub(super) updated: Moment,
}

/// Whether an entry of the component list is a component or a group of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Component,
    Group,
}

impl Component {
    pub(super) fn new(id: String, page: &str, name: &str, now: Moment) -> Self {
        Self {
            id,
            page: page.to_owned(),
            name: name.to_owned(),
            description: None,
            group: None,
            kind: Kind::Component,
            status: "operational".to_owned(),
            showcase: true,
            only_show_if_degraded: false,
            start_date: None,
            created: now,
            updated: now,
        }
    }

    /// Takes over what a body says; the body has passed its check.
    pub(super) fn change(&mut self, fields: &Map<String, Value>, now: Moment) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
        self.name = text("name").unwrap_or_else(|| self.name.clone());
        self.description = text("description").or_else(|| self.description.take());
        self.start_date = text("start_date").or_else(|| self.start_date.take());
        self.showcase = flag("showcase").unwrap_or(self.showcase);
        self.only_show_if_degraded = flag("only_show_if_degraded").unwrap_or(self.only_show_if_degraded);
        // An empty status is in the vendor's list of values; it leaves the status as it is.
        if let Some(status) = text("status").filter(|status| !status.is_empty()) {
            self.status = status;
        }
        // `null` takes the component out of its group; an absent member changes nothing.
        if let Some(group) = fields.get("group_id") {
            self.group = group.as_str().map(str::to_owned);
        }
        self.updated = now;
    }

    pub(super) fn to_json(&self, position: usize) -> Value {
        json!({
            "id": self.id,
            "page_id": self.page,
            "group_id": self.group,
            "group": self.kind == Kind::Group,
            "name": self.name,
            "description": self.description,
            "position": position,
            "status": self.status,
            "showcase": self.showcase,
            "only_show_if_degraded": self.only_show_if_degraded,
            "automation_email": format!("component+{}@automation.example.com", self.id),
            "start_date": self.start_date,
            "created_at": self.created.to_string(),
            "updated_at": self.updated.to_string(),
        })
    }
}
