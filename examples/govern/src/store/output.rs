//! Tables for people, JSON for machines: the same facts in both.

use std::io::{self, Write};

use mcp_govern_core::Digest;
use serde::Serialize;

use crate::{failure::Failure, serve::Form};

/// What a verb has found or done.
pub(crate) trait Report: Serialize {
    /// Writes it for people.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Writes a report, as one line of JSON or for people.
pub(crate) fn show(report: &impl Report, form: Form, out: &mut impl Write) -> Result<(), Failure> {
    match form {
        Form::Json => line(report, out)?,
        Form::Text => report.text(out)?,
    }
    Ok(out.flush()?)
}

/// Writes one line of JSON.
pub(crate) fn line(value: &impl Serialize, out: &mut impl Write) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(out.write_all(b"\n")?)
}

/// How many digits of a digest are shown where a person names a definition.
const DIGITS: usize = 16;

/// The beginning of a digest, long enough to name a definition by it.
pub(crate) fn short(digest: &Digest) -> String {
    digest.to_string().chars().take("sha256:".len() + DIGITS).collect()
}

/// A text from outside, fit for a terminal: nothing in it moves the cursor or turns the text around.
///
/// INVARIANT: every table passes its cells through here (`a_cell_cannot_write_to_the_terminal`).
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || invisible {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `1 tool`, `2 tools`.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A number of bytes: `512 B`, `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut shown = "B";
    for unit in UNITS {
        if tenths < 10 * 1024 {
            break;
        }
        (tenths, shown) = (tenths / 1024, unit);
    }
    if shown == "B" { format!("{bytes} B") } else { format!("{}.{} {shown}", tenths / 10, tenths % 10) }
}

/// Names in a sentence: `` `a`, `b` ``.
pub(crate) fn quoted<T: std::fmt::Display>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", plain(&name.to_string()))).collect::<Vec<_>>().join(", ")
}

/// Something that may be absent, in a cell.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A table whose columns line up.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| plain(&cell)).to_vec());
    }

    /// Writes the table; `none` where it has no rows.
    pub(crate) fn write(&self, out: &mut dyn Write, none: &str) -> io::Result<()> {
        if self.rows.len() < 2 {
            return writeln!(out, "{none}");
        }
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', (width + 2).saturating_sub(cell.chars().count())));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table) -> String {
        let mut out = Vec::new();
        table.write(&mut out, "none").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_are_shown_in_the_largest_unit_of_which_there_is_one() {
        let shown = [0, 1023, 1024, 1536, 1024 * 1024 - 1, 5 << 30, u64::MAX].map(size);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1023.9 KiB", "5.0 GiB", "16777215.9 TiB"]);
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_space() {
        let mut table = Table::new(["A", "LONG", "C"]);
        assert_eq!(written(&table), "none\n");
        table.row(["1".into(), "x".into(), String::new()]);
        table.row(["äö12".into(), "y".into(), "z".into()]);
        assert_eq!(written(&table), "A     LONG  C\n1     x\näö12  y     z\n");
    }

    #[test]
    fn a_cell_cannot_write_to_the_terminal() {
        let mut table = Table::new(["A"]);
        table.row(["a\u{1b}[2Jb\nc\u{202e}d".into()]);
        assert_eq!(written(&table), "A\na\\u{1b}[2Jb\\u{a}c\\u{202e}d\n");
    }

    #[test]
    fn a_short_digest_names_a_definition() {
        let digest = Digest::of_bytes(b"x");
        let seen: crate::store::review::DigestPrefix = short(&digest).parse().unwrap();
        assert!(seen.names(&digest) && !seen.names(&Digest::ZERO));
    }
}
