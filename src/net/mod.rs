//! Byte streams under a connection: with or without TLS, and with an idle timeout.

pub mod tls;

use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

use crate::limits;

/// A server's connection: TCP, TLS, or a simulated stream. A concrete type, so that a WebSocket can get its connection
/// back from hyper without boxing.
pub enum AnyStream {
    /// A socket.
    Tcp(TcpStream),
    /// A socket with TLS. Boxed, so that a connection without TLS takes no space for it.
    Tls(Box<TlsStream<Counted>>),
    /// Any other stream, of which the kernel has no counts.
    Other(Box<dyn Stream>),
}

impl AnyStream {
    /// Its file descriptor, or -1 if it has none.
    pub fn descriptor(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Tls(stream) => stream.get_ref().0.stream.as_raw_fd(),
            Self::Other(_) => -1,
        }
    }

    /// The bytes on the socket itself, if they differ from those of this stream because of TLS.
    pub fn below(&self) -> Option<Arc<BytesBelow>> {
        match self {
            Self::Tls(stream) => Some(Arc::clone(&stream.get_ref().0.below)),
            Self::Tcp(_) | Self::Other(_) => None,
        }
    }
}

impl AsyncRead for AnyStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for AnyStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Other(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Bytes that a socket has carried below TLS and that have not been counted yet.
#[derive(Debug, Default)]
pub struct BytesBelow {
    came_in: AtomicU64,
    went_out: AtomicU64,
}

impl BytesBelow {
    /// Bytes received since the last call.
    pub fn take_in(&self) -> u64 {
        self.came_in.swap(0, Relaxed)
    }

    /// Bytes sent since the last call.
    pub fn take_out(&self) -> u64 {
        self.went_out.swap(0, Relaxed)
    }
}

/// A socket under TLS whose bytes are counted.
pub struct Counted {
    stream: TcpStream,
    below: Arc<BytesBelow>,
}

impl Counted {
    /// A socket with nothing counted yet.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, below: Arc::default() }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.below.came_in.fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        outcome
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = outcome {
            self.below.went_out.fetch_add(written as u64, Relaxed);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Forwards writes to the wrapper's `stream`, for wrappers that change only reads.
macro_rules! forward_writes {
    ($wrapper:ident) => {
        impl<S: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for $wrapper<S> {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.stream).poll_write(context, bytes)
            }

            fn poll_flush(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.stream).poll_flush(context)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.stream).poll_shutdown(context)
            }
        }
    };
}
pub(crate) use forward_writes;

/// A byte stream that a client can run over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Reads what is available, up to [`limits::READ_BYTES_MAX`], and passes it to `take`; an empty slice at the stream's
/// end.
///
/// The buffer is on the thread's stack, so all connections use the same memory, which stays in the cache. With a buffer
/// for each of thousands of connections it would not.
///
/// Cancel safe. Errors: the stream's.
pub async fn read<S: AsyncRead + Unpin, T>(stream: &mut S, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    let mut take = Some(take);
    let reading = std::future::poll_fn(|context| {
        poll_read(stream, context, |bytes| take.take().expect("a future is not polled again once it is ready")(bytes))
    });
    reading.await
}

/// Polls [`read`].
pub fn poll_read<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    let mut bytes = [MaybeUninit::uninit(); limits::READ_BYTES_MAX];
    let mut buffer = ReadBuf::uninit(&mut bytes);
    ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
    Poll::Ready(Ok(take(buffer.filled())))
}

/// A stream whose reads fail after a time without data.
pub struct IdleTimeout<S> {
    stream: S,
    silence_max: Duration,
    /// When data last arrived.
    heard: Instant,
    /// Checks `heard` when it fires, so that a successful read need not set a timer.
    alarm: Pin<Box<Sleep>>,
}

impl<S> IdleTimeout<S> {
    /// A stream whose reads fail with `TimedOut` after `silence_max` without data.
    pub fn new(stream: S, silence_max: Duration) -> Self {
        Self { stream, silence_max, heard: Instant::now(), alarm: Box::pin(tokio::time::sleep(silence_max)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if outcome.is_ready() {
            self.heard = Instant::now();
            return outcome;
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            let due = self.heard + self.silence_max;
            if due <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

forward_writes!(IdleTimeout);

/// The addresses at which other hosts reach this one: those of its interfaces, except loopback and link-local addresses
/// (RFC 3927, RFC 4291 section 2.5.6), which a person cannot type into a phone.
///
/// Errors: those of the system.
pub fn host_addresses() -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for interface in nix::ifaddrs::getifaddrs()? {
        let Some(address) = interface.address else { continue };
        let address: Option<IpAddr> = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (Some(v4), _) => Some(v4.ip().into()),
            (None, Some(v6)) => Some(v6.ip().into()),
            (None, None) => None,
        };
        found.extend(address.filter(|address| is_for_others(*address) && !found.contains(address)));
    }
    Ok(found)
}

fn is_for_others(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}
