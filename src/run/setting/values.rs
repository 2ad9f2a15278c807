//! The value types of settings. Each has a single constructor that parses and checks a text, so that a flag and a key
//! of a scenario file accept the same values, and refuse all others with the same range.
//!
//! Over 400 lines: each kind of value is a few lines of parsing and display, and the table of settings names them all.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::limits;
use crate::run::failover::Kill;
use crate::run::feed::{Arrivals, FeedKind, MessageKind};
use crate::run::heads::Heads;
use crate::run::path::{PathSettings, SettingsError};
use crate::run::protocol::{Compression, Protocol};
use crate::run::proxy::Proxy;
use crate::run::target_name::{NotATarget, TargetName};
use crate::run::transport::Transport;
use crate::units::{Nanos, within};

/// The value of a setting.
pub trait Value {
    /// The smallest and the largest value in the notation of a flag; `None` if it is not a number.
    fn range() -> Option<[String; 2]> {
        None
    }

    /// Splits a list into the texts of its values.
    fn pieces(list: &str) -> Vec<&str> {
        list.split(',').collect()
    }
}

impl Value for bool {}
impl Value for PathBuf {}
impl Value for FeedKind {}
impl Value for Protocol {}
impl Value for Compression {}
impl Value for Arrivals {}
impl Value for Transport {}
impl Value for Heads {}
impl Value for Proxy {}
impl Value for Kill {}
impl<T> Value for List<T> {}

/// One or several values: `10` or `10,100` as a flag, `10` or `[10, 100]` in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr + Value> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        T::pieces(text).into_iter().map(|one| one.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

/// Each transport once, in the order in which transports are shown.
impl From<List<Transport>> for Vec<Transport> {
    fn from(List(mut transports): List<Transport>) -> Self {
        transports.sort_unstable();
        transports.dedup();
        transports
    }
}

impl<'de, T: Deserialize<'de> + FromStr + Value> Deserialize<'de> for List<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + FromStr + Value> Visitor<'de> for OneOrMany<T>
        where
            T::Err: fmt::Display,
        {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_bool<E: de::Error>(self, switch: bool) -> Result<List<T>, E> {
                self.visit_str(&switch.to_string())
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<List<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<List<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<List<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<List<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = sequence.next_element()? {
                    values.push(value);
                }
                match values.is_empty() {
                    true => Err(de::Error::custom("the list is empty; give one value or more")),
                    false => Ok(List(values)),
                }
            }
        }
        deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
    }
}

/// A single value, parsed from its text whatever its type in the file.
fn single<'de, T: FromStr + Value, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
where
    T::Err: fmt::Display,
{
    let List(values) = List::<Text<T>>::deserialize(deserializer)?;
    match <[Text<T>; 1]>::try_from(values) {
        Ok([Text(one)]) => Ok(one),
        Err(_) => Err(de::Error::custom("expected a single value, not a list")),
    }
}

/// Deserializes a setting from its text.
struct Text<T>(T);

impl<T: Value> Value for Text<T> {
    fn pieces(list: &str) -> Vec<&str> {
        T::pieces(list)
    }
}

impl<T: FromStr> FromStr for Text<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse().map(Self)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("expected a single value, not a list"))
    }
}

/// The notation of plain numbers: parsing, and display in the notation of a flag.
mod number {
    pub use crate::units::number as read;

    pub fn show(number: impl std::fmt::Display) -> String {
        number.to_string()
    }
}

mod length {
    use crate::units::{self, Nanos};

    pub fn read(text: &str) -> Result<Nanos, String> {
        units::length(text).map_err(|error| error.to_string())
    }
    pub fn show(length: Nanos) -> String {
        units::plain_length(length)
    }
}

mod size {
    use crate::units;

    pub fn read(text: &str) -> Result<f64, String> {
        units::size(text).map(|bytes| bytes as f64).map_err(|error| error.to_string())
    }
    pub fn show(bytes: f64) -> String {
        units::plain_size(bytes as u64)
    }
}

/// Defines value types: `Name(inner type): notation from the smallest, to the largest`, or with two functions that
/// parse a text and give the range.
macro_rules! values {
    ($( $(#[$doc:meta])* $name:ident($inner:ty): $kind:ident from $least:expr, to $most:expr; )+) => { $(
        values! {
            $(#[$doc])*
            $name($inner),
            |text| within(text, $kind::read(text), [$least, $most], [$kind::show($least), $kind::show($most)]),
            Some([$kind::show($least), $kind::show($most)])
        }
    )+ };
    ($(#[$doc:meta])* $name:ident($inner:ty), $read:expr, $range:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl Value for $name {
            fn range() -> Option<[String; 2]> {
                $range
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let read: fn(&str) -> Result<$inner, String> = $read;
                read(text).map(Self)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                single(deserializer)
            }
        }
    };
}

values! {
    /// A number of clients.
    Clients(u32): number from 1, to limits::CLIENTS_SETTING_MAX;
    /// A number of nodes; 0 for one server with its own journal.
    Nodes(u32): number from 0, to limits::NODES_MAX;
    /// A number of clients on one connection.
    Sharers(u32): number from 1, to limits::CLIENTS_MAX;
    /// A number of rounds.
    Rounds(u32): number from 1, to limits::ROUNDS_MAX;
    /// A number of updates, and of polls per client, that the measured interval holds at least.
    Cycles(u32): number from 0, to limits::CYCLES_MAX;
    /// A seed.
    Seed(u64): number from 0, to limits::SEED_MAX;
    /// A replay speed, as a multiple of the recorded pace.
    Speed(f64): number from limits::SPEED_MIN, to limits::SPEED_MAX;
    /// A share of a whole.
    Share(f64): number from 0.0, to 1.0;
    /// Updates a second.
    Rate(f64): number from limits::RATE_MIN, to limits::RATE_MAX;
    /// The size of an update or a message in bytes: a whole number.
    Payload(f64): size from 1.0, to limits::UPDATE_BYTES_MAX as f64;
    /// The warm-up.
    WarmUp(Nanos): length from limits::WARM_UP_MIN, to limits::LENGTH_MAX;
    /// The measured interval.
    Measure(Nanos): length from limits::MEASURE_MIN, to limits::LENGTH_MAX;
    /// A poll interval.
    Interval(Nanos): length from limits::POLL_INTERVAL_MIN.into(), to limits::POLL_INTERVAL_MAX.into();
    /// How long a long poll may be parked.
    Hold(Nanos): length from limits::LONG_POLL_HOLD_MIN.into(), to limits::LONG_POLL_HOLD_MAX.into();
    /// A delay that a link adds: a round trip, or a deviation from it.
    Delay(Nanos): length from Nanos::ZERO, to limits::LINK_ROUND_TRIP_MAX;
}

values! {
    /// Bytes added to a request's head: none, or at least the size of the shortest header field.
    RequestHeaders(u32), |text| {
        let [none, most] = Self::ENDS;
        let bytes = within(text, size::read(text), [none, most], [size::show(none), size::show(most)])? as u32;
        match bytes {
            1..limits::REQUEST_HEADER_BYTES_MIN => Err(format!(
                "{bytes} is out of range; use 0 to {}, but not less than the {} that the shortest header takes",
                size::show(most),
                limits::REQUEST_HEADER_BYTES_MIN
            )),
            bytes => Ok(bytes),
        }
    }, Some(Self::ENDS.map(size::show))
}

impl RequestHeaders {
    const ENDS: [f64; 2] = [0.0, limits::REQUEST_HEADER_BYTES_MAX as f64];
}

values! {
    /// Bits a second of a link; `None` without a limit.
    Bandwidth(Option<u64>), |text| match text {
        "none" => Ok(None),
        _ => within(text, bandwidth(text), Self::ENDS, Self::ENDS.map(plain_bandwidth)).map(Some),
    }, Some(Self::ENDS.map(plain_bandwidth))
}

impl Bandwidth {
    const ENDS: [u64; 2] = [limits::LINK_BITS_PER_S_MIN, limits::LINK_BITS_PER_S_MAX];
}

/// Units of bandwidth, the largest first.
const BANDWIDTHS: [(&str, u64); 3] = [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1_000)];

fn bandwidth(text: &str) -> Result<u64, String> {
    let refuse =
        || format!("`{text}` is not a bandwidth; write none, or a number and its unit, as in 500kbit or 10Mbit");
    let with_unit = |(unit, scale)| Some((text.strip_suffix(unit)?, scale as f64));
    let (number, scale) = BANDWIDTHS.into_iter().find_map(with_unit).ok_or_else(refuse)?;
    // A larger number saturates, and is then out of range.
    number.trim().parse::<f64>().map(|number| (number * scale).round() as u64).map_err(|_| refuse())
}

fn plain_bandwidth(bits: u64) -> String {
    let even = BANDWIDTHS.into_iter().find(|(_, scale)| bits.is_multiple_of(*scale));
    even.map_or_else(|| format!("{bits}bit"), |(unit, scale)| format!("{}{unit}", bits / scale))
}

values! {
    /// When clients leave.
    Churn(Leaving), |text| match text {
        "none" => Ok(Leaving::Never),
        "storm" => Ok(Leaving::AllAtOnce),
        _ => {
            let read = length::read(text).map_err(|problem| format!("{problem}; or write none or storm"));
            within(text, read, Self::ENDS, Self::ENDS.map(length::show)).map(Leaving::Each)
        }
    }, Some(Self::ENDS.map(length::show))
}

impl Churn {
    const ENDS: [Nanos; 2] = [limits::CHURN_STAY_MIN, limits::LENGTH_MAX];
}

values! {
    /// The kind of messages that clients send; `None` if they subscribe.
    Echo(Option<MessageKind>), |text| match text {
        "none" => Ok(None),
        _ => text.parse().map(Some),
    }, None
}

/// A server under test; `None` for the one that the load generator starts, with its own feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtTarget(pub Option<TargetName>);

impl Value for AtTarget {}

impl FromStr for AtTarget {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        match text.trim() {
            "none" => Ok(Self(None)),
            name => TargetName::new(name).map(|name| Self(Some(name))),
        }
    }
}

impl From<AtTarget> for Option<TargetName> {
    fn from(AtTarget(name): AtTarget) -> Self {
        name
    }
}

impl<'de> Deserialize<'de> for AtTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        single(deserializer)
    }
}

/// A path between clients and server; `None` without one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnPath(pub Option<PathSettings>);

impl Value for OnPath {
    /// A comma separates two paths if a preset follows it, and otherwise two keys of one path. A semicolon always
    /// separates two paths.
    fn pieces(list: &str) -> Vec<&str> {
        let begins_path = |at: usize| {
            let next = &list[at + 1..];
            list[at..].starts_with(';') || !next[..next.find([',', ';']).unwrap_or(next.len())].contains('=')
        };
        let mut pieces = Vec::new();
        let mut from = 0;
        for (at, _) in list.match_indices([',', ';']).filter(|(at, _)| begins_path(*at)) {
            pieces.push(&list[from..at]);
            from = at + 1;
        }
        pieces.push(&list[from..]);
        pieces
    }
}

impl FromStr for OnPath {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        match text.trim() {
            "none" => Ok(Self(None)),
            path => path.parse().map(|path| Self(Some(path))),
        }
    }
}

impl From<OnPath> for Option<PathSettings> {
    fn from(OnPath(path): OnPath) -> Self {
        path
    }
}

impl<'de> Deserialize<'de> for OnPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        single(deserializer)
    }
}

/// When clients leave. They come back soon after.
///
/// In the run file it is two members: `churn_ns`, the mean time that a client stays, and `storm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stay", into = "Stay")]
pub enum Leaving {
    /// Never.
    Never,
    /// Each client after a random time, exponentially distributed with this mean.
    Each(Nanos),
    /// All clients in the middle of the measured interval.
    AllAtOnce,
}

/// [`Leaving`] in its serialized form.
#[derive(Serialize, Deserialize)]
struct Stay {
    #[serde(default)]
    churn_ns: Option<Nanos>,
    #[serde(default)]
    storm: bool,
}

impl From<Stay> for Leaving {
    fn from(stay: Stay) -> Self {
        match (stay.churn_ns, stay.storm) {
            (_, true) => Self::AllAtOnce,
            (Some(mean), false) => Self::Each(mean),
            (None, false) => Self::Never,
        }
    }
}

impl From<Leaving> for Stay {
    fn from(leaving: Leaving) -> Self {
        match leaving {
            Leaving::Never => Self { churn_ns: None, storm: false },
            Leaving::Each(mean) => Self { churn_ns: Some(mean), storm: false },
            Leaving::AllAtOnce => Self { churn_ns: None, storm: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_refused_with_the_range() {
        fn refused<T: FromStr<Err = String> + Value>(texts: &[&str]) {
            let [least, most] = T::range().unwrap();
            for end in [&least, &most] {
                assert!(end.parse::<T>().is_ok(), "{end}");
            }
            for text in texts {
                let said = text.parse::<T>().err().unwrap_or_else(|| panic!("{text} is taken"));
                assert!(said.contains(&format!("{least} to {most}")), "{text}: {said}");
            }
        }
        refused::<Clients>(&["0", "-1", "1216001", "1e3", "99999999999", "many", ""]);
        refused::<Seed>(&["-1", "0.5", "9007199254740992", "18446744073709551616"]);
        refused::<Rate>(&["0", "-1", "nan", "inf", "0.0009", "20001", "1e308"]);
        refused::<Speed>(&["0", "1.57e-308", "nan", "1e10"]);
        refused::<Share>(&["-0.1", "1.01", "nan"]);
        refused::<Payload>(&["0B", "257KiB", "16EiB", "many"]);
        refused::<Measure>(&["99ms", "0s", "61m", "999999999999h", "4"]);
        refused::<Interval>(&["4ms", "61s", "1s1"]);
        refused::<Hold>(&["9ms", "121s"]);
        refused::<Delay>(&["2001ms", "-1ms"]);
        refused::<Bandwidth>(&["7kbit", "101Gbit", "1e300Gbit", "-1Mbit", "nankbit", "10"]);
        refused::<Churn>(&["49ms", "2h", "often"]);
        refused::<RequestHeaders>(&["5000", "16EiB", "x"]);
        refused::<RequestHeaders>(&["1", "10"]);
    }

    #[test]
    fn a_list_of_paths_is_split_at_semicolons_and_before_presets() {
        let count = |text: &str| text.parse::<List<OnPath>>().map(|List(paths)| paths.len());
        for (text, paths) in [
            ("4g", 1),
            ("4g,3g,none", 3),
            ("rtt=50ms,loss=1%", 1),
            ("rtt=50ms;rtt=50ms,loss=1%", 2),
            ("4g,loss=1%,none;rtt=1ms,jitter=500us", 3),
        ] {
            assert_eq!(count(text), Ok(paths), "{text}");
        }
        assert!(count("4g,,3g").is_err());
        #[derive(Deserialize)]
        struct File {
            path: List<OnPath>,
        }
        let File { path: List(paths) } = toml::from_str("path = [\"none\", \"rtt=50ms,loss=1%\", \"4g\"]").unwrap();
        let one = "rtt=50ms,loss=1%".parse().unwrap();
        assert_eq!(paths, [OnPath(None), OnPath(Some(one)), OnPath("4g".parse().ok())]);
    }

    #[test]
    fn leaving_is_two_members_of_the_run_file() {
        for (leaving, written) in [
            (Leaving::Never, r#"{"churn_ns":null,"storm":false}"#),
            (Leaving::Each(Nanos(5)), r#"{"churn_ns":5,"storm":false}"#),
            (Leaving::AllAtOnce, r#"{"churn_ns":null,"storm":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&leaving).unwrap(), written);
            assert_eq!(serde_json::from_str::<Leaving>(written).unwrap(), leaving);
        }
        assert_eq!(serde_json::from_str::<Leaving>("{}").unwrap(), Leaving::Never, "files from before there was churn");
    }
}
