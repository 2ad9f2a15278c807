//! What changed between two runs.

use crate::report::findings::compare::{
    Calibration, Caveat, Comparison, Condition, Delta, Fact, NotCompared, Outcome, Side, Which,
};
use crate::report::text::wording::{
    change, change_interval, counted, feed_words, gibibytes, listed, moment, run_reason, whole,
};
use crate::run::drift::Drift;

/// The outcome of a metric, as a label.
pub(crate) fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Worse => "worse",
        Outcome::Better => "better",
        Outcome::Changed => "changed",
        Outcome::Chance => "within noise ¹",
        Outcome::Small => "within noise ²",
        Outcome::WithinNoise => "within noise",
        Outcome::NotComparable(NotCompared::NotMeasured) => "not measured in both",
        Outcome::NotComparable(NotCompared::OneRound) => "single round, so noise is unknown",
        Outcome::NotComparable(NotCompared::WasZero) => "zero before",
    }
}

/// The result: what changed, the worst first, or that nothing changed.
pub(crate) fn comparison_headline(comparison: &Comparison) -> String {
    if comparison.is_empty() {
        return "Nothing can be compared: the two runs have no row in common.".to_owned();
    }
    if comparison.judged() == 0 {
        let is_single = comparison.count(&[Outcome::NotComparable(NotCompared::OneRound)]) > 0;
        let why = if is_single {
            ": a single round does not show how much results vary; repeat with --rounds 3 or more"
        } else {
            ""
        };
        return format!("Nothing can be judged{why}.");
    }
    let did = |outcome| match outcome {
        Outcome::Worse => "got worse",
        Outcome::Better => "got better",
        Outcome::Changed => "changed, which is neither good nor bad",
        Outcome::Chance | Outcome::Small | Outcome::WithinNoise | Outcome::NotComparable(_) => "did not change",
    };
    let counts = Outcome::DIFFERENT.map(|outcome| (comparison.count(&[outcome]), did(outcome)));
    let mut present = counts.into_iter().filter(|(count, _)| *count > 0);
    let Some((count, what)) = present.next() else { return "Nothing changed beyond noise.".to_owned() };
    let first = format!("{} {what}", counted(count, "metric"));
    let rest = present.map(|(count, what)| format!("{count} {what}"));
    format!("{}.", listed(&std::iter::once(first).chain(rest).collect::<Vec<_>>()))
}

/// The smallest change that counts, and where that limit comes from.
pub(crate) fn calibration(comparison: &Comparison) -> String {
    const DEFAULT: &str = "the defaults apply: a change counts from 10 % for what depends on the machine, from 1 % for \
                           what the protocol sets";
    match &comparison.calibration {
        Calibration::None => {
            format!(
                "This machine is not calibrated, so {DEFAULT}; `loadgen calibrate` measures how much its runs differ."
            )
        }
        Calibration::OfAnother(machine) => format!(
            "The calibration is for another machine or build ({}, {}, {}, {}), so {DEFAULT}.",
            machine.host, machine.kernel, machine.processor, machine.profile
        ),
        Calibration::Used { runs, scenario, measured_at } => format!(
            "A change counts from the largest difference among {runs} runs of `{scenario}` on this machine ({}).",
            moment(measured_at)
        ),
    }
}

/// The result of a calibration: how much repeated runs differ, one line for each metric.
pub(crate) fn drift_lines(drift: &Drift) -> String {
    let head = format!("{} runs of `{}` differed by up to:\n", drift.runs, drift.scenario);
    let lines =
        drift.shares.iter().map(|(metric, share)| format!("  {:<34} {:>6.1} %\n", metric.label(), share * 100.0));
    std::iter::once(head).chain(lines).collect()
}

/// How many metrics were compared, and how many of them are within noise or cannot be compared.
pub(crate) fn comparison_rest(comparison: &Comparison) -> String {
    let counts = [
        (comparison.count(&Outcome::NOISE), "within noise"),
        (comparison.count(&Outcome::LACKING), "cannot be compared"),
    ];
    let named = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let named = listed(&named.collect::<Vec<_>>());
    let all = counted(comparison.transports().count(), "metric");
    if named.is_empty() { format!("{all} compared.") } else { format!("Of {all}: {named}.") }
}

/// Why a metric is within noise although its own interval excludes zero change.
pub(crate) fn outcome_explanation(comparison: &Comparison, outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Chance => Some(format!(
            "its own interval does not contain zero, but of {} metrics compared about {} do so by chance alone, and one \
             slow trial can dominate a tail percentile; repeat both runs, with more --rounds, to find out",
            comparison.judged(),
            comparison.by_chance()
        )),
        Outcome::Small => Some(
            "its own interval does not contain zero, but two runs of the same program differ by as much: times, CPU time and \
             memory by up to 10 %, a few milliseconds of CPU time by up to 25 %, requests and bytes by up to 1 %"
                .to_owned(),
        ),
        Outcome::Worse | Outcome::Better | Outcome::Changed | Outcome::WithinNoise | Outcome::NotComparable(_) => None,
    }
}

/// Name, metric, first, second, change, interval of the change, outcome: for a table.
pub(crate) fn delta_cells(delta: &Delta, runs: &[Side; 2]) -> [String; 7] {
    let nothing = || "–".to_owned();
    let value = |value: Option<f64>| value.map_or_else(nothing, |value| delta.metric.show(value));
    [
        runs[0].rows.name(delta.rows[0]),
        delta.metric.label().to_owned(),
        value(delta.before),
        value(delta.after),
        delta.share().map_or_else(nothing, change),
        delta.share_ci95().map_or_else(nothing, change_interval),
        outcome_label(delta.outcome).to_owned(),
    ]
}

/// A caveat: one sentence without a full stop.
pub(crate) fn caveat_sentence(caveat: &Caveat, runs: &[Side; 2]) -> String {
    match caveat {
        Caveat::Setting { setting, values } => {
            let each = |values: &Vec<f64>| listed(&values.iter().map(|value| setting.tick(*value)).collect::<Vec<_>>());
            let [first, second] = values.each_ref().map(each);
            differs(setting.label(), &first, &second)
        }
        Caveat::OnlyIn { run, rows } => {
            format!("only the {} run has {}", ordinal(*run), runs[run.index()].rows.names(rows))
        }
        Caveat::NotValid { run, verdict, reasons } => {
            let rows = &runs[run.index()].rows;
            let reasons: Vec<String> = reasons.iter().map(|reason| run_reason(reason, rows)).collect();
            format!("the {} run is {}: {}", ordinal(*run), verdict.label(), reasons.join("; "))
        }
        Caveat::CutShort { run } => format!("the {} run was cut short", ordinal(*run)),
        Caveat::Condition { condition, values } => {
            let [first, second] = values.each_ref().map(fact);
            differs(condition_name(*condition), &first, &second)
        }
        Caveat::RunSetting { name, values: [first, second] } => differs(name, first, second),
        Caveat::Noted { name, values } => {
            let [first, second] = values.each_ref().map(|value| value.as_deref().unwrap_or("not recorded"));
            differs(name, first, second)
        }
        Caveat::MachineChanged { metric, share } => format!(
            "the machine itself changed between the runs: the TCP baseline's {} differs by {}; the other changes may \
             be due to that, so repeat both runs",
            metric.label(),
            change(*share)
        ),
    }
}

fn differs(name: &str, first: &str, second: &str) -> String {
    format!("{name}: {first} in the first run, {second} in the second")
}

fn ordinal(run: Which) -> &'static str {
    match run {
        Which::First => "first",
        Which::Second => "second",
    }
}

fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Text(text) => text.clone(),
        Fact::Count(count) => whole(*count),
        Fact::Bytes(bytes) => gibibytes(*bytes),
        Fact::Feed(feed) => feed_words(feed),
    }
}

fn condition_name(condition: Condition) -> &'static str {
    match condition {
        Condition::Host => "host",
        Condition::Kernel => "kernel",
        Condition::Processor => "processor",
        Condition::Cores => "number of cores",
        Condition::Memory => "memory",
        Condition::Profile => "build profile",
        Condition::Compiler => "compiler",
        Condition::Scenario => "scenario",
        Condition::Feed => "feed",
    }
}
