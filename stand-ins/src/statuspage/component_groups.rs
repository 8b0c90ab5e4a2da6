//! The component group operations. A group is an entry of the component list that other entries name as theirs.

use serde_json::{Map, Value, json};

use super::component::{Component, Kind};
use super::fields::{ids, is_missing, text, wrapped};
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, paged, plain, refuse};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

impl Statuspage {
    pub(super) fn component_groups(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.page(page)?;
                let groups = page.components.iter().filter(|component| component.kind == Kind::Group);
                Ok(paged(groups.map(|group| page.group_json(group)).collect(), &pairs))
            }
            ("POST", []) => self.create_group(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.page(page)?.group_answer(id, 200)
            }
            ("PATCH", [id]) => self.update_group(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let answer = page.group_answer(id, 200)?;
                page.drop_component(id);
                Ok(answer)
            }
            ("GET", [id, "uptime"]) => self.group_uptime(call, page, id),
            _ => Err(no_such_operation(call)),
        }
    }

    fn create_group(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::components::GROUP)?;
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        page.refuse_group(&wrapped(&body, "component_group"))?;
        let mut group = Component::new(id.clone(), &page.id, "", call.now());
        group.kind = Kind::Group;
        page.components.push(group);
        page.change_group(&id, &body, call.now());
        page.group_answer(&id, 201)
    }

    fn update_group(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::components::GROUP)?;
        let page = self.page(page)?;
        page.group(id)?;
        page.refuse_group(&wrapped(&body, "component_group"))?;
        page.change_group(id, &body, call.now());
        page.group_answer(id, 200)
    }
}

impl Page {
    pub(super) fn group(&self, id: &str) -> Result<&Component, Answer> {
        self.component(id).ok().filter(|component| component.kind == Kind::Group).ok_or_else(not_found)
    }

    /// The ids of a group's components, in page order.
    pub(super) fn members(&self, group: &str) -> Vec<&str> {
        self.components
            .iter()
            .filter(|component| component.group.as_deref() == Some(group))
            .map(|component| component.id.as_str())
            .collect()
    }

    fn refuse_group(&self, fields: &Map<String, Value>) -> Result<(), Answer> {
        let listed = ids(fields, "components").unwrap_or_default();
        self.demand_components(&listed)?;
        let mut problems = Vec::new();
        if is_missing(fields, "name") {
            problems.push("Name can't be blank".to_owned());
        }
        if listed.is_empty() {
            problems.push("A group needs at least one component".to_owned());
        }
        problems.extend(listed.iter().filter(|id| self.group(id).is_ok()).map(|id| format!("{id} is a group itself")));
        refuse(&problems)
    }

    /// The list of components is the whole new one: what it leaves out is no longer in the group.
    fn change_group(&mut self, id: &str, body: &Value, now: Moment) {
        let fields = wrapped(body, "component_group");
        let listed = ids(&fields, "components").unwrap_or_default();
        for component in &mut self.components {
            if listed.contains(&component.id) {
                component.group = Some(id.to_owned());
            } else {
                component.group.take_if(|group| group == id);
            }
            if component.id == id {
                text(&fields, "name").unwrap_or_default().clone_into(&mut component.name);
                // What stands beside the wrapper, where the vendor's reference puts it, is passed over.
                if let Some(description) = text(&fields, "description") {
                    component.description = Some(description.to_owned());
                }
                component.updated = now;
            }
        }
        self.settle();
    }

    fn group_answer(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        Ok(Answer::json(status, self.group_json(self.group(id)?)))
    }

    fn group_json(&self, group: &Component) -> Value {
        let position = self.components.iter().position(|known| known.id == group.id);
        json!({
            "id": group.id,
            "page_id": self.id,
            "name": group.name,
            "description": group.description,
            "components": self.members(&group.id),
            "position": position.map(|at| (at + 1).to_string()),
            "created_at": group.created.to_string(),
            "updated_at": group.updated.to_string(),
        })
    }
}
