//! Points in time, in the forms that the three vendors write.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Milliseconds since the Unix epoch; arithmetic saturates, so that no seed and no request can make it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// The wall clock, moved forward by `skew`.
    pub(crate) fn now(skew: Duration) -> Self {
        Self(Timestamp::now().as_millisecond()).plus(skew)
    }

    /// Parses an ISO 8601 date-time that carries its offset; anything else is `None`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|time| Self(time.as_millisecond()))
    }

    /// Parses a date-time, with its offset or in UTC without one, or a plain day, which starts at midnight UTC.
    pub(crate) fn parse_loosely(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| {
            let local = text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?;
            Some(Self(local.timestamp().as_millisecond()))
        })
    }

    /// Whether the text is a day of the calendar, `YYYY-MM-DD`.
    pub(crate) fn is_day(text: &str) -> bool {
        text.len() == "YYYY-MM-DD".len() && text.parse::<Date>().is_ok()
    }

    pub(crate) fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn minutes_ago(self, minutes: u64) -> Self {
        self.minus(Duration::from_secs(minutes.saturating_mul(60)))
    }

    pub(crate) fn in_minutes(self, minutes: u64) -> Self {
        self.plus(Duration::from_secs(minutes.saturating_mul(60)))
    }

    /// Whole days since the epoch.
    pub(crate) fn day(self) -> usize {
        usize::try_from(self.0.div_euclid(86_400_000)).unwrap_or_default()
    }

    /// The start of the UTC day.
    pub(crate) fn midnight(self) -> Self {
        Self(self.0.div_euclid(86_400_000).saturating_mul(86_400_000))
    }

    /// The start of a day in UTC.
    pub(crate) fn of_day(day: Date) -> Self {
        let zoned = day.to_datetime(jiff::civil::Time::midnight()).to_zoned(TimeZone::UTC);
        Self(zoned.map_or(0, |zoned| zoned.timestamp().as_millisecond()))
    }

    /// The day in UTC.
    pub(crate) fn to_day(self) -> Date {
        self.timestamp().to_zoned(TimeZone::UTC).date()
    }

    /// Whole seconds since the epoch.
    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub(crate) fn of_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub(crate) fn millis(self) -> i64 {
        self.0
    }

    /// The form without a fraction, as PagerDuty writes it.
    pub(crate) fn to_seconds_text(self) -> String {
        format!("{:.0}", self.timestamp())
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

/// Whether the text is a year, a month or a day, from 1970 on.
pub(crate) fn is_part_of_date(text: &str) -> bool {
    days_of(text).is_some()
}

/// The first and the last day that the text means.
pub(crate) fn days_of(text: &str) -> Option<(Date, Date)> {
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
    fn a_moment_reads_back_what_it_writes() {
        let moment = Moment::parse("2026-03-04T05:06:07.089Z").unwrap();
        assert_eq!(moment.to_string(), "2026-03-04T05:06:07.089Z");
        assert_eq!(moment.to_seconds_text(), "2026-03-04T05:06:07Z");
        assert_eq!(moment.midnight().to_string(), "2026-03-04T00:00:00.000Z");
        assert_eq!(Moment::of_day(moment.to_day()), moment.midnight());
        assert_eq!(Moment::of_seconds(moment.seconds()).to_seconds_text(), moment.to_seconds_text());
    }

    #[test]
    fn an_offset_is_required_unless_the_reading_is_loose() {
        assert!(Moment::is_day("2024-02-29") && !Moment::is_day("2023-02-29") && !Moment::is_day("2024-02-29T01"));
        assert_eq!(Moment::parse_loosely("2026-03-04T05:06:07"), Moment::parse("2026-03-04T05:06:07Z"));
        assert_eq!(Moment::parse("2026-03-04T05:06:07"), None);
        assert_eq!(Moment::parse("2026-03-04"), None);
        assert_eq!(Moment::parse_loosely("2026-03-04"), Moment::parse("2026-03-04T00:00:00Z"));
        assert_eq!(Moment::parse("2026-03-04T05:06:07+02:00"), Moment::parse("2026-03-04T03:06:07Z"));
    }

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
            assert!(!is_part_of_date(text), "{text}");
        }
    }
}
