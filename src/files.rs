//! Atomic writing of files.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes the names of temporary files unique within this process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Replaces a file atomically, so that its name always leads to all of the old content or all of the new: writes a
/// temporary file in the same folder, syncs it to the disk, and renames it (atomic in POSIX). A full disk or a kill
/// does not damage the old file.
///
/// Errors: those of the system; the file is then unchanged.
pub fn write_whole(file: &Path, content: &[u8]) -> io::Result<()> {
    let Some(name) = file.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a file's name", file.display())));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{}.tmp", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let temporary = file.with_file_name(temporary);
    let written = OpenOptions::new().write(true).create_new(true).open(&temporary).and_then(|mut open| {
        let filled = open.write_all(content).and_then(|()| open.sync_all()).and_then(|()| fs::rename(&temporary, file));
        if filled.is_err() {
            // Only the first error matters.
            let _removed = fs::remove_file(&temporary);
        }
        filled
    });
    written.map_err(|error| match error.kind() == io::ErrorKind::AlreadyExists {
        // The system's error for a new file does not name its path.
        true => io::Error::new(error.kind(), format!("{} is in the way", temporary.display())),
        false => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_no_temporary_file_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        write_whole(&file, b"first").unwrap();
        write_whole(&file, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_folder_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        // A folder cannot be replaced by a file, so the last step fails after all the others.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(write_whole(&taken, b"x").is_err());
        assert!(taken.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
        assert!(write_whole(Path::new("/"), b"x").is_err());
    }
}
