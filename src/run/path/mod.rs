//! The settings of a path, and their notation: `4g`, `rtt=50ms,loss=1%`, or `4g,loss=1%`.

pub mod names;
pub mod presets;
pub mod report;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;
use crate::units::{self, Nanos};

/// The settings of a path. Both directions are alike, except for the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PathSettings {
    /// Added round trip, half in each direction.
    pub rtt: Nanos,
    /// Largest deviation of the one-way delay, up or down, uniformly distributed.
    pub jitter: Nanos,
    /// True if jitter may reorder a client's packets. Most real links do not.
    pub reorder: bool,
    /// Share of the packets that is lost in each direction.
    pub loss: f64,
    /// Mean length of a burst of losses in packets; `None` for independent losses.
    pub burst: Option<f64>,
    /// Rate from a client to the server, of IP packets with their headers.
    pub up_bits_per_s: Option<u64>,
    /// Rate from the server to a client.
    pub down_bits_per_s: Option<u64>,
    /// Bytes that may queue for a rate limit, in each direction; `None` for 300 ms of that rate.
    pub queue: Option<u64>,
}

/// Why the text of a path is invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// Neither a preset nor a key.
    #[error("`{0}` is not a path; use one of {known}, or keys as in rtt=50ms,loss=1% (keys: {KEYS})", known = presets::names())]
    Unknown(String),
    /// A preset that does not come first.
    #[error("`{0}` must come first, followed by the keys that change it")]
    NotFirst(String),
    /// A key that is given twice.
    #[error("`{0}` is given twice; remove one, or put a ; between two paths")]
    Twice(String),
    /// An invalid value.
    #[error("{key}={value}: {problem}")]
    Value {
        /// As written.
        key: String,
        /// As written.
        value: String,
        /// The problem, and what to write instead.
        problem: String,
    },
    /// Bursts without loss.
    #[error("burst needs loss; write loss=1%,burst=5")]
    BurstWithoutLoss,
    /// Bursts too short for the loss.
    #[error(
        "bursts of {burst} packets cannot be {share} of all packets, because one good packet lies between two bursts; \
         use a longer burst"
    )]
    BurstTooShort {
        /// Asked for.
        burst: f64,
        /// Asked for.
        share: String,
    },
    /// More jitter than one-way delay.
    #[error("jitter={jitter} is more than half of rtt={rtt}, but no packet arrives before it was sent; lower it")]
    Jitter {
        /// Asked for.
        jitter: Nanos,
        /// Asked for.
        rtt: Nanos,
    },
    /// Reordering without jitter.
    #[error("reorder needs jitter; write jitter=10ms,reorder=yes")]
    ReorderWithoutJitter,
    /// A queue without a rate limit.
    #[error("queue needs a rate; write rate=10Mbit,queue=64KiB")]
    QueueWithoutRate,
}

const KEYS: &str = "rtt, jitter, reorder, loss, burst, rate, up, down, queue";

impl PathSettings {
    /// Bytes that may queue for a limit of this rate.
    pub fn queue_bytes(&self, bits_per_s: u64) -> u64 {
        let usual =
            u128::from(bits_per_s) * u128::from(limits::PATH_QUEUE_DEFAULT.0) / (8 * u128::from(Nanos::SECOND.0));
        let usual = u64::try_from(usual).unwrap_or(u64::MAX);
        self.queue.unwrap_or_else(|| usual.clamp(limits::PATH_QUEUE_DEFAULT_BYTES_MIN, limits::PATH_QUEUE_BYTES_MAX))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "rtt" => self.rtt = delay(value)?,
            "jitter" => self.jitter = delay(value)?,
            "reorder" => {
                self.reorder = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err("write yes or no".to_owned()),
                }
            }
            "loss" => self.loss = share(value)?,
            "burst" => self.burst = Some(burst(value)?),
            "rate" => (self.up_bits_per_s, self.down_bits_per_s) = (rate(value)?, rate(value)?),
            "up" => self.up_bits_per_s = rate(value)?,
            "down" => self.down_bits_per_s = rate(value)?,
            "queue" => self.queue = Some(queue(value)?),
            _ => return Err(format!("there is no such key; use {KEYS}")),
        }
        Ok(())
    }

    fn check(self) -> Result<Self, SettingsError> {
        if let Some(burst) = self.burst {
            if self.loss == 0.0 {
                return Err(SettingsError::BurstWithoutLoss);
            }
            // The probability that a burst begins would have to be above one.
            if self.loss / burst > 1.0 - self.loss {
                return Err(SettingsError::BurstTooShort { burst, share: percent(self.loss) });
            }
        }
        if self.jitter.0 > self.rtt.0 / 2 {
            return Err(SettingsError::Jitter { jitter: self.jitter, rtt: self.rtt });
        }
        if self.reorder && self.jitter == Nanos::ZERO {
            return Err(SettingsError::ReorderWithoutJitter);
        }
        if self.queue.is_some() && self.up_bits_per_s.is_none() && self.down_bits_per_s.is_none() {
            return Err(SettingsError::QueueWithoutRate);
        }
        Ok(self)
    }
}

impl FromStr for PathSettings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        let mut keys = Vec::new();
        for (index, piece) in text.split(',').map(str::trim).enumerate() {
            let Some((key, value)) = piece.split_once('=') else {
                let preset = presets::find(piece).ok_or_else(|| SettingsError::Unknown(piece.to_owned()))?;
                if index > 0 {
                    return Err(SettingsError::NotFirst(piece.to_owned()));
                }
                settings = preset.settings;
                continue;
            };
            if keys.contains(&key) {
                return Err(SettingsError::Twice(key.to_owned()));
            }
            keys.push(key);
            settings.set(key, value).map_err(|problem| SettingsError::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                problem,
            })?;
        }
        settings.check()
    }
}

/// Shows a path in the notation that is parsed: `rtt=50ms,loss=1%`. A path that changes nothing is `rtt=0ms`.
impl fmt::Display for PathSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rtt={}", exact(self.rtt))?;
        if self.jitter > Nanos::ZERO {
            write!(f, ",jitter={}", exact(self.jitter))?;
        }
        if self.reorder {
            f.write_str(",reorder=yes")?;
        }
        if self.loss > 0.0 {
            write!(f, ",loss={}", percent(self.loss))?;
        }
        if let Some(burst) = self.burst {
            write!(f, ",burst={burst}")?;
        }
        match (self.up_bits_per_s, self.down_bits_per_s) {
            (None, None) => {}
            (Some(up), Some(down)) if up == down => write!(f, ",rate={}", bits(up))?,
            (up, down) => {
                for (key, rate) in [("down", down), ("up", up)] {
                    if let Some(rate) = rate {
                        write!(f, ",{key}={}", bits(rate))?;
                    }
                }
            }
        }
        if let Some(queue) = self.queue {
            write!(f, ",queue={queue}B")?;
        }
        Ok(())
    }
}

impl Serialize for PathSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PathSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A length of time without loss of digits.
fn exact(length: Nanos) -> String {
    match length.0 {
        whole if whole % Nanos::MILLI.0 == 0 => format!("{}ms", whole / Nanos::MILLI.0),
        whole if whole % 1_000 == 0 => format!("{}us", whole / 1_000),
        whole => format!("{whole}ns"),
    }
}

/// A share as it is written: `1%`, `0.1%`.
pub fn percent(share: f64) -> String {
    // Rounding gives back the few digits that were parsed.
    format!("{}%", (share * 1e8).round() / 1e6)
}

/// A rate as it is written: `10Mbit`.
pub fn bits(bits_per_s: u64) -> String {
    match bits_per_s {
        whole if whole % 1_000_000_000 == 0 => format!("{}Gbit", whole / 1_000_000_000),
        whole if whole % 1_000_000 == 0 => format!("{}Mbit", whole / 1_000_000),
        whole => format!("{}kbit", whole as f64 / 1e3),
    }
}

fn delay(text: &str) -> Result<Nanos, String> {
    let length = units::length(text).map_err(|error| error.to_string())?;
    match length <= limits::LINK_ROUND_TRIP_MAX {
        true => Ok(length),
        false => Err(format!("it is too long; use {} or less", limits::LINK_ROUND_TRIP_MAX)),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let refuse = || format!("write a share of 0% to {}, as in 1%", percent(limits::PATH_LOSS_MAX));
    let number: f64 = text.strip_suffix('%').and_then(|number| number.trim().parse().ok()).ok_or_else(refuse)?;
    let share = number / 100.0;
    if (0.0..=limits::PATH_LOSS_MAX).contains(&share) { Ok(share) } else { Err(refuse()) }
}

fn burst(text: &str) -> Result<f64, String> {
    let refuse = || format!("write the mean number of packets in a burst, 1 to {}", limits::PATH_BURST_MAX);
    let burst: f64 = text.parse().map_err(|_| refuse())?;
    if (1.0..=limits::PATH_BURST_MAX).contains(&burst) { Ok(burst) } else { Err(refuse()) }
}

fn rate(text: &str) -> Result<Option<u64>, String> {
    if text == "none" {
        return Ok(None);
    }
    let refuse = || {
        let (least, most) = (bits(limits::LINK_BITS_PER_S_MIN), bits(limits::LINK_BITS_PER_S_MAX));
        format!("write {least} to {most}, as in 500kbit, 10Mbit or 1Gbit, or none")
    };
    let scales = [("kbit", 1e3), ("Mbit", 1e6), ("Gbit", 1e9)];
    let (number, scale) =
        scales.into_iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale))).ok_or_else(refuse)?;
    let rate = number.trim().parse::<f64>().map_err(|_| refuse())? * scale;
    let bounds = limits::LINK_BITS_PER_S_MIN as f64..=limits::LINK_BITS_PER_S_MAX as f64;
    if bounds.contains(&rate) { Ok(Some(rate.round() as u64)) } else { Err(refuse()) }
}

fn queue(text: &str) -> Result<u64, String> {
    let bytes = units::size(text).map_err(|error| error.to_string())?;
    let (least, most) = (limits::PATH_QUEUE_BYTES_MIN, limits::PATH_QUEUE_BYTES_MAX);
    match (least..=most).contains(&bytes) {
        true => Ok(bytes),
        false => Err(format!("use {least}B to {most}B")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PathSettings, SettingsError> {
        text.parse()
    }

    #[test]
    fn a_path_is_parsed_from_keys_and_shown_in_the_same_notation() {
        for text in [
            "rtt=0ms",
            "rtt=50ms,loss=1%",
            "rtt=1500us,jitter=250us,reorder=yes,loss=0.1%,burst=3.5,rate=10Mbit,queue=65536B",
            "rtt=300ms,down=1600kbit,up=768kbit",
            "rtt=7ns,up=8kbit",
            "rtt=500us,rate=1Gbit",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        assert_eq!(read("loss=0.7%").unwrap().to_string(), "rtt=0ms,loss=0.7%");
    }

    #[test]
    fn the_keys_after_a_preset_change_it() {
        let path = read("4g, loss=1%").unwrap();
        assert_eq!(PathSettings { loss: 0.0, ..path }, read("4g").unwrap());
        assert_eq!(path.loss, 0.01);
        assert_eq!(read("loss=1%,4g"), Err(SettingsError::NotFirst("4g".to_owned())));
    }

    #[test]
    fn an_impossible_path_is_refused_and_names_the_key() {
        assert_eq!(read("5g"), Err(SettingsError::Unknown("5g".to_owned())));
        assert_eq!(read("rtt=1ms,rtt=2ms"), Err(SettingsError::Twice("rtt".to_owned())));
        assert_eq!(read("burst=5"), Err(SettingsError::BurstWithoutLoss));
        assert!(read("loss=50%,burst=1").is_ok());
        assert!(matches!(read("rtt=1ms,jitter=1ms"), Err(SettingsError::Jitter { .. })));
        assert_eq!(read("rtt=1ms,reorder=yes"), Err(SettingsError::ReorderWithoutJitter));
        assert_eq!(read("queue=64KiB"), Err(SettingsError::QueueWithoutRate));
        for text in [
            "",
            "rtt",
            "rtt=",
            "rtt=5",
            "rtt=3s",
            "delay=5ms",
            "loss=1",
            "loss=51%",
            "loss=-1%",
            "loss=NaN%",
            "burst=0.5",
            "burst=inf",
            "loss=1%,burst=NaN",
            "rate=10",
            "rate=1kbit",
            "rate=NaNMbit",
            "rate=1Mbit,queue=1KiB",
            "rate=1Mbit,queue=1GiB",
            "jitter=-1ms",
            "reorder=maybe",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_queue_is_300_ms_of_its_rate_unless_it_is_given() {
        let path = read("rate=10Mbit").unwrap();
        assert_eq!(path.queue_bytes(10_000_000), 375_000);
        assert_eq!(path.queue_bytes(8_000), limits::PATH_QUEUE_DEFAULT_BYTES_MIN);
        assert_eq!(path.queue_bytes(100_000_000_000), limits::PATH_QUEUE_BYTES_MAX);
        assert_eq!(read("rate=10Mbit,queue=64KiB").unwrap().queue_bytes(10_000_000), 65_536);
    }
}
