//! Who may do more, or less, shown to people.

use std::{
    fmt::Display,
    io::{self, Write},
};

use mcp_govern_core::journal::AccessChange;

use super::output::plain;

/// How many tools, or people, of a change are shown to a person.
const SHOWN: usize = 12;

/// Writes changes for people: `+` for what widens, `-` for what narrows.
pub(crate) fn write_access(access: &[AccessChange], out: &mut dyn Write) -> io::Result<()> {
    for change in access {
        writeln!(out, "  {} {}", if change.widens { '+' } else { '-' }, plain(&change.what))?;
        some_of("held by", &change.who, out)?;
        some_of("tool", &change.tools, out)?;
    }
    Ok(())
}

fn some_of(what: &str, all: &[impl Display], out: &mut dyn Write) -> io::Result<()> {
    for one in all.iter().take(SHOWN) {
        writeln!(out, "      {what} {}", plain(&one.to_string()))?;
    }
    match all.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "      … and {more} more; --json names all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_for_people_and_cannot_write_to_the_terminal() {
        let all: Vec<String> = (0..SHOWN + 3).map(|number| format!("user \u{1b}{number}")).collect();
        let mut out = Vec::new();
        some_of("held by", &all, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("… and 3 more") && text.lines().count() == SHOWN + 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
