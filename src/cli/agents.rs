//! `loadgen agent`, and the flags of a run whose clients are spread over agents.

use std::net::Ipv4Addr;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::process::{DONE, usage_error};
use crate::limits;
use crate::load::agents::Fleet;
use crate::load::agents::agent::{self, AgentOptions};
use crate::load::agents::errors::FleetError;
use crate::load::agents::local::Local;
use crate::load::environment;
use crate::load::plan::Plan;
use crate::run::Protocol;
use crate::run::failover::Kill;

/// Examples in the help.
pub const EXAMPLES: &str = "\
Examples:
  loadgen run --agents 2 --clients 2000          starts two agents and a nats-server on this machine
  nats-server                                    or across hosts: a nats-server, then on each host:
  loadgen agent --control nats://HOST:4222
  loadgen run --agents 2 --control nats://HOST:4222 --server-host ADDRESS --clients 15000
";

/// The flags of `loadgen agent`.
#[derive(Clone, Debug, Args)]
pub struct AgentArgs {
    /// NATS server where the coordinator and the agents meet, as in nats://10.0.0.1:4222.
    #[arg(long, value_name = "URL", value_parser = control)]
    control: String,
    /// Name of this agent in reports [default: the host name and the process id].
    #[arg(long)]
    name: Option<String>,
    /// Exit after one run, instead of waiting for the next.
    #[arg(long)]
    once: bool,
    /// Claim to speak this version of the protocol, to test that it is refused.
    #[arg(long, hide = true, default_value_t = agent::PROTOCOL)]
    protocol: u32,
}

/// The flags with which `loadgen run` spreads its clients over agents.
#[derive(Clone, Debug, Default, Args)]
pub struct FleetFlags {
    /// Number of agents that run the clients; without --control they and a nats-server are started on this machine.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=limits::AGENTS_MAX as i64))]
    agents: Option<u32>,
    /// NATS server where agents wait (`loadgen agent`), as in nats://10.0.0.1:4222.
    #[arg(long, value_name = "URL", requires = "agents", value_parser = control)]
    control: Option<String>,
    /// Address of this host that started servers listen on, for agents on other hosts [default: 127.0.0.1].
    #[arg(long, value_name = "ADDRESS", requires = "control")]
    server_host: Option<Ipv4Addr>,
}

impl FleetFlags {
    /// Refuses settings that agents do not support.
    ///
    /// Errors: which flag to leave out.
    pub fn refuse(&self, plan: &Plan) -> anyhow::Result<()> {
        if self.agents.is_none() {
            return Ok(());
        }
        let points = || plan.points.iter().map(|point| &point.point);
        let problem = [
            (points().any(|point| point.path.is_some()), "--path"),
            (points().any(|point| point.proxy.speaks_http()), "--proxy nginx"),
            (points().any(|point| point.protocol != Protocol::Http1), "--protocol"),
            (points().any(|point| point.has_link()), "--rtt, --jitter and --bandwidth"),
            (!plan.catalog.is_empty(), "third-party servers (--target)"),
            (points().any(|point| point.kill != Kill::None), "--kill"),
            (plan.server_core.is_some(), "--pin"),
        ];
        match problem.into_iter().find(|(is_asked, _)| *is_asked) {
            Some((_, what)) => Err(usage_error(
                anyhow::anyhow!("--agents cannot be combined with {what}; leave out one of the two"),
                |_| true,
            )),
            None => Ok(()),
        }
    }

    /// Number of processes that the clients are spread over.
    pub fn processes(&self) -> u32 {
        self.agents.unwrap_or(1)
    }

    /// The agents, if `--agents` was given; some may still be starting.
    ///
    /// Errors: [`FleetError`].
    pub async fn gather(&self) -> Result<Option<Fleet>, FleetError> {
        let Some(agents) = self.agents else { return Ok(None) };
        let host = self.server_host.unwrap_or(Ipv4Addr::LOCALHOST);
        let agents = agents as usize;
        let fleet = match &self.control {
            Some(control) => Fleet::gather(control, agents, host, None).await?,
            None => {
                let local = Local::start(agents).await?;
                let control = local.control.clone();
                Fleet::gather(&control, agents, host, Some(local)).await?
            }
        };
        Ok(Some(fleet))
    }
}

/// Waits for runs and takes part in them; returns the exit code.
///
/// Errors: one sentence that tells the user what to do.
pub async fn run(args: AgentArgs, stop: CancellationToken) -> anyhow::Result<u8> {
    let AgentArgs { control, name, once, protocol } = args;
    let name = name.unwrap_or_else(|| format!("{}-{}", environment::read(Vec::new(), &[]).host, std::process::id()));
    agent::serve(&AgentOptions { control, name, once, version: protocol }, &stop).await?;
    Ok(DONE)
}

/// The first Ctrl-C or SIGTERM ends an agent. Its coordinator notices by its silence.
pub async fn end_on_signal(stop: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return tracing::error!("cannot receive signals; end this process by its id");
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
}

fn control(text: &str) -> Result<String, String> {
    let refuse = |problem: &str| format!("{problem}; give nats://HOST:PORT, as in nats://127.0.0.1:4222");
    let url: reqwest::Url = text.parse().map_err(|error| refuse(&format!("{error}")))?;
    match (url.scheme(), url.host_str()) {
        ("nats" | "tls", Some(_)) => Ok(text.to_owned()),
        ("nats" | "tls", None) => Err(refuse("no host is named")),
        (other, _) => Err(refuse(&format!("{other}:// is not supported"))),
    }
}
