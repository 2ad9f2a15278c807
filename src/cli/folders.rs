//! The folders of runs: which folder is a run's, which list of runs may be written, and a new folder for a run.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::print;
use crate::report::html;

/// The file that marks a folder as a run's.
pub const RUN_FILE: &str = "run.json";
/// Maximum number of runs of one scenario that start in the same second.
const SAME_SECOND_MAX: u32 = 100;

/// The folder of a run, given that folder or the `run.json` in it.
///
/// Errors: a file of another name, whose folder may not be a run's.
pub fn folder_of(named: &Path) -> anyhow::Result<PathBuf> {
    if named.is_dir() {
        return Ok(named.to_owned());
    }
    if named.file_name().is_none_or(|name| name != RUN_FILE) {
        bail!(
            "{} is not named {RUN_FILE}, so its folder may not be a run's; \
             move it to a folder of its own under that name",
            named.display()
        );
    }
    let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).to_owned())
}

/// The folder of a run that is about to start. It is always a new one, so no existing file is touched.
#[derive(Debug)]
pub struct NewFolder {
    /// `reports/20261122-181300-quick`.
    pub path: PathBuf,
    /// The folder of runs, if it did not exist before.
    made: Option<PathBuf>,
}

impl NewFolder {
    /// Creates it, and the folder of runs if there is none.
    ///
    /// Errors: it cannot be created or written to, and what to do.
    pub fn make(out: &Path, scenario: &str) -> anyhow::Result<Self> {
        let made = (!out.exists()).then(|| out.to_owned());
        let attempt = std::fs::create_dir_all(out).and_then(|()| unused(out, scenario)).and_then(|path| {
            let folder = Self { path, made };
            let probe = folder.path.join(RUN_FILE);
            match std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)) {
                Ok(()) => Ok(folder),
                Err(error) => {
                    folder.remove();
                    Err(error)
                }
            }
        });
        attempt.with_context(|| format!("cannot write to {}; choose another folder with --out", out.display()))
    }

    /// Removes what was created, if it is empty: an empty folder would look like a run.
    pub fn remove(&self) {
        for folder in [Some(&self.path), self.made.as_ref()].into_iter().flatten() {
            let _in_use = std::fs::remove_dir(folder);
        }
    }
}

/// Creates a folder with the time and the scenario in its name.
fn unused(out: &Path, scenario: &str) -> io::Result<PathBuf> {
    let name = format!("{}-{scenario}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let mut folder = out.join(&name);
    for number in 2..SAME_SECOND_MAX {
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder = out.join(format!("{name}-{number}")),
            made => return made.map(|()| folder),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Which list of runs to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// In the folder given for runs: create the list if there is none.
    New,
    /// Next to a run that was named: only update an existing list.
    Kept,
}

/// Writes the list of the runs in `folder`. A run's report does not need it, so a failure is only a note.
pub fn write_list(folder: &Path, which: List) {
    if which == List::Kept && !html::has_index(folder) {
        return;
    }
    if let Err(error) = html::write_index(folder) {
        print::err(&format!("note: cannot write the list of runs: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_folder_or_by_the_file_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(folder_of(folder.path()).unwrap(), folder.path());
        assert_eq!(folder_of(Path::new("run.json")).unwrap(), Path::new("."));
        assert_eq!(folder_of(Path::new("a/run.json")).unwrap(), Path::new("a"));
        assert!(folder_of(Path::new("a/other.json")).is_err());
    }

    #[test]
    fn two_runs_of_the_same_second_have_a_folder_each() {
        let out = tempfile::tempdir().unwrap();
        let folders = [(); 3].map(|()| NewFolder::make(out.path(), "quick").unwrap());
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 3);
        folders.iter().for_each(NewFolder::remove);
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0, "and what was there before is still there");
        let inner = out.path().join("made");
        NewFolder::make(&inner, "quick").unwrap().remove();
        assert!(!inner.exists());
    }
}
