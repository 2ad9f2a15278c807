//! A scenario file never ends the program; where one of its lines is wrong, the line is named.

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use pushpull::load::plan::Plan;
use pushpull::load::scenarios::{Scenario, ScenarioError};
use pushpull::load::settings::RunSettings;

fn load(text: &str) -> Result<Scenario, ScenarioError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tried.toml");
    std::fs::write(&file, text).unwrap();
    Scenario::load(file.to_str().unwrap())
}

/// Reads a scenario and, where it can be read, plans it; says why not.
fn plan(text: &str) -> Result<Plan, String> {
    let scenario = load(text).map_err(|error| error.to_string())?;
    Plan::new(scenario, RunSettings::default(), None, PathBuf::new()).map_err(|error| error.to_string())
}

/// Every setting but the recording, which is a file's name.
const KEYS: [&str; 22] = [
    "transports",
    "clients",
    "rounds",
    "warm-up",
    "measure",
    "poll-interval",
    "hold",
    "request-headers",
    "feed",
    "speed",
    "rate",
    "payload",
    "arrivals",
    "seed",
    "rtt",
    "jitter",
    "bandwidth",
    "churn",
    "echo",
    "cycles",
    "sweep-only",
    "tcp-baseline",
];

/// A value that some setting takes, or its like.
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

fn setting() -> impl Strategy<Value = (&'static str, String)> {
    (select(KEYS.to_vec()), value())
}

/// Settings that can each be read, of which the odd ones go to the edges of what can.
fn readable() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let of = |key: &'static str, values: &'static [&'static str]| {
        proptest::option::of(select(values.to_vec()).prop_map(move |value| (key, value.to_owned())))
    };
    let of_the_run = (
        of("clients", &["1", "[1, 400]", "19000"]),
        of("rounds", &["1", "3", "1000"]),
        of("warm-up", &["\"1ms\"", "\"1s\"", "\"60m\""]),
        of("measure", &["\"1ms\"", "\"4s\"", "\"60m\""]),
        of("poll-interval", &["\"5ms\"", "[\"1s\", \"60s\"]"]),
        of("cycles", &["0", "1", "1000"]),
        of("sweep-only", &["\"sse\"", "[\"polling\", \"websocket\"]"]),
        of("tcp-baseline", &["true", "false"]),
    );
    let of_the_feed = (
        Just(Some(("feed", "\"synthetic\"".to_owned()))),
        of("rate", &["0.000000001", "0.001", "5", "[1, 20000]"]),
        of("payload", &["\"0B\"", "\"64B\"", "\"256KiB\""]),
        of("arrivals", &["\"steady\"", "\"poisson\"", "\"bursty\""]),
        of("seed", &["0", "9223372036854775807"]),
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

/// Lines that are in order, one for each setting.
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

/// Lines of which none is in order.
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
    fn any_settings_are_planned_or_refused_with_a_reason(settings in vec(setting(), 0..12)) {
        if let Err(said) = plan(&file(&settings)) {
            prop_assert!(!said.trim().is_empty());
        }
    }

    #[test]
    fn settings_that_can_be_read_are_planned_or_refused_with_a_reason(settings in readable()) {
        load(&file(&settings)).unwrap();
        match plan(&file(&settings)) {
            Ok(plan) => prop_assert!(plan.trials() > 0 && plan.least_length().0 > 0),
            Err(said) => prop_assert!(!said.trim().is_empty()),
        }
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
        let said = plan(&text).unwrap_err();
        prop_assert!(said.contains(&format!("line {line},")), "line {line}: {said}");
        let key = bad.split(' ').next().unwrap();
        prop_assert!(said.contains(key), "{key}: {said}");
    }
}

#[test]
fn the_lines_that_are_in_order_are_planned_together() {
    plan(&format!("question = \"What?\"\n[set]\n{}\n", GOOD.join("\n"))).unwrap();
}
