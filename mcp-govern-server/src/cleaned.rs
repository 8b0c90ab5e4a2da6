//! Texts of others, as they may stand in a log, a record or an answer.

/// A text that others wrote: at most so many characters, none of which controls a terminal, ends a line or turns the direction of reading.
pub(crate) fn cleaned(text: &str, longest: usize) -> String {
    let mut cleaned: String = text.chars().take(longest).map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect();
    if text.chars().nth(longest).is_some() {
        cleaned.push('\u{2026}');
    }
    cleaned
}

/// Unicode's categories Cc, Cf as far as they turn or hide text, Zl and Zp.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_somebody_else_ends_no_line_and_turns_no_text() {
        assert_eq!(cleaned("a\nb\u{1b}[31m\u{202e}c é", 20), "a\u{fffd}b\u{fffd}[31m\u{fffd}c é");
        assert_eq!(cleaned("abcdef", 3), "abc\u{2026}");
        assert_eq!(cleaned("abc", 3), "abc");
    }
}
