//! The server under test of a trial, with one interface for the project's server, several nodes, and third-party
//! servers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use crate::clock::Clock;
use crate::load::clock_relation::ClockRelation;
use crate::load::context::Subject;
use crate::load::foreign::process;
use crate::load::foreign::server::ForeignServer;
use crate::load::foreign::subscriber::{Origin, Subscriber};
use crate::load::nodes::Nodes;
use crate::load::plan::{Plan, PlanPoint};
use crate::load::target::{Target, TargetError};
use crate::load::trial_error::TrialError;
use crate::measure::delivery::{Due, Window};
use crate::measure::host;
use crate::measure::process::process_cpu;
use crate::net::tls::Connector;
use crate::run::failover::Kill;
use crate::run::file::{Point, PublishReport};
use crate::run::nodes::LogReport;
use crate::run::{Compression, Protocol};
use crate::stream::Cursor;
use crate::stream::feed::Feed;
use crate::units::Nanos;

/// A server under test.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum UnderTest {
    /// The project's server, or another that implements its contract.
    Ours(Target),
    /// Several nodes that share a log.
    Nodes(Nodes),
    /// A third-party server, described by a target file.
    Foreign(ForeignServer),
}

/// What was due, and what the generator published.
#[derive(Debug, Default)]
pub struct Schedule {
    /// From before the interval on; `None` if nobody keeps a record.
    pub due: Option<Vec<Due>>,
    /// What the load generator published, if it did.
    pub published: Option<PublishReport>,
}

impl UnderTest {
    /// Starts or finds the server of a point, for the feed of the round.
    ///
    /// Errors: [`TrialError`].
    pub async fn start(
        plan: &Plan,
        subject: Subject,
        point: &PlanPoint,
        feed: &Feed,
        host: Ipv4Addr,
    ) -> Result<Self, TrialError> {
        if let (Some(entry), Subject::Transport(_)) = (plan.entry(&point.point), subject) {
            return Ok(Self::Foreign(ForeignServer::start(entry, &plan.trust).await?));
        }
        if point.point.nodes > 0 && subject != Subject::TcpBaseline {
            let nodes = Nodes::start(&point.point, subject, feed, host, &plan.server_args);
            return nodes.await.map(Self::Nodes);
        }
        let target = match &plan.target {
            None => {
                let args = [protocol_args(&point.point), plan.server_args.clone()].concat();
                Target::start(subject, feed, host, plan.server_core, &args).await?
            }
            Some(url) => Target::external(url.clone()).await?,
        };
        Ok(Self::Ours(target))
    }

    /// The address of the server, or of each node.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Ours(target) => vec![target.address],
            Self::Nodes(nodes) => nodes.addresses(),
            Self::Foreign(server) => vec![server.endpoint.address],
        }
    }

    /// The address of the server, or of the node that publishes.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Ours(target) => target.address,
            Self::Nodes(nodes) => nodes.first().address,
            Self::Foreign(server) => server.endpoint.address,
        }
    }

    /// `host:port`, for the `Host` header.
    pub fn authority(&self) -> String {
        match self {
            Self::Ours(target) => target.authority(),
            Self::Nodes(nodes) => nodes.first().authority(),
            Self::Foreign(server) => server.endpoint.host.to_str().unwrap_or_default().to_owned(),
        }
    }

    /// The TLS connector of clients, if the protocol has TLS.
    ///
    /// Errors: [`TrialError`] for a server of the project that printed no certificate.
    pub fn connector(&self, protocol: Protocol) -> Result<Option<Connector>, TrialError> {
        match self {
            Self::Ours(target) => Ok(target.connector(protocol)?),
            Self::Nodes(nodes) => Ok(nodes.first().connector(protocol)?),
            Self::Foreign(server) => Ok(server.endpoint.secure.clone()),
        }
    }

    /// What clients of a third-party server share.
    pub fn subscriber(&self) -> Option<Arc<Subscriber>> {
        match self {
            Self::Ours(_) | Self::Nodes(_) => None,
            Self::Foreign(server) => Some(Arc::clone(&server.subscriber)),
        }
    }

    /// How its clock relates to the generator's; if the generator publishes, they are the same.
    ///
    /// Errors: as for any request.
    pub async fn clock(&self, subject: Subject) -> Result<ClockRelation, TargetError> {
        match (self, subject) {
            (Self::Ours(target), Subject::Transport(_)) => target.clock().await,
            (Self::Nodes(nodes), _) => nodes.first().clock().await,
            (Self::Ours(_), Subject::TcpBaseline) | (Self::Foreign(_), _) => Ok(ClockRelation::own()),
        }
    }

    /// Do its latencies depend on the clocks of two hosts whose offset was not measured?
    pub fn has_unrelated_clock(&self) -> bool {
        match self {
            Self::Foreign(server) => is_clock_unrelated(&server.subscriber.origin, server.endpoint.address.ip()),
            Self::Ours(_) | Self::Nodes(_) => false,
        }
    }

    /// The position of the newest update, for a server that keeps a record of what is due.
    ///
    /// Errors: as for any request.
    pub async fn newest(&self, subject: Subject) -> Result<Option<Cursor>, TargetError> {
        match (self, subject) {
            (Self::Ours(target), Subject::Transport(_)) => target.newest().await.map(Some),
            (Self::Nodes(nodes), _) => nodes.first().newest().await.map(Some),
            (Self::Ours(_), Subject::TcpBaseline) | (Self::Foreign(_), _) => Ok(None),
        }
    }

    /// Starts the feed.
    ///
    /// Errors: [`TrialError`].
    pub async fn begin(&mut self, feed: &Feed, origin: Nanos) -> Result<(), TrialError> {
        match self {
            Self::Ours(target) => Ok(target.begin(origin).await?),
            Self::Nodes(nodes) => Ok(nodes.begin(origin).await?),
            Self::Foreign(server) => Ok(server.begin(feed, origin)?),
        }
    }

    /// Errors: [`TrialError`] if a server has exited.
    pub async fn check_alive(&mut self) -> Result<(), TrialError> {
        match self {
            Self::Ours(target) => Ok(target.check_alive().await?),
            Self::Nodes(nodes) => Ok(nodes.check_alive().await?),
            Self::Foreign(server) => Ok(server.check_alive()?),
        }
    }

    /// What was due until the end of the interval.
    ///
    /// Errors: [`TrialError`] if a third-party server accepted nothing.
    pub async fn schedule(
        &self,
        start: Option<Cursor>,
        relation: ClockRelation,
        feed: &Feed,
        origin: Nanos,
        window: Window,
    ) -> Result<Schedule, TrialError> {
        Ok(match (self, start) {
            (Self::Foreign(server), _) => match server.published(window.end).await? {
                Some((due, published)) => Schedule { due: Some(due), published: Some(published) },
                None => Schedule::default(),
            },
            (Self::Nodes(nodes), Some(cursor)) => {
                let planned = tcp_baseline_schedule(feed, origin, window);
                let due = nodes.schedule(cursor, relation, planned.as_deref(), window).await?;
                Schedule { due, published: None }
            }
            (Self::Nodes(_), None) => Schedule::default(),
            (Self::Ours(target), Some(cursor)) => {
                Schedule { due: target.schedule(cursor, relation).await, published: None }
            }
            (Self::Ours(_), None) => Schedule { due: tcp_baseline_schedule(feed, origin, window), published: None },
        })
    }

    /// Bytes that it has retransmitted so far; `None` if it does not report them.
    pub async fn retransmitted(&self, subject: Subject) -> Option<u64> {
        match (self, subject) {
            (Self::Ours(target), Subject::Transport(_)) => target.retransmitted().await,
            (Self::Nodes(nodes), _) => nodes.retransmitted().await,
            (Self::Ours(_), Subject::TcpBaseline) | (Self::Foreign(_), _) => None,
        }
    }

    /// Its CPU time; `None` if its process is unknown.
    pub fn cpu(&self) -> Option<Nanos> {
        match self {
            Self::Ours(target) => process_cpu(target.pid()?).ok(),
            Self::Nodes(nodes) => nodes.cpu(),
            Self::Foreign(server) => process::cpu(&server.pids()),
        }
    }

    /// Memory of the server and of the kernel's sockets; `None` if the server does not run here.
    pub fn memory(&self) -> (Option<u64>, Option<u64>) {
        let resident = self.resident_bytes();
        (resident, resident.and_then(|_| host::kernel_bytes()))
    }

    /// Its resident memory.
    pub fn resident_bytes(&self) -> Option<u64> {
        match self {
            Self::Ours(target) => host::resident_bytes(target.pid()?),
            Self::Nodes(nodes) => nodes.resident_bytes(),
            Self::Foreign(server) => process::resident_bytes(&server.pids()),
        }
    }

    /// Kills a part of it as `kill -9` does, and records when.
    ///
    /// Errors: [`TrialError`] if the part cannot be found, or cannot be restarted.
    pub async fn kill(&mut self, what: Kill, killed: &OnceLock<Nanos>, clock: Clock) -> Result<(), TrialError> {
        match self {
            Self::Nodes(nodes) => nodes.kill(what, killed, clock).await,
            // The plan refuses kills for these.
            Self::Ours(_) | Self::Foreign(_) => Ok(()),
        }
    }

    /// CPU time of the log of several nodes.
    pub fn log_cpu(&self) -> Option<Nanos> {
        match self {
            Self::Nodes(nodes) => nodes.log_cpu(),
            Self::Ours(_) | Self::Foreign(_) => None,
        }
    }

    /// What the log of several nodes was, and what it used between two readings.
    pub async fn log_report(&self, subject: Subject, log_cpu: [Option<Nanos>; 2]) -> Option<LogReport> {
        match self {
            Self::Nodes(nodes) => Some(nodes.report(subject, log_cpu).await),
            Self::Ours(_) | Self::Foreign(_) => None,
        }
    }

    /// Stops it, if it was started here.
    pub async fn stop(self) {
        match self {
            Self::Ours(target) => target.stop().await,
            Self::Nodes(nodes) => nodes.stop().await,
            Self::Foreign(server) => server.stop().await,
        }
    }
}

/// Is the send time from a clock whose offset is unknown? That is so for a third party that publishes on another host.
/// Updates that the load generator publishes carry the time of its own clock.
fn is_clock_unrelated(origin: &Origin, server: IpAddr) -> bool {
    match origin {
        Origin::Published | Origin::Observed(None) => false,
        Origin::Observed(Some(_)) => !process::is_here(server),
    }
}

/// The server flags for the protocol of a point.
fn protocol_args(point: &Point) -> Vec<String> {
    let mut args = Vec::new();
    match point.protocol {
        Protocol::Http1 => {}
        Protocol::Https1 | Protocol::H2 => args.push("--tls"),
        Protocol::H2c => args.push("--h2c"),
    }
    if point.compression != Compression::None {
        args.push("--compress");
    }
    args.into_iter().map(str::to_owned).collect()
}

/// The TCP baseline writes the feed as it is, and keeps no record of its own.
fn tcp_baseline_schedule(feed: &Feed, origin: Nanos, window: Window) -> Option<Vec<Due>> {
    let source = feed.source().ok()??;
    let due =
        (1..).zip(source).map(|(seq, due)| Due { seq, at_ns: origin.saturating_add(due.offset), published_ns: None });
    Some(due.take_while(|due| due.at_ns < window.end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_time_is_from_an_unrelated_clock_if_a_third_party_publishes_on_another_host() {
        let timed = Origin::Observed(Some("$.ts".parse().unwrap()));
        for (origin, server, is_unrelated) in [
            (&timed, "192.0.2.1", true),
            (&timed, "2001:db8::1", true),
            (&timed, "127.0.0.1", false),
            (&timed, "::1", false),
            (&Origin::Observed(None), "192.0.2.1", false),
            (&Origin::Published, "192.0.2.1", false),
        ] {
            assert_eq!(is_clock_unrelated(origin, server.parse().unwrap()), is_unrelated, "{origin:?} {server}");
        }
    }
}
