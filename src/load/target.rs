//! The server of a trial: one started for it as a child process, or one that is already running.
//!
//! Over 400 lines: starting, querying and stopping a server is one life cycle, read from top to bottom.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reqwest::{Client as Http, Url};
use rustix::rand::GetRandomFlags;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::clock::{Clock, UnixAnchor};
use crate::limits;
use crate::load::clock_relation::{ClockReading, ClockRelation};
use crate::load::context::Subject;
use crate::load::control::Control;
use crate::load::tcp_baseline;
use crate::measure::delivery::Due;
use crate::measure::host;
use crate::measure::process::process_cpu;
use crate::net::tls::{self, Alpn, Connector, LAB_NAME, TlsError, Trust};
use crate::run::Protocol;
use crate::stream::Cursor;
use crate::stream::feed::Feed;
use crate::units::{Nanos, UnixMicros};

/// Why a server is not available, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It could not be started.
    #[error("cannot start a server: {0}")]
    Start(#[source] std::io::Error),
    /// It exited before it listened, or printed nothing in time.
    #[error("the started server did not print its address; see its output above")]
    Silent,
    /// It exited in the middle of a trial.
    #[error("the started server exited in the middle of a trial ({0}); see its output above")]
    Ended(ExitStatus),
    /// Nothing answers at this address.
    #[error("{url} cannot be reached: {reason}; start it, or correct --target")]
    Unreachable {
        /// As given.
        url: Url,
        /// Why.
        reason: String,
    },
    /// It does not implement the project's contract.
    #[error("{url} does not follow the contract in README.md, \"The wire\": {problem}")]
    Contract {
        /// The address that was requested.
        url: Url,
        /// What was wrong with the answer.
        problem: String,
    },
    /// A node that does not receive what its log contains.
    #[error("the node at {0} does not follow its log; see its output above")]
    NotReady(SocketAddr),
    /// Updates that the log never acknowledged.
    #[error("{missing} updates of the feed had not reached the log {} s after the interval; \
        the log server is too slow, or down", limits::NODES_READY_TIMEOUT.as_secs())]
    Unpublished {
        /// How many.
        missing: u64,
    },
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address is not usable.
    #[error("--target {0} is not usable; give the server's address, as in http://127.0.0.1:8080")]
    Address(Url),
}

/// Parses the address of a server that is already running: http, a host, and optionally a port.
///
/// Errors: what to give instead.
pub fn parse_address(text: &str) -> Result<Url, String> {
    let refuse = |problem: &str| format!("{problem}; give http://HOST:PORT, as in http://127.0.0.1:8080");
    let url: Url = match text.contains("://") {
        true => text.parse().map_err(|error| refuse(&format!("{error}")))?,
        false => return Err(refuse("it does not start with http://")),
    };
    let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    match url.scheme() {
        "http" if has_more => Err(refuse("the contract defines the paths")),
        "http" if !url.username().is_empty() || url.password().is_some() => {
            Err(refuse("user names and passwords are not supported"))
        }
        "http" => Ok(url),
        "https" => Err("TLS needs a target file whose base begins with https:// (docs/YOUR-SERVER.md)".to_owned()),
        other => Err(refuse(&format!("{other}:// is not supported"))),
    }
}

/// A server under test.
pub struct Target {
    url: Url,
    /// The address that clients connect to.
    pub address: SocketAddr,
    http: Http,
    /// Set if the server speaks TLS.
    secure: Option<Secure>,
    started: Option<Started>,
}

/// TLS settings of a server.
struct Secure {
    /// Which certificates prove that it is this server.
    trust: Trust,
    /// The name that its certificate is for.
    name: String,
    control: Control,
}

impl Secure {
    fn new(address: SocketAddr, name: String, trust: Trust) -> Result<Self, TlsError> {
        let control = Control::new(address, Connector::new(&name, &trust, &[Alpn::Http1])?);
        Ok(Self { trust, name, control })
    }
}

/// A child process. It exits when its standard input ends, so also when this process exits in any way.
struct Started {
    process: Child,
    orders: ChildStdin,
    pid: u32,
    subject: Subject,
}

impl Target {
    /// Starts a server for `feed` on a free port of `host`, as a child process, pinned to a processor if one is given,
    /// with extra arguments. Its feed waits for [`Target::begin`].
    ///
    /// Errors: [`TargetError`].
    pub async fn start(
        subject: Subject,
        feed: &Feed,
        host: Ipv4Addr,
        core: Option<usize>,
        server_args: &[String],
    ) -> Result<Self, TargetError> {
        let program = std::env::current_exe().map_err(TargetError::Start)?;
        let mut command = Command::new(program);
        match subject {
            Subject::Transport(_) => command.args(["serve", "--port", "0", "--controlled"]).args(server_args),
            Subject::TcpBaseline => command.arg("tcp-baseline"),
        };
        command.args(["--host", &host.to_string()]);
        if !host.is_loopback() {
            // A server that other hosts can reach requires a token for publishing. Nobody publishes here.
            command.env("PUSHPULL_TOKEN", token().map_err(TargetError::Start)?);
        }
        if std::env::var_os("RUST_LOG").is_none() {
            // Messages about a node that starts to follow its log, or stops in mid-operation, are expected here.
            command.env("RUST_LOG", "warn,async_nats=error");
        }
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        // A process group of its own: Ctrl-C goes to the generator, which stops the server itself.
        command.args(feed.flags()).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut process = command.spawn().map_err(TargetError::Start)?;
        let (Some(orders), Some(said), Some(pid)) = (process.stdin.take(), process.stdout.take(), process.id()) else {
            return Err(TargetError::Silent);
        };
        let mut lines = BufReader::new(said).lines();
        let first = tokio::time::timeout(limits::SERVER_START_TIMEOUT, lines.next_line()).await;
        let Ok(Ok(Some(line))) = first else { return Err(TargetError::Silent) };
        let url: Url = line.parse().map_err(|_| TargetError::Silent)?;
        let address = address(&url).await?;
        let secure = match url.scheme() {
            "https" => {
                let shown = tokio::time::timeout(limits::SERVER_START_TIMEOUT, certificate(&mut lines)).await;
                let trust = shown.ok().flatten().ok_or(TargetError::Silent)?;
                Some(Secure::new(address, LAB_NAME.to_owned(), trust)?)
            }
            _ => None,
        };
        Ok(Self { url, address, http: http(), secure, started: Some(Started { process, orders, pid, subject }) })
    }

    /// A server that is already running.
    ///
    /// Errors: [`TargetError::Unreachable`] if nothing answers, [`TargetError::Contract`] if it has no `/clock`.
    pub async fn external(url: Url) -> Result<Self, TargetError> {
        let address = address(&url).await?;
        let secure = match (url.scheme(), url.host_str()) {
            ("https", Some(host)) => Some(Secure::new(address, host.to_owned(), Trust::System)?),
            (_, _) => None,
        };
        let target = Self { url, address, http: http(), secure, started: None };
        target.clock().await?;
        Ok(target)
    }

    /// Starts the feed of a started server at `origin`. A server reports how its `at_us` relates to its clock. The TCP
    /// baseline cannot be queried, so it is given this process's anchor.
    ///
    /// Errors: a write error if the process has exited.
    pub async fn begin(&mut self, origin: Nanos) -> Result<(), TargetError> {
        match &mut self.started {
            None => Ok(()),
            Some(started) => {
                let order = match started.subject {
                    Subject::Transport(_) => format!("start {}\n", origin.0),
                    Subject::TcpBaseline => tcp_baseline::order(origin, UnixAnchor::of_process()),
                };
                let given = started.orders.write_all(order.as_bytes()).await.map_err(TargetError::Start);
                // That the server exited is the better message than a failed write.
                if given.is_err() { self.check_alive().await.and(given) } else { given }
            }
        }
    }

    /// Is the server still running? If it had exited, the trial would contain only the updates before that, all of
    /// which arrived, and would look correct.
    ///
    /// Errors: [`TargetError::Ended`] for a server that was started here, otherwise as for any request.
    pub async fn check_alive(&mut self) -> Result<(), TargetError> {
        match &mut self.started {
            None => self.clock().await.map(drop),
            Some(started) => match started.process.try_wait().map_err(TargetError::Start)? {
                None => Ok(()),
                Some(status) => Err(TargetError::Ended(status)),
            },
        }
    }

    /// The process id of a server that was started here.
    pub fn pid(&self) -> Option<u32> {
        self.started.as_ref().map(|started| started.pid)
    }

    /// The TLS connector of its clients for this protocol; `None` for a protocol without TLS.
    /// Errors: [`TlsError`].
    pub fn connector(&self, protocol: Protocol) -> Result<Option<Connector>, TargetError> {
        let alpn = if protocol.is_h2() { Alpn::H2 } else { Alpn::Http1 };
        match &self.secure {
            Some(Secure { trust, name, .. }) => Ok(Some(Connector::new(name, trust, &[alpn])?)),
            None => Ok(None),
        }
    }

    /// `host:port`, for the `Host` header.
    pub fn authority(&self) -> String {
        match (self.url.host_str(), self.url.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        }
    }

    /// Kills a server that was started here as `kill -9` does, and waits until it has exited. Returns the processor
    /// time that it had used.
    pub async fn kill(self) -> Option<Nanos> {
        let Started { mut process, pid, .. } = self.started?;
        let used = process_cpu(pid).ok();
        let _ended = process.kill().await;
        used
    }

    /// Stops a server that was started here, and waits for it.
    pub async fn stop(self) {
        if let Some(Started { mut process, orders, .. }) = self.started {
            drop(orders);
            if tokio::time::timeout(limits::DRAIN + Duration::from_secs(1), process.wait()).await.is_err() {
                // The grace period is over; `kill_on_drop` would do the same without waiting.
                let _ended = process.kill().await;
            }
        }
    }

    /// How the server's clock relates to the generator's: exact on one host, otherwise the best of several exchanges,
    /// each of which bounds the offset by half its round trip (RFC 5905 section 8).
    ///
    /// Errors: as for any request.
    pub async fn clock(&self) -> Result<ClockRelation, TargetError> {
        let boot_id = host::boot_id();
        let mut best: Option<ClockRelation> = None;
        for _ in 0..limits::CLOCK_EXCHANGES {
            let before = Clock::Monotonic.now();
            let reading: ClockReading = self.get("clock").await?;
            let relation = reading.relation(before, Clock::Monotonic.now(), boot_id.as_deref());
            if best.is_none_or(|best| relation.uncertainty < best.uncertainty) {
                best = Some(relation);
            }
            if relation.uncertainty == Nanos::ZERO {
                break;
            }
        }
        Ok(best.expect("there is at least one exchange"))
    }

    /// The position of the newest update.
    ///
    /// Errors: as for any request.
    pub async fn newest(&self) -> Result<Cursor, TargetError> {
        #[derive(Deserialize)]
        struct Position {
            cursor: Cursor,
        }
        let position: Position = self.get("updates/poll").await?;
        Ok(position.cursor)
    }

    /// The server's own record of what was due after `cursor`, on the generator's clock; `None` if it keeps none.
    pub async fn schedule(&self, mut cursor: Cursor, relation: ClockRelation) -> Option<Vec<Due>> {
        #[derive(Deserialize)]
        struct Schedule {
            cursor: Cursor,
            updates: Vec<(u64, UnixMicros, UnixMicros)>,
        }
        let own = |at| relation.anchor.instant(at);
        let mut all = Vec::new();
        loop {
            let page: Schedule = self.get(&format!("stats/schedule?after={cursor}")).await.ok()?;
            if page.updates.is_empty() {
                return Some(all);
            }
            let due = |(seq, at, published)| Due { seq, at_ns: own(at), published_ns: Some(own(published)) };
            all.extend(page.updates.into_iter().map(due));
            cursor = page.cursor;
        }
    }

    /// Bytes that the server has retransmitted so far, to clients of any transport; `None` if it does not report them.
    pub async fn retransmitted(&self) -> Option<u64> {
        Some(self.accounts().await?.values().map(|account| account.bytes_retransmitted).sum())
    }

    /// Open connections of the measured subject; `None` if the server does not report them.
    pub async fn connections(&self, subject: Subject) -> Option<u64> {
        self.accounts().await?.get(subject.label()).map(|account| account.connections_open)
    }

    /// Has the node caught up with its log?
    ///
    /// Errors: as for any request, except for the answer "not ready".
    pub async fn is_ready(&self) -> Result<bool, TargetError> {
        let url = self.url.join("readyz").map_err(|_| TargetError::Address(self.url.clone()))?;
        let answer = self.http.get(url.clone()).send().await;
        let answer = answer.map_err(|error| TargetError::Unreachable { url, reason: cause(&error) })?;
        Ok(answer.status().is_success())
    }

    async fn accounts(&self) -> Option<BTreeMap<String, Account>> {
        #[derive(Deserialize)]
        struct Stats {
            transports: BTreeMap<String, Account>,
        }
        self.get("stats").await.ok().map(|Stats { transports }| transports)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, TargetError> {
        let url = self.url.join(path).map_err(|_| TargetError::Address(self.url.clone()))?;
        let unreachable = |error: &dyn std::error::Error| {
            let reason = cause(error);
            TargetError::Unreachable { url: url.clone(), reason }
        };
        let (status, body) = match &self.secure {
            None => {
                let response = self.http.get(url.clone()).send().await.map_err(|error| unreachable(&error))?;
                (response.status(), response.bytes().await.map_err(|error| unreachable(&error))?)
            }
            Some(secure) => {
                let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
                let path = format!("{}{query}", url.path());
                secure.control.get(&self.authority(), &path).await.map_err(|error| unreachable(&error))?
            }
        };
        let contract = |problem| TargetError::Contract { url: url.clone(), problem };
        if !status.is_success() {
            return Err(contract(format!("it answered {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| contract(error.to_string()))
    }
}

/// The counters of one transport in `/stats`.
#[derive(Deserialize)]
struct Account {
    connections_open: u64,
    bytes_retransmitted: u64,
}

/// The innermost cause, which is the one that users can act on ("Connection refused").
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A random token that nobody knows.
fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The certificate that a server started here prints. A server with a given certificate, for whatever host name, is
/// trusted without a check: a child process needs no proof of its identity.
async fn certificate(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<Trust> {
    let mut pem = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == tls::NO_LAB {
            return Some(Trust::Anyone);
        }
        pem += &line;
        pem.push('\n');
        if line == tls::PEM_END {
            return tls::certificates_of_pem(pem.as_bytes()).ok().map(Trust::These);
        }
    }
    None
}

fn http() -> Http {
    // A proxy from the environment must not affect the server under test.
    let builder = Http::builder().no_proxy().timeout(limits::CONTROL_TIMEOUT);
    builder.build().expect("building a client without TLS does not fail")
}

async fn address(url: &Url) -> Result<SocketAddr, TargetError> {
    let refuse = || TargetError::Address(url.clone());
    if !matches!(url.scheme(), "http" | "https" | "tcp") {
        return Err(refuse());
    }
    let (host, port) = (url.host_str().ok_or_else(refuse)?, url.port_or_known_default().ok_or_else(refuse)?);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut found = tokio::net::lookup_host((host, port)).await.map_err(|_| refuse())?;
    found.next().ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_a_host_and_a_port_and_anything_else_is_refused() {
        for good in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://[::1]:80", "http://host"] {
            assert!(parse_address(good).is_ok(), "{good}");
        }
        for bad in [
            "foo",
            "localhost:8080",
            "ftp://127.0.0.1",
            "http://",
            "http://127.0.0.1:8080/updates",
            "http://127.0.0.1:8080/?a",
            "http://me:secret@127.0.0.1:8080",
        ] {
            let said = parse_address(bad).unwrap_err();
            assert!(said.contains("give http://HOST:PORT"), "{bad}: {said}");
        }
        let said = parse_address("https://127.0.0.1:8080").unwrap_err();
        assert!(said.contains("target file"), "{said}");
    }
}
