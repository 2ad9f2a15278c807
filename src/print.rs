//! Printing to standard output and standard error, tolerating a closed pipe.
//!
//! In a pipeline (`… | head -1`), the reader may close the pipe early. That is not an error: later output is dropped,
//! the work continues (a run still writes its report), and the exit code gives the result. Ending by SIGPIPE, as small
//! tools do, would be wrong here: a server writes to sockets that clients close at any time, and a run would be lost
//! because somebody looked at its first line.

use std::io::{self, Write};

/// Prints to standard output.
///
/// Errors: those of the system, except a closed pipe.
pub fn out(text: &str) -> io::Result<()> {
    reached(text, io::stdout().lock()).map(drop)
}

/// Writes to `to`; returns false if the pipe is closed.
///
/// Errors: all other errors of the system.
pub fn reached(text: &str, mut to: impl Write) -> io::Result<bool> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prints a line to standard error. A failure is ignored, since it could not be reported anywhere.
pub fn err(line: &str) {
    let _nowhere_left = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_not_an_error_and_a_full_disk_is_one() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(reached("one\n", &writer).unwrap());
        drop(reader);
        assert!(!reached("two\n", &writer).unwrap());
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(reached("three\n", full).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
