//! Tests with invented calibrations, whose true parameters are known.

use super::validation::validate;
use super::*;
use crate::run::drift::Machine;
use crate::units::Nanos;

/// Truth: 10 µs a request, 5 µs a delivery, 1 ns a byte, 20 µs a wake-up; 10 kB a client over 4 MB.
fn sample(transport: Transport, clients: u64, rate_per_s: f64, payload_bytes: f64, off: f64) -> CapacitySample {
    let (poll_interval_ns, hold_ns) = (Nanos::SECOND, Nanos::from(limits::LONG_POLL_HOLD));
    let workload = Workload { transport, clients, rate_per_s, payload_bytes, poll_interval_ns, hold_ns };
    let (warm_up_ns, measure_ns) = (Nanos(Nanos::SECOND.0 / 2), Nanos(2 * Nanos::SECOND.0));
    let mut one = CapacitySample {
        workload,
        verdict: Verdict::Valid,
        warm_up_ns,
        measure_ns,
        segment_bytes: Some(32_768),
        requests_per_s: 0.0,
        deliveries_per_s: workload.deliveries_per_s(),
        wire_bytes_per_s: 0.0,
        wire_bytes_per_delivery: 0.0,
        server_cores: 0.0,
        server_bytes_before: 4_000_000,
        server_bytes: 4_000_000 + clients * 10_000,
        kernel_bytes_per_client: None,
    };
    let traffic = own_traffic(&one).unwrap();
    one.requests_per_s = traffic.requests_per_delivery * one.deliveries_per_s;
    one.wire_bytes_per_delivery = traffic.wire_bytes_per_delivery * (1.0 + off / 10.0);
    one.wire_bytes_per_s = traffic.wire_bytes_per_delivery * one.deliveries_per_s;
    one.server_cores = (one.requests_per_s * 10e-6
        + one.deliveries_per_s * 5e-6
        + one.wire_bytes_per_s * 1e-9
        + wake_ups(&workload, one.requests_per_s) * 20e-6)
        * (1.0 + off);
    one
}

/// Settings of each transport, with relative noise of up to `off`.
fn samples(off: f64, shift: usize) -> Vec<CapacitySample> {
    let of = |transport| {
        (0..12).map(move |n: usize| {
            let n = n + shift;
            let (clients, rate) = (50 + (n * 577 % 1_900) as u64, 0.5 + (n * 37 % 40) as f64 / 4.0);
            let sign = [1.0, -1.0, 0.5, -0.5][n % 4];
            sample(transport, clients, rate, (16 + n * 331 % 4_000) as f64, sign * off)
        })
    };
    Transport::ALL.into_iter().flat_map(of).collect()
}

fn calibration(samples: Vec<CapacitySample>) -> Capacity {
    Capacity {
        schema: crate::run::capacity::SCHEMA.to_owned(),
        measured_at: "2026-11-28T04:00:00Z".to_owned(),
        machine: Machine {
            host: "here".to_owned(),
            kernel: "Linux".to_owned(),
            processor: "any".to_owned(),
            cores: 2,
            profile: "release".to_owned(),
        },
        seed: 1,
        samples,
    }
}

const NODE: NodeLimits = NodeLimits {
    cores: 2.0,
    busy_share: 0.7,
    files: 20_000,
    memory_bytes: 8e9,
    bits_per_s: None,
    segment_bytes: 1_448,
};

#[test]
fn noiseless_measurements_are_predicted_including_settings_that_were_not_fitted() {
    let rows = validate(&calibration(samples(0.0, 0)), &samples(0.0, 5)).unwrap();
    assert_eq!(rows.len(), 5);
    for row in &rows {
        assert!(row.cores.worst() < 0.001 && row.bytes.worst() < 1e-9 && row.memory.worst() < 0.001, "{row:?}");
    }
    let noisy = validate(&calibration(samples(0.1, 0)), &samples(0.1, 7)).unwrap();
    let all = noisy.last().unwrap();
    let covered = all.cores.covered() as f64 / all.cores.0.len() as f64;
    assert!(covered >= 0.9 && all.cores.worst() > 0.03 && all.bytes.within(0.05) == 48, "{all:?}");
}

#[test]
fn a_model_that_is_no_longer_true_fails_validation() {
    let calibration = calibration(samples(0.05, 0));
    let mut slower = samples(0.05, 5);
    slower.iter_mut().for_each(|one| one.server_cores *= 1.5);
    assert!(!validate(&calibration, &slower).unwrap().last().unwrap().is_kept());
    let mut longer = samples(0.05, 5);
    longer.iter_mut().for_each(|one| one.wire_bytes_per_delivery *= 1.06);
    assert!(!validate(&calibration, &longer).unwrap().last().unwrap().is_kept());
    // An unusable trial is counted, but not judged.
    let mut starved = samples(0.0, 5);
    starved.iter_mut().for_each(|one| one.verdict = Verdict::Invalid);
    let rows = validate(&calibration, &starved).unwrap();
    assert!(rows.last().unwrap().invalid == 48 && !rows.last().unwrap().is_kept());
}

#[test]
fn a_million_clients_need_as_many_nodes_as_the_scarcest_resource_requires() {
    let model = Model::of(&calibration(samples(0.02, 0)), Transport::Sse).unwrap();
    let workload = Workload {
        clients: 1_000_000,
        rate_per_s: 2.0,
        payload_bytes: 300.0,
        ..sample(Transport::Sse, 1, 1.0, 1.0, 0.0).workload
    };
    let estimate = model.estimate(&workload, NODE).unwrap();
    let nodes = estimate.nodes.unwrap();
    // 19,904 connections each, after the files kept back.
    assert_eq!((nodes.resource, nodes.value), (Resource::Files, Some(51)), "{estimate:?}");
    assert!(estimate.node.beyond.iter().any(|one| one.axis == Axis::Clients && one.times > 9.0), "{estimate:?}");
    // 2 M deliveries at 5 µs and 600 B or so.
    assert!((10.0..13.0).contains(&estimate.cores.value), "{:?}", estimate.cores);
    let small = NodeLimits { cores: 0.1, ..NODE };
    assert_eq!(model.estimate(&workload, small).unwrap().nodes.unwrap().resource, Resource::Processor);
    let thin = NodeLimits { bits_per_s: Some(10e6), ..NODE };
    let thin = model.estimate(&workload, thin).unwrap().nodes.unwrap();
    assert!(thin.resource == Resource::Bandwidth && thin.low <= thin.value && thin.value <= thin.high, "{thin:?}");
    let none = NodeLimits { cores: 1e-9, ..NODE };
    assert_eq!(model.estimate(&workload, none).unwrap().nodes, None);
}

#[test]
fn a_calibrated_workload_is_no_extrapolation_and_one_outside_the_range_is() {
    let all = samples(0.0, 0);
    let model = Model::of(&calibration(all.clone()), Transport::Polling).unwrap();
    let inside = all.iter().find(|one| one.workload.transport == Transport::Polling).unwrap().workload;
    assert_eq!(model.need(&inside, 1_448).unwrap().beyond, []);
    let slower = Workload { poll_interval_ns: Nanos(2 * Nanos::SECOND.0), ..inside };
    let beyond = model.need(&slower, 1_448).unwrap().beyond;
    assert!(beyond.len() == 1 && beyond[0].axis == Axis::PollInterval && beyond[0].times == 2.0, "{beyond:?}");
    let few = calibration(all[..4].to_vec());
    assert_eq!(
        Model::of(&few, Transport::Polling).err(),
        Some(CapacityError::FewTrials { transport: Transport::Polling, usable: 4 })
    );
}
