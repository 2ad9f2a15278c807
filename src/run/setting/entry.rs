//! The entries of the table, for whoever goes through all of them, and their defaults.

use crate::run::setting::values::Value;

/// One setting, for whoever goes through all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key in a scenario file; with two hyphens before it, its flag.
    pub key: String,
    /// Does it take a list?
    pub is_swept: bool,
    /// The least and the most of a number, as a flag takes them; `None` of what is no number.
    pub range: Option<[String; 2]>,
}

impl Entry {
    pub(super) fn of<T: Value>(name: &str, is_swept: bool) -> Self {
        Self { key: name.replace('_', "-"), is_swept, range: T::range() }
    }
}

/// A default, read as if it had been typed.
pub(super) fn by_default<T: std::str::FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else { unreachable!("a test reads every default of the table") };
    value
}
