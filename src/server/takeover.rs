//! Taking a connection over from hyper.
//!
//! hyper reads each request, and axum calls its handler. A handler whose answer is endless, or comes much later, may
//! agree to a takeover and pass in a successor: an async function that owns the socket from then on, while hyper's
//! buffers are freed. The successor returns the socket to hyper for the next request. A handler that is not offered a
//! takeover (HTTP/1.0, a request body, `Connection: close`) answers through hyper as usual.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap};
use http::{Method, Version};
use hyper::body::Body;

/// The function that a handler passes in; it is called with the connection.
type Successor<S> = Box<dyn FnOnce(TakenConnection<S>) -> SuccessorFuture<S> + Send>;

/// The future that owns the connection. It returns the socket, or `None` if it has ended the connection.
pub type SuccessorFuture<S> = Pin<Box<dyn Future<Output = Option<S>> + Send>>;

/// A connection that was taken over, as its successor gets it.
pub struct TakenConnection<S> {
    /// The connection.
    pub socket: S,
    /// The headers of the handler's response and of its middleware, if any. Nothing of the response has been sent,
    /// unless it is a 101.
    pub headers: Option<Box<HeaderMap>>,
}

/// The state of a connection's takeover, shared by the code that runs hyper and by the handlers.
pub struct Takeover<S> {
    /// The last request can be answered without hyper.
    is_offered: AtomicBool,
    /// hyper still has bytes of earlier answers to send.
    has_unsent: AtomicBool,
    /// Boxed, and present only from a request until the takeover, so that an idle subscriber does not keep it.
    agreed: Mutex<Option<Box<Agreed<S>>>>,
}

struct Agreed<S> {
    successor: Option<Successor<S>>,
    headers: Option<Box<HeaderMap>>,
    /// Bytes that a successor has read of the request that hyper reads next.
    read_ahead: Option<Bytes>,
    /// Bytes that a successor had read of the request that hyper read last.
    head: Option<Bytes>,
}

impl<S> Default for Takeover<S> {
    fn default() -> Self {
        Self { is_offered: AtomicBool::default(), has_unsent: AtomicBool::default(), agreed: Mutex::default() }
    }
}

impl<S> Default for Agreed<S> {
    fn default() -> Self {
        Self { successor: None, headers: None, read_ahead: None, head: None }
    }
}

impl<S> Takeover<S> {
    /// Offers a takeover to the handler of this request, if its answer can be written without hyper.
    pub fn offer<B: Body>(&self, request: &http::Request<B>) {
        let is_kept_alive = request.headers().get_all(CONNECTION).iter().all(|value| value == "keep-alive");
        let is_plain = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        self.is_offered.store(is_plain && is_kept_alive && request.body().is_end_stream(), Relaxed);
        if let Some(agreed) = self.lock().as_mut() {
            agreed.head = agreed.read_ahead.take();
        }
    }

    /// The first bytes of the last request, if a successor read them before hyper did.
    pub fn head(&self) -> Option<Bytes> {
        self.lock().as_mut()?.head.take()
    }

    /// Notes the bytes of a request that a successor has read and leaves to hyper.
    pub(super) fn note_read_ahead(&self, request: Bytes) {
        self.lock().get_or_insert_default().read_ahead = Some(request);
    }

    /// Withdraws the offer: the answer must go through hyper, because a middleware wraps its body.
    pub fn withdraw(&self) {
        self.is_offered.store(false, Relaxed);
    }

    /// Whether a takeover is offered.
    pub fn is_offered(&self) -> bool {
        self.is_offered.load(Relaxed)
    }

    /// Agrees to a takeover by `successor`. Only the headers of the handler's response are used then, except for a 101,
    /// which hyper sends.
    pub fn agree<F>(&self, successor: impl FnOnce(TakenConnection<S>) -> F + Send + 'static)
    where
        F: Future<Output = Option<S>> + Send + 'static,
    {
        self.lock().get_or_insert_default().successor = Some(Box::new(|taken| Box::pin(successor(taken))));
    }

    /// Whether the handler has agreed.
    pub fn is_agreed(&self) -> bool {
        self.lock().as_ref().is_some_and(|agreed| agreed.successor.is_some())
    }

    /// Notes the headers of the handler's response after all middleware has run.
    pub fn answered(&self, mut headers: HeaderMap) {
        // It belongs to the body that is not sent.
        headers.remove(CONTENT_LENGTH);
        self.lock().get_or_insert_default().headers = Some(Box::new(headers));
    }

    /// Whether hyper can release the connection: the handler has answered, and hyper has nothing left to send.
    pub fn is_ready(&self) -> bool {
        !self.has_unsent.load(Relaxed) && self.lock().as_ref().is_some_and(|agreed| agreed.headers.is_some())
    }

    /// Starts the successor with the connection that hyper has released.
    ///
    /// Errors: returns the socket if no takeover was agreed.
    pub fn take(&self, socket: S) -> Result<SuccessorFuture<S>, S> {
        let agreed = self.lock().take();
        let Some(Agreed { successor: Some(successor), headers, .. }) = agreed.map(|agreed| *agreed) else {
            return Err(socket);
        };
        Ok(successor(TakenConnection { socket, headers: headers.filter(|headers| !headers.is_empty()) }))
    }

    /// Notes whether hyper has unsent bytes.
    pub(super) fn note_unsent(&self, has_unsent: bool) {
        self.has_unsent.store(has_unsent, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Agreed<S>>>> {
        // Nothing in this file panics while it holds the lock.
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> std::fmt::Debug for Takeover<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Takeover").field("is_offered", &self.is_offered()).finish_non_exhaustive()
    }
}
