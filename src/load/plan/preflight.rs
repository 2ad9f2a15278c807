//! What is known of a run before it starts: the contents of each measured interval, the total time, the number of open
//! files, and what the run will be unable to show.
//!
//! A run that could have no result is refused here ([`Refusal`]); a run with limitations gets notes ([`Note`]). The
//! schedule of a feed that the generator starts is known to the nanosecond, so updates are counted, not estimated.

use crate::limits;
use crate::load::context::Subject;
use crate::load::plan::{Plan, PlanPoint};
use crate::measure::host;
use crate::run::file::Point;
use crate::run::{Proxy, Transport};
use crate::stream::feed::{FeedError, Source};
use crate::units::{Nanos, grouped};

/// Why a run would have no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No update falls into a measured interval.
    #[error(
        "no update would be due in the measured {measure}, at {rate:.3} per second; use {}a higher {faster}",
        .enough.map_or_else(String::new, |enough| format!("--measure {}s, or ", enough.seconds()))
    )]
    NoUpdate {
        /// The first subject without an update.
        subject: Subject,
        /// The interval.
        measure: Nanos,
        /// The feed's mean rate.
        rate: f64,
        /// An interval that contains an update for every subject, if it has an acceptable length.
        enough: Option<Nanos>,
        /// The flag that makes the feed faster.
        faster: &'static str,
    },
    /// No client polls in a measured interval.
    #[error(
        "no client would poll in the measured {measure}: {clients}, each polling every {poll_interval}; \
         use --measure {}s or longer", .poll_interval.seconds(), clients = counted(*.clients, "client")
    )]
    NoPoll {
        /// The interval.
        measure: Nanos,
        /// Number of polling clients.
        clients: u32,
        /// Poll interval of each.
        poll_interval: Nanos,
    },
}

fn counted(count: u32, noun: &str) -> String {
    format!("{} {noun}{}", grouped(i64::from(count)), if count == 1 { "" } else { "s" })
}

/// What a run will be unable to show.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Too few rounds to rank more than large differences; with one round, nothing can be ranked.
    FewRounds(u32),
    /// A percentile with fewer than [`limits::PERCENTILE_SAMPLES_MIN`] deliveries beyond it.
    FewDeliveries {
        /// The percentile, as a share.
        share: f64,
        /// Deliveries of a transport over all rounds, at the point that has the fewest.
        deliveries: u64,
        /// How many there should be.
        wanted: u64,
        /// How many of the points have too few.
        points: usize,
        /// Number of rounds that would be enough, if it is within the allowed range.
        rounds: Option<u32>,
    },
    /// Each client polls less than once in a measured interval.
    FewPolls {
        /// The interval.
        measure: Nanos,
        /// Poll interval of each client.
        poll_interval: Nanos,
    },
    /// The server at `--target` decides what is published.
    FeedUnknown,
}

/// The open files of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What the largest point needs.
    pub needed: u64,
    /// What the system allows.
    pub allowed: u64,
}

/// The forecast for one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Updates due in a measured interval, the minimum over subjects and rounds; `None` if unknown.
    pub updates: Option<u64>,
    /// Deliveries of one transport, over all rounds.
    pub deliveries: Option<u64>,
    /// Length of one trial of each subject, from the start of its server to its stop.
    pub trials: Vec<(Subject, Nanos)>,
}

impl Plan {
    /// Refuses a run that would have no result.
    ///
    /// Errors: the feed's; the refusal, if any, is the `Ok` value.
    pub(super) fn refuse_empty(&self) -> Result<Option<Refusal>, FeedError> {
        for (index, point) in self.points.iter().enumerate() {
            let (settings, measure) = (&point.point, self.measure_at(&point.point));
            let polls = f64::from(settings.clients) * measure.seconds() / settings.poll_interval_ns.seconds();
            if self.is_polled(index) && polls < 1.0 {
                let (clients, poll_interval) = (settings.clients, settings.poll_interval_ns);
                return Ok(Some(Refusal::NoPoll { measure, clients, poll_interval }));
            }
            if settings.echo.is_some() && settings.rate_per_s * measure.seconds() < 1.0 {
                // Each client sends on its own schedule, which needs no source.
                let enough = Some(Nanos::from_seconds((1.0 / settings.rate_per_s).ceil()));
                let (subject, rate) = (self.subjects(index)[0], settings.rate_per_s);
                return Ok(Some(Refusal::NoUpdate { subject, measure, rate, enough, faster: "--rate" }));
            }
            let sources = self.sources(point)?;
            let sees_none =
                |subject: &Subject| sources.iter().any(|source| self.due(point, *subject, measure, source) == 0);
            if let Some(subject) = self.subjects(index).into_iter().find(sees_none) {
                let (rate, enough) = (settings.rate_per_s, self.enough(index, &sources));
                let faster = if settings.measured_feed { "--speed" } else { "--rate" };
                return Ok(Some(Refusal::NoUpdate { subject, measure, rate, enough, faster }));
            }
        }
        Ok(None)
    }

    /// The shortest of a few intervals that contains an update for every subject at a point.
    fn enough(&self, index: usize, sources: &[Source]) -> Option<Nanos> {
        let point = &self.points[index];
        let first = Nanos::from_seconds((2.0 / point.point.rate_per_s).ceil().max(1.0));
        let holds = |measure: &Nanos| {
            let holds = |subject| sources.iter().all(|source| self.due(point, subject, *measure, source) > 0);
            self.subjects(index).into_iter().all(holds)
        };
        std::iter::successors(Some(first), |length| Some(Nanos(length.0.saturating_mul(2))))
            .take_while(|length| *length <= limits::LENGTH_MAX)
            .find(holds)
    }

    /// Updates that are due in an interval of this length in a trial of a subject.
    fn due(&self, point: &PlanPoint, subject: Subject, measure: Nanos, source: &Source) -> u64 {
        let rate = point.point.rate_per_s;
        let start = self.warm_up_at(&point.point, subject).saturating_add(edge(rate, measure));
        let end = start.saturating_add(measure);
        let expected = rate * end.seconds();
        let is_many = expected > limits::PREFLIGHT_UPDATES_MAX;
        if is_many || expected * point.point.payload_bytes > limits::PREFLIGHT_BYTES_MAX {
            // So many that none could be missing; counting them would take as long as publishing them.
            return (rate * measure.seconds()) as u64;
        }
        let until_end = source.clone().take_while(|due| due.offset < end);
        until_end.filter(|due| due.offset >= start).count() as u64
    }

    /// Is there a transport at this point that polls for updates?
    fn is_polled(&self, index: usize) -> bool {
        let polls = Subject::Transport(Transport::Polling);
        self.points[index].point.echo.is_none() && self.subjects(index).contains(&polls)
    }

    /// The open files that each side needs, and the number that is allowed after raising the limit as far as possible.
    pub fn open_files(&self) -> OpenFiles {
        let of_point = |PlanPoint { point, .. }: &PlanPoint| {
            let among = |processes: u32| u64::from(point.clients.div_ceil(processes.max(1)));
            // A client that sends has a timer of its own.
            let of_generator = among(self.agents) * if point.echo.is_some() { 2 } else { 1 };
            // A link and a proxy hold both ends of each connection.
            let is_between = point.has_link() || point.proxy != Proxy::None;
            let of_between = if is_between { 2 * u64::from(point.clients) } else { 0 };
            of_generator.max(of_between).max(among(point.nodes))
        };
        let needed = self.points.iter().map(of_point).max().unwrap_or(0) + limits::FD_RESERVE;
        OpenFiles { needed, allowed: host::raise_file_limit() }
    }

    /// The forecast for each point, in order.
    ///
    /// Errors: the feed's.
    pub fn forecasts(&self) -> Result<Vec<Forecast>, FeedError> {
        let forecast = |(index, point): (usize, &PlanPoint)| {
            let (settings, measure) = (&point.point, self.measure_at(&point.point));
            let subjects = self.subjects(index);
            let sources = self.sources(point)?;
            let fewest = |source| subjects.iter().map(|subject| self.due(point, *subject, measure, source)).min();
            // Each round replays another stretch of a recording; any other feed is the same in every round.
            let of_rounds: Vec<u64> = sources.iter().filter_map(fewest).collect();
            let (updates, all_rounds) = match settings.echo {
                // Each client sends on its own schedule.
                Some(_) => {
                    let each = (settings.rate_per_s * measure.seconds()) as u64;
                    (Some(each), each.saturating_mul(self.scenario.rounds.into()))
                }
                None => {
                    let rounds = u64::from(self.scenario.rounds) / (of_rounds.len() as u64).max(1);
                    (of_rounds.iter().copied().min(), of_rounds.iter().sum::<u64>().saturating_mul(rounds))
                }
            };
            let deliveries = updates.map(|_| all_rounds.saturating_mul(settings.clients.into()));
            let trials = subjects.into_iter().map(|subject| (subject, self.trial_length(settings, subject))).collect();
            Ok(Forecast { updates, deliveries, trials })
        };
        self.points.iter().enumerate().map(forecast).collect()
    }

    /// Estimated length of one trial, from the start of its server to its stop.
    pub fn trial_length(&self, point: &Point, subject: Subject) -> Nanos {
        let measure = self.measure_at(point);
        let ramp = Nanos::from_seconds(f64::from(point.clients) / limits::RAMP_PER_SECOND_USUAL);
        let before = [
            limits::TRIAL_START_USUAL.into(),
            ramp,
            limits::SETTLE.into(),
            limits::FEED_LEAD,
            self.warm_up_at(point, subject),
            edge(point.rate_per_s, measure),
        ];
        let drain = match subject {
            // Until the last client has polled after the last update was due, approximately. For a server that is
            // already running that time is unknown, so all clients poll once more.
            Subject::Transport(Transport::Polling) if point.echo.is_none() => {
                point.poll_interval_ns.saturating_sub(edge(point.rate_per_s, measure))
            }
            Subject::Transport(Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket)
            | Subject::TcpBaseline => Nanos::ZERO,
        };
        let after = [measure, drain, point.round_trip(), retransmissions(point)];
        before.into_iter().chain(after).fold(Nanos::ZERO, Nanos::saturating_add)
    }

    /// Estimated length of the whole run, starts and drains included.
    pub fn estimate(&self) -> Nanos {
        let of_point = |index: usize| {
            let point = &self.points[index].point;
            let crowd = self.subjects(index).into_iter().map(|subject| self.trial_length(point, subject));
            let alone = self.subjects_alone(index).into_iter();
            crowd.chain(alone.map(|subject| self.trial_length(&self.alone[index].point, subject))).collect::<Vec<_>>()
        };
        let round = (0..self.points.len()).flat_map(of_point).fold(Nanos::ZERO, Nanos::saturating_add);
        Nanos(round.0.saturating_mul(self.scenario.rounds.into()))
    }

    /// What the run will be unable to show, including these percentiles.
    ///
    /// Errors: the feed's.
    pub fn notes(&self, shares: &[f64]) -> Result<Vec<Note>, FeedError> {
        let mut notes = Vec::new();
        if self.scenario.rounds < limits::ROUNDS_TO_RANK {
            notes.push(Note::FewRounds(self.scenario.rounds));
        }
        for (index, point) in self.points.iter().enumerate() {
            let (measure, poll_interval) = (self.measure_at(&point.point), point.point.poll_interval_ns);
            if self.is_polled(index) && measure < poll_interval {
                notes.push(Note::FewPolls { measure, poll_interval });
                break;
            }
        }
        let forecasts = self.forecasts()?;
        for share in shares {
            let wanted = (limits::PERCENTILE_SAMPLES_MIN as f64 / (1.0 - share)).round() as u64;
            let few = forecasts.iter().filter_map(|forecast| forecast.deliveries).filter(|count| *count < wanted);
            let (deliveries, points) = (few.clone().min(), few.count());
            notes.extend(deliveries.map(|deliveries| {
                let each_round = (deliveries / u64::from(self.scenario.rounds)).max(1);
                let rounds = u32::try_from(wanted.div_ceil(each_round)).ok();
                let rounds = rounds.filter(|rounds| *rounds <= limits::ROUNDS_MAX);
                Note::FewDeliveries { share: *share, deliveries, wanted, points, rounds }
            }));
        }
        if forecasts.iter().any(|forecast| forecast.deliveries.is_none()) {
            notes.push(Note::FeedUnknown);
        }
        Ok(notes)
    }
}

/// How long a trial is expected to wait for lost packets: while its clients connect, and for the last update.
fn retransmissions(point: &Point) -> Nanos {
    let data_timeout = point.round_trip().saturating_add(limits::RTO_MIN.into());
    let syn_timeout = limits::SYN_TIMEOUT.into();
    let last_update = if point.keep_alive { data_timeout } else { syn_timeout };
    let slowest = |timeout| slowest_exchange(point.clients, point.loss(), timeout);
    slowest(syn_timeout).saturating_add(slowest(last_update))
}

/// The expected time until the last of `clients` exchanges succeeds, if `loss` is the share of packets lost in each
/// direction, and an exchange is repeated after `timeout`, then after twice that each time.
fn slowest_exchange(clients: u32, loss: f64, timeout: Nanos) -> Nanos {
    let fails = 1.0 - (1.0 - loss).powi(2);
    let waits = |retry: i32| 2f64.powi(retry) * (1.0 - (1.0 - fails.powi(retry + 1)).powf(clients.into()));
    Nanos::from_seconds(timeout.seconds() * (0..limits::SYN_RETRIES).map(waits).sum::<f64>())
}

/// How much later than the end of the warm-up a measured interval starts, so that its edges fall between evenly spaced
/// updates: half the mean distance between two, but at most half the interval.
pub(crate) fn edge(rate: f64, measure: Nanos) -> Nanos {
    if rate > 0.0 { Nanos::from_seconds(0.5 / rate).min(Nanos(measure.0 / 2)) } else { Nanos::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::tests::settings;
    use crate::load::scenarios::Scenario;
    use std::path::PathBuf;

    fn planned(scenario: &str, flags: &str) -> Plan {
        Plan::new(Scenario::load(scenario).unwrap(), settings(flags), PathBuf::new()).unwrap()
    }

    #[test]
    fn an_update_every_ten_seconds_falls_twice_into_twenty_seconds_for_every_subject() {
        let plan = planned("sparse", "");
        let [forecast] = plan.forecasts().unwrap().try_into().unwrap();
        assert_eq!((forecast.updates, forecast.deliveries), (Some(2), Some(2 * 50 * 3)));
    }

    /// `reports/sample/run.json` is a run of the default scenario: what was due in it, and how long it took.
    #[test]
    fn the_forecast_of_the_sample_run_matches_its_result() {
        let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reports/sample");
        let sample = crate::run::file::Run::read(&sample).unwrap();
        let plan = planned("quick", "");
        let [forecast] = plan.forecasts().unwrap().try_into().unwrap();
        let of = |transport| sample.trials.iter().filter(move |trial| trial.transport == Some(transport));
        for transport in Transport::ALL {
            let due = || of(transport).map(|trial| trial.audit.expected);
            assert_eq!(
                (due().min().map(|least| least / 50), Some(due().sum())),
                (forecast.updates, forecast.deliveries)
            );
        }
        let off = plan.estimate().seconds() / sample.took_ns.seconds();
        assert!((0.9..1.1).contains(&off), "estimated {}, took {}", plan.estimate(), sample.took_ns);
    }

    #[test]
    fn a_trial_over_a_path_that_loses_packets_is_expected_to_wait_for_retransmissions() {
        assert_eq!(slowest_exchange(20, 0.0, Nanos::SECOND), Nanos::ZERO);
        // One client: 0.75 fails at the first try, 0.75² at the second, and so on.
        let one = slowest_exchange(1, 0.5, Nanos::SECOND).seconds();
        let sum = (0..6).map(|retry| 2f64.powi(retry) * 0.75f64.powi(retry + 1)).sum::<f64>();
        assert!((one - sum).abs() < 1e-6, "{one}");
        let of = |path: &str| planned("quick", &format!("--rounds 1 --path {path}")).estimate();
        let [none, little, much] = ["rtt=20ms", "rtt=20ms,loss=1%", "rtt=20ms,loss=5%"].map(of);
        assert!(none < little && little < much, "{none} {little} {much}");
    }

    #[test]
    fn what_a_run_cannot_show_is_noted_before_it() {
        let notes = |scenario, flags: &str, shares: &[f64]| planned(scenario, flags).notes(shares).unwrap();
        assert_eq!(notes("quick", "", &[0.99]), []);
        assert!(notes("quick", "--rounds 1", &[]).contains(&Note::FewRounds(1)));
        let few = notes("quick", "--clients 5", &[0.99]);
        let [Note::FewDeliveries { deliveries, wanted: 2000, points: 1, rounds: Some(rounds), .. }] = few.as_slice()
        else {
            panic!("{few:?}")
        };
        assert!(deliveries * 3 < 2000);
        assert_eq!(notes("quick", &format!("--clients 5 --rounds {rounds}"), &[0.99]), []);
        assert!(matches!(notes("quick", "--poll-interval 5s", &[])[..], [Note::FewPolls { .. }]));
    }
}
