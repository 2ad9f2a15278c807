//! Several nodes as the server of a trial: each a server process, all following one log, which is started with them.
//!
//! ```text
//! clients ── balancer ──┬── node 1, which publishes ──┐
//!                       └── node 2 …                 ──┴── nats-server
//! ```

pub mod nats;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Instant;

use tokio::task::block_in_place;

use crate::clock::Clock;
use crate::limits;
use crate::load::clock_relation::ClockRelation;
use crate::load::context::Subject;
use crate::load::foreign::process;
use crate::load::target::{Target, TargetError};
use crate::load::trial_error::TrialError;
use crate::measure::delivery::{Due, Window};
use crate::run::failover::Kill;
use crate::run::file::Point;
use crate::run::nodes::LogReport;
use crate::stream::Cursor;
use crate::stream::feed::Feed;
use crate::units::Nanos;
use nats::LocalLog;

/// The nodes of a trial, and their log.
pub struct Nodes {
    log: LocalLog,
    /// The first node publishes.
    nodes: Vec<Target>,
    /// CPU time of nodes that were killed.
    used: Nanos,
}

impl Nodes {
    /// Starts a log and the nodes of a point, and waits until all nodes follow it. The feed waits for
    /// [`Nodes::begin`].
    ///
    /// Errors: [`TrialError`].
    pub async fn start(
        point: &Point,
        subject: Subject,
        feed: &Feed,
        host: Ipv4Addr,
        args: &[String],
    ) -> Result<Self, TrialError> {
        let (count, servers) = (point.nodes, point.kill.log_servers());
        let log = block_in_place(|| LocalLog::start(servers))?;
        let log_args = ["--log", &log.urls(), "--stream-replicas", &servers.to_string()].map(str::to_owned);
        let args = [args, &log_args].concat();
        let mut nodes = Vec::with_capacity(count as usize);
        for number in 0..count {
            let feed = if number == 0 { feed } else { &Feed::None };
            nodes.push(Target::start(subject, feed, host, None, &args).await?);
        }
        let deadline = Instant::now() + limits::NODES_READY_TIMEOUT;
        for node in &nodes {
            while !node.is_ready().await? {
                if Instant::now() > deadline {
                    return Err(TargetError::NotReady(node.address).into());
                }
                tokio::time::sleep(limits::DRAIN_CHECK_INTERVAL).await;
            }
        }
        Ok(Self { log, nodes, used: Nanos::ZERO })
    }

    /// The node that publishes.
    pub fn first(&self) -> &Target {
        &self.nodes[0]
    }

    /// The address of each node.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// Starts the feed.
    ///
    /// Errors: [`TargetError`].
    pub async fn begin(&mut self, origin: Nanos) -> Result<(), TargetError> {
        self.nodes[0].begin(origin).await
    }

    /// Errors: [`TargetError`] if a node has exited.
    pub async fn check_alive(&mut self) -> Result<(), TargetError> {
        for node in &mut self.nodes {
            node.check_alive().await?;
        }
        Ok(())
    }

    /// What was due after `start`, by the first node's record, once it contains everything that was due until the end
    /// of the interval: an update is in a journal a moment after it was due, when the log has acknowledged it. Without
    /// publishing times, since each node has the update at its own time.
    ///
    /// Errors: [`TargetError::Unpublished`].
    pub async fn schedule(
        &self,
        start: Cursor,
        relation: ClockRelation,
        planned: Option<&[Due]>,
        window: Window,
    ) -> Result<Option<Vec<Due>>, TargetError> {
        // A journal retains no more than this.
        let wanted = planned.map_or(0, <[Due]>::len).min(limits::JOURNAL_UPDATES_MAX);
        let deadline = Instant::now() + limits::NODES_READY_TIMEOUT;
        loop {
            let Some(due) = self.nodes[0].schedule(start, relation).await else { return Ok(None) };
            let there = due.iter().filter(|due| due.at_ns < window.end).count();
            if there >= wanted {
                return Ok(Some(due.into_iter().map(|due| Due { published_ns: None, ..due }).collect()));
            }
            if Instant::now() > deadline {
                return Err(TargetError::Unpublished { missing: (wanted - there) as u64 });
            }
            tokio::time::sleep(limits::SETTLE).await;
        }
    }

    /// Kills the last node, or the log's only server (which is restarted after a while), or the leader of the stream;
    /// records when.
    ///
    /// Errors: [`TrialError`].
    pub async fn kill(&mut self, what: Kill, killed: &OnceLock<Nanos>, clock: Clock) -> Result<(), TrialError> {
        let note = || {
            // A trial has one kill.
            let _first = killed.set(clock.now());
        };
        match what {
            Kill::None => {}
            Kill::Node => {
                if let Some(node) = self.nodes.pop() {
                    note();
                    self.used = self.used.saturating_add(node.kill().await.unwrap_or_default());
                }
            }
            Kill::Log => {
                note();
                self.log.kill(0).await;
                tokio::time::sleep(limits::LOG_KILLED_FOR).await;
                block_in_place(|| self.log.restart(0))?;
            }
            Kill::Leader => {
                let leader = self.log.leader().await?;
                note();
                self.log.kill(leader).await;
            }
        }
        Ok(())
    }

    /// Bytes that all nodes have retransmitted so far.
    pub async fn retransmitted(&self) -> Option<u64> {
        let mut sum = 0;
        for node in &self.nodes {
            sum += node.retransmitted().await?;
        }
        Some(sum)
    }

    fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(Target::pid).collect()
    }

    /// CPU time of all nodes together, without the log's.
    pub fn cpu(&self) -> Option<Nanos> {
        process::cpu(&self.pids()).map(|cpu| cpu.saturating_add(self.used))
    }

    /// Memory of all nodes together, without the log's.
    pub fn resident_bytes(&self) -> Option<u64> {
        process::resident_bytes(&self.pids())
    }

    /// CPU time of the log.
    pub fn log_cpu(&self) -> Option<Nanos> {
        self.log.cpu()
    }

    /// What the log was and used between two readings, and the current number of clients of each node.
    pub async fn report(&self, subject: Subject, log_cpu: [Option<Nanos>; 2]) -> LogReport {
        let mut connections = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            connections.push(node.connections(subject).await);
        }
        let [begun, ended] = log_cpu;
        LogReport {
            software: self.log.software.clone(),
            servers: u32::try_from(self.log.servers()).unwrap_or(u32::MAX),
            cpu_ns: begun.zip(ended).map(|(begun, ended)| ended.saturating_sub(begun)),
            resident_bytes: self.log.resident_bytes(),
            connections: connections.into_iter().collect::<Option<_>>().unwrap_or_default(),
        }
    }

    /// Stops all nodes, and then the log.
    pub async fn stop(self) {
        for node in self.nodes {
            node.stop().await;
        }
        self.log.stop().await;
    }
}
