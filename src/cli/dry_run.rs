//! What a run would do, as text for a terminal: `--dry-run`, the notes before a run, and the list of scenarios.

use serde_json::json;

use crate::cli::process::print_out;
use crate::limits;
use crate::load::plan::{Forecast, Note, Plan, PlanPoint};
use crate::load::run::order;
use crate::load::scenarios::Scenario;
use crate::print;
use crate::report::findings::thresholds::Expression;
use crate::report::findings::view::Setting;
use crate::report::text::wording::{counted, feed_words, listed, prose, short_length};
use crate::run::RunSettings;
use crate::run::file::Point;
use crate::units::{grouped, rough};

/// Lines of the order that are printed; the rest is shuffled in the same way.
const ORDER_SHOWN_MAX: usize = 60;
/// Column of the text after a scenario's name.
const INDENT: usize = 13;

/// The percentiles that a run must be able to estimate: the report's, and those of the conditions.
pub fn percentiles(conditions: &[Expression]) -> Vec<f64> {
    let mut shares: Vec<f64> = conditions.iter().filter_map(Expression::percentile).chain([0.99]).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    shares
}

/// Prints the plan.
pub fn print(plan: &Plan, shares: &[f64]) -> anyhow::Result<()> {
    print_out(&text(plan, shares)?)
}

/// Prints what the run will be unable to show, before it begins.
pub fn print_notes(plan: &Plan, shares: &[f64]) -> anyhow::Result<()> {
    for note in plan.notes(shares)? {
        print::err(&format!("note: {}", words(&note)));
    }
    Ok(())
}

/// Prints every scenario: its question, what it compares, and how long that takes.
pub fn scenarios(is_json: bool) -> anyhow::Result<()> {
    let mut plans = Vec::new();
    for scenario in Scenario::all() {
        // Nothing is run here, so the limit on open files does not matter.
        plans.push(Plan::sketch(scenario?, RunSettings::default())?);
    }
    if is_json {
        let of = |plan: &Plan| {
            json!({
                "name": plan.scenario.name,
                "question": plan.scenario.question,
                "compares": compares(plan),
                "trials": plan.trials(),
                "seconds": plan.estimate().seconds().round(),
            })
        };
        let list: Vec<_> = plans.iter().map(of).collect();
        return print_out(&format!("{:#}\n", serde_json::Value::Array(list)));
    }
    let of = |plan: &Plan| {
        let takes = rough(plan.estimate());
        format!(
            "{:<INDENT$}{}\n{:INDENT$}{}; about {takes}\n",
            plan.scenario.name,
            plan.scenario.question,
            "",
            compares(plan)
        )
    };
    print_out(&plans.iter().map(of).collect::<String>())
}

/// "all four transports at 0.2, 1, 5, 20 and 200 updates/s, 2 rounds".
fn compares(plan: &Plan) -> String {
    let transports = match plan.scenario.transports.as_slice() {
        all if all.len() == crate::run::Transport::ALL.len() => "all four transports".to_owned(),
        some => listed(&some.iter().map(|one| prose(*one).to_owned()).collect::<Vec<_>>()),
    };
    let swept: Vec<String> = varied(&plan.points).into_iter().map(|setting| values(plan, setting)).collect();
    let at = if swept.is_empty() { String::new() } else { format!(" over {}", listed(&swept)) };
    format!("{transports}{at}; {}", counted(plan.scenario.rounds as usize, "round"))
}

/// The settings that the points differ in.
fn varied(points: &[PlanPoint]) -> Vec<Setting> {
    let differs = |setting: &&Setting| points.iter().any(|point| setting.differs(&point.point, &points[0].point));
    Setting::ALL.iter().copied().filter(|setting| differs(&setting)).collect()
}

/// "updates a second: 0.2, 1, 5, 20, 200".
fn values(plan: &Plan, setting: Setting) -> String {
    let mut values: Vec<f64> = plan.points.iter().map(|point| setting.of(&point.point)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let ticks: Vec<String> = values.into_iter().map(|value| setting.tick(value)).collect();
    format!("{} ({})", setting.label(), ticks.join(", "))
}

fn text(plan: &Plan, shares: &[f64]) -> anyhow::Result<String> {
    let files = plan.open_files();
    let clients = plan.points.iter().map(|point| point.point.clients).max().unwrap_or_default();
    let mut lines = vec![
        format!("{}: {}", plan.scenario.name, plan.scenario.question),
        format!("compares: {}", compares(plan)),
        match &plan.target {
            Some(url) => format!("server: {url}, which decides what is published"),
            None if plan.is_observed() => "feed: what the target publishes".to_owned(),
            None => format!("feed: {}", feed_words(&plan.scenario.feed)),
        },
        format!(
            "takes about {}: {} in {}",
            rough(plan.estimate()),
            plan.count(),
            counted(plan.scenario.rounds as usize, "round")
        ),
        format!(
            "clients: {} at the same time; {} open files on each side, of {} allowed",
            grouped(clients.into()),
            grouped(files.needed as i64),
            grouped(i64::try_from(files.allowed).unwrap_or(i64::MAX))
        ),
        String::new(),
    ];
    let varied = varied(&plan.points);
    for (number, (point, forecast)) in plan.points.iter().zip(plan.forecasts()?).enumerate() {
        lines.push(format!("point {}: {}", number + 1, point_title(&point.point, &varied)));
        lines.push(format!("  {}", point_line(plan, &point.point, &forecast)));
    }
    lines.extend([String::new(), format!("order (--seed {}):", plan.scenario.seed)]);
    let order = order(plan);
    for (number, trial) in order.iter().take(ORDER_SHOWN_MAX).enumerate() {
        let point = if plan.points.len() > 1 { format!(", point {}", trial.point_index + 1) } else { String::new() };
        lines.push(format!("  {:>3}  round {}{point}: {}", number + 1, trial.round, trial.subject.label()));
    }
    if order.len() > ORDER_SHOWN_MAX {
        lines.push(format!("       and {} more", grouped((order.len() - ORDER_SHOWN_MAX) as i64)));
    }
    let notes: Vec<String> = plan.notes(shares)?.iter().map(|note| format!("note: {}", words(note))).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    Ok(lines.join("\n") + "\n")
}

fn point_title(point: &Point, varied: &[Setting]) -> String {
    let usual = [Setting::Clients, Setting::Rate, Setting::Payload, Setting::PollInterval];
    // For a server that is already running, neither is known.
    let is_known = |setting: Setting| point.rate_per_s > 0.0 || ![Setting::Rate, Setting::Payload].contains(&setting);
    let is_shown = |one: &&Setting| (usual.contains(one) || varied.contains(one)) && is_known(**one);
    let shown = Setting::ALL.iter().filter(is_shown);
    shown.map(|setting| setting.phrase(setting.of(point))).collect::<Vec<_>>().join(", ")
}

/// "warm-up 1 s, measured 2.4 s with 17 updates: 2,550 deliveries a transport; a trial takes 3.7 s to 4.4 s".
fn point_line(plan: &Plan, point: &Point, forecast: &Forecast) -> String {
    let lengths = || forecast.trials.iter().map(|(_, length)| *length);
    let (shortest, longest) = (lengths().min().unwrap_or_default(), lengths().max().unwrap_or_default());
    let takes = match shortest == longest {
        true => format!("{longest}"),
        false => format!("{shortest} to {longest}"),
    };
    let held = match (forecast.updates, forecast.deliveries, point.echo) {
        (Some(updates), Some(deliveries), None) => format!(
            " with {}: {} of each transport",
            counted(updates as usize, "update"),
            plural(deliveries, "delivery", "deliveries")
        ),
        (Some(_), Some(messages), Some(_)) => format!(": {} each way", plural(messages, "message", "messages")),
        (None, _, _) | (_, None, _) => String::new(),
    };
    let (warm_up, measure) = (short_length(plan.scenario.warm_up_ns), short_length(plan.measure_at(point)));
    format!("warm-up {warm_up}, measured {measure}{held}; a trial takes about {takes}")
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count as i64), if count == 1 { one } else { many })
}

/// The text of a note, with what to do.
fn words(note: &Note) -> String {
    match note {
        Note::FewRounds(1) => {
            format!("one round: transports cannot be ranked; use --rounds {}", limits::ROUNDS_TO_RANK)
        }
        Note::FewRounds(rounds) => format!(
            "{rounds} rounds: small differences will show as \"no clear winner\"; use --rounds {} or more",
            limits::ROUNDS_TO_RANK
        ),
        Note::FewDeliveries { share, deliveries, wanted, points, rounds } => {
            let where_at = if *points > 1 { format!(" at {points} of the points") } else { String::new() };
            let enough = rounds.map_or_else(String::new, |rounds| format!("--rounds {rounds}, "));
            format!(
                "{} will rest on {}{where_at}: fewer than {} of them lie beyond it, and {} should; \
                 use {enough}a longer --measure, or more --clients",
                percentile(*share),
                plural(*deliveries, "delivery", "deliveries"),
                beyond(*share, *deliveries),
                grouped((*wanted as f64 * (1.0 - share)).round() as i64),
            )
        }
        Note::FewPolls { measure, poll_interval } => format!(
            "each client polls less than once in the measured interval of {measure}; use --measure {} or more",
            short_length(*poll_interval).replace(' ', "")
        ),
        Note::FeedUnknown => "the server at --target decides how many updates each interval contains".to_owned(),
    }
}

/// How many of `deliveries` lie beyond a percentile, rounded up.
fn beyond(share: f64, deliveries: u64) -> String {
    grouped(((1.0 - share) * deliveries as f64).floor() as i64 + 1)
}

/// `p99`, `p99.9`.
fn percentile(share: f64) -> String {
    format!("p{}", (share * 1e4).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_printed_with_its_points_its_order_and_its_time() {
        let plan = Plan::sketch(Scenario::load("chatty").unwrap(), RunSettings::default()).unwrap();
        let text = text(&plan, &[0.99]).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("point ")).count(), plan.points.len());
        let trials = text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).count();
        assert_eq!(trials, plan.trials().min(ORDER_SHOWN_MAX));
        assert!(text.contains(&rough(plan.estimate())), "{text}");
    }

    #[test]
    fn percentiles_have_their_usual_names() {
        assert_eq!([0.5, 0.99, 0.999].map(percentile), ["p50", "p99", "p99.9"]);
        let conditions: Vec<Expression> =
            ["sse.latency_ns.p999 > 1ms", "lost > 0"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(percentiles(&conditions), [0.99, 0.999]);
    }
}
