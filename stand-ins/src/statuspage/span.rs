//! The days that a question about uptime covers.

use jiff::Span as Length;
use jiff::civil::Date;

use super::route::{unprocessable, wrong_query};
use crate::answer::Answer;
use crate::call::{Call, Pairs};
use crate::moment::{Moment, days_of};

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
        if first > last {
            return Err(wrong_query(call, "start", "must not be after the end"));
        }
        if first.saturating_add(Length::new().months(MONTHS)) < last {
            return Err(wrong_query(call, "end", "must be within six months of the start"));
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
