//! The team behind the pages, and what each of its members may do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::doc::{set, take, text, word};
use super::route::{Asked, error, not_found, refuse, unprocessable};
use super::subscribers::is_email;
use super::{Statuspage, StatuspageStandIn};
use crate::answer::Answer;

/// By user: the roles on each page that the user may manage.
pub(super) type Permissions = BTreeMap<String, Map<String, Value>>;

/// How an answer about permissions is put together; the vendor's schema and its example disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PermissionsForm {
    /// `{"data": {"user_id", "pages": [{"page_id", …}]}}`.
    #[default]
    Wrapped,
    /// `{"user_id", "pages": [{"page_id", …}]}`.
    Bare,
    /// `{"data": {"user_id", "pages": {page_id: {…}}}}`.
    Mapped,
}

const ORGANIZATION: &str = StatuspageStandIn::ORGANIZATION;
const ROLES: &[&str] = &["page_configuration", "incident_manager", "maintenance_manager"];

impl Statuspage {
    pub(super) fn on_organization(&mut self, mut asked: Asked) -> Result<Answer, Answer> {
        if asked.id(0) != ORGANIZATION {
            return Err(not_found());
        }
        if asked.operation.path.ends_with("/permissions/{user_id}") {
            let mut users = self.users().iter();
            users.any(|user| word(user, "id") == asked.id(1)).then_some(()).ok_or_else(not_found)?;
            if asked.operation.method == "PUT" {
                self.replace_permissions(&asked)?;
            }
            return Ok(asked.answer(self.permissions_shown(asked.id(1))));
        }
        if self.has_accounts_elsewhere {
            return Err(error(403, "The users of this organization are managed with their Atlassian account"));
        }
        if asked.operation.method == "POST" {
            let email = text(&asked.fields, "email").filter(|email| is_email(email));
            let email = email.ok_or_else(|| unprocessable("Email is invalid"))?;
            if self.users().iter().any(|user| word(user, "email") == email) {
                return Err(unprocessable("Email has already been taken"));
            }
            take(&mut asked.fields, "password");
            set(&mut asked.fields, "organization_id", ORGANIZATION);
        } else if asked.operation.method == "DELETE" {
            self.permissions.remove(asked.id(1));
        }
        self.generic(&asked)
    }

    fn users(&self) -> &[Value] {
        self.store.peek(&format!("v1/organizations/{ORGANIZATION}/users"))
    }

    /// INVARIANT: the map is the whole new one, so a page that it leaves out is revoked
    /// (`a_page_that_the_permissions_leave_out_is_revoked`).
    fn replace_permissions(&mut self, asked: &Asked) -> Result<(), Answer> {
        let pages = asked.fields.as_object().cloned().unwrap_or_default();
        let problem = |(id, roles): (&String, &Value)| match self.page(id) {
            Err(_) => Some(format!("No page of this organization has the id {id}")),
            Ok(page) if page.get("_small").is_some() && roles != &json!({}) => {
                Some(format!("The page {id} has no roles"))
            }
            Ok(_) => None,
        };
        refuse(&pages.iter().filter_map(problem).collect::<Vec<_>>())?;
        self.permissions.insert(asked.id(1).to_owned(), pages);
        Ok(())
    }

    fn permissions_shown(&self, user: &str) -> Value {
        let granted = self.permissions.get(user).into_iter().flatten();
        let pages = granted.map(|(id, roles)| (id.clone(), self.roles_on(id, roles)));
        let listed = |pages: Vec<(String, Value)>| -> Value {
            let with_id = |(id, mut roles): (String, Value)| {
                set(&mut roles, "page_id", id);
                roles
            };
            pages.into_iter().map(with_id).collect()
        };
        match self.form {
            PermissionsForm::Wrapped => json!({"data": {"user_id": user, "pages": listed(pages.collect())}}),
            PermissionsForm::Bare => json!({"user_id": user, "pages": listed(pages.collect())}),
            PermissionsForm::Mapped => json!({"data": {"user_id": user, "pages": pages.collect::<Map<_, _>>()}}),
        }
    }

    /// All three roles on a page that has roles, none on another.
    fn roles_on(&self, page: &str, roles: &Value) -> Value {
        let has_roles = self.page(page).is_ok_and(|page| page.get("_small").is_none());
        let shown = ROLES.iter().filter(|_| has_roles);
        let shown = shown.map(|role| ((*role).to_owned(), json!(roles.get(*role) == Some(&Value::Bool(true)))));
        shown.collect::<Map<_, _>>().into()
    }
}
