//! A recorded stream, played by its own timestamps at a chosen speed, in a loop.
//!
//! The file is NDJSON: one JSON object per line with its time in milliseconds as `at_ms`, in order. The whole object
//! becomes the update's `data`, byte for byte.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::limits;
use crate::stream::feed::Due;
use crate::units::Nanos;

/// 1,707 earthquakes of one week; `data/README.md` names the source.
const EARTHQUAKES: &str = include_str!("../../../data/earthquakes.ndjson");

/// A recording and a position in it.
#[derive(Clone, Debug)]
pub struct Replay {
    items: Arc<[Due]>,
    /// The length of a loop: from the first item to the first item of the next loop.
    period: Nanos,
    /// The start of the schedule, as an offset from the first item.
    begin: Nanos,
    next: usize,
    turn: u64,
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file could not be read.
    #[error("cannot read the recording {file}: {source}")]
    Read {
        /// The file as given.
        file: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A line is malformed.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// The file as given.
        file: String,
        /// The line number, from 1.
        line: usize,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// There is nothing to play.
    #[error("{0} has no lines; give one JSON object with an `at_ms` on each line")]
    Empty(String),
    /// The speed is out of range.
    #[error("--speed is {0}; use {least} to {most}, as in 1 for the recorded pace or 3600 for an hour a second",
        least = limits::SPEED_MIN, most = limits::SPEED_MAX)]
    Speed(f64),
    /// At this speed there are more updates per second than the limit.
    #[error("{file} at --speed {speed} has {rate:.0} updates a second, and the limit is {most}; use a speed of \
        {at_most:.0} or less, or a recording with fewer", most = limits::RATE_MAX)]
    TooFast {
        /// The file as given.
        file: String,
        /// How much faster than recorded.
        speed: f64,
        /// Updates per second.
        rate: f64,
        /// The speed that would reach the limit.
        at_most: f64,
    },
}

impl Replay {
    /// Reads a recording, or the bundled one if `file` is `None`.
    ///
    /// Errors: [`ReplayError`]; a malformed line is named by its number.
    pub fn open(file: Option<&Path>, speed: f64) -> Result<Self, ReplayError> {
        match file {
            None => Self::parse("earthquakes.ndjson", EARTHQUAKES, speed),
            Some(path) => {
                let name = path.display().to_string();
                let text =
                    std::fs::read_to_string(path).map_err(|source| ReplayError::Read { file: name.clone(), source })?;
                Self::parse(&name, &text, speed)
            }
        }
    }

    fn parse(file: &str, text: &str, speed: f64) -> Result<Self, ReplayError> {
        if !(limits::SPEED_MIN..=limits::SPEED_MAX).contains(&speed) {
            return Err(ReplayError::Speed(speed));
        }
        #[derive(Deserialize)]
        struct Stamp {
            at_ms: u64,
        }
        let mut items = Vec::new();
        let mut first_ms = None;
        let mut last_ms = 0;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let refuse = |problem| ReplayError::Line { file: file.to_owned(), line: index + 1, problem };
            // serde would also accept an array as a struct.
            if !line.trim_start().starts_with('{') {
                return Err(refuse("not a JSON object; each line is one, with an integer `at_ms`".to_owned()));
            }
            let Stamp { at_ms } = serde_json::from_str(line)
                .map_err(|error| refuse(format!("{error}; each line is one JSON object with an integer `at_ms`")))?;
            if line.len() > limits::UPDATE_BYTES_MAX {
                return Err(refuse(format!("longer than the {} B that one update may have", limits::UPDATE_BYTES_MAX)));
            }
            if at_ms < last_ms {
                return Err(refuse(format!(
                    "its at_ms {at_ms} is before the previous line's {last_ms}; sort the lines"
                )));
            }
            last_ms = at_ms;
            let first_ms = *first_ms.get_or_insert(at_ms);
            let data = RawValue::from_string(line.to_owned()).map_err(|error| refuse(error.to_string()))?;
            items.push(Due { offset: scaled(at_ms - first_ms, speed), data: Arc::from(data) });
        }
        let Some(last) = items.last() else { return Err(ReplayError::Empty(file.to_owned())) };
        // The interval after the last item is not in the recording: the mean interval is used for it.
        let mean = last.offset.0 / (items.len() as u64 - 1).max(1);
        let period = last.offset.saturating_add(limits::REPLAY_TURN_GAP_MIN.max(Nanos(mean))).whole_micros();
        let replay = Self { items: items.into(), period, begin: Nanos::ZERO, next: 0, turn: 0 };
        match replay.means() {
            (rate, _) if rate > limits::RATE_MAX => {
                let mean_s = (last_ms - first_ms.unwrap_or(0)) as f64 / 1e3 / (replay.items.len() - 1).max(1) as f64;
                Err(ReplayError::TooFast { file: file.to_owned(), speed, rate, at_most: limits::RATE_MAX * mean_s })
            }
            _ => Ok(replay),
        }
    }
}

impl Replay {
    /// The same recording, started at a share of its length. A random share selects each part with a probability equal
    /// to its share of the length.
    pub fn beginning_at(self, share: f64) -> Self {
        let begin = Nanos((self.period.0 as f64 * share.clamp(0.0, 1.0)) as u64).whole_micros();
        let next = self.items.partition_point(|item| item.offset < begin);
        // After the last item, the first item of the next loop follows.
        let turn = u64::from(next == self.items.len());
        Self { begin, next: next % self.items.len(), turn, ..self }
    }

    /// Updates per second and bytes of data per update, both as means over one loop.
    pub fn means(&self) -> (f64, f64) {
        let bytes: usize = self.items.iter().map(|item| item.data.get().len()).sum();
        let items = self.items.len() as f64;
        (items / self.period.seconds(), bytes as f64 / items)
    }
}

fn scaled(ms: u64, speed: f64) -> Nanos {
    Nanos((ms as f64 * 1e6 / speed).round() as u64).whole_micros()
}

impl Iterator for Replay {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let item = self.items.get(self.next)?;
        // For a long recording at a low speed the offset may saturate: such an update is never due.
        let turn = Nanos(self.turn.saturating_mul(self.period.0));
        let due =
            Due { offset: turn.saturating_add(item.offset).saturating_sub(self.begin), data: Arc::clone(&item.data) };
        self.next += 1;
        if self.next == self.items.len() {
            self.next = 0;
            self.turn += 1;
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_recording_gives_about_ten_updates_a_second_at_speed_3600_and_loops() {
        let replay = Replay::open(None, 3600.0).unwrap();
        assert_eq!(replay.items.len(), 1707);
        let week: Vec<Due> = replay.take(1708).collect();
        let seconds = week[1707].offset.seconds();
        assert!((9.0..11.0).contains(&(1707.0 / seconds)), "{seconds}");
        assert_eq!(week[0].data.get(), week[1707].data.get());
        assert!(week.is_sorted_by_key(|due| due.offset));
    }

    #[test]
    fn a_recording_that_starts_in_its_middle_continues_from_its_start() {
        let text: String = [0, 100, 200, 700].map(|at| format!("{{\"at_ms\":{at}}}\n")).concat();
        let offsets = |share| -> Vec<u64> {
            let replay = Replay::parse("f", &text, 1.0).unwrap().beginning_at(share);
            replay.take(4).map(|due| due.offset.0 / 1_000_000).collect()
        };
        // A loop takes 933 ms: the mean interval is used after the last item.
        assert_eq!(offsets(0.0), [0, 100, 200, 700]);
        assert_eq!(offsets(0.15), [60, 560, 793, 893], "started at 140 ms");
        assert_eq!(offsets(0.9), [93, 193, 293, 793], "started after the last item");
    }

    #[test]
    fn a_line_becomes_the_data_byte_for_byte() {
        let line = r#"{"at_ms": 5,  "x": "é"}"#;
        let mut replay = Replay::parse("f", line, 1.0).unwrap();
        assert_eq!(replay.next().unwrap().data.get(), line);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (text, wanted) in [
            ("{\"at_ms\":1}\n\n{\"at_ms\":", "f, line 3: "),
            ("{\"at_ms\":2}\n{\"at_ms\":1}", "f, line 2: its at_ms 1 is before"),
            ("{\"at\":2}", "f, line 1: missing field `at_ms`"),
            ("[1]", "f, line 1: "),
        ] {
            let said = Replay::parse("f", text, 1.0).unwrap_err().to_string();
            assert!(said.starts_with(wanted), "{said}");
        }
        assert!(matches!(Replay::parse("f", "\n", 1.0), Err(ReplayError::Empty(_))));
    }

    #[test]
    fn a_speed_out_of_range_is_refused_with_the_range_and_one_at_its_ends_does_not_overflow() {
        let line = |at_ms: u64| format!("{{\"at_ms\":{at_ms}}}\n");
        let ages = [0, 1, u64::MAX].map(line).concat();
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY, 1.57e-308, 1e-7, 1e10] {
            let said = Replay::parse("f", &ages, speed).unwrap_err().to_string();
            assert!(said.contains("0.000001 to 1000000000"), "{said}");
        }
        for speed in [limits::SPEED_MIN, 1.0, limits::SPEED_MAX] {
            let played: Vec<Due> = Replay::parse("f", &ages, speed).unwrap().take(10).collect();
            assert!(played.is_sorted_by_key(|due| due.offset), "{speed}");
        }
        let dense: String = (0..1_000).map(line).collect();
        let said = Replay::parse("f", &dense, 3600.0).unwrap_err().to_string();
        assert!(said.contains("use a speed of 20 or less"), "{said}");
    }
}
