use super::*;
use crate::report::findings::compare::compare;
use crate::run::fixture;
use crate::run::metric::Value;

fn parse(text: &str) -> Expression {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> ExpressionError {
    match text.parse::<Expression>() {
        Ok(parsed) => panic!("{text} was read as {parsed:?}"),
        Err(error) => error,
    }
}

#[test]
fn a_server_may_stand_before_the_transport() {
    let [one, other] = ["nchan", "my-server"].map(|name| TargetName::new(name).ok());
    for (text, target, transport) in [
        ("nchan.sse.latency_ns.p99 > 5ms", one, Some(Transport::Sse)),
        ("nchan.*.lost > 0", one, None),
        ("my-server.websocket.server_cpu_ns_per_delivery > 1ms", other, Some(Transport::WebSocket)),
        ("*.*.lost > 0", None, None),
    ] {
        let read = parse(text);
        assert_eq!((read.target(), read.transport()), (target, transport), "{text}");
    }
    let mut run = fixture::run(|_, _| 1.0);
    for row in &mut run.summary {
        row.point.target = if row.point_index == 0 { one } else { other };
        row.audit.lost = u64::from(row.point_index == 1);
    }
    let failed = |text: &str| parse(text).evaluate(&run.summary).failed;
    assert!(!failed("nchan.*.lost > 0") && failed("my-server.*.lost > 0") && failed("*.lost > 0"));
    assert_eq!(parse("ws.*.lost > 0").evaluate(&run.summary).found, Found::NoRow { transport: None });
}

#[test]
fn an_expression_has_a_transport_a_figure_a_relation_and_a_number_with_its_unit() {
    let cases = [
        ("sse.latency_ns.p99 > 5ms", Some(Transport::Sse), Relation::Above, Bound::Value(5e6)),
        ("*.latency_ns.p99>=1.5s", None, Relation::AtLeast, Bound::Value(1.5e9)),
        ("latency_ns.p99 <  800us", None, Relation::Below, Bound::Value(8e5)),
        (
            "websocket.wire_bytes_per_delivery.total > 4KiB",
            Some(Transport::WebSocket),
            Relation::Above,
            Bound::Value(4096.0),
        ),
        (
            "polling.wire_bytes_per_delivery.total > 412.5",
            Some(Transport::Polling),
            Relation::Above,
            Bound::Value(412.5),
        ),
        ("polling.empty_fraction > 10%", Some(Transport::Polling), Relation::Above, Bound::Value(0.1)),
        ("polling.empty_fraction > 0.1", Some(Transport::Polling), Relation::Above, Bound::Value(0.1)),
        (
            "long_polling.requests_per_delivery <= 1.5",
            Some(Transport::LongPolling),
            Relation::AtMost,
            Bound::Value(1.5),
        ),
        ("*.lost > 0", None, Relation::Above, Bound::Value(0.0)),
        ("sse.latency_ns.p99 > +10%", Some(Transport::Sse), Relation::Above, Bound::Change(0.1)),
        ("sse.latency_ns.p99 < -5%", Some(Transport::Sse), Relation::Below, Bound::Change(-0.05)),
    ];
    for (text, transport, relation, bound) in cases {
        let parsed = parse(text);
        assert_eq!((parsed.transport, parsed.relation, parsed.bound), (transport, relation, bound), "{text}");
        assert_eq!(parsed.is_relative(), matches!(bound, Bound::Change(_)));
    }
}

#[test]
fn an_error_names_the_place_and_what_is_expected_there() {
    let cases = [
        ("", 1, "a comparison is missing", None),
        ("sse.latency_ns.p99", 19, "a comparison is missing", None),
        (" > 5ms", 2, "the figure is missing", None),
        ("ssee.latency_ns.p99 > 5ms", 1, "there is no transport `ssee`", Some("sse")),
        ("longpolling.latency > 5ms", 1, "there is no transport `longpolling`", Some("long_polling")),
        ("sse.latency_ns.p95 > 5ms", 5, "there is no figure `latency_ns.p95`", Some("latency_ns.p50")),
        ("latency.p99 > 5ms", 1, "there is no figure `latency.p99`", Some("latency_ns.p99")),
        ("sse > 5ms", 4, "a figure must follow `sse.`", None),
        ("sse.lots > 0", 5, "there is no figure `lots`", Some("lost")),
        ("sse.p99 > 5ms", 5, "there is no figure `p99`", Some("latency_ns.p99")),
        ("sse.lost == 0", 10, "`==` is not a comparison", None),
        ("sse.latency_ns.p99 >", 21, "the number is missing", None),
        ("sse.latency_ns.p99 > 5", 22, "`5` is a length of time without its unit", None),
        ("sse.latency_ns.p99 > 5%", 22, "write a change as `+5%`", None),
        ("sse.latency_ns.p99 > fast", 22, "cannot be read as a length of time", None),
        ("sse.latency_ns.p99 > +5ms", 22, "has a sign, which is for a change in percent", None),
        ("sse.wire_bytes_per_delivery.total > many", 37, "cannot be read as a size", None),
        ("sse.requests_per_delivery > NaN", 29, "cannot be read as a number", None),
        ("*.lost > +10%", 10, "not a change", None),
        ("sse.empty_fraction > 50", 22, "1, or 100%, at the most", None),
    ];
    for (text, position, problem, suggestion) in cases {
        let error = error(text);
        assert!(error.problem.contains(problem), "{error}");
        assert_eq!(error.position, position, "{error}");
        match suggestion {
            Some("latency_ns.p50") => {
                assert!(error.suggestion.is_some_and(|near| near.starts_with("latency_ns.p")), "{error}")
            }
            _ => assert_eq!(error.suggestion, suggestion, "{error}"),
        }
        assert!(!error.expected.is_empty(), "{error}");
    }
    let shown = error("ssé.lost > 0").to_string();
    assert_eq!(
        shown,
        "`ssé.lost > 0`, at character 1: there is no transport `ssé`; did you mean `sse`? \
         expected one of: polling, long_polling, sse, websocket, *"
    );
}

/// Which rows were found, and what.
fn rows_of(threshold: &Threshold) -> Vec<(Option<Transport>, usize, Observed)> {
    let Found::Rows { rows } = &threshold.found else { panic!("{threshold:?}") };
    rows.iter().map(|one| (one.row.transport, one.row.point_index, one.observed)).collect()
}

#[test]
fn a_percentile_is_known_by_its_share() {
    let share = |text: &str| parse(text).percentile();
    assert_eq!((share("sse.latency_ns.p50 > 1ms"), share("latency_ns.p999 > 1ms")), (Some(0.5), Some(0.999)));
    assert_eq!((share("latency_ns.max > 1ms"), share("lost > 0")), (None, None));
    assert_eq!((parse("sse.lost > 0").transport(), parse("*.lost > 0").transport()), (Some(Transport::Sse), None));
}

#[test]
fn a_suggestion_is_the_whole_name_and_stands_instead_of_a_list_of_all() {
    let shown = error("sse.p99 > 5ms").to_string();
    assert!(shown.ends_with("did you mean `sse.latency_ns.p99`?"), "{shown}");
}

#[test]
fn a_threshold_fails_where_any_row_meets_its_condition() {
    let mut rows = fixture::run(|_, _| 1.0).summary;
    rows.iter_mut().for_each(|row| row.metrics.latency_ns.p99 = Value(Some(1e6)));
    let p99 = |value| Observed::Value { metric: Metric::LatencyP99, value };
    let kept = parse("*.latency_ns.p99 > 5ms").evaluate(&rows);
    assert!(!kept.failed && rows_of(&kept).len() == 1 && rows_of(&kept)[0].2 == p99(1e6), "{kept:?}");
    let sse = rows.iter().position(|row| row.transport == Some(Transport::Sse)).unwrap();
    rows[sse].metrics.latency_ns.p99 = Value(Some(7e6));
    let failed = parse("sse.latency_ns.p99 > 5ms").evaluate(&rows);
    assert_eq!((failed.failed, rows_of(&failed)), (true, vec![(Some(Transport::Sse), 0, p99(7e6))]));
    assert_eq!(failed.expression, "sse.latency_ns.p99 > 5ms");
    assert!(!parse("websocket.latency_ns.p99 > 5ms").evaluate(&rows).failed);
    assert!(parse("*.latency_ns.p99 < 2ms").evaluate(&rows).failed);
    assert!(!parse("*.lost > 0").evaluate(&rows).failed);
    rows[sse].audit.lost = 3;
    let lost = Observed::Count { count: AuditCount::Lost, value: 3 };
    assert_eq!(rows_of(&parse("*.lost > 0").evaluate(&rows)), [(Some(Transport::Sse), 0, lost)]);
}

#[test]
fn what_was_not_measured_or_not_run_does_not_pass() {
    let mut rows = fixture::run(|_, _| 1.0).summary;
    rows.retain(|row| row.transport == Some(Transport::Sse));
    rows[1].metrics.server_cpu_ns_per_delivery = Value(None);
    let unmeasured = parse("sse.server_cpu_ns_per_delivery > 1s").evaluate(&rows);
    let expected = [(Some(Transport::Sse), 1, Observed::NotMeasured)];
    assert!(unmeasured.failed && rows_of(&unmeasured) == expected, "{unmeasured:?}");
    let absent = parse("polling.latency_ns.p99 > 1s").evaluate(&rows);
    let polling = Some(Transport::Polling);
    assert_eq!((absent.failed, absent.found), (true, Found::NoRow { transport: polling }));
    let relative = parse("sse.latency_ns.p99 > +10%").evaluate(&rows);
    assert_eq!((relative.failed, relative.found), (true, Found::NeedsBaseline));
}

#[test]
fn a_change_fails_if_it_is_beyond_the_bound_and_no_noise() {
    let before = fixture::run(|_, _| 1.0);
    let mut after = fixture::run(|_, metric| if metric == Metric::ServerCpu { 1.3 } else { 1.0 });
    let evaluate = |text: &str, after: &crate::run::file::Run| {
        parse(text).evaluate_comparison(&compare(&before, after), &after.summary)
    };
    let change = |threshold: &Threshold| {
        let Observed::Change { share, ci95, is_noise } = rows_of(threshold)[0].2 else { panic!("{threshold:?}") };
        (share, ci95.is_some(), is_noise)
    };
    let failed = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
    let (share, has_interval, is_noise) = change(&failed);
    assert!(failed.failed && (share - 0.3).abs() < 1e-9 && has_interval && !is_noise, "{failed:?}");
    assert!(!evaluate("sse.server_cpu_ns_per_delivery > +40%", &after).failed);
    assert!(!evaluate("sse.host_cpu_ns_per_delivery > +20%", &after).failed);
    assert!(evaluate("sse.server_cpu_ns_per_delivery > 1ns", &after).failed, "a value is of the second run");
    for trial in &mut after.trials {
        let cpu = &mut trial.metrics.server_cpu_ns_per_delivery;
        *cpu = Value(cpu.0.map(|value| value * f64::from(trial.round)));
    }
    let noise = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
    assert!(!noise.failed && change(&noise).2, "{noise:?}");
    after.trials.retain(|trial| trial.round == 3);
    after.summary.iter_mut().for_each(|row| {
        let cpu = &mut row.metrics.server_cpu_ns_per_delivery;
        *cpu = Value(cpu.0.map(|value| value * 3.0));
    });
    let single = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
    assert!(single.failed && !change(&single).1, "{single:?}");
    after.trials.iter_mut().for_each(|trial| trial.metrics.server_cpu_ns_per_delivery = Value(None));
    after.summary.iter_mut().for_each(|row| row.metrics.server_cpu_ns_per_delivery = Value(None));
    let unmeasured = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
    assert!(unmeasured.failed && rows_of(&unmeasured)[0].2 == Observed::NotInBoth, "{unmeasured:?}");
}
