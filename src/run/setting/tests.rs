//! Tests of the table: every entry is a flag, a key, a member and a column, and has its words.

use super::*;
use crate::limits;
use clap::Parser;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: RunSettings,
}

#[test]
fn every_default_parses_and_every_setting_is_a_flag_and_a_key() {
    let none = RunSettings::default();
    let point = Point::default();
    assert_eq!((point.clients, point.hold_ns), (50, limits::LONG_POLL_HOLD.into()));
    let words = ["none", "?"].map(str::to_owned);
    let scenario = Scenario::new(&none, words, Purpose::default(), PublishedFeed::None, None);
    assert_eq!((scenario.rounds, scenario.transports.len()), (3, 4));
    assert_eq!((none.feed(), none.arrivals()), (FeedKind::Replay, Arrivals::Steady));
    for Entry { key, range, .. } in RunSettings::entries() {
        let Some([_, most]) = range else { continue };
        let file: RunSettings = toml::from_str(&format!("{key} = {most:?}")).unwrap();
        let flag = Flags::try_parse_from(["loadgen", &format!("--{key}"), &most]).unwrap().settings;
        assert!(file == flag && file != none, "{key}");
    }
}

#[test]
fn a_setting_is_parsed_alike_from_a_flag_and_a_file() {
    let file: RunSettings =
        toml::from_str("clients = [10, 100]\nrate = 0.5\nmeasure = \"4s\"\ntransports = \"sse\"").unwrap();
    assert_eq!(file.clients, Some("10,100".parse().unwrap()));
    assert_eq!(file.rate, Some("0.5".parse().unwrap()));
    assert_eq!(file.measure, Some("4s".parse().unwrap()));
    assert_eq!(file.transports, Some(List(vec![Transport::Sse])));
}

#[test]
fn a_bad_value_or_an_unknown_key_is_named_with_its_line() {
    for (text, line) in [
        ("rounds = 1\nclients = 0", "line 2"),
        ("rounds = 1\n\nclient = 5", "line 3"),
        ("rate = [1, -2]", "line 1"),
        ("measure = \"4\"", "line 1"),
        ("rounds = [1, 2]", "line 1"),
        ("transports = [\"sse\", \"carrier_pigeon\"]", "line 1"),
        ("bandwidth = \"10\"", "line 1"),
        ("churn = [\"1s\", \"often\"]", "line 1"),
        ("echo = \"morse\"", "line 1"),
    ] {
        let said = toml::from_str::<RunSettings>(text).unwrap_err().to_string();
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn links_and_churn_may_be_absent() {
    let file: RunSettings = toml::from_str(
        "rtt = [\"0ms\", \"100ms\"]\nbandwidth = [\"none\", \"1.5Mbit\"]\nchurn = [\"none\", \"2s\", \"storm\"]",
    )
    .unwrap();
    assert_eq!(file.rtt, Some(List(vec![Delay(Nanos::ZERO), Delay(Nanos(100_000_000))])));
    assert_eq!(file.bandwidth, Some(List(vec![Bandwidth(None), Bandwidth(Some(1_500_000))])));
    let churn = [Leaving::Never, Leaving::Each(Nanos(2 * Nanos::SECOND.0)), Leaving::AllAtOnce].map(Churn);
    assert_eq!(file.churn, Some(List(churn.to_vec())));
}

#[test]
fn flags_win_over_the_file() {
    let flags = RunSettings { seed: Some(Seed(2)), ..RunSettings::default() };
    let file = RunSettings { seed: Some(Seed(1)), rounds: Some(Rounds(9)), ..RunSettings::default() };
    let both = flags.over(file);
    assert_eq!((both.seed, both.rounds), (Some(Seed(2)), Some(Rounds(9))));
}

#[test]
fn every_setting_has_its_member_of_a_point_and_a_column() {
    let point = Point::default();
    let written = serde_json::to_value(&point).unwrap();
    let mut members: Vec<&String> = written.as_object().unwrap().keys().collect();
    members.sort_unstable();
    let mut columns = Point::columns();
    assert_eq!(columns.len(), point.cells().len());
    columns.sort_unstable();
    assert_eq!(members, columns);
    for setting in Setting::ALL {
        assert!(written.get(setting.name()).is_some(), "{}", setting.name());
        assert_eq!(Setting::from_name(setting.name()), Some(*setting));
    }
    assert_eq!(serde_json::from_value::<Point>(written).unwrap(), point);
}

#[test]
fn a_value_is_named_in_headings_and_in_sentences() {
    for (setting, value, phrase, at) in [
        (Setting::Clients, 1.0, "1 client", "with 1 client"),
        (Setting::Rate, 0.2, "0.2 updates a second", "at 0.2 updates a second"),
        (Setting::RoundTrip, 0.0, "round trip 0 ms", "with a round trip of 0 ms"),
        (Setting::RequestHeader, 0.0, "no headers added", "with no headers added"),
        (Setting::Proxy, 1.0, "nginx before the server", "with nginx before the server"),
        (Setting::Nodes, 1.0, "1 node", "on 1 node"),
        (Setting::Kill, 1.0, "node killed", "with the node killed"),
        (Setting::Heads, 0.0, "bare heads", "with bare heads"),
        (Setting::Heads, 1.0, "browser heads", "with browser heads"),
        (Setting::Protocol, 2.0, "protocol HTTP/2 over TLS", "over HTTP/2 over TLS"),
        (Setting::Compression, 0.0, "no compression", "with no compression"),
        (Setting::Compression, 3.0, "compression permessage-deflate", "with permessage-deflate"),
        (Setting::KeepAlive, 0.0, "connections made for each request", "with connections made for each request"),
        (Setting::Link, 1e7, "link of 10 Mbit/s", "on a link of 10 Mbit/s"),
        (Setting::Churn, 0.0, "all clients leaving at once", "with all clients leaving at once"),
        (Setting::Churn, 2e9, "clients that stay 2 s", "with clients that stay 2 s"),
        (Setting::Churn, Leaving::Never.number(), "clients that stay for good", "with clients that stay for good"),
        (Setting::Echo, 2.0, "binary messages", "with binary messages"),
    ] {
        assert_eq!((setting.phrase(value).as_str(), setting.at(value).as_str()), (phrase, at));
    }
}

#[test]
fn points_differ_by_requested_values_however_near_and_never_by_measured_ones() {
    let asked = Point { rate_per_s: 10.0, ..Point::default() };
    let other = Point { rate_per_s: 11.0, ..asked.clone() };
    assert!(Setting::Rate.differs(&asked, &other));
    let measured = Point { measured_feed: true, ..other };
    assert!(!Setting::Rate.differs(&asked, &measured) && !Setting::Rate.differs(&measured, &asked));
    assert!(Setting::Clients.differs(&asked, &Point { clients: 7, ..measured }));
}
