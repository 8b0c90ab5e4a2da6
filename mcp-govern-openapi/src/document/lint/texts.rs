//! What the texts of all tools together must hold.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use mcp_govern_core::{Catalogue, ToolDefinition};
use serde_json::Value;

use crate::plan::Document;

pub(super) fn lint(document: &Document, catalogue: &Catalogue, remarks: &mut Vec<String>) {
    first_sentences(catalogue, remarks);
    let known = Known::new(catalogue);
    for tool in &catalogue.tools {
        let mut unknown = BTreeSet::new();
        let mut look = |text: &str| unknown.extend(known.unknown(text).map(str::to_owned));
        [Some(&tool.title), Some(&tool.description), tool.risk_reason.as_ref(), tool.notifies.as_ref()]
            .into_iter()
            .flatten()
            .for_each(|text| look(text));
        descriptions(&tool.input_schema, &mut look);
        for name in unknown {
            remarks.push(format!("`{}`: names the tool `{name}`, which does not exist", tool.name));
        }
    }
    for rule in document.policy.remedies.values().flatten() {
        for name in known.unknown(&rule.remedy).chain(rule.without_message.iter().flat_map(|text| known.unknown(text)))
        {
            remarks.push(format!("a remedy names the tool `{name}`, which does not exist"));
        }
    }
}

/// A model chooses among tools by what their descriptions begin with.
fn first_sentences(catalogue: &Catalogue, remarks: &mut Vec<String>) {
    let mut seen: BTreeMap<&str, &ToolDefinition> = BTreeMap::new();
    for tool in &catalogue.tools {
        let sentence = first_sentence(&tool.description);
        match seen.get(sentence) {
            Some(other) => remarks.push(format!(
                "`{}`: its description begins with the same sentence as that of `{}`: {sentence}",
                tool.name, other.name
            )),
            None => {
                seen.insert(sentence, tool);
            }
        }
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

/// What a word in snake case may be.
struct Known<'a> {
    tools: HashSet<&'a str>,
    /// The first words of the tools' names, such as `list`: what begins with one of them is meant to be a tool.
    verbs: HashSet<&'a str>,
    /// Arguments and values, which are no tools whatever they begin with.
    words: HashSet<&'a str>,
}

impl<'a> Known<'a> {
    fn new(catalogue: &'a Catalogue) -> Self {
        let tools: HashSet<&str> = catalogue.tools.iter().map(|tool| tool.name.as_str()).collect();
        let verbs = tools.iter().filter_map(|name| Some(name.split_once('_')?.0)).collect();
        let mut words = HashSet::new();
        for tool in &catalogue.tools {
            words_of(&tool.input_schema, &mut words);
            tool.output_schema.iter().for_each(|schema| words_of(schema, &mut words));
        }
        Self { tools, verbs, words }
    }

    /// The words of a text that look like tools and are none.
    fn unknown<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.filter(|word| {
            word.split_once('_').is_some_and(|(verb, rest)| !rest.is_empty() && self.verbs.contains(verb))
                && !self.tools.contains(word)
                && !self.words.contains(word)
        })
    }
}

/// The names of properties and the values of lists of values, at any depth.
fn words_of<'a>(schema: &'a Value, words: &mut HashSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => words.extend(properties.keys().map(String::as_str)),
                    ("enum", Value::Array(values)) => words.extend(values.iter().filter_map(Value::as_str)),
                    _ => {}
                }
                words_of(value, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| words_of(item, words)),
        _ => {}
    }
}

/// The descriptions of a schema, at any depth.
fn descriptions(schema: &Value, look: &mut dyn FnMut(&str)) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(text) if key == "description" => look(text),
                    _ => descriptions(value, look),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| descriptions(item, look)),
        _ => {}
    }
}
