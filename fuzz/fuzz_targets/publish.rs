//! The body of `POST /updates`: one JSON value that is not nested too deeply is published and read back unchanged;
//! anything else is 400.

#![no_main]

mod connection;

use connection::Connection;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|body: &[u8]| {
    let newest = Connection::exchange(b"GET /updates/poll HTTP/1.1\r\nhost: t\r\n\r\n");
    let before: Value = serde_json::from_slice(&newest.body).expect("a poll's answer is JSON");
    let before = before["cursor"].as_str().expect("a cursor");

    let mut request =
        format!("POST /updates HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend(body);
    let answer = Connection::exchange(&request);
    let after =
        Connection::exchange(format!("GET /updates/poll?after={before} HTTP/1.1\r\nhost: t\r\n\r\n").as_bytes());
    let Ok(published) = pushpull::stream::value(body) else {
        assert_eq!(answer.status, 400);
        assert_eq!(after.status, 204, "nothing was published");
        return;
    };
    assert_eq!(answer.status, 201);
    #[derive(serde::Deserialize)]
    struct Poll<'a> {
        #[serde(borrow)]
        updates: Vec<Update<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Update<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let poll: Poll<'_> = serde_json::from_slice(&after.body).expect("a poll's answer is JSON");
    let [update] = &poll.updates[..] else { panic!("{} updates for one", poll.updates.len()) };
    assert_eq!(update.data.get(), published.get().replace(['\n', '\r'], " "), "the same bytes, except for line breaks");
});
