//! The questions: `scenarios/*.toml`, each compiled in, so that they are there wherever the program is.

use std::path::Path;

use serde::Deserialize;

use crate::run::RunSettings;
use crate::run::purpose::{ClaimName, Figure, Focus, Purpose};

/// A question and the settings that answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// What it asks, in one sentence.
    pub question: String,
    /// What its report is to show.
    pub purpose: Purpose,
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
    figures: Vec<Figure>,
    focus: Option<Focus>,
    #[serde(default)]
    claims: Vec<ClaimName>,
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
        let File { question, figures, focus, claims, set } = toml::from_str(text)
            .map_err(|source| ScenarioError::Parse { file: file.to_owned(), source: Box::new(source) })?;
        let purpose = Purpose { figures, focus, claims };
        Ok(Self { name: name.to_owned(), question, purpose, settings: set })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::Plan;
    use std::path::PathBuf;

    fn plan(scenario: Scenario) -> Plan {
        Plan::new(scenario, RunSettings::default(), None, PathBuf::new()).unwrap()
    }

    #[test]
    fn every_bundled_scenario_asks_one_question_and_can_be_planned() {
        for scenario in Scenario::all() {
            let scenario = scenario.unwrap();
            assert_eq!(scenario.question.matches('?').count(), 1, "{}", scenario.name);
            assert!(scenario.question.ends_with('?'), "{}", scenario.name);
            assert!(plan(scenario).trials() > 0);
        }
        assert!(Scenario::load(DEFAULT).is_ok());
    }

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

    /// Issue 3 gives these five minutes on two cores. Each trial starts and ends a server and its clients: about a
    /// second, and half a poll interval of drain for one that polls.
    #[test]
    fn chatty_interval_and_headers_end_within_five_minutes() {
        for name in ["chatty", "interval", "headers"] {
            let plan = plan(Scenario::load(name).unwrap());
            let between: f64 = (0..plan.points.len())
                .map(|index| {
                    let point = &plan.points[index].point;
                    let edge = (0.5 / point.rate_per_s).min(plan.measure_at(point).seconds() / 2.0);
                    plan.subjects(index).len() as f64 * (1.0 + edge) + point.poll_interval_ns.seconds() / 2.0
                })
                .sum();
            let seconds = plan.least_length().seconds() + between * f64::from(plan.scenario.rounds);
            assert!(seconds < 300.0, "{name} takes about {seconds:.0} s");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let said = Scenario::load("fast").unwrap_err().to_string();
        assert!(said.contains("quick"), "{said}");
    }
}
