//! Writes every sentence to the golden file, for review: each variant of each finding at least once.
//!
//! Over 400 lines: one list of all findings.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::report::findings::claims::{Claim, Cost, EffortRatios, Evidence, Gain, Growth, Holding, Measured};
use crate::report::findings::compare::{Caveat, Condition, Fact, Outcome, Which, compare, compare_calibrated};
use crate::report::findings::crossover::{BestAt, Change, Changes, Compared, Lowest, Relation};
use crate::report::findings::effects::Effect;
use crate::report::findings::memory::PerClient;
use crate::report::findings::ranking::{NoRanking, Ranking, Winner};
use crate::report::findings::recommendation::{Recommendation, TransportFigure};
use crate::report::findings::rows::Rows;
use crate::report::findings::turns::{Turn, Verdict as Turned};
use crate::report::findings::view::{Drawn, Setting, View};
use crate::run::Arrivals;
use crate::run::drift::Drift;
use crate::run::failover::{FailoverReport, Kill};
use crate::run::file::{Effort, PublishedFeed, Run, Verdict};
use crate::run::metric::Metric;
use crate::run::path::report::PacketCounts;
use crate::run::proxy::Proxy;
use crate::run::reason::tests::every_cause;
use crate::run::reason::{Cause, Reason, RowId};
use crate::run::summary::{Failover, Over, Surrounding, Took, Wait};
use crate::run::threshold::Threshold;
use crate::run::threshold::tests::every_finding;
use crate::run::withheld::{Why, Withheld};
use crate::run::{Protocol, Transport};
use crate::run::{fake, fixture};
use crate::stats::Difference;
use crate::units::Nanos;

/// Headings and the sentences below them.
#[derive(Default)]
struct Golden(String);

impl Golden {
    fn heading(&mut self, text: &str) {
        let blank = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{blank}# {text}\n");
    }

    fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.0, "{}", text.as_ref());
    }
}

#[test]
fn every_wording_is_in_the_golden_file() {
    let mut golden = Golden::default();
    write_reasons(&mut golden);
    write_withheld(&mut golden);
    write_memory(&mut golden);
    write_calibrations(&mut golden);
    write_rankings(&mut golden);
    write_recommendations(&mut golden);
    write_crossovers(&mut golden);
    write_claims(&mut golden);
    write_thresholds(&mut golden);
    write_comparisons(&mut golden);
    write_failovers(&mut golden);
    write_surroundings(&mut golden);
    write_turns(&mut golden);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/text/wording/golden.txt");
    if std::env::var_os("PUSHPULL_BLESS").is_some() {
        std::fs::write(&file, &golden.0).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let differing = known.lines().zip(golden.0.lines()).find(|(known, now)| known != now);
    assert_eq!(
        differing, None,
        "left: the file, right: the words now; read them, then write the file with PUSHPULL_BLESS=1"
    );
    assert_eq!(
        known.lines().count(),
        golden.0.lines().count(),
        "read the new words, then write the file with PUSHPULL_BLESS=1"
    );
}

fn sse(point_index: usize) -> RowId {
    RowId { transport: Some(Transport::Sse), point_index }
}

fn write_reasons(golden: &mut Golden) {
    golden.heading("Why a trial is not valid");
    every_cause().into_iter().for_each(|cause| golden.line(trial_reason(&cause.into())));
    golden.heading("Why a row is not valid");
    let mut run = fixture::run(|_, _| 1.0);
    let reason = |rounds: &[u32], cause: Cause| Reason { rounds: rounds.to_vec(), ..cause.into() };
    let busy = Cause::HostBusy { fraction: 0.97 };
    run.summary[0].reasons = vec![reason(&[], busy.clone()), reason(&[2], busy.clone()), reason(&[1, 3], busy.clone())];
    row_reasons(&run.summary[0]).iter().for_each(|one| golden.line(one));
    golden.heading("Why a run is not valid");
    let rows = Rows::of(&run);
    let baseline = RowId { transport: None, point_index: 0 };
    let transports = rows.ids().filter(|row| row.transport.is_some()).collect::<Vec<_>>();
    for (held, rounds) in [
        (vec![sse(1)], &[2][..]),
        (vec![sse(0), sse(1), baseline], &[]),
        (transports, &[1, 2]),
        (rows.ids().collect(), &[]),
        (vec![], &[]),
    ] {
        golden.line(run_reason(&Reason { rows: held, ..reason(rounds, busy.clone()) }, &rows));
    }
}

fn write_calibrations(golden: &mut Golden) {
    golden.heading("The smallest change that counts");
    let run = fixture::run(|_, _| 1.0);
    let mut drift = Drift::of(&[run.clone(), run.clone()]).unwrap();
    for known in [None, Some(&drift)] {
        golden.line(calibration(&compare_calibrated(&run, &run, known)));
    }
    drift.machine.host = "other".to_owned();
    golden.line(calibration(&compare_calibrated(&run, &run, Some(&drift))));
    drift.shares.retain(|metric, _| *metric == Metric::ServerCpu);
    golden.line(drift_lines(&drift).trim_end());
}

fn write_memory(golden: &mut Golden) {
    golden.heading("Memory per client");
    let growth = |transport, bytes: f64| PerClient {
        transport,
        bytes,
        ci95: [bytes * 0.97, bytes * 1.03],
        client_counts: vec![10, 100, 10_000],
    };
    let found = [growth(Transport::Sse, 11_264.0), growth(Transport::WebSocket, 8_192.0)];
    let said = memory_growth(&View::new(&fake::quick()), &found);
    golden.line(said.unwrap_or_default());
}

fn write_withheld(golden: &mut Golden) {
    golden.heading("Why a figure is not shown");
    let whys = [
        Why::FewBeyond { beyond: 9 },
        Why::FewTrials { trials: 1 },
        Why::FewTrials { trials: 2 },
        Why::FewClients { clients: 50 },
        Why::ClockUncertain { uncertainty_ns: Nanos(120_000) },
    ];
    whys.into_iter().for_each(|one| golden.line(why(one)));
    let mut run = fake::quick();
    let hidden = |metric, why| Withheld { metric, why };
    for row in run.summary.iter_mut().chain(&mut run.tcp_baseline) {
        row.withheld = vec![hidden(Metric::ServerRss, whys[3])];
    }
    run.summary[1].withheld.push(hidden(Metric::LatencyP99, whys[1]));
    withheld_lines(&View::new(&run), 0, Metric::ALL).iter().for_each(|line| golden.line(line));
}

fn write_rankings(golden: &mut Golden) {
    let run = fake::quick();
    let view = View::new(&run);
    let difference =
        |ratio: f64| Difference { ratio, ci95: [ratio * 0.95, ratio * 1.05], is_clear: true, p_value: 0.01 };
    let others = |ranking: Ranking| Ranking { behind: vec![(Transport::Polling, difference(8.1))], ..ranking };
    let base = Ranking {
        best: Transport::Sse,
        tied: Vec::new(),
        inconclusive: Vec::new(),
        behind: Vec::new(),
        above_none: Vec::new(),
        unjudged: Vec::new(),
        explained: Vec::new(),
        withheld: Vec::new(),
        missing: Vec::new(),
        invalid: Vec::new(),
        rounds: 3,
    };
    let others_of_all = [Transport::Polling, Transport::LongPolling, Transport::WebSocket];
    let websocket = |factor| vec![(Transport::WebSocket, factor)];
    let rankings = [
        base.clone(),
        others(base.clone()),
        Ranking { behind: vec![(Transport::LongPolling, difference(1.2))], ..base.clone() },
        others(Ranking { tied: websocket(Some(1.04)), ..base.clone() }),
        others(Ranking { tied: websocket(None), ..base.clone() }),
        Ranking { tied: others_of_all.map(|one| (one, Some(1.04))).to_vec(), ..base.clone() },
        others(Ranking { inconclusive: vec![(Transport::WebSocket, 1.3)], ..base.clone() }),
        Ranking { inconclusive: others_of_all.map(|one| (one, 4.4)).to_vec(), ..base.clone() },
        Ranking { unjudged: vec![Transport::WebSocket], rounds: 1, ..base.clone() },
        others(Ranking {
            inconclusive: vec![(Transport::WebSocket, 1.3)],
            explained: vec![Transport::WebSocket],
            withheld: vec![(Transport::LongPolling, Why::FewTrials { trials: 1 })],
            ..base.clone()
        }),
        Ranking { above_none: vec![(Transport::Polling, 250.0)], ..base.clone() },
        Ranking { missing: vec![Transport::LongPolling], invalid: vec![Transport::Polling], ..base.clone() },
    ];
    for metric in [Metric::LatencyP50, Metric::RequestsPerDelivery] {
        let question = Question::of(metric).unwrap();
        golden.heading(&format!("Which is lowest: {}", question.asked(&view)));
        for ranking in &rankings {
            let (headline, detail) = (ranking_headline(&view, ranking), ranking_detail(&view, 0, question, ranking));
            golden.line(format!("{headline} | {} | {detail}", ranking_cell(&view, ranking)));
        }
    }
    golden.heading("How much more");
    for metric in [Metric::LatencyP99, Metric::AgeMean, Metric::WireTotal, Metric::RequestsPerDelivery] {
        golden.line(above(Drawn::Metric(metric), 8.1, [7.9, 8.4], "SSE"));
    }
    for metric in [Metric::ServerCpu, Metric::ServerRss, Metric::ConnectP50] {
        golden.line(above(Drawn::Metric(metric), 1.5, [1.4, 1.6], "SSE"));
    }
    golden.line(above(Drawn::Overhead, 1.5, [1.5, 1.5], "SSE"));
    golden.heading("Notes below the answers");
    let none = [NoRanking::NothingUsable, NoRanking::OneRound, NoRanking::OneUsableRound];
    none.into_iter().for_each(|why| golden.line(no_ranking_because(why)));
    golden.line(rounds_advice(&view));
    golden.line(few_clients());
    golden.line(suspects(&view, 0, &[Transport::Polling]));
    golden.line(suspects(&view, 0, &[Transport::Polling, Transport::Sse]));
    golden.line(unanswered(&view, 0, Metric::ServerCpu));
    let mut invalid = fake::quick();
    invalid.summary.iter_mut().for_each(|row| row.verdict = Verdict::Invalid);
    golden.line(unanswered(&View::new(&invalid), 0, Metric::ServerCpu));
}

fn write_recommendations(golden: &mut Golden) {
    golden.heading("Which transport to use");
    let of = |transport, value| TransportFigure { transport, value };
    let [polling, sse, websocket] = [Transport::Polling, Transport::Sse, Transport::WebSocket];
    let best = of(websocket, 302.0);
    let base = Recommendation {
        point: fake::point(),
        fastest: vec![of(websocket, 3.9e5), of(sse, 4e5)],
        is_open: false,
        slowest: Some(of(polling, 4.9e8)),
        between: Some([best, of(sse, 328.0)]),
        cheaper: Some((of(polling, 249.0), 4.9e8, best)),
        dearer: vec![(of(Transport::LongPolling, 617.0), 1e6, best)],
        same_bytes_rate: Some((4.2, websocket)),
    };
    let nothing = Recommendation {
        slowest: None,
        between: None,
        cheaper: None,
        dearer: Vec::new(),
        same_bytes_rate: None,
        ..base.clone()
    };
    let dear = Recommendation { cheaper: None, is_open: true, fastest: vec![of(sse, 4e5)], ..base.clone() };
    for found in [base, dear, nothing] {
        golden.line(recommendation_sentences(&found).join(" "));
    }
}

fn write_crossovers(golden: &mut Golden) {
    let run = fake::sweep_over_rate();
    let view = View::new(&run);
    let pair = [Transport::Polling, Transport::LongPolling];
    golden.heading("How a pair changes along a sweep");
    let crossing = Change::Crossing { pair, lower_before: pair[1], near: 0.71, between: [0.5, 1.0] };
    let merging = Change::Merging { pair, lower_before: pair[1], from: 100.0, within: 1.1 };
    for setting in [Setting::Rate, Setting::Clients, Setting::Payload] {
        for found in [Changes::Some(vec![crossing, merging]), Changes::None, Changes::NoneClear, Changes::NotComparable]
        {
            changes_along(&view, setting, &found).iter().for_each(|one| golden.line(one));
        }
    }
    golden.heading("Which is lowest at the ends of a sweep");
    let lowest = |at, leaders: &[Transport], winner| Lowest { at, leaders: leaders.to_vec(), winner };
    let [two, one] = [&[Transport::Sse, Transport::WebSocket][..], &[Transport::Sse]];
    let ends = [
        lowest(0.2, one, Winner::Clear),
        lowest(1.0, two, Winner::Tied(Some(1.1))),
        lowest(2.0, two, Winner::Inconclusive(Some(2.0))),
        lowest(5.0, &Transport::ALL, Winner::Inconclusive(None)),
        lowest(20.0, one, Winner::Unopposed),
        lowest(200.0, one, Winner::Clear),
    ];
    for pair in ends.windows(2).map(|pair| [pair[0].clone(), pair[1].clone()]) {
        golden.line(ends_of_sweep(&view, Setting::Rate, &pair));
    }
    golden.line(ends_of_sweep(&view, Setting::Rate, &[ends[0].clone(), ends[5].clone()]));
    golden.heading("Which is lowest at values without an order, and where each is lowest");
    golden.line(lowest_by_category(&view, Setting::Rate, &ends).unwrap());
    let best = [(Transport::Polling, Some(0)), (Transport::WebSocket, Some(1)), (Transport::Sse, None)];
    let best = best.map(|(transport, point)| BestAt { transport, point });
    for all in [&best[..], &best[..1], &best[2..]] {
        golden.line(best_by_category(&view, Setting::Rate, all).unwrap());
    }
    golden.heading("How two compare at one point");
    let relations = [
        Relation::Equal(1.04),
        Relation::Inconclusive { rounds: 3, factor: 4.4 },
        Relation::Ratio { ratio: 8.1, ci95: [7.9, 8.4] },
        Relation::Ratio { ratio: 1.2, ci95: [1.15, 1.25] },
        Relation::Shares { shares: [0.958, 0.88], apart: [0.07, 0.086] },
    ];
    for relation in relations {
        let found = Compared { at: 5.0, pair, relation };
        golden.line(compared_at(&view, Setting::Rate, Drawn::Metric(Metric::LatencyP50), &found));
    }
}

fn write_surroundings(golden: &mut Golden) {
    golden.heading("The surroundings of a run");
    let ms = |ms: u64| Nanos(ms * Nanos::MILLI.0);
    let over = Over { protocol: Protocol::Https1, round_trip_ns: ms(50) };
    let took = |count| Some(Took { count, ns_p50: ms(2), ns_p99: ms(6) });
    let wait =
        Wait { transport: Some(Transport::Polling), ns_p50: ms(1), ns_p99: ms(3), ns_max: ms(9), streams_max: 49 };
    let cpu_ns = || vec![(None, Nanos(900)), (Some(Transport::Sse), Nanos(1_700))];
    let packets = PacketCounts { packets_in: 20_000, lost: 190, queue_dropped: 12, ..PacketCounts::default() };
    let failover =
        |cut| Failover { kill: Kill::Node, trials: 2, report: report_of_kill(cut, cut), ..Failover::default() };
    let agent = |lost| Surrounding::Agent {
        name: "agent-1".to_owned(),
        clients_max: 19_000,
        trials: 6,
        lost,
        clock_uncertainty_ns: ms(1),
        skew_ns: ms(2),
    };
    let all = [
        Surrounding::Link { asked_ns: ms(50), gave_ns_p50: ms(51), gave_ns_p99: ms(53), trials: 9 },
        Surrounding::Path {
            settings: "rtt=50ms,loss=1%".parse().unwrap(),
            round_trip_ns_p50: ms(51),
            round_trip_ns_p99: ms(60),
            trials: 9,
            packets,
            retransmitted: 77,
            relay_ns_per_packet: Nanos(12_000),
        },
        Surrounding::Handshakes { over, full: took(20), resumed: None },
        Surrounding::Handshakes { over: Over { round_trip_ns: Nanos::ZERO, ..over }, full: None, resumed: took(1_400) },
        Surrounding::Sharing { over, clients: 50, waits: vec![wait, Wait { transport: None, ..wait }] },
        Surrounding::Proxy { proxy: Proxy::Nginx, software: "nginx/1.22.1".to_owned(), cpu_ns: cpu_ns() },
        Surrounding::Log {
            nodes: 2,
            software: "nats-server/2.9.10".to_owned(),
            cpu_ns: cpu_ns(),
            resident_bytes: 30_000_000,
            connections: [12, 24],
        },
        Surrounding::Failover(failover(0)),
        Surrounding::Failover(failover(50)),
        agent(0),
        agent(1),
        Surrounding::Repeated { trials: 3, others_fraction_max: 0.18 },
    ];
    for (name, text) in all.iter().map(surrounding) {
        golden.line(format!("{name}: {text}"));
    }
}

/// What a kill that disconnected so many clients did.
fn report_of_kill(cut: u64, back: u64) -> FailoverReport {
    FailoverReport {
        cut,
        back,
        recover_ns_p50: Nanos(60 * Nanos::MILLI.0),
        recover_ns_p99: Nanos(1_030 * Nanos::MILLI.0),
        recover_ns_max: Nanos(1_100 * Nanos::MILLI.0),
        recovered: 54,
        dialled_per_s_max: 80.0,
        silence_ns_max: Nanos(140 * Nanos::MILLI.0),
        ..FailoverReport::default()
    }
}

fn write_failovers(golden: &mut Golden) {
    let run = fake::quick();
    let view = View::new(&run);
    golden.heading("The effect of a kill");
    let failover = |transport, cut, back, lost| Failover {
        kill: Kill::Node,
        transport,
        trials: 2,
        lost,
        report: report_of_kill(cut, back),
    };
    let [polling, sse] = [Some(Transport::Polling), Some(Transport::Sse)];
    let all = [
        [failover(polling, 50, 50, 0), failover(sse, 1, 1, 0)],
        [failover(polling, 50, 48, 2), failover(sse, 50, 50, 1)],
        [failover(polling, 0, 0, 0), failover(sse, 0, 0, 0)],
        [failover(None, 1, 1, 0), failover(sse, 0, 0, 1)],
    ];
    for both in &all {
        golden.line(failover_sentence(&view, &both.iter().collect::<Vec<_>>()));
        both.iter().for_each(|one| golden.line(failover_cells(&view, one).join(" | ")));
    }
    Kill::ALL.iter().for_each(|kill| golden.line(killed(*kill)));
}

fn write_turns(golden: &mut Golden) {
    let run = fake::sweep_over_rate();
    let view = View::new(&run);
    golden.heading("Which point changes an answer");
    let turn = |point, is_shared| Turn { point, newcomer: Transport::Polling, is_shared };
    let [one, two] = [vec![Transport::Sse], vec![Transport::Sse, Transport::WebSocket]];
    let verdict = |leaders, turned| Turned { metric: Metric::LatencyP50, first: 0, leaders, turned };
    let all = [
        verdict(one.clone(), Vec::new()),
        verdict(one.clone(), vec![turn(1, false)]),
        verdict(one, vec![turn(1, false), turn(2, false), turn(3, true)]),
        verdict(two, vec![turn(1, false), turn(2, false), turn(3, false)]),
        verdict(vec![Transport::Sse], vec![turn(2, true)]),
    ];
    all.iter().for_each(|verdict| golden.line(turn_cells(&view, verdict).join(" | ")));
    golden.heading("The effect of a setting");
    let effect =
        |changed: &[(f64, Transport)], same: &[Transport]| Effect { changed: changed.to_vec(), same: same.to_vec() };
    let [polling, sse, websocket] = [Transport::Polling, Transport::Sse, Transport::WebSocket];
    let all = [
        effect(&[], &[]),
        effect(&[(2.1, sse)], &[]),
        effect(&[(2.1, sse), (2.1, polling)], &[]),
        effect(&[(2.1, sse), (2.1, polling)], &[websocket]),
        effect(&[(0.5, sse), (3.4, polling)], &[websocket]),
    ];
    all.iter().for_each(|one| golden.line(effect_words(&view, one)));
}

fn write_claims(golden: &mut Golden) {
    let run = fake::sweep_over_rate();
    let view = View::new(&run);
    let ratio = |ratio: f64| Difference { ratio, ci95: [ratio * 0.95, ratio * 1.05], is_clear: true, p_value: 0.01 };
    let measured = Measured { value: 0.9, ci95: Some([0.88, 0.92]) };
    let (points, requests, latency) = ([0, 6], ratio(1.2), ratio(0.002));
    let becomes = |is_sooner| Evidence::LongPollingBecomesPolling {
        points,
        requests_at_few: ratio(0.2),
        requests,
        bytes: ratio(3.2),
        latency,
        is_sooner,
    };
    let gain =
        |cost, is_advantage, growth| Gain { cost, at_few: ratio(2.0), at_many: ratio(3.0), is_advantage, growth };
    let gains = |parts: [(Option<bool>, Growth); 3]| {
        let costs = Cost::ALL.into_iter().zip(parts).map(|(cost, (advantage, growth))| gain(cost, advantage, growth));
        Evidence::WebSocketGainsWithLoad { points, costs: costs.collect() }
    };
    let effort = |transport: Transport| Effort {
        transport,
        shared_lines: 9,
        server_lines: 100 + 40 * transport.index() as u32,
        client_lines: 120,
        shared_server_lines: 80,
        shared_client_lines: 300,
        server_musts: 3,
        client_musts: 2 + transport.index() as u32,
    };
    let simple = || {
        let ratios = EffortRatios::of(effort(Transport::WebSocket), effort(Transport::Polling)).unwrap();
        Evidence::WebSocketIsSimple { each: Transport::ALL.map(effort).to_vec(), ratios }
    };
    let evidence = [
        Evidence::PollingWastes { empty: measured, bytes: [ratio(5.0), ratio(10.0), ratio(10.7)] },
        becomes(true),
        becomes(false),
        Evidence::SsePushes { delivered: 12_345, requests_max: 0.0 },
        Evidence::SseIsOneWay {
            point: 0,
            requests: Measured { value: 1.0, ci95: None },
            bytes: ratio(6.1),
            latency: ratio(1.4),
        },
        Evidence::WebSocketIsBidirectional { text: [2_000, 2_000], binary: [2_000, 1_999] },
        gains([(Some(true), Growth::More); 3]),
        gains([(Some(true), Growth::Less), (Some(true), Growth::Same), (Some(true), Growth::Same)]),
        gains([(Some(true), Growth::Inconclusive), (Some(true), Growth::Same), (None, Growth::Less)]),
        gains([(Some(true), Growth::More), (Some(true), Growth::Same), (Some(false), Growth::Inconclusive)]),
        gains([(Some(false), Growth::Same); 3]),
        gains([(None, Growth::Inconclusive); 3]),
        simple(),
    ];
    golden.heading("The claims");
    let holdings = [
        Holding::Holds,
        Holding::WithinLimits,
        Holding::DoesNotHold,
        Holding::Inconclusive,
        Holding::DependsOnCounting,
    ];
    for (evidence, holding) in evidence.into_iter().zip(holdings.into_iter().cycle()) {
        golden.line(claim_line(&view, &Claim { holding, evidence }));
    }
}

fn write_thresholds(golden: &mut Golden) {
    golden.heading("The result of a --fail-if");
    let rows = Rows::of(&fixture::run(|_, _| 1.0));
    for failed in [true, false] {
        for found in every_finding() {
            golden.line(threshold_line(&Threshold { expression: "sse.lost > 0".to_owned(), failed, found }, &rows));
        }
    }
}

fn write_comparisons(golden: &mut Golden) {
    let quiet = fixture::run(|_, _| 1.0);
    let mixed = |transport, metric| match (transport, metric) {
        (Transport::Sse, Metric::ServerCpu | Metric::HostCpu) => 2.0,
        (Transport::Polling, Metric::ServerRss) => 0.5,
        (_, Metric::WirePayload) => 2.0,
        _ => 1.0,
    };
    let mut single = quiet.clone();
    single.trials.retain(|trial| trial.round == 1);
    let mut nothing = quiet.clone();
    nothing.trials.clear();
    let empty = Run { summary: Vec::new(), ..quiet.clone() };
    golden.heading("What changed between two runs");
    for (before, after) in
        [(&quiet, &fixture::run(mixed)), (&quiet, &quiet), (&single, &quiet), (&nothing, &quiet), (&empty, &quiet)]
    {
        let found = compare(before, after);
        golden.line(format!("{} | {}", comparison_headline(&found), comparison_rest(&found)));
    }
    let found = compare(&quiet, &fixture::run(mixed));
    golden.heading("The outcome of a metric");
    let outcomes = Outcome::DIFFERENT.into_iter().chain(Outcome::NOISE).chain(Outcome::LACKING);
    for outcome in outcomes {
        let why = outcome_explanation(&found, outcome).map_or_else(String::new, |why| format!(": {why}"));
        golden.line(format!("{}{why}", outcome_label(outcome)));
    }
    golden.line(delta_cells(&found.deltas[0], &found.runs).join(" | "));
    golden.heading("Caveats of a comparison");
    let text = |text: &str| Fact::Text(text.to_owned());
    let reasons = vec![Reason { rows: vec![sse(1)], ..Cause::HostBusy { fraction: 0.97 }.into() }];
    let mut caveats = vec![
        Caveat::OnlyIn { run: Which::First, rows: vec![sse(0)] },
        Caveat::OnlyIn { run: Which::Second, rows: vec![sse(0), sse(1)] },
        Caveat::NotValid { run: Which::Second, verdict: Verdict::Suspect, reasons },
        Caveat::CutShort { run: Which::First },
        Caveat::Noted { name: "governor".to_owned(), values: [None, Some("powersave".to_owned())] },
        Caveat::MachineChanged { metric: Metric::ServerCpu, share: 0.5 },
        Caveat::Condition { condition: Condition::Memory, values: [8, 4].map(|gib: u64| Fact::Bytes(gib << 30)) },
        Caveat::Condition { condition: Condition::Cores, values: [2, 4].map(Fact::Count) },
    ];
    let named = [
        Condition::Host,
        Condition::Kernel,
        Condition::Processor,
        Condition::Profile,
        Condition::Compiler,
        Condition::Scenario,
    ];
    caveats.extend(named.map(|condition| Caveat::Condition { condition, values: ["this", "that"].map(text) }));
    let settings = [Setting::Rate, Setting::PollInterval, Setting::Clients];
    caveats.extend(settings.map(|setting| Caveat::Setting { setting, values: [vec![0.0, 1e9], vec![2e9]] }));
    caveats.push(Caveat::RunSetting { name: "warm-up", values: ["1 s", "2 s"].map(str::to_owned) });
    let target = || Some("http://127.0.0.1:8080".to_owned());
    for feed in [
        PublishedFeed::Replay { recording: None, speed: Some(3600.0) },
        PublishedFeed::Replay { recording: Some("mine.ndjson".to_owned()), speed: None },
        PublishedFeed::Synthetic { arrivals: Some(Arrivals::Bursty) },
        PublishedFeed::Synthetic { arrivals: None },
        PublishedFeed::External { target: target() },
        PublishedFeed::External { target: None },
    ] {
        let values = [feed, PublishedFeed::None].map(Fact::Feed);
        caveats.push(Caveat::Condition { condition: Condition::Feed, values });
    }
    caveats.iter().for_each(|one| golden.line(caveat_sentence(one, &found.runs)));
}
