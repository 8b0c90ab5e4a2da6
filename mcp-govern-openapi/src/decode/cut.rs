//! JSON, written again with less of its texts, lists and objects. No tree is built, and no more is written than there is room for.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::steps;

/// How much of each text, list and object is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// Characters of a text.
    pub(super) text: usize,
    /// Items of a list.
    pub(super) items: usize,
    /// Members of an object.
    pub(super) members: usize,
}

/// Nothing is cut.
pub(super) const EVERYTHING: Keep = Keep { text: usize::MAX, items: usize::MAX, members: usize::MAX };

/// A text of JSON that was cut.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) text: String,
    /// How many places were cut.
    pub(super) places: usize,
    /// The first of them, in words.
    listed: Vec<String>,
}

/// How many places a note lists one by one, and how many characters of each it shows.
const LISTED: usize = 8;
const LONGEST_PLACE: usize = 200;

/// Writes JSON again within so many bytes. `None` when it has no room.
///
/// # Errors
///
/// When it nests too deep, or is not JSON.
pub(super) fn cut(json: &str, keep: Keep, room: usize) -> Result<Option<Cut>, String> {
    let mut writer = Writer {
        keep,
        room,
        is_full: false,
        path: String::new(),
        cut: Cut { text: String::new(), places: 0, listed: Vec::new() },
    };
    match (&mut writer).deserialize(&mut serde_json::Deserializer::from_str(json)) {
        Ok(()) => Ok(Some(writer.cut)),
        Err(_) if writer.is_full => Ok(None),
        Err(_) => Err("the result nests too deep to be cut".to_owned()),
    }
}

impl Cut {
    /// What was cut of a result of so many bytes.
    pub(super) fn note(&self, size: usize) -> String {
        let mut listed = self.listed.join("; ");
        if self.places > self.listed.len() {
            let _ = write!(listed, "; and {} more places", self.places - self.listed.len());
        }
        format!("The result had {size} bytes and was cut: {listed}.")
    }
}

struct Writer {
    keep: Keep,
    room: usize,
    is_full: bool,
    /// Where the value is that is read.
    path: String,
    cut: Cut,
}

impl Writer {
    fn push<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        steps::ticks(text.len());
        if text.len() > self.room.saturating_sub(self.cut.text.len()) {
            self.is_full = true;
            return Err(E::custom("no room is left"));
        }
        self.cut.text.push_str(text);
        Ok(())
    }

    fn push_string<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        let written = serde_json::to_string(text).map_err(E::custom)?;
        self.push(&written)
    }

    /// Remembers that something was cut here.
    fn place(&mut self, what: fmt::Arguments<'_>) {
        self.cut.places += 1;
        if self.cut.listed.len() < LISTED {
            let shown: String = self.path.chars().take(LONGEST_PLACE).collect();
            let more = if shown.len() < self.path.len() { "…" } else { "" };
            self.cut.listed.push(format!("`{shown}{more}` shows {what}"));
        }
    }

    /// Does something one step further down.
    fn below<T>(&mut self, step: fmt::Arguments<'_>, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        let _ = write!(self.path, "/{step}");
        let done = work(self);
        self.path.truncate(length);
        done
    }
}

impl<'de> DeserializeSeed<'de> for &mut Writer {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Writer {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.push("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.push(if value { "true" } else { "false" })
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.push(&value.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(&value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.push(&serde_json::Value::from(value).to_string())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        steps::ticks(text.len());
        match text.char_indices().nth(self.keep.text) {
            None => self.push_string(text),
            Some((end, _)) => {
                let shown = self.keep.text;
                self.place(format_args!("{shown} of {} characters", text.chars().count()));
                self.push_string(&format!("{}…", text.get(..end).unwrap_or_default()))
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.push("[")?;
        let mut count = 0;
        while count < self.keep.items
            && self
                .below(format_args!("{count}"), |writer| seq.next_element_seed(Next { writer, is_first: count == 0 }))?
                .is_some()
        {
            count += 1;
        }
        let kept = count;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            steps::tick();
            count += 1;
        }
        if kept < count {
            self.place(format_args!("{kept} of {count} elements"));
        }
        self.push("]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.push("{")?;
        let mut count = 0;
        while count < self.keep.members
            && let Some(name) = map.next_key::<String>()?
        {
            if count > 0 {
                self.push(",")?;
            }
            self.push_string(&name)?;
            self.push(":")?;
            self.below(format_args!("{name}"), |writer| map.next_value_seed(writer))?;
            count += 1;
        }
        let kept = count;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            steps::tick();
            count += 1;
        }
        if kept < count {
            self.place(format_args!("{kept} of {count} members"));
        }
        self.push("}")
    }
}

/// An element of a list: the comma before it is written when it is there.
struct Next<'w> {
    writer: &'w mut Writer,
    is_first: bool,
}

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !self.is_first {
            self.writer.push::<D::Error>(",")?;
        }
        self.writer.deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_again_as_it_says() {
        for (json, written) in [
            (
                r#" { "a" : [ 1 , -2, 3.5 , true , null ] , "b" : { } , "é\n" : "\u0041\"" } "#,
                r#"{"a":[1,-2,3.5,true,null],"b":{},"é\n":"A\""}"#,
            ),
            ("[]", "[]"),
            ("[[],[[]]]", "[[],[[]]]"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let cut = cut(json, EVERYTHING, written.len()).unwrap().unwrap();
            assert_eq!((cut.text.as_str(), cut.places), (written, 0));
            assert!(super::cut(json, EVERYTHING, written.len() - 1).unwrap().is_none());
        }
        assert!(cut(&"[".repeat(500), EVERYTHING, 10_000).is_err());
    }

    #[test]
    fn texts_lists_and_objects_keep_their_beginnings() {
        let keep = Keep { text: 2, items: 2, members: 1 };
        let cut = cut(r#"{"list":[1,[1,2,3],"éàü"],"gone":1}"#, keep, 100).unwrap().unwrap();
        assert_eq!(cut.text, r#"{"list":[1,[1,2]]}"#);
        assert_eq!(
            cut.listed,
            ["`/list/1` shows 2 of 3 elements", "`/list` shows 2 of 3 elements", "`` shows 1 of 2 members"]
        );
        let cut = super::cut(r#""éàü""#, keep, 100).unwrap().unwrap();
        assert_eq!(cut.text, r#""éà…""#);
    }
}
