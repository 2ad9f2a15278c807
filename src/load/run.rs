//! Runs all rounds of a plan in shuffled order, and produces one run file.

use std::error::Error;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::load::agents;
use crate::load::environment;
use crate::load::foreign::process;
use crate::load::foreign::server::ForeignError;
use crate::load::nodes::nats;
use crate::load::notes;
use crate::load::plan::{Plan, PlanPoint};
use crate::load::proxy;
use crate::load::repeats::Repeats;
use crate::load::target::Target;
use crate::load::trial::{self, TrialError};
use crate::load::trial_data::TrialId;
use crate::print;
use crate::run::file::{Alone, Run, SCHEMA, Trial};
use crate::run::reason::{Cause, Reason};
use crate::run::summary;
use crate::units::rough;

/// The result of running a plan.
#[derive(Debug)]
pub struct Outcome {
    /// The trials that were done, and their summary.
    pub run: Run,
    /// Why the remaining trials were not done, if something failed. The run is then marked as cut short.
    pub failure: Option<TrialError>,
}

/// Runs every trial of the plan. `stop` cuts it short, and so does a trial that fails, for example because the server
/// at --target exits: the run then contains the trials that were done.
///
/// Errors: [`TrialError`] if the very first trial failed, so that there is nothing to report.
pub async fn run(plan: &Plan, command: Vec<String>, stop: &CancellationToken) -> Result<Outcome, TrialError> {
    let started_at = Timestamp::now();
    let began = Clock::Monotonic.now();
    if let Some(url) = &plan.target {
        // Before anything is printed: the server may not be there.
        Target::external(url.clone()).await?;
    }
    for found in plan.catalog.values() {
        process::refuse_missing(found).map_err(|error| masked(plan, ForeignError::from(error).into()))?;
    }
    for PlanPoint { point, .. } in &plan.points {
        proxy::refuse_missing(point.proxy)?;
        if point.nodes > 0 {
            nats::refuse_missing()?;
        }
    }
    let progress = Progress::new(plan);
    let (mut trials, mut alone) = (Vec::with_capacity(plan.trials()), Vec::new());
    let (mut cut_short, mut failure) = (false, None);
    let mut repeats = Repeats::new(plan.trials());
    for which in order(plan) {
        let done = trials.len() + alone.len();
        let trial = loop {
            progress.begin(which, done);
            let trial = match &plan.fleet {
                Some(fleet) => agents::run(fleet, plan, which, stop).await,
                None => trial::run(plan, which, stop).await,
            };
            match trial {
                Ok(trial) if repeats.takes(&trial, which.is_alone) => progress.again(&trial, done),
                other => break other,
            }
        };
        match trial {
            Ok(trial) => {
                progress.done(&trial, done + 1);
                if which.is_alone {
                    alone.push(trial)
                } else {
                    trials.push(trial)
                }
                continue;
            }
            Err(TrialError::Stopped) => {}
            Err(error) if done == 0 => {
                progress.bar.finish_and_clear();
                return Err(masked(plan, error));
            }
            Err(error) => failure = Some(masked(plan, error)),
        }
        cut_short = true;
        break;
    }
    progress.bar.finish_and_clear();
    let (mut rows, tcp_baseline) = summary::summarise(&trials, plan.scenario.seed);
    if plan.is_observed() {
        summary::judge_stretches(&mut rows, &trials);
    }
    let alone = Alone { summary: summary::summarise(&alone, plan.scenario.seed).0, trials: alone };
    let (verdict, mut reasons) = summary::verdict(&rows, &tcp_baseline);
    if cut_short {
        reasons.insert(0, cut_short_after(plan, &trials, failure.as_ref().map(TrialError::to_string)));
    }
    let mut run = Run {
        schema: SCHEMA.to_owned(),
        started_at: started_at.to_string(),
        took_ns: Clock::Monotonic.now().saturating_sub(began),
        cut_short,
        scenario: plan.scenario.clone(),
        environment: environment::read(command, &plan.server_args),
        verdict,
        reasons,
        summary: rows,
        tcp_baseline,
        alone,
        thresholds: Vec::new(),
        trials,
        repeated: repeats.done,
    };
    notes::add(&mut run.environment.notes, plan);
    Ok(Outcome { run, failure })
}

/// An error as it may be printed and kept: values from the environment that a server has sent back are masked.
fn masked(plan: &Plan, error: TrialError) -> TrialError {
    let secrets = plan.secrets();
    let mut causes = std::iter::successors(Some(&error as &dyn Error), |&cause| cause.source());
    match causes.any(|cause| secrets.are_in(&cause.to_string())) {
        true => TrialError::Masked(secrets.mask(&error.to_string())),
        false => error,
    }
}

fn cut_short_after(plan: &Plan, trials: &[Trial], error: Option<String>) -> Reason {
    let tcp_baseline_done = trials.iter().filter(|trial| trial.transport.is_none()).count();
    let (done, [planned, tcp_baselines]) = (trials.len() - tcp_baseline_done, plan.trials_and_tcp_baselines());
    let [done, planned, tcp_baseline_done, tcp_baseline_planned] =
        [done, planned, tcp_baseline_done, tcp_baselines].map(|count| count as u64);
    Cause::CutShort { done, planned, tcp_baseline_done, tcp_baseline_planned, error }.into()
}

/// Every trial: round by round, in each round the points in shuffled order, at each point the subjects in shuffled
/// order, so that a drift of the machine affects all of them alike.
pub fn order(plan: &Plan) -> Vec<TrialId<'_>> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.scenario.seed);
    let mut order = Vec::with_capacity(plan.trials());
    for round in 1..=plan.scenario.rounds {
        let mut points: Vec<_> = plan.points.iter().enumerate().collect();
        points.shuffle(&mut random);
        for (point_index, point) in points {
            let crowd = plan.subjects(point_index).into_iter().map(|subject| (subject, point, false));
            let alone = plan.subjects_alone(point_index).into_iter();
            let alone = alone.map(|subject| (subject, &plan.alone[point_index], true));
            let mut subjects: Vec<_> = crowd.chain(alone).collect();
            subjects.shuffle(&mut random);
            let id = |(subject, point, is_alone)| TrialId { subject, round, point_index, point, is_alone };
            order.extend(subjects.into_iter().map(id));
        }
    }
    order
}

/// A progress bar on a terminal; one line per trial elsewhere.
struct Progress {
    bar: ProgressBar,
    trials: usize,
    is_terminal: bool,
}

impl Progress {
    fn new(plan: &Plan) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let trials = plan.trials();
        let bar = match is_terminal {
            true => ProgressBar::with_draw_target(Some(trials as u64), ProgressDrawTarget::stderr()),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} · {elapsed} · {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        if !is_terminal {
            print::err(&format!("{}: {}, about {} in total", plan.scenario.name, plan.count(), rough(plan.estimate())));
        }
        Self { bar, trials, is_terminal }
    }

    fn begin(&self, which: TrialId<'_>, done: usize) {
        self.bar.set_position(done as u64);
        let point = &which.point.point;
        let (label, round) = (which.subject.label(), which.round);
        // The rate of a measured feed is not known yet.
        let rate = match point.measured_feed {
            true => String::new(),
            false => format!(", {:.1} updates/s", point.rate_per_s),
        };
        let on = point.target.map_or_else(String::new, |name| format!("{name} "));
        self.bar.set_message(format!("round {round}: {on}{label}, {} clients{rate}", point.clients));
    }

    fn done(&self, trial: &Trial, number: usize) {
        self.bar.set_position(number as u64);
        self.tell(trial, number, "");
    }

    fn again(&self, trial: &Trial, number: usize) {
        self.tell(trial, number, "; it is repeated");
    }

    fn tell(&self, trial: &Trial, number: usize, more: &str) {
        if !self.is_terminal {
            let label = trial.transport.map_or("tcp_baseline", |transport| transport.label());
            let on = trial.point.target.map_or_else(String::new, |name| format!("{name} "));
            let codes: Vec<&str> = trial.reasons.iter().map(|reason| reason.cause.code()).collect();
            let why = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
            print::err(&format!(
                "[{number}/{}] round {}: {on}{label}, {} clients: {} of {} delivered, {}{why}{more}",
                self.trials,
                trial.round,
                trial.point.clients,
                trial.audit.delivered,
                trial.audit.expected,
                trial.verdict.label(),
            ));
        }
    }
}
