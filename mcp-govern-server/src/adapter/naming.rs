//! Texts name tools as the caller sees them: under the names that the caller's list has, and none that it has not.
//!
//! Descriptions and remedies are written for the tools of one vendor, by the vendor's side of their names. A caller sees a prefix
//! in front of them, and may lack some of them.

use std::{borrow::Cow, ops::Range};

use serde_json::{Map, Value};

/// What a word in a text means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Naming {
    /// No tool of the server.
    None,
    /// A tool that the caller sees, by this name.
    Shown(String),
    /// A tool of the server that the caller does not see.
    Lacking,
}

/// Says what a word means.
pub(super) type Resolve<'a> = &'a dyn Fn(&str) -> Naming;

/// No name of a tool is longer.
const LONGEST: usize = 64;

/// A text with every whole name of a tool replaced by the one that the caller sees. Sentences, and clauses behind a semicolon, that
/// name a tool which the caller lacks are left out; the first sentence says what the text is about and stays.
///
/// A name is looked for between word boundaries, and in prose only where it holds a `_`: a tool called `search` is named within
/// backticks.
///
/// INVARIANT: time grows as the text does (`a_text_is_read_in_time_that_grows_as_it_does`).
pub(super) fn told<'t>(text: &'t str, resolve: Resolve<'_>) -> Cow<'t, str> {
    let mentions: Vec<(Range<usize>, Naming)> = words(text)
        .filter_map(|place| match resolve(text.get(place.clone())?) {
            Naming::None => None,
            naming => Some((place, naming)),
        })
        .collect();
    if mentions.is_empty() {
        return Cow::Borrowed(text);
    }
    let lacks = |part: &Range<usize>| {
        let first = mentions.partition_point(|(place, _)| place.start < part.start);
        let mut within = mentions.iter().skip(first).take_while(|(place, _)| place.start < part.end);
        within.any(|(_, naming)| *naming == Naming::Lacking)
    };
    let mut out = String::with_capacity(text.len() + 16);
    for (at, sentence) in split(text, 0..text.len(), ends_sentence).enumerate() {
        if at == 0 || !lacks(&sentence) {
            write(&mut out, text, &sentence, &mentions);
            continue;
        }
        let kept: Vec<Range<usize>> =
            split(text, sentence.clone(), |text, at| text.get(at..)?.starts_with("; ").then_some(at + 2))
                .filter(|clause| !lacks(clause))
                .collect();
        let Some(last) = kept.last() else { continue };
        let is_whole = last.end == sentence.end;
        let begin = out.len();
        for clause in &kept {
            write(&mut out, text, clause, &mentions);
        }
        capitalise(&mut out, begin);
        if !is_whole {
            out.truncate(out.trim_end_matches([';', ' ']).len());
            out.push_str(". ");
        }
    }
    out.truncate(out.trim_end().len());
    Cow::Owned(out)
}

/// The schema with its descriptions as the caller sees them; nothing where none of them changes.
pub(super) fn told_schema(schema: &Value, resolve: Resolve<'_>) -> Option<Value> {
    let node = schema.as_object()?;
    let mut changed: Map<String, Value> = Map::new();
    for (keyword, value) in node {
        let new = match (keyword.as_str(), value) {
            ("description" | "title", Value::String(text)) => match told(text, resolve) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(Value::String(text)),
            },
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                let told: Vec<(String, Value)> = named
                    .iter()
                    .filter_map(|(name, schema)| Some((name.clone(), told_schema(schema, resolve)?)))
                    .collect();
                (!told.is_empty()).then(|| {
                    let mut named = named.clone();
                    named.extend(told);
                    Value::Object(named)
                })
            }
            ("items" | "additionalProperties", value) => told_schema(value, resolve),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(branches)) => {
                let told: Vec<Option<Value>> = branches.iter().map(|branch| told_schema(branch, resolve)).collect();
                told.iter().any(Option::is_some).then(|| {
                    told.into_iter()
                        .zip(branches)
                        .map(|(told, branch)| told.unwrap_or_else(|| branch.clone()))
                        .collect()
                })
            }
            _ => None,
        };
        changed.extend(new.map(|new| (keyword.clone(), new)));
    }
    (!changed.is_empty()).then(|| {
        let mut node = node.clone();
        node.extend(changed);
        Value::Object(node)
    })
}

/// The words of a schema's descriptions that may be names of tools, each once, in order.
pub(super) fn candidates(schema: &Value) -> Vec<String> {
    let found = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let note = |word: &str| {
        if !found.borrow().contains(word) {
            found.borrow_mut().insert(word.to_owned());
        }
        Naming::None
    };
    told_schema(schema, &note);
    found.into_inner().into_iter().collect()
}

/// The places of words that may be names of tools.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = from + bytes.get(from..)?.iter().position(part)?;
            let length = bytes.get(begin..)?.iter().position(|byte| !part(byte)).unwrap_or(bytes.len() - begin);
            from = begin + length;
            let place = begin..from;
            if may_be_named(bytes, &place) {
                return Some(place);
            }
        }
    })
}

fn may_be_named(bytes: &[u8], place: &Range<usize>) -> bool {
    let word = bytes.get(place.clone()).unwrap_or_default();
    let before = place.start.checked_sub(1).and_then(|at| bytes.get(at));
    let (after, second) = (bytes.get(place.end), bytes.get(place.end + 1));
    let quoted = before == Some(&b'`') && after == Some(&b'`');
    // Part of an address, a path, a quoted value, a file name or a piece of code.
    let is_part = before.is_some_and(|byte| b"/.-@:\"'$#{=<\\".contains(byte) || !byte.is_ascii())
        || after.is_some_and(|byte| b"/@({=-\"'\\".contains(byte) || !byte.is_ascii())
        || (after == Some(&b'.') && second.is_some_and(u8::is_ascii_alphanumeric));
    word.len() <= LONGEST
        && word.first().is_some_and(u8::is_ascii_lowercase)
        && (quoted || (word.contains(&b'_') && !is_part))
}

/// Where the next sentence begins, if one ends here: behind a mark with a blank and a capital or a backtick after it, or a line end.
fn ends_sentence(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let mark = rest.chars().next()?;
    if mark == '\n' {
        return Some(at + 1);
    }
    if !matches!(mark, '.' | '!' | '?') {
        return None;
    }
    let mut after = rest.get(1..)?.chars();
    let begins = after.next() == Some(' ') && after.next().is_some_and(|c| c.is_uppercase() || c == '`');
    begins.then_some(at + 2)
}

/// The parts of a range, cut where `cut` says that one ends.
fn split<'t>(
    text: &'t str,
    range: Range<usize>,
    cut: impl Fn(&str, usize) -> Option<usize> + 't,
) -> impl Iterator<Item = Range<usize>> + 't {
    let mut from = range.start;
    std::iter::from_fn(move || {
        if from >= range.end {
            return None;
        }
        let begin = from;
        from = (begin..range.end).find_map(|at| cut(text, at)).unwrap_or(range.end).min(range.end);
        Some(begin..from)
    })
}

/// A part of the text with the names in it replaced.
fn write(out: &mut String, text: &str, part: &Range<usize>, mentions: &[(Range<usize>, Naming)]) {
    let mut from = part.start;
    let first = mentions.partition_point(|(place, _)| place.start < part.start);
    for (place, naming) in mentions.iter().skip(first).take_while(|(place, _)| place.start < part.end) {
        if let Naming::Shown(name) = naming {
            out.push_str(text.get(from..place.start).unwrap_or_default());
            out.push_str(name);
            from = place.end;
        }
    }
    out.push_str(text.get(from..part.end).unwrap_or_default());
}

fn capitalise(out: &mut String, begin: usize) {
    if let Some(first) = out.get(begin..).and_then(|rest| rest.chars().next()).filter(char::is_ascii_lowercase) {
        out.replace_range(begin..=begin, first.to_ascii_uppercase().encode_utf8(&mut [0; 4]));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(word: &str) -> Naming {
        match word {
            "list_pages" | "get_incident" | "search" => Naming::Shown(format!("status_{word}")),
            "delete_page" | "find" => Naming::Lacking,
            _ => Naming::None,
        }
    }

    fn read(text: &str) -> String {
        told(text, &resolve).into_owned()
    }

    #[test]
    fn whole_names_are_told_as_the_caller_sees_them() {
        for (text, due) in [
            (
                "Take page_id from list_pages, or `get_incident`.",
                "Take page_id from status_list_pages, or `status_get_incident`.",
            ),
            ("`get_incident`: Statuspage answered 404: No.", "`status_get_incident`: Statuspage answered 404: No."),
            ("See list_pages. See it", "See status_list_pages. See it"),
            ("`search` finds what a search finds", "`status_search` finds what a search finds"),
        ] {
            assert_eq!(read(text), due);
        }
        for same in [
            "my_list_pages list_pages_of xlist_pages List_pages",
            "GET /v1/list_pages, list_pages.json, \"list_pages\", list_pages(), é_list_pages",
            "status_list_pages",
            "nothing of the kind",
            "",
        ] {
            assert!(matches!(told(same, &resolve), Cow::Borrowed(_)), "{same}");
        }
    }

    #[test]
    fn sentences_and_clauses_about_what_the_caller_lacks_are_left_out() {
        for (text, due) in [
            ("Reads a page. To remove it use delete_page. Changes nothing.", "Reads a page. Changes nothing."),
            ("Reads a page. Changes nothing; to remove it use delete_page.", "Reads a page. Changes nothing."),
            ("Reads a page. For more use delete_page; it is cheap. End.", "Reads a page. It is cheap. End."),
            ("Reads a page. A; use list_pages; use delete_page; b.", "Reads a page. A; use status_list_pages; b."),
            ("Reads a page. Use `find`.", "Reads a page."),
            ("Undoes delete_page. Use list_pages.", "Undoes delete_page. Use status_list_pages."),
            ("Reads.\ndelete_page removes.\nMore: list_pages", "Reads.\nMore: status_list_pages"),
        ] {
            assert_eq!(read(text), due);
        }
    }

    #[test]
    fn descriptions_within_a_schema_are_told_too_and_nothing_else_of_it() {
        let schema = json!({
            "type": "object", "description": "Of list_pages.",
            "properties": {
                "list_pages": {"type": "string", "enum": ["list_pages"], "default": "list_pages"},
                "description": {"type": "string", "description": "See delete_page. From list_pages."},
                "of": {"type": "array", "items": {"anyOf": [{"description": "Of get_incident."}, {"type": "null"}]}},
            },
        });
        let told = told_schema(&schema, &resolve).unwrap();
        let mut due = schema.clone();
        due["description"] = json!("Of status_list_pages.");
        due["properties"]["description"]["description"] = json!("See delete_page. From status_list_pages.");
        due["properties"]["of"]["items"]["anyOf"][0]["description"] = json!("Of status_get_incident.");
        assert_eq!(told, due);
        assert_eq!(candidates(&schema), ["delete_page", "get_incident", "list_pages"]);
        assert!(told_schema(&json!({"description": "Of nothing."}), &resolve).is_none());
    }

    #[test]
    fn a_text_is_read_in_time_that_grows_as_it_does() {
        // Looked up once for each word: what is counted is what grows.
        for unit in ["delete_page; ", "list_pages ", "A. ", "`", "a_", "; ", "Use delete_page. "] {
            let looked_up = std::cell::Cell::new(0_usize);
            let count = |word: &str| {
                looked_up.set(looked_up.get() + 1);
                resolve(word)
            };
            let text = unit.repeat(20_000);
            told(&text, &count);
            assert!(looked_up.get() <= text.len() / 2, "{unit}");
        }
    }
}
