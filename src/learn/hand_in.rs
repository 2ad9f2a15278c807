//! What a student hands in (`schema/hand-in.schema.json`): guesses, answers and notes from the pages, and exercises
//! from `loadgen learn check`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::limits;

/// The name and version of the format.
pub const SCHEMA: &str = "pushpull.hand-in/1";

/// One hand-in file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandIn {
    /// [`SCHEMA`].
    pub schema: String,
    /// The name that the student gave.
    pub name: String,
    /// When the file was made.
    pub made_at: String,
    /// Guesses, with what was measured.
    pub guesses: Vec<Guess>,
    /// Answers to questions with options.
    pub checks: Vec<Answer>,
    /// Answers in the student's own words.
    pub notes: Vec<Note>,
    /// Exercises that were checked.
    pub exercises: Vec<ExerciseResult>,
}

/// A guess before a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guess {
    /// The lab's id.
    pub lab: String,
    /// Its lesson.
    pub lesson: u32,
    /// The unit of the three figures.
    pub unit: String,
    /// The guess.
    pub guess: f64,
    /// What the run measured.
    pub measured: f64,
    /// What the formula gives.
    pub theory: f64,
    /// The number of runs.
    pub runs: u64,
    /// The time of the first run.
    pub at: String,
}

impl Guess {
    /// Was it within a quarter of the measured figure?
    pub fn is_near(&self) -> bool {
        (self.guess - self.measured).abs() <= self.measured.abs() * limits::GUESS_NEAR_SHARE
    }
}

/// The first answer to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question's id.
    pub check: String,
    /// Its lesson.
    pub lesson: u32,
    /// The chosen option.
    pub answer: u64,
    /// Was it right?
    pub right: bool,
    /// When it was given.
    pub at: String,
}

/// An answer in the student's own words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The id of the lab or the question.
    pub about: String,
    /// Its lesson.
    pub lesson: u32,
    /// What the student wrote.
    pub text: String,
}

/// The result of checking an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExerciseResult {
    /// Its name.
    pub exercise: String,
    /// Whether all stages passed.
    pub passed: bool,
    /// The number of stages that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<u64>,
    /// The number of all stages, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// The first mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_wrong: Option<String>,
    /// When it was checked.
    pub at: String,
}

/// Why a file is not a valid hand-in.
#[derive(Debug, thiserror::Error)]
pub enum HandInError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is larger than a hand-in can be.
    #[error("it is larger than {} B", limits::HAND_IN_BYTES_MAX)]
    TooLarge,
    /// It does not have the format of a hand-in.
    #[error("it is not a hand-in file: {0}")]
    Format(#[from] serde_json::Error),
    /// It has another schema or version.
    #[error("its schema is `{0}`, not {SCHEMA}")]
    Schema(String),
}

impl HandIn {
    /// An empty hand-in.
    pub fn new(name: &str, now: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            name: name.chars().take(limits::HAND_IN_NAME_CHARACTERS).collect(),
            made_at: now.to_owned(),
            guesses: Vec::new(),
            checks: Vec::new(),
            notes: Vec::new(),
            exercises: Vec::new(),
        }
    }

    /// Reads a file.
    ///
    /// Errors: [`HandInError`].
    pub fn read(file: &Path) -> Result<Self, HandInError> {
        let mut text = Vec::new();
        File::open(file)?.take(limits::HAND_IN_BYTES_MAX + 1).read_to_end(&mut text)?;
        if text.len() as u64 > limits::HAND_IN_BYTES_MAX {
            return Err(HandInError::TooLarge);
        }
        let hand_in: Self = serde_json::from_slice(&text)?;
        match hand_in.schema.as_str() {
            SCHEMA => Ok(hand_in),
            other => Err(HandInError::Schema(other.to_owned())),
        }
    }

    /// Writes the whole file.
    ///
    /// Errors: the file cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        files::write_whole(file, format!("{text}\n").as_bytes())
    }

    /// Records the result of an exercise. An exercise that was passed stays passed.
    pub fn note(&mut self, exercised: ExerciseResult) {
        match self.exercises.iter_mut().find(|before| before.exercise == exercised.exercise) {
            Some(before) if before.passed && !exercised.passed => {}
            Some(before) => *before = exercised,
            None => self.exercises.push(exercised),
        }
    }
}
