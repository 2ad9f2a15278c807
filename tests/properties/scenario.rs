//! No scenario file crashes the program, and an error names the wrong line.
//!
//! Over 400 lines: every way to generate a scenario is next to what is expected of it.

use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use pushpull::limits;
use pushpull::load::plan::{Plan, PlanError};
use pushpull::load::scenarios::{Scenario, ScenarioError};
use pushpull::run::RunSettings;
use pushpull::run::setting::Setting;

fn load(text: &str) -> Result<Scenario, ScenarioError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tried.toml");
    std::fs::write(&file, text).unwrap();
    Scenario::load(file.to_str().unwrap())
}

/// Reads a scenario and plans it. Errors: the message of the parser or the planner.
fn plan(text: &str) -> Result<Plan, String> {
    let scenario = load(text).map_err(|error| error.to_string())?;
    Plan::new(scenario, RunSettings::default(), PathBuf::new()).map_err(|error| error.to_string())
}

/// Parses these flags as the settings of a run.
fn flags(arguments: &[String]) -> Result<RunSettings, String> {
    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        settings: RunSettings,
    }
    let arguments = std::iter::once("loadgen".to_owned()).chain(arguments.iter().cloned());
    <Flags as clap::Parser>::try_parse_from(arguments).map(|flags| flags.settings).map_err(|error| error.to_string())
}

/// Plans settings from a file and the same settings from flags; asserts that both are accepted or both refused.
fn plan_both_ways(settings: &[(String, String)]) -> Result<Plan, Refusal> {
    let quoted: Vec<(&str, String)> =
        settings.iter().map(|(key, value)| (key.as_str(), format!("{value:?}"))).collect();
    let arguments: Vec<String> = settings.iter().map(|(key, value)| format!("--{key}={value}")).collect();
    let (file, flags) = (load(&file(&quoted)), flags(&arguments));
    assert_eq!(file.is_ok(), flags.is_ok(), "{settings:?}: {file:?} {flags:?}");
    let message = |error: ScenarioError| Refusal::Value(error.to_string());
    let scenario = file.map_err(message)?;
    let bare = load("question = \"What?\"").unwrap();
    let plan = |scenario, flags| Plan::new(scenario, flags, PathBuf::new());
    let (by_file, by_flags) = (plan(scenario, RunSettings::default()), plan(bare, flags.unwrap()));
    assert_eq!(by_file.is_ok(), by_flags.is_ok(), "{settings:?}: {by_file:?} {by_flags:?}");
    by_file.map_err(Refusal::Plan)
}

/// Why settings were refused.
#[derive(Debug)]
enum Refusal {
    /// A value could not be read: the message.
    Value(String),
    /// The settings do not fit together.
    Plan(PlanError),
}

/// Does the message name the bound that was exceeded?
fn names_the_bound(error: &PlanError) -> bool {
    let message = error.to_string();
    match error {
        PlanError::Empty(_) => {
            message.contains("--measure") || message.contains("--rate") || message.contains("--speed")
        }
        PlanError::Files { most, .. } => message.contains(&format!("--clients {most}")),
        PlanError::TooMany { .. } => message.contains(&limits::TRIAL_DELIVERIES_MAX.to_string()),
        PlanError::TooLong { .. } => message.contains(&limits::RUN_HOURS_MAX.to_string()),
        PlanError::NotSynthetic(_) | PlanError::NotReplay(_) => message.contains("--feed"),
        PlanError::Jitter { rtt, .. } => message.contains(&format!("--rtt {rtt}")),
        PlanError::Feed(_) => message.contains("--speed"),
        PlanError::NothingToShare => message.contains("--protocol"),
        PlanError::TooManyClients { .. } => message.contains("--agents"),
        PlanError::Unrepeatable(_)
        | PlanError::NotOurs(_)
        | PlanError::NotOursToSweep(_)
        | PlanError::NotMeasured(_)
        | PlanError::PathToTarget
        | PlanError::PathAndLink(_)
        | PlanError::Points { .. }
        | PlanError::Twice(_)
        | PlanError::TransportTwice(..)
        | PlanError::EchoAndChurn
        | PlanError::Catalog(_)
        | PlanError::Address(_, _)
        | PlanError::AddressBesideTarget(_)
        | PlanError::NoneBesideTarget
        | PlanError::EchoToTarget
        | PlanError::NotDescribed { .. }
        | PlanError::PayloadTooSmall { .. }
        | PlanError::TimestampIdle
        | PlanError::Remote { .. }
        | PlanError::ProxyToTarget
        | PlanError::SomeEcho
        | PlanError::ProtocolOfTarget(_)
        | PlanError::ProxyAndProtocol
        | PlanError::NodesAnd(_)
        | PlanError::NodesBehind(_)
        | PlanError::Kill(..)
        | PlanError::SharedAndNew
        | PlanError::NewForEcho
        | PlanError::NothingThere(_) => false,
        PlanError::TooManyOnOne { .. } => message.contains(&limits::H2_STREAMS_MAX.to_string()),
    }
}

/// The settings that are numbers, each with its range.
fn numbers() -> Vec<(String, [String; 2])> {
    let all: Vec<_> = RunSettings::entries().into_iter().filter_map(|one| Some((one.key, one.range?))).collect();
    assert!(all.len() >= 16, "{all:?}");
    all
}

/// The feed for these settings: the recording only if they need it, since reading it takes a while.
fn feed_of(keys: &[&str]) -> Option<(String, String)> {
    (!keys.contains(&"speed")).then(|| ("feed".to_owned(), "synthetic".to_owned()))
}

/// Extreme numbers, lengths, sizes and bandwidths.
const EXTREMES: [&str; 44] = [
    "0",
    "1",
    "-1",
    "0.5",
    "1e-9",
    "1e-300",
    "1.57e-308",
    "5e-324",
    "1e300",
    "1.8e308",
    "inf",
    "-inf",
    "nan",
    "255",
    "65536",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "0ms",
    "1ns",
    "1us",
    "1ms",
    "10ms",
    "50ms",
    "1s",
    "60s",
    "2m",
    "1h",
    "2h",
    "876000h",
    "2562047h",
    "9223372036s",
    "0B",
    "1B",
    "256KiB",
    "16EiB",
    "8kbit",
    "0.001kbit",
    "100Gbit",
    "1e300Gbit",
];

/// Asserts that a numeric setting with this value is planned or refused with its range. It must not crash the program,
/// and in a debug build no sum may overflow.
fn assert_planned_or_refused_with_its_range(key: &str, [least, most]: &[String; 2], value: &str) {
    let settings: Vec<_> = feed_of(&[key]).into_iter().chain([(key.to_owned(), value.to_owned())]).collect();
    match plan_both_ways(&settings) {
        Ok(plan) => assert!(plan.trials() > 0 && plan.least_length().0 > 0, "{key} = {value}"),
        Err(Refusal::Value(message)) => {
            assert!(
                message.contains(&format!("{least} to {most}")) && message.contains(key),
                "{key} = {value}: {message}"
            );
        }
        Err(Refusal::Plan(error)) => assert!(names_the_bound(&error), "{key} = {value}: {error}"),
    }
}

#[test]
fn every_number_with_an_extreme_value_is_planned_or_refused_with_its_range() {
    for (key, range) in numbers() {
        for value in EXTREMES.iter().copied().chain(range.iter().map(String::as_str)) {
            assert_planned_or_refused_with_its_range(&key, &range, value);
        }
    }
}

#[test]
fn any_two_numbers_at_the_ends_of_their_ranges_are_planned_or_refused_with_the_bound() {
    let ends: Vec<(String, String)> =
        numbers().into_iter().flat_map(|(key, range)| range.map(|end| (key.clone(), end))).collect();
    let mut planned = 0;
    for (index, first) in ends.iter().enumerate() {
        for second in ends[index + 1..].iter().filter(|(key, _)| *key != first.0) {
            let feed = feed_of(&[&first.0, &second.0]);
            let settings: Vec<_> = feed.into_iter().chain([first.clone(), second.clone()]).collect();
            match plan_both_ways(&settings) {
                Ok(_) => planned += 1,
                Err(Refusal::Value(message)) => panic!("{settings:?}: {message}"),
                Err(Refusal::Plan(error)) => assert!(names_the_bound(&error), "{settings:?}: {error}"),
            }
        }
    }
    assert!(planned > 200, "{planned}");
}

#[test]
fn lists_with_too_many_points_or_a_repeated_value_are_refused() {
    let list = |count: u32| (1..=count).map(|one| one.to_string()).collect::<Vec<_>>().join(",");
    let all = |count| ["clients", "rate", "payload"].map(|key| (key.to_owned(), list(count)));
    let synthetic = || feed_of(&["rate"]).into_iter();
    let refusal = |settings: Vec<(String, String)>| match plan_both_ways(&settings) {
        Err(Refusal::Plan(error)) => error,
        other => panic!("{other:?}"),
    };
    let many = refusal(synthetic().chain(all(1_000)).collect());
    assert!(matches!(many, PlanError::Points { points: 1_000_000_000 }), "{many}");
    let twice = refusal(vec![("clients".to_owned(), "5,7,5".to_owned())]);
    assert!(matches!(twice, PlanError::Twice(Setting::Clients)), "{twice}");
    assert_eq!(plan_both_ways(&synthetic().chain(all(3)).collect::<Vec<_>>()).unwrap().points.len(), 27);
}

/// A value that some setting accepts, or a similar one.
fn value() -> impl Strategy<Value = String> {
    let usual = select(vec![
        "1",
        "3",
        "0",
        "50",
        "true",
        "false",
        "\"250ms\"",
        "\"2s\"",
        "\"60m\"",
        "\"4KiB\"",
        "\"1Mbit\"",
        "\"none\"",
        "\"storm\"",
        "\"steady\"",
        "\"synthetic\"",
        "\"replay\"",
        "\"sse\"",
        "\"text\"",
        "[1, 10, 100]",
        "[\"1s\", \"5s\"]",
        "[]",
        "[[1]]",
        "{}",
        "0.000001",
        "1e300",
        "-1",
        "nan",
        "inf",
        "\"\"",
        "\"é\"",
        "1979-05-27",
        "19000",
        "1000",
        "\"1B\"",
        "\"16EiB\"",
        "\"999999999999h\"",
    ])
    .prop_map(str::to_owned);
    prop_oneof![
        6 => usual,
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| format!("{number:?}").to_lowercase()),
        1 => any::<String>().prop_map(|text| format!("{text:?}")),
    ]
}

/// Every setting except `replay`, which is a file name.
fn keys() -> Vec<&'static str> {
    static KEYS: LazyLock<Vec<String>> =
        LazyLock::new(|| RunSettings::entries().into_iter().map(|one| one.key).filter(|key| key != "replay").collect());
    KEYS.iter().map(String::as_str).collect()
}

fn setting() -> impl Strategy<Value = (&'static str, String)> {
    (select(keys()), value())
}

/// Settings whose values are all valid, some at the ends of their ranges.
fn readable() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let of = |key: &'static str, values: &'static [&'static str]| {
        proptest::option::of(select(values.to_vec()).prop_map(move |value| (key, value.to_owned())))
    };
    let of_the_run = (
        of("clients", &["1", "[1, 400]", "19000"]),
        of("rounds", &["1", "3", "1000"]),
        of("warm-up", &["\"1ms\"", "\"1s\"", "\"60m\""]),
        of("measure", &["\"100ms\"", "\"4s\"", "\"60m\""]),
        of("poll-interval", &["\"5ms\"", "[\"1s\", \"60s\"]"]),
        of("cycles", &["0", "1", "1000"]),
        of("sweep-only", &["\"sse\"", "[\"polling\", \"websocket\"]"]),
        of("tcp-baseline", &["true", "false"]),
    );
    let of_the_feed = (
        Just(Some(("feed", "\"synthetic\"".to_owned()))),
        of("rate", &["0.001", "0.5", "5", "[1, 20000]"]),
        of("payload", &["\"1B\"", "\"64B\"", "\"256KiB\""]),
        of("arrivals", &["\"steady\"", "\"poisson\"", "\"bursty\""]),
        of("seed", &["0", "9007199254740991"]),
        of("rtt", &["\"0ms\"", "[\"1ms\", \"2s\"]"]),
        of("churn", &["\"none\"", "\"storm\"", "\"50ms\"", "\"60m\""]),
        of("echo", &["\"text\"", "[\"text\", \"binary\"]"]),
    );
    (of_the_run, of_the_feed).prop_map(|((a, b, c, d, e, f, g, h), (i, j, k, l, m, n, o, p))| {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p].into_iter().flatten().collect()
    })
}

fn file(settings: &[(&str, String)]) -> String {
    let mut text = String::from("question = \"What?\"\n[set]\n");
    for (key, value) in settings {
        text += &format!("{key} = {value}\n");
    }
    text
}

/// Does the message name this line, in the form of the TOML parser or of the program?
fn names_line(message: &str, line: usize) -> bool {
    [",", ":"].iter().any(|end| message.contains(&format!("line {line}{end}")))
}

/// Valid lines, one for each setting.
const GOOD: [&str; 8] = [
    "transports = [\"sse\", \"polling\"]",
    "clients = [1, 2]",
    "rounds = 2",
    "measure = \"1s\"",
    "feed = \"synthetic\"",
    "rate = 5",
    "payload = \"64B\"",
    "tcp-baseline = false",
];

/// Invalid lines.
const BAD: [&str; 12] = [
    "clientz = 5",
    "Rate = 5",
    "warm_up = \"1s\"",
    "hold = 25",
    "hold = \"25 parsecs\"",
    "jitter = true",
    "cycles = -1",
    "cycles = \"many\"",
    "seed = 0.5",
    "speed = \"fast\"",
    "sweep-only = [\"carrier_pigeon\"]",
    "echo = 1",
];

proptest! {
    #![proptest_config(crate::cases(500))]

    #[test]
    fn any_settings_are_planned_or_refused_with_a_message(settings in vec(setting(), 0..12)) {
        if let Err(message) = plan(&file(&settings)) {
            prop_assert!(!message.trim().is_empty());
        }
    }

    #[test]
    fn valid_values_are_planned_or_refused_with_a_message(settings in readable()) {
        load(&file(&settings)).unwrap();
        match plan(&file(&settings)) {
            Ok(plan) => prop_assert!(plan.trials() > 0 && plan.least_length().0 > 0),
            Err(message) => prop_assert!(!message.trim().is_empty()),
        }
    }

    #[test]
    fn any_value_of_a_numeric_setting_is_planned_or_refused_with_its_range(
        (key, range) in select(numbers()),
        value in prop_oneof![
            any::<f64>().prop_map(|number| number.to_string()),
            any::<u64>().prop_map(|number| number.to_string()),
            (any::<u64>(), select(vec!["ns", "us", "ms", "s", "h"])).prop_map(|(number, unit)| format!("{number}{unit}")),
            (any::<f64>(), select(vec!["kbit", "Gbit", "KiB", "GB"])).prop_map(|(number, unit)| format!("{number}{unit}")),
        ],
    ) {
        assert_planned_or_refused_with_its_range(&key, &range, &value);
    }

    #[test]
    fn any_text_is_read_or_refused(text: String, settings in vec(setting(), 0..4), cut: usize) {
        let _read = plan(&text);
        let mut whole = file(&settings);
        let mut cut = cut % (whole.len() + 1);
        while !whole.is_char_boundary(cut) {
            cut -= 1;
        }
        whole.insert_str(cut, &text);
        let _read = plan(&whole);
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number(
        before in select((0..GOOD.len()).collect::<Vec<_>>()),
        bad in select(BAD.to_vec()),
        blank_lines in 0..5_usize,
    ) {
        let head = "question = \"What?\"\n[set]\n";
        let text = format!(
            "{}{head}{}\n{bad}\n{}\n", "\n".repeat(blank_lines), GOOD[..before].join("\n"), GOOD[before..].join("\n")
        );
        let line = text.lines().position(|line| line == bad).unwrap() + 1;
        let message = plan(&text).unwrap_err();
        prop_assert!(names_line(&message, line), "line {line}: {message}");
        let key = bad.split(' ').next().unwrap();
        prop_assert!(message.contains(key), "{key}: {message}");
    }
}

#[test]
fn the_figures_focus_and_claims_of_a_scenario_are_read_or_the_wrong_line_is_named() {
    let good = "question = \"What?\"\nfigures = [\"latency_ns.p99\", \"overhead\"]\nfocus = [\"sse\", \"polling\"]\n\
        claims = [\"sse_pushes\"]\n[set]\nclients = 5\n";
    let scenario = load(good).unwrap();
    assert_eq!((scenario.purpose.figures.len(), scenario.purpose.claims.len()), (2, 1));
    for (from, to, line, expected) in [
        ("overhead", "overheads", 2, "`overhead`"),
        ("latency_ns.p99", "latency.p99", 2, "`latency_ns.p99`"),
        ("[\"sse\", \"polling\"]", "[\"sse\", \"sse\"]", 3, "two different transports"),
        ("[\"sse\", \"polling\"]", "[\"sse\"]", 3, "two different transports"),
        ("\"polling\"", "\"pigeon\"", 3, "websocket"),
        ("sse_pushes", "sse_push", 4, "`sse_pushes`"),
        ("claims =", "claim =", 4, "`claims`"),
        ("sse_pushes", "pigeons", 4, "websocket_is_simple"),
    ] {
        let message = load(&good.replace(from, to)).unwrap_err().to_string();
        assert!(names_line(&message, line) && message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn the_valid_lines_are_planned_together() {
    plan(&format!("question = \"What?\"\n[set]\n{}\n", GOOD.join("\n"))).unwrap();
}
