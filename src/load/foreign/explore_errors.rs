//! Why `loadgen try` found nothing: each a sentence that says what to look at.

use super::connect::EndpointError;
use crate::transport::ClientError;
use crate::transport::http1::CutOff;

/// Why there is nothing to be told.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing listens.
    #[error("{host} takes no connection: {problem}; is the server started, and is this its port?")]
    Closed {
        /// The host and its port.
        host: String,
        /// What the system said.
        problem: String,
    },
    /// It is not who it should be.
    #[error("{host} cannot be trusted: {problem}")]
    Untrusted {
        /// The host and its port.
        host: String,
        /// What is wrong with its certificate.
        problem: String,
    },
    /// TLS is not spoken there.
    #[error("{host} takes the connection and does not speak TLS: {problem}; is it http:// or ws:// there?")]
    NotTls {
        /// The host and its port.
        host: String,
        /// What went wrong.
        problem: String,
    },
    /// No answer.
    #[error(
        "{host} took the connection and answered nothing within {seconds} s: it may expect TLS (https://), hold requests until \
         there is something (a long poll, or a stream without a head), or hang"
    )]
    Silent {
        /// The host and its port.
        host: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It hangs up.
    #[error(
        "{host} took the connection and closed it without an answer: it may have failed at the request, which its log says, or \
         expect TLS (https://)"
    )]
    HungUp {
        /// The host and its port.
        host: String,
    },
    /// Not HTTP.
    #[error("{host} answers, but not in HTTP: {problem}; it may expect TLS (https://)")]
    NotHttp {
        /// The host and its port.
        host: String,
        /// What went wrong.
        problem: String,
    },
}

impl ExploreError {
    /// An answer that did not come, or is none.
    pub(super) fn of_answer(host: String, error: &ClientError) -> Self {
        if let ClientError::Broken(source) = error
            && source.is::<CutOff>()
        {
            return Self::HungUp { host };
        }
        Self::NotHttp { host, problem: error.to_string() }
    }
}
