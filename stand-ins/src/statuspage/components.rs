//! Components and their groups, and page access seen from a component. A group is an entry of the component list that
//! other entries name as theirs.

use serde_json::{Value, json};

use super::Statuspage;
use super::doc::{flag, ids, is_blank, is_missing, keep, lists, put, set, shown, take, text, word};
use super::route::{Asked, not_found, refuse, unprocessable};
use crate::answer::Answer;

/// Which way the components of a page worsen.
const WORSENING: &[&str] =
    &["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"];

pub(super) fn is_group(component: &Value) -> bool {
    flag(component, "group") == Some(true)
}

/// How bad a status is, from 0 for operational.
pub(super) fn severity(component: &Value) -> usize {
    WORSENING.iter().position(|known| *known == word(component, "status")).unwrap_or_default()
}

impl Statuspage {
    /// The components that are meant, each with its place on the page.
    pub(super) fn components(&self, page: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
        let placed = self.all(page, "components").iter().enumerate().filter(|(_, component)| is_meant(component));
        placed
            .map(|(at, component)| {
                let mut out = shown(component);
                set(&mut out, "position", at + 1);
                let address = format!("component+{}@automation.example.com", word(component, "id"));
                set(&mut out, "automation_email", address);
                out
            })
            .collect()
    }

    /// The components that a thing lists without showing it.
    pub(super) fn components_listed(&self, page: &str, thing: &Value) -> Vec<Value> {
        self.components(page, |component| lists(thing, "_components", word(component, "id")))
    }

    pub(super) fn component(&self, page: &str, id: &str) -> Result<Value, Answer> {
        self.components(page, |component| word(component, "id") == id).pop().ok_or_else(not_found)
    }

    pub(super) fn create_component(&mut self, mut asked: Asked) -> Result<Answer, Answer> {
        if is_missing(&asked.fields, "name") {
            return Err(unprocessable("Name can't be blank"));
        }
        let page = asked.page();
        self.check_component(&page, &mut asked.fields)?;
        self.generic(&asked)
    }

    pub(super) fn update_component(&mut self, mut asked: Asked) -> Result<Answer, Answer> {
        let page = asked.page();
        self.check_component(&page, &mut asked.fields)?;
        let component = self.thing(&page, "components", asked.id(1))?;
        if is_group(component) && asked.fields.get("status").is_some() {
            return Err(unprocessable("The status of a group follows its components"));
        }
        self.generic(&asked)
    }

    fn check_component(&self, page: &str, fields: &mut Value) -> Result<(), Answer> {
        if let Some(group) = text(fields, "group_id")
            && !self.thing(page, "components", group).is_ok_and(is_group)
        {
            return Err(unprocessable(format!("No component group has the id {group}")));
        }
        // An empty status is in the vendor's list of values; it leaves the status as it is.
        if text(fields, "status") == Some("") {
            take(fields, "status");
        }
        Ok(())
    }

    /// Keeps in order what follows from the components, groups, metrics and users that there are.
    ///
    /// INVARIANT: no group is empty, and the status of a group is the worst of its components
    /// (`a_group_goes_with_its_last_component_and_takes_the_worst_status`).
    pub(super) fn settle(&mut self, page: &str) {
        let all = self.all(page, "components").to_vec();
        let worst = |group: &str| {
            let members = all.iter().filter(|component| text(component, "group_id") == Some(group));
            members.max_by_key(|component| severity(component)).map(|component| word(component, "status").to_owned())
        };
        let components = self.all_mut(page, "components");
        components.retain_mut(|component| {
            let status = if is_group(component) { worst(word(component, "id")) } else { return true };
            let is_kept = status.is_some();
            set(component, "status", status);
            is_kept
        });
        let id = |thing: &Value| word(thing, "id").to_owned();
        let groups: Vec<String> = components.iter().filter(|component| is_group(component)).map(id).collect();
        for component in components.iter_mut() {
            if text(component, "group_id").is_some_and(|group| !groups.iter().any(|known| known == group)) {
                set(component, "group_id", Value::Null);
            }
        }
        self.settle_metrics(page);
        for (collection, name, of) in [
            ("page_access_users", "_components", "components"),
            ("page_access_users", "_metrics", "metrics"),
            ("page_access_groups", "component_ids", "components"),
            ("page_access_groups", "metric_ids", "metrics"),
            ("page_access_groups", "page_access_user_ids", "page_access_users"),
        ] {
            let known: Vec<String> = self.all(page, of).iter().map(id).collect();
            for thing in self.all_mut(page, collection) {
                keep(thing, name, |id| known.iter().any(|known| known == id));
            }
        }
    }

    pub(super) fn component_groups(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (page, mut id) = (asked.page(), asked.id(1).to_owned());
        if asked.operation.method == "GET" && id.is_empty() {
            let groups = self.all(&page, "components").iter().filter(|known| is_group(known));
            return Ok(asked.list(groups.map(|group| self.group_shown(&page, group)).collect()));
        }
        if asked.operation.method != "POST" {
            self.group(&page, &id)?;
        }
        if matches!(asked.operation.method, "POST" | "PATCH") {
            self.check_group(&page, &asked.fields)?;
            if id.is_empty() {
                let mut group = self.blank(&page, "v1/pages/{}/components", asked.now);
                set(&mut group, "group", true);
                word(&group, "id").clone_into(&mut id);
                self.all_mut(&page, "components").push(group);
            }
            self.change_group(&page, &id, asked)?;
        }
        let answer = asked.answer(self.group_shown(&page, self.group(&page, &id)?));
        if asked.operation.method == "DELETE" {
            self.all_mut(&page, "components").retain(|component| word(component, "id") != id);
            self.settle(&page);
        }
        Ok(answer)
    }

    pub(super) fn group(&self, page: &str, id: &str) -> Result<&Value, Answer> {
        self.thing(page, "components", id).ok().filter(|component| is_group(component)).ok_or_else(not_found)
    }

    /// The ids of a group's components, in page order.
    pub(super) fn members(&self, page: &str, group: &str) -> Vec<&str> {
        let members = self.all(page, "components").iter().filter(|known| text(known, "group_id") == Some(group));
        members.map(|component| word(component, "id")).collect()
    }

    fn check_group(&self, page: &str, fields: &Value) -> Result<(), Answer> {
        let listed = ids(fields, "components").unwrap_or_default();
        self.demand(page, "components", "component", &listed)?;
        let mut problems = Vec::new();
        if is_missing(fields, "name") {
            problems.push("Name can't be blank".to_owned());
        }
        if listed.is_empty() {
            problems.push("A group needs at least one component".to_owned());
        }
        let groups = listed.iter().filter(|id| self.group(page, id).is_ok());
        problems.extend(groups.map(|id| format!("{id} is a group itself")));
        refuse(&problems)
    }

    /// The list of components is the whole new one. What stands beside the wrapper, where the vendor's reference puts the
    /// description, is passed over.
    fn change_group(&mut self, page: &str, id: &str, asked: &Asked) -> Result<(), Answer> {
        for component in self.all_mut(page, "components") {
            let is_listed = lists(&asked.fields, "components", word(component, "id"));
            if is_listed || text(component, "group_id") == Some(id) {
                set(component, "group_id", is_listed.then_some(id));
            }
        }
        let group = self.thing_mut(page, "components", id)?;
        for name in ["name", "description"] {
            if let Some(text) = text(&asked.fields, name) {
                set(group, name, text);
            }
        }
        set(group, "updated_at", asked.now.to_string());
        self.settle(page);
        Ok(())
    }

    fn group_shown(&self, page: &str, group: &Value) -> Value {
        let id = word(group, "id");
        let position = self.all(page, "components").iter().position(|known| word(known, "id") == id);
        json!({
            "id": id,
            "page_id": page,
            "name": group.get("name"),
            "description": group.get("description"),
            "components": self.members(page, id),
            "position": position.map(|at| (at + 1).to_string()),
            "created_at": group.get("created_at"),
            "updated_at": group.get("updated_at"),
        })
    }

    /// `POST` adds those who may see a component, `DELETE` removes them all; the answer says who may, so that a test can
    /// tell who was added.
    pub(super) fn component_access(&mut self, asked: &Asked, collection: &str) -> Result<Answer, Answer> {
        let (page, id) = (asked.page(), asked.id(1).to_owned());
        self.component(&page, &id)?;
        let (body, member, what) = match collection {
            "page_access_users" => ("page_access_user_ids", "_components", "page access user"),
            _ => ("page_access_group_ids", "component_ids", "page access group"),
        };
        let named = ids(&asked.fields, body).unwrap_or_default();
        self.demand(&page, collection, what, &named)?;
        for thing in self.all_mut(&page, collection) {
            if asked.operation.method == "DELETE" {
                keep(thing, member, |known| known != id);
            } else if named.iter().any(|known| known == word(thing, "id")) {
                put(thing, member, &id);
            }
        }
        let mut component = self.component(&page, &id)?;
        for (collection, member) in [("page_access_users", "_components"), ("page_access_groups", "component_ids")] {
            let seeing = self.all(&page, collection).iter().filter(|thing| lists(thing, member, &id));
            let seeing: Vec<&str> = seeing.map(|thing| word(thing, "id")).collect();
            set(&mut component, collection, seeing);
        }
        Ok(asked.answer(component))
    }

    pub(super) fn create_template(&mut self, mut asked: Asked) -> Result<Answer, Answer> {
        let blank = ["name", "title", "body"].into_iter().filter(|name| is_blank(&asked.fields, name));
        refuse(&blank.map(|name| format!("{name} can't be blank")).collect::<Vec<_>>())?;
        let named = ids(&asked.fields, "component_ids").unwrap_or_default();
        self.demand(asked.id(0), "components", "component", &named)?;
        take(&mut asked.fields, "component_ids");
        set(&mut asked.fields, "_components", named);
        self.generic(&asked)
    }
}
