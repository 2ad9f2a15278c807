//! Settings as members of the run file: as numbers, as text, as cells of the CSV, and in the schema.

use crate::limits;
use crate::run::failover::Kill;
use crate::run::feed::MessageKind;
use crate::run::heads::Heads;
use crate::run::path::{PathSettings, names};
use crate::run::protocol::{Compression, Protocol};
use crate::run::proxy::Proxy;
use crate::run::setting::values::Leaving;
use crate::run::target_name::TargetName;
use crate::run::transport::Transport;
use crate::units::Nanos;

/// The type of a setting in the run file.
pub trait Member {
    /// Its value as a number; for a value that is not a number, one that distinguishes the values.
    fn number(&self) -> f64 {
        0.0
    }

    /// Its value as text.
    fn shown(&self) -> String;

    /// The names of its columns: its own name, unless it has several columns.
    fn columns(name: &'static str) -> Vec<&'static str> {
        vec![name]
    }

    /// The cells of these columns; empty if absent.
    fn cells(&self) -> Vec<String> {
        vec![self.shown()]
    }

    /// The schema of its values.
    #[cfg(test)]
    fn schema() -> serde_json::Value;
}

/// The description of a member in the schema.
#[cfg(test)]
#[derive(Clone)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// Its schema, with the description.
    pub schema: serde_json::Value,
    /// True if every file has it.
    pub is_required: bool,
}

#[cfg(test)]
pub fn described<T: Member>(name: &'static str, doc: &str, is_required: bool) -> Vec<Described> {
    let columns = T::columns(name);
    let mut schemas = match columns.len() {
        1 => vec![T::schema()],
        _ => T::schema().as_array().cloned().unwrap_or_default(),
    };
    for schema in schemas.iter_mut().filter(|schema| schema["description"].is_null()) {
        schema["description"] = format!("{doc}.").into();
    }
    columns.into_iter().zip(schemas).map(|(name, schema)| Described { name, schema, is_required }).collect()
}

macro_rules! numbers {
    ($($type:ty: $schema:tt;)+) => { $(
        impl Member for $type {
            fn number(&self) -> f64 {
                *self as f64
            }
            fn shown(&self) -> String {
                self.to_string()
            }
            #[cfg(test)]
            fn schema() -> serde_json::Value {
                serde_json::json!($schema)
            }
        }
    )+ };
}

numbers! {
    u32: {"type": "integer", "minimum": 0};
    u64: {"type": "integer", "minimum": 0};
    f64: {"type": "number", "minimum": 0};
}

impl Member for Nanos {
    fn number(&self) -> f64 {
        self.0 as f64
    }
    fn shown(&self) -> String {
        self.to_string()
    }
    fn cells(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"$ref": "#/$defs/nanos"})
    }
}

impl Member for bool {
    fn number(&self) -> f64 {
        f64::from(u8::from(*self))
    }
    fn shown(&self) -> String {
        self.to_string()
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "boolean"})
    }
}

/// The default of a switch that is on in files from before it existed.
pub fn yes() -> bool {
    true
}

/// The default of a count that is one in files from before it existed.
pub fn one() -> u32 {
    1
}

macro_rules! names {
    ($($type:ty)+) => { $(
        /// As a number: its position in the list.
        impl Member for $type {
            fn number(&self) -> f64 {
                Self::ALL.iter().position(|one| one == self).unwrap_or_default() as f64
            }
            fn shown(&self) -> String {
                self.label().to_owned()
            }
            #[cfg(test)]
            fn schema() -> serde_json::Value {
                serde_json::json!({"enum": Self::ALL.map(Self::label)})
            }
        }
    )+ };
}

names!(Protocol Compression Kill);

impl Member for Vec<Transport> {
    fn shown(&self) -> String {
        self.iter().map(|transport| transport.label()).collect::<Vec<_>>().join(", ")
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "array", "items": {"$ref": "#/$defs/transport"}})
    }
}

/// A limit. As a number, no limit is zero.
impl Member for Option<u64> {
    fn number(&self) -> f64 {
        self.unwrap_or(0) as f64
    }
    fn shown(&self) -> String {
        self.map_or_else(String::new, |limit| limit.to_string())
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": ["integer", "null"], "minimum": 0})
    }
}

/// As a number: its position among those that this process has seen; zero without one.
impl Member for Option<PathSettings> {
    fn number(&self) -> f64 {
        names::number(*self)
    }
    fn shown(&self) -> String {
        self.map_or_else(String::new, names::name)
    }
    fn cells(&self) -> Vec<String> {
        // The columns of the table are separated by commas.
        vec![self.shown().replace(',', " ")]
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": ["string", "null"]})
    }
}

/// As a number: its position among those that this process has seen; zero without one.
impl Member for Option<TargetName> {
    fn number(&self) -> f64 {
        self.map_or(0.0, TargetName::number)
    }
    fn shown(&self) -> String {
        self.map_or_else(String::new, |name| name.to_string())
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": ["string", "null"]})
    }
}

/// What clients get or send, in the order of [`Member::number`].
pub const MESSAGES: [&str; 3] = ["updates", "text", "binary"];

impl Member for Option<MessageKind> {
    fn number(&self) -> f64 {
        match self {
            None => 0.0,
            Some(MessageKind::Text) => 1.0,
            Some(MessageKind::Binary) => 2.0,
        }
    }
    fn shown(&self) -> String {
        self.map_or_else(String::new, |kind| kind.label().to_owned())
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"enum": ["text", "binary", null]})
    }
}

/// As a number: its position among all.
impl Member for Heads {
    fn number(&self) -> f64 {
        match self {
            Self::Bare => 0.0,
            Self::Browser => 1.0,
        }
    }
    fn shown(&self) -> String {
        self.label().to_owned()
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"enum": Self::ALL})
    }
}

/// As a number: its position among all.
impl Member for Proxy {
    fn number(&self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Nginx => 1.0,
            Self::NginxTuned => 2.0,
            Self::Haproxy => 3.0,
        }
    }
    fn shown(&self) -> String {
        self.label().to_owned()
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        serde_json::json!({"enum": Self::ALL})
    }
}

/// As a number: the mean time that a client stays. Zero if all leave at once, and more than any length that can be set
/// if they stay for good.
impl Member for Leaving {
    fn number(&self) -> f64 {
        match self {
            Self::AllAtOnce => 0.0,
            Self::Each(mean) => mean.0 as f64,
            Self::Never => 2.0 * limits::LENGTH_MAX.0 as f64,
        }
    }
    fn shown(&self) -> String {
        match self {
            Self::AllAtOnce => "storm".to_owned(),
            Self::Each(mean) => mean.to_string(),
            Self::Never => "none".to_owned(),
        }
    }
    fn columns(_: &'static str) -> Vec<&'static str> {
        vec!["churn_ns", "storm"]
    }
    fn cells(&self) -> Vec<String> {
        let (mean, storm) = match self {
            Self::AllAtOnce => (String::new(), true),
            Self::Each(mean) => (mean.0.to_string(), false),
            Self::Never => (String::new(), false),
        };
        vec![mean, storm.to_string()]
    }
    #[cfg(test)]
    fn schema() -> serde_json::Value {
        let storm = "All clients leave at once in the middle of the interval, and come back.";
        serde_json::json!([
            {"anyOf": [{"$ref": "#/$defs/nanos"}, {"type": "null"}]},
            {"type": "boolean", "description": storm},
        ])
    }
}
