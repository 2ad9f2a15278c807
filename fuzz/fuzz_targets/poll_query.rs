//! The query and the conditional header of a poll: the answer always follows the contract, and the connection never
//! breaks.
//!
//! The first line of the input is the query. The second line, if present, is the value of `If-None-Match`.

#![no_main]

mod connection;

use connection::Connection;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

fuzz_target!(|input: &[u8]| -> Corpus {
    // A longer head would be refused for its length, whatever its content.
    if input.len() > 1024 {
        return Corpus::Reject;
    }
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (query, tag) = (parts.next().unwrap_or_default(), parts.next());
    let mut request = b"GET /updates/poll?".to_vec();
    for byte in query {
        match byte {
            b'!' | b'$'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~' => request.push(*byte),
            other => request.extend(format!("%{other:02x}").bytes()),
        }
    }
    request.extend(b" HTTP/1.1\r\nhost: t\r\n");
    if let Some(tag) = tag {
        request.extend(b"if-none-match: ");
        request.extend(tag.iter().filter(|byte| **byte >= b' ' && **byte != 0x7f));
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    let answer = Connection::exchange(&request);
    match answer.status {
        200 => {
            let body: Value = serde_json::from_slice(&answer.body).expect("a poll's answer is JSON");
            assert!(body["cursor"].is_string() && body["updates"].is_array());
        }
        204 => assert!(answer.body.is_empty()),
        304 => assert!(answer.body.is_empty() && tag.is_some()),
        // 503: the input names one room or session more than the server keeps.
        400 | 503 => {
            let problem: Value = serde_json::from_slice(&answer.body).expect("a problem is JSON");
            assert_eq!(problem["status"], answer.status);
        }
        other => panic!("{other}: {}", String::from_utf8_lossy(&answer.body)),
    }
    Corpus::Keep
});
