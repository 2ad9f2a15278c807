//! Answers on connections that are not served.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::limits;
use crate::server::{App, Problem};

/// A whole answer of HTTP/1.1 behind which the connection ends.
pub fn in_plain_http(problem: &Problem) -> String {
    whole(problem, "400 Bad Request", "")
}

/// Tells a client that there is no room for it, as far as its socket takes that at once. One that expects TLS sees a
/// closed connection: it could not read this, and a handshake is what there is no room for.
pub fn refuse(app: &Arc<App>, mut stream: TcpStream, detail: &'static str) {
    app.counters.refuse();
    if app.settings.tls.is_none() {
        let problem = Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, detail);
        let retry_after = format!("retry-after: {}\r\n", limits::RETRY_AFTER.as_secs());
        // A fresh socket has room for so little; if not, the client sees a closed connection instead.
        let _sent = stream.try_write(whole(&problem, "503 Service Unavailable", &retry_after).as_bytes());
    }
    let Ok(patience) = Arc::clone(&app.refusals).try_acquire_owned() else { return };
    app.tasks.spawn(async move {
        // What was read of it or not: a socket closed over an unread request would take the answer back with a reset.
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
