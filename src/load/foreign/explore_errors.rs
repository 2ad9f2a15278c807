//! Why `loadgen try` found nothing; each message says what to check.

use super::connect::EndpointError;
use crate::transport::ClientError;
use crate::transport::http1::CutOff;

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The address is not usable.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing listens at the address.
    #[error("{host} accepts no connection: {problem}; is the server running, and is this its port?")]
    Closed {
        /// The host and its port.
        host: String,
        /// The system's error.
        problem: String,
    },
    /// The certificate is not trusted.
    #[error("{host} is not trusted: {problem}")]
    Untrusted {
        /// The host and its port.
        host: String,
        /// What is wrong with its certificate.
        problem: String,
    },
    /// The server does not speak TLS.
    #[error("{host} accepts the connection but does not speak TLS: {problem}; should it be http:// or ws://?")]
    NotTls {
        /// The host and its port.
        host: String,
        /// What went wrong.
        problem: String,
    },
    /// No answer came.
    #[error(
        "{host} accepted the connection and sent no answer within {seconds} s: it may expect TLS (https://), hold \
         requests until there is something (a long poll, or a stream without a head), or hang"
    )]
    Silent {
        /// The host and its port.
        host: String,
        /// How long the answer was awaited, in seconds.
        seconds: u64,
    },
    /// The connection was closed without an answer.
    #[error(
        "{host} accepted the connection and closed it without an answer: it may have failed at the request (see its \
         log), or expect TLS (https://)"
    )]
    HungUp {
        /// The host and its port.
        host: String,
    },
    /// The answer is not HTTP.
    #[error("{host} answers, but not in HTTP: {problem}; it may expect TLS (https://)")]
    NotHttp {
        /// The host and its port.
        host: String,
        /// What went wrong.
        problem: String,
    },
}

impl ExploreError {
    /// The error for an answer that did not come, or is not valid.
    pub(super) fn of_answer(host: String, error: &ClientError) -> Self {
        if let ClientError::Broken(source) = error
            && source.is::<CutOff>()
        {
            return Self::HungUp { host };
        }
        Self::NotHttp { host, problem: error.to_string() }
    }
}
