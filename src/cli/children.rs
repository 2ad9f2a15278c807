//! The programs that the load generator starts as child processes: the TCP baseline and the link.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;

use super::bounded::{count, length};
use super::feed::FeedArgs;
use crate::limits;
use crate::load::link::LinkOptions;
use crate::stream::feed::Feed;
use crate::units::Nanos;

/// Writes updates to plain TCP connections (the TCP baseline). Started by the load generator itself.
#[derive(Clone, Debug, Parser)]
pub struct BaselineArgs {
    #[command(flatten)]
    feed: FeedArgs,
    /// Address to listen on.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    host: Ipv4Addr,
    /// Processor to run on.
    #[arg(long, value_name = "N", value_parser = count(0, limits::CORE_MAX))]
    core: Option<usize>,
}

impl BaselineArgs {
    /// The address that it listens on.
    pub fn host(&self) -> Ipv4Addr {
        self.host
    }

    /// The processor that this process is pinned to, if any.
    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// The feed that is written.
    pub fn feed(&self) -> Feed {
        self.feed.feed()
    }
}

/// Relays connections over a slow link. Started by the load generator itself.
#[derive(Clone, Debug, Parser)]
pub struct LinkArgs {
    /// Address that connections are relayed to.
    #[arg(long)]
    to: SocketAddr,
    /// Round trip to add.
    #[arg(long, value_parser = length(Nanos::ZERO, limits::LINK_ROUND_TRIP_MAX))]
    rtt: Nanos,
    /// Random variation of the one-way delay, in either direction.
    #[arg(long, value_parser = length(Nanos::ZERO, limits::LINK_ROUND_TRIP_MAX))]
    jitter: Nanos,
    /// Bandwidth of each connection, each way.
    #[arg(long, value_parser = clap::value_parser!(u64).range(limits::LINK_BITS_PER_S_MIN..=limits::LINK_BITS_PER_S_MAX))]
    bits_per_s: Option<u64>,
}

impl From<LinkArgs> for LinkOptions {
    fn from(args: LinkArgs) -> Self {
        Self { to: args.to, rtt: args.rtt, jitter: args.jitter, bits_per_s: args.bits_per_s }
    }
}
