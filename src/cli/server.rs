//! The `server` program: its flags, and what it does with them. `loadgen serve` runs the same code.
//!
//! Over 400 lines: every flag of the server, with its help.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::bounded::{count, length, number, size};
use super::feed::FeedArgs;
use super::log::LogArgs;
use super::protocol::ProtocolArgs;
use crate::cli::process::{self, usage_error};
use crate::clock::Clock;
use crate::http::{BindError, Server};
use crate::limits;
use crate::measure::host;
use crate::net::tls::NO_LAB;
use crate::server::auth::Token;
use crate::server::origin::{HostName, Origin, Origins};
use crate::server::{App, Settings};
use crate::stream::feed::{self, Feed, FeedError, Source};
use crate::stream::{Bounds, SlowConsumerPolicy};
use crate::units::Nanos;
use crate::{net, print};

const EXAMPLES: &str = "\
Examples:
  server                                       a recorded week of earthquakes, one hour per second, on port 8080
  server --port 0 --feed synthetic --rate 50   generated updates on a free port
  tail -F app.ndjson | server --feed stdin     any live stream, one JSON value per line
  curl -N 127.0.0.1:8080/updates/sse           watch it
  server --port 8081 --log nats://127.0.0.1:4222 --feed replay    the publishing node of several
";

fn after() -> String {
    format!(
        "{EXAMPLES}\n{}",
        process::exit_codes(&[process::DONE, process::FAILED, process::USAGE_ERROR, process::INTERRUPTED])
    )
}

/// Publishes one stream of updates four ways: polling, long polling, Server-Sent Events, WebSocket.
///
/// Prints the address it listens on as its first line. Ctrl-C and SIGTERM shut it down gracefully.
#[derive(Clone, Debug, Parser)]
#[command(name = "server", version, after_help = after())]
pub struct ServerArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS", value_parser = ip_address)]
    host: IpAddr,
    /// Port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 8080, value_parser = port)]
    port: u16,
    /// Folder of the reports that the live page lists.
    #[arg(long, default_value = "reports", value_name = "DIR")]
    reports: PathBuf,
    /// Read commands from standard input and exit when it ends, for a load generator that started this process.
    #[arg(long, hide = true)]
    controlled: bool,
    /// Burn this much CPU time per update sent, to calibrate the measurement.
    #[arg(long, hide = true, default_value = "0ms", value_parser = length(Nanos::ZERO, limits::BURN_MAX))]
    burn: Nanos,
    /// Pin this process to one processor, counted from 0.
    #[arg(long, value_name = "N", value_parser = count(0, limits::CORE_MAX))]
    core: Option<usize>,
    // Flattened arguments come last: a help heading applies to every flag after it.
    #[command(flatten)]
    feed: FeedArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
    #[command(flatten)]
    bounds: LimitArgs,
    #[command(flatten)]
    access: AccessArgs,
}

fn ip_address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "not an IP address; use 127.0.0.1 for this host alone, or 0.0.0.0 for all".to_owned())
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "not a port; use 1 to 65535, or 0 for a free one".to_owned())
}

impl ServerArgs {
    /// The processor that this process is pinned to, if any.
    pub fn core(&self) -> Option<usize> {
        self.core
    }
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Number of updates that the journal retains.
    #[arg(long, default_value_t = limits::JOURNAL_UPDATES_MAX, value_name = "N",
        value_parser = count(1, limits::JOURNAL_UPDATES_SETTING_MAX))]
    journal_updates: usize,
    /// Total size of the updates that the journal retains.
    #[arg(long, default_value = "32MiB", value_name = "SIZE",
        value_parser = size(limits::JOURNAL_BYTES_SETTING_MIN, limits::JOURNAL_BYTES_SETTING_MAX))]
    journal_size: usize,
    /// Maximum number of concurrent connections [default: what the limit on open files allows].
    #[arg(long, value_name = "N", value_parser = count(1, limits::CONNECTIONS_SETTING_MAX))]
    max_connections: Option<usize>,
    /// Maximum number of concurrent connections from one address [default: 256; no limit for this host itself].
    #[arg(long, value_name = "N", value_parser = count(1, limits::CONNECTIONS_SETTING_MAX))]
    max_per_address: Option<usize>,
    /// How to treat a subscriber that falls behind the journal: announce a gap, send only the newest update, or
    /// disconnect.
    #[arg(long, alias = "slow", default_value = "gap", value_name = "POLICY", value_parser = slow_consumer())]
    slow_consumer: SlowConsumerPolicy,
    /// Disconnect a client that has read nothing for this long.
    #[arg(long, default_value = "30s", value_parser = patience(), value_name = "LENGTH")]
    write_timeout: Nanos,
    /// Close a connection whose next request head takes longer than this.
    #[arg(long, default_value = "75s", value_parser = patience(), value_name = "LENGTH")]
    head_timeout: Nanos,
    /// Reconnection delay that event streams give to browsers (`retry:`).
    #[arg(long, default_value = "1s", value_parser = length(Nanos::MILLI, limits::ASKED_WAIT_MAX.into()), value_name = "LENGTH")]
    sse_retry: Nanos,
    /// Largest message that /echo and /echo/ws accept, at most 16MiB.
    #[arg(long, default_value = "1MiB", value_parser = size(1, limits::ECHO_BYTES_SETTING_MAX), value_name = "SIZE")]
    echo_max: usize,
    /// How long a shutdown waits for open connections.
    #[arg(long, default_value = "5s", value_parser = length(Nanos::ZERO, limits::SERVER_LENGTH_MAX), value_name = "LENGTH")]
    drain: Nanos,
    /// Ask streams to reconnect before they reach this age [default: never].
    #[arg(long, value_parser = patience(), value_name = "LENGTH")]
    max_age: Option<Nanos>,
}

impl LimitArgs {
    fn settings(&self) -> anyhow::Result<Settings> {
        let files = host::raise_file_limit();
        let room = usize::try_from(files.saturating_sub(limits::FD_RESERVE)).unwrap_or(usize::MAX);
        let connections_max = self.max_connections.unwrap_or(room);
        if connections_max > room {
            bail!(
                "--max-connections {connections_max} needs more than the {files} files that may be open; \
                   raise `ulimit -n` or use {room} or less"
            );
        }
        Ok(Settings {
            journal: Bounds { updates: self.journal_updates, bytes: self.journal_size },
            connections_max,
            write_timeout: self.write_timeout.duration(),
            head_timeout: self.head_timeout.duration(),
            sse_retry: self.sse_retry.duration(),
            echo_bytes_max: self.echo_max,
            drain: self.drain.duration(),
            stream_age_max: self.max_age.map(Nanos::duration),
            per_address_max: self.max_per_address,
            slow_consumer: self.slow_consumer,
            ..Settings::default()
        })
    }
}

/// Parses a policy's name, and lists the names in the help.
fn slow_consumer() -> impl TypedValueParser<Value = SlowConsumerPolicy> {
    PossibleValuesParser::new(SlowConsumerPolicy::ALL.map(SlowConsumerPolicy::label)).map(|name| {
        let found = SlowConsumerPolicy::ALL.into_iter().find(|policy| policy.label() == name);
        found.expect("clap lets only the names of the policies through")
    })
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Access control")]
struct AccessArgs {
    /// File with the token that publishing and controlling the feed then require (`Authorization: Bearer TOKEN`). The
    /// environment variable PUSHPULL_TOKEN may hold the token instead. A token is required to listen beyond loopback.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Allow requests from pages of this origin, as in `https://example.org`, or * for all; may be given several times.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Host name that requests may use, as in lab.example.org; may be given several times. IP addresses, localhost and
    /// names without a dot are always allowed.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<HostName>,
    /// Updates per second that POST /updates accepts.
    #[arg(long, default_value_t = limits::PUBLISH_PER_S, value_parser = number(limits::PUBLISH_PER_S_MIN, limits::RATE_MAX), value_name = "N")]
    publish_rate: f64,
}

/// Parses a timeout: how long the server waits for a client, or keeps a stream.
fn patience() -> impl TypedValueParser<Value = Nanos> {
    length(limits::SERVER_LENGTH_MIN, limits::SERVER_LENGTH_MAX)
}

impl AccessArgs {
    /// The token, from the file or the environment: neither shows it in the process list, as a flag would.
    fn token(&self) -> anyhow::Result<Option<Token>> {
        let (text, source) = match (&self.token_file, std::env::var("PUSHPULL_TOKEN")) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read the token in {}", file.display()))?;
                (text, file.display().to_string())
            }
            (None, Ok(text)) => (text, "PUSHPULL_TOKEN".to_owned()),
            (None, Err(_)) => return Ok(None),
        };
        text.trim().parse().map(Some).with_context(|| format!("{source} does not contain a valid token"))
    }
}

/// Runs the server until it is told to stop.
///
/// Errors: one sentence that tells the user what to do.
pub async fn run(args: ServerArgs) -> anyhow::Result<()> {
    // With a log, only a node that was given --feed publishes, so that a schedule is published once.
    let log = args.log.settings()?;
    let is_fed = log.is_none() || args.feed.feed.is_some();
    let feed = if is_fed { args.feed.feed() } else { Feed::None };
    let names = args.access.allow_host.iter().map(ToString::to_string).chain([args.host.to_string()]);
    let tls = args.protocol.tls(&names.filter(|name| name != "0.0.0.0" && name != "::").collect::<Vec<_>>())?;
    let settings = Settings {
        tls: tls.as_ref().map(|tls| tls.acceptor.clone()),
        h2c: args.protocol.h2c(),
        h2_streams: args.protocol.h2_streams(),
        compress: args.protocol.compress(),
        log,
        reports: Some(args.reports),
        token: args.access.token()?,
        origins: Origins { pages: args.access.allow_origin, hosts: args.access.allow_host },
        publish_per_s: args.access.publish_rate,
        burn: args.burn.duration(),
        ..args.bounds.settings()?
    };
    // Read before the server listens, so that a bad file is reported at once.
    let source = feed.source().map_err(|error| usage_error(error, FeedError::is_usage_error))?;
    let address = SocketAddr::new(args.host, args.port);
    let server = Server::bind(address, settings, Clock::Monotonic).map_err(|error| match error {
        BindError::Io(error) => anyhow::Error::new(error)
            .context(format!("cannot listen on {address}; choose another --port, or 0 for a free one")),
        BindError::NoToken(_) => error.into(),
    })?;
    // Installed before the address is printed: a script may send a signal as soon as it has read that line.
    let signals = (!args.controlled).then(signals).transpose().context("cannot receive signals")?;
    let mut lines = addresses(server.address()?, if tls.is_some() { "https" } else { "http" })?;
    if let Some(tls) = tls.filter(|_| args.controlled) {
        // The load generator that started this process trusts the certificate it prints.
        lines += &tls.lab_certificate.unwrap_or_else(|| format!("{NO_LAB}\n"));
    }
    if !print::reached(&lines, std::io::stdout().lock()).context("cannot print the address of the server")? {
        // The reader of the address has exited, so nobody would find this server.
        return Ok(());
    }
    let app = Arc::clone(server.app());

    let serving = tokio::spawn(server.run());
    let origin = match signals {
        None => orders(&app),
        Some(signals) => {
            tokio::spawn(drain_on_signal(Arc::clone(&app), signals));
            // Not under a load generator, whose measurements need a feed that nobody changes. Nor where another node
            // publishes.
            if is_fed {
                app.main.feed.follows(&feed, source.as_ref());
            }
            let (send, origin) = oneshot::channel();
            let _received_below = send.send(app.clock.now());
            origin
        }
    };
    let publishing = tokio::spawn(publish(feed, source, Arc::clone(&app), origin));
    serving.await?;
    publishing.abort();
    Ok(())
}

/// The address that it listens on, as the first line. If that is a wildcard address, the addresses of this host
/// follow, one per line: those that another device on the same network can open.
fn addresses(listening: SocketAddr, scheme: &str) -> anyhow::Result<String> {
    let mut lines = format!("{scheme}://{listening}\n");
    if listening.ip().is_unspecified() {
        for address in net::host_addresses().context("cannot read the addresses of this host")? {
            // A server that listens on 0.0.0.0 has no IPv6 address.
            if address.is_ipv4() || listening.is_ipv6() {
                lines += &format!("{scheme}://{}\n", SocketAddr::new(address, listening.port()));
            }
        }
    }
    Ok(lines)
}

/// Publishes the feed from `origin` on.
async fn publish(feed: Feed, source: Option<Source>, app: Arc<App>, origin: oneshot::Receiver<Nanos>) {
    let Ok(origin) = origin.await else { return };
    let ended = match (feed, source) {
        (Feed::Stdin, None) => {
            let input = BufReader::new(tokio::io::stdin());
            feed::publish_lines(input, &app.main.publisher, app.clock).await.map(|(published, refused)| {
                tracing::info!("standard input ended: {published} lines published, {refused} refused");
            })
        }
        (_, source) => app.main.feed.publish(source, origin, &app.main.publisher, app.clock).await,
    };
    if let Err(error) = ended {
        tracing::error!("the feed failed: {error}");
    }
}

/// Reads commands from the load generator that started this process: `start NANOS` sets the feed's origin. The server
/// stops when standard input ends, however the generator ended, so that no orphan is left.
pub(crate) fn orders(app: &Arc<App>) -> oneshot::Receiver<Nanos> {
    let (send, origin) = oneshot::channel();
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut send = Some(send);
        while let Ok(Some(line)) = lines.next_line().await {
            let order = line.strip_prefix("start ").and_then(|nanos| nanos.trim().parse().ok());
            match (order, send.take()) {
                (Some(origin), Some(send)) => drop(send.send(Nanos(origin))),
                (_, kept) => {
                    tracing::warn!("not a command: {line}");
                    send = kept;
                }
            }
        }
        app.drain.begin();
    });
    origin
}

/// Ctrl-C and SIGTERM.
fn signals() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?])
}

/// Starts a graceful shutdown at the first Ctrl-C or SIGTERM, and exits at the second.
async fn drain_on_signal(app: Arc<App>, [mut interrupt, mut terminate]: [Signal; 2]) {
    for is_second in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if is_second {
            std::process::exit(process::INTERRUPTED.into());
        }
        tracing::info!("shutting down; press Ctrl-C again to force");
        app.drain.begin();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_policy_for_slow_consumers_is_still_read_under_its_old_name() {
        let policy = |flag| ServerArgs::try_parse_from(["server", flag, "cut"]).unwrap().bounds.slow_consumer;
        assert_eq!(policy("--slow"), policy("--slow-consumer"));
    }

    #[test]
    fn every_numeric_flag_accepts_a_value_or_refuses_it_with_its_range() {
        let command = ServerArgs::command();
        let is_number = |flag: &&clap::Arg| {
            let name = flag.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
            ["N", "LENGTH", "SIZE", "TIMES", "RATE", "PAYLOAD", "SEED", "PORT", "BURN"].contains(&name)
        };
        let flags: Vec<&str> = command.get_arguments().filter(is_number).filter_map(clap::Arg::get_long).collect();
        assert!(flags.len() >= 18, "{flags:?}");
        let extremes = [
            "0",
            "1",
            "-1",
            "0.5",
            "1e-300",
            "1e300",
            "nan",
            "inf",
            "18446744073709551615",
            "18446744073709551616",
            "0ms",
            "1ns",
            "1h",
            "9999999999h",
            "1B",
            "16EiB",
            "",
        ];
        let mut taken = 0;
        for flag in flags {
            for value in extremes {
                match ServerArgs::try_parse_from(["server", &format!("--{flag}={value}")]) {
                    Ok(_) => taken += 1,
                    Err(error) => assert!(error.to_string().contains(" to "), "--{flag}={value}: {error}"),
                }
            }
        }
        assert!(taken > 20, "{taken}");
    }
}
