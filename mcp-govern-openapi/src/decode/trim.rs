//! Long results are cut to a size that a model can read, and a note says what was left out.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer as _,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::{
    cut::{EVERYTHING, Keep, cut},
    list::{ListOutput, last_of_window},
};
use crate::{plan::Paging, steps, text::number};

/// A result that fits, with the notes about what was cut.
#[derive(Debug)]
pub(crate) struct Trimmed {
    pub(crate) content: Box<RawValue>,
    pub(crate) notes: Vec<String>,
}

/// How much of each text, list and object is kept, from everything, with only the blanks between gone, to hardly anything.
const TURNS: [Keep; 7] = [
    EVERYTHING,
    Keep { text: 8_000, items: 200, members: 400 },
    Keep { text: 2_000, items: 100, members: 200 },
    Keep { text: 1_000, items: 40, members: 100 },
    Keep { text: 300, items: 15, members: 60 },
    Keep { text: 120, items: 5, members: 30 },
    Keep { text: 60, items: 2, members: 10 },
];

/// Room for what is around the items of a list.
const AROUND: usize = 256;

/// Cuts a result to `limit` bytes. A list loses whole items from its end, anything else the rest of its longest texts,
/// lists and objects. `None` when it fits as it is.
///
/// No tree is built: the result is read once for each turn, and no more is written than fits.
///
/// INVARIANT: time grows as the result does, memory as the limit (`cutting_takes_steps_that_grow_as_the_result_does`).
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
    let mut notes = Vec::new();
    let mut text = Cow::Borrowed(content.get());
    if let Some((list, note)) = paging.and_then(|paging| shorten_list(&text, limit, paging, arguments)) {
        text = Cow::Owned(list);
        notes.extend(note);
    }
    for keep in TURNS {
        let Some(cut) = cut(&text, keep, limit)? else { continue };
        if cut.places > 0 {
            notes.push(cut.note(size));
        }
        let content = RawValue::from_string(cut.text).map_err(|error| error.to_string())?;
        return Ok(Some(Trimmed { content, notes }));
    }
    Err(format!("the result has {size} bytes and cannot be cut to {limit}: ask for less"))
}

/// A list as it was decoded.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: &'a RawValue,
    has_more: bool,
    next: Option<Map<String, Value>>,
    total: Option<u64>,
    #[serde(default)]
    left_out: Vec<String>,
}

/// Drops items from the end until the rest fits; the first one stays. Nothing where there is no list.
fn shorten_list(
    text: &str,
    limit: usize,
    paging: &Paging,
    arguments: &Map<String, Value>,
) -> Option<(String, Option<String>)> {
    let list: List<'_> = serde_json::from_str(text).ok()?;
    let mut fitting = Fitting { room: limit.saturating_sub(AROUND), items: String::from("["), kept: 0, all: 0 };
    serde_json::Deserializer::from_str(list.items.get()).deserialize_seq(&mut fitting).ok()?;
    let Fitting { mut items, kept, all, .. } = fitting;
    items.push(']');
    let items = RawValue::from_string(items).ok()?;
    let (has_more, next, total, left_out) = (list.has_more, list.next, list.total, list.left_out.as_slice());
    let mut output = ListOutput { items: &items, has_more, next, total, left_out };
    let mut note = None;
    if kept < all {
        output.has_more = true;
        let how = match paging {
            Paging::Offset { offset, limit, window, usual } => {
                let start = arguments.get(offset).and_then(Value::as_u64).unwrap_or(0);
                let next = start.saturating_add(u64::try_from(kept).unwrap_or(u64::MAX));
                let size = number(arguments, limit).or(*usual);
                let window_end =
                    last_of_window(limit, size, *window, next).map(|(name, value)| (name.to_owned(), value));
                output.next = Some([(offset.clone(), Value::from(next))].into_iter().chain(window_end).collect());
                "go on with `next`".to_owned()
            }
            Paging::Number { size, .. } => format!("ask again for this page with a smaller `{size}`"),
            Paging::Cursor { .. } | Paging::None => "narrow the question to see them".to_owned(),
        };
        note = Some(format!("The list was too long: {kept} of {all} items of this page are shown; {how}."));
    }
    Some((serde_json::to_string(&output).ok()?, note))
}

/// The first items of a list, as many as fit.
struct Fitting {
    room: usize,
    items: String,
    kept: usize,
    all: usize,
}

impl<'de> Visitor<'de> for &mut Fitting {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut is_full = false;
        while !is_full && let Some(item) = seq.next_element::<&RawValue>()? {
            steps::tick();
            self.all += 1;
            let whole = cut(item.get(), EVERYTHING, self.room).ok().flatten();
            // The first one stays, whatever its size: it is cut itself.
            let text = match &whole {
                Some(cut) => cut.text.as_str(),
                None if self.kept == 0 => item.get(),
                None => {
                    is_full = true;
                    continue;
                }
            };
            if self.kept > 0 {
                self.items.push(',');
            }
            self.items.push_str(text);
            self.room = self.room.saturating_sub(text.len() + 1);
            self.kept += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            steps::tick();
            self.all += 1;
        }
        Ok(())
    }
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

    #[test]
    fn blanks_go_before_anything_that_says_something() {
        let pretty = serde_json::to_string_pretty(&(0..100).collect::<Vec<_>>()).unwrap();
        let content = RawValue::from_string(pretty).unwrap();
        let trimmed = trim(&content, 400, None, &Map::new()).unwrap().unwrap();
        assert_eq!(trimmed.content.get(), serde_json::to_string(&(0..100).collect::<Vec<_>>()).unwrap());
        assert!(trimmed.notes.is_empty(), "{:?}", trimmed.notes);
    }

    #[test]
    fn a_note_stays_short_however_long_the_names_and_however_many_the_places() {
        let texts: Map<String, Value> = (0..50).map(|at| (at.to_string(), json!("y".repeat(5_000)))).collect();
        let value = json!({"n".repeat(10_000): texts});
        let (_, notes) = cut(&value, 60_000, None, json!({}));
        assert!(notes.iter().all(|note| note.len() < 4_000), "{notes:?}");
        assert!(notes[0].contains("more places"), "{notes:?}");
    }

    #[test]
    fn cutting_takes_steps_that_grow_as_the_result_does() {
        let offset = Paging::Offset { offset: "offset".into(), limit: "limit".into(), window: None, usual: None };
        let shapes: [fn(usize) -> Value; 5] = [
            |n| json!({"items": vec![json!({"id": "p1"}); n], "has_more": false, "next": null}),
            |n| json!({"items": [{"text": "x".repeat(n * 10)}], "has_more": false, "next": null}),
            |n| json!({"deep": (0..20).fold(json!(vec![1; n]), |inner, at| json!({at.to_string(): inner}))}),
            |n| json!({"n".repeat(n): vec![json!("y".repeat(100)); n / 10]}),
            |n| Value::Object((0..n).map(|at| (at.to_string(), json!([]))).collect()),
        ];
        for (at, shape) in shapes.into_iter().enumerate() {
            for paging in [None, Some(&offset)] {
                let counted = |n: usize| steps::counted(|| drop(trim(&raw(&shape(n)), 1_000, paging, &Map::new()))).1;
                steps::assert_linear(counted, 2_000);
                let (n, most) = (2_000, 16);
                let length = shape(n).to_string().len() as u64;
                assert!(counted(n) <= most * length, "shape {at} took {} steps for {length} bytes", counted(n));
            }
        }
    }
}
