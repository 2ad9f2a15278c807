//! Makes a table of a folder of hand-ins: one row for each student.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::exercise::Exercise;
use super::hand_in::{Answer, ExerciseResult, Guess, HandIn, HandInError};
use crate::limits;

/// The hand-ins of a class.
#[derive(Debug, Default)]
pub struct Grades {
    /// By name.
    students: BTreeMap<String, Student>,
    /// Files that are left out, with the reason.
    pub left_out: Vec<(PathBuf, HandInError)>,
}

/// The hand-ins of one student, from one file or several.
#[derive(Debug, Default)]
struct Student {
    guesses: BTreeMap<String, Guess>,
    answers: BTreeMap<String, Answer>,
    exercises: BTreeMap<String, ExerciseResult>,
}

impl Grades {
    /// Reads every `.json` in a folder, in the order of the file names. Files with the same student's name are merged:
    /// the earliest guess and the earliest answer count, and an exercise counts as passed if one file says so.
    ///
    /// Errors: the folder cannot be read.
    pub fn read(folder: &Path) -> std::io::Result<Self> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        let mut grades = Self::default();
        for file in files {
            match HandIn::read(&file) {
                Ok(hand_in) => grades.add(&file, hand_in),
                Err(error) => grades.left_out.push((file, error)),
            }
        }
        Ok(grades)
    }

    fn add(&mut self, file: &Path, hand_in: HandIn) {
        let name = printable(&hand_in.name);
        // A student without a name is identified by the file.
        let name =
            if name.is_empty() { file.file_stem().unwrap_or_default().to_string_lossy().into_owned() } else { name };
        let student = self.students.entry(name).or_default();
        for guess in hand_in.guesses {
            let before = student.guesses.entry(guess.lab.clone()).or_insert_with(|| guess.clone());
            if guess.at < before.at {
                *before = guess;
            }
        }
        for answer in hand_in.checks {
            let before = student.answers.entry(answer.check.clone()).or_insert_with(|| answer.clone());
            if answer.at < before.at {
                *before = answer;
            }
        }
        for exercised in hand_in.exercises {
            let before = student.exercises.entry(exercised.exercise.clone()).or_insert_with(|| exercised.clone());
            if !before.passed {
                *before = exercised;
            }
        }
    }

    /// The number of students.
    pub fn len(&self) -> usize {
        self.students.len()
    }

    /// Is there no student?
    pub fn is_empty(&self) -> bool {
        self.students.is_empty()
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        let width = self.students.keys().map(|name| name.chars().count()).max().unwrap_or(0).max("student".len());
        let mut text = format!(
            "{:<width$}  {:>12}  {:>12}  {:>10}  not yet\n",
            "student", "guesses near", "answers right", "exercises"
        );
        for (name, student) in &self.students {
            let near = student.guesses.values().filter(|guess| guess.is_near()).count();
            let right = student.answers.values().filter(|answer| answer.right).count();
            let passed = Exercise::ALL.iter().filter(|exercise| student.has_passed(**exercise)).count();
            let open: Vec<String> =
                student.exercises.values().filter(|one| !one.passed).map(|one| printable(&one.exercise)).collect();
            text += &format!(
                "{name:<width$}  {:>12}  {:>13}  {:>10}  {}\n",
                format!("{near} of {}", student.guesses.len()),
                format!("{right} of {}", student.answers.len()),
                format!("{passed} of {}", Exercise::ALL.len()),
                open.join(", ")
            );
        }
        text + self.worst_questions().as_str()
    }

    /// The questions with the fewest right answers, the worst first.
    fn worst_questions(&self) -> String {
        let mut shares: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for answer in self.students.values().flat_map(|student| student.answers.values()) {
            let (right, of) = shares.entry(&answer.check).or_default();
            *right += usize::from(answer.right);
            *of += 1;
        }
        let mut shares: Vec<_> = shares.into_iter().filter(|(_, (right, of))| right < of).collect();
        // right / of, compared without a division.
        shares.sort_by(|(_, (a, of_a)), (_, (b, of_b))| (a * of_b).cmp(&(b * of_a)));
        shares.truncate(limits::GRADE_QUESTIONS_SHOWN);
        let lines =
            shares.iter().map(|(check, (right, of))| format!("  {:<40} right: {right} of {of}\n", printable(check)));
        match lines.collect::<String>() {
            none if none.is_empty() => none,
            lines => format!("\nhardest questions\n{lines}"),
        }
    }

    /// The table for a spreadsheet: a row for each student; two columns for each lab (guessed, measured), one for each
    /// question (1 or 0) and one for each exercise.
    ///
    /// Errors: those of the CSV writer.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let each =
            |of: fn(&Student) -> Vec<&String>| -> BTreeSet<&String> { self.students.values().flat_map(of).collect() };
        let labs = each(|student| student.guesses.keys().collect());
        let questions = each(|student| student.answers.keys().collect());
        let mut header = vec!["student".to_owned()];
        for lab in &labs {
            header.extend(["guessed", "measured"].map(|what| harmless(&format!("{lab}: {what}"))));
        }
        header.extend(questions.iter().map(|question| harmless(question)));
        header.extend(Exercise::ALL.iter().map(|exercise| exercise.name().to_owned()));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&header)?;
        for (name, student) in &self.students {
            let mut row = vec![harmless(name)];
            for lab in &labs {
                let guess = student.guesses.get(*lab);
                row.push(guess.map_or_else(String::new, |guess| guess.guess.to_string()));
                row.push(guess.map_or_else(String::new, |guess| guess.measured.to_string()));
            }
            for question in &questions {
                row.push(
                    student
                        .answers
                        .get(*question)
                        .map_or_else(String::new, |answer| u8::from(answer.right).to_string()),
                );
            }
            row.extend(Exercise::ALL.iter().map(|exercise| student.word(*exercise)));
            writer.write_record(&row)?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

impl Student {
    fn has_passed(&self, exercise: Exercise) -> bool {
        self.exercises.get(exercise.name()).is_some_and(|one| one.passed)
    }

    fn word(&self, exercise: Exercise) -> String {
        match self.exercises.get(exercise.name()) {
            None => String::new(),
            Some(ExerciseResult { passed: true, .. }) => "passed".to_owned(),
            Some(ExerciseResult { checks, .. }) => format!("not yet ({} hold)", checks.unwrap_or(0)),
        }
    }
}

/// A short text without control characters, safe to print to a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(limits::HAND_IN_NAME_CHARACTERS)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A text that no spreadsheet takes for a formula (OWASP, "CSV Injection").
fn harmless(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}
