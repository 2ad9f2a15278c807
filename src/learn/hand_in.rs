//! What a student hands in (`schema/hand-in.schema.json`): guesses, answers and notes from the pages, and exercises from
//! `loadgen learn check`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::limits;

/// The name and version of the format.
pub const SCHEMA: &str = "pushpull.hand-in/1";

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandIn {
    /// [`SCHEMA`].
    pub schema: String,
    /// What the student calls themself.
    pub name: String,
    /// When it was made.
    pub made_at: String,
    /// What was guessed and measured.
    pub guesses: Vec<Guess>,
    /// Questions with options.
    pub checks: Vec<Answer>,
    /// What was written.
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
    /// Of the figures.
    pub unit: String,
    /// What was guessed.
    pub guess: f64,
    /// What the run measured.
    pub measured: f64,
    /// What the formula says.
    pub theory: f64,
    /// How often it was run.
    pub runs: u64,
    /// When first.
    pub at: String,
}

impl Guess {
    /// Was it within a quarter of what was measured?
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
    /// Which option.
    pub answer: u64,
    /// Was it right?
    pub right: bool,
    /// When.
    pub at: String,
}

/// Something written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The lab or the question.
    pub about: String,
    /// Its lesson.
    pub lesson: u32,
    /// The words.
    pub text: String,
}

/// An exercise as it was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExerciseResult {
    /// Its name.
    pub exercise: String,
    /// All of it holds.
    pub passed: bool,
    /// Stages that hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<u64>,
    /// Stages that there are, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// The first thing that was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_wrong: Option<String>,
    /// When.
    pub at: String,
}

/// Why a file is none.
#[derive(Debug, thiserror::Error)]
pub enum HandInError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is larger than any course.
    #[error("it is larger than {} B", limits::HAND_IN_BYTES_MAX)]
    TooLarge,
    /// It is something else.
    #[error("it is not what a student hands in: {0}")]
    Format(#[from] serde_json::Error),
    /// It is of another version.
    #[error("its schema is `{0}`, and not {SCHEMA}")]
    Schema(String),
}

impl HandIn {
    /// An empty one.
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

    /// Reads one.
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

    /// Writes it whole.
    ///
    /// Errors: what the system says.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        files::write_whole(file, format!("{text}\n").as_bytes())
    }

    /// Notes an exercise; what was passed once stays passed.
    pub fn note(&mut self, exercised: ExerciseResult) {
        match self.exercises.iter_mut().find(|before| before.exercise == exercised.exercise) {
            Some(before) if before.passed && !exercised.passed => {}
            Some(before) => *before = exercised,
            None => self.exercises.push(exercised),
        }
    }
}
