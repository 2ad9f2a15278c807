//! One check: a lab of its own, a student's program, and the oracle that judges each line that the program prints. Over
//! 400 lines: the stages share the state of one run.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::context::{Context, Disturbance, DisturbanceRecord};
use super::fault::{Code, Fault, Stop, fail};
use super::messages;
use super::oracle::{Oracle, Published};
use super::program::{Input, OutputLine, Program};
use super::relay::Relay;
use super::request::{After, Request};
use super::stall::StallMeter;
use crate::clock::Clock;
use crate::http::Server;
use crate::limits;
use crate::run::Transport;
use crate::server::Settings;
use crate::stream::{Bounds, Cursor, Gap, Journal};
use crate::units::{Nanos, UnixMicros};

/// Progress of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A stage with this description starts.
    StageStarted(&'static str),
    /// The stage that started last is passed.
    StagePassed,
}

/// The settings of a check, for one exercise.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How much the lab's journal retains.
    pub journal: Bounds,
    /// The time between heartbeats on a stream.
    pub heartbeat: Duration,
    /// The program's environment variables, in addition to `LAB_URL`.
    pub variables: Vec<(&'static str, String)>,
    /// The transports that the program may use; empty means all four.
    pub transports: &'static [Transport],
}

struct Life {
    address: SocketAddr,
    journal: Arc<Journal>,
    _serving: AbortOnDropHandle<()>,
}

/// What the program is expected to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every update.
    EveryUpdate,
    /// The newest update each time; the others are skipped.
    NewestUpdate,
}

/// A running check.
pub struct Session<'a> {
    /// The student's program.
    pub program: Program,
    /// The relay between the program and the lab.
    pub relay: Relay,
    /// The stalls of this machine.
    pub stall: StallMeter,
    /// What the program is expected to print.
    pub expected: Expected,
    published: Published,
    oracle: Oracle,
    setup: Setup,
    life: Life,
    clock: Clock,
    at: Nanos,
    published_at: Vec<Instant>,
    disturbed: Vec<DisturbanceRecord>,
    lines: u64,
    /// The number of epoch gaps that the program printed.
    epochs_announced: usize,
    lives: usize,
    say: &'a mut (dyn FnMut(Progress) + Send),
    is_open: bool,
    seen: Vec<Shown>,
}

/// An update that the program printed.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Its number over all server lives.
    pub number: u64,
    /// When it was due.
    pub due: Nanos,
    /// When its line was read.
    pub at: Nanos,
}

#[derive(Deserialize)]
struct Printed<'a> {
    seq: Option<u64>,
    at_us: Option<UnixMicros>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    gap: Option<Gap>,
}

impl<'a> Session<'a> {
    /// Starts a lab, a relay and the program.
    ///
    /// Errors: the program or the lab cannot be started.
    pub async fn start(
        command: &[OsString],
        setup: Setup,
        say: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Result<Session<'a>, Stop> {
        let clock = Clock::Monotonic;
        let life = begin(&setup, clock)?;
        let relay = Relay::start(life.address).await?;
        let mut variables = vec![("LAB_URL", relay.url())];
        variables.extend(setup.variables.iter().cloned());
        let program = Program::start(command, &variables, Input::Closed)?;
        let (mut published, mut oracle) = (Published::default(), Oracle::default());
        published.begin_life(life.journal.newest().epoch, Some(Arc::clone(&life.journal)));
        oracle.position(&published, life.journal.newest());
        Ok(Session {
            program,
            relay,
            stall: StallMeter::start(),
            expected: Expected::EveryUpdate,
            published,
            oracle,
            setup,
            life,
            clock,
            at: Nanos::ZERO,
            published_at: Vec::new(),
            disturbed: Vec::new(),
            lines: 0,
            epochs_announced: 0,
            lives: 1,
            say,
            is_open: false,
            seen: Vec::new(),
        })
    }

    /// Starts a stage; the one before it is passed.
    pub fn stage(&mut self, name: &'static str) {
        if self.is_open {
            (self.say)(Progress::StagePassed);
        }
        self.is_open = true;
        (self.say)(Progress::StageStarted(name));
    }

    /// Ends the last stage, which is passed.
    pub fn finish(&mut self) {
        if std::mem::take(&mut self.is_open) {
            (self.say)(Progress::StagePassed);
        }
    }

    /// What was published.
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// The updates that the program printed, in order.
    pub fn shown(&self) -> &[Shown] {
        &self.seen
    }

    /// The time now, on the clock of the updates' due times.
    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Waits until the first request is answered or parked. Nothing is published before.
    ///
    /// Errors: the program ends, prints something, or sends no request.
    pub async fn first_answer(&mut self) -> Result<(), Stop> {
        const LOOK: Duration = Duration::from_millis(20);
        let until = Instant::now() + limits::LEARN_START;
        while Instant::now() < until {
            let answered =
                |session: &Self| session.relay.requests_since(0).iter().any(|asked| asked.answered.is_some());
            if self.wait(LOOK, answered).await? || self.life.journal.subscribers() > 0 {
                return self.check_addresses();
            }
        }
        let sentence = match self.relay.requests_since(0).first() {
            None => format!(
                "no request came to LAB_URL within {} s; take the address from the environment, and send a request to it",
                limits::LEARN_START.as_secs()
            ),
            Some(asked) => format!("your request for {} was incomplete, so it got no answer", asked.path),
        };
        fail(Code::NeverAsked, sentence)
    }

    /// Checks that all requests were for transports of this exercise.
    ///
    /// Errors: [`Code::WrongAddress`].
    pub fn check_addresses(&self) -> Result<(), Stop> {
        let allowed = match self.setup.transports {
            [] => &Transport::ALL[..],
            some => some,
        };
        let asked = self.relay.requests_since(0);
        match asked.iter().find(|asked| !asked.transport().is_some_and(|found| allowed.contains(&found))) {
            None => Ok(()),
            Some(wrong) => fail(Code::WrongAddress, messages::wrong_address(&wrong.path, allowed)),
        }
    }

    /// Publishes `count` updates of an ordinary size.
    pub fn publish(&mut self, count: u64) {
        (0..count).for_each(|_| self.publish_bytes(0));
    }

    /// Publishes one update with so many additional bytes.
    pub fn publish_bytes(&mut self, bytes: usize) {
        let number = self.published.len() + 1;
        let mut data = json!({"n": number, "words": format!("地震 é {number}")});
        if bytes > 0 {
            data["fill"] = Value::String("x".repeat(bytes));
        }
        let data = RawValue::from_string(data.to_string()).expect("a JSON value is JSON");
        self.at = self.clock.now().whole_micros().max(self.at.saturating_add(Nanos::MICRO));
        self.published.push(self.clock.anchor().unix(self.at), data.clone());
        self.published_at.push(Instant::now());
        self.life.journal.append(self.at, self.at, &data);
    }

    /// Records a disturbance.
    pub fn disturb(&mut self, what: Disturbance) {
        let nth = self.disturbed.iter().filter(|before| before.what == what).count() + 1;
        let (published, asked) = (self.published.len(), self.relay.request_count());
        self.disturbed.push(DisturbanceRecord { what, nth, published, asked });
    }

    /// Publishes `count` updates while the program cannot reach the server.
    pub fn publish_while_away(&mut self, count: u64) {
        self.relay.forward_to(None);
        self.relay.cut();
        self.publish(count);
        self.relay.forward_to(Some(self.life.address));
    }

    /// Replaces the server by another one with an empty journal.
    ///
    /// Errors: it cannot be started.
    pub fn restart(&mut self) -> Result<(), Stop> {
        self.relay.forward_to(None);
        self.life = begin(&self.setup, self.clock)?;
        let journal = Arc::clone(&self.life.journal);
        self.published.begin_life(journal.newest().epoch, Some(journal));
        self.lives += 1;
        self.relay.forward_to(Some(self.life.address));
        self.relay.cut();
        Ok(())
    }

    /// Judges what is printed during this time.
    ///
    /// Errors: the first mistake.
    pub async fn watch(&mut self, length: Duration) -> Result<(), Stop> {
        self.wait(length, |_| false).await.map(drop)
    }

    /// Waits until every published update is printed, or covered by a gap.
    ///
    /// Errors: the first mistake, or the program prints nothing more.
    pub async fn caught_up(&mut self) -> Result<(), Stop> {
        let mut last_line = Instant::now();
        loop {
            let before = self.lines;
            if self
                .wait(limits::LEARN_CHECK_INTERVAL, |session| session.oracle.is_caught_up(&session.published))
                .await?
            {
                return Ok(());
            }
            if self.lines > before {
                last_line = Instant::now();
            } else if last_line.elapsed() >= limits::LEARN_PATIENCE || self.is_hopeless() {
                return match self.program.has_ended().await {
                    true => Err(self.program.ended().await.into()),
                    false => Err(messages::stuck(&self.context()).into()),
                };
            }
        }
    }

    /// Whether the next update will never come, because the program has asked from a later position a while ago.
    fn is_hopeless(&self) -> bool {
        let Some(next) = self.oracle.next().filter(|next| *next < self.published.len()) else { return false };
        if self.oracle.is_between_lives() {
            return false;
        }
        let Some(&due) = usize::try_from(next).ok().and_then(|next| self.published_at.get(next)) else { return false };
        let asked = self.relay.requests_since(0);
        let mut late =
            asked.iter().filter(|asked| asked.at > due && asked.at.elapsed() > limits::LEARN_CHECK_INTERVAL / 2);
        late.any(|asked| match &asked.after {
            After::Now => true,
            After::Cursor(_) => asked.next(&self.published).is_some_and(|asked| asked > next),
            After::Earliest | After::Other(_) => false,
        })
    }

    /// Waits for the request after the first `count`.
    ///
    /// Errors: the first mistake; [`Code::NoReturn`] if no request comes in time.
    pub async fn next_request_after(&mut self, count: usize) -> Result<Request, Stop> {
        let is_there = |session: &Self| session.relay.request_count() > count;
        if !self.wait(limits::LEARN_PATIENCE, is_there).await? {
            return Err(messages::no_return(&self.context()).into());
        }
        Ok(self.relay.requests_since(count).swap_remove(0))
    }

    /// Waits until `is_there`, and meanwhile judges what is printed. Returns `false` after `patience`.
    ///
    /// Errors: the first mistake.
    pub async fn wait(&mut self, patience: Duration, is_there: impl Fn(&Self) -> bool) -> Result<bool, Stop> {
        let until = Instant::now() + patience;
        let mut progress = self.relay.progress();
        loop {
            if is_there(self) {
                return Ok(true);
            }
            tokio::select! {
                biased;
                line = self.program.next() => match line {
                    OutputLine::End => return Err(self.program.ended().await.into()),
                    line @ (OutputLine::Text(_) | OutputLine::TooLong | OutputLine::NotUtf8) => self.judge(&line)?,
                },
                changed = progress.changed() => if changed.is_err() { return Ok(false) },
                () = tokio::time::sleep_until(until) => return Ok(false),
            }
        }
    }

    fn judge(&mut self, line: &OutputLine) -> Result<(), Fault> {
        self.lines += 1;
        let number = self.lines;
        let text = match line {
            OutputLine::Text(text) => text.as_str(),
            OutputLine::TooLong => return Err(messages::too_long(number)),
            OutputLine::NotUtf8 => return Err(messages::not_utf8(number)),
            OutputLine::End => return Ok(()),
        };
        let Ok(value) = serde_json::from_str::<Value>(text) else { return Err(messages::not_json(number, text)) };
        let printed: Option<Printed<'_>> = value.is_object().then(|| serde_json::from_str(text).ok()).flatten();
        match printed {
            Some(Printed { gap: Some(gap), .. }) => self.judge_gap(number, gap),
            Some(Printed { seq: Some(seq), at_us: Some(at), data: Some(data), gap: None }) => {
                self.judge_update(seq, at, data)
            }
            Some(_) | None => Err(messages::not_an_update(number, text)),
        }
    }

    /// Where the program may skip updates, each one it prints must be real, and newer than the one before.
    fn judge_newest(&mut self, number: Option<u64>, at: UnixMicros, seq: u64) -> Result<(), Fault> {
        let last = self.seen.last().map(|shown| shown.number);
        match (number, last) {
            (None, _) => {
                let sentence = format!("update {seq} differs from what was published; print it unchanged");
                Err(Fault::new(Code::Altered, sentence))
            }
            (Some(number), Some(last)) if number <= last => {
                let sentence =
                    format!("update {} was printed after update {}; show only newer ones", number + 1, last + 1);
                Err(Fault::new(Code::OutOfOrder, sentence))
            }
            (Some(number), _) => {
                self.seen.push(Shown { number, due: self.clock.anchor().instant(at), at: self.clock.now() });
                Ok(())
            }
        }
    }

    fn judge_gap(&mut self, line: u64, gap: Gap) -> Result<(), Fault> {
        if self.expected == Expected::NewestUpdate {
            return Ok(());
        }
        self.oracle.gap(&self.published, gap);
        self.epochs_announced += usize::from(gap.lost.is_none());
        match self.oracle.first_violation() {
            None => Ok(()),
            Some(_) => Err(messages::gap(line, gap)),
        }
    }

    fn judge_update(&mut self, seq: u64, at: UnixMicros, data: &RawValue) -> Result<(), Fault> {
        let number = self.published.number_due(at).filter(|number| {
            let wanted =
                self.published.data(*number).map(RawValue::get).and_then(|text| serde_json::from_str(text).ok());
            // Compared as values: the program may have parsed the JSON and written it again.
            wanted.is_some_and(|wanted: Value| serde_json::from_str::<Value>(data.get()).is_ok_and(|got| got == wanted))
        });
        if self.expected == Expected::NewestUpdate {
            return self.judge_newest(number, at, seq);
        }
        self.oracle.update(&self.published, number, seq);
        if self.oracle.first_violation().is_some() {
            return Err(messages::update(&self.context(), number, seq));
        }
        if let Some(number) = number {
            self.seen.push(Shown { number, due: self.clock.anchor().instant(at), at: self.clock.now() });
        }
        Ok(())
    }

    /// The facts for a message.
    fn context(&self) -> Context<'_> {
        Context {
            oracle: &self.oracle,
            published: &self.published,
            disturbed: &self.disturbed,
            asked: self.relay.requests_since(0),
            lives: self.lives,
            epochs_announced: self.epochs_announced,
            last_words: self.program.last_words(),
        }
    }

    /// The number of server lives, and of epoch gaps that the program printed.
    pub fn lives(&self) -> (usize, usize) {
        (self.lives, self.epochs_announced)
    }

    /// The cursor of the newest update.
    pub fn newest(&self) -> Cursor {
        self.life.journal.newest()
    }
}

fn begin(setup: &Setup, clock: Clock) -> io::Result<Life> {
    let settings = Settings {
        journal: setup.journal,
        sse_heartbeat: setup.heartbeat,
        ws_ping: setup.heartbeat,
        // A client that obeys `retry`, as a browser does, is back soon enough for a check of seconds.
        sse_retry: Duration::from_millis(100),
        drain: Duration::ZERO,
        ..Settings::default()
    };
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), settings, clock)?;
    let (address, journal) = (server.address()?, Arc::clone(&server.app().journal));
    let serving = AbortOnDropHandle::new(tokio::spawn(server.run()));
    Ok(Life { address, journal, _serving: serving })
}
