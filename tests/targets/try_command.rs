//! `loadgen try`: what it reports about unknown servers.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::{CommandOutput, send_signal, within};
use crate::measure::{installed, run, textbook};

async fn tried(url: &str, more: &[&str]) -> (CommandOutput, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("found.toml");
    let output = run(&[&["try", url, "--for", "2s", "--out", file.to_str().unwrap()], more].concat(), &[]).await;
    (output, std::fs::read_to_string(file).ok())
}

/// A server that answers the first bytes on each connection with `bytes`, and sends nothing more.
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

/// A server that reads a request and closes the connection.
async fn hangs_up() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _asked = stream.read(&mut [0; 1024]).await;
        }
    });
    address
}

/// One of the shipped servers on a free port, ended when dropped.
struct Shipped {
    port: u16,
    process: tokio::process::Child,
    work: tempfile::TempDir,
}

impl Shipped {
    async fn start(command: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let work = tempfile::tempdir().unwrap();
        let targets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
        let folder = work.path().to_str().unwrap();
        let filled = |text: &str| text.replace("{port}", &port.to_string()).replace("{work}", folder);
        for conf in ["nchan.conf", "nginx_static.conf"] {
            let text = std::fs::read_to_string(targets.join(conf)).unwrap();
            std::fs::write(work.path().join(conf), filled(&text)).unwrap();
        }
        let mut process = tokio::process::Command::new(filled(command[0]));
        process.args(command[1..].iter().map(|argument| filled(argument))).current_dir(targets);
        process.env("PORT", port.to_string()).env("NODE_PATH", installed().join("node_modules"));
        process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { port, process: process.spawn().unwrap(), work };
        within("a connection", async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        server
    }

    /// Asserts what `try` finds when only host and port are given: a text in its output, and a section of the target
    /// file.
    async fn check_found(mut self, output: &str, section: &str) {
        let (found, file) = tried(&format!("127.0.0.1:{}", self.port), &[]).await;
        let file = file.unwrap_or_else(|| panic!("{found:?}"));
        assert!(found.code == Some(0) && found.stdout.contains(output), "{output}: {found:?}");
        assert!(file.contains(section), "{file}");
        assert_eq!(self.process.try_wait().unwrap(), None, "the server still runs after `try`");
        assert!(self.work.path().exists());
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        // SIGTERM instead of SIGKILL: nginx is two processes, of which the first ends the second.
        self.process.id().into_iter().for_each(|pid| send_signal(pid, Signal::TERM));
    }
}

pub async fn nchan_is_found_by_host_and_port() {
    let work = ["/usr/sbin/nginx", "-p", "{work}", "-c", "{work}/nchan.conf", "-e", "{work}/error.log"];
    Shipped::start(&work).await.check_found("/sse: an event stream", "[sse]").await;
}

pub async fn a_static_file_of_nginx_is_not_found_by_host_and_port_but_as_json_by_its_address() {
    let work = ["/usr/sbin/nginx", "-p", "{work}", "-c", "{work}/nginx_static.conf", "-e", "{work}/error.log"];
    let server = Shipped::start(&work).await;
    let (output, file) = tried(&format!("127.0.0.1:{}", server.port), &[]).await;
    assert!(output.code == Some(0) && output.stdout.contains("give the address of the stream itself"), "{output:?}");
    assert_eq!(file, None);
    std::fs::write(server.work.path().join("latest.json"), r#"{"seq":1}"#).unwrap();
    let (output, file) = tried(&format!("127.0.0.1:{}/latest.json", server.port), &[]).await;
    assert!(file.is_some_and(|file| file.contains("[polling]")), "{output:?}");
    assert!(output.stdout.contains("If-None-Match works") && !output.stdout.contains("`null`"), "{output:?}");
}

pub async fn socketio_and_ws_are_found_by_host_and_port() {
    Shipped::start(&["node", "socketio.cjs"]).await.check_found(": Socket.IO", "EIO=4&transport=websocket").await;
    Shipped::start(&["node", "ws.cjs"]).await.check_found(": a WebSocket (101)", "[websocket]").await;
}

pub async fn the_python_servers_are_found_by_host_and_port() {
    let python = installed().join("python/bin/python");
    let python = python.to_str().unwrap();
    Shipped::start(&[python, "websockets_server.py"]).await.check_found(": a WebSocket (101)", "[websocket]").await;
    Shipped::start(&[python, "sse_starlette_server.py"]).await.check_found("/events: an event stream", "[sse]").await;
}

pub async fn the_textbook_server_is_found_by_host_and_port() {
    let program = textbook();
    Shipped::start(&[program.to_str().unwrap()]).await.check_found("/sse: an event stream", "[sse]").await;
}

pub async fn each_transport_of_pushpulls_own_server_is_recognized_and_described() {
    let server = crate::common::Server::start(&["--feed", "synthetic", "--rate", "20", "--payload", "50"]).await;
    let (output, file) = tried(&server.url("/updates/sse"), &[]).await;
    let file = file.unwrap_or_else(|| panic!("{output:?}"));
    assert!(
        output.code == Some(0) && file.contains("[sse]") && file.contains("timestamp = \"$.at_us\""),
        "{output:?} {file}"
    );
    assert!(output.stdout.contains("Last-Event-ID works"), "{output:?}");
    // At the bare host and port there is its page, and the stream is found as well.
    let (output, file) = tried(&server.address.to_string(), &[]).await;
    assert!(
        output.stdout.contains(": a web page (200") && output.stdout.contains("/updates/sse: an event stream"),
        "{output:?}"
    );
    assert!(file.is_some_and(|file| file.contains("url = \"{base}/updates/sse\"")), "{output:?}");
    let (output, file) = tried(&server.url("/updates/ws").replace("http", "ws"), &[]).await;
    assert!(file.is_some_and(|file| file.contains("[websocket]")), "{output:?}");
    let (output, file) = tried(&server.url("/updates/poll?after=earliest"), &[]).await;
    assert!(file.is_some_and(|file| file.contains("[polling]") && file.contains("each = \"updates\"")), "{output:?}");
}

pub async fn the_generated_target_file_can_be_run_as_it_is() {
    let server = crate::common::Server::start(&["--feed", "synthetic", "--rate", "20", "--payload", "50"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("begun.toml");
    let file = file.to_str().unwrap();
    let output = run(&["try", &server.url("/updates/sse"), "--for", "2s", "--out", file], &[]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let again = run(&["try", &server.url("/updates/sse"), "--for", "1s", "--out", file], &[]).await;
    assert!(again.stdout.contains("was not changed"), "{again:?}");
    let out = folder.path().join("out");
    let flags =
        ["--clients", "4", "--rounds", "1", "--warm-up", "300ms", "--measure", "1s", "--out", out.to_str().unwrap()];
    let output = run(&[&["run", "--target", file], &flags[..]].concat(), &[]).await;
    assert!(matches!(output.code, Some(0 | 4)) && output.stdout.contains("SSE"), "{output:?}");
}

pub async fn an_address_without_a_stream_gets_a_useful_message() {
    let page = answers(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p>x").await;
    let silent = answers(b"").await;
    let other = answers(b"220 mail ESMTP\r\n").await;
    let lost = answers(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let gone = hangs_up().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, code, part) in [
        (format!("http://{page}/index"), 0, "it is a web page"),
        (format!("http://{silent}"), 1, "sent no answer within"),
        (format!("http://{other}"), 1, "not in HTTP"),
        (format!("http://{gone}"), 1, "closed it without an answer"),
        (format!("http://{lost}/events"), 0, "it answered 404"),
        (format!("http://{closed}"), 1, "accepts no connection"),
        ("http://no-such-host.invalid".to_owned(), 1, "there is no host"),
        ("ftp://127.0.0.1".to_owned(), 1, "ftp:// is not supported"),
    ] {
        let (output, file) = tried(&url, &[]).await;
        assert_eq!(output.code, Some(code), "{url}: {output:?}");
        assert!(format!("{}{}", output.stdout, output.stderr).contains(part), "{url}: {output:?}");
        assert!(file.is_none(), "{url}: {file:?}");
    }
}
