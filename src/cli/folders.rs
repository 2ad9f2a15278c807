//! Where runs are: which folder is a run's, which list of runs may be written, and a new folder for a run.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::print;
use crate::report::html;

/// The one file by which a folder is known for a run's.
pub const RUN_FILE: &str = "run.json";
/// Runs of one scenario that may begin in the same second.
const SAME_SECOND_MAX: u32 = 100;

/// The folder of a run, which is named by it or by the `run.json` in it.
///
/// Errors: a file of another name is in a folder of which nothing is known.
pub fn folder_of(named: &Path) -> anyhow::Result<PathBuf> {
    if named.is_dir() {
        return Ok(named.to_owned());
    }
    if named.file_name().is_none_or(|name| name != RUN_FILE) {
        bail!(
            "{} is not named {RUN_FILE}, so its folder is not known to be a run's; put it into a folder of its own under that \
             name",
            named.display()
        );
    }
    let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).to_owned())
}

/// `reports/20261122-181300-quick`, made new, so that nothing that was there is touched.
///
/// Errors: that it cannot be made or written to, and what to do.
pub fn new_run_folder(out: &Path, scenario: &str) -> anyhow::Result<PathBuf> {
    let make = || {
        std::fs::create_dir_all(out)?;
        let name = format!("{}-{scenario}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
        let mut folder = out.join(&name);
        for number in 2..SAME_SECOND_MAX {
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    folder = out.join(format!("{name}-{number}"));
                }
                made => return made.map(|()| folder),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    };
    let can_be_written = |folder: &Path| {
        let probe = folder.join(RUN_FILE);
        std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe))
    };
    let attempt = make().and_then(|folder| match can_be_written(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => {
            let _left = std::fs::remove_dir(&folder);
            Err(error)
        }
    });
    attempt.with_context(|| format!("cannot write to {}; choose another folder with --out", out.display()))
}

/// Which lists of runs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// In the folder that was named for runs: one may be begun there.
    New,
    /// Beside a run that was named: only one that is there already.
    Kept,
}

/// Writes the list of the runs in `folder` if it is ours to write. A run has its report without it: whatever is in the way
/// is a note.
pub fn write_list(folder: &Path, which: List) {
    if which == List::Kept && !html::has_index(folder) {
        return;
    }
    if let Err(error) = html::write_index(folder) {
        print::err(&format!("note: no list of the runs was written: {error}"));
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
        let folders = [(); 3].map(|()| new_run_folder(out.path(), "quick").unwrap());
        assert!(folders.iter().all(|folder| folder.is_dir()));
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 3);
    }
}
