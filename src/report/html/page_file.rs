//! The HTML files of reports, and the mark by which they are recognised: no file of another program is replaced.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use maud::{Markup, html};

use crate::files;

/// The kind of an HTML page that this program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// One run.
    Run,
    /// The list of the runs in a folder.
    Runs,
    /// Two runs side by side.
    Comparison,
}

impl PageKind {
    /// The value of `generator` in the page's head (WHATWG HTML, "Standard metadata names").
    fn generator(self) -> &'static str {
        match self {
            Self::Run => "pushpull run",
            Self::Runs => "pushpull runs",
            Self::Comparison => "pushpull comparison",
        }
    }

    /// The mark that a page of this kind has in its head.
    pub fn mark(self) -> Markup {
        html! { meta name="generator" content=(self.generator()); }
    }

    /// True if this is the beginning of a page of this kind.
    fn is_of(self, head: &str) -> bool {
        head.contains(&self.mark().into_string())
    }

    /// Checks what exists at this path.
    ///
    /// Errors: those of the file system, if it cannot be read.
    pub fn find(self, file: &Path) -> io::Result<Found> {
        let mut open = match File::open(file) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        let mut head = Vec::new();
        if !open.metadata()?.is_file() {
            return Ok(Found::Foreign);
        }
        open.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        Ok(if self.is_of(&String::from_utf8_lossy(&head)) { Found::Ours } else { Found::Foreign })
    }

    /// Writes a page of this kind atomically, if the path is free or has an older page of the same kind.
    ///
    /// Errors: those of the file system, and one that wraps [`Foreign`] if the file belongs to another program.
    pub fn write(self, file: &Path, page: &str) -> io::Result<()> {
        match self.find(file)? {
            Found::Nothing | Found::Ours => files::write_whole(file, page.as_bytes()),
            Found::Foreign => Err(io::Error::new(io::ErrorKind::AlreadyExists, Foreign(file.display().to_string()))),
        }
    }
}

/// Length of the beginning of a file that is searched for the mark.
const HEAD_BYTES: u64 = 4096;

/// What exists at the path of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A page of the same kind, written by this program.
    Ours,
    /// Anything else.
    Foreign,
}

/// A file that loadgen did not write, and therefore does not replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign(String);

impl Foreign {
    /// True if this is the cause of an error.
    pub fn is_reason_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl std::error::Error for Foreign {}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not written by loadgen, and is left as it is; move it away, or use another folder", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_same_kind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("index.html");
        let page = |kind: PageKind| html! { head { (kind.mark()) } body {} }.into_string();
        assert_eq!(PageKind::Run.find(&file).unwrap(), Found::Nothing);
        PageKind::Run.write(&file, &page(PageKind::Run)).unwrap();
        PageKind::Run.write(&file, &page(PageKind::Run)).unwrap();
        for other in [PageKind::Runs, PageKind::Comparison] {
            let refused = other.write(&file, &page(other)).unwrap_err();
            assert!(Foreign::is_reason_of(&refused), "{refused}");
        }
        for text in ["", "<title>My page</title>", "<title>Runs · pushpull</title>", "<p>pushpull runs</p>"] {
            std::fs::write(&file, text).unwrap();
            for kind in [PageKind::Run, PageKind::Runs, PageKind::Comparison] {
                assert!(kind.write(&file, "new").is_err(), "{text}");
            }
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn a_folder_of_that_name_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(PageKind::Run.find(folder.path()).unwrap(), Found::Foreign);
    }
}
