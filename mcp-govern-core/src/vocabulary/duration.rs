//! Durations as people write them.

use std::time::Duration;

/// A text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number and a unit, for example `45m`, `8h` or `30d`")]
pub struct ParseDurationError;

/// A duration as people write it: a number and one of `s`, `m`, `h`, `d` (24 hours), `w`, without anything between.
///
/// # Errors
///
/// When the text is another one, or the duration has more seconds than a `u64`.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let unit = text.chars().last().ok_or(ParseDurationError)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(ParseDurationError),
    };
    let number = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or(ParseDurationError)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or(ParseDurationError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        assert_eq!(parse_duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_duration("2w").unwrap(), Duration::from_hours(14 * 24));
        for text in ["", "h", "8", "-1h", "+1h", "1 h", "1y", "99999999999999999999w", "18446744073709551615w"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
