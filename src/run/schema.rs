//! The JSON Schema of `run.json`, for other programs that read it.

/// `schema/run.schema.json`: JSON Schema 2020-12 of exactly what [`crate::run::file::Run`] writes.
pub const RUN_SCHEMA: &str = include_str!("../../schema/run.schema.json");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::agents::AgentReport;
    use crate::run::failover::FailoverReport;
    use crate::run::file::{Leaving, LinkReport, MessageKind, Point, Returns, Run, Scenario};
    use crate::run::fixture;
    use crate::run::metric::{Family, Metric, Unit, Value};
    use crate::run::nodes::LogReport;
    use crate::run::path::report::PathReport;
    use crate::run::proxy::ProxyReport;
    use crate::run::readings::ClockReading;
    use crate::run::reason::tests::every_cause;
    use crate::run::reason::{Cause, Reason, RowId};
    use crate::run::setting::Described;
    use crate::run::threshold::Threshold;
    use crate::run::threshold::tests::every_finding;
    use crate::units::Nanos;
    use serde::de::{MapAccess, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::{Value as Json, json};
    use std::collections::BTreeMap;
    use std::fmt;

    fn schema() -> Json {
        serde_json::from_str(RUN_SCHEMA).unwrap()
    }

    /// JSON that keeps the order of its members, which `serde_json` would sort.
    #[derive(Clone, Debug, PartialEq)]
    enum Node {
        Object(Vec<(String, Node)>),
        Array(Vec<Node>),
        Leaf(Json),
    }

    impl<'de> Deserialize<'de> for Node {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Any;
            impl<'de> Visitor<'de> for Any {
                type Value = Node;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("JSON")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Node::Object(members))
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
                    let mut items = Vec::new();
                    while let Some(item) = sequence.next_element()? {
                        items.push(item);
                    }
                    Ok(Node::Array(items))
                }
                fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                    Ok(Node::Leaf(text.into()))
                }
                fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                    Ok(Node::Leaf(value.into()))
                }
                fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                    Ok(Node::Leaf(value.into()))
                }
                fn visit_unit<E>(self) -> Result<Node, E> {
                    Ok(Node::Leaf(Json::Null))
                }
            }
            deserializer.deserialize_any(Any)
        }
    }

    impl Serialize for Node {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Object(members) => serializer.collect_map(members.iter().map(|(name, node)| (name, node))),
                Self::Array(items) => serializer.collect_seq(items),
                Self::Leaf(value) => value.serialize(serializer),
            }
        }
    }

    impl Node {
        fn member(&mut self, name: &str) -> &mut Node {
            let Self::Object(members) = self else { panic!("{name} of no object") };
            &mut members.iter_mut().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
        }
    }

    /// A member of the schema, with its description first.
    fn described(name: &str, schema: &Json) -> (String, Node) {
        let members = schema.as_object().unwrap();
        let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| *key == "description");
        let node = |(key, value): (&String, &Json)| (key.clone(), serde_json::from_value(value.clone()).unwrap());
        (name.to_owned(), Node::Object(first.into_iter().chain(rest).map(node).collect()))
    }

    /// The members that are metrics, each with the type that `of` gives for its unit or its parts.
    fn metrics(of: impl Fn(&str, &[Metric]) -> Json) -> Vec<(String, Node)> {
        let member = |(name, doc, metrics): (&'static str, String, Vec<Metric>)| {
            let mut schema = of(name, &metrics);
            schema["description"] = doc.into();
            described(name, &schema)
        };
        Metric::described().into_iter().map(member).collect()
    }

    fn measured(name: &str, metrics: &[Metric]) -> Json {
        let kind = match metrics {
            [_, _, ..] if name == "wire_bytes_per_delivery" => "wire_bytes",
            [_, _, ..] => "percentiles",
            [one] if one.unit() == Unit::Fraction => "share",
            [one] if one.family() == Family::Memory => "growth",
            _ => "measured",
        };
        json!({"$ref": format!("#/$defs/{kind}")})
    }

    fn interval(name: &str, metrics: &[Metric]) -> Json {
        let kind = match metrics {
            [_, _, ..] if name == "wire_bytes_per_delivery" => "wire_intervals",
            [_, _, ..] => "percentile_intervals",
            _ => "interval",
        };
        json!({"$ref": format!("#/$defs/{kind}")})
    }

    /// The schema with the members from the tables of settings and metrics. Each definition keeps its hand-written
    /// members at the start and the end, and has those from the tables between them.
    fn generated(written: &str) -> String {
        let settings = |all: Vec<Described>| -> (Vec<(String, Node)>, Vec<&'static str>) {
            let optional = all.iter().filter(|one| !one.is_required).map(|one| one.name).collect();
            (all.iter().map(|one| described(one.name, &one.schema)).collect(), optional)
        };
        let ((point, point_optional), (scenario, scenario_optional)) =
            (settings(Point::described()), settings(Scenario::described()));
        let optional = [point_optional, scenario_optional, OPTIONAL.to_vec()].concat();
        let mut schema: Node = serde_json::from_str(written).unwrap();
        let mut done: BTreeMap<&str, Vec<(String, Node)>> = BTreeMap::new();
        let mut put = |definition: &'static str, first: &[&str], made: Vec<(String, Node)>, last: &[&str]| {
            let properties = schema.member("$defs").member(definition).member("properties");
            let mut by_hand = |names: &[&str]| -> Vec<(String, Node)> {
                names.iter().map(|name| ((*name).to_owned(), properties.member(name).clone())).collect()
            };
            let members = [by_hand(first), made, by_hand(last)].concat();
            done.entry(definition).or_default().extend(members);
        };
        put("point", &[], point.clone(), &["measured_feed"]);
        put("scenario", &SCENARIO, scenario, &["sweep"]);
        put("metrics", &[], metrics(measured), &[]);
        put("intervals", &[], metrics(interval), &[]);
        put("row", &["transport", "point_index"], point, &["measured_feed"]);
        put("row", &AUDIT, metrics(measured), &["ci95", "withheld", "verdict", "reasons"]);
        for (definition, members) in done {
            let required = members.iter().filter(|(name, _)| !optional.contains(&name.as_str()));
            let required = required.map(|(name, _)| Node::Leaf(name.as_str().into())).collect();
            let place = schema.member("$defs").member(definition);
            *place.member("required") = Node::Array(required);
            *place.member("properties") = Node::Object(members);
        }
        serde_json::to_string_pretty(&schema).unwrap() + "\n"
    }

    /// The hand-written members of a row, except for those at its start and end.
    const AUDIT: [&str; 6] = ["expected", "delivered", "lost", "lost_announced", "duplicate", "reordered"];
    /// The hand-written members of a scenario, before its settings.
    const SCENARIO: [&str; 10] =
        ["name", "question", "figures", "focus", "claims", "feed", "recording", "speed", "arrivals", "target"];
    /// The optional members of a scenario or a row: some feeds or transports do not have them, or older files lack
    /// them.
    const OPTIONAL: [&str; 10] = [
        "figures",
        "focus",
        "claims",
        "recording",
        "speed",
        "arrivals",
        "target",
        "transport",
        "measured_feed",
        "withheld",
    ];

    #[test]
    fn the_schema_agrees_with_the_tables_of_settings_and_metrics() {
        let generated = generated(RUN_SCHEMA);
        if std::env::var_os("PUSHPULL_BLESS").is_some_and(|value| value == "1") {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/run.schema.json"), &generated).unwrap();
        }
        let differs = RUN_SCHEMA.lines().zip(generated.lines()).find(|(written, made)| written != made);
        assert!(
            RUN_SCHEMA == generated,
            "schema/run.schema.json is not what the tables generate (first difference: {differs:?}); run this test \
             with PUSHPULL_BLESS=1"
        );
    }

    /// A run with every optional member.
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
        (point.churn, point.echo) = (Leaving::Each(Nanos::SECOND), Some(MessageKind::Binary));
        run.trials[1].link = Some(LinkReport::default());
        run.trials[2].path = Some(PathReport::default());
        run.trials[2].proxy = Some(ProxyReport::default());
        run.trials[2].failover = Some(FailoverReport::default());
        run.trials[2].log = Some(LogReport { servers: 1, connections: vec![3], ..LogReport::default() });
        let clock = ClockReading { at_ns: Nanos(1), offset_ns: -2, uncertainty_ns: Nanos(3) };
        run.trials[2].agents = vec![AgentReport { clocks: vec![clock], ..AgentReport::default() }];
        run.trials[2].point.path = "4g,loss=1%".parse().ok();
        run.trials[1].returns = Some(Returns::default());
        run
    }

    #[test]
    fn a_written_run_is_valid_by_its_schema() {
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
        let breaks = [
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
            ("/summary/1/path", json!(4)),
            ("/trials/2/path/missed", json!(null)),
            ("/trials/2/path/up/lost", json!("1%")),
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
    fn every_metric_is_in_the_schema_with_a_description() {
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
