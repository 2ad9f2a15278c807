//! Takes a connection over from hyper.
//!
//! hyper reads each request and axum finds its handler. A handler whose answer has no end, or comes much later, may agree
//! to a takeover: what it hands in then has the socket to itself, with hyper's buffers given back, and gives it back for
//! the next request when it is done. A handler that is not offered one (HTTP/1.0, a body, `Connection: close`) answers
//! through hyper in the ordinary way.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap};
use http::{Method, Version};
use hyper::body::Body;

/// What a handler hands in.
type Successor<S> = Box<dyn FnOnce(Taken<S>) -> Succession<S> + Send>;

/// What has the connection until it gives it back, or ends it.
pub type Succession<S> = Pin<Box<dyn Future<Output = Option<S>> + Send>>;

/// What it is given.
pub struct Taken<S> {
    /// The connection.
    pub socket: S,
    /// The headers of the handler's response, with those that its middleware added, if there are any; nothing of it has
    /// been sent, except of a 101.
    pub headers: Option<Box<HeaderMap>>,
}

/// What hyper's side and the handler's side of a connection say to one another about it.
pub struct Takeover<S> {
    /// The request that was read last can be answered by somebody else than hyper.
    is_offered: AtomicBool,
    /// hyper still has bytes of earlier answers to send.
    has_unsent: AtomicBool,
    /// Boxed, and there only from a request on until its connection is taken over: who has taken it over needs none.
    agreed: Mutex<Option<Box<Agreed<S>>>>,
}

struct Agreed<S> {
    successor: Option<Successor<S>>,
    headers: Option<Box<HeaderMap>>,
    /// What a successor has read of the request that hyper reads next.
    read_ahead: Option<Bytes>,
    /// What a successor had read of the request that was read last.
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
    /// Offers it to the handler of this request, if its answer can be written by somebody else.
    pub fn offer<B: Body>(&self, request: &http::Request<B>) {
        let is_kept_alive = request.headers().get_all(CONNECTION).iter().all(|value| value == "keep-alive");
        let is_plain = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        self.is_offered.store(is_plain && is_kept_alive && request.body().is_end_stream(), Relaxed);
        if let Some(agreed) = self.lock().as_mut() {
            agreed.head = agreed.read_ahead.take();
        }
    }

    /// The bytes that the request began with, if a successor read them before hyper did.
    pub fn head(&self) -> Option<Bytes> {
        self.lock().as_mut()?.head.take()
    }

    /// A successor leaves a request to hyper that begins with these bytes.
    pub(super) fn note_read_ahead(&self, request: Bytes) {
        self.lock().get_or_insert_default().read_ahead = Some(request);
    }

    /// Withdraws the offer: the answer has to go the ordinary way, through what wraps its body.
    pub fn withdraw(&self) {
        self.is_offered.store(false, Relaxed);
    }

    /// Is it offered?
    pub fn is_offered(&self) -> bool {
        self.is_offered.load(Relaxed)
    }

    /// Agrees to it. Of the handler's response only the headers count then, unless it is a 101, which hyper sends.
    pub fn agree<F>(&self, successor: impl FnOnce(Taken<S>) -> F + Send + 'static)
    where
        F: Future<Output = Option<S>> + Send + 'static,
    {
        self.lock().get_or_insert_default().successor = Some(Box::new(|taken| Box::pin(successor(taken))));
    }

    /// Has the handler agreed?
    pub fn is_agreed(&self) -> bool {
        self.lock().as_ref().is_some_and(|agreed| agreed.successor.is_some())
    }

    /// The handler's response has come through its middleware, with these headers.
    pub fn answered(&self, mut headers: HeaderMap) {
        // That of the body which is not sent.
        headers.remove(CONTENT_LENGTH);
        self.lock().get_or_insert_default().headers = Some(Box::new(headers));
    }

    /// Is all said and done, so that hyper can let go of the connection?
    pub fn is_ready(&self) -> bool {
        !self.has_unsent.load(Relaxed) && self.lock().as_ref().is_some_and(|agreed| agreed.headers.is_some())
    }

    /// Has the connection, which hyper let go of, taken over, if that was agreed.
    pub fn take(&self, socket: S) -> Result<Succession<S>, S> {
        let agreed = self.lock().take();
        let Some(Agreed { successor: Some(successor), headers, .. }) = agreed.map(|agreed| *agreed) else {
            return Err(socket);
        };
        Ok(successor(Taken { socket, headers: headers.filter(|headers| !headers.is_empty()) }))
    }

    /// Something is to be sent, or all has been.
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
