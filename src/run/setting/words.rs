//! Settings in words: on axes, in headings and in sentences. The words come from the table.

use crate::limits;
use crate::run::failover::Kill;
use crate::run::heads::Heads;
use crate::run::metric::Unit;
use crate::run::path::names;
use crate::run::protocol::{Compression, Protocol};
use crate::run::proxy::Proxy;
use crate::run::setting::member::MESSAGES;
use crate::run::setting::{Point, Setting};
use crate::run::target_name;
use crate::units::short_number;

/// The words for a setting.
pub struct Words {
    pub form: Form,
    pub label: &'static str,
    pub heading: &'static str,
    pub at: &'static str,
    pub zero: Option<&'static str>,
}

/// The form of a setting's values.
#[derive(Clone, Copy)]
pub enum Form {
    Count,
    Length,
    Bytes,
    Bandwidth,
    Stay,
    Message,
    Heads,
    Proxy,
    Kill,
    Path,
    Target,
    Protocol,
    Compression,
    Switch,
}

impl Form {
    fn show(self, value: f64) -> String {
        match self {
            Self::Count => short_number(value),
            // The zero of an axis needs no unit; that of a setting does.
            Self::Length if value == 0.0 => "0 ms".to_owned(),
            Self::Length => Unit::Nanos.tick(value),
            Self::Bytes => Unit::Bytes.tick(value),
            Self::Bandwidth if value == 0.0 => "no limit".to_owned(),
            Self::Bandwidth => format!("{} Mbit/s", short_number(value / 1e6)),
            Self::Stay if value == 0.0 => "until all leave".to_owned(),
            Self::Stay if value > limits::LENGTH_MAX.0 as f64 => "for good".to_owned(),
            Self::Stay => Unit::Nanos.tick(value),
            Self::Path => names::of_number(value),
            Self::Target => target_name::of_number(value),
            Self::Message => MESSAGES[value as usize % MESSAGES.len()].to_owned(),
            Self::Protocol => Protocol::ALL[value as usize % Protocol::ALL.len()].title().to_owned(),
            Self::Compression => Compression::ALL[value as usize % Compression::ALL.len()].title().to_owned(),
            Self::Switch if value == 0.0 => "made for each request".to_owned(),
            Self::Switch => "kept".to_owned(),
            Self::Heads => Heads::ALL[value as usize % Heads::ALL.len()].to_string(),
            Self::Kill => Kill::ALL[value as usize % Kill::ALL.len()].to_string(),
            Self::Proxy => Proxy::ALL[value as usize % Proxy::ALL.len()].to_string(),
        }
    }
}

impl Setting {
    /// The setting with this name in a run file.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|setting| setting.name() == name)
    }

    /// True if its values are categories, which are shown side by side and not along a scale.
    pub fn is_category(self) -> bool {
        match self.words().form {
            Form::Path
            | Form::Message
            | Form::Heads
            | Form::Proxy
            | Form::Kill
            | Form::Target
            | Form::Protocol
            | Form::Compression
            | Form::Switch => true,
            Form::Count | Form::Length | Form::Bytes | Form::Bandwidth | Form::Stay => false,
        }
    }

    /// True if the value at this point was not set but measured from the feed.
    pub fn is_measured(self, point: &Point) -> bool {
        point.measured_feed && (self == Self::Rate || self == Self::Payload)
    }

    /// True if two points were set to different values. Measured values do not count: they depend on the stretch of the
    /// feed in the measured interval.
    pub fn differs(self, a: &Point, b: &Point) -> bool {
        !self.is_measured(a) && !self.is_measured(b) && self.of(a) != self.of(b)
    }

    /// Its name on an axis.
    pub fn label(self) -> &'static str {
        self.words().label
    }

    /// A value at a tick.
    pub fn tick(self, value: f64) -> String {
        self.words().form.show(value)
    }

    /// A value in a list of values, without the name of the setting.
    pub fn beside(self, value: f64) -> String {
        self.words().zero.filter(|_| value == 0.0).map_or_else(|| self.tick(value), str::to_owned)
    }

    /// A value as a heading.
    pub fn phrase(self, value: f64) -> String {
        let Words { heading, zero, .. } = self.words();
        zero.filter(|_| value == 0.0).map_or_else(|| self.filled(heading, value), str::to_owned)
    }

    /// A position along a sweep, in a sentence.
    pub fn at(self, value: f64) -> String {
        let Words { at, zero, .. } = self.words();
        let zero = zero.filter(|_| value == 0.0).map(|zero| format!("with {zero}"));
        zero.unwrap_or_else(|| self.filled(at, value))
    }

    /// Several positions along a sweep, in a sentence; `values` lists them.
    pub fn at_listed(self, values: &str) -> String {
        self.words().at.replace("{}", values).replace("{s}", "s")
    }

    fn filled(self, template: &str, value: f64) -> String {
        template.replace("{}", &self.tick(value)).replace("{s}", if value == 1.0 { "" } else { "s" })
    }
}
