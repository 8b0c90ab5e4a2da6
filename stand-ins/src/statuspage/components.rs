//! The component operations.

use serde_json::Value;

use super::component::{Component, Kind};
use super::fields::{is_blank, is_missing, text, wrapped};
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, paged, plain, unprocessable};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

/// Which way the components of a page worsen.
const WORSENING: &[&str] =
    &["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"];

impl Statuspage {
    pub(super) fn components(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                Ok(paged(self.page(page)?.components_json(), &pairs))
            }
            ("POST", []) => self.create_component(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.page(page)?.component_answer(id, 200)
            }
            ("PATCH", [id]) => self.update_component(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                page.component(id)?;
                page.drop_component(id);
                Ok(Answer::empty(204))
            }
            ("GET", [id, "uptime"]) => self.component_uptime(call, page, id),
            (_, [id, "page_access_users"]) => self.component_users(call, page, id),
            (_, [id, "page_access_groups"]) => self.component_groups_of_access(call, page, id),
            _ => Err(no_such_operation(call)),
        }
    }

    fn create_component(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::components::COMPONENT)?;
        let fields = wrapped(&body, "component");
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        if is_missing(&fields, "name") {
            return Err(unprocessable("Name can't be blank"));
        }
        page.demand_group(text(&fields, "group_id"))?;
        let name = text(&fields, "name").unwrap_or_default();
        let mut component = Component::new(id.clone(), &page.id, name, call.now());
        component.change(&fields, call.now());
        page.components.push(component);
        page.settle();
        page.component_answer(&id, 201)
    }

    fn update_component(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::components::COMPONENT)?;
        let fields = wrapped(&body, "component");
        let page = self.page(page)?;
        page.demand_group(text(&fields, "group_id"))?;
        let component = page.component_mut(id)?;
        if is_blank(&fields, "name") {
            return Err(unprocessable("Name can't be blank"));
        }
        if component.kind == Kind::Group && fields.contains_key("status") {
            return Err(unprocessable("The status of a group follows its components"));
        }
        component.change(&fields, call.now());
        page.settle();
        page.component_answer(id, 200)
    }
}

impl Page {
    pub(super) fn components_json(&self) -> Vec<Value> {
        self.components_json_of(|_| true)
    }

    /// The components that are meant, each with its place on the page.
    pub(super) fn components_json_of(&self, is_meant: impl Fn(&Component) -> bool) -> Vec<Value> {
        self.components
            .iter()
            .enumerate()
            .filter(|(_, component)| is_meant(component))
            .map(|(at, component)| component.to_json(at + 1))
            .collect()
    }

    pub(super) fn component(&self, id: &str) -> Result<&Component, Answer> {
        self.components.iter().find(|component| component.id == id).ok_or_else(not_found)
    }

    pub(super) fn component_mut(&mut self, id: &str) -> Result<&mut Component, Answer> {
        self.components.iter_mut().find(|component| component.id == id).ok_or_else(not_found)
    }

    pub(super) fn component_answer(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        let only = self.components_json_of(|component| component.id == id);
        let component = only.into_iter().next().ok_or_else(not_found)?;
        Ok(Answer::json(status, component))
    }

    /// Removes a component from the page; of a group, its components stay on the page.
    pub(super) fn drop_component(&mut self, id: &str) {
        self.components.retain(|component| component.id != id);
        for component in &mut self.components {
            component.group.take_if(|group| group == id);
        }
        for user in &mut self.access_users {
            user.components.retain(|known| known != id);
        }
        for group in &mut self.access_groups {
            group.components.retain(|known| known != id);
        }
        self.settle();
    }

    /// INVARIANT: no group is empty, and the status of a group is the worst of its components
    /// (`a_group_goes_with_its_last_component_and_takes_the_worst_status`).
    pub(super) fn settle(&mut self) {
        let worst = |components: &[Component], group: &str| {
            let statuses = components
                .iter()
                .filter(|component| component.group.as_deref() == Some(group))
                .map(|component| severity(&component.status));
            statuses.max()
        };
        let grouped = self.components.clone();
        self.components.retain_mut(|component| {
            if component.kind == Kind::Component {
                return true;
            }
            let found = worst(&grouped, &component.id).and_then(|worst| WORSENING.get(worst));
            if let Some(status) = found {
                (*status).clone_into(&mut component.status);
            }
            found.is_some()
        });
    }

    fn demand_group(&self, group: Option<&str>) -> Result<(), Answer> {
        let Some(group) = group else { return Ok(()) };
        match self.component(group) {
            Ok(component) if component.kind == Kind::Group => Ok(()),
            _ => Err(unprocessable(format!("No component group has the id {group}"))),
        }
    }
}

/// How bad a status is, from 0 for operational.
pub(super) fn severity(status: &str) -> usize {
    WORSENING.iter().position(|known| *known == status).unwrap_or_default()
}
