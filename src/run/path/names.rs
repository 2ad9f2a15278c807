//! Paths as numbers and as names. Sweeps, headings and comparisons handle the values of a setting as numbers: the
//! number of a path is its position in a list of the paths that this process has seen.

use std::sync::{Mutex, PoisonError};

use super::{PathSettings, presets};
use crate::limits;

/// The paths seen so far, in order. The number of the first is 1.
static SEEN: Mutex<Vec<PathSettings>> = Mutex::new(Vec::new());

/// The number of a path in this process: the same for the same path, and 0 without one.
pub fn number(path: Option<PathSettings>) -> f64 {
    let Some(path) = path else { return 0.0 };
    let mut met = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let at = met.iter().position(|one| *one == path).unwrap_or_else(|| {
        if met.len() < limits::PATHS_KNOWN_MAX {
            met.push(path);
        }
        met.len() - 1
    });
    (at + 1) as f64
}

/// The name of the path with this number.
pub fn of_number(number: f64) -> String {
    let path = (number as usize).checked_sub(1).and_then(|at| {
        let met = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        met.get(at).copied()
    });
    path.map_or_else(|| "no path".to_owned(), name)
}

/// A path's name: that of its preset, or its keys.
pub fn name(path: PathSettings) -> String {
    let preset = presets::PRESETS.iter().find(|preset| preset.settings == path);
    preset.map_or_else(|| path.to_string(), |preset| preset.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_number_and_its_name() {
        let paths = ["4g", "rtt=50ms,loss=1%", "rtt=50ms,loss=2%"].map(|text| text.parse().unwrap());
        let numbers = paths.map(|path| number(Some(path)));
        assert_eq!(paths.map(|path| number(Some(path))), numbers);
        assert_eq!(numbers.map(of_number), ["4g", "rtt=50ms,loss=1%", "rtt=50ms,loss=2%"]);
        assert_eq!((number(None), of_number(0.0).as_str()), (0.0, "no path"));
    }
}
