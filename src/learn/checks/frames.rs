//! `frames`: the bytes that a message costs besides its payload.

use std::ffi::OsString;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::learn::fault::{Code, Stop, fail};
use crate::learn::frames::{Frame, Opcode, header};
use crate::learn::messages::quote;
use crate::learn::questions::{Questions, hex};
use crate::learn::session::Progress;

/// Lengths at which the encoding changes, and around them.
const LENGTHS: [usize; 12] = [0, 1, 5, 124, 125, 126, 127, 255, 256, 65_535, 65_536, 1_000_000];
/// The number of random questions.
const RANDOM: usize = 200;

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let mut questions = Questions::start(command)?;
    let mut random = ChaCha8Rng::seed_from_u64(4);
    say(Progress::StageStarted("writes the headers of frames, of every length"));
    for length in LENGTHS {
        for masked in [false, true] {
            ask_header(&mut questions, length, masked).await?;
        }
    }
    say(Progress::StagePassed);
    say(Progress::StageStarted("writes the size line of a chunk"));
    for length in [1, 9, 10, 15, 16, 26, 255, 256, 4096, 1_000_000] {
        ask_chunk(&mut questions, length).await?;
    }
    say(Progress::StagePassed);
    say(Progress::StageStarted("reads the examples of RFC 6455, section 5.7"));
    for bytes in examples() {
        ask_frame(&mut questions, &bytes).await?;
    }
    say(Progress::StagePassed);
    say(Progress::StageStarted("splits whole answers into head, framing and payload"));
    for chunks in [&["Hello"][..], &["{\"seq\":1}", "é🌋"], &["a chunk of more than fifteen bytes", "b", "c"]] {
        ask_split(&mut questions, chunks).await?;
    }
    say(Progress::StagePassed);
    say(Progress::StageStarted("answers 200 random questions"));
    for _ in 0..RANDOM {
        let length = (random.random_range(0.0..11.0_f64)).exp() as usize;
        match random.random_range(0..3) {
            0 => ask_header(&mut questions, length, random.random()).await?,
            1 => ask_chunk(&mut questions, length + 1).await?,
            _ => ask_frame(&mut questions, &random_frame(&mut random, length % 2000).bytes()).await?,
        }
    }
    say(Progress::StagePassed);
    Ok(())
}

/// The frames of RFC 6455 section 5.7.
fn examples() -> Vec<Vec<u8>> {
    let frame =
        |is_final, opcode, key, payload: &[u8]| Frame { is_final, opcode, key, payload: payload.to_vec() }.bytes();
    let key = Some([0x37, 0xfa, 0x21, 0x3d]);
    vec![
        frame(true, Opcode::Text, None, b"Hello"),
        frame(true, Opcode::Text, key, b"Hello"),
        frame(false, Opcode::Text, None, b"Hel"),
        frame(true, Opcode::Continuation, None, b"lo"),
        frame(true, Opcode::Ping, None, b"Hello"),
        frame(true, Opcode::Pong, key, b"Hello"),
        frame(true, Opcode::Binary, None, &[7; 256]),
        frame(true, Opcode::Binary, None, &[7; 65_536]),
    ]
}

fn random_frame(random: &mut ChaCha8Rng, length: usize) -> Frame {
    let opcodes = [Opcode::Text, Opcode::Binary, Opcode::Continuation];
    let opcode = opcodes[random.random_range(0..opcodes.len())];
    let key = random.random::<bool>().then(|| random.random());
    Frame {
        is_final: random.random(),
        opcode,
        key,
        payload: (0..length).map(|_| random.random_range(32..127)).collect(),
    }
}

async fn ask_header(questions: &mut Questions, length: usize, masked: bool) -> Result<(), Stop> {
    let right = json!({"hex": hex(&header(true, Opcode::Text, masked, length))});
    let question = json!({"ask": "frame_header", "length": length, "masked": masked});
    let why = match length {
        0..126 => "up to 125, the length is in the second byte itself, below the mask bit",
        126..65_536 => {
            "from 126 to 65535, the second byte has 126, and the length follows in two bytes, the most significant first"
        }
        _ => {
            "from 65536 on, the second byte has 127, and the length follows in eight bytes, the most significant first"
        }
    };
    compare(questions, &question, &right, why).await
}

async fn ask_chunk(questions: &mut Questions, length: usize) -> Result<(), Stop> {
    let right = json!({"hex": hex(format!("{length:x}\r\n").as_bytes())});
    let question = json!({"ask": "chunk", "length": length});
    compare(questions, &question, &right, "a chunk begins with its size in lower-case hexadecimal digits, and CR LF")
        .await
}

async fn ask_frame(questions: &mut Questions, bytes: &[u8]) -> Result<(), Stop> {
    let Some(frame) = Frame::take(&mut bytes.to_vec()) else { return Ok(()) };
    let right = json!({
        "final": frame.is_final, "opcode": frame.opcode.bits(), "masked": frame.key.is_some(), "length": frame.payload.len(),
        "payload": hex(&frame.payload),
    });
    let question = json!({"ask": "frame", "hex": hex(bytes)});
    compare(questions, &question, &right, "see RFC 6455, section 5.2; give the payload without its mask").await
}

async fn ask_split(questions: &mut Questions, chunks: &[&str]) -> Result<(), Stop> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let body: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
    let payload: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    let bytes = format!("{head}{body}0\r\n\r\n");
    let right = json!({"head": head.len(), "framing": bytes.len() - head.len() - payload, "payload": payload});
    let question = json!({"ask": "split", "hex": hex(bytes.as_bytes())});
    compare(
        questions,
        &question,
        &right,
        "framing is each size line, the CR LF after each chunk, and the last chunk of size 0",
    )
    .await
}

async fn compare(questions: &mut Questions, question: &Value, right: &Value, why: &str) -> Result<(), Stop> {
    let answer = questions.ask(question).await?;
    if answer == *right {
        return Ok(());
    }
    let (asked, answer, right) = (question.to_string(), answer.to_string(), right.to_string());
    let sentence = format!(
        "to {} your program answered {}; the right answer is {}: {why}",
        quote(&asked),
        quote(&answer),
        quote(&right)
    );
    fail(Code::WrongAnswer, sentence)
}
