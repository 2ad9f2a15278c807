//! Server memory per client, as the slope of a line through several client counts. Unlike the memory at one client
//! count divided by that count, the slope does not include unrelated memory that the allocator holds.

use crate::limits::MEMORY_CLIENT_COUNTS_MIN;
use crate::report::findings::view::{Setting, View};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::stats;

/// The growth of the server's resident memory with each client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PerClient {
    /// The transport, with all clients connected and idle.
    pub transport: Transport,
    /// Bytes for each client.
    pub bytes: f64,
    /// Its 95 % interval, from the residuals of the trials.
    pub ci95: [f64; 2],
    /// The client counts that the line was fitted to, the smallest first.
    pub client_counts: Vec<u32>,
}

/// The growth for each transport; empty if there are too few client counts, or if the points differ in other settings
/// too.
pub(crate) fn of(view: &View<'_>) -> Vec<PerClient> {
    let points: Vec<_> = view.points().into_iter().filter_map(|point| view.point(point)).collect();
    let differ = |setting: &&Setting| points.iter().any(|point| setting.differs(point, points[0]));
    if Setting::ALL.iter().filter(differ).any(|setting| *setting != Setting::Clients) {
        return Vec::new();
    }
    view.transports().into_iter().filter_map(|transport| of_transport(view, transport)).collect()
}

fn of_transport(view: &View<'_>, transport: Transport) -> Option<PerClient> {
    let trials = view.run.trials.iter().filter(|trial| trial.transport == Some(transport));
    let measured = trials.filter(|trial| trial.verdict != Verdict::Invalid).filter_map(|trial| {
        let memory = trial.readings.as_ref()?.memory;
        Some((trial.point.clients, memory.server_idle? as f64 - memory.server_before? as f64))
    });
    let measured: Vec<(u32, f64)> = measured.collect();
    let mut client_counts: Vec<u32> = measured.iter().map(|(clients, _)| *clients).collect();
    client_counts.sort_unstable();
    client_counts.dedup();
    if client_counts.len() < MEMORY_CLIENT_COUNTS_MIN {
        return None;
    }
    let points: Vec<(f64, f64)> = measured.into_iter().map(|(clients, bytes)| (clients.into(), bytes)).collect();
    let (bytes, ci95) = stats::slope(&points)?;
    Some(PerClient { transport, bytes, ci95, client_counts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::{Point, Run};
    use crate::run::fixture;

    /// A run whose server holds a megabyte that has nothing to do with its clients, and 8 KiB for each.
    fn run(client_counts: &[u32]) -> Run {
        let points = client_counts.iter().map(|clients| Point { clients: *clients, ..fake::point() }).collect();
        let mut run = fake::run("crowd", "?", Some("clients"), points, 3);
        for trial in &mut run.trials {
            let mut readings = fixture::readings();
            readings.memory.server_before = Some(10 << 20);
            readings.memory.server_idle = Some((11 << 20) + u64::from(trial.point.clients) * 8_192);
            trial.readings = Some(readings);
        }
        run
    }

    #[test]
    fn unrelated_memory_of_the_allocator_is_not_in_the_slope() {
        let run = run(&[10, 100, 1_000]);
        let found = of(&View::new(&run));
        assert_eq!(found.len(), 4);
        for growth in found {
            assert!((growth.bytes - 8_192.0).abs() < 1.0, "{growth:?}");
            assert_eq!(growth.client_counts, [10, 100, 1_000]);
        }
    }

    #[test]
    fn two_client_counts_or_points_with_other_differences_have_no_slope() {
        assert_eq!(of(&View::new(&run(&[10, 1_000]))), []);
        let mut other = run(&[10, 100, 1_000]);
        other.trials.iter_mut().filter(|trial| trial.point_index == 1).for_each(|trial| trial.point.rate_per_s = 99.0);
        assert_eq!(of(&View::new(&other)), []);
    }
}
