//! The plan of one fault schedule, drawn from its seed before it runs.
//!
//! Faults are placed by byte count and connection, not by time, so that a seed repeats them on a busy machine too.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use pushpull::run::Transport;
use pushpull::stream::Bounds;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::value::RawValue;

/// The transport over which a schedule's client follows the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportChoice {
    /// Always this transport.
    Fixed(Transport),
    /// A different transport with each connection, with the same cursor.
    Moves,
}

impl TransportChoice {
    /// All five, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Fixed(Transport::Polling),
        Self::Fixed(Transport::LongPolling),
        Self::Fixed(Transport::Sse),
        Self::Fixed(Transport::WebSocket),
        Self::Moves,
    ];

    /// Its name in flags and tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fixed(transport) => transport.label(),
            Self::Moves => "moves",
        }
    }
}

impl fmt::Display for TransportChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl ValueEnum for TransportChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.label()))
    }
}

/// The faults of one connection. The default has none.
#[derive(Clone, Debug)]
pub struct ConnectionFaults {
    /// The transport spoken over it.
    pub via: Transport,
    /// Is the connection refused?
    pub is_refused: bool,
    /// From client to server.
    pub up: DirectionFaults,
    /// From server to client.
    pub down: DirectionFaults,
    /// How the network ends it, if it does.
    pub end: Option<End>,
    /// The most bytes that the client gets from one read.
    pub read_bytes_max: usize,
}

impl ConnectionFaults {
    /// A connection without faults.
    pub fn without_faults(via: Transport) -> Self {
        Self { via, ..Self::default() }
    }
}

impl Default for ConnectionFaults {
    fn default() -> Self {
        Self {
            via: Transport::Polling,
            is_refused: false,
            up: DirectionFaults::default(),
            down: DirectionFaults::default(),
            end: None,
            read_bytes_max: usize::MAX,
        }
    }
}

/// The faults of one direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct DirectionFaults {
    /// How bytes are split.
    pub pieces: Pieces,
    /// The delay between two pieces.
    pub delay: Option<Duration>,
    /// A stall: after how many bytes, and for how long nothing passes.
    pub stall: Option<(usize, Duration)>,
}

/// How bytes are split into pieces.
#[derive(Clone, Copy, Debug, Default)]
pub enum Pieces {
    /// Not at all.
    #[default]
    Whole,
    /// Into single bytes.
    Bytes,
    /// After the first few bytes, which splits a frame's header or a chunk's size, and in the middle of each UTF-8
    /// character.
    Awkward(usize),
    /// Into pieces of this size.
    Every(usize),
}

impl Pieces {
    /// The length of the first piece of `bytes`, at least 1.
    pub fn first(self, bytes: &[u8]) -> usize {
        /// The least piece of a long chunk: smaller ones would only take time.
        const PIECE_BYTES_MIN_OF_LONG: usize = 512;
        const LONG: usize = 2048;
        let wanted = match self {
            Self::Whole => bytes.len(),
            _ if bytes.len() > LONG => PIECE_BYTES_MIN_OF_LONG + 1,
            Self::Bytes => 1,
            Self::Every(size) => size,
            Self::Awkward(first) => {
                let inside = bytes.iter().skip(1).position(|byte| byte & 0b1100_0000 == 0b1000_0000);
                inside.map_or(first, |before| before + 1)
            }
        };
        wanted.clamp(1, bytes.len())
    }
}

/// How and when the network ends a connection.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The direction whose bytes are counted.
    pub direction: Direction,
    /// After how many bytes it ends.
    pub after_bytes: usize,
    /// The way in which it ends.
    pub ending: Ending,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// The way in which a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN on both sides.
    Cut,
    /// RST on both sides.
    Reset,
    /// FIN in this direction only.
    HalfClose,
}

/// One step of the server's direction.
#[derive(Debug)]
pub enum Step {
    /// Publishes these updates without a pause.
    Publish(Vec<Box<RawValue>>),
    /// Does nothing for this long.
    Wait(Duration),
    /// Breaks all connections and is down for this long; then another server starts with an empty journal.
    Crash(Duration),
    /// Another server starts and takes all new connections, while this one drains.
    Drain,
}

/// The plan of one schedule.
#[derive(Debug)]
pub struct Schedule {
    /// The seed that repeats it.
    pub seed: u64,
    /// The transport of the client.
    pub over: TransportChoice,
    /// The bounds of the server's journal.
    pub journal: Bounds,
    /// The client's poll interval.
    pub poll_interval: Duration,
    /// The hold of a long poll.
    pub hold: Duration,
    /// Does publishing wait until the client has a position?
    pub waits_for_client: bool,
    /// The server's steps, in order. The last one publishes.
    pub steps: Vec<Step>,
    /// The faults of each connection; later connections have none.
    pub connections: Vec<ConnectionFaults>,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn new(seed: u64, over: TransportChoice) -> Self {
        let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
        let journal = match draw.one_in(3) {
            true => Bounds::default(),
            false => Bounds { updates: draw.within(1..=24), bytes: if draw.one_in(4) { 20_000 } else { usize::MAX } },
        };
        let restarts = if draw.one_in(3) { draw.within(1..=2) } else { 0 };
        let mut steps: Vec<Step> = (0..draw.within(8..=20)).map(|_| draw.publish_or_wait()).collect();
        for _ in 0..restarts {
            let place = draw.within(0..=steps.len() - 1);
            let step = if draw.one_in(2) { Step::Drain } else { Step::Crash(draw.millis(0..=10)) };
            steps.insert(place, step);
        }
        steps.push(Step::Publish(vec![draw.payload()]));
        let connections = (0..draw.within(2..=10)).map(|_| draw.connection(over)).collect();
        Self {
            seed,
            over,
            journal,
            poll_interval: draw.millis(5..=8),
            hold: draw.millis(5..=60),
            waits_for_client: draw.one_in(2),
            steps,
            connections,
        }
    }

    /// Does the server restart during the schedule?
    pub fn has_restarts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Crash(_) | Step::Drain))
    }

    /// The faults of the connection with this index.
    pub fn connection(&self, index: usize) -> ConnectionFaults {
        self.connections.get(index).cloned().unwrap_or_else(|| {
            ConnectionFaults::without_faults(match self.over {
                TransportChoice::Fixed(via) => via,
                TransportChoice::Moves => Transport::ALL[index % 4],
            })
        })
    }
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.random_range(0..n) == 0
    }

    fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        self.0.random_range(range)
    }

    fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.0.random_range(range))
    }

    /// A size on a logarithmic scale: between 1 and 10 as often as between 1,000 and 10,000.
    fn any_size(&mut self, max: usize) -> usize {
        let exponent = self.0.random_range(0.0..=(max as f64).ln());
        exponent.exp() as usize
    }

    fn publish_or_wait(&mut self) -> Step {
        if self.one_in(2) {
            return Step::Wait(self.millis(0..=4));
        }
        let most = if self.one_in(4) { 30 } else { 4 };
        let count = self.within(1..=most);
        Step::Publish((0..count).map(|_| self.payload()).collect())
    }

    fn payload(&mut self) -> Box<RawValue> {
        let json = match self.within(0..=19) {
            0 => "\"\"".to_owned(),
            1 => "{}".to_owned(),
            2 => "null".to_owned(),
            3 => {
                let characters = self.any_size(24 << 10);
                self.text(characters)
            }
            4..=11 => {
                let characters = self.within(1..=40);
                self.text(characters)
            }
            12..=15 => format!("{{ \"n\" : {}, \"of\":[] }}", self.0.random::<u32>()),
            _ => self.within(0..=1_000_000).to_string(),
        };
        RawValue::from_string(json).unwrap()
    }

    /// A JSON string with characters of one to four bytes, and text that breaks a careless line protocol.
    fn text(&mut self, characters: usize) -> String {
        const PARTS: [&str; 14] =
            ["a", "é", "ß", "Ж", "漢", "字", "\u{2028}", "\u{feff}", "🌋", "👩‍🚀", "\\n", "\\\"", "data: ", "\\u0000"];
        let parts = (0..characters).map(|_| PARTS[self.within(0..=PARTS.len() - 1)]);
        format!("\"{}\"", parts.collect::<String>())
    }

    fn connection(&mut self, over: TransportChoice) -> ConnectionFaults {
        let via = match over {
            TransportChoice::Fixed(via) => via,
            TransportChoice::Moves => Transport::ALL[self.within(0..=3)],
        };
        ConnectionFaults {
            via,
            is_refused: self.one_in(8),
            up: self.direction(400),
            down: self.direction(20_000),
            end: (!self.one_in(6)).then(|| self.end()),
            read_bytes_max: if self.one_in(6) { self.within(1..=3) } else { usize::MAX },
        }
    }

    fn direction(&mut self, bytes: usize) -> DirectionFaults {
        let pieces = match self.within(0..=7) {
            0 => Pieces::Bytes,
            1 | 2 => Pieces::Awkward(self.within(1..=6)),
            3 => Pieces::Every(self.within(2..=100)),
            _ => Pieces::Whole,
        };
        let delay = self.one_in(4).then(|| self.millis(1..=2));
        let stall = self.one_in(4).then(|| (self.any_size(bytes), self.millis(2..=15)));
        DirectionFaults { pieces, delay, stall }
    }

    fn end(&mut self) -> End {
        let direction = if self.one_in(4) { Direction::Up } else { Direction::Down };
        let most = match direction {
            Direction::Up => 600,
            Direction::Down => 40_000,
        };
        let ending = match self.within(0..=4) {
            0 | 1 => Ending::Cut,
            2 | 3 => Ending::Reset,
            _ => Ending::HalfClose,
        };
        // The first bytes are the answer's head, the first position and gaps: half of the cuts are there.
        let after_bytes = match direction {
            Direction::Down if self.one_in(2) => self.within(0..=500),
            Direction::Up | Direction::Down => self.any_size(most),
        };
        End { direction, after_bytes, ending }
    }
}
