//! The opening handshake (RFC 6455 section 4.2): the cases that are not in the table of bad requests.

use crate::case::{ACCEPT, HANDSHAKE};
use crate::common::Server;

/// A handshake case: a description, a text to replace in a valid handshake, the status, and what the answer's head must
/// contain (`holds`) and must not contain (`lacks`).
pub struct Handshake {
    what: &'static str,
    replace: (&'static str, &'static str),
    status: u16,
    holds: &'static str,
    lacks: &'static str,
}

const fn handshake(what: &'static str, replace: (&'static str, &'static str)) -> Handshake {
    Handshake { what, replace, status: 101, holds: ACCEPT, lacks: "sec-websocket-extensions" }
}

pub const CASES: [Handshake; 14] = [
    handshake("as it should be", ("", "")),
    handshake("names in other case", ("connection: upgrade", "CONNECTION: Upgrade")),
    handshake("the protocol in other case", ("upgrade: websocket", "upgrade: WebSocket")),
    handshake("one of several options", ("connection: upgrade", "connection: keep-alive, Upgrade")),
    handshake("options in two lines", ("connection: upgrade", "connection: keep-alive\r\nconnection: upgrade")),
    // Section 9.1: the server does not agree to extensions that it does not know.
    handshake("an offer to compress", ("host: t", "host: t\r\nsec-websocket-extensions: permessage-deflate")),
    handshake(
        "an offer of an unknown extension",
        ("host: t", "host: t\r\nsec-websocket-extensions: x; y=1, permessage-deflate"),
    ),
    Handshake {
        lacks: "sec-websocket-protocol",
        ..handshake("an unknown subprotocol", ("host: t", "host: t\r\nsec-websocket-protocol: chat, superchat"))
    },
    Handshake {
        status: 426,
        holds: "sec-websocket-version: 13",
        ..handshake("another version", ("version: 13", "version: 12"))
    },
    Handshake {
        status: 426,
        holds: "sec-websocket-version: 13",
        ..handshake("no version", ("sec-websocket-version: 13\r\n", ""))
    },
    Handshake {
        status: 400,
        holds: "",
        ..handshake("no key", ("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""))
    },
    Handshake {
        status: 400,
        holds: "",
        ..handshake("a key of 15 bytes", ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"))
    },
    Handshake {
        status: 403,
        holds: "",
        ..handshake("a page of another site", ("host: t", "host: t\r\norigin: http://other"))
    },
    Handshake { status: 405, holds: "", ..handshake("another method", ("GET ", "POST ")) },
];

#[tokio::test]
async fn the_opening_handshake_is_answered_as_it_must_be() {
    let server = Server::without_feed(&[]).await;
    for Handshake { what, replace: (from, to), status, holds, lacks } in CASES {
        // A close frame after the request ends the connections that are accepted.
        let head = if from.is_empty() { HANDSHAKE.to_owned() } else { HANDSHAKE.replace(from, to) };
        assert!(from.is_empty() || head != HANDSHAKE, "{what}");
        let head = if status == 101 { head } else { head.replace("connection: upgrade", "connection: upgrade, close") };
        let mut bytes = format!("{head}\r\n").into_bytes();
        if status == 101 {
            bytes.extend(crate::frame::close(1000, "").bytes());
        }
        let answer = server.raw(&bytes).await;
        let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{what}: {answer}");
        assert!(head.contains(&holds.to_ascii_lowercase()), "{what}: {answer}");
        assert!(!head.contains(lacks), "{what}: {answer}");
    }
    println!("the opening handshake: {} cases", CASES.len());
    server.assert_unharmed().await;
}
