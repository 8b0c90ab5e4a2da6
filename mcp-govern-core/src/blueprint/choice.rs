//! Which tools of a server a blueprint approves.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    journal::Tool,
    vocabulary::{Classification, ToolName},
};

/// Which tools of a server are approved when no person has reviewed them yet. One text: `read`, `create_incident`, `list_*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ToolChoice {
    /// Tools of exactly this class: `read`, `write`, `destructive`, `sensitive` or `dangerous`.
    Class(Classification),
    /// The tool of this name.
    Name(ToolName),
    /// Tools whose name fits, `*` standing for any text. Never a dangerous one: those are named, or chosen by their class.
    Pattern(String),
}

/// A text is not a valid choice of tools.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid choice of tools: expected a class such as `read`, a tool name, or a pattern such as `list_*`"
)]
pub struct ParseToolChoiceError {
    text: String,
}

/// The classes of tools, which are chosen by their word.
pub(super) const CLASSES: [Classification; 5] = [
    Classification::Read,
    Classification::Write,
    Classification::Destructive,
    Classification::Sensitive,
    Classification::Dangerous,
];

impl ToolChoice {
    /// Whether the tool is chosen.
    pub fn selects(&self, name: &ToolName, tool: &Tool) -> bool {
        match self {
            Self::Class(class) => tool.classification() == *class,
            Self::Name(chosen) => chosen == name,
            Self::Pattern(pattern) => {
                tool.classification() != Classification::Dangerous && fits(pattern, name.as_str())
            }
        }
    }
}

impl fmt::Display for ToolChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => class.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

impl FromStr for ToolChoice {
    type Err = ParseToolChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseToolChoiceError { text: text.chars().take(80).flat_map(char::escape_debug).collect() };
        if let Some(class) = CLASSES.into_iter().find(|class| class.as_str() == text) {
            return Ok(Self::Class(class));
        }
        if text.contains('*') {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'*');
            return if text.len() <= 64 && text.bytes().all(plain) {
                Ok(Self::Pattern(text.to_owned()))
            } else {
                Err(refuse())
            };
        }
        ToolName::new(text).map(Self::Name).map_err(|_| refuse())
    }
}

impl TryFrom<String> for ToolChoice {
    type Error = ParseToolChoiceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ToolChoice> for String {
    fn from(choice: ToolChoice) -> Self {
        choice.to_string()
    }
}

/// Whether a whole text fits a pattern in which `*` matches any text: the parts between the stars are in it, in order; the first
/// begins it and the last ends it.
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match name.find(part) {
            Some(at) => name = name.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_names_only() {
        for (pattern, name) in
            [("list_*", "list_pages"), ("*_page", "get_page"), ("*", "x"), ("a*b*c", "a1b2b3c"), ("ab*", "ab")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("list_*", "relist_pages"), ("*_page", "get_pages"), ("a*a", "a"), ("a*b*c", "acb"), ("", "x")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_choice_is_read_as_it_is_written() {
        for (text, choice) in [
            ("read", ToolChoice::Class(Classification::Read)),
            ("list_*", ToolChoice::Pattern("list_*".to_owned())),
            ("get_page", ToolChoice::Name(ToolName::new("get_page").unwrap())),
        ] {
            assert_eq!(text.parse::<ToolChoice>().unwrap(), choice);
            assert_eq!(choice.to_string(), text);
        }
        for text in ["", "List_*", "get page", "*\n", "status/get_page"] {
            assert!(text.parse::<ToolChoice>().is_err(), "`{text}` parsed");
        }
    }
}
