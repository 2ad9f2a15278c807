//! The exercises: what each asks for, its hint, and where its starters are.

use serde::{Deserialize, Serialize};

/// A language in which there are starters. A student's own program may be in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Language {
    /// Python 3, its standard library.
    Python,
    /// JavaScript for node, its standard library; `ws` where a server is asked for.
    Javascript,
    /// Rust, its standard library and one file beside it: compiled by `rustc` alone, in a second, without a network.
    Rust,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Python, Self::Javascript, Self::Rust];

    /// What its files end with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Python => "py",
            Self::Javascript => "js",
            Self::Rust => "rs",
        }
    }

    /// As in flags.
    pub fn label(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::Rust => "rust",
        }
    }
}

macro_rules! exercises {
    ($( $variant:ident $name:literal lesson $lesson:literal [$py:literal $js:literal $rs:literal]: $task:literal, hint $hint:literal; )+) => {
        /// An exercise. Each is in `exercises/NAME`, with its task in `task.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Exercise {
            $(
                #[doc = $task]
                #[serde(rename = $name)]
                $variant,
            )+
        }

        impl Exercise {
            /// All of them, in the order of their lessons.
            pub const ALL: &[Self] = &[$( Self::$variant ),+];

            /// As on the command line.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),+ }
            }

            /// Which lesson it belongs to.
            pub fn lesson(self) -> u32 {
                match self { $( Self::$variant => $lesson ),+ }
            }

            /// What is to be written, in one sentence.
            pub fn task(self) -> &'static str {
                match self { $( Self::$variant => $task ),+ }
            }

            /// One step further.
            pub fn hint(self) -> &'static str {
                match self { $( Self::$variant => $hint ),+ }
            }

            /// What a student begins with.
            pub fn starter(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (Self::$variant, Language::Python) => include_str!(concat!("../../exercises/", $name, "/", $py)),
                    (Self::$variant, Language::Javascript) => include_str!(concat!("../../exercises/", $name, "/", $js)),
                    (Self::$variant, Language::Rust) => include_str!(concat!("../../exercises/", $name, "/", $rs)),
                )+ }
            }

            /// The whole task.
            pub fn text(self) -> &'static str {
                match self { $( Self::$variant => include_str!(concat!("../../exercises/", $name, "/task.md")) ),+ }
            }
        }
    };
}

exercises! {
    Poller "poller" lesson 1 ["starter.py" "starter.js" "starter.rs"]:
        "Ask at an interval, and print each update once",
        hint "Keep the `cursor` of each answer and ask `after=` it. The next poll is due an interval after the last was due, not \
              after its answer came: due += interval.";
    LongPoller "long-poller" lesson 3 ["starter.py" "starter.js" "starter.rs"]:
        "Keep one request parked, and lose nothing while none is",
        hint "What is published between two requests is answered at once to the next one, if that asks after your cursor. Read an \
              answer whole before you print any of it; when it breaks off, ask again with the cursor that you had.";
    Resume "resume" lesson 7 ["starter.py" "starter.js" "starter.rs"]:
        "Survive cuts, silence, a restart and eviction, over any transport",
        hint "Move the cursor with each update or gap that you print, and never before. Reconnect in a loop around everything, with a \
              read timeout of LAB_SILENCE_MS; a gap is a line of its own: {\"gap\":{…}}.";
}

impl Exercise {
    /// The exercise of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|exercise| exercise.name() == name)
    }

    /// The files that a student begins with: names and contents.
    pub fn starter_files(self, language: Language) -> Vec<(String, &'static str)> {
        let name = self.name();
        let program = (format!("{name}.{}", language.ending()), self.starter(language));
        let mut files = vec![program, ("task.md".to_owned(), self.text())];
        if language == Language::Rust {
            files.push(("lab.rs".to_owned(), RUST_LAB));
        }
        files
    }
}

/// What Rust's standard library lacks for the exercises: one file without dependencies.
const RUST_LAB: &str = include_str!("../../exercises/lab.rs");
