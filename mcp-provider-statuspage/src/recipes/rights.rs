//! What a team member may do on which pages, in whatever form it comes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The roles that a page can have.
const ROLES: [&str; 3] = ["page_configuration", "incident_manager", "maintenance_manager"];

/// Roles by page. A page without roles maps to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rights {
    pages: BTreeMap<String, BTreeMap<String, bool>>,
}

/// What a change does.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) granted: Vec<String>,
    pub(super) revoked: Vec<String>,
    pub(super) changed: Vec<Value>,
}

impl Rights {
    /// Reads an answer: a list of pages or a map of them, in an envelope or bare. `None` when it is neither, or when a page
    /// cannot be told: what is not understood would be revoked by writing it back.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let pages = answer.pointer("/data/pages").or_else(|| answer.get("pages"))?;
        let entries: Option<Vec<(String, &Value)>> = match pages {
            Value::Object(members) => Some(members.iter().map(|(id, roles)| (id.clone(), roles)).collect()),
            Value::Array(items) => {
                let id = |item: &Value| Some(item.get("page_id").or_else(|| item.get("id"))?.as_str()?.to_owned());
                items.iter().map(|item| Some((id(item)?, item))).collect()
            }
            _ => None,
        };
        let read = |(id, roles): (String, &Value)| Some((id, roles_of(roles)?));
        let pages = entries?.into_iter().map(read).collect::<Option<_>>()?;
        Some(Self { pages })
    }

    /// Whether there is no page at all.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(super) fn holds(&self, page: &str) -> bool {
        self.pages.contains_key(page)
    }

    /// Sets the roles that are named; the others of the page stay.
    pub(super) fn set(&mut self, page: &str, roles: &Value) {
        self.pages.entry(page.to_owned()).or_default().extend(roles_of(roles).unwrap_or_default());
    }

    pub(super) fn revoke(&mut self, page: &str) {
        self.pages.remove(page);
    }

    /// The map that Statuspage takes.
    pub(super) fn to_json(&self) -> Value {
        json!(self.pages)
    }

    pub(super) fn compare(&self, after: &Self) -> Difference {
        let mut difference = Difference::default();
        for (page, roles) in &after.pages {
            let Some(before) = self.pages.get(page) else {
                difference.granted.push(page.clone());
                continue;
            };
            for role in ROLES {
                let (was, is) = (before.get(role).copied(), roles.get(role).copied());
                if was.unwrap_or(false) != is.unwrap_or(false) {
                    let change = if is == Some(true) { "given" } else { "taken" };
                    difference.changed.push(json!({"page_id": page, "role": role, "change": change}));
                }
            }
        }
        difference.revoked = self.pages.keys().filter(|page| !after.holds(page)).cloned().collect();
        difference
    }

    /// Whether both allow the same, with roles that are off and roles that are not there being one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let difference = self.compare(other);
        difference.granted.is_empty() && difference.revoked.is_empty() && difference.changed.is_empty()
    }
}

/// `None` when a role is neither on nor off.
fn roles_of(value: &Value) -> Option<BTreeMap<String, bool>> {
    let members: &Map<String, Value> = value.as_object()?;
    let known = members.iter().filter(|(name, value)| ROLES.contains(&name.as_str()) && !value.is_null());
    known.map(|(name, value)| Some((name.clone(), value.as_bool()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_answer_is_read_and_no_other() {
        let due = Rights::read(&json!({"pages": {"a": {"incident_manager": true}, "b": {}}})).unwrap();
        for answer in [
            json!({"data": {"user_id": "u", "pages": {"a": {"incident_manager": true}, "b": {}}}}),
            json!({"pages": [{"page_id": "a", "incident_manager": true}, {"page_id": "b"}]}),
            json!({"data": {"pages": [{"id": "a", "incident_manager": true, "x": 1}, {"id": "b", "page_configuration": null}]}}),
        ] {
            assert_eq!(Rights::read(&answer), Some(due.clone()), "{answer}");
        }
        for answer in [
            json!({}),
            json!({"data": {}}),
            json!({"pages": null}),
            json!({"pages": [{"incident_manager": true}]}),
            json!({"pages": [{"page_id": "a", "incident_manager": "yes"}]}),
            json!({"pages": {"a": true}}),
        ] {
            assert_eq!(Rights::read(&answer), None, "{answer}");
        }
    }

    #[test]
    fn a_change_names_what_is_granted_revoked_and_changed() {
        let before = Rights::read(&json!({"pages": {"a": {"incident_manager": true}, "b": {}}})).unwrap();
        let mut after = before.clone();
        after.set("a", &json!({"incident_manager": false, "maintenance_manager": true}));
        after.set("c", &json!({}));
        after.revoke("b");
        let difference = before.compare(&after);
        assert_eq!((difference.granted, difference.revoked), (vec!["c".to_owned()], vec!["b".to_owned()]));
        assert_eq!(
            json!(difference.changed),
            json!([
                {"page_id": "a", "role": "incident_manager", "change": "taken"},
                {"page_id": "a", "role": "maintenance_manager", "change": "given"},
            ])
        );
        assert!(before.is_same(&before) && !before.is_same(&after));
        let written_out =
            Rights::read(&json!({"pages": {"a": {"incident_manager": true, "page_configuration": false}, "b": {}}}));
        assert!(before.is_same(&written_out.unwrap()));
    }
}
