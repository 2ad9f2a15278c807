//! Parsers for numeric flags; an error names the valid range. The settings of a run have parsers of their own in
//! [`crate::run::setting`].

use clap::builder::TypedValueParser;

use crate::units::{self, Nanos, within};

/// A length of time.
pub fn length(least: Nanos, most: Nanos) -> impl TypedValueParser<Value = Nanos> {
    move |text: &str| {
        let parsed = units::length(text).map_err(|error| error.to_string());
        within(text, parsed, [least, most], [least, most].map(units::plain_length))
    }
}

/// A size in bytes.
pub fn size(least: usize, most: usize) -> impl TypedValueParser<Value = usize> {
    move |text: &str| {
        let parsed = units::size(text).map_err(|error| error.to_string());
        let ends = [least, most].map(|end| end as u64);
        within(text, parsed, ends, ends.map(units::plain_size)).map(|bytes| usize::try_from(bytes).unwrap_or(most))
    }
}

/// A count.
pub fn count(least: usize, most: usize) -> impl TypedValueParser<Value = usize> {
    move |text: &str| within(text, units::number(text), [least, most], [least, most].map(|end| end.to_string()))
}

/// A number with a fraction.
pub fn number(least: f64, most: f64) -> impl TypedValueParser<Value = f64> {
    move |text: &str| within(text, units::number(text), [least, most], [least, most].map(|end| end.to_string()))
}
