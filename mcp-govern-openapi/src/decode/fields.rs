//! Only some members of each item of a list: the argument `fields`, which the engine adds and no vendor sees.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, value::RawValue};

use crate::{plan::Fields, steps, text::one_line};

/// Items with the members that were asked for.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) items: Box<RawValue>,
    /// The members that were left out of any item.
    pub(crate) left_out: Vec<String>,
    /// What was asked for and is in no item.
    pub(crate) absent: Vec<String>,
}

impl Fields {
    /// Takes the members that were asked for; nothing where none were. What is not an object stays whole.
    ///
    /// INVARIANT: no member is left out that is not named (`members_that_are_left_out_of_a_list_are_named_once`).
    pub(crate) fn choose(
        &self,
        items: &[&RawValue],
        arguments: &Map<String, Value>,
    ) -> Result<Option<Chosen>, serde_json::Error> {
        let Some(asked) = self.asked(arguments) else { return Ok(None) };
        let mut left_out = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut chosen: Vec<Box<RawValue>> = Vec::with_capacity(items.len());
        for item in items {
            steps::ticks(item.get().len());
            if !item.get().starts_with('{') {
                chosen.push((*item).to_owned());
                continue;
            }
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(item.get())?;
            let mut kept: BTreeMap<&str, &RawValue> = BTreeMap::new();
            for (name, value) in &members {
                if let Some(name) = asked.get(name.as_str()) {
                    seen.insert(*name);
                    kept.insert(name, value);
                } else if !left_out.contains(name) {
                    left_out.insert(name.clone());
                }
            }
            chosen.push(serde_json::value::to_raw_value(&kept)?);
        }
        let absent = asked.iter().filter(|name| !seen.contains(*name) && !items.is_empty());
        let absent = absent.map(|name| (*name).to_owned()).collect();
        let items = serde_json::value::to_raw_value(&chosen)?;
        Ok(Some(Chosen { items, left_out: left_out.into_iter().collect(), absent }))
    }
}

impl Chosen {
    /// What is said of names that no item has.
    pub(crate) fn note(&self) -> Option<String> {
        let absent: Vec<String> = self.absent.iter().map(|name| format!("`{}`", one_line(name, 60))).collect();
        (!absent.is_empty()).then(|| format!("No item has a member {}.", absent.join(" or ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn choose(fields: &Fields, items: Value, arguments: Value) -> Option<Chosen> {
        let items: Vec<Box<RawValue>> = serde_json::from_str(&items.to_string()).unwrap();
        let items: Vec<&RawValue> = items.iter().map(|item| &**item).collect();
        fields.choose(&items, arguments.as_object().unwrap()).unwrap()
    }

    #[test]
    fn members_that_are_left_out_of_a_list_are_named_once() {
        let fields = Fields::new(|_| false, None).unwrap();
        let items = json!([{"id": 1, "name": "a", "big": [1]}, {"id": 2, "more": null}, "text"]);
        let chosen = choose(&fields, items.clone(), json!({"fields": ["id", "nmae"]})).unwrap();
        assert_eq!(chosen.items.get(), r#"[{"id":1},{"id":2},"text"]"#);
        assert_eq!(chosen.left_out, ["big", "more", "name"]);
        assert_eq!(chosen.note().unwrap(), "No item has a member `nmae`.");
        assert!(choose(&fields, items, json!({})).is_none());
        let none = choose(&fields, json!([]), json!({"fields": ["id"]})).unwrap();
        assert!(none.note().is_none() && none.left_out.is_empty());
    }

    #[test]
    fn the_argument_takes_another_name_where_the_vendor_has_one_of_its_own() {
        assert_eq!(Fields::new(|name| name == "fields", None).unwrap().argument, "item_fields");
        assert!(Fields::new(|_| true, None).is_none());
    }

    #[test]
    fn a_name_that_no_item_is_declared_to_have_is_refused() {
        let item = json!({"type": "object", "properties": {"id": {}, "name": {}}});
        let fields = Fields::new(|_| false, Some(&item)).unwrap();
        let check = |names: Value| fields.check(json!({ "fields": names }).as_object().unwrap());
        assert_eq!(check(json!(["id", "name"])), Ok(()));
        assert_eq!(
            check(json!(["nmae"])),
            Err("`fields` names `nmae`, which no item has; known are `id`, `name`".into())
        );
    }

    #[test]
    fn choosing_takes_steps_that_grow_as_the_answer_does() {
        let fields = Fields::new(|_| false, None).unwrap();
        let shapes: [fn(usize) -> Value; 2] = [
            |n| json!(vec![json!({"id": 1, "name": "a"}); n]),
            |n| json!([(0..n).map(|at| (at.to_string(), json!(1))).collect::<Map<_, _>>()]),
        ];
        for shape in shapes {
            let counted = |n: usize| steps::counted(|| choose(&fields, shape(n), json!({"fields": ["id"]}))).1;
            steps::assert_linear(counted, 1_000);
        }
    }
}
