//! Values, intervals, ratios and lists in sentences.

use crate::run::metric::Unit;
use crate::units::{Nanos, grouped, short_number, three_digits};

/// The words in place of a missing figure: never a zero, never a blank.
pub(crate) const NOT_MEASURED: &str = "not measured";

/// A figure's value with its unit, or [`NOT_MEASURED`].
pub(crate) fn shown(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| NOT_MEASURED.to_owned(), |value| unit.show(value))
}

/// An interval: `[391, 403] µs`, or each end with its unit if the units differ. `None` if there is no interval, or if
/// it is narrower than the digits shown: `[617, 617] B` adds nothing to the value.
pub(crate) fn shown_interval(unit: Unit, interval: Option<[f64; 2]>) -> Option<String> {
    let [low, high] = interval?.map(|end| unit.show(end));
    if low == high {
        return None;
    }
    Some(match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, same)), Some((high, unit))) if same == unit => format!("[{low}, {high}] {unit}"),
        _ => format!("[{low}, {high}]"),
    })
}

/// An interval after a number in a sentence: ` [7.9, 8.4]`, or nothing if it is narrower than the digits shown.
pub(crate) fn bracketed([low, high]: [f64; 2], show: impl Fn(f64) -> String) -> String {
    let (low, high) = (show(low), show(high));
    if low == high { String::new() } else { format!(" [{low}, {high}]") }
}

/// A length without trailing zeros: `1 s`.
pub(crate) fn short_length(length: Nanos) -> String {
    Unit::Nanos.tick(length.0 as f64)
}

/// Names in a sentence: `A`, `A and B`, `A, B and C`.
pub(crate) fn listed(names: &[String]) -> String {
    joined(names, "and")
}

/// Alternatives in a sentence: `A`, `A or B`, `A, B or C`.
pub(crate) fn either(names: &[String]) -> String {
    joined(names, "or")
}

fn joined(names: &[String], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// A time in readable form: `2026-11-22 17:47:03 UTC`.
pub(crate) fn moment(written: &str) -> String {
    let Some(whole) = written.strip_suffix('Z') else { return written.to_owned() };
    let seconds = whole.split_once('.').map_or(whole, |(seconds, _)| seconds);
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

/// The text with its first letter capitalised.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A ratio in a sentence. Two digits are all that a few rounds can support.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        small if small < 0.095 => three_digits(small),
        some if some < 0.995 => format!("{some:.2}"),
        some if some < 9.95 => format!("{some:.1}"),
        many => grouped(many.round() as i64),
    }
}

/// A share as a percentage in a sentence, with two digits likewise.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 9.95 { format!("{percent:.1}") } else { grouped(percent.round() as i64) }
}

/// A share as a change: `+20.3 %`, `+3,878 %`.
pub(crate) fn change(share: f64) -> String {
    let percent = share * 100.0;
    let sign = if percent < -0.05 { "−" } else { "+" };
    match percent.abs() {
        // Above tenfold, tenths of a per cent do not matter.
        many if many >= 1_000.0 => format!("{sign}{} %", grouped(many.round() as i64)),
        some => format!("{sign}{some:.1} %"),
    }
}

/// A host's memory size.
pub(crate) fn gibibytes(bytes: u64) -> String {
    format!("{} GiB", three_digits(bytes as f64 / f64::from(1 << 30)))
}

/// A count with thousands separators.
pub(crate) fn whole(count: u64) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}

/// `1 trial`, `12 trials`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", whole(count as u64), if count == 1 { "" } else { "s" })
}

/// `1 message`, `0.5 messages`.
pub(crate) fn counted_messages(count: f64) -> String {
    format!("{} message{}", short_number(count), if count == 1.0 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_narrower_than_its_digits_is_not_shown() {
        assert_eq!(shown_interval(Unit::Bytes, Some([616.9, 617.2])), None);
        assert_eq!(shown_interval(Unit::Bytes, Some([616.0, 617.2])).as_deref(), Some("[616, 617] B"));
        assert_eq!(bracketed([4.91, 4.94], times), "");
        assert_eq!(bracketed([4.81, 4.94], times), " [4.8, 4.9]");
    }

    #[test]
    fn a_change_has_a_sign_and_no_needless_digits() {
        assert_eq!([0.203, -0.5, -0.0001, 38.778].map(change), ["+20.3 %", "−50.0 %", "+0.0 %", "+3,878 %"]);
    }
}
