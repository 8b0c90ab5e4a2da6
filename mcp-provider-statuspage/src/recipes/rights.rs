//! What a team member may do on which pages, in whatever form it comes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// What names a page in a list of them.
const NAMES: [&str; 2] = ["page_id", "id"];

/// Roles by page, those included that this release does not know: what Statuspage tells is written back as it was, unless it was
/// to be changed. A page without roles maps to nothing.
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
    /// or a member of one is unknown: what is not understood would be revoked by writing the others back.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let pages = answer.pointer("/data/pages").or_else(|| answer.get("pages"))?;
        let entries: Option<Vec<(String, &Value)>> = match pages {
            Value::Object(members) => Some(members.iter().map(|(id, roles)| (id.clone(), roles)).collect()),
            Value::Array(items) => {
                let id = |item: &Value| Some(NAMES.iter().find_map(|name| item.get(name))?.as_str()?.to_owned());
                items.iter().map(|item| Some((id(item)?, item))).collect()
            }
            _ => None,
        };
        let named: &[&str] = if pages.is_array() { &NAMES } else { &[] };
        let read = |(id, roles): (String, &Value)| Some((id, roles_of(roles, named)?));
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
        self.pages.entry(page.to_owned()).or_default().extend(roles_of(roles, &[]).unwrap_or_default());
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
            let named: BTreeSet<&String> = before.keys().chain(roles.keys()).collect();
            for role in named {
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

/// Every member but those that name the page is a role, whether it is known here or not. `None` when one is neither on nor off.
fn roles_of(value: &Value, names: &[&str]) -> Option<BTreeMap<String, bool>> {
    let members: &Map<String, Value> = value.as_object()?;
    let roles = members.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_null());
    roles.map(|(name, value)| Some((name.clone(), value.as_bool()?))).collect()
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
            json!({"data": {"pages": [{"id": "a", "incident_manager": true}, {"id": "b", "page_configuration": null}]}}),
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
            // What is neither a name nor a role that is on or off is not understood, and so not written back without it.
            json!({"pages": [{"id": "a", "incident_manager": true, "level": 1}]}),
            json!({"pages": {"a": {"page_id": "a"}}}),
        ] {
            assert_eq!(Rights::read(&answer), None, "{answer}");
        }
    }

    #[test]
    fn a_role_that_is_not_known_here_is_kept_and_compared() {
        for answer in [
            json!({"pages": {"a": {"new_role": true, "incident_manager": false}}}),
            json!({"pages": [{"page_id": "a", "new_role": true, "incident_manager": false}]}),
        ] {
            let before = Rights::read(&answer).unwrap();
            let mut after = before.clone();
            after.set("a", &json!({"incident_manager": true}));
            assert_eq!(after.to_json(), json!({"a": {"new_role": true, "incident_manager": true}}));
            let without = Rights::read(&json!({"pages": {"a": {"incident_manager": false}}})).unwrap();
            assert!(!before.is_same(&without) && before.is_same(&before.clone()));
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
