//! `loadgen agent`: waits for a coordinator, and carries out its orders, trial after trial.

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::errors::{AgentError, NatsError};
use super::messages::{
    Answer, HELLO, Hello, Order, OrderBody, Report, ReportBody, Share, VERSION, Versioned, orders_of, other_version,
    pack, reports_of, unpack,
};
use super::nats::{connect, random_id};
use super::share::{self, CoordinatorConnection, ShareError};
use crate::limits;
use crate::load::trial_error::TrialError;
use crate::measure::host;
use crate::print;

/// The protocol version of this program.
pub const PROTOCOL: u32 = VERSION;

/// The options of an agent.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// Address of the NATS server.
    pub control: String,
    /// Name in reports and messages.
    pub name: String,
    /// Exit after one run.
    pub once: bool,
    /// The protocol version that it claims; differs from its own in tests only.
    pub version: u32,
}

/// Waits for runs and takes part in them until stopped.
///
/// Errors: [`AgentError`].
pub async fn serve(options: &AgentOptions, stop: &CancellationToken) -> Result<(), AgentError> {
    let nats = connect(&options.control, &options.name).await?;
    let clients_max = host::raise_file_limit().saturating_sub(limits::FD_RESERVE).min(limits::CLIENTS_MAX.into());
    let hello = Hello {
        version: options.version,
        id: random_id()?,
        name: options.name.clone(),
        clients_max: u32::try_from(clients_max).unwrap_or(limits::CLIENTS_MAX),
        boot_id: host::boot_id(),
    };
    print::err(&format!("agent {}: waiting for a run at {}", options.name, options.control));
    loop {
        let Some(run) = (tokio::select! {
            biased;
            () = stop.cancelled() => None,
            run = join(&nats, &hello) => Some(run?),
        }) else {
            return Ok(());
        };
        let (run, orders) = run;
        print::err(&format!("agent {}: taking part in run {run}", options.name));
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = take_part(&nats, &hello, &run, orders) => {}
        }
        if options.once {
            return Ok(());
        }
    }
}

/// Sends a hello until a coordinator answers. The agent is already subscribed to that coordinator's orders.
async fn join(nats: &Client, hello: &Hello) -> Result<(String, async_nats::Subscriber), AgentError> {
    let gone = |reason: String| NatsError::Gone(reason);
    let mut orders = nats.subscribe(orders_of(&hello.id)).await.map_err(|error| gone(error.to_string()))?;
    let said = Bytes::from(serde_json::to_vec(hello).map_err(|error| gone(error.to_string()))?);
    loop {
        let asked = nats.request(HELLO, said.clone());
        if let Ok(Ok(answer)) = tokio::time::timeout(limits::AGENT_ANSWER_TIMEOUT, asked).await {
            match read_answer(&answer.payload) {
                Ok(Some(run)) => return Ok((run, orders)),
                Ok(None) => {}
                Err(refusal) => {
                    let _gone = orders.unsubscribe().await;
                    return Err(AgentError::Refused(refusal));
                }
            }
        }
        tokio::time::sleep(limits::AGENT_HELLO_PAUSE).await;
    }
}

/// The run to join; `None` if the message is not an answer; or the reason for a refusal.
fn read_answer(payload: &[u8]) -> Result<Option<String>, String> {
    let Ok(Versioned { version }) = serde_json::from_slice(payload) else { return Ok(None) };
    if version != VERSION {
        return Err(other_version("coordinator", version));
    }
    match serde_json::from_slice::<Answer>(payload) {
        Ok(Answer { refusal: Some(refusal), .. }) => Err(refusal),
        Ok(Answer { run, .. }) => Ok(run),
        Err(_) => Ok(None),
    }
}

/// Carries out orders until the run is over, or its coordinator is gone.
async fn take_part(nats: &Client, hello: &Hello, run: &str, mut orders: async_nats::Subscriber) {
    let stop = CancellationToken::new();
    let _end_all = stop.clone().drop_guard();
    let alive = tokio::spawn(say_alive(nats.clone(), hello.id.clone(), run.to_owned(), stop.clone()));
    // At most one trial at a time: a new trial stops the previous one.
    let mut current: Option<(u64, mpsc::Sender<OrderBody>, CancellationToken)> = None;
    let mut trials = tokio::task::JoinSet::new();
    loop {
        let message = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            message = orders.next() => message,
        };
        let Some(message) = message else { break };
        let Ok(order) = unpack::<Order>(&message.payload) else { continue };
        match order.what {
            OrderBody::Leave => break,
            OrderBody::Connect(share) => {
                if let Some((_, _, end)) = current.take() {
                    end.cancel();
                }
                let (sender, receiver) = mpsc::channel(limits::AGENT_ORDERS_WAITING);
                let end = stop.child_token();
                trials.spawn(one_trial(
                    nats.clone(),
                    hello.clone(),
                    run.to_owned(),
                    order.trial,
                    *share,
                    receiver,
                    end.clone(),
                ));
                current = Some((order.trial, sender, end));
            }
            what @ (OrderBody::Begin { .. } | OrderBody::Finish { .. } | OrderBody::Abandon) => {
                if let Some((trial, sender, _)) = &current
                    && *trial == order.trial
                {
                    // A trial that has ended takes no more orders.
                    let _ended = sender.try_send(what);
                }
            }
        }
        while trials.try_join_next().is_some() {}
    }
    stop.cancel();
    while trials.join_next().await.is_some() {}
    let _ended = alive.await;
    let _gone = orders.unsubscribe().await;
}

async fn one_trial(
    nats: Client,
    hello: Hello,
    run: String,
    trial: u64,
    share: Share,
    orders: mpsc::Receiver<OrderBody>,
    end: CancellationToken,
) {
    let connected = CancellationToken::new();
    let on_connected = connected.clone();
    let coordinator =
        CoordinatorConnection { nats: &nats, run: &run, orders, on_connected: Box::new(move || on_connected.cancel()) };
    let report = |said| send(&nats, &run, Report { agent: hello.id.clone(), trial, said });
    let measured = async {
        match share::run(&share, coordinator).await {
            Ok(part) => Some(ReportBody::Part(Box::new(part))),
            Err(ShareError::Abandoned) => None,
            Err(error) => {
                let connected = match &error {
                    ShareError::Trial(TrialError::Ramp { connected, .. }) => *connected,
                    ShareError::Trial(_) | ShareError::NoClock | ShareError::NoOrder | ShareError::Abandoned => {
                        share.count
                    }
                };
                Some(ReportBody::Failed { connected, reason: error.to_string() })
            }
        }
    };
    tokio::pin!(measured);
    let mut is_told = false;
    loop {
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = connected.cancelled(), if !is_told => {
                report(ReportBody::Connected).await;
                // Sent to the coordinator before it is printed.
                let _late = nats.flush().await;
                print::err(&format!("agent {}: {} clients are connected", hello.name, share.count));
                is_told = true;
            }
            said = &mut measured => {
                if let Some(said) = said {
                    report(said).await;
                }
                return;
            }
        }
    }
}

/// Sends a heartbeat every half second, and stops everything if the coordinator has been silent for some seconds.
async fn say_alive(nats: Client, agent: String, run: String, stop: CancellationToken) {
    let mut unheard: Duration = Duration::ZERO;
    while unheard < limits::AGENT_SILENCE {
        let said =
            pack(&Report { agent: agent.clone(), trial: 0, said: ReportBody::Alive }, limits::AGENT_MESSAGE_BYTES_MAX);
        let Ok(said) = said else { break };
        let began = tokio::time::Instant::now();
        let asked = tokio::time::timeout(limits::AGENT_ANSWER_TIMEOUT, nats.request(reports_of(&run), said));
        let answered = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            answered = asked => answered.is_ok_and(|answer| answer.is_ok()),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(limits::AGENT_ALIVE_PERIOD) => {}
        }
        unheard = if answered { Duration::ZERO } else { unheard + began.elapsed() };
    }
    print::err("the coordinator is gone; this agent leaves the run");
    stop.cancel();
}

async fn send(nats: &Client, run: &str, mut report: Report) {
    let most = nats.server_info().max_payload;
    let packed = pack(&report, most).or_else(|error| {
        report.said = ReportBody::Failed { connected: 0, reason: error.to_string() };
        pack(&report, most)
    });
    match packed {
        Ok(packed) => {
            if let Err(error) = nats.publish(reports_of(run), packed).await {
                print::err(&format!("cannot send a report: {error}"));
            }
        }
        Err(error) => print::err(&format!("cannot send a report: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_version_is_refused_whatever_its_other_members() {
        let said = |json: &str| read_answer(json.as_bytes());
        assert_eq!(said(r#"{"version":2,"run":"ab","refusal":null}"#), Ok(Some("ab".to_owned())));
        assert!(said(r#"{"version":1,"welcome":{"to":"ab"}}"#).is_err());
        assert!(said(r#"{"version":2,"run":null,"refusal":"no"}"#).is_err());
        assert_eq!(said("nonsense"), Ok(None));
    }
}
