//! The exercises: what each asks for, its hint, and where its starters are.

use serde::{Deserialize, Serialize};

/// A language in which there are starters. A student's own program may be in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Language {
    /// Python 3, its standard library.
    Python,
    /// JavaScript for node, its standard library; `ws` where the exercise is a server.
    Javascript,
    /// Rust, its standard library and one more file: compiled by `rustc` alone, in a second, without a network.
    Rust,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Python, Self::Javascript, Self::Rust];

    /// The extension of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Python => "py",
            Self::Javascript => "js",
            Self::Rust => "rs",
        }
    }

    /// Its name in flags.
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

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),+ }
            }

            /// The number of the lesson that it belongs to.
            pub fn lesson(self) -> u32 {
                match self { $( Self::$variant => $lesson ),+ }
            }

            /// The task in one sentence.
            pub fn task(self) -> &'static str {
                match self { $( Self::$variant => $task ),+ }
            }

            /// A hint for a student who is stuck.
            pub fn hint(self) -> &'static str {
                match self { $( Self::$variant => $hint ),+ }
            }

            /// The program that a student begins with.
            pub fn starter(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (Self::$variant, Language::Python) => include_str!(concat!("../../exercises/", $name, "/", $py)),
                    (Self::$variant, Language::Javascript) => include_str!(concat!("../../exercises/", $name, "/", $js)),
                    (Self::$variant, Language::Rust) => include_str!(concat!("../../exercises/", $name, "/", $rs)),
                )+ }
            }

            /// The whole task, in Markdown.
            pub fn text(self) -> &'static str {
                match self { $( Self::$variant => include_str!(concat!("../../exercises/", $name, "/task.md")) ),+ }
            }
        }
    };
}

exercises! {
    Poller "poller" lesson 1 ["starter.py" "starter.js" "starter.rs"]:
        "Ask at an interval, and print each update once",
        hint "Keep the `cursor` of each answer, and send it as `after=` with the next poll. The next poll is due one \
              interval after the last was due, not after its answer came: due += interval.";
    Staleness "staleness" lesson 2 ["starter.py" "starter.js" "starter.rs"]:
        "Work out from a trace how late updates were, and how old",
        hint "Put everything that happens (an update is due, an update arrives) into one list sorted by time. Walk \
              through it, and add up the area under the age between two events: length times (age at its start + half \
              the length).";
    LongPoller "long-poller" lesson 3 ["starter.py" "starter.js" "starter.rs"]:
        "Keep one request parked, and lose nothing while none is",
        hint "Updates that are published between two requests come at once with the next one, if it asks after your \
              cursor. Read the whole answer before you print any of it. If it breaks off, ask again with the cursor \
              that you had.";
    Frames "frames" lesson 4 ["starter.py" "starter.js" "starter.rs"]:
        "Write and read the bytes around a payload: frames, chunks, heads",
        hint "The second byte has the mask bit and seven bits of length. Up to 125 they are the length itself; 126 \
              means that the length follows in two bytes, 127 in eight, most significant byte first. A chunk's size is \
              hexadecimal. CR LF follow both the size and the data.";
    SseParser "sse-parser" lesson 5 ["starter.py" "starter.js" "starter.rs"]:
        "Turn the bytes of an event stream into events, however they are split",
        hint "Keep bytes until a line is complete, and decode whole lines, not pieces. A CR at the end of a piece may \
              be half of a line's end: remember it, and skip an LF that follows.";
    Echo "echo" lesson 6 ["starter.py" "starter.js" "starter.rs"]:
        "Write a WebSocket server for text, JSON and binary",
        hint "A message is one frame or several: collect frames until FIN, and answer a ping that comes in between. \
              The opcode of the first frame says whether the message is text or binary (in ws: the second argument, \
              isBinary).";
    Chat "chat" lesson 6 ["starter.py" "starter.js" "starter.rs"]:
        "Pass each message on to all clients, once and in order",
        hint "Keep a set of all clients. Add each after its handshake, and remove it however its connection ends. Send \
              each message as the kind that it was: text as text.";
    Resume "resume" lesson 7 ["starter.py" "starter.js" "starter.rs"]:
        "Survive cuts, silence, a restart and eviction, over any transport",
        hint "Move the cursor with each update or gap that you print, and never before. Put everything into a loop \
              that reconnects, with a read timeout of LAB_SILENCE_MS. A gap is a line of its own: {\"gap\":{…}}.";
    Heartbeat "heartbeat" lesson 8 ["starter.py" "starter.js" "starter.rs"]:
        "Distinguish a dead line from a slow one, and fall back if a proxy holds everything back",
        hint "A read timeout of two intervals is all you need: each byte starts it again. A stream that is silent from \
              the beginning is not dead but held back: change to long polling with the same cursor.";
    Conflate "conflate" lesson 9 ["starter.py" "starter.js" "starter.rs"]:
        "Show the newest of a stream that is faster than you",
        hint "Use two tasks with one variable between them. The reader replaces the update that waits there with each \
              newer one; the other task takes it out and shows it.";
    YourCase "your-case" lesson 10 ["starter.toml" "starter.toml" "starter.toml"]:
        "A scenario of your own, whose thresholds decide between two transports",
        hint "Ask what a user would notice: how late in the worst case (latency_ns.p99), how many bytes \
              (wire_bytes_per_delivery.total), how many requests (requests_per_delivery). Choose a bound between the \
              figures of the two transports.";
}

impl Exercise {
    /// The exercise of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|exercise| exercise.name() == name)
    }

    /// Is a program checked, and not a file?
    pub fn is_program(self) -> bool {
        self != Self::YourCase
    }

    /// The name of the student's file.
    pub fn file_name(self, language: Language) -> String {
        format!("{}.{}", self.name(), if self.is_program() { language.ending() } else { "toml" })
    }

    /// The files that a student begins with: names and contents.
    pub fn starter_files(self, language: Language) -> Vec<(String, &'static str)> {
        let program = (self.file_name(language), self.starter(language));
        let mut files = vec![program, ("task.md".to_owned(), self.text())];
        if language == Language::Rust && self.is_program() {
            files.push(("lab.rs".to_owned(), RUST_LAB));
        }
        files
    }
}

/// What Rust's standard library lacks for the exercises, in one file without dependencies.
const RUST_LAB: &str = include_str!("../../exercises/lab.rs");
