//! Lists: `{"items": …, "has_more": …, "next": …}` around the vendor's own bytes.

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    plan::{ListPlan, Paging},
    text::{number, scalar_text},
};

/// A list, decoded.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) content: Box<RawValue>,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput<'a> {
    pub(crate) items: &'a RawValue,
    pub(crate) has_more: bool,
    pub(crate) next: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
    /// The members that were left out of items because others were asked for.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) left_out: &'a [String],
}

impl ListPlan {
    /// Puts the items of an answer into the list form, with what was left out of them.
    pub(crate) fn decode(
        &self,
        (items, left_out): (&RawValue, &[String]),
        count: usize,
        body: &str,
        arguments: &Map<String, Value>,
    ) -> Result<List, serde_json::Error> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let (mut note, mut last) = (None, None);
        let mut has_more = self.says_more(body);
        let next = match &self.page {
            Paging::None => None,
            Paging::Number { page, size, first, usual } => {
                let size = number(arguments, size).or(*usual);
                let more = has_more.unwrap_or_else(|| size.is_some_and(|size| count >= size));
                has_more = Some(more && count > 0);
                let at = number(arguments, page).unwrap_or(*first);
                Some((page, Value::from(at.saturating_add(1))))
            }
            Paging::Offset { offset, limit, window, usual } => {
                let size = number(arguments, limit).or(*usual);
                let more = has_more.unwrap_or_else(|| size.is_some_and(|size| count >= size));
                has_more = Some(more && count > 0);
                let at = number(arguments, offset).unwrap_or(0).saturating_add(count);
                let over = window.is_some_and(|window| at >= window);
                last = last_of_window(limit, size, *window, at);
                if over && has_more == Some(true) {
                    note = Some(format!(
                        "There is more, but this list cannot be read beyond {at} results: narrow the question instead."
                    ));
                }
                (!over).then(|| (offset, Value::from(at)))
            }
            Paging::Cursor { cursor, text } => {
                let mark = self.next.as_ref().and_then(|next| next.value(body)).filter(is_mark);
                // Some vendors have a mark on the last page as well.
                has_more = Some(mark.is_some() && has_more != Some(false));
                mark.map(|mark| (cursor, if *text { as_text(mark) } else { mark }))
            }
        };
        let has_more = has_more.unwrap_or(false);
        let next = next.filter(|_| has_more);
        let next = next.map(|(name, value)| {
            let more = last.map(|(name, value)| (name.to_owned(), value));
            [(name.clone(), value)].into_iter().chain(more).collect()
        });
        let total = self.total.as_ref().and_then(|total| total.value(body)).and_then(|total| total.as_u64());
        let content = serde_json::value::to_raw_value(&ListOutput { items, has_more, next, total, left_out })?;
        Ok(List { content, note })
    }

    /// What the answer itself says about more; nothing when it keeps silent.
    fn says_more(&self, body: &str) -> Option<bool> {
        if let Some(more) = self.more.as_ref().and_then(|more| more.value(body)) {
            return more.as_bool();
        }
        self.next.as_ref().map(|next| next.value(body).is_some_and(|value| is_mark(&value)))
    }
}

/// The size of the last page of a window, where a whole one would reach beyond it and be refused.
pub(super) fn last_of_window(limit: &str, size: Option<u64>, window: Option<u64>, at: u64) -> Option<(&str, Value)> {
    let left = window?.saturating_sub(at);
    (left > 0 && size? > left).then(|| (limit, Value::from(left)))
}

/// A mark as the argument takes it that leads on.
fn as_text(mark: Value) -> Value {
    match scalar_text(&mark) {
        Some(text) => Value::from(text.into_owned()),
        None => mark,
    }
}

/// Whether a value leads on: null, an empty text and `false` do not.
fn is_mark(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Number(_) | Value::Bool(true) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pointer::Pointer;

    fn plan(page: Paging) -> ListPlan {
        ListPlan { items: Pointer::default(), page, more: None, next: None, total: None }
    }

    fn offset(window: Option<u64>) -> Paging {
        Paging::Offset { offset: "offset".into(), limit: "limit".into(), window, usual: None }
    }

    fn decode(plan: &ListPlan, count: usize, body: Value, arguments: Value) -> Value {
        let items = serde_json::value::to_raw_value(&vec![0; count]).unwrap();
        let list = plan.decode((&items, &[]), count, &body.to_string(), arguments.as_object().unwrap()).unwrap();
        let mut output: Value = serde_json::from_str(list.content.get()).unwrap();
        output["note"] = json!(list.note.is_some());
        output.as_object_mut().unwrap().remove("items");
        output
    }

    #[test]
    fn numbered_pages_end_with_a_short_page() {
        let plan = plan(Paging::Number { page: "page".into(), size: "per_page".into(), first: 0, usual: None });
        let full = decode(&plan, 2, json!([]), json!({"per_page": 2}));
        assert_eq!(full, json!({"has_more": true, "next": {"page": 1}, "note": false}));
        let short = decode(&plan, 1, json!([]), json!({"per_page": 2, "page": 3}));
        assert_eq!(short, json!({"has_more": false, "next": null, "note": false}));
    }

    #[test]
    fn an_offset_moves_on_by_what_was_received_and_an_empty_page_ends_the_list() {
        let mut plan = plan(offset(Some(100)));
        plan.more = Some(Pointer::parse("/more").unwrap());
        plan.total = Some(Pointer::parse("/total").unwrap());
        let body = json!({"more": true, "total": 7});
        let output = decode(&plan, 3, body.clone(), json!({"limit": 25, "offset": 10}));
        assert_eq!(output, json!({"has_more": true, "next": {"offset": 13}, "total": 7, "note": false}));
        assert_eq!(decode(&plan, 0, body.clone(), json!({"limit": 25}))["has_more"], json!(false));
        let output = decode(&plan, 20, body, json!({"limit": 20, "offset": 80}));
        assert_eq!((&output["has_more"], &output["next"], &output["note"]), (&json!(true), &json!(null), &json!(true)));
        // What is left of the window is asked for, and no more.
        let output = decode(&plan, 25, json!({"more": true}), json!({"limit": 25, "offset": 60}));
        assert_eq!((&output["next"], &output["note"]), (&json!({"offset": 85, "limit": 15}), &json!(false)));
        let output = decode(&plan, 25, json!({"more": true}), json!({"limit": 25, "offset": 50}));
        assert_eq!(output["next"], json!({"offset": 75}));
    }

    #[test]
    fn a_next_link_says_whether_there_is_more_and_is_never_shown() {
        let mut plan = plan(offset(None));
        plan.next = Some(Pointer::parse("/paging/next").unwrap());
        let body = json!({"paging": {"next": "https://other.example/?apiKey=k"}});
        let output = decode(&plan, 20, body, json!({"limit": 20}));
        assert_eq!(output, json!({"has_more": true, "next": {"offset": 20}, "note": false}));
        assert_eq!(decode(&plan, 20, json!({"paging": {}}), json!({"limit": 20}))["has_more"], json!(false));
    }

    #[test]
    fn a_cursor_goes_on_until_it_is_null_or_empty() {
        let mut plan = plan(Paging::Cursor { cursor: "cursor".into(), text: true });
        plan.next = Some(Pointer::parse("/next_cursor").unwrap());
        assert_eq!(decode(&plan, 1, json!({"next_cursor": "a="}), json!({}))["next"], json!({"cursor": "a="}));
        assert_eq!(decode(&plan, 1, json!({"next_cursor": 7}), json!({}))["next"], json!({"cursor": "7"}));
        for end in [json!({"next_cursor": null}), json!({"next_cursor": ""}), json!({})] {
            assert_eq!(decode(&plan, 1, end, json!({}))["has_more"], json!(false));
        }
        plan.more = Some(Pointer::parse("/more").unwrap());
        let last = decode(&plan, 1, json!({"next_cursor": "z", "more": false}), json!({}));
        assert_eq!((last["has_more"].clone(), last["next"].clone()), (json!(false), json!(null)));
        assert_eq!(
            decode(&plan, 1, json!({"next_cursor": "b", "more": true}), json!({}))["next"],
            json!({"cursor": "b"})
        );
    }

    #[test]
    fn a_window_is_held_before_anything_is_sent() {
        let page = offset(Some(10_000));
        assert!(page.check(json!({"offset": 9_975, "limit": 25}).as_object().unwrap()).is_ok());
        let error = page.check(json!({"offset": 9_976, "limit": 25}).as_object().unwrap()).unwrap_err();
        assert!(error.contains("10001") && error.contains("10000"), "{error}");
    }
}
