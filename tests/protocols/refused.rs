//! Connections that must be refused: wrong certificates, plain HTTP on a TLS port, unfinished handshakes, wrong
//! origins.

use std::time::Duration;

use pushpull::net::tls::{Alpn, Connector, Identity, LAB_NAME, Trust, certificate_error};
use pushpull::run::{Protocol, Transport};
use pushpull::transport::ClientError;
use rcgen::{CertificateParams, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::within;
use crate::local::{Local, follow, options};

#[tokio::test]
async fn a_client_refuses_a_server_whose_certificate_is_expired_or_for_another_name() {
    let mut expired = CertificateParams::new([LAB_NAME.to_owned()]).unwrap();
    expired.not_after = date_time_ymd(2001, 1, 1);
    let elsewhere = CertificateParams::new(["example.org".to_owned()]).unwrap();
    for params in [expired, elsewhere] {
        let identity = Identity::self_signed(params).unwrap();
        let trust = Trust::These(vec![identity.certificate().clone()]);
        let server = Local::with(Some(identity.acceptor(&[Alpn::Http1]).unwrap()), false, false);
        let tcp = TcpStream::connect(server.address).await.unwrap();
        let connector = Connector::new(LAB_NAME, &trust, &[Alpn::Http1]).unwrap();
        let error = connector.connect(tcp).await.map(drop).unwrap_err();
        assert!(certificate_error(&error).is_some(), "{error}");
        let error = ClientError::of_dial(error);
        assert!(matches!(error, ClientError::Untrusted(_)) && !error.is_passing(), "another attempt would fail, too");
        // The server still serves clients that accept any certificate.
        let anyone = Connector::new(LAB_NAME, &Trust::Anyone, &[Alpn::Http1]).unwrap();
        anyone.connect(TcpStream::connect(server.address).await.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_answered_in_plain_http() {
    let server = Local::start(Protocol::Https1, false);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /updates/poll HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
    let session = server.session(Protocol::Https1, false).await;
    let received = follow(&server, Transport::Sse, session, &options(&[]), 1).await.unwrap();
    assert_eq!(received.numbers, [1], "other clients are not affected");
}

#[tokio::test]
async fn an_unfinished_tls_handshake_counts_as_a_connection_until_it_times_out() {
    let server = Local::start(Protocol::Https1, false);
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    within("the connection to count", async {
        while server.app.counters.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(within("its end", half.read(&mut [0; 16])).await.unwrap_or(0), 0);
    within("the connection to be gone", async {
        while server.app.counters.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_over_http2_from_another_sites_page_is_refused() {
    let server = Local::start(Protocol::H2c, false);
    let session = server.session(Protocol::H2c, true).await;
    let foreign = options(&[("origin", "http://evil.example")]);
    let error = follow(&server, Transport::WebSocket, session, &foreign, 1).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status, .. } if status == 403), "{error}");
}
