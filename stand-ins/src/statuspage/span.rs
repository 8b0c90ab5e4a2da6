//! The days that a question about uptime covers.

use jiff::Span as Length;
use jiff::civil::Date;

use super::replies::{malformed, unprocessable};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::check::Finding;
use crate::moment::Moment;

/// Whole days in UTC, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) was_cut: bool,
}

/// How far back a question without a start looks.
const USUAL_DAYS: i32 = 90;

/// The longest range that is answered.
const MONTHS: i32 = 6;

impl Span {
    /// Reads `start` and `end`, which may be a year, a month or a day.
    ///
    /// An end that is still to come is moved to today and told in a warning, as the vendor does.
    pub(super) fn asked_for(call: &mut Call<'_>, pairs: &Pairs) -> Result<Self, Answer> {
        let today = call.now().to_day();
        let last = pairs.one("end").and_then(days_of).map_or(today, |(_, last)| last);
        let first = pairs
            .one("start")
            .and_then(days_of)
            .map_or_else(|| last.saturating_sub(Length::new().days(USUAL_DAYS)), |(first, _)| first);
        let mut findings = Vec::new();
        if first > last {
            findings.push(Finding::new("start", "must not be after the end"));
        } else if first.saturating_add(Length::new().months(MONTHS)) < last {
            findings.push(Finding::new("end", "must be within six months of the start"));
        }
        if !findings.is_empty() {
            return Err(malformed(&call.refuse_query(findings)));
        }
        if first > today {
            return Err(unprocessable("Start date must not be in the future"));
        }
        Ok(Self { first, last: last.min(today), was_cut: last > today })
    }

    pub(super) fn from(self) -> Moment {
        Moment::of_day(self.first)
    }

    /// The moment after the last one that is covered.
    pub(super) fn until(self) -> Moment {
        Moment::of_day(self.last.saturating_add(Length::new().days(1)))
    }
}

/// Whether the text is a year, a month or a day, from 1970 on.
pub(super) fn is_partial_day(text: &str) -> bool {
    days_of(text).is_some()
}

/// The first and the last day that the text means.
fn days_of(text: &str) -> Option<(Date, Date)> {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |text: &str, digits: usize| -> Option<i16> {
        let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let small = |text: &str| i8::try_from(number(text, 2)?).ok();
    let days = match parts.as_slice() {
        [year] => {
            let year = number(year, 4)?;
            (Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?)
        }
        [year, month] => {
            let first = Date::new(number(year, 4)?, small(month)?, 1).ok()?;
            (first, first.last_of_month())
        }
        [year, month, day] => {
            let day = Date::new(number(year, 4)?, small(month)?, small(day)?).ok()?;
            (day, day)
        }
        _ => return None,
    };
    (days.0.year() >= 1970).then_some(days)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_year_and_a_month_mean_all_their_days() {
        assert_eq!(days_of("2026"), Some((date(2026, 1, 1), date(2026, 12, 31))));
        assert_eq!(days_of("2028-02"), Some((date(2028, 2, 1), date(2028, 2, 29))));
        assert_eq!(days_of("2026-03-14"), Some((date(2026, 3, 14), date(2026, 3, 14))));
    }

    #[test]
    fn what_is_no_day_from_1970_on_is_refused() {
        for text in [
            "",
            "26",
            "1969",
            "1969-12-31",
            "2026-13",
            "2026-3",
            "2026-02-30",
            "2026-03-14T00",
            "+2026",
            "2026-03-14-1",
        ] {
            assert!(!is_partial_day(text), "{text}");
        }
    }
}
