//! Finds target files by name: the bundled ones of `targets/`, and the user's own by path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::description::{self, Description};
use crate::limits;
use crate::run::target_name::TargetName;
use crate::suggest;

/// A bundled target file.
struct Bundled {
    name: &'static str,
    text: &'static str,
    /// The accompanying files that it names.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! bundled {
    ($($name:literal $(with $($file:literal),+)?;)+) => {
        &[$(Bundled {
            name: $name,
            text: include_str!(concat!("../../../targets/", $name, ".toml")),
            files: &[$($(($file, include_str!(concat!("../../../targets/", $file)))),+)?],
        }),+]
    };
}

const BUNDLED: &[Bundled] = bundled! {
    "pushpull";
    "textbook_axum";
    "nchan" with "nchan.conf";
    "nginx_static" with "nginx_static.conf";
    "socketio" with "socketio.cjs";
    "ws" with "ws.cjs";
    "websockets" with "websockets_server.py";
    "sse_starlette" with "sse_starlette_server.py";
    "mercure";
    "centrifugo";
};

/// The names of the bundled target files.
pub fn names() -> Vec<&'static str> {
    BUNDLED.iter().map(|one| one.name).collect()
}

/// Why a target file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No target has this name.
    #[error("there is no target `{name}`; {}", known(name))]
    Unknown {
        /// As given.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the target file {file}: {source}")]
    Read {
        /// As given.
        file: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file has a value that is not possible.
    #[error("target file {file}: {source}")]
    Parse {
        /// As given.
        file: String,
        /// The line, and what is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// The parts of the file contradict each other.
    #[error("target file {file}: {problem}")]
    Impossible {
        /// As given.
        file: String,
        /// Why.
        problem: String,
    },
    /// A required environment variable is not set.
    #[error("target {file} needs {names} in the environment; set it, as in `export {first}=…`")]
    Environment {
        /// As given.
        file: String,
        /// The variables.
        names: String,
        /// The first of them.
        first: String,
    },
}

impl CatalogError {
    /// Is the request at fault, and not the machine?
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Parse { .. } | Self::Impossible { .. } | Self::Environment { .. } => true,
            Self::Read { .. } => false,
        }
    }
}

fn known(name: &str) -> String {
    match suggest::nearest(name, &names()) {
        Some(near) => format!("did you mean `{near}`? `loadgen targets` lists all"),
        None => format!("use one of {}, or the path of a .toml file", names().join(", ")),
    }
}

/// A description, its name, and the location of the files that it names.
#[derive(Clone)]
pub struct CatalogEntry {
    /// The target's name in a run: the file's name without its extension.
    pub name: TargetName,
    /// The content of the file.
    pub description: Arc<Description>,
    /// The folder of the file; empty for a bundled one.
    pub dir: PathBuf,
    files: Option<&'static [(&'static str, &'static str)]>,
    needed: BTreeSet<String>,
    named: BTreeSet<String>,
}

impl fmt::Debug for CatalogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CatalogEntry({})", self.name)
    }
}

impl CatalogEntry {
    /// Loads the description of this name, or at this path.
    ///
    /// Errors: [`CatalogError`], with the line where there is one.
    pub fn load(given: TargetName) -> Result<Self, CatalogError> {
        let file = given.as_str();
        let is_path = file.contains('/') || file.to_ascii_lowercase().ends_with(".toml");
        if !is_path {
            let entry = BUNDLED.iter().find(|one| one.name == file);
            let one = entry.ok_or_else(|| CatalogError::Unknown { name: file.to_owned() })?;
            return Self::read(one.name, file, one.text, PathBuf::new(), Some(one.files));
        }
        let read = |source| CatalogError::Read { file: file.to_owned(), source };
        let path = Path::new(file);
        let length = std::fs::metadata(path).map_err(read)?.len();
        if length > limits::TARGET_FILE_BYTES_MAX {
            let problem = format!("it has {length} bytes; {} are allowed", limits::TARGET_FILE_BYTES_MAX);
            return Err(CatalogError::Impossible { file: file.to_owned(), problem });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        let dir = if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir };
        Self::read(&stem, file, &text, dir, None)
    }

    fn read(
        name: &str,
        file: &str,
        text: &str,
        dir: PathBuf,
        files: Option<&'static [(&'static str, &'static str)]>,
    ) -> Result<Self, CatalogError> {
        let parse = |error| CatalogError::Parse { file: file.to_owned(), source: Box::new(error) };
        let impossible = |problem| CatalogError::Impossible { file: file.to_owned(), problem };
        let description: Description = toml::from_str(text).map_err(parse)?;
        if let Some(problem) = description.problem() {
            return Err(impossible(problem));
        }
        let all: toml::Table = toml::from_str(text).map_err(parse)?;
        let (needed, named) = description::environment(&toml::Value::Table(all));
        // The name is followed by a dot in conditions.
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(is_name) || name == "none" {
            let problem =
                "a target is named after its file; use letters, digits, - and _ in the file name, as in mine.toml";
            return Err(impossible(problem.to_owned()));
        }
        let name = TargetName::new(name).map_err(|error| impossible(error.to_string()))?;
        Ok(Self { name, description: Arc::new(description), dir, files, needed, named })
    }

    /// Errors: [`CatalogError::Environment`] if a required variable is not set.
    pub fn check_environment(&self) -> Result<(), CatalogError> {
        let missing: Vec<&str> =
            self.needed.iter().map(String::as_str).filter(|name| std::env::var_os(name).is_none()).collect();
        match missing.first() {
            None => Ok(()),
            Some(first) => Err(CatalogError::Environment {
                file: self.name.to_string(),
                names: missing.join(", "),
                first: (*first).to_owned(),
            }),
        }
    }

    /// The environment variables that it names. Their values must not be printed.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }

    /// The text of an accompanying file.
    pub fn file(&self, name: &str) -> std::io::Result<String> {
        let Some(files) = self.files else { return std::fs::read_to_string(self.dir.join(name)) };
        let entry = files.iter().find(|(known, _)| *known == name);
        entry.map(|(_, text)| (*text).to_owned()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

/// Descriptions by target name.
pub type Catalog = BTreeMap<TargetName, CatalogEntry>;

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<CatalogEntry, CatalogError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        CatalogEntry::load(TargetName::new(path.to_str().unwrap()).unwrap())
    }

    const LEAST: &str = "about = 'a'\nbase = 'http://127.0.0.1:1'\n[sse]\nurl = '{base}/events'\n";

    #[test]
    fn every_bundled_target_can_be_parsed_and_has_the_files_that_it_names() {
        for name in names() {
            let entry =
                CatalogEntry::load(TargetName::new(name).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(entry.name.as_str(), name);
            if let Some(start) = &entry.description.start {
                let mut files = start.files.values().chain(start.fill.values());
                assert!(files.all(|file| entry.file(file).is_ok()), "{name}");
                assert!(!start.install.is_empty(), "{name} does not say how to install it");
            }
        }
    }

    #[test]
    fn a_target_is_named_after_its_file() {
        assert_eq!(load(LEAST).unwrap().name.as_str(), "mine");
    }

    #[test]
    fn an_error_in_a_target_file_names_its_line() {
        for (text, line) in [
            ("about = 'a'\nbse = 'x'", "line 2"),
            ("about = 'a'\nbase = '{bas}'", "line 2"),
            ("about = 'a'\nbase = 'x'\n[sse]\nurl = 'x'\n[sse.message]\njson = 'a..b'", "line 6"),
            ("about = 'a'\nbase = 'x'\n[polling]\nurl = 'x'\ncursor = { a = 'Etag' }", "line 5"),
            ("about = 'a'\nbase = 'x'\n[websocket]\nurl = 'x'\nhandshake = [{ say = '1' }]", "line 5"),
        ] {
            let said = load(text).unwrap_err();
            assert!(matches!(said, CatalogError::Parse { .. }) && said.to_string().contains(line), "{text}: {said}");
        }
        for text in [
            "about = 'a'\nbase = 'x'".to_owned(),
            format!("{LEAST}[publish]"),
            format!("timestamp = '$.ts'\n{LEAST}[publish.http]\nurl = 'x'"),
            format!("{LEAST}[start]\ncommand = []"),
        ] {
            assert!(matches!(load(&text), Err(CatalogError::Impossible { .. })), "{text}");
        }
        let near = CatalogEntry::load(TargetName::new("nchn").unwrap()).unwrap_err();
        assert!(matches!(&near, CatalogError::Unknown { .. }) && near.to_string().contains("nchan"), "{near}");
        let file = CatalogEntry::load(TargetName::new("no/such.toml").unwrap()).unwrap_err();
        assert!(matches!(file, CatalogError::Read { .. }), "{file}");
    }

    #[test]
    fn an_unset_variable_is_reported_and_one_with_a_default_is_not_required() {
        let text = format!("{LEAST}headers = {{ A = '${{NOT_SET_ANYWHERE}}', B = '${{NOT_SET_EITHER:-b}}' }}");
        let entry = load(&text).unwrap();
        let Err(CatalogError::Environment { names, .. }) = entry.check_environment() else { panic!("{entry:?}") };
        assert_eq!(names, "NOT_SET_ANYWHERE");
        let path = load(&format!("{LEAST}headers = {{ A = '${{PATH}}' }}")).unwrap();
        assert!(path.check_environment().is_ok());
        assert_eq!(path.variables().collect::<Vec<_>>(), ["PATH"]);
    }
}
