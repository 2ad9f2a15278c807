//! Runs many schedules, a limited number of them concurrently, and makes the table of their results.

use std::fmt::Write as _;

use tokio::task::JoinSet;

use super::oracle::Tally;
use super::plan::{Schedule, TransportChoice};
use super::proxy::Faults;
use super::run::{self, Outcome, Tamper};
use super::table::columns;

/// Schedules that run concurrently: each mostly waits, and has about ten sockets open.
const AT_ONCE: usize = 32;
/// How many failures are printed in full.
const PRINTED_FAILURES_MAX: usize = 10;

/// The summed results of all schedules of one kind.
#[derive(Debug, Default)]
struct Column {
    schedules: u64,
    published: u64,
    recovered: u64,
    reconnects: u64,
    /// The longest duration of a schedule, in milliseconds, and its seed.
    longest: (u64, u64),
    faults: Faults,
    tally: Tally,
}

/// The results of all schedules, one column for each kind.
#[derive(Debug, Default)]
pub struct Table {
    columns: [Column; TransportChoice::ALL.len()],
    failures: Vec<String>,
    /// Schedules in which the contract was violated.
    pub failed: usize,
    /// Schedules in which an update was tampered with.
    pub tampered: usize,
}

/// The schedules of `count` seeds from `first` on: all over `only`, or over each kind in turn.
pub fn schedules(
    first: u64,
    count: u64,
    only: Option<TransportChoice>,
) -> impl Iterator<Item = (u64, TransportChoice)> {
    let over =
        move |seed: u64| only.unwrap_or(TransportChoice::ALL[(seed % TransportChoice::ALL.len() as u64) as usize]);
    (first..first.saturating_add(count)).map(move |seed| (seed, over(seed)))
}

/// Runs all schedules; `on_done` is called after each.
///
/// Errors: those of the operating system, for example when it runs out of sockets.
pub async fn run_all(
    mut schedules: impl Iterator<Item = (u64, TransportChoice)>,
    tamper: Option<Tamper>,
    mut on_done: impl FnMut(),
) -> std::io::Result<Table> {
    let mut table = Table::default();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE
            && let Some((seed, over)) = schedules.next()
        {
            running.spawn(async move {
                let schedule = Schedule::new(seed, over);
                (seed, over, run::run(&schedule, tamper).await)
            });
        }
        let Some(done) = running.join_next().await else { return Ok(table) };
        let (seed, over, outcome) = done.expect("a schedule does not panic");
        table.add(seed, over, outcome?);
        on_done();
    }
}

impl Table {
    fn add(&mut self, seed: u64, over: TransportChoice, outcome: Outcome) {
        if !outcome.tally.is_clean() {
            self.failed += 1;
            if self.failures.len() < PRINTED_FAILURES_MAX {
                let Tally { lost, duplicate, reordered, wrong, .. } = &outcome.tally;
                self.failures.push(format!(
                    "seed {seed} over {over}: {lost} lost, {duplicate} duplicate, {reordered} reordered{}{}\n  \
                     repeat it with: scripts/faults --schedules 1 --seed {seed} --transport {over}",
                    if wrong.is_empty() { "" } else { "; " },
                    wrong.join("; "),
                ));
            }
        }
        self.tampered += usize::from(outcome.is_tampered);
        let place = TransportChoice::ALL.iter().position(|one| *one == over).expect("ALL has each of them");
        let column = &mut self.columns[place];
        column.schedules += 1;
        column.published += outcome.published;
        column.recovered += outcome.recovered;
        column.reconnects += outcome.reconnects;
        column.longest = column.longest.max((outcome.took.as_millis() as u64, seed));
        column.faults.add(outcome.faults);
        column.tally.add(outcome.tally);
    }

    /// Was the contract kept in all schedules?
    pub fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// The failures, each with the command that repeats it; empty without failures.
    pub fn failures(&self) -> String {
        let mut text = self.failures.join("\n");
        if self.failed > self.failures.len() {
            let _ = write!(text, "\nand {} more", self.failed - self.failures.len());
        }
        text
    }

    /// The three counts that must be 0, summed over all schedules.
    pub fn lost_duplicate_reordered(&self) -> (u64, u64, u64) {
        self.columns.iter().fold((0, 0, 0), |(lost, duplicate, reordered), Column { tally, .. }| {
            (lost + tally.lost, duplicate + tally.duplicate, reordered + tally.reordered)
        })
    }

    /// A summary in one line.
    pub fn line(&self) -> String {
        let sum = |of: fn(&Column) -> u64| self.columns.iter().map(of).sum::<u64>();
        let (lost, duplicate, reordered) = self.lost_duplicate_reordered();
        format!(
            "{} schedules, {} reconnects, {} updates received, {} of them recovered, {} gaps announced: \
             {lost} lost, {duplicate} duplicate, {reordered} reordered",
            sum(|column| column.schedules),
            sum(|column| column.reconnects),
            sum(|column| column.tally.received),
            sum(|column| column.recovered),
            sum(|column| column.tally.gaps),
        )
    }

    /// The table, with one column for each kind that ran.
    pub fn text(&self) -> String {
        type Metric = fn(&Column) -> u64;
        const BEFORE: [(&str, Metric); 4] = [
            ("schedules", |c| c.schedules),
            ("the longest took, in ms", |c| c.longest.0),
            ("its seed", |c| c.longest.1),
            ("reconnects", |c| c.reconnects),
        ];
        const AFTER: [(&str, Metric); 10] = [
            ("published", |c| c.published),
            ("expected", |c| c.tally.expected),
            ("received", |c| c.tally.received),
            ("recovered after a reconnect", |c| c.recovered),
            ("gaps announced", |c| c.tally.gaps),
            ("missing in announced gaps", |c| c.tally.announced),
            ("lost", |c| c.tally.lost),
            ("duplicate", |c| c.tally.duplicate),
            ("reordered", |c| c.tally.reordered),
            ("otherwise wrong", |c| c.tally.wrong.len() as u64),
        ];
        let ran: Vec<_> =
            TransportChoice::ALL.iter().zip(&self.columns).filter(|(_, column)| column.schedules > 0).collect();
        let heads: Vec<_> = ran.iter().map(|(over, _)| over.label()).collect();
        let row = |(name, metric): &(&str, Metric)| {
            ((*name).to_owned(), ran.iter().map(|(_, column)| metric(column)).collect())
        };
        let faults: Vec<_> = ran.iter().map(|(_, column)| column.faults.named()).collect();
        let fault =
            |(index, (name, _)): (usize, (String, u64))| (name, faults.iter().map(|column| column[index].1).collect());
        let mut rows: Vec<_> = BEFORE.iter().map(row).collect();
        rows.extend(Faults::default().named().into_iter().enumerate().map(fault));
        rows.extend(AFTER.iter().map(row));
        columns(&heads, &rows)
    }
}
