//! The team behind the pages, and what each of its members may do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::{is_missing, text, whole, wrapped};
use super::page::Plan;
use super::replies::{error, json_body, no_such_operation, not_found, paged, plain, refuse, unprocessable};
use super::subscriber::is_email;
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct Organization {
    pub(super) id: String,
    pub(super) accounts: Accounts,
    pub(super) form: PermissionsForm,
    pub(super) users: Vec<User>,
    /// By user: the roles on each page that the user may manage.
    pub(super) permissions: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
}

/// Where the accounts of the team are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accounts {
    Own,
    /// Elsewhere: the user operations do not work.
    Atlassian,
}

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

#[derive(Clone)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) created: Moment,
}

const ROLES: &[&str] = &["page_configuration", "incident_manager", "maintenance_manager"];

impl Statuspage {
    pub(super) fn organization(&mut self, call: &mut Call<'_>, id: &str, rest: &[&str]) -> Result<Answer, Answer> {
        let is_known = id == self.organization.id;
        let known = || is_known.then_some(()).ok_or_else(not_found);
        match (call.seen().method(), rest) {
            ("GET", ["permissions", user]) => {
                plain(call, &[])?;
                known()?;
                self.permissions_answer(user)
            }
            ("PUT", ["permissions", user]) => {
                let body = json_body(call, &shapes::organization::PERMISSIONS)?;
                known()?;
                self.replace_permissions(user, &wrapped(&body, "pages"))
            }
            ("GET", ["users"]) => {
                let pairs = plain(call, shapes::PAGED)?;
                known()?;
                self.demand_own_accounts()?;
                let users = self.organization.users.iter();
                let users = users.map(|user| user.to_json(id)).collect();
                Ok(paged(users, &pairs))
            }
            ("POST", ["users"]) => {
                let body = json_body(call, &shapes::organization::USER)?;
                known()?;
                self.demand_own_accounts()?;
                self.create_user(&wrapped(&body, "user"), call.now())
            }
            ("DELETE", ["users", user]) => {
                plain(call, &[])?;
                known()?;
                self.demand_own_accounts()?;
                self.delete_user(user)
            }
            _ => Err(no_such_operation(call)),
        }
    }

    fn demand_own_accounts(&self) -> Result<(), Answer> {
        match self.organization.accounts {
            Accounts::Own => Ok(()),
            Accounts::Atlassian => {
                Err(error(403, "The users of this organization are managed with their Atlassian account"))
            }
        }
    }

    fn create_user(&mut self, fields: &Map<String, Value>, now: Moment) -> Result<Answer, Answer> {
        if is_missing(fields, "email") || !text(fields, "email").is_some_and(is_email) {
            return Err(unprocessable("Email is invalid"));
        }
        let owned = |name: &str| text(fields, name).map(str::to_owned);
        let user = User {
            id: self.mint.lower(12),
            email: owned("email").unwrap_or_default(),
            first_name: owned("first_name"),
            last_name: owned("last_name"),
            created: now,
        };
        if self.organization.users.iter().any(|known| known.email == user.email) {
            return Err(unprocessable("Email has already been taken"));
        }
        let answer = Answer::json(201, user.to_json(&self.organization.id));
        self.organization.users.push(user);
        Ok(answer)
    }

    fn delete_user(&mut self, id: &str) -> Result<Answer, Answer> {
        let users = &mut self.organization.users;
        let at = users.iter().position(|user| user.id == id).ok_or_else(not_found)?;
        let gone = users.remove(at);
        self.organization.permissions.remove(id);
        Ok(Answer::json(200, gone.to_json(&self.organization.id)))
    }

    /// INVARIANT: the map is the whole new one, so a page that it leaves out is revoked
    /// (`a_page_that_the_permissions_leave_out_is_revoked`).
    fn replace_permissions(&mut self, user: &str, pages: &Map<String, Value>) -> Result<Answer, Answer> {
        self.demand_user(user)?;
        let mut problems = Vec::new();
        for (id, roles) in pages {
            match self.pages.iter().find(|page| page.id == *id) {
                None => problems.push(format!("No page of this organization has the id {id}")),
                Some(page) if page.plan == Plan::Small && roles != &json!({}) => {
                    problems.push(format!("The page {id} has no roles"));
                }
                Some(_) => {}
            }
        }
        refuse(&problems)?;
        let pages = pages.iter().map(|(id, roles)| (id.clone(), whole(roles)));
        self.organization.permissions.insert(user.to_owned(), pages.collect());
        self.permissions_answer(user)
    }

    fn permissions_answer(&self, user: &str) -> Result<Answer, Answer> {
        self.demand_user(user)?;
        let granted = self.organization.permissions.get(user).into_iter().flatten();
        let pages: Vec<(String, Map<String, Value>)> =
            granted.map(|(id, roles)| (id.clone(), self.roles_on(id, roles))).collect();
        let list = |pages: Vec<(String, Map<String, Value>)>| -> Value {
            let with_id = |(id, mut roles): (String, Map<String, Value>)| {
                roles.insert("page_id".to_owned(), json!(id));
                Value::Object(roles)
            };
            pages.into_iter().map(with_id).collect()
        };
        let body = match self.organization.form {
            PermissionsForm::Wrapped => json!({"data": {"user_id": user, "pages": list(pages)}}),
            PermissionsForm::Bare => json!({"user_id": user, "pages": list(pages)}),
            PermissionsForm::Mapped => {
                let map: Map<String, Value> = pages.into_iter().map(|(id, roles)| (id, Value::Object(roles))).collect();
                json!({"data": {"user_id": user, "pages": map}})
            }
        };
        Ok(Answer::json(200, body))
    }

    /// All three roles on a page that has roles, none on another.
    fn roles_on(&self, page: &str, roles: &Map<String, Value>) -> Map<String, Value> {
        let has_roles = self.pages.iter().any(|known| known.id == page && known.plan == Plan::Large);
        let shown = ROLES.iter().filter(|_| has_roles);
        shown.map(|role| ((*role).to_owned(), roles.get(*role).cloned().unwrap_or(Value::Bool(false)))).collect()
    }

    fn demand_user(&self, id: &str) -> Result<(), Answer> {
        let mut users = self.organization.users.iter();
        users.any(|user| user.id == id).then_some(()).ok_or_else(not_found)
    }
}

impl User {
    fn to_json(&self, organization: &str) -> Value {
        json!({
            "id": self.id,
            "organization_id": organization,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "created_at": self.created.to_string(),
            "updated_at": self.created.to_string(),
        })
    }
}
