//! Parses the send time in third-party messages: a number since 1970 in any common unit, or a date.

use crate::units::UnixMicros;

/// The unit follows from the size of the number: what is too large for one unit is the next. Seconds from 1973 on are
/// above 10⁸, the milliseconds of that day above 10¹¹, and so on; until the year 5138 the four ranges do not overlap.
const UNITS: [(f64, f64); 4] = [(1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3)];
const LEAST: f64 = 1e8;

/// Parses an instant: `1795363216`, `1795363216000`, `1795363216000123` or nanoseconds, with or without a fraction, or
/// an RFC 3339 date.
pub fn read(text: &str) -> Option<UnixMicros> {
    let text = text.trim();
    let micros = match text.parse::<f64>() {
        Ok(number) => {
            let (_, scale) = UNITS.into_iter().find(|(end, _)| (LEAST..*end).contains(&number))?;
            match text.parse::<i64>() {
                // Exact, if the unit allows it.
                Ok(whole) if scale >= 1.0 => whole.checked_mul(scale as i64)?,
                Ok(_) | Err(_) => (number * scale).round() as i64,
            }
        }
        Err(_) => text.parse::<jiff::Timestamp>().ok()?.as_microsecond(),
    };
    u64::try_from(micros).ok().map(UnixMicros)
}

/// The name of the unit that a number is taken to be in.
pub fn unit(text: &str) -> Option<&'static str> {
    let Ok(number) = text.trim().parse::<f64>() else { return read(text).map(|_| "a date") };
    let found = UNITS.into_iter().zip(["seconds", "milliseconds", "microseconds", "nanoseconds"]);
    found.into_iter().find(|((end, _), _)| (LEAST..*end).contains(&number)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_number_follows_from_its_size_and_dates_are_parsed() {
        for (text, micros) in [
            ("1795363216", Some(1_795_363_216_000_000)),
            ("1795363216.25", Some(1_795_363_216_250_000)),
            ("1795363216000", Some(1_795_363_216_000_000)),
            ("1795363216000123", Some(1_795_363_216_000_123)),
            ("1795363216000123000", Some(1_795_363_216_000_123)),
            ("2026-11-22T16:00:16Z", Some(1_795_363_216_000_000)),
            ("17", None),
            ("yesterday", None),
            ("-5", None),
        ] {
            assert_eq!(read(text).map(|at| at.0), micros, "{text}");
        }
        assert_eq!((unit("1795363216000"), unit("2026-11-22T16:00:16Z")), (Some("milliseconds"), Some("a date")));
    }
}
