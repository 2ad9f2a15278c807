//! The entries of the table, for code that iterates over them, and their defaults.

use crate::run::setting::values::Value;

/// One setting of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key in a scenario file; with `--` before it, its flag.
    pub key: String,
    /// True if it takes a list.
    pub is_swept: bool,
    /// The smallest and the largest value in the notation of a flag; `None` if it is not a number.
    pub range: Option<[String; 2]>,
}

impl Entry {
    pub(super) fn of<T: Value>(name: &str, is_swept: bool) -> Self {
        Self { key: name.replace('_', "-"), is_swept, range: T::range() }
    }
}

/// A default, parsed like a typed value.
pub(super) fn by_default<T: std::str::FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else { unreachable!("a test reads every default of the table") };
    value
}
