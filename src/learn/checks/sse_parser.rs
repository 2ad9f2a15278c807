//! `sse-parser`: bytes in, events out, however the network splits them.

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::learn::fault::{Code, Stop, fail};
use crate::learn::messages::quote;
use crate::learn::questions::{Questions, hex};
use crate::learn::session::Progress;
use crate::transport::ClientError;
use crate::transport::sse::Parser;

/// Streams, each with a description.
const STREAMS: [(&str, &str); 11] = [
    ("one event", "data: hello\n\n"),
    ("lines that end with LF, CR LF and CR", "data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\r\n\n"),
    ("several data lines, joined by line feeds", "data: a\ndata:  b\ndata:c\n\n"),
    ("comments, and unknown fields", ": a comment\ndata: a\nsurprise: b\n:\n\n"),
    (
        "an event's name and id, and the id that stays",
        "event: gap\nid: 7\ndata: {}\n\ndata: next\n\nid\ndata: none\n\n",
    ),
    ("an id with NUL in it, which is ignored", "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n"),
    ("retry, if it is all digits", "retry: 1500\ndata: a\n\nretry: 2s\ndata: b\n\n"),
    ("a byte order mark before the first line", "\u{feff}data: a\n\ndata: \u{feff}b\n\n"),
    ("characters of two, three and four bytes", "data: é 地震 🌋\n\nid: é\ndata: ß\n\n"),
    ("a block without data, and one that never ends", "id: 9\n\ndata: a\n\ndata: lost\n"),
    ("one space after the colon, and no other", "data:a\n\ndata:  b \n\nevent:x\ndata: c:d\n\n"),
];

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let mut questions = Questions::start(command)?;
    for (name, stream) in STREAMS {
        say(Progress::StageStarted(name));
        let bytes = stream.as_bytes();
        ask(&mut questions, name, &[bytes], "as a whole").await?;
        for at in 1..bytes.len() {
            let (first, second) = bytes.split_at(at);
            ask(&mut questions, name, &[first, second], &format!("split after byte {at}")).await?;
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        ask(&mut questions, name, &single, "byte by byte").await?;
        say(Progress::StagePassed);
    }
    Ok(())
}

async fn ask(questions: &mut Questions, name: &str, chunks: &[&[u8]], how: &str) -> Result<(), Stop> {
    let question = json!({"chunks": chunks.iter().map(|chunk| hex(chunk)).collect::<Vec<_>>()});
    let answer = questions.ask(&question).await?;
    let right = parsed(chunks).map_err(|error| std::io::Error::other(error.to_string()))?;
    if answer == right {
        return Ok(());
    }
    let stream = String::from_utf8_lossy(&chunks.concat()).into_owned();
    let sentence = format!(
        "{name}: {}, {how}, is {}; your program answered {}",
        quote(&format!("{stream:?}")),
        quote(&right.to_string()),
        quote(&answer.to_string())
    );
    fail(Code::WrongAnswer, sentence)
}

/// The right answer, by the parser of the project's own client.
fn parsed(chunks: &[&[u8]]) -> Result<Value, ClientError> {
    let (mut events, mut last_id, mut retry) = (Vec::new(), String::new(), None);
    let mut parser = Parser::default();
    for chunk in chunks {
        parser.push(chunk, |block| {
            if let Some(id) = block.id {
                id.clone_into(&mut last_id);
            }
            retry = block.retry.map(|retry| retry.0 / crate::units::Nanos::MILLI.0).or(retry);
            if !block.data.is_empty() {
                let event = if block.event.is_empty() { "message" } else { block.event };
                events.push(json!({"event": event, "data": block.data, "id": last_id}));
            }
            Ok(())
        })?;
    }
    Ok(json!({"events": events, "retry": retry}))
}
