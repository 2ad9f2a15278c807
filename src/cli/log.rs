//! The flags of a server that is one of several nodes.

use anyhow::anyhow;
use clap::Args;

use super::bounded::count;
use super::process::usage_error;
use crate::limits;
use crate::stream::{LogSettings, Servers, StreamName};

/// The flags of a node.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Several nodes")]
pub struct LogArgs {
    /// NATS servers of the JetStream stream that this node follows and publishes to, as in nats://a:4222,nats://b:4222.
    #[arg(long, value_name = "URLS")]
    log: Option<Servers>,
    /// Name of the stream; a node that finds no such stream creates it [default: pushpull].
    #[arg(long, value_name = "NAME")]
    stream: Option<StreamName>,
    /// Number of servers that store the stream, if this node creates it [default: 1].
    #[arg(long, value_name = "N", value_parser = count(1, limits::LOG_REPLICAS_MAX))]
    stream_replicas: Option<usize>,
}

impl LogArgs {
    /// The log to follow, if any.
    ///
    /// Errors: a flag of the log without `--log`.
    pub fn settings(self) -> anyhow::Result<Option<LogSettings>> {
        let Some(servers) = self.log else {
            let alone = [("--stream", self.stream.is_some()), ("--stream-replicas", self.stream_replicas.is_some())];
            return match alone.into_iter().find(|(_, is_given)| *is_given) {
                Some((flag, _)) => Err(usage_error(anyhow!("{flag} needs --log nats://HOST:4222"), |_| true)),
                None => Ok(None),
            };
        };
        Ok(Some(LogSettings {
            servers,
            stream: self.stream.unwrap_or_default(),
            replicas: self.stream_replicas.unwrap_or(1),
        }))
    }
}
