//! The appendix for checking a run: every trial with its health and verdict, the machine, and the command that repeats
//! it.

use maud::{Markup, html};

use crate::report::findings::view::View;
use crate::report::html::scorecard::sign;
use crate::report::text::wording::{
    NOT_MEASURED, command_line, counted, feed_words, gibibytes, shown, surrounding, title, trial_reason,
};
use crate::run::file::{Run, Trial};
use crate::run::metric::Metric;
use crate::run::summary;
use crate::units::{grouped, three_digits};

/// The most trials in the table. A longer one would not be read, and the page has to stay small.
const TRIALS_SHOWN_MAX: usize = 250;

/// Every trial, in the order in which it was run.
pub(crate) fn trials(view: &View<'_>) -> Markup {
    let run = view.run;
    let has_points = view.points().len() > 1;
    html! {
        section #trials {
            h2 { "Trials" }
            p.lead { "In the order in which they ran: transports interleaved and shuffled in each round, on a server started fresh for each." }
            div.scroll tabindex="0" role="region" aria-label="Trials" {
                table.trials {
                    thead {
                        tr {
                            @for head in ["trial", "round"] { th scope="col" { (head) } }
                            @for head in ["transport", "verdict"] { th.word scope="col" { (head) } }
                            @if has_points { th.word scope="col" { "point" } }
                            @for head in [
                                "p50", "p99", "bytes / delivery", "CPU / delivery", "arrived", "lost", "generator lag p99",
                                "generator CPU", "generator waited", "host CPU", "missed ticks", "refused", "reconnects", "clock",
                            ] { th scope="col" { (head) } }
                        }
                    }
                    tbody {
                        @for (index, trial) in run.trials.iter().enumerate().take(TRIALS_SHOWN_MAX) {
                            (trial_row(view, index, trial, has_points))
                        }
                    }
                }
            }
            @if run.trials.len() > TRIALS_SHOWN_MAX {
                p.note { "The first " (TRIALS_SHOWN_MAX) " of " (run.trials.len()) " trials; run.json has all of them." }
            }
        }
    }
}

fn trial_row(view: &View<'_>, index: usize, trial: &Trial, has_points: bool) -> Markup {
    let metric = |metric: Metric| shown(metric.unit(), trial.metrics.get(metric).0);
    let percent = |share: f64| format!("{} %", three_digits(share * 100.0));
    let health = &trial.health;
    let clock = match (health.clock_offset_ns, health.clock_uncertainty_ns.0) {
        (0, 0) => "one host".to_owned(),
        (offset, _) => format!("{} ns ± {}", grouped(offset), health.clock_uncertainty_ns),
    };
    html! {
        tr {
            th scope="row" { (index + 1) }
            td { (trial.round) }
            td.word { (title(trial.transport)) }
            td class=(format!("word {}", trial.verdict.label())) {
                (sign(trial.verdict)) " " (trial.verdict.label())
                @for reason in &trial.reasons { span.reason { (trial_reason(reason)) } }
            }
            @if has_points { td.word { (view.point_title(trial.point_index)) } }
            @for one in [Metric::LatencyP50, Metric::LatencyP99, Metric::WireTotal, Metric::ServerCpu] { td { (metric(one)) } }
            td { (grouped(trial.arrived as i64)) }
            td { (grouped(trial.audit.lost as i64)) }
            td { (health.schedule_lag_ns_p99) }
            td { (percent(health.cpu_fraction)) }
            td { (health.wait_fraction.0.map_or("—".to_owned(), percent)) }
            td { (percent(health.host_cpu_fraction)) }
            @for count in [health.missed_ticks, health.refused, health.reconnects] { td { (grouped(count as i64)) } }
            td { (clock) }
        }
    }
}

/// The machine, the program and the command that repeats the run.
pub(crate) fn environment(run: &Run) -> Markup {
    let environment = &run.environment;
    let scenario = &run.scenario;
    let memory = gibibytes(environment.memory_bytes);
    let facts = [
        ("host", environment.host.clone()),
        ("kernel", environment.kernel.clone()),
        (
            "processor",
            format!("{}, {} for the run", environment.processor, counted(environment.cores as usize, "core")),
        ),
        ("memory", memory),
        ("pushpull", format!("{} at {}, {} build", environment.version, environment.commit, environment.profile)),
        ("compiler", environment.rustc.clone()),
        ("feed", feed_words(&scenario.feed)),
        ("lengths", format!("warm-up {}, measured {}, run {}", scenario.warm_up_ns, scenario.measure_ns, run.took_ns)),
        ("seed", scenario.seed.to_string()),
    ];
    let measured: Vec<(String, String)> = summary::surroundings(run).iter().map(surrounding).collect();
    // Older run files have these as notes, too.
    let is_measured = |name: &str| measured.iter().any(|(measured, _)| measured == name);
    let said = |text: &str| if text.is_empty() { NOT_MEASURED.to_owned() } else { text.to_owned() };
    html! {
        section #environment {
            h2 { "Environment" }
            dl.facts {
                @for (name, value) in &facts { div { dt { (name) } dd { (said(value)) } } }
                @for (name, value) in environment.notes.iter().filter(|(name, _)| !is_measured(name)) {
                    div { dt { (name) } dd { (said(value)) } }
                }
                @for (name, value) in &measured { div { dt { (name) } dd { (value) } } }
            }
            h2 { "Repeat this run" }
            pre.scroll tabindex="0" { code { (command_line(&environment.command)) } }
        }
    }
}
