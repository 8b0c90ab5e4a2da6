//! Telling the story, to a person or to a machine.

use std::{
    cell::Cell,
    io::{self, Write},
};

use example_vendors::Vendor;
use serde::Serialize;
use serde_json::{Map, Value};

/// The width of a page.
const WIDTH: usize = 100;

/// To whom the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// To a person.
    Text,
    /// To a machine: one JSON object per step.
    Json,
}

/// Tells the story and keeps what did not go as told.
#[derive(Debug)]
pub(crate) struct Teller {
    form: Form,
    chapter: u32,
    /// Whose line was the last one: the next one of the same vendor does not name it again.
    last: Cell<&'static str>,
    differences: Vec<String>,
}

/// One step of the story.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    #[serde(rename = "step")]
    name: &'static str,
    provider: Option<&'static str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
    #[serde(skip)]
    who: &'static str,
    #[serde(skip)]
    said: String,
    #[serde(skip)]
    exhibits: Vec<String>,
}

impl Step {
    /// A step with a vendor.
    pub(crate) fn of(vendor: Vendor, step: &'static str, outcome: &'static str) -> Self {
        Self { provider: Some(vendor.id()), who: vendor.title(), ..Self::of_all(step, outcome) }
    }

    /// A step that concerns no single vendor.
    pub(crate) fn of_all(step: &'static str, outcome: &'static str) -> Self {
        Self {
            name: step,
            provider: None,
            outcome,
            code: None,
            facts: Map::new(),
            who: "",
            said: String::new(),
            exhibits: Vec::new(),
        }
    }

    /// With the code of a denial or failure.
    pub(crate) fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With a fact, for machines.
    pub(crate) fn with_fact(mut self, name: &str, value: impl Serialize) -> Self {
        self.facts.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// With what a person is told.
    pub(crate) fn saying(mut self, text: impl Into<String>) -> Self {
        self.said = text.into();
        self
    }

    /// With a line that is shown to a person as it is.
    pub(crate) fn showing(mut self, line: impl Into<String>) -> Self {
        self.exhibits.push(line.into());
        self
    }
}

impl Teller {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, chapter: 0, last: Cell::new(""), differences: Vec::new() }
    }

    /// The title page. Machines need none.
    pub(crate) fn title(&self, title: &str, text: &str) -> io::Result<()> {
        self.for_people(|out| {
            writeln!(out, "{title}\n{}\n", "=".repeat(title.chars().count()))?;
            wrapped(out, "", text)
        })
    }

    /// A new chapter. Machines need none.
    pub(crate) fn chapter(&mut self, title: &str, text: &str) -> io::Result<()> {
        self.chapter += 1;
        self.last.set("");
        self.for_people(|out| {
            writeln!(out, "\n{}. {title}", self.chapter)?;
            if text.is_empty() { Ok(()) } else { wrapped(out, "   ", text) }
        })
    }

    /// A sentence between the steps of a chapter. Machines need none.
    pub(crate) fn aside(&self, text: &str) -> io::Result<()> {
        self.last.set("");
        self.for_people(|out| {
            writeln!(out)?;
            wrapped(out, "   ", text)
        })
    }

    /// Tells a step.
    pub(crate) fn tell(&self, step: &Step) -> io::Result<()> {
        if self.form == Form::Json {
            let mut line = serde_json::to_vec(step)?;
            line.push(b'\n');
            let mut out = io::stdout().lock();
            out.write_all(&line)?;
            return out.flush();
        }
        let before = self.last.replace(step.who);
        self.for_people(|out| {
            if before.is_empty() {
                writeln!(out)?;
            }
            let who = if before == step.who { "" } else { step.who };
            let margin = if step.who.is_empty() { "   ".to_owned() } else { format!("   {who:<12}") };
            wrapped(out, &margin, &step.said)?;
            step.exhibits.iter().try_for_each(|line| exhibit(out, line))
        })
    }

    /// Takes note of something that did not go as told.
    pub(crate) fn differs(&mut self, what: String) {
        self.differences.push(what);
    }

    /// What did not go as told.
    pub(crate) fn differences(&self) -> &[String] {
        &self.differences
    }

    fn for_people(&self, write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> io::Result<()> {
        if self.form == Form::Json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write(&mut out)?;
        out.flush()
    }
}

/// Writes a line as it is; a sentence that is wider than the page goes on below.
fn exhibit(out: &mut impl Write, line: &str) -> io::Result<()> {
    let margin = " ".repeat(17);
    if margin.len() + line.chars().count() <= WIDTH || line.split_whitespace().count() < 3 {
        return writeln!(out, "{margin}{line}");
    }
    wrapped(out, &margin, line)
}

/// Writes a text in lines of the page's width: the first after `first`, the others below its end.
fn wrapped(out: &mut impl Write, first: &str, text: &str) -> io::Result<()> {
    let margin = first.chars().count();
    let mut line = first.to_owned();
    let mut filled = margin;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let begins = filled <= margin;
        if !begins && filled + 1 + length > WIDTH {
            writeln!(out, "{}", line.trim_end())?;
            line = " ".repeat(margin);
            filled = margin;
        } else if !begins {
            line.push(' ');
            filled += 1;
        }
        line.push_str(word);
        filled += length;
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(first: &str, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        wrapped(&mut out, first, text).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn long_texts_stay_within_the_page_and_below_their_beginning() {
        let lines = page("   Opsgenie    ", &"word ".repeat(60));
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("   Opsgenie    word") && lines[1].starts_with("               word"));
        assert_eq!(page("   ", ""), [""]);
    }

    #[test]
    fn a_word_wider_than_the_page_stands_on_a_line_of_its_own_whole() {
        let long = "x".repeat(WIDTH);
        assert_eq!(page("  ", &format!("a {long} b")), ["  a".to_owned(), format!("  {long}"), "  b".to_owned()]);
    }

    #[test]
    fn a_step_without_vendor_says_so_to_machines() {
        let step = Step::of_all("end", "as_told").with_fact("steps", 3);
        assert_eq!(
            serde_json::to_string(&step).unwrap(),
            r#"{"step":"end","provider":null,"outcome":"as_told","steps":3}"#
        );
    }
}
