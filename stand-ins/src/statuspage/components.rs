//! The component operations.

use serde_json::{Map, Value, json};

use super::component::{Component, Kind};
use super::{
    Page, Statuspage, errors, json_body, malformed, no_such_operation, not_found, page_of, plain, shapes,
};
use crate::answer::Answer;
use crate::call::Call;
use crate::check::Finding;

impl Statuspage {
    pub(super) fn components(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                Ok(page_of(self.page(page)?.components_json(), &pairs, "per_page", 1))
            }
            ("POST", []) => self.create_component(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.page(page)?.component_json(id, 200)
            }
            ("PATCH", [id]) => self.update_component(call, page, id),
            ("DELETE", [id]) => self.delete_component(call, page, id),
            ("POST", [id, "page_access_users"]) => self.add_access_users(call, page, id),
            _ => Err(no_such_operation(call)),
        }
    }

    fn create_component(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::COMPONENT)?;
        let fields = wrapped(&body, "component");
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.trim().is_empty() {
            return Err(errors(422, &["Name can't be blank".to_owned()]));
        }
        page.refuse_unknown_group(&fields)?;
        let mut component = Component::new(id.clone(), &page.id, name, call.now());
        component.change(&fields, call.now());
        page.components.push(component);
        page.component_json(&id, 201)
    }

    fn update_component(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::COMPONENT)?;
        let fields = wrapped(&body, "component");
        let page = self.page(page)?;
        page.refuse_unknown_group(&fields)?;
        let component = page.component(id)?;
        let is_renamed_to_nothing = fields
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| name.trim().is_empty());
        if is_renamed_to_nothing {
            return Err(errors(422, &["Name can't be blank".to_owned()]));
        }
        if component.kind == Kind::Group && fields.contains_key("status") {
            return Err(errors(
                422,
                &["The status of a group follows its components".to_owned()],
            ));
        }
        component.change(&fields, call.now());
        page.component_json(id, 200)
    }

    fn delete_component(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        plain(call, &[])?;
        let page = self.page(page)?;
        page.component(id)?;
        page.components.retain(|component| component.id != id);
        // A group without components goes with the last of them.
        let groups: Vec<String> = page
            .components
            .iter()
            .filter_map(|component| component.group.clone())
            .collect();
        page.components
            .retain(|component| component.kind == Kind::Component || groups.contains(&component.id));
        Ok(Answer::empty(204))
    }

    fn add_access_users(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        call.query(&[]).map_err(|why| malformed(&why))?;
        let form = call.form(shapes::ACCESS_USERS).map_err(|why| malformed(&why))?;
        let users = form.all("page_access_user_ids[]");
        if users.is_empty() {
            let missing = vec![Finding::new("page_access_user_ids", "is missing")];
            return Err(malformed(&call.refuse_body(missing)));
        }
        let page = self.page(page)?;
        let strangers: Vec<&str> = users
            .iter()
            .copied()
            .filter(|user| !page.access_users.iter().any(|known| known == user))
            .collect();
        if !strangers.is_empty() {
            return Err(errors(
                422,
                &[format!("No page access user has the id {}", strangers.join(", "))],
            ));
        }
        let component = page.component(id)?;
        for user in users {
            if !component.access_users.iter().any(|known| known == user) {
                component.access_users.push(user.to_owned());
            }
        }
        let granted = json!({"page_access_users": component.access_users});
        let answer = page.component_json(id, 201)?;
        Ok(answer.map_json(|component| merged(component, granted)))
    }
}

impl Page {
    pub(super) fn components_json(&self) -> Vec<Value> {
        self.components
            .iter()
            .enumerate()
            .map(|(at, component)| component.to_json(at + 1))
            .collect()
    }

    pub(super) fn component(&mut self, id: &str) -> Result<&mut Component, Answer> {
        self.components
            .iter_mut()
            .find(|component| component.id == id)
            .ok_or_else(not_found)
    }

    fn component_json(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        let at = self
            .components
            .iter()
            .position(|component| component.id == id)
            .ok_or_else(not_found)?;
        let component = self.components.get(at).ok_or_else(not_found)?;
        Ok(Answer::json(status, component.to_json(at + 1)))
    }

    fn refuse_unknown_group(&self, fields: &Map<String, Value>) -> Result<(), Answer> {
        let Some(group) = fields.get("group_id").and_then(Value::as_str) else {
            return Ok(());
        };
        let is_known = self
            .components
            .iter()
            .any(|component| component.kind == Kind::Group && component.id == group);
        if is_known {
            Ok(())
        } else {
            Err(errors(422, &[format!("No component group has the id {group}")]))
        }
    }
}

/// The object under the single root key of a body.
pub(super) fn wrapped(body: &Value, wrapper: &str) -> Map<String, Value> {
    body.get(wrapper)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn merged(into: Value, more: Value) -> Value {
    match (into, more) {
        (Value::Object(mut into), Value::Object(more)) => {
            into.extend(more);
            Value::Object(into)
        }
        (into, _) => into,
    }
}
