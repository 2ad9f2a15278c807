//! All the rounds of a plan, in shuffled order, to one run file.

use std::collections::BTreeMap;
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
use crate::load::nodes::nats;
use crate::load::plan::{Plan, PlanPoint};
use crate::load::proxy;
use crate::load::repeats::Repeats;
use crate::load::target::Target;
use crate::load::trial::{self, TrialError};
use crate::load::trial_data::TrialId;
use crate::net::tls::Trust;
use crate::print;
use crate::run::Transport;
use crate::run::agents::AgentReport;
use crate::run::failover::{FailoverReport, Kill};
use crate::run::file::{Alone, Environment, LinkReport, Run, SCHEMA, Trial};
use crate::run::nodes::LogReport;
use crate::run::path::report::{PacketCounts, PathReport};
use crate::run::reason::{Cause, Reason};
use crate::run::summary;
use crate::units::{Nanos, rough};

/// What came of a plan.
#[derive(Debug)]
pub struct Outcome {
    /// The trials that were done, and what they say.
    pub run: Run,
    /// Why the others were not, if something failed; the run is then marked as cut short.
    pub failure: Option<TrialError>,
}

/// Does every trial of the plan. `stop` cuts it short, and so does a trial that fails, as when the server at --target
/// ends: the run then holds the trials that were done.
///
/// Errors: [`TrialError`] if the very first trial could not be done, so that there is nothing to report.
pub async fn run(plan: &Plan, command: Vec<String>, stop: &CancellationToken) -> Result<Outcome, TrialError> {
    let started_at = Timestamp::now();
    let began = Clock::Monotonic.now();
    if let Some(url) = &plan.target {
        // Before anything is promised: it may not be there.
        Target::external(url.clone()).await?;
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
                return Err(error);
            }
            Err(error) => failure = Some(error),
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
        environment: with_agents(
            &trials,
            with_targets(
                plan,
                with_paths(with_links(environment::read(command, &plan.server_args), &trials), plan, &trials),
            ),
        ),
        verdict,
        reasons,
        summary: rows,
        tcp_baseline,
        alone,
        thresholds: Vec::new(),
        trials,
        repeated: repeats.done,
    };
    note_repeats(&mut run);
    Ok(Outcome { run, failure })
}

/// Notes what was done again, and why.
fn note_repeats(run: &mut Run) {
    let Some(worst) = run.repeated.iter().map(|one| one.others_fraction).max_by(f64::total_cmp) else { return };
    let said = format!(
        "{} in place of trials in which others took up to {:.0} % of the processors",
        run.repeated.len(),
        worst * 100.0
    );
    print::err(&format!("trials done again: {said}"));
    run.environment.notes.insert("trials done again".to_owned(), said);
}

fn cut_short_after(plan: &Plan, trials: &[Trial], error: Option<String>) -> Reason {
    let tcp_baseline_done = trials.iter().filter(|trial| trial.transport.is_none()).count();
    let (done, [planned, tcp_baselines]) = (trials.len() - tcp_baseline_done, plan.trials_and_tcp_baselines());
    let [done, planned, tcp_baseline_done, tcp_baseline_planned] =
        [done, planned, tcp_baseline_done, tcp_baselines].map(|count| count as u64);
    Cause::CutShort { done, planned, tcp_baseline_done, tcp_baseline_planned, error }.into()
}

/// Every trial: round by round, in each round the points in shuffled order, at each point the subjects in shuffled
/// order, so that a drift of the machine falls on all of them alike.
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

/// Notes what round trip each link was asked for and gave, as its probes found it.
fn with_links(mut environment: Environment, trials: &[Trial]) -> Environment {
    let mut links: BTreeMap<Nanos, Vec<LinkReport>> = BTreeMap::new();
    for link in trials.iter().filter_map(|trial| trial.link) {
        links.entry(link.asked_ns).or_default().push(link);
    }
    for (asked, mut links) in links {
        links.sort_by_key(|link| link.gave_ns_p50);
        let worst = links.iter().map(|link| link.gave_ns_p99).max().unwrap_or_default();
        let gave = links[links.len() / 2].gave_ns_p50;
        let trials = links.len();
        let said = format!("gave {gave} at the median of {trials} trials, and {worst} at the worst trial's p99");
        print::err(&format!("the link was asked for a round trip of {asked}: {said}"));
        environment.notes.insert(format!("link with a round trip of {asked}"), said);
    }
    environment
}

/// Notes which agents ran the clients, how well their clocks were known, and by how much they began late.
fn with_agents(trials: &[Trial], mut environment: Environment) -> Environment {
    let mut agents: BTreeMap<&str, Vec<&AgentReport>> = BTreeMap::new();
    for agent in trials.iter().flat_map(|trial| &trial.agents) {
        agents.entry(&agent.name).or_default().push(agent);
    }
    for (name, reports) in agents {
        let worst = |of: fn(&AgentReport) -> Nanos| reports.iter().map(|one| of(one)).max().unwrap_or_default();
        let clock = worst(|one| one.clocks.iter().map(|clock| clock.uncertainty_ns).max().unwrap_or_default());
        let lost = reports.iter().filter(|one| one.is_lost).count();
        let lost = if lost > 0 { format!(", lost in {lost} of them") } else { String::new() };
        let said = format!(
            "{} clients at the most in {} trials{lost}; its clock known to \u{b1}{clock}, it began to measure up to {} late",
            reports.iter().map(|one| one.clients).max().unwrap_or_default(),
            reports.len(),
            worst(|one| one.skew_ns),
        );
        print::err(&format!("agent {name}: {said}"));
        environment.notes.insert(format!("agent {name}"), said);
    }
    environment
}

/// Notes what the servers were that are not ours, by what their files say, and what was believed of them.
fn with_targets(plan: &Plan, mut environment: Environment) -> Environment {
    for (name, found) in &plan.catalog {
        let description = &found.description;
        let untried =
            description.untried.as_ref().map_or_else(String::new, |why| format!("; its file was not tried: {why}"));
        environment.notes.insert(format!("target {name}"), format!("{}{untried}", description.about));
    }
    if !plan.catalog.is_empty() && plan.trust == Trust::Anyone {
        let said = "certificates were not checked (--insecure)";
        environment.notes.insert("certificates".to_owned(), said.to_owned());
    }
    environment
}

/// Notes what each path was asked for and gave, or why there was none.
fn with_paths(mut environment: Environment, plan: &Plan, trials: &[Trial]) -> Environment {
    if let Some(refusal) = plan.paths.refusal() {
        let said =
            format!("a link stood in for it, which delays a stream and shows neither loss nor slow start: {refusal}");
        environment.notes.insert("path".to_owned(), said);
    }
    let mut paths: BTreeMap<String, Vec<PathReport>> = BTreeMap::new();
    for (asked, gave) in trials.iter().filter_map(|trial| trial.point.path.zip(trial.path)) {
        paths.entry(asked.to_string()).or_default().push(gave);
    }
    for (asked, gave) in paths {
        let total = |of: fn(&PathReport) -> u64| gave.iter().map(of).sum::<u64>();
        let both = gave.iter().fold(PacketCounts::default(), |sum, one| sum.with(one.up).with(one.down));
        let (packets, full) = (both.packets_in, both.queue_dropped);
        let mut trips: Vec<Nanos> = gave.iter().map(|one| one.round_trip_ns_p50).collect();
        trips.sort_unstable();
        let worst = gave.iter().map(|one| one.round_trip_ns_p99).max().unwrap_or_default();
        let said = format!(
            "gave a round trip of {} at the median of {} trials, and {worst} at the worst trial's p99; of {packets} packets \
             it lost {:.2} % and had no room in a queue for {full}; the kernel sent {} segments again; its relay took {} of \
             processor time a packet",
            trips[trips.len() / 2],
            gave.len(),
            both.loss().unwrap_or(0.0) * 100.0,
            total(|one| one.segments_retransmitted.unwrap_or(0)),
            Nanos(total(|one| one.relay_cpu_ns.0) / packets.max(1)),
        );
        print::err(&format!("the path {asked}: {said}"));
        environment.notes.insert(format!("path {asked}"), said);
    }
    with_proxies(environment, trials)
}

/// Notes what each proxy was, and what it took.
fn with_proxies(mut environment: Environment, trials: &[Trial]) -> Environment {
    let mut proxies: BTreeMap<(&str, Option<Transport>), (String, u64, u64)> = BTreeMap::new();
    for (trial, proxy) in trials.iter().filter_map(|trial| Some((trial, trial.proxy.as_ref()?))) {
        let Some(cpu) = proxy.cpu_ns else { continue };
        let key = (trial.point.proxy.label(), trial.transport);
        let (_, sum, arrived) = proxies.entry(key).or_insert_with(|| (proxy.software.clone(), 0, 0));
        *sum += cpu.0;
        *arrived += trial.arrived;
    }
    let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((proxy, transport), (software, cpu, arrived)) in proxies {
        let name = transport.map_or("tcp_baseline", Transport::label);
        let each = Nanos(cpu / arrived.max(1));
        notes.entry(format!("proxy {proxy} ({software})")).or_default().push(format!("{name} {each}"));
    }
    for (name, each) in notes {
        let said = format!("its processor time for each delivery: {}", each.join(", "));
        print::err(&format!("{name}: {said}"));
        environment.notes.insert(name, said);
    }
    with_failovers(with_logs(environment, trials), trials)
}

/// Notes what the log of several nodes was, what it took, and how clients were spread.
fn with_logs(mut environment: Environment, trials: &[Trial]) -> Environment {
    let mut logs: BTreeMap<u32, Vec<(&Trial, &LogReport)>> = BTreeMap::new();
    for (trial, log) in trials.iter().filter_map(|trial| Some((trial, trial.log.as_ref()?))) {
        logs.entry(trial.point.nodes).or_default().push((trial, log));
    }
    for (nodes, of_nodes) in logs {
        let mut transports: BTreeMap<Option<Transport>, (u64, u64)> = BTreeMap::new();
        for (trial, log) in &of_nodes {
            let (sum, updates) = transports.entry(trial.transport).or_default();
            *sum += log.cpu_ns.unwrap_or_default().0;
            *updates += trial.audit.expected / u64::from(trial.point.clients.max(1));
        }
        let each = transports.into_iter().map(|(transport, (cpu, updates))| {
            format!("{} {}", transport.map_or("tcp_baseline", Transport::label), Nanos(cpu / updates.max(1)))
        });
        let memory = of_nodes.iter().filter_map(|(_, log)| log.resident_bytes).max().unwrap_or_default();
        let connections = || of_nodes.iter().flat_map(|(_, log)| &log.connections);
        let said = format!(
            "its processor time for each update: {}; {} MB of memory; a node had {} to {} connections",
            each.collect::<Vec<_>>().join(", "),
            memory / 1_000_000,
            connections().min().unwrap_or(&0),
            connections().max().unwrap_or(&0),
        );
        let software = &of_nodes[0].1.software;
        let name = format!("log of {nodes} node{} ({software})", if nodes == 1 { "" } else { "s" });
        print::err(&format!("{name}: {said}"));
        environment.notes.insert(name, said);
    }
    environment
}

/// Notes what became of clients after something was killed.
fn with_failovers(mut environment: Environment, trials: &[Trial]) -> Environment {
    type Of<'a> = Vec<(&'a Trial, &'a FailoverReport)>;
    let mut kills: BTreeMap<(Kill, Option<Transport>), Of<'_>> = BTreeMap::new();
    for (trial, failover) in trials.iter().filter_map(|trial| Some((trial, trial.failover.as_ref()?))) {
        kills.entry((trial.point.kill, trial.transport)).or_default().push((trial, failover));
    }
    for ((kill, transport), all) in kills {
        let sum = |of: fn(&FailoverReport) -> u64| all.iter().map(|(_, one)| of(one)).sum::<u64>();
        let worst = |of: fn(&FailoverReport) -> Nanos| all.iter().map(|(_, one)| of(one)).max().unwrap_or_default();
        let storm = all.iter().map(|(_, one)| one.dialled_per_s_max).fold(0.0, f64::max);
        let name = transport.map_or("tcp_baseline", Transport::label);
        let said = format!(
            "in {} trials {} clients were cut, {} of them came back, within {} at the worst trial's median, {} at its p99 and {} at \
             the most; {} updates were recovered, {} lost; up to {} connections a second; no update for up to {}",
            all.len(),
            sum(|one| one.cut),
            sum(|one| one.back),
            worst(|one| one.recover_ns_p50),
            worst(|one| one.recover_ns_p99),
            worst(|one| one.recover_ns_max),
            sum(|one| one.recovered),
            all.iter().map(|(trial, _)| trial.audit.lost).sum::<u64>(),
            storm.round(),
            worst(|one| one.silence_ns_max),
        );
        let name = format!("{kill} killed, {name}");
        print::err(&format!("{name}: {said}"));
        environment.notes.insert(name, said);
    }
    environment
}

/// A bar on a terminal, a line for each trial elsewhere.
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
            print::err(&format!("{}: {}, about {} in all", plan.scenario.name, plan.count(), rough(plan.estimate())));
        }
        Self { bar, trials, is_terminal }
    }

    fn begin(&self, which: TrialId<'_>, done: usize) {
        self.bar.set_position(done as u64);
        let point = &which.point.point;
        let (label, round) = (which.subject.label(), which.round);
        // What a feed will be measured at is not known yet.
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
        self.tell(trial, number, "; it is done again");
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
