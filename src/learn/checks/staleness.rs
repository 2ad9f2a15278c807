//! `staleness`: from due and arrival times, compute how late updates are, and how old what is shown is.

use std::ffi::OsString;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::learn::fault::{Code, Stop, fail};
use crate::learn::messages::quote;
use crate::learn::questions::Questions;
use crate::learn::session::Progress;
use crate::measure::delivery::{Delivery, Due, Window, age, stale};
use crate::units::Nanos;

/// The relative error that a figure may have.
const SHARE_OFF_MAX: f64 = 0.01;

/// Due and arrival time of each update, in milliseconds; `None` if it never arrived.
type Trace = Vec<(u64, Option<u64>)>;

struct Figures {
    p50_ms: f64,
    p99_ms: f64,
    mean_age_ms: f64,
    stale_share: f64,
}

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let mut questions = Questions::start(command)?;
    let mut random = ChaCha8Rng::seed_from_u64(2);
    // Two updates, the first at once, the second 600 ms late.
    let by_hand: Trace = vec![(0, Some(0)), (1000, Some(1600))];
    let polled: Trace = (0..400).map(|index| (index * 250, Some((index * 250 / 2000 + 1) * 2000))).collect();
    let streamed: Trace = (0..300).map(|index| (index * 100, Some(index * 100 + random.random_range(1..9)))).collect();
    let tailed: Trace = (0..500)
        .map(|index| (index * 50, Some(index * 50 + if index % 50 == 7 { 900 } else { 3 + index % 5 })))
        .collect();
    let lossy: Trace = (0..200).map(|index| (index * 100, (index % 7 != 3).then_some(index * 100 + 40))).collect();
    let traces = [
        ("two updates that can be done by hand", by_hand, 2000),
        ("polling every 2 s, four updates a second", polled, 100_000),
        ("a stream", streamed, 30_000),
        ("a stream with a long tail, in which updates overtake one another", tailed, 26_000),
        ("a stream in which some updates never arrive", lossy, 20_000),
    ];
    for (name, trace, end) in traces {
        say(Progress::StageStarted(name));
        one(&mut questions, name, &trace, end).await?;
        say(Progress::StagePassed);
    }
    Ok(())
}

/// The right answer for a trace, by the functions that the load generator uses.
fn figures(trace: &Trace, end_ms: u64) -> Figures {
    let at = |ms: u64| Nanos(ms * Nanos::MILLI.0);
    let due: Vec<Due> =
        (1..).zip(trace).map(|(seq, (due, _))| Due { seq, at_ns: at(*due), published_ns: None }).collect();
    let mut deliveries: Vec<Delivery> = (1..)
        .zip(trace)
        .filter_map(|(seq, (due, arrived))| {
            Some(Delivery { seq, at_ns: at(*due), arrived_ns: at((*arrived)?), bytes: 0 })
        })
        .collect();
    deliveries.sort_by_key(|delivery| delivery.arrived_ns);
    let mut late: Vec<u64> = deliveries.iter().map(|one| one.arrived_ns.saturating_sub(one.at_ns).0).collect();
    late.sort_unstable();
    let rank = |share: f64| late[(share * late.len() as f64).ceil() as usize - 1] as f64 / Nanos::MILLI.0 as f64;
    let window = Window { start: deliveries[0].arrived_ns, end: at(end_ms) };
    let (area, covered) = age(&deliveries, window);
    Figures {
        p50_ms: rank(0.50),
        p99_ms: rank(0.99),
        mean_age_ms: area / covered.0 as f64 / Nanos::MILLI.0 as f64,
        stale_share: stale(&deliveries, &due, window).0 as f64 / window.length().0 as f64,
    }
}

async fn one(questions: &mut Questions, name: &str, trace: &Trace, end: u64) -> Result<(), Stop> {
    let answer = questions.ask(&json!({"trace": trace, "end": end})).await?;
    let Figures { p50_ms, p99_ms, mean_age_ms, stale_share } = figures(trace, end);
    let wanted = [
        ("p50_ms", p50_ms, "the latency of rank ceil(0.5 n) among those of the updates that arrived, sorted"),
        ("p99_ms", p99_ms, "the latency of rank ceil(0.99 n), sorted"),
        (
            "mean_age_ms",
            mean_age_ms,
            "now minus when the newest update held was due, averaged over time from the first arrival to the end; it grows between arrivals",
        ),
        (
            "stale_share",
            stale_share,
            "the share of that time, not of the updates, in which a newer update was already due than the newest held",
        ),
    ];
    for (key, right, meaning) in wanted {
        let Some(answered) = answer.get(key).and_then(Value::as_f64) else {
            let sentence = format!("your answer has no number `{key}`: {}", quote(&answer.to_string()));
            return fail(Code::WrongAnswer, sentence);
        };
        if (answered - right).abs() > right.abs() * SHARE_OFF_MAX + 1e-6 {
            let sentence = format!("{name}: {key} is {answered:.4}; the lab finds {right:.4}: {meaning}");
            return fail(Code::WrongAnswer, sentence);
        }
    }
    Ok(())
}
