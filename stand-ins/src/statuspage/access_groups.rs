//! The page access group operations.

use super::access::{AccessGroup, Change};
use super::fields::{ids, whole, wrapped};
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, paged, plain};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

impl Statuspage {
    pub(super) fn access_groups(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.audience(page)?;
                let all = page.access_groups.iter().map(|group| group.to_json(&page.id));
                Ok(paged(all.collect(), &pairs))
            }
            ("POST", []) => self.create_access_group(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.audience(page)?.access_group_answer(id, 200)
            }
            ("PATCH", [id]) => self.update_access_group(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.audience(page)?;
                let answer = page.access_group_answer(id, 200)?;
                page.access_groups.retain(|group| group.id != *id);
                Ok(answer)
            }
            (_, [id, "components", rest @ ..]) => self.seen_by_group(call, page, id, rest),
            _ => Err(no_such_operation(call)),
        }
    }

    fn create_access_group(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::access::GROUP)?;
        let fields = wrapped(&body, "page_access_group");
        let id = self.mint.lower(12);
        let page = self.audience(page)?;
        page.refuse_access_group(&fields, "")?;
        let mut group = AccessGroup::new(&id, call.now());
        group.change(&fields, call.now());
        page.access_groups.push(group);
        page.access_group_answer(&id, 201)
    }

    fn update_access_group(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::access::GROUP)?;
        let fields = wrapped(&body, "page_access_group");
        let page = self.audience(page)?;
        let name = page.access_group_mut(id)?.name.clone();
        page.refuse_access_group(&fields, &name)?;
        page.access_group_mut(id)?.change(&fields, call.now());
        page.access_group_answer(id, 200)
    }

    fn seen_by_group(&mut self, call: &mut Call<'_>, page: &str, id: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.audience(page)?;
                let shown = page.access_group_mut(id)?.components.clone();
                Ok(paged(page.components_json_of(|component| shown.contains(&component.id)), &pairs))
            }
            ("DELETE", [one]) => {
                plain(call, &[])?;
                let page = self.audience(page)?;
                let list = &mut page.access_group_mut(id)?.components;
                let at = list.iter().position(|known| known == one).ok_or_else(not_found)?;
                list.remove(at);
                page.access_group_answer(id, 200)
            }
            (method, []) => {
                let change = Change::of(method).ok_or_else(|| no_such_operation(call))?;
                // Unlike for users, the facts demand the list of a replacement alone.
                let shape = match change {
                    Change::Replace => &shapes::access::COMPONENTS,
                    Change::Add | Change::Remove => &shapes::access::OPTIONAL_COMPONENTS,
                };
                let body = json_body(call, shape)?;
                let named = ids(&whole(&body), "component_ids");
                let page = self.audience(page)?;
                page.demand_components(named.as_deref().unwrap_or_default())?;
                change.apply(&mut page.access_group_mut(id)?.components, named);
                page.access_group_answer(id, change.status())
            }
            _ => Err(no_such_operation(call)),
        }
    }
}

impl Page {
    fn access_group_mut(&mut self, id: &str) -> Result<&mut AccessGroup, Answer> {
        self.access_groups.iter_mut().find(|group| group.id == id).ok_or_else(not_found)
    }

    fn access_group_answer(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        let group = self.access_groups.iter().find(|group| group.id == id).ok_or_else(not_found)?;
        Ok(Answer::json(status, group.to_json(&self.id)))
    }
}
