//! `chat`: each message goes to all clients, once and in order.

use std::ffi::OsString;

use super::student_server::{StudentServer, expect};
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::frames::Opcode;
use crate::learn::messages::quote;
use crate::learn::session::Progress;
use crate::learn::socket::{Message, Socket};

/// The number of clients.
const CLIENTS: usize = 10;
/// Messages of each client.
const MESSAGES: usize = 10;
/// RFC 6455 section 7.4.1.
const NOT_UTF8: u16 = 1007;

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    say(Progress::StageStarted("listens, and answers the opening handshakes of ten clients"));
    let mut server = StudentServer::start(command).await?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(server.open_and_ping().await?);
    }
    say(Progress::StagePassed);

    say(Progress::StageStarted("sends a message to all, including its sender"));
    let hello = r#"{"from":3,"n":0,"says":"地震 é"}"#;
    clients[3].send(true, Opcode::Text, hello.as_bytes()).await;
    for (index, client) in clients.iter_mut().enumerate() {
        let who = if index == 3 { "its sender".to_owned() } else { format!("client {index}") };
        let what = format!("client 3 sent {}, and {who} waits for it", quote(hello));
        expect(client, &what, &Message::Text(hello.to_owned())).await?;
    }
    let mut next_number = 1;
    say(Progress::StagePassed);

    say(Progress::StageStarted("sends each message to each client once, and those of one sender in order"));
    everybody_talks(&mut clients, &mut next_number, MESSAGES).await?;
    say(Progress::StagePassed);

    say(Progress::StageStarted(
        "closes a client whose text is not UTF-8 with 1007, and the others do not get that text",
    ));
    let mut bad = clients.remove(0);
    bad.send(true, Opcode::Text, &[0xc3, 0x28]).await;
    expect(&mut bad, "sent text that is not UTF-8", &Message::Close(Some(NOT_UTF8))).await?;
    everybody_talks(&mut clients, &mut next_number, 1).await?;
    say(Progress::StagePassed);

    say(Progress::StageStarted("goes on when clients disappear without a close frame"));
    clients.remove(0).reset();
    clients.remove(0).reset();
    drop(bad);
    everybody_talks(&mut clients, &mut next_number, 3).await?;
    server.still_runs()?;
    say(Progress::StagePassed);

    say(Progress::StageStarted("sends a new client what is sent from then on"));
    clients.push(server.open_and_ping().await?);
    everybody_talks(&mut clients, &mut next_number, 1).await?;
    say(Progress::StagePassed);
    Ok(())
}

/// Each client sends, and each must get all messages. Message numbers continue from call to call.
async fn everybody_talks(clients: &mut [Socket], next_number: &mut usize, messages: usize) -> Result<(), Stop> {
    let first = *next_number;
    *next_number += messages;
    for number in first..*next_number {
        for (sender, client) in clients.iter_mut().enumerate() {
            client.send(true, Opcode::Text, format!("{{\"from\":{sender},\"n\":{number}}}").as_bytes()).await;
        }
    }
    let count = clients.len();
    for (index, client) in clients.iter_mut().enumerate() {
        let mut next = vec![first; count];
        for so_far in 0..messages * count {
            let what = format!("client {index} has got {so_far} of {} messages", messages * count);
            let message = client.next(&what).await?;
            let Message::Text(text) = &message else {
                let sentence =
                    format!("{what}: {} came; what is sent as text must come as text (ws: `isBinary`)", message.name());
                return fail(Code::WrongAnswer, sentence);
            };
            let heard: Option<(usize, usize)> =
                serde_json::from_str::<serde_json::Value>(text).ok().and_then(|heard| {
                    let member = |name: &str| usize::try_from(heard.get(name)?.as_u64()?).ok();
                    Some((member("from")?, member("n")?))
                });
            match heard {
                Some((from, number)) if from < count && number == next[from] => next[from] += 1,
                Some((from, number)) if number < first || (from < count && number < next[from]) => {
                    return fail(Code::Twice, format!("client {index} got message {number} of client {from} twice"));
                }
                Some((from, number)) if from < count => {
                    let sentence =
                        format!("client {index} got message {number} of client {from} before message {}", next[from]);
                    return fail(Code::OutOfOrder, sentence);
                }
                Some(_) | None => {
                    return fail(Code::WrongAnswer, format!("{what}: {} came, which no client sent", quote(text)));
                }
            }
        }
    }
    Ok(())
}
