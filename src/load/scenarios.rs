//! The questions: `scenarios/*.toml`, each compiled in, so that they are there wherever the program is.

use std::path::Path;

use serde::Deserialize;

use crate::load::settings::RunSettings;

/// A question and the settings that answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// What it asks, in one sentence.
    pub question: String,
    /// What it sets.
    pub settings: RunSettings,
}

/// Every scenario that is compiled in, by name, as its file's text.
const BUNDLED: &[(&str, &str)] = &[
    ("quick", include_str!("../../scenarios/quick.toml")),
    ("sparse", include_str!("../../scenarios/sparse.toml")),
    ("chatty", include_str!("../../scenarios/chatty.toml")),
    ("interval", include_str!("../../scenarios/interval.toml")),
    ("crowd", include_str!("../../scenarios/crowd.toml")),
    ("payload", include_str!("../../scenarios/payload.toml")),
    ("distance", include_str!("../../scenarios/distance.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("duplex", include_str!("../../scenarios/duplex.toml")),
    ("headers", include_str!("../../scenarios/headers.toml")),
    ("earthquakes", include_str!("../../scenarios/earthquakes.toml")),
];

/// The one that `loadgen` alone runs.
pub const DEFAULT: &str = "quick";

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// There is none of this name.
    #[error("there is no scenario `{name}`; use one of {known}, or the path of a .toml file")]
    Unknown {
        /// As given.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The file could not be read.
    #[error("cannot read the scenario {file}: {source}")]
    Read {
        /// As given.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file says something impossible.
    #[error("scenario {file}: {source}")]
    Parse {
        /// As given.
        file: String,
        /// The line, and what is wrong with it.
        source: Box<toml::de::Error>,
    },
}

impl ScenarioError {
    /// Does it lie in what was asked for, and not in the machine?
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Parse { .. } => true,
            Self::Read { .. } => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    question: String,
    #[serde(default)]
    set: RunSettings,
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
            None => {
                let known: Vec<_> = BUNDLED.iter().map(|(name, _)| *name).collect();
                Err(ScenarioError::Unknown { name: name.to_owned(), known: known.join(", ") })
            }
        }
    }

    /// Every scenario that is compiled in.
    pub fn all() -> impl Iterator<Item = Result<Self, ScenarioError>> {
        BUNDLED.iter().map(|(name, _)| Self::load(name))
    }

    fn parse(file: &str, name: &str, text: &str) -> Result<Self, ScenarioError> {
        let File { question, set } = toml::from_str(text)
            .map_err(|source| ScenarioError::Parse { file: file.to_owned(), source: Box::new(source) })?;
        Ok(Self { name: name.to_owned(), question, settings: set })
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
    fn an_unknown_name_lists_the_known_ones() {
        let said = Scenario::load("fast").unwrap_err().to_string();
        assert!(said.contains("quick"), "{said}");
    }
}
