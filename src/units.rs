//! The units of figures and settings.
//!
//! Instants and durations are whole nanoseconds ([`Nanos`]). Instants on the wire are whole microseconds since the Unix
//! epoch ([`UnixMicros`]); [`crate::clock::UnixAnchor`] converts between the two. Settings are typed by people, so
//! [`length`] and [`size`] parse `250ms` and `4KiB`; a duration without a unit is refused.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds: an instant on the monotonic clock, or a duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The longest duration, used as a bound that is never reached.
    pub const MAX: Self = Self(u64::MAX);
    /// One microsecond.
    pub const MICRO: Self = Self(1_000);
    /// One millisecond.
    pub const MILLI: Self = Self(1_000_000);
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);

    /// The duration from `earlier` to `self`.
    ///
    /// `None` if `earlier` is later: two clocks were mixed up, and zero would hide that.
    pub fn since(self, earlier: Self) -> Option<Self> {
        self.0.checked_sub(earlier.0).map(Self)
    }

    /// The duration from `earlier` to `self`, or zero if `earlier` is later: for clipping to a window, not for clocks.
    pub fn saturating_sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// `self` plus `length`, at most [`Nanos::MAX`].
    pub fn saturating_add(self, length: Self) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// In seconds, for ratios and for display.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Converts from seconds; anything that is not a positive finite number becomes zero.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9).round() as u64)
    }

    /// Rounded to the nearest whole microsecond, which is exact on the wire.
    pub fn whole_micros(self) -> Self {
        Self(self.0.saturating_add(Self::MICRO.0 / 2) / Self::MICRO.0 * Self::MICRO.0)
    }

    /// Converts to the standard library's type.
    pub fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl From<Duration> for Nanos {
    fn from(length: Duration) -> Self {
        Self(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Microseconds since the Unix epoch: instants on the wire (`at_us`). Sixteen digits from 2001 to 2286, and exact in a
/// JavaScript number until 2255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMicros(pub u64);

/// Shows a duration with three significant digits and its unit: `812 ns`, `4.21 µs`, `1.50 ms`, `2.00 s`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scaled, unit) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (self.0 as f64 / 1e3, "µs"),
            1_000_000..1_000_000_000 => (self.0 as f64 / 1e6, "ms"),
            1_000_000_000.. => (self.0 as f64 / 1e9, "s"),
        };
        write!(f, "{} {unit}", three_digits(scaled))
    }
}

/// A duration as people state a waiting time: `4 s`, `58 s`, `6 min 35 s`, `1 h 12 min`.
pub fn rough(length: Nanos) -> String {
    let seconds = length.seconds().round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => "less than a second".to_owned(),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A number with about three significant digits: `0.123`, `4.21`, `42.1`, `421`, `42,123`.
pub fn three_digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.000_999_5 => format!("{value:.1e}"),
        size if size < 0.999_5 => format!("{value:.3}"),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => grouped(value.round() as i64),
    }
}

/// A number without trailing zeros: `0.2`, `1`, `1,000`.
pub fn short_number(value: f64) -> String {
    if (value - value.round()).abs() < 1e-6 * value.abs().max(1e-3) {
        return grouped(value.round() as i64);
    }
    let text = three_digits(value);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A whole number with thousands separators: `12,345`.
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Why a setting could not be parsed, with what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnitError {
    /// Not a length of time.
    #[error("`{0}` is not a length of time; write a number and its unit, as in 250ms, 2s or 5m")]
    Length(String),
    /// Not a size in bytes.
    #[error("`{0}` is not a size; write bytes, or a number and its unit, as in 512, 4KiB or 1MB")]
    Size(String),
}

/// Parses a duration with its unit: `250ms`, `1.5s`, `5m`, `1h30m`. Zero is written `0s`.
pub fn length(text: &str) -> Result<Nanos, UnitError> {
    let refuse = || UnitError::Length(text.to_owned());
    let parsed: jiff::SignedDuration = text.trim().parse().map_err(|_| refuse())?;
    Duration::try_from(parsed).map(Nanos::from).map_err(|_| refuse())
}

/// Parses a size in bytes: `512`, `4KiB` (4,096), `1MB` (1,000,000).
pub fn size(text: &str) -> Result<u64, UnitError> {
    let parsed: bytesize::ByteSize = text.trim().parse().map_err(|_| UnitError::Size(text.to_owned()))?;
    Ok(parsed.as_u64())
}

/// A duration as [`length`] parses it, in the largest unit that gives a whole number.
pub fn plain_length(length: Nanos) -> String {
    let units = [("h", 3_600_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    match units.into_iter().find(|(_, scale)| length.0 > 0 && length.0.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", length.0 / scale),
        None if length == Nanos::ZERO => "0ms".to_owned(),
        None => format!("{}ns", length.0),
    }
}

/// A size as [`size`] parses it, in the largest binary unit that gives a whole number.
pub fn plain_size(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, scale)| bytes > 0 && bytes.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", bytes / scale),
        None => bytes.to_string(),
    }
}

/// Parses a number, for [`within`].
///
/// Errors: a message that says whether the text is not a number, not a whole number, or out of range for `T`.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let is_digit = |one: char| one.is_ascii_digit() || one == '-' || one == '+';
    text.trim().parse().map_err(|_| match text.trim().parse::<f64>() {
        Ok(_) if text.trim().chars().all(is_digit) => format!("{} is out of range", text.trim()),
        Ok(_) => format!("`{}` is not a whole number, written in digits alone", text.trim()),
        Err(_) => format!("`{text}` is not a number"),
    })
}

/// Checks a number against its range, which includes both ends; the error names the range.
pub fn within<T: PartialOrd>(
    text: &str,
    read: Result<T, String>,
    [least, most]: [T; 2],
    range: [String; 2],
) -> Result<T, String> {
    let [from, to] = range;
    match read {
        Ok(value) if value >= least && value <= most => Ok(value),
        Ok(_) => Err(format!("{} is out of range; use {from} to {to}", text.trim())),
        Err(problem) => Err(format!("{problem}; use {from} to {to}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_needs_its_unit() {
        assert_eq!(length("250ms"), Ok(Nanos(250_000_000)));
        assert_eq!(length("1.5s"), Ok(Nanos(1_500_000_000)));
        assert_eq!(length("5m"), Ok(Nanos(300_000_000_000)));
        for bad in ["", "5", "-1s", "fast", "5 parsecs"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_may_be_bytes_or_carry_a_unit() {
        assert_eq!(size("128"), Ok(128));
        assert_eq!(size("4KiB"), Ok(4096));
        assert_eq!(size("1MB"), Ok(1_000_000));
        assert!(size("many").is_err());
        assert!(size("-1").is_err());
    }

    #[test]
    fn a_plain_length_or_size_parses_to_the_same_value() {
        for (nanos, plain) in
            [(0, "0ms"), (7, "7ns"), (2_500_000, "2500us"), (60_000_000_000, "60s"), (7_200_000_000_000, "2h")]
        {
            assert_eq!(plain_length(Nanos(nanos)), plain);
            assert_eq!(length(plain), Ok(Nanos(nanos)));
        }
        for (bytes, plain) in [(0, "0"), (1_000, "1000"), (4096, "4KiB"), (1 << 20, "1MiB")] {
            assert_eq!(plain_size(bytes), plain);
            assert_eq!(size(plain), Ok(bytes));
        }
    }

    #[test]
    fn a_subtraction_in_the_wrong_order_is_detected() {
        assert_eq!(Nanos(5).since(Nanos(3)), Some(Nanos(2)));
        assert_eq!(Nanos(3).since(Nanos(5)), None);
    }

    #[test]
    fn the_nearest_whole_microsecond_is_at_most_half_a_microsecond_away() {
        for (nanos, wanted) in [(0, 0), (499, 0), (500, 1_000), (1_000, 1_000), (1_499, 1_000), (1_501, 2_000)] {
            assert_eq!(Nanos(nanos).whole_micros(), Nanos(wanted), "{nanos}");
        }
    }

    #[test]
    fn lengths_are_shown_with_three_digits() {
        assert_eq!(Nanos(812).to_string(), "812 ns");
        assert_eq!(Nanos(4_212).to_string(), "4.21 µs");
        assert_eq!(Nanos(499_951_000).to_string(), "500 ms");
        assert_eq!(Nanos(2_000_000_000).to_string(), "2.00 s");
        assert_eq!(grouped(-1_234_567), "-1,234,567");
        let said = [400_000_000, 4_400_000_000, 395_000_000_000, 4_320_000_000_000].map(|length| rough(Nanos(length)));
        assert_eq!(said, ["less than a second", "4 s", "6 min 35 s", "1 h 12 min"]);
        assert_eq!(three_digits(0.51234), "0.512");
        assert_eq!((short_number(0.2).as_str(), short_number(1000.0).as_str()), ("0.2", "1,000"));
    }
}
