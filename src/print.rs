//! Printing for people, when nobody may be reading any more.
//!
//! A program in a pipe (`… | head -1`) finds the pipe closed when its reader has had enough. That is no failure: what is
//! printed after it is dropped, the work goes on (a run still writes its report), and the exit code says what became of
//! it. Ending at once by SIGPIPE, as small tools do, would be wrong here: a server writes to sockets that clients
//! close at any time, and a run would be lost because somebody looked at its first line.

use std::io::{self, Write};

/// Prints to standard output.
///
/// Errors: what the system says, except that nobody reads any more.
pub fn out(text: &str) -> io::Result<()> {
    reached(text, io::stdout().lock()).map(drop)
}

/// Prints to standard output; false if nobody reads it any more.
///
/// Errors: what the system says otherwise.
pub fn reached(text: &str, mut to: impl Write) -> io::Result<bool> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prints a line to standard error. Where that cannot be, there is nowhere left to say so.
pub fn err(line: &str) {
    let _nowhere_left = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(reached("one\n", &writer).unwrap());
        drop(reader);
        assert!(!reached("two\n", &writer).unwrap());
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(reached("three\n", full).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
