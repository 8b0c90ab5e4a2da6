//! Points in time, days, and how far apart they lie.

use jiff::{ToSpan as _, civil::Date};
use mcp_govern_core::Timestamp;
use serde_json::Value;

/// Two points in time, or two plain dates. What is neither is left to the schema's format.
pub(super) fn is_before(first: &Value, second: &Value) -> bool {
    match (moment(first), moment(second), day(first), day(second)) {
        (Some(a), Some(b), ..) => a < b,
        (None, None, Some(a), Some(b)) => a < b,
        _ => true,
    }
}

/// Whether a point in time, or a day in UTC, does not lie in the future.
pub(super) fn is_past(value: &Value, now: Timestamp) -> bool {
    match (moment(value), day(value)) {
        (Some(time), _) => time <= now,
        (None, Some(day)) => day <= today(now),
        (None, None) => true,
    }
}

pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// A plain date, `2026-11-21`.
fn day(value: &Value) -> Option<Date> {
    value.as_str().filter(|text| text.len() == 10).and_then(|text| text.parse().ok())
}

/// The day in UTC.
fn today(now: Timestamp) -> Date {
    let text = now.to_string();
    text.get(..10).and_then(|day| day.parse().ok()).unwrap_or_default()
}

/// How long a range may be, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// So many calendar months.
    Months(u32),
    /// So many days of 24 hours.
    Days(u32),
}

impl Span {
    fn length(self) -> jiff::Span {
        match self {
            Self::Months(months) => i64::from(months).months(),
            Self::Days(days) => (i64::from(days) * 24).hours(),
        }
    }

    fn days_later(self, start: Date) -> Date {
        match self {
            Self::Months(months) => start.saturating_add(i64::from(months).months()),
            Self::Days(days) => start.saturating_add(i64::from(days).days()),
        }
    }

    /// Holds two days, or two points in time, against the length. A day may be a year or a month: a range begins with the first
    /// day that its start means and ends with the last one that its end means, and without an end it ends today. Of points in
    /// time both must be there: where a range without its end leads is the vendor's to say. Days that do not exist are refused.
    pub(super) fn hold(
        self,
        first: (&str, Option<&Value>),
        last: (&str, Option<&Value>),
        now: Timestamp,
    ) -> Result<(), String> {
        let days = |value: Option<&Value>| value.and_then(Value::as_str).and_then(days_of);
        match (first.1.and_then(moment), last.1.and_then(moment)) {
            (None, None) => {}
            (Some(since), Some(until)) if self.is_exceeded(since, until) => return Err(self.too_long(first.0, last.0)),
            _ => return Ok(()),
        }
        let no_day = |(name, value): (&str, Option<&Value>)| {
            let given = value.and_then(Value::as_str)?;
            days_of(given).is_none().then(|| format!("`{name}` is not a day, month or year that exists"))
        };
        if let Some(fault) = no_day(first).or_else(|| no_day(last)) {
            return Err(fault);
        }
        let end = match last.1 {
            None => Some(today(now)),
            given => days(given).map(|(_, last)| last),
        };
        let (Some((start, _)), Some(end)) = (days(first.1), end) else { return Ok(()) };
        if start > end {
            return Err(match last.1 {
                Some(_) => format!("`{}` must not lie after `{}`", first.0, last.0),
                None => format!("`{}` must not lie in the future", first.0),
            });
        }
        let reach = self.days_later(start);
        if reach < end {
            return Err(self.too_long(first.0, last.0));
        }
        Ok(())
    }

    fn is_exceeded(self, since: Timestamp, until: Timestamp) -> bool {
        let zoned = |time: Timestamp| {
            let time = jiff::Timestamp::from_millisecond(time.as_millis()).ok()?;
            Some(time.to_zoned(jiff::tz::TimeZone::UTC))
        };
        let reach = zoned(since).and_then(|since| since.checked_add(self.length()).ok());
        reach.zip(zoned(until)).is_some_and(|(reach, until)| reach < until)
    }

    fn too_long(self, first: &str, last: &str) -> String {
        let most = match self {
            Self::Months(months) => format!("{months} calendar months"),
            Self::Days(days) => format!("{days} days"),
        };
        format!("`{first}` and `{last}` may lie {most} apart at most")
    }
}

/// The first and the last day that `2026`, `2026-03` or `2026-03-14` means.
fn days_of(text: &str) -> Option<(Date, Date)> {
    match text.len() {
        4 => Some((format!("{text}-01-01").parse().ok()?, format!("{text}-12-31").parse().ok()?)),
        7 => {
            let first: Date = format!("{text}-01").parse().ok()?;
            Some((first, first.last_of_month()))
        }
        10 => text.parse().ok().map(|day: Date| (day, day)),
        _ => None,
    }
}
