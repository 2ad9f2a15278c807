//! The names of servers under test. Sweeps, headings and comparisons handle the values of a setting as numbers: the
//! number of a name is its position in a list of the names that this process has seen.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;

/// The names seen so far, in order. The number of the first is 1. Kept for the life of the process.
static SEEN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The name of this project's own server, which has a target file.
const OWN: &str = "pushpull";

/// The name of a server under test: that of a built-in target file, the path of a target file, or an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(&'static str);

/// Why a text is not the name of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATarget {
    /// It is empty, too long, or not one line.
    #[error("a target is a name, as in nchan, the path of a .toml file, or an address, as in http://127.0.0.1:8080")]
    Malformed,
    /// More names than a process stores.
    #[error("more than {most} different targets were named", most = limits::TARGETS_MET_MAX)]
    TooMany,
}

impl TargetName {
    /// Errors: [`NotATarget`].
    pub fn new(text: &str) -> Result<Self, NotATarget> {
        let is_line = !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control);
        if !is_line || text.len() > limits::TARGET_NAME_BYTES_MAX {
            return Err(NotATarget::Malformed);
        }
        let mut met = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = met.iter().find(|known| **known == text) {
            return Ok(Self(known));
        }
        if met.len() >= limits::TARGETS_MET_MAX {
            return Err(NotATarget::TooMany);
        }
        let kept: &'static str = Box::leak(text.into());
        met.push(kept);
        Ok(Self(kept))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// True if it is a server of this project's contract: its own target file, or a server given only by its address.
    pub fn keeps_contract(self) -> bool {
        self.0 == OWN || self.0.contains("://")
    }

    /// Its number in this process.
    pub fn number(self) -> f64 {
        let met = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let at = met.iter().position(|known| *known == self.0);
        at.map_or(0.0, |at| (at + 1) as f64)
    }
}

/// The name with this number.
pub fn of_number(number: f64) -> String {
    let met = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let name = (number as usize).checked_sub(1).and_then(|at| met.get(at));
    name.map_or_else(|| "none".to_owned(), |name| (*name).to_owned())
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for TargetName {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        Self::new(text)
    }
}

impl Serialize for TargetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for TargetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_must_be_one_line() {
        let [one, two] = ["nchan-one", "nchan-two"].map(|text| TargetName::new(text).unwrap());
        assert_eq!(TargetName::new("nchan-one"), Ok(one));
        assert!(one.number() > 0.0 && one.number() != two.number());
        assert_eq!([one, two].map(|name| of_number(name.number())), ["nchan-one", "nchan-two"]);
        let of = |text: &str| TargetName::new(text).unwrap().keeps_contract();
        assert_eq!(
            ["pushpull", "http://127.0.0.1:8080", "nchan", "my-server.toml"].map(of),
            [true, true, false, false]
        );
        for text in ["", " nchan", "a\nb", &"x".repeat(limits::TARGET_NAME_BYTES_MAX + 1)] {
            assert_eq!(TargetName::new(text), Err(NotATarget::Malformed), "{text}");
        }
    }
}
