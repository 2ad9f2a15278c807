//! `echo`: the server that the lessons started from. It answers text, JSON and binary as RFC 6455 requires.

use std::ffi::OsString;

use serde_json::{Value, json};

use super::student_server::{StudentServer, expect};
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::frames::{Frame, Opcode};
use crate::learn::messages::quote;
use crate::learn::session::Progress;
use crate::learn::socket::Message;

/// The server's answer to every text that is not a JSON object.
const GREETING: &str = "Nice to meet you!";
/// Payload sizes at which the encoding of the length changes, and around them.
const SIZES: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];
/// RFC 6455 section 7.4.1.
const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const NOT_UTF8: u16 = 1007;

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    say(Progress::StageStarted("listens, and answers the opening handshake"));
    let mut server = StudentServer::start(command).await?;
    let mut socket = server.open().await?;
    say(Progress::StagePassed);

    say(Progress::StageStarted("answers text with \"Nice to meet you!\""));
    for text in ["Hello!", "地震 é", ""] {
        socket.send(true, Opcode::Text, text.as_bytes()).await;
        let what = format!("sent the text {}", quote(text));
        expect(&mut socket, &what, &Message::Text(GREETING.to_owned())).await?;
    }
    say(Progress::StagePassed);

    say(Progress::StageStarted("parses JSON, and answers with the sum of its numbers"));
    for numbers in [&[1, 2, 3][..], &[40, -2], &[]] {
        let question = json!({"numbers": numbers}).to_string();
        socket.send(true, Opcode::Text, question.as_bytes()).await;
        let what = format!("sent {}", quote(&question));
        let (sum, answer) = (numbers.iter().sum::<i64>(), socket.next(&what).await?);
        let is_right = matches!(&answer, Message::Text(text) if serde_json::from_str::<Value>(text).is_ok_and(|got| got == json!({"sum": sum})));
        if !is_right {
            let sentence = format!("{what}: {} came back, not the text {{\"sum\":{sum}}}", answer.name());
            return fail(Code::WrongAnswer, sentence);
        }
    }
    say(Progress::StagePassed);

    say(Progress::StageStarted("sends binary back unchanged, from 0 B to 70 kB"));
    for size in SIZES {
        let bytes: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        socket.send(true, Opcode::Binary, &bytes).await;
        expect(&mut socket, &format!("sent a binary message of {size} B"), &Message::Binary(bytes)).await?;
    }
    say(Progress::StagePassed);

    say(Progress::StageStarted("answers a ping, also between the fragments of a message"));
    socket.send(true, Opcode::Ping, b"are you there").await;
    expect(&mut socket, "sent a ping", &Message::Pong(b"are you there".to_vec())).await?;
    socket.send(false, Opcode::Binary, b"one ").await;
    socket.send(true, Opcode::Ping, b"in between").await;
    socket.send(false, Opcode::Continuation, b"two ").await;
    socket.send(true, Opcode::Continuation, b"three").await;
    let what = "sent a binary message in three fragments, and a ping between them";
    expect(&mut socket, what, &Message::Pong(b"in between".to_vec())).await?;
    expect(&mut socket, what, &Message::Binary(b"one two three".to_vec())).await?;
    say(Progress::StagePassed);

    say(Progress::StageStarted("serves two clients at once"));
    let mut second = server.open().await?;
    second.send(true, Opcode::Text, b"Hello from the second").await;
    expect(&mut second, "a second client sent text while the first is open", &Message::Text(GREETING.to_owned()))
        .await?;
    socket.send(true, Opcode::Text, b"Hello again").await;
    expect(&mut socket, "the first client sent text again", &Message::Text(GREETING.to_owned())).await?;
    say(Progress::StagePassed);

    say(Progress::StageStarted("closes clients that violate the protocol, and still serves the others"));
    second.send(true, Opcode::Text, &[b'a', 0xff]).await;
    expect(&mut second, "sent text that is not UTF-8", &Message::Close(Some(NOT_UTF8))).await?;
    let mut third = server.open().await?;
    third.send_frame(&Frame { is_final: true, opcode: Opcode::Text, key: None, payload: b"Hi".to_vec() }).await;
    expect(&mut third, "sent a frame that is not masked", &Message::Close(Some(PROTOCOL_ERROR))).await?;
    socket.send(true, Opcode::Text, b"Still there?").await;
    expect(
        &mut socket,
        "another client violated the protocol, and the first sent text",
        &Message::Text(GREETING.to_owned()),
    )
    .await?;
    say(Progress::StagePassed);

    say(Progress::StageStarted("answers a close frame: 1000, \"Stop client\""));
    let close = [&NORMAL.to_be_bytes()[..], b"Stop client"].concat();
    socket.send(true, Opcode::Close, &close).await;
    expect(&mut socket, "sent close 1000 \"Stop client\"", &Message::Close(Some(NORMAL))).await?;
    server.still_runs()?;
    say(Progress::StagePassed);
    Ok(())
}
