//! The trials of `loadgen predict`: settings drawn inside the calibrated region, each measured once for some seconds.
//!
//! The settings of a transport form a Latin hypercube (McKay, Beckman, Conover, Technometrics 21, 1979): each axis is
//! divided on a logarithmic scale into n equal parts, and each part is used once. A few trials thus cover every axis
//! evenly.

use std::path::PathBuf;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::load::plan::{Plan, PlanError};
use crate::load::run;
use crate::load::scenarios::Scenario;
use crate::load::trial::{self, TrialError};
use crate::run::capacity::{CapacitySample, Workload};
use crate::run::purpose::Purpose;
use crate::run::setting::{Cycles, List, Measure, Rounds, WarmUp};
use crate::run::{FeedKind, RunSettings, Transport};
use crate::units::{Nanos, plain_length};

/// Why a workload could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum CapacityTrialError {
    /// The plan cannot be run on this machine.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The trial failed.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// The server's processor time or memory could not be read.
    #[error("the processor time or the memory of a server could not be read from /proc")]
    Unread,
}

/// Draws `each` settings per transport, in random order. The same seed draws the same settings.
pub fn draw(each: usize, clients_max: u32, seed: u64) -> Vec<Workload> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut all = Vec::new();
    for transport in Transport::ALL {
        let axes = [
            [f64::from(limits::CAPACITY_CLIENTS_MIN), f64::from(clients_max)],
            limits::CAPACITY_RATES,
            limits::CAPACITY_PAYLOADS,
            limits::CAPACITY_POLL_INTERVALS,
        ];
        let [clients, rates, payloads, polls] = axes.map(|axis| column(each, axis, &mut random));
        for (((clients, rate), payload), poll) in clients.into_iter().zip(rates).zip(payloads).zip(polls) {
            let clients = clients.round();
            // Client and server share this machine, so a load that it cannot carry says nothing. In such a short
            // trial, an update on the edge of the interval is a large share of all updates; warm-up and interval are
            // therefore whole seconds, and contain whole updates.
            let rate = rate.round().min((limits::CAPACITY_DELIVERIES_PER_S / clients).floor()).max(1.0);
            let poll = if poll < WHOLE_FROM { ((poll * 4.0).round() / 4.0).min(1.0) } else { 2.0 };
            all.push(Workload {
                transport,
                clients: clients as u64,
                rate_per_s: rate,
                payload_bytes: payload.round(),
                poll_interval_ns: Nanos((poll * 1e3).round() as u64 * Nanos::MILLI.0),
                hold_ns: limits::LONG_POLL_HOLD.into(),
            });
        }
    }
    all.shuffle(&mut random);
    all
}

/// Poll intervals from here on are whole seconds, since warm-up and interval depend on them.
const WHOLE_FROM: f64 = 1.5;

/// One value in each of `parts` equal parts of an axis on a logarithmic scale, in random order.
fn column(parts: usize, [least, most]: [f64; 2], random: &mut ChaCha8Rng) -> Vec<f64> {
    let at = |share: f64| (least.ln() + share * (most.ln() - least.ln())).exp();
    let mut values: Vec<f64> =
        (0..parts).map(|part| at((part as f64 + random.random::<f64>()) / parts as f64)).collect();
    values.shuffle(random);
    values
}

/// Measures one workload on a server started for it.
///
/// Errors: [`CapacityTrialError`].
pub async fn measure(workload: &Workload, stop: &CancellationToken) -> Result<CapacitySample, CapacityTrialError> {
    let plan = plan(workload)?;
    let which = run::order(&plan)[0];
    let warm_up = plan.warm_up_at(&which.point.point, which.subject);
    let trial = trial::run(&plan, which, stop).await?;
    CapacitySample::of(*workload, warm_up, &trial).ok_or(CapacityTrialError::Unread)
}

fn plan(workload: &Workload) -> Result<Plan, PlanError> {
    // Every value has a range of its own, so it is parsed like a flag.
    fn read<T: std::str::FromStr>(text: String) -> Option<List<T>> {
        text.parse::<T>().ok().map(|value| List(vec![value]))
    }
    let settings = RunSettings {
        transports: Some(List(vec![workload.transport])),
        feed: Some(FeedKind::Synthetic),
        clients: read(workload.clients.to_string()),
        rate: read(workload.rate_per_s.to_string()),
        payload: read(workload.payload_bytes.to_string()),
        poll_interval: read(plain_length(workload.poll_interval_ns)),
        hold: read(plain_length(workload.hold_ns)),
        rounds: Some(Rounds(1)),
        warm_up: Some(WarmUp(limits::CAPACITY_WARM_UP)),
        measure: Some(Measure(limits::CAPACITY_MEASURE)),
        cycles: Some(Cycles(limits::CAPACITY_CYCLES)),
        tcp_baseline: Some(false),
        alone: Some(false),
        ..RunSettings::default()
    };
    let (name, question) = ("capacity".to_owned(), "What does this take?".to_owned());
    Plan::new(
        Scenario { name, question, purpose: Purpose::default(), settings },
        RunSettings::default(),
        PathBuf::new(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn settings_cover_each_axis_evenly_and_are_the_same_for_the_same_seed() {
        let drawn = draw(10, limits::CAPACITY_CLIENTS, 1);
        assert_eq!((drawn.len(), &drawn), (40, &draw(10, limits::CAPACITY_CLIENTS, 1)));
        assert_ne!(drawn, draw(10, limits::CAPACITY_CLIENTS, 2));
        for transport in Transport::ALL {
            let of: Vec<_> = drawn.iter().filter(|one| one.transport == transport).collect();
            let [least, most] = limits::CAPACITY_PAYLOADS.map(f64::ln);
            let part = |one: &&Workload| ((one.payload_bytes.ln() - least) / (most - least) * 10.0) as u32;
            let parts: BTreeSet<_> = of.iter().map(|one| part(one).min(9)).collect();
            assert!(parts.len() >= 9, "rounding may move one: {parts:?}");
            assert!(of.iter().all(|one| one.deliveries_per_s() <= limits::CAPACITY_DELIVERIES_PER_S * 1.01));
        }
    }

    #[test]
    fn every_setting_that_is_drawn_is_a_plan_of_one_trial() {
        for seed in 0..10 {
            for workload in draw(12, limits::CAPACITY_CLIENTS, seed) {
                let plan = plan(&workload).unwrap();
                let point = &plan.points[0].point;
                assert_eq!((plan.trials(), u64::from(point.clients)), (1, workload.clients));
                assert_eq!((point.rate_per_s, point.payload_bytes), (workload.rate_per_s, workload.payload_bytes));
                assert_eq!(point.poll_interval_ns, workload.poll_interval_ns);
            }
        }
    }
}
