//! The members of a JSON object, each as it was written.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::steps;

/// The members of an object. None of them is read further than it is asked for.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    all: BTreeMap<String, Cow<'a, RawValue>>,
    repeated: Option<String>,
    changed: bool,
}

/// How many characters of a name are shown.
const LONGEST_NAME: usize = 128;

impl Members<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.all.get(name).map(|value| &**value)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first name that stood there twice, as far as it is shown.
    pub(super) fn repeated(&self) -> Option<String> {
        self.repeated.as_ref().map(|name| name.chars().take(LONGEST_NAME).collect())
    }

    /// Whether something is not as it was written.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// The object as it is now.
    pub(super) fn to_raw(&self) -> Option<Box<RawValue>> {
        to_raw_value(self).ok()
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.changed |= self.all.remove(name).is_some();
    }

    pub(super) fn set(&mut self, name: &str, value: &impl Serialize) {
        // Values of JSON are written without fail.
        if let Ok(value) = to_raw_value(value) {
            self.all.insert(name.to_owned(), Cow::Owned(value));
            self.changed = true;
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<String>()? {
                    steps::tick();
                    let value: &'de RawValue = map.next_value()?;
                    if members.repeated.is_none() && members.all.contains_key(&name) {
                        members.repeated = Some(name.clone());
                    }
                    members.all.insert(name, Cow::Borrowed(value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.all)
    }
}

/// What kind of value it is, in words.
pub(super) fn kind_of(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    }
}
