//! The known name that is nearest to an unknown one.

use crate::steps;

/// The nearest of `known` to `name`, when it is near enough to have been meant. Case, `_`, `-` and spaces do not count.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    // One slip in three characters is a typo; more is another word.
    let slips = wanted.len() / 3;
    let measured = known.filter_map(|candidate| {
        let candidate_plain = plain(candidate);
        // Every character that one has more than the other is a slip.
        let apart = wanted.len().abs_diff(candidate_plain.len());
        (apart <= slips).then(|| (distance(&wanted, &candidate_plain), candidate))
    });
    let (distance, candidate) = measured.min()?;
    (distance <= slips).then_some(candidate)
}

/// The longest name that is compared, and the beginning of a longer one: to compare takes the product of two lengths.
const LONGEST: usize = 64;

fn plain(name: &str) -> Vec<char> {
    let counted = name.chars().take(4 * LONGEST).filter(|c| !matches!(c, '_' | '-' | ' ')).take(LONGEST);
    counted.flat_map(char::to_lowercase).collect()
}

/// How many characters must be added, removed, replaced or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, x) in a.iter().enumerate() {
        steps::ticks(b.len());
        let mut next = vec![row + 1];
        let mut left = row + 1;
        let mut behind = None;
        for (column, y) in b.iter().enumerate() {
            let at = |cells: &[usize], place: usize| cells.get(place).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, column) + usize::from(x != y)).min(at(&last, column + 1) + 1).min(left + 1);
            if column > 0 && previous == Some(y) && behind == Some(x) {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
            left = best;
            behind = Some(y);
        }
        before = std::mem::replace(&mut last, next);
        previous = Some(x);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["page_id", "incident_id", "limit", "status", "query"];

    #[test]
    fn a_slip_or_another_spelling_finds_the_name_that_was_meant() {
        for (given, meant) in
            [("pageId", "page_id"), ("page-id", "page_id"), ("limt", "limit"), ("statsu", "status"), ("Query", "query")]
        {
            assert_eq!(nearest(given, KNOWN.into_iter()), Some(meant), "`{given}`");
        }
    }

    #[test]
    fn another_word_is_nobodys_neighbour() {
        for given in ["colour", "x", "", "assignee"] {
            assert_eq!(nearest(given, KNOWN.into_iter()), None, "`{given}`");
        }
        assert_eq!(nearest("limit", std::iter::empty()), None);
    }

    #[test]
    fn a_name_of_any_length_is_compared_in_a_bounded_number_of_steps() {
        let steps_for = |n: usize| steps::counted(|| nearest(&"q".repeat(n), KNOWN.into_iter())).1;
        assert!(steps_for(1_000_000) <= steps_for(64) + 64);
        assert!(steps::counted(|| nearest("page_idd", KNOWN.into_iter())).1 <= 64 * 64 * KNOWN.len() as u64);
    }

    #[test]
    fn the_distance_counts_slips() {
        let count = |a: &str, b: &str| distance(&plain(a), &plain(b));
        assert_eq!(count("abc", "abc"), 0);
        assert_eq!(count("abc", "acb"), 1);
        assert_eq!(count("abc", "ab"), 1);
        assert_eq!(count("abc", "xbc"), 1);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("kitten", "sitting"), 3);
    }
}
