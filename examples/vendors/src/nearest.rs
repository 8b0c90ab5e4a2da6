//! The known name that a mistyped one was most likely meant to be.

/// How many characters of a name are compared: to compare takes the product of two lengths.
const LONGEST: usize = 128;

/// The nearest of some known names, when it is near enough to have been meant: at most half of the characters of the longer one
/// differ. A character that is changed, added, left out or swapped with its neighbour counts as one.
///
/// ```
/// use example_vendors::nearest;
///
/// assert_eq!(nearest("raed", ["write", "read"]), Some("read"));
/// assert_eq!(nearest("x", ["listen", "title"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let start = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let name = start(name);
    let measured = known.into_iter().map(|other| (strsim::osa_distance(&name, &start(other)), other));
    let (steps, near) = measured.min_by_key(|(steps, _)| *steps)?;
    let longest = name.chars().count().max(near.chars().count());
    (steps.saturating_mul(2) <= longest.max(2)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant_and_another_word_finds_none() {
        for (name, near) in [
            ("titel", Some("title")),
            ("listne", Some("listen")),
            ("raed", Some("read")),
            ("x", None),
            ("completely_different", None),
        ] {
            assert_eq!(nearest(name, ["listen", "title", "read"]), near, "{name}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
