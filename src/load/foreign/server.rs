//! A third-party server for one trial: started if its file states how, published to, and stopped.

use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};

use super::catalog::CatalogEntry;
use super::connect::{Endpoint, EndpointError};
use super::process::{self, Process, StartError, Workspace};
use super::publisher::{PublishEndpoint, PublishError, Publisher};
use super::secrets::shown;
use super::subscriber::{Origin, State, Subscriber};
use super::template::Values;
use crate::load::foreign::description::Description;
use crate::load::foreign::template::Template;
use crate::measure::delivery::Due;
use crate::net::tls::Trust;
use crate::run::file::PublishReport;
use crate::stream::feed::Feed;
use crate::transport::ClientError;
use crate::units::Nanos;

/// Why a server cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An address in its file is not usable.
    #[error("target {target}: {source}")]
    Endpoint {
        /// The target.
        target: String,
        /// Why.
        source: EndpointError,
    },
    /// A subscription is not at the base address.
    #[error("target {target}: `{url}` is not at {base}, where its clients connect; start it with {{base}}")]
    Elsewhere {
        /// The target.
        target: String,
        /// The address, without its query.
        url: String,
        /// The base.
        base: String,
    },
    /// It accepts no connection.
    #[error("the target {target} at {base} accepts no connection: {problem}; start it, or correct `base`")]
    Unreachable {
        /// The target.
        target: String,
        /// Its base address.
        base: String,
        /// Why.
        problem: String,
    },
    /// The certificate is not trusted.
    #[error("the target {target} at {base} is not trusted: {problem}")]
    Untrusted {
        /// The target.
        target: String,
        /// Its base address.
        base: String,
        /// Why.
        problem: String,
    },
    /// It exited in the middle of a trial.
    #[error("the target {target} exited in the middle of a trial ({status})")]
    Ended {
        /// The target.
        target: String,
        /// Its exit status.
        status: ExitStatus,
    },
    /// Publishing could not start.
    #[error("cannot publish to the target {target}: {source}")]
    Publish {
        /// The target.
        target: String,
        /// Why.
        source: PublishError,
    },
    /// No published update was accepted.
    #[error("the target {target} accepted none of the published updates: {problem}; correct [publish] in its file")]
    Untaken {
        /// The target.
        target: String,
        /// Its last answer.
        problem: String,
    },
}

/// A server under test.
pub struct ForeignServer {
    target: String,
    /// The address that clients connect to.
    pub endpoint: Endpoint,
    /// The state that its clients share.
    pub subscriber: Arc<Subscriber>,
    process: Option<Process>,
    /// Processes of a server that was already running.
    pids: Vec<u32>,
    publish_to: Option<PublishEndpoint>,
    publisher: Option<Publisher>,
}

impl ForeignServer {
    /// Starts or finds it, and waits until it is ready.
    ///
    /// Errors: [`ForeignError`].
    pub async fn start(entry: &CatalogEntry, trust: &Trust) -> Result<Self, ForeignError> {
        let target = entry.name.to_string();
        let description = Arc::clone(&entry.description);
        let dir = entry.dir.display().to_string();
        let (mut process, subscriber, endpoint) = match &description.start {
            None => {
                let (subscriber, endpoint) = subscriber(&target, &description, [dir, String::new()], 0, trust).await?;
                (None, subscriber, endpoint)
            }
            Some(start) => {
                let files = |source| StartError::Files { target: target.clone(), source };
                let workspace = Workspace::new().map_err(files)?;
                let work = workspace.work.path().display().to_string();
                let (subscriber, endpoint) =
                    subscriber(&target, &description, [dir, work], workspace.port, trust).await?;
                let values = subscriber.values_of_server();
                (Some(Process::spawn(entry, start, workspace, &values)?), subscriber, endpoint)
            }
        };
        let mut pids = Vec::new();
        match (&mut process, &description.start) {
            (Some(process), Some(start)) => {
                let asked = start.ready.as_ref().map(|url| url.fill(&subscriber.values_of_server()));
                process.ready(&target, start, async || is_ready(&endpoint, asked.as_deref()).await).await?;
            }
            (_, _) => {
                if let Err(error) = endpoint.dial().await {
                    let base = shown(&subscriber.base);
                    if let ClientError::Untrusted(problem) = error {
                        return Err(ForeignError::Untrusted { target, base, problem });
                    }
                    return Err(ForeignError::Unreachable { target, base, problem: error.to_string() });
                }
                let file = description.pid_file.as_ref().map(|file| file.fill(&subscriber.values_of_server()));
                let written = file.and_then(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
                let found = written.or_else(|| {
                    process::is_here(endpoint.address.ip()).then(|| process::listening_at(endpoint.address))?
                });
                pids.extend(found);
            }
        }
        let publish_to = match &description.publish {
            Some(publish) => {
                let publish_to = PublishEndpoint::of(publish, &subscriber, trust).await;
                Some(publish_to.map_err(|source| ForeignError::Endpoint { target: target.clone(), source })?)
            }
            None => None,
        };
        Ok(Self { target, endpoint, subscriber, process, pids, publish_to, publisher: None })
    }

    /// Its process ids, as far as known.
    pub fn pids(&self) -> Vec<u32> {
        self.process.as_ref().map_or_else(|| self.pids.clone(), Process::pids)
    }

    /// Starts publishing at `origin`, if loadgen publishes.
    ///
    /// Errors: [`ForeignError::Publish`].
    pub fn begin(&mut self, feed: &Feed, origin: Nanos) -> Result<(), ForeignError> {
        if let Some(publish_to) = self.publish_to.take() {
            let started = Publisher::start(publish_to, feed, origin);
            let publisher = started.map_err(|source| ForeignError::Publish { target: self.target.clone(), source })?;
            self.publisher = Some(publisher);
        }
        Ok(())
    }

    /// Errors: [`ForeignError::Ended`] for a server that was started here.
    pub fn check_alive(&mut self) -> Result<(), ForeignError> {
        match self.process.as_mut().and_then(Process::ended) {
            None => Ok(()),
            Some(status) => Err(ForeignError::Ended { target: self.target.clone(), status }),
        }
    }

    /// The published updates that were due before `until`, and the failures; `None` if others publish.
    ///
    /// Errors: [`ForeignError::Untaken`] if no update was accepted.
    pub async fn published(&self, until: Nanos) -> Result<Option<(Vec<Due>, PublishReport)>, ForeignError> {
        let Some(publisher) = &self.publisher else { return Ok(None) };
        let (due, report, error) = publisher.finish(until).await;
        match error {
            Some(problem) if report.sent == 0 => Err(ForeignError::Untaken { target: self.target.clone(), problem }),
            Some(_) | None => Ok(Some((due, report))),
        }
    }

    /// Stops a server that was started here, and waits for it.
    pub async fn stop(self) {
        drop(self.publisher);
        if let Some(process) = self.process {
            process.stop().await;
        }
    }
}

/// What clients share, and where they connect. Every subscription must lead there.
async fn subscriber(
    target: &str,
    description: &Arc<Description>,
    [dir, work]: [String; 2],
    port: u16,
    trust: &Trust,
) -> Result<(Arc<Subscriber>, Endpoint), ForeignError> {
    let of_endpoint = |source| ForeignError::Endpoint { target: target.to_owned(), source };
    let base = description.base.fill(&Values { port, dir: &dir, work: &work, ..Values::default() });
    let base = base.trim_end_matches('/').to_owned();
    let endpoint = Endpoint::of(&base, trust).await.map_err(of_endpoint)?;
    let origin = match &description.publish {
        Some(_) => Origin::Published,
        None => Origin::Observed(description.timestamp.clone()),
    };
    let (description, host) = (Arc::clone(description), endpoint.host.clone());
    let port = endpoint.address.port();
    let subscriber =
        Subscriber { description, base, host, port, dir, work, origin, published_found_at: OnceLock::new() };
    for url in urls(&subscriber.description) {
        let state = State::default();
        let url = url.fill(&subscriber.values(&state));
        let to = Endpoint::of(&url, trust).await.map_err(of_endpoint)?;
        if (to.address.port(), &to.name, to.secure.is_some())
            != (endpoint.address.port(), &endpoint.name, endpoint.secure.is_some())
        {
            let base = shown(&subscriber.base);
            return Err(ForeignError::Elsewhere { target: target.to_owned(), url: shown(&url), base });
        }
    }
    Ok((Arc::new(subscriber), endpoint))
}

/// The addresses of all subscriptions.
fn urls(description: &Description) -> Vec<&Template> {
    let Description { polling, long_polling, sse, websocket, .. } = description;
    let polls = polling.iter().chain(long_polling).map(|polls| &polls.url);
    polls.chain(sse.iter().map(|events| &events.url)).chain(websocket.iter().map(|socket| &socket.url)).collect()
}

/// Does it accept a connection, and answer a request to `url`?
async fn is_ready(endpoint: &Endpoint, url: Option<&str>) -> bool {
    let Ok(stream) = endpoint.dial().await else { return false };
    let Some(url) = url else { return true };
    let answered = async {
        let mut http = super::http::Http::new(stream, &endpoint.host);
        http.send(http::Method::GET, url, http::HeaderMap::new(), bytes::Bytes::new()).await
    };
    let answered = tokio::time::timeout(crate::limits::CONTROL_TIMEOUT, answered).await;
    matches!(answered, Ok(Ok(head)) if head.status.is_success())
}
