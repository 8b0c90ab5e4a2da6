//! Long results are cut to a size that a model can read, and a note says what was left out.

use std::fmt::Write as _;

use serde_json::{Map, Value, value::RawValue};

use super::list::Paging;

/// A result that fits, with the notes about what was cut.
#[derive(Debug)]
pub(crate) struct Trimmed {
    pub(crate) content: Box<RawValue>,
    pub(crate) notes: Vec<String>,
}

/// How much of each text, list and object is kept, from generous to strict.
const STEPS: [Keep; 6] = [
    Keep { text: 8_000, items: 200, members: 400 },
    Keep { text: 2_000, items: 100, members: 200 },
    Keep { text: 1_000, items: 40, members: 100 },
    Keep { text: 300, items: 15, members: 60 },
    Keep { text: 120, items: 5, members: 30 },
    Keep { text: 60, items: 2, members: 10 },
];

/// How many places a note lists one by one.
const LISTED: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Keep {
    text: usize,
    items: usize,
    members: usize,
}

/// Cuts a result to `limit` bytes. A list loses whole items from its end, anything else the rest of its longest texts,
/// lists and objects. `None` when it fits as it is.
///
/// # Errors
///
/// A sentence, when the result cannot be brought to that size.
pub(crate) fn trim(
    content: &RawValue,
    limit: usize,
    paging: Option<&Paging>,
    arguments: &Map<String, Value>,
) -> Result<Option<Trimmed>, String> {
    let size = content.get().len();
    if size <= limit {
        return Ok(None);
    }
    let value: Value =
        serde_json::from_str(content.get()).map_err(|_| "the result nests too deep to be cut".to_owned())?;
    let mut notes = Vec::new();
    let value = match value {
        Value::Object(mut list) if paging.is_some() => {
            notes.extend(shorten_list(&mut list, limit, paging, arguments));
            Value::Object(list)
        }
        value => value,
    };
    let text = value.to_string();
    if text.len() <= limit {
        return finish(text, notes);
    }
    for keep in STEPS {
        let mut cut = value.clone();
        let mut places = Vec::new();
        shorten(&mut cut, keep, &mut String::new(), &mut places);
        let text = cut.to_string();
        if text.len() <= limit {
            notes.push(note_of(size, &places));
            return finish(text, notes);
        }
    }
    Err(format!("the result has {size} bytes and cannot be cut to {limit}: ask for less"))
}

fn finish(text: String, notes: Vec<String>) -> Result<Option<Trimmed>, String> {
    let content = RawValue::from_string(text).map_err(|error| error.to_string())?;
    Ok(Some(Trimmed { content, notes }))
}

/// Drops items from the end until the rest fits; the first one stays.
fn shorten_list(
    list: &mut Map<String, Value>,
    limit: usize,
    paging: Option<&Paging>,
    arguments: &Map<String, Value>,
) -> Option<String> {
    let items = list.get_mut("items")?.as_array_mut()?;
    let all = items.len();
    let mut room = limit.saturating_sub(256);
    let mut kept = 0;
    for item in items.iter() {
        let size = item.to_string().len() + 1;
        if size > room && kept > 0 {
            break;
        }
        room = room.saturating_sub(size);
        kept += 1;
    }
    items.truncate(kept);
    if kept == all {
        return None;
    }
    list.insert("has_more".to_owned(), Value::Bool(true));
    let how = match paging {
        Some(Paging::Offset { offset, .. }) => {
            let start = arguments.get(offset).and_then(Value::as_u64).unwrap_or(0);
            let next = start.saturating_add(u64::try_from(kept).unwrap_or(u64::MAX));
            list.insert("next".to_owned(), Value::Object(Map::from_iter([(offset.clone(), Value::from(next))])));
            "go on with `next`".to_owned()
        }
        Some(Paging::Number { size, .. }) => format!("ask again for this page with a smaller `{size}`"),
        Some(Paging::Cursor { .. } | Paging::None) | None => "narrow the question to see them".to_owned(),
    };
    Some(format!("The list was too long: {kept} of {all} items of this page are shown; {how}."))
}

fn shorten(value: &mut Value, keep: Keep, path: &mut String, places: &mut Vec<String>) {
    let descend = |path: &mut String, name: &str, inner: &mut Value, places: &mut Vec<String>| {
        let length = path.len();
        path.push('/');
        path.push_str(name);
        shorten(inner, keep, path, places);
        path.truncate(length);
    };
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(keep.text) {
                let all = text.chars().count();
                text.truncate(end);
                text.push('…');
                places.push(format!("`{path}` shows {} of {all} characters", keep.text));
            }
        }
        Value::Array(items) => {
            if items.len() > keep.items {
                places.push(format!("`{path}` shows {} of {} elements", keep.items, items.len()));
                items.truncate(keep.items);
            }
            for (index, item) in items.iter_mut().enumerate() {
                descend(path, &index.to_string(), item, places);
            }
        }
        Value::Object(members) => {
            if members.len() > keep.members {
                places.push(format!("`{path}` shows {} of {} members", keep.members, members.len()));
                *members = std::mem::take(members).into_iter().take(keep.members).collect();
            }
            for (name, inner) in members.iter_mut() {
                descend(path, name, inner, places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn note_of(size: usize, places: &[String]) -> String {
    let mut listed = places.iter().take(LISTED).cloned().collect::<Vec<_>>().join("; ");
    if places.len() > LISTED {
        let _ = write!(listed, "; and {} more places", places.len() - LISTED);
    }
    format!("The result had {size} bytes and was cut: {listed}.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    fn cut(value: &Value, limit: usize, paging: Option<&Paging>, arguments: Value) -> (Value, Vec<String>) {
        let trimmed = trim(&raw(value), limit, paging, arguments.as_object().unwrap()).unwrap().unwrap();
        assert!(trimmed.content.get().len() <= limit);
        (serde_json::from_str(trimmed.content.get()).unwrap(), trimmed.notes)
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert!(trim(&raw(&json!({"a": 1})), 100, None, &Map::new()).unwrap().is_none());
    }

    #[test]
    fn a_list_loses_items_from_its_end_and_says_how_to_go_on() {
        let items: Vec<Value> = (0..50).map(|n| json!({"n": n, "text": "x".repeat(100)})).collect();
        let list = json!({"items": items, "has_more": false, "next": null});
        let paging = Paging::Offset { offset: "offset".into(), limit: "limit".into(), window: None, usual: None };
        let (value, notes) = cut(&list, 2_000, Some(&paging), json!({"offset": 100}));
        let kept = value["items"].as_array().unwrap().len();
        assert!(kept > 5 && kept < 20);
        assert_eq!(value["next"], json!({"offset": 100 + kept}));
        assert_eq!(value["has_more"], json!(true));
        assert!(notes[0].contains(&format!("{kept} of 50 items")), "{notes:?}");
    }

    #[test]
    fn an_object_keeps_its_shape_and_the_note_names_what_was_cut() {
        let value = json!({"id": "A", "body": {"details": "é".repeat(20_000)}, "log": (0..5_000).collect::<Vec<_>>()});
        let (cut, notes) = cut(&value, 10_000, None, json!({}));
        assert_eq!(cut["id"], "A");
        assert!(cut["body"]["details"].as_str().unwrap().ends_with('…'));
        assert!(notes[0].contains("`/body/details` shows") && notes[0].contains("of 20000 characters"), "{notes:?}");
        assert!(notes[0].contains("of 5000 elements"), "{notes:?}");
    }

    #[test]
    fn one_huge_item_of_a_list_is_cut_itself() {
        let list = json!({"items": [{"text": "x".repeat(50_000)}, {"text": "y"}], "has_more": false, "next": null});
        let (value, notes) = cut(&list, 5_000, Some(&Paging::None), json!({}));
        assert_eq!(value["items"].as_array().unwrap().len(), 1);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn what_cannot_be_cut_is_an_error_and_not_a_wrong_result() {
        let mut value = json!("x");
        for _ in 0..100 {
            value = json!({"a": value.clone(), "b": "y".repeat(50)});
        }
        assert!(trim(&raw(&value), 500, None, &Map::new()).unwrap_err().contains("ask for less"));
    }
}
