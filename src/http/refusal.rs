//! Answers on connections that will not be served.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::limits;
use crate::server::{App, Problem};

/// A complete HTTP/1.1 answer, after which the connection closes.
pub fn in_plain_http(problem: &Problem) -> String {
    whole(problem, "400 Bad Request", "")
}

/// Refuses a connection with 503, if its socket takes the answer at once. With TLS, the client only sees a closed
/// connection: without a handshake it could not read the answer, and a handshake would cost too much.
pub fn refuse(app: &Arc<App>, mut stream: TcpStream, detail: &'static str) {
    app.counters.refuse();
    if app.settings.tls.is_none() {
        let problem = Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, detail);
        let retry_after = format!("retry-after: {}\r\n", limits::RETRY_AFTER.as_secs());
        // A new socket has space for so few bytes. If not, the client sees a closed connection.
        let _sent = stream.try_write(whole(&problem, "503 Service Unavailable", &retry_after).as_bytes());
    }
    let Ok(patience) = Arc::clone(&app.refusals).try_acquire_owned() else { return };
    app.tasks.spawn(async move {
        // Reads the request before closing: a socket that is closed with unread bytes sends a reset, and the answer is
        // lost.
        let read_on = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
        };
        let _ended = tokio::time::timeout(limits::LINGER, read_on).await;
        drop(patience);
    });
}

fn whole(problem: &Problem, status: &str, more: &str) -> String {
    let body = problem.body();
    format!(
        "HTTP/1.1 {status}\r\n{more}connection: close\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
