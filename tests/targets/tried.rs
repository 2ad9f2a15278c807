//! `loadgen try`: what it says of servers that it meets for the first time.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::Said;
use crate::measure::run;

async fn tried(url: &str, more: &[&str]) -> (Said, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("found.toml");
    let said = run(&[&["try", url, "--for", "2s", "--out", file.to_str().unwrap()], more].concat(), &[]).await;
    (said, std::fs::read_to_string(file).ok())
}

/// Answers the first that every connection says with these bytes, and then with nothing more.
async fn answers(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _asked = stream.read(&mut [0; 1024]).await;
            let _gone = stream.write_all(bytes).await;
            held.push(stream);
        }
    });
    address
}

pub async fn our_own_streams_are_told_apart_and_described() {
    let server = crate::common::Server::start(&["--feed", "synthetic", "--rate", "20", "--payload", "50"]).await;
    let (said, file) = tried(&server.url("/updates/sse"), &[]).await;
    let file = file.unwrap_or_else(|| panic!("{said:?}"));
    assert!(
        said.code == Some(0) && file.contains("[sse]") && file.contains("timestamp = \"$.at_us\""),
        "{said:?} {file}"
    );
    assert!(said.stdout.contains("Last-Event-ID works"), "{said:?}");
    let (said, file) = tried(&server.url("/updates/ws").replace("http", "ws"), &[]).await;
    assert!(file.is_some_and(|file| file.contains("[websocket]")), "{said:?}");
    let (said, file) = tried(&server.url("/updates/poll?after=earliest"), &[]).await;
    assert!(file.is_some_and(|file| file.contains("[polling]") && file.contains("each = \"updates\"")), "{said:?}");
}

pub async fn a_target_file_that_was_begun_can_be_run_as_it_is() {
    let server = crate::common::Server::start(&["--feed", "synthetic", "--rate", "20", "--payload", "50"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("begun.toml");
    let file = file.to_str().unwrap();
    let said = run(&["try", &server.url("/updates/sse"), "--for", "2s", "--out", file], &[]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let again = run(&["try", &server.url("/updates/sse"), "--for", "1s", "--out", file], &[]).await;
    assert!(again.stdout.contains("left alone"), "{again:?}");
    let out = folder.path().join("out");
    let flags =
        ["--clients", "4", "--rounds", "1", "--warm-up", "300ms", "--measure", "1s", "--out", out.to_str().unwrap()];
    let said = run(&[&["run", "--target", file], &flags[..]].concat(), &[]).await;
    assert!(matches!(said.code, Some(0 | 4)) && said.stdout.contains("SSE"), "{said:?}");
}

pub async fn what_is_no_stream_has_a_useful_sentence() {
    let page = answers(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p>x").await;
    let silent = answers(b"").await;
    let other = answers(b"220 mail ESMTP\r\n").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, code, part) in [
        (format!("http://{page}/index"), 0, "it is a web page"),
        (format!("http://{silent}"), 1, "answered nothing within"),
        (format!("http://{other}"), 1, "not in HTTP"),
        (format!("http://{closed}"), 1, "takes no connection"),
        ("http://no-such-host.invalid".to_owned(), 1, "there is no host"),
        ("ftp://127.0.0.1".to_owned(), 1, "ftp is not spoken"),
    ] {
        let (said, file) = tried(&url, &[]).await;
        assert_eq!(said.code, Some(code), "{url}: {said:?}");
        assert!(format!("{}{}", said.stdout, said.stderr).contains(part), "{url}: {said:?}");
        assert!(file.is_none(), "{url}: {file:?}");
    }
}
