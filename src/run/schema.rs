//! The JSON Schema of `run.json`, for whoever reads it with another program.

/// `schema/run.schema.json`: JSON Schema 2020-12 of exactly what [`crate::run::file::Run`] writes.
pub const RUN_SCHEMA: &str = include_str!("../../schema/run.schema.json");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::file::{LinkReport, MessageKind, Returns, Run};
    use crate::run::fixture;
    use crate::run::metric::{Metric, Value};
    use crate::run::reason::tests::every_cause;
    use crate::run::reason::{Cause, Reason, RowId};
    use crate::run::threshold::Threshold;
    use crate::run::threshold::tests::every_finding;
    use crate::units::Nanos;
    use serde_json::{Value as Json, json};

    fn schema() -> Json {
        serde_json::from_str(RUN_SCHEMA).unwrap()
    }

    /// A run with everything in it that can be there.
    fn run() -> Run {
        let mut run = fixture::run(|_, _| 1.0);
        let threshold = |found| Threshold { expression: "*.lost > 0".to_owned(), failed: false, found };
        run.thresholds = every_finding().into_iter().map(threshold).collect();
        let rows = vec![RowId { transport: None, point_index: 0 }];
        run.reasons = every_cause().into_iter().map(Reason::from).collect();
        run.reasons[0] = Reason { rounds: vec![2], rows, ..Cause::NothingDue.into() };
        (run.summary[0].reasons, run.trials[0].reasons) = (run.reasons.clone(), run.reasons.clone());
        run.environment.notes.insert("governor".to_owned(), "performance".to_owned());
        run.trials[0].metrics.server_cpu_ns_per_delivery = Value(None);
        run.summary[0].metrics.server_cpu_ns_per_delivery = Value(None);
        run.summary[0].ci95.server_cpu_ns_per_delivery = None;
        let point = &mut run.summary[1].point;
        point.link_bits_per_s = Some(1_000_000);
        (point.churn_ns, point.storm, point.echo) = (Some(Nanos::SECOND), true, Some(MessageKind::Binary));
        run.trials[1].link = Some(LinkReport::default());
        run.trials[1].returns = Some(Returns::default());
        run
    }

    #[test]
    fn what_a_run_writes_is_valid_by_its_schema() {
        jsonschema::meta::validate(&schema()).unwrap();
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema()).unwrap();
        let written = serde_json::to_value(run()).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&written).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new());
    }

    #[test]
    fn a_broken_run_is_not_valid_by_its_schema() {
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema()).unwrap();
        let written = serde_json::to_value(run()).unwrap();
        let breaks: [(&str, Json); 20] = [
            ("/schema", json!("pushpull.run/2")),
            ("/started_at", json!("yesterday")),
            ("/took_ns", json!(-1)),
            ("/verdict", json!("good")),
            ("/scenario/transports/0", json!("carrier_pigeon")),
            ("/summary/0/latency_ns/p99", json!("fast")),
            ("/summary/0/stale_fraction", json!(1.5)),
            ("/summary/0/ci95/latency_ns/p99", json!([1])),
            ("/summary/0/lost", json!(null)),
            ("/trials/0/transport", json!("udp")),
            ("/trials/0/timeline/0/p50_ns", json!(1.5)),
            ("/thresholds/0/failed", json!("no")),
            ("/thresholds/0/found/code", json!("unheard_of")),
            ("/thresholds/0/found/rows/0/observed/value", json!("fast")),
            ("/reasons/0/code", json!("unheard_of")),
            ("/reasons/0/rounds", json!([])),
            ("/trials/0/reasons/1/count", json!(-1)),
            ("/summary/1/echo", json!("morse")),
            ("/trials/1/link/probes", json!(-1)),
            ("/trials/1/returns/recovered", json!(null)),
        ];
        for (pointer, value) in breaks {
            let mut broken = written.clone();
            *broken.pointer_mut(pointer).unwrap() = value;
            assert!(!validator.is_valid(&broken), "{pointer}");
        }
        for pointer in ["", "/summary/0", "/trials/0", "/trials/0/metrics", "/trials/0/wire", "/environment"] {
            let mut more = written.clone();
            more.pointer_mut(pointer).unwrap()["unheard_of"] = json!(1);
            assert!(!validator.is_valid(&more), "an unknown member of {pointer}");
            let mut less = written.clone();
            let members = less.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            let first = members.keys().find(|name| *name != "notes" && *name != "transport").unwrap().clone();
            members.remove(&first);
            assert!(!validator.is_valid(&less), "{pointer} without {first}");
        }
    }

    #[test]
    fn every_figure_stands_in_the_schema_with_a_description() {
        let schema = schema();
        let resolve = |part: &Json| match part["$ref"].as_str() {
            Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap().clone(),
            None => part.clone(),
        };
        for definition in ["row", "metrics", "intervals"] {
            for metric in Metric::ALL {
                let mut place = schema["$defs"][definition].clone();
                for name in metric.path().split('.') {
                    let member = &place["properties"][name];
                    assert!(member["description"].is_string(), "{definition}: {}", metric.path());
                    place = resolve(member);
                }
            }
        }
    }
}
