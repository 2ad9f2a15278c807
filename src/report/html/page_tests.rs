use super::*;
use crate::report::findings::view::Setting;
use crate::run::Transport;
use crate::run::failover::{FailoverReport, Kill};
use crate::run::fake;
use crate::run::file::{MessageKind, Point, PublishedFeed};
use crate::run::heads::Heads;
use crate::run::metric::Value;
use crate::run::protocol::{Compression, Protocol};
use crate::run::proxy::Proxy;
use crate::run::purpose::Purpose;
use crate::run::reason::Cause;
use crate::run::target_name::TargetName;
use crate::run::threshold::Found;
use crate::units::Nanos;

const BYTES_MAX: usize = 1_000_000;

/// The largest run that is planned for: twelve points, five rounds.
fn large() -> Run {
    let points = (0..12).map(|index| Point { clients: 10 << index, ..fake::point() }).collect();
    fake::run("crowd", "Who bends first?", Some("clients"), points, 5)
}

#[test]
fn every_figure_is_on_the_page() {
    let page = html(&fake::quick());
    for metric in Metric::ALL {
        assert!(page.contains(&format!("<th scope=\"row\">{}</th>", metric.label())), "{}", metric.label());
    }
    for section in
        ["verdict", "scorecard", "latency", "bytes", "theory", "time", "dots", "trials", "environment", "guide"]
    {
        assert!(page.contains(&format!("<section id=\"{section}\"")), "{section}");
    }
}

#[test]
fn a_run_in_which_something_was_killed_says_for_each_transport_what_became_of_its_clients() {
    let mut run = fake::quick();
    assert!(!html(&run).contains("<section id=\"failover\""));
    for trial in &mut run.trials {
        let cut = 10 + trial.transport.map_or(90, |transport| transport.index() as u64);
        trial.point.kill = Kill::Node;
        trial.failover = Some(FailoverReport { cut, back: cut, ..FailoverReport::default() });
    }
    let page = html(&run);
    let section = page.split("<section id=\"failover\"").nth(1).unwrap().split("</section>").next().unwrap();
    for transport in Transport::ALL {
        let trials = run.trials.iter().filter(|trial| trial.transport == Some(transport)).count() as u64;
        let cut = trials * (10 + transport.index() as u64);
        assert_eq!(section.matches(&format!("<td>{cut}</td><td>{cut}</td>")).count(), 1, "{transport}");
    }
}

#[test]
fn validity_comes_before_the_verdict_and_the_verdict_before_the_figures() {
    for run in [fake::quick(), fake::sweep_over_rate(), fake::invalid()] {
        let page = html(&run);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(place("Is this run valid?") < place("id=\"verdict\""));
        assert!(place("id=\"verdict\"") < place("id=\"scorecard\""));
    }
    let page = html(&fake::sweep_over_rate());
    let place = |text: &str| page.find(text).unwrap();
    assert!(place("id=\"verdict\"") < place("id=\"picture\"") && place("id=\"picture\"") < place("id=\"crossings\""));
}

#[test]
fn a_hostile_name_is_shown_and_never_run() {
    let mut run = fake::invalid();
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let threshold = &mut run.thresholds[0];
    threshold.found = Found::Other { text: hostile.to_owned() };
    for reasons in [&mut run.reasons, &mut run.trials[0].reasons, &mut run.summary[0].reasons] {
        reasons.push(Cause::Other { text: hostile.to_owned() }.into());
    }
    for text in [
        &mut run.scenario.name,
        &mut run.scenario.question,
        &mut run.environment.host,
        &mut threshold.expression,
        &mut run.environment.command[1],
        &mut run.started_at,
    ] {
        *text = hostile.to_owned();
    }
    run.environment.notes.insert(hostile.to_owned(), hostile.to_owned());
    run.scenario.feed = PublishedFeed::Replay { recording: Some(hostile.to_owned()), speed: None };
    let page = html(&run);
    assert!(!page.contains("<script") && !page.contains("<img"), "markup got through");
    assert!(page.matches("&lt;script&gt;").count() >= 11);
}

#[test]
fn what_was_not_measured_is_said_and_is_never_a_zero() {
    let mut run = fake::quick();
    let unmeasured = [Metric::ServerCpu, Metric::ServerRss, Metric::Kernel];
    let rows = run.summary.iter_mut().chain(&mut run.tcp_baseline);
    for metrics in rows.map(|row| &mut row.metrics).chain(run.trials.iter_mut().map(|trial| &mut trial.metrics)) {
        for metric in unmeasured {
            *metrics.get_mut(metric) = Value(None);
        }
    }
    for row in run.summary.iter_mut().chain(&mut run.tcp_baseline) {
        for metric in unmeasured {
            *row.ci95.get_mut(metric) = None;
        }
        row.withheld.clear();
    }
    let page = html(&run);
    for metric in unmeasured {
        let line = format!("<th scope=\"row\">{}</th><td>not measured</td>", metric.label());
        assert!(page.contains(&line), "in the table of every figure: {}", metric.label());
    }
    let said = "Not measured: server CPU per delivery, server memory per idle client and kernel memory per client.";
    assert!(page.contains(said), "and below the scorecard, in one sentence");
    assert!(!page.contains("id=\"nothing\"") && !page.contains("NaN") && !page.contains("inf "));
}

#[test]
fn a_page_is_below_one_megabyte_even_for_the_largest_run() {
    for run in [fake::quick(), fake::sweep_over_rate(), large()] {
        let size = html(&run).len();
        assert!(size < BYTES_MAX, "{}: {size} B", run.scenario.name);
    }
}

#[test]
fn a_page_asks_nothing_of_any_network_and_runs_no_script() {
    for run in [fake::quick(), fake::sweep_over_rate(), fake::invalid()] {
        let page = html(&run);
        for address in ["http://", "https://", "src=", "url(", "@import", "<script", "href=\"/"] {
            assert!(!page.contains(address), "{address}");
        }
        assert_eq!(page.matches("href=").count(), 1, "only the empty icon");
    }
}

#[test]
fn every_chart_has_its_figures_as_a_table_and_every_table_its_heads() {
    for run in [fake::quick(), fake::sweep_over_rate()] {
        let page = html(&run);
        let charts = page.matches("<figure>").count();
        assert!(charts >= 8, "{charts}");
        assert_eq!(charts, page.matches("These figures as a table").count());
        assert_eq!(page.matches("<table").count(), page.matches("<thead>").count());
        assert!(!page.contains("class=\"failed\""), "a chart could not be drawn");
        assert!(!page.contains("=\"#01"), "a colour escaped the theme");
    }
}

#[test]
fn an_invalid_run_says_so_before_anything_else_and_gives_each_reason_once() {
    let run = fake::invalid();
    let page = html(&run);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    let reasons = run_reasons(&run);
    assert_eq!(reasons.len(), run.reasons.len());
    for reason in &reasons {
        assert_eq!(page.matches(&shown(reason)).count(), 1, "{reason}");
        assert!(place("class=\"validity invalid\"") < place(&shown(reason)));
        assert!(place(&shown(reason)) < place("id=\"verdict\""));
    }
    let rows = Rows::of(&run);
    for threshold in &run.thresholds {
        assert!(page.contains(&shown(&threshold_found(threshold, &rows))), "{threshold:?}");
    }
}

/// As it stands in a page.
fn shown(text: &str) -> String {
    maud::html! { (text) }.into_string()
}

#[test]
fn a_run_in_which_nothing_was_done_still_has_a_page() {
    let mut run = fake::quick();
    (run.trials, run.summary, run.tcp_baseline, run.cut_short) = (Vec::new(), Vec::new(), Vec::new(), true);
    assert!(html(&run).contains("No trial was completed"));
}

#[test]
fn a_run_that_was_cut_short_in_its_first_round_has_a_page() {
    let mut run = fake::sweep_over_rate();
    run.trials.truncate(2);
    run.summary.truncate(1);
    run.tcp_baseline.clear();
    let page = html(&run);
    assert!(page.contains("id=\"scorecard\""));
}

/// Every scenario with a picture of its own.
fn looks() -> Vec<Run> {
    let over =
        |name: &str, question: &str, sweep: &str, points: Vec<Point>| fake::run(name, question, Some(sweep), points, 3);
    let intervals = [50, 100, 250, 500, 1000, 2000, 5000, 10_000];
    let intervals = intervals.map(|ms| Point { poll_interval_ns: Nanos(ms * 1_000_000), ..fake::point() }).to_vec();
    let payloads =
        (4..=16).step_by(2).map(|bits| Point { payload_bytes: f64::from(1 << bits), ..fake::point() }).collect();
    let trips = |limit| {
        [0, 20, 100, 300].map(move |ms| Point {
            rtt_ns: Nanos(ms * 1_000_000),
            link_bits_per_s: limit,
            ..fake::point()
        })
    };
    let trips = trips(None).into_iter().chain(trips(Some(1_000_000))).chain(trips(Some(10_000_000))).collect();
    let heads = [0, 800].map(|bytes| Point { request_header_bytes: bytes, rate_per_s: 1.0, ..fake::point() }).to_vec();
    let sparse = vec![Point { rate_per_s: 0.1, ..fake::point() }];
    vec![
        fake::quick(),
        fake::invalid(),
        fake::sweep_over_rate(),
        large(),
        over("interval", "What does freshness cost?", "poll_interval_ns", intervals),
        over("payload", "When does overhead stop mattering?", "payload_bytes", payloads),
        over("distance", "What does distance do to each?", "rtt_ns", trips),
        over("headers", "Lubbers and Greco’s table, measured today", "request_header_bytes", heads),
        fake::run("sparse", "What does polling waste when nothing happens?", None, sparse, 3),
        fake::run("earthquakes", "How do they carry a week of earthquakes?", None, vec![fake::point()], 3),
    ]
}

#[test]
fn an_invalid_point_of_a_sweep_is_named_under_its_picture() {
    let mut run = fake::sweep_over_rate();
    run.summary[0].verdict = Verdict::Invalid;
    let page = html(&run);
    assert!(page.contains("Drawn, but invalid and not to be used: polling at 0.2 updates a second."));
}

#[test]
fn every_scenario_has_its_own_picture() {
    for run in looks() {
        let page = html(&run);
        let has_picture = page.contains("id=\"picture\"");
        assert_eq!(has_picture, run.scenario.name != "quick", "{}", run.scenario.name);
        assert!(page.len() < BYTES_MAX, "{}: {} B", run.scenario.name, page.len());
        for transport in Transport::ALL {
            assert!(page.contains(transport.title()));
        }
        // To look at: PUSHPULL_LOOK=/some/folder cargo test every_scenario
        if let Some(folder) = std::env::var_os("PUSHPULL_LOOK") {
            let invalid = if run.verdict == Verdict::Invalid { "-invalid" } else { "" };
            let file = Path::new(&folder).join(format!("{}{invalid}.html", run.scenario.name));
            std::fs::write(file, page).unwrap();
        }
    }
}

/// A run over two values or more of each setting whose values have no order.
fn beside_one_another() -> Vec<(Setting, Run)> {
    let point = fake::point;
    let servers = ["pushpull", "nchan", "textbook_axum", "socketio", "ws"].map(|name| TargetName::new(name).ok());
    let paths = ["4g", "3g", "satellite"].map(|path| path.parse().ok());
    let points: Vec<(Setting, Vec<Point>)> = vec![
        (Setting::Target, servers.map(|target| Point { target, ..point() }).to_vec()),
        (Setting::Heads, Heads::ALL.iter().map(|heads| Point { heads: *heads, ..point() }).collect()),
        (Setting::Path, paths.map(|path| Point { path, ..point() }).to_vec()),
        (Setting::Protocol, Protocol::ALL.iter().map(|protocol| Point { protocol: *protocol, ..point() }).collect()),
        (Setting::Compression, Compression::ALL.iter().map(|one| Point { compression: *one, ..point() }).collect()),
        (Setting::KeepAlive, [true, false].map(|keep_alive| Point { keep_alive, ..point() }).to_vec()),
        (Setting::Proxy, Proxy::ALL.iter().map(|proxy| Point { proxy: *proxy, ..point() }).collect()),
        (Setting::Kill, Kill::ALL.iter().map(|kill| Point { kill: *kill, ..point() }).collect()),
    ];
    let run = |(setting, points): (Setting, Vec<Point>)| {
        // Polling cheap at the one end and dear at the other: along a scale it would cross the others.
        // A name of its own: that of a shipped scenario would bring its figures along.
        let mut run = fake::run("mine", "?", Some(setting.name()), points, 3);
        for trial in run.trials.iter_mut().filter(|one| one.transport == Some(Transport::Polling)) {
            let times = 8f64.powi(trial.point_index as i32);
            for metric in [Metric::LatencyP50, Metric::WireTotal, Metric::ServerCpu, Metric::RequestsPerDelivery] {
                let value = trial.metrics.get_mut(metric);
                *value = Value(value.0.map(|value| value / 100.0 * times));
            }
        }
        (run.summary, run.tcp_baseline) = crate::run::summary::summarise(&run.trials, 1);
        (setting, run)
    };
    points.into_iter().map(run).collect()
}

#[test]
fn what_has_no_order_stands_in_rows_with_every_name_and_nothing_crosses_over() {
    let runs = beside_one_another();
    // Messages are sent up, in a run without subscribers: it has other pictures.
    let all: Vec<Setting> =
        Setting::ALL.iter().copied().filter(|one| one.is_category() && *one != Setting::Echo).collect();
    let mut told: Vec<Setting> = runs.iter().map(|(setting, _)| *setting).collect();
    told.sort_unstable();
    assert_eq!(told, all, "each setting without an order is asked here");
    for (setting, run) in &runs {
        let page = html(run);
        let name = setting.name();
        for word in ["cross over", "rossover", "lower below it", "lower before it"] {
            assert!(!page.contains(word), "{name}: {word}");
        }
        let view = View::new(run);
        // Heads have a table and bars of their own, and none of these pictures.
        let pictures = page.matches(&format!(", by {}\"", setting.label())).count();
        assert!(pictures >= 4 || *setting == Setting::Heads, "{name}: {pictures}");
        for point in view.points().into_iter().filter(|_| pictures > 0) {
            let value = setting.beside(setting.of(view.point(point).unwrap()));
            let rows = page.matches(&format!(">{value}</text>")).count();
            // A row of each transport, in each picture, as it is on a desk and on a phone.
            assert!(rows >= pictures * view.transports().len(), "{name}, {value}: {rows} of {pictures}");
        }
        if let Some(folder) = std::env::var_os("PUSHPULL_LOOK") {
            std::fs::write(Path::new(&folder).join(format!("by-{name}.html")), page).unwrap();
        }
    }
}

#[test]
fn a_renamed_copy_of_a_scenario_draws_and_claims_what_the_original_does() {
    let rates = [0.2, 200.0].map(|rate_per_s| Point { rate_per_s, ..fake::point() }).to_vec();
    for (name, sweep, points) in [
        ("chatty", Some("rate_per_s"), rates),
        ("sparse", None, vec![fake::point()]),
        ("earthquakes", None, vec![fake::point()]),
    ] {
        let run = fake::run(name, "?", sweep, points, 2);
        let page = html(&run).replace(&format!("<title>{name}"), "<title>copy");
        let mut copy = run;
        copy.scenario.name = "copy".to_owned();
        assert_eq!(html(&copy), page.replace(&format!("pushpull · {name} · "), "pushpull · copy · "));
    }
    let mut bare = fake::sweep_over_rate();
    let page = html(&bare);
    bare.scenario.purpose = Purpose::default();
    assert!(page.contains("id=\"claims\"") && !html(&bare).contains("id=\"claims\""));
    assert!(
        page.contains("Requests per delivery over updates a second")
            && !html(&bare).contains("Requests per delivery over")
    );
}

#[test]
fn one_round_is_said_once_and_nothing_is_judged() {
    let heads = [0, 800].map(|bytes| Point { request_header_bytes: bytes, ..fake::point() }).to_vec();
    let sweep = |name: &str| fake::run(name, "?", Some("request_header_bytes"), heads.clone(), 1);
    let one = |name: &str| fake::run(name, "?", None, vec![fake::point()], 1);
    for run in [sweep("headers"), sweep("chatty"), one("quick"), one("sparse")] {
        let (name, page) = (&run.scenario.name, html(&run));
        assert_eq!(page.matches("class=\"unranked\"").count(), 1, "{name}");
        for judged in ["id=\"crossings\"", "<dd></dd>", "span class=\"mark\"", "<dl class=\"answers cards"] {
            assert!(!page.contains(judged), "{name}: {judged}");
        }
    }
}

#[test]
fn a_run_of_messages_up_speaks_of_messages_and_round_trips() {
    let kinds = [MessageKind::Text, MessageKind::Binary];
    let points = [16.0, 4096.0].into_iter().flat_map(|size| kinds.map(|kind| (size, kind)));
    let points = points.map(|(size, kind)| Point { payload_bytes: size, echo: Some(kind), ..fake::point() });
    let mut run = fake::run("duplex", "?", Some("payload_bytes"), points.collect(), 3);
    for metrics in
        run.summary.iter_mut().map(|row| &mut row.metrics).chain(run.trials.iter_mut().map(|one| &mut one.metrics))
    {
        metrics.age_ns_mean = Value(None);
    }
    let page = html(&run);
    assert!(page.contains("SSE (POST)") && page.contains("round trip p50") && page.contains("messages a second each"));
    for word in ["poll interval", "Freshest", "payload of an update", "latency p50</th>", "updates a second"] {
        assert!(!page.contains(word), "{word}");
    }
}
