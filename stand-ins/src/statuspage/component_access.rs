//! Page access seen from a component: who may see it on an audience-specific page.

use serde_json::{Value, json};

use super::fields::{ids, whole};
use super::page::Page;
use super::replies::{json_body, malformed, no_such_operation, plain};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::check::Finding;

impl Statuspage {
    /// `POST` adds users, and takes a form where everything else takes JSON; `DELETE` removes them all.
    pub(super) fn component_users(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        match call.seen().method() {
            "POST" => {
                let users = users_of_form(call)?;
                let page = self.page(page)?;
                page.demand_audiences()?;
                page.component(id)?;
                page.demand_access_users(&users)?;
                for user in &mut page.access_users {
                    if users.contains(&user.id) && !user.components.iter().any(|known| known == id) {
                        user.components.push(id.to_owned());
                    }
                }
                page.component_with_access(id, 201)
            }
            "DELETE" => {
                plain(call, &[])?;
                let page = self.page(page)?;
                page.demand_audiences()?;
                page.component(id)?;
                for user in &mut page.access_users {
                    user.components.retain(|known| known != id);
                }
                page.component_with_access(id, 200)
            }
            _ => Err(no_such_operation(call)),
        }
    }

    /// `POST` adds groups, `DELETE` removes them all.
    pub(super) fn component_groups_of_access(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        id: &str,
    ) -> Result<Answer, Answer> {
        match call.seen().method() {
            "POST" => {
                let body = json_body(call, &shapes::access::COMPONENT_GROUPS)?;
                let groups = ids(&whole(&body), "page_access_group_ids").unwrap_or_default();
                let page = self.page(page)?;
                page.demand_audiences()?;
                page.component(id)?;
                page.demand_access_groups(&groups)?;
                for group in &mut page.access_groups {
                    if groups.contains(&group.id) && !group.components.iter().any(|known| known == id) {
                        group.components.push(id.to_owned());
                    }
                }
                page.component_with_access(id, 201)
            }
            "DELETE" => {
                plain(call, &[])?;
                let page = self.page(page)?;
                page.demand_audiences()?;
                page.component(id)?;
                for group in &mut page.access_groups {
                    group.components.retain(|known| known != id);
                }
                page.component_with_access(id, 200)
            }
            _ => Err(no_such_operation(call)),
        }
    }
}

impl Page {
    /// The component with those who may see it, so that a test can tell who was added.
    fn component_with_access(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        let users: Vec<&str> = self
            .access_users
            .iter()
            .filter(|user| user.components.iter().any(|known| known == id))
            .map(|user| user.id.as_str())
            .collect();
        let groups: Vec<&str> = self
            .access_groups
            .iter()
            .filter(|group| group.components.iter().any(|known| known == id))
            .map(|group| group.id.as_str())
            .collect();
        let answer = self.component_answer(id, status)?;
        Ok(answer.map_json(|mut component| {
            if let Value::Object(members) = &mut component {
                members.insert("page_access_users".to_owned(), json!(users));
                members.insert("page_access_groups".to_owned(), json!(groups));
            }
            component
        }))
    }
}

fn users_of_form(call: &mut Call<'_>) -> Result<Vec<String>, Answer> {
    call.query(&[]).map_err(|why| malformed(&why))?;
    let form = call.form(shapes::access::COMPONENT_USERS).map_err(|why| malformed(&why))?;
    let users: Vec<String> = form.all("page_access_user_ids[]").into_iter().map(str::to_owned).collect();
    if users.is_empty() {
        let missing = vec![Finding::new("page_access_user_ids", "is missing")];
        return Err(malformed(&call.refuse_body(missing)));
    }
    Ok(users)
}
