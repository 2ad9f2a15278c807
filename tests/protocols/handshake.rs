//! Compares the bytes of a TLS handshake in theory with real handshakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pushpull::limits;
use pushpull::measure::bytes::ByteCounters;
use pushpull::measure::bytes::tls::RecordTap;
use pushpull::measure::tap::Tapped;
use pushpull::net::tls::{Acceptor, Alpn, Connector, Identity, LAB_NAME, Trust};
use pushpull::report::findings::theory::handshake::Handshake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::HandshakeKind;

use crate::common::within;

/// The tolerance in bytes: a new lab certificate and its signature vary by a byte or two.
const CERTIFICATE_TOLERANCE: f64 = 8.0;

#[tokio::test]
async fn full_and_resumed_handshakes_take_the_bytes_that_theory_predicts() {
    for (alpn, name) in [(Alpn::Http1, "http/1.1"), (Alpn::H2, "h2")] {
        let identity = Identity::lab(&[]).unwrap();
        let trust = Trust::These(vec![identity.certificate().clone()]);
        let (acceptor, connector) =
            (identity.acceptor(&[alpn]).unwrap(), Connector::new(LAB_NAME, &trust, &[alpn]).unwrap());
        for is_resumed in [false, true] {
            let (kind, bytes) = within("a handshake", connection(&acceptor, &connector)).await;
            assert_eq!(kind == HandshakeKind::Resumed, is_resumed, "{name}: {kind:?}");
            let predicted = Handshake { alpn: name, is_resumed }.whole();
            let tolerance = if is_resumed { 0.0 } else { CERTIFICATE_TOLERANCE };
            assert!(
                (bytes as f64 - predicted).abs() <= tolerance,
                "{name}, {kind:?}: {bytes} B, in theory {predicted}"
            );
        }
    }
}

/// Makes a connection, sends one byte to the client, and closes both sides; returns the kind of handshake and the bytes
/// of TLS other than that one byte.
async fn connection(acceptor: &Acceptor, connector: &Connector) -> (HandshakeKind, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (counters, established) = (Arc::<ByteCounters>::default(), Arc::<AtomicBool>::default());
    let server = async {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        stream.shutdown().await.unwrap();
    };
    let client = async {
        let tap = RecordTap::new(Arc::clone(&counters), Arc::clone(&established));
        let tcp = Tapped::new(TcpStream::connect(address).await.unwrap(), tap, limits::WRITE_TIMEOUT);
        let mut stream = connector.connect(tcp).await.unwrap();
        established.store(true, Relaxed);
        let mut byte = [0; 8];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut byte).await.unwrap(), 0);
        stream.get_ref().1.handshake_kind().unwrap()
    };
    let ((), kind) = tokio::join!(server, client);
    let reading = counters.read();
    (kind, reading.tls_handshake + reading.tls_content - 1)
}
