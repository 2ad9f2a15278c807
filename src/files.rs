//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Sets a file's name apart from those of others that are being written: by other processes and by this one.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Writes a file so that at every moment its name leads to all of the old content or to all of the new: to another name
/// in the same folder first, to the disk, and then by `rename` (POSIX: atomic). A full disk or a kill loses nothing
/// that was there.
///
/// Errors: what the system says; the file is as it was then.
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
            // The one that matters is the first error.
            let _removed = fs::remove_file(&temporary);
        }
        filled
    });
    written.map_err(|error| match error.kind() == io::ErrorKind::AlreadyExists {
        // Of a new file the system names no path.
        true => io::Error::new(error.kind(), format!("{} is in the way", temporary.display())),
        false => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        write_whole(&file, b"first").unwrap();
        write_whole(&file, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        // A folder cannot be replaced by a file: the last step fails, with everything before it done.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(write_whole(&taken, b"x").is_err());
        assert!(taken.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
        assert!(write_whole(Path::new("/"), b"x").is_err());
    }
}
