//! Compares what clients received with what was due: the delivery audit, latency, age and staleness.
//!
//! During a trial, a client only records what it received and when ([`DeliveryLog`]). Everything else is computed
//! afterwards by the functions here, which are plain arithmetic over two lists and can be tested as such.

use crate::run::file::Audit;
use crate::stream::Gap;
use crate::units::Nanos;

/// An update that was due, from the server's own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Sequence number.
    pub seq: u64,
    /// When it was due, on the clock that arrival times are read from.
    pub at_ns: Nanos,
    /// When the server published it, if the server reports that.
    pub published_ns: Option<Nanos>,
}

/// One delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Sequence number of the update.
    pub seq: u64,
    /// When it was due, on the clock of its arrival time.
    pub at_ns: Nanos,
    /// When the client had decoded it.
    pub arrived_ns: Nanos,
    /// Bytes of its `data`.
    pub bytes: u32,
}

/// Everything that one client received, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct DeliveryLog {
    /// The updates.
    pub deliveries: Vec<Delivery>,
    /// The announced gaps, each with the number of deliveries before it.
    pub gaps: Vec<(usize, Gap)>,
}

/// A half-open time interval: the end is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub start: Nanos,
    /// The first instant after it.
    pub end: Nanos,
}

impl Window {
    /// Is this instant inside the window?
    pub fn contains(self, at: Nanos) -> bool {
        self.start <= at && at < self.end
    }

    /// The length of the window.
    pub fn length(self) -> Nanos {
        self.end.saturating_sub(self.start)
    }

    /// The instant halfway through the window.
    pub fn middle(self) -> Nanos {
        self.start.saturating_add(Nanos(self.length().0 / 2))
    }

    /// The length of the overlap of the window with the interval from `from` to `to`.
    fn overlap(self, from: Nanos, to: Nanos) -> Nanos {
        to.min(self.end).saturating_sub(from.max(self.start))
    }
}

/// What one client received of the updates that were due.
///
/// `due` is what the audit covers, in order of sequence number. Holes are updates that were due outside the window: a
/// log may store an update after its successors.
pub fn audit(seen: &DeliveryLog, due: &[Due]) -> Audit {
    let Some(first) = due.first() else { return Audit::default() };
    let place = |seq: u64| {
        // If there is no hole before it, its number gives its index.
        let counted = usize::try_from(seq.checked_sub(first.seq)?).ok()?;
        match due.get(counted).is_some_and(|due| due.seq == seq) {
            true => Some(counted),
            false => due.binary_search_by_key(&seq, |due| due.seq).ok(),
        }
    };
    let mut audit = Audit { expected: due.len() as u64, ..Audit::default() };
    let mut received = vec![false; due.len()];
    let mut newest = 0;
    for delivery in &seen.deliveries {
        let is_late = delivery.seq <= newest;
        newest = newest.max(delivery.seq);
        let Some(place) = place(delivery.seq) else { continue };
        let was_received = std::mem::replace(&mut received[place], true);
        match (was_received, is_late) {
            (true, _) => audit.duplicate += 1,
            (false, true) => audit.reordered += 1,
            (false, false) => {}
        }
    }
    audit.delivered = received.iter().filter(|&&one| one).count() as u64;
    for (entry, _) in due.iter().zip(&received).filter(|(_, received)| !**received) {
        audit.lost += 1;
        audit.lost_announced += u64::from(is_announced(seen, entry.seq));
    }
    assert_eq!(audit.expected, audit.delivered + audit.lost, "each update ends in one bin");
    audit
}

/// The audit of updates without sequence numbers: only those that arrived in the window are known.
pub fn unnumbered(seen: &DeliveryLog, window: Window) -> Audit {
    let delivered = seen.deliveries.iter().filter(|delivery| window.contains(delivery.arrived_ns)).count() as u64;
    Audit { expected: delivered, delivered, ..Audit::default() }
}

/// Is this sequence number covered by an announced gap, judging by the deliveries around the gap?
fn is_announced(seen: &DeliveryLog, seq: u64) -> bool {
    seen.gaps.iter().any(|&(index, _)| {
        let before = index.checked_sub(1).map_or(0, |index| seen.deliveries[index].seq);
        let after = seen.deliveries.get(index).map_or(u64::MAX, |delivery| delivery.seq);
        before < seq && seq < after
    })
}

/// Sums up the audits of several clients.
pub fn total(audits: impl IntoIterator<Item = Audit>) -> Audit {
    audits.into_iter().fold(Audit::default(), |sum, one| Audit {
        expected: sum.expected + one.expected,
        delivered: sum.delivered + one.delivered,
        lost: sum.lost + one.lost,
        lost_announced: sum.lost_announced + one.lost_announced,
        duplicate: sum.duplicate + one.duplicate,
        reordered: sum.reordered + one.reordered,
    })
}

/// Age of Information of one client, integrated over the window: the area under the saw-tooth, and the time it covers.
///
/// A client has no age until it holds its first update; that time is not covered.
/// Source: Kaul, Yates, Gruteser, "Real-time status: how often should one update?", INFOCOM 2012.
pub fn age(deliveries: &[Delivery], window: Window) -> (f64, Nanos) {
    let mut area = 0.0;
    let mut covered = 0;
    let mut newest = Nanos::ZERO;
    for (index, delivery) in deliveries.iter().enumerate() {
        newest = newest.max(delivery.at_ns);
        let until = deliveries.get(index + 1).map_or(window.end, |next| next.arrived_ns);
        let length = window.overlap(delivery.arrived_ns, until);
        if length > Nanos::ZERO {
            // Age grows by one second per second, so its mean over the stretch is its value in the middle.
            let from = delivery.arrived_ns.max(window.start).saturating_sub(newest);
            area += length.0 as f64 * (from.0 as f64 + length.0 as f64 / 2.0);
            covered += length.0;
        }
    }
    (area, Nanos(covered))
}

/// How long, within the window, a newer update existed than the one the client held.
///
/// `due` must start before the window, so that an update that was due earlier and arrived late counts.
pub fn stale(deliveries: &[Delivery], due: &[Due], window: Window) -> Nanos {
    let mut stale = 0;
    let mut arrivals = deliveries.iter().peekable();
    let mut held = 0;
    for (index, exists) in due.iter().enumerate() {
        // Until the next due instant, `exists` is the newest update.
        let until = due.get(index + 1).map_or(window.end, |next| next.at_ns);
        let mut from = exists.at_ns;
        while let Some(arrival) = arrivals.next_if(|arrival| arrival.arrived_ns < until) {
            if held < exists.seq {
                stale += window.overlap(from, arrival.arrived_ns.max(from)).0;
            }
            from = from.max(arrival.arrived_ns);
            held = held.max(arrival.seq);
        }
        if held < exists.seq {
            stale += window.overlap(from, until).0;
        }
    }
    Nanos(stale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::GapReason;

    const WINDOW: Window = Window { start: Nanos(100), end: Nanos(200) };

    fn due(at: &[u64]) -> Vec<Due> {
        (1..).zip(at).map(|(seq, &at)| Due { seq, at_ns: Nanos(at), published_ns: None }).collect()
    }

    fn seen(deliveries: &[(u64, u64, u64)]) -> DeliveryLog {
        let deliver = |&(seq, at, arrived)| Delivery { seq, at_ns: Nanos(at), arrived_ns: Nanos(arrived), bytes: 1 };
        DeliveryLog { deliveries: deliveries.iter().map(deliver).collect(), gaps: Vec::new() }
    }

    #[test]
    fn each_update_that_was_due_ends_in_one_bin() {
        let mut client = seen(&[(1, 100, 101), (2, 110, 111), (2, 110, 112), (5, 140, 141), (4, 130, 142)]);
        client.gaps.push((3, Gap { reason: GapReason::Evicted, lost: Some(2) }));
        let audit = audit(&client, &due(&[100, 110, 120, 130, 140, 150]));
        let wanted = Audit { expected: 6, delivered: 4, lost: 2, lost_announced: 1, duplicate: 1, reordered: 1 };
        assert_eq!(audit, wanted);
    }

    #[test]
    fn an_update_that_a_log_stored_after_later_ones_is_found_by_its_number() {
        let due = [3, 4, 7].map(|seq| Due { seq, at_ns: Nanos(100 + seq), published_ns: None });
        let client = seen(&[(2, 90, 91), (3, 103, 104), (4, 104, 105), (5, 210, 211), (6, 211, 212), (7, 107, 213)]);
        let wanted = Audit { expected: 3, delivered: 3, ..Audit::default() };
        assert_eq!(audit(&client, &due), wanted);
    }

    #[test]
    fn age_is_the_area_under_the_saw_tooth() {
        // The client has an update due at 90 from before the window, and at 150 receives one that was due at 140.
        let (area, covered) = age(&seen(&[(1, 90, 95), (2, 140, 150)]).deliveries, WINDOW);
        // 50 ns from age 10 to 60, then 50 ns from age 10 to 60.
        assert_eq!((area, covered), (50.0 * 35.0 * 2.0, Nanos(100)));
        // No update before 150, so that time has no age.
        let (area, covered) = age(&seen(&[(1, 150, 150)]).deliveries, WINDOW);
        assert_eq!((area, covered), (50.0 * 25.0, Nanos(50)));
    }

    #[test]
    fn stale_time_runs_from_due_to_arrival_and_overlaps_are_counted_once() {
        let due = due(&[90, 120, 130, 180]);
        // 90 arrives at 110; 120 and 130 together at 150; 180 never.
        let client = seen(&[(1, 90, 110), (2, 120, 150), (3, 130, 150)]);
        assert_eq!(stale(&client.deliveries, &due, WINDOW), Nanos(10 + 30 + 20));
        // Each update arrives at once, so none is stale.
        let client = seen(&[(1, 90, 90), (2, 120, 120), (3, 130, 130), (4, 180, 180)]);
        assert_eq!(stale(&client.deliveries, &due, WINDOW), Nanos(0));
    }
}
