//! The scenarios: `scenarios/*.toml`, each compiled into the program.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use clap::Args;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::run::RunSettings;
use crate::run::purpose::{ClaimName, Figure, Focus, Purpose};
use crate::suggest;

/// A question and the settings that answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name without its extension.
    pub name: String,
    /// The question in one sentence.
    pub question: String,
    /// What its report shows.
    pub purpose: Purpose,
    /// The settings it sets.
    pub settings: RunSettings,
}

/// Every bundled scenario: its name and its file's text.
const BUNDLED: &[(&str, &str)] = &[
    ("quick", include_str!("../../scenarios/quick.toml")),
    ("sparse", include_str!("../../scenarios/sparse.toml")),
    ("chatty", include_str!("../../scenarios/chatty.toml")),
    ("interval", include_str!("../../scenarios/interval.toml")),
    ("crowd", include_str!("../../scenarios/crowd.toml")),
    ("payload", include_str!("../../scenarios/payload.toml")),
    ("distance", include_str!("../../scenarios/distance.toml")),
    ("loss", include_str!("../../scenarios/loss.toml")),
    ("mobile", include_str!("../../scenarios/mobile.toml")),
    ("proxy", include_str!("../../scenarios/proxy.toml")),
    ("nodes", include_str!("../../scenarios/nodes.toml")),
    ("failover", include_str!("../../scenarios/failover.toml")),
    ("cost", include_str!("../../scenarios/cost.toml")),
    ("empty-poll", include_str!("../../scenarios/empty-poll.toml")),
    ("scale", include_str!("../../scenarios/scale.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("duplex", include_str!("../../scenarios/duplex.toml")),
    ("headers", include_str!("../../scenarios/headers.toml")),
    ("protocols", include_str!("../../scenarios/protocols.toml")),
    ("handshake", include_str!("../../scenarios/handshake.toml")),
    ("earthquakes", include_str!("../../scenarios/earthquakes.toml")),
];

/// What to use instead of an unknown name.
fn known(name: &str) -> String {
    match suggest::nearest(name, &names()) {
        Some(near) => format!("did you mean `{near}`? `loadgen scenarios` lists all"),
        None => format!("use one of {}, or the path of a .toml file", names().join(", ")),
    }
}

/// The names of all bundled scenarios.
pub fn names() -> Vec<&'static str> {
    BUNDLED.iter().map(|(name, _)| *name).collect()
}

/// The scenario that `loadgen` without arguments runs.
pub const DEFAULT: &str = "quick";

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// No scenario has this name.
    #[error("there is no scenario `{name}`; {}", known(name))]
    Unknown {
        /// As given.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the scenario {file}: {source}")]
    Read {
        /// As given.
        file: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file has an unknown key.
    #[error("scenario {file}, line {line}: there is no key `{key}`{}", suggest::hint(key, known))]
    UnknownKey {
        /// As given.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// As written.
        key: String,
        /// The keys that are known there.
        known: Vec<&'static str>,
    },
    /// The file has a value that is not possible.
    #[error("scenario {file}: {source}")]
    Parse {
        /// As given.
        file: String,
        /// The line, and what is wrong with it.
        source: Box<toml::de::Error>,
    },
}

impl ScenarioError {
    /// Is the request at fault, and not the machine?
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::UnknownKey { .. } | Self::Parse { .. } => true,
            Self::Read { .. } => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    question: String,
    #[serde(default)]
    figures: Vec<Figure>,
    focus: Option<Focus>,
    #[serde(default)]
    claims: Vec<ClaimName>,
    #[serde(default)]
    set: RunSettings,
}

/// The keys of the settings only, with their positions.
#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    set: BTreeMap<Spanned<String>, IgnoredAny>,
}

/// The keys above `[set]`, and `set` itself.
const KEYS: [&str; 5] = ["question", "figures", "focus", "claims", "set"];

/// The keys that `[set]` may have: the names of the flags.
fn setting_names() -> Vec<&'static str> {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let flags = RunSettings::augment_args(clap::Command::new("settings"));
        let names = |flag: &clap::Arg| {
            let aliases = flag.get_all_aliases().unwrap_or_default();
            flag.get_long().into_iter().chain(aliases).map(str::to_owned).collect::<Vec<_>>()
        };
        flags.get_arguments().flat_map(names).collect()
    });
    NAMES.iter().map(String::as_str).collect()
}

impl Scenario {
    /// Finds a scenario by name, or reads it from a file whose name ends in `.toml`.
    ///
    /// Errors: [`ScenarioError`]; a bad line is named by its number.
    pub fn load(name: &str) -> Result<Self, ScenarioError> {
        if name.ends_with(".toml") {
            let text = std::fs::read_to_string(name)
                .map_err(|source| ScenarioError::Read { file: name.to_owned(), source })?;
            let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            return Self::parse(name, &stem, &text);
        }
        match BUNDLED.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Self::parse(&format!("{name}.toml"), name, text),
            None => Err(ScenarioError::Unknown { name: name.to_owned() }),
        }
    }

    /// Every bundled scenario.
    pub fn all() -> impl Iterator<Item = Result<Self, ScenarioError>> {
        BUNDLED.iter().map(|(name, _)| Self::load(name))
    }

    fn parse(file: &str, name: &str, text: &str) -> Result<Self, ScenarioError> {
        let parse = |source| ScenarioError::Parse { file: file.to_owned(), source: Box::new(source) };
        // Parse the keys first, so that the error for an unknown key can suggest a known one.
        let top: BTreeMap<Spanned<String>, IgnoredAny> = toml::from_str(text).map_err(parse)?;
        let Settings { set } = toml::from_str(text).map_err(parse)?;
        for (keys, known) in [(top, KEYS.to_vec()), (set, setting_names())] {
            if let Some(key) = keys.into_keys().find(|key| !known.contains(&key.get_ref().as_str())) {
                let line = text[..key.span().start].matches('\n').count() + 1;
                return Err(ScenarioError::UnknownKey { file: file.to_owned(), line, key: key.into_inner(), known });
            }
        }
        let File { question, figures, focus, claims, set } = toml::from_str(text).map_err(parse)?;
        let purpose = Purpose { figures, focus, claims };
        Ok(Self { name: name.to_owned(), question, purpose, settings: set })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_bundled() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let mut bundled: Vec<&str> = BUNDLED.iter().map(|(name, _)| *name).collect();
        files.sort_unstable();
        bundled.sort_unstable();
        assert_eq!(files, bundled);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_a_near_one_is_suggested() {
        let said = Scenario::load("fast").unwrap_err().to_string();
        assert!(said.contains("quick") && !said.contains("did you mean"), "{said}");
        let said = Scenario::load("quikc").unwrap_err().to_string();
        assert!(said.contains("did you mean `quick`?"), "{said}");
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_line_and_the_likely_one() {
        for (text, line, near) in [
            ("question = \"q?\"\n[set]\n\nclinets = 5\n", 4, Some("clients")),
            ("question = \"q?\"\n[set]\npoll_interval = \"1s\"\n", 3, Some("poll-interval")),
            ("question = \"q?\"\n[sets]\n", 2, Some("set")),
            ("question = \"q?\"\nanswer = 42\n", 2, None),
        ] {
            let error = Scenario::parse("mine.toml", "mine", text).unwrap_err();
            let ScenarioError::UnknownKey { line: found, key, known, .. } = &error else { panic!("{error}") };
            assert_eq!((*found, suggest::nearest(key, known)), (line, near), "{error}");
        }
        assert!(Scenario::parse("mine.toml", "mine", "question = \"q?\"\n[set]\nfloor = true\n").is_ok());
    }
}
