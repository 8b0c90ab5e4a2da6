//! Rules on arguments: a closed algebra, because an omitted argument satisfies a JSON Schema.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// A rule on one argument. An argument that a rule names becomes required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentRule {
    /// The argument's name in the tool's input schema.
    pub argument: String,
    /// What its value must be.
    pub constraint: Constraint,
    /// What holds for a tool that never had the argument.
    #[serde(default)]
    pub absent: AbsentArgument,
}

impl ArgumentRule {
    /// A rule that denies tools without the argument.
    pub fn new(argument: impl Into<String>, constraint: Constraint) -> Self {
        Self { argument: argument.into(), constraint, absent: AbsentArgument::Deny }
    }

    /// The same rule, with tools that never had the argument left alone.
    #[must_use]
    pub fn with_absent_allowed(mut self) -> Self {
        self.absent = AbsentArgument::Allow;
        self
    }
}

/// What holds for a tool that never had an argument that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbsentArgument {
    /// The call is denied.
    #[default]
    Deny,
    /// The rule does not apply.
    Allow,
}

/// What an argument's value must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Constraint {
    /// Always this value: filled in, hidden from the model. Another value given by the caller is refused.
    Fixed(Value),
    /// One of these values.
    OneOf(Vec<Value>),
    /// A list whose every item is one of these values. The empty list is refused: to many APIs it means "all".
    Subset(Vec<Value>),
    /// A number not larger than this.
    Max(Number),
    /// A text that the pattern matches as a whole.
    Pattern(Pattern),
}

/// A regular expression that must match a whole text. Runs in linear time; no look-around, no back-references.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    regex: regex::Regex,
}

/// A pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a usable pattern: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl Pattern {
    /// The longest pattern in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Compiles a pattern; it is anchored at both ends.
    ///
    /// # Errors
    ///
    /// When the pattern is longer than [`Pattern::MAX_LEN`], is malformed, needs look-around or back-references, or
    /// compiles to more than 1 MiB.
    pub fn new(source: impl Into<String>) -> Result<Self, PatternError> {
        let source = source.into();
        let refuse = |reason: String| PatternError { pattern: source.chars().take(80).collect(), reason };
        if source.len() > Self::MAX_LEN {
            return Err(refuse(format!("longer than {} bytes", Self::MAX_LEN)));
        }
        // The pattern is compiled alone first: `a)|(b` must not escape from the anchors.
        let build = |text: &str| regex::RegexBuilder::new(text).size_limit(1 << 20).build();
        build(&source).map_err(|error| refuse(last_line(&error.to_string())))?;
        let regex = build(&format!(r"\A(?:{source})\z")).map_err(|error| refuse(last_line(&error.to_string())))?;
        Ok(Self { source, regex })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_a_whole_text_and_cannot_escape_its_anchors() {
        let pattern = Pattern::new("prod-[a-z]+|stage").unwrap();
        assert!(pattern.is_match("prod-eu") && pattern.is_match("stage"));
        assert!(!pattern.is_match("xprod-eu") && !pattern.is_match("stage\n") && !pattern.is_match("a\nstage"));
        assert!(Pattern::new("a)|(b").is_err());
    }

    #[test]
    fn a_pattern_that_needs_more_than_linear_time_is_refused() {
        assert!(Pattern::new(r"(a)\1").is_err());
        assert!(Pattern::new(r"(?=a)b").is_err());
        assert!(Pattern::new("((a{1,1000}){1,1000}){1,1000}").is_err());
    }
}
