//! Messages of every length class, in one frame and in fragments, written whole and in pieces.

use crate::case::{Case, case};
use crate::frame::{BINARY, CONTINUATION, Frame, LengthForm, PING, PONG, TEXT, frame, part};

/// A text of `length` bytes, not all the same.
pub fn text(length: usize) -> Vec<u8> {
    (b' '..=b'~').collect::<Vec<_>>().repeat(length / 95 + 1)[..length].to_vec()
}

/// `length` bytes that repeat all values from 0 to 255.
fn binary(length: usize) -> Vec<u8> {
    (0..=255).collect::<Vec<u8>>().repeat(length / 256 + 1)[..length].to_vec()
}

fn payload(opcode: u8, length: usize) -> Vec<u8> {
    if opcode == TEXT { text(length) } else { binary(length) }
}

const KINDS: [(u8, &str); 2] = [(TEXT, "text"), (BINARY, "binary")];

/// `payload` cut into frames of `size`.
fn cut(opcode: u8, payload: &[u8], size: usize) -> Vec<Frame> {
    let count = payload.len().div_ceil(size);
    let opcode_of = |at| if at == 0 { opcode } else { CONTINUATION };
    let fragment = |(at, bytes): (usize, &[u8])| Frame { is_final: at + 1 == count, ..part(opcode_of(at), bytes) };
    payload.chunks(size).enumerate().map(fragment).collect()
}

/// Messages of every length class, with several masks, written whole and in pieces.
pub fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (opcode, kind) in KINDS {
        for length in [0, 1, 2, 124, 125, 126, 127, 128, 1000, 65_534, 65_535, 65_536, 65_537] {
            let message = frame(opcode, payload(opcode, length));
            let echo = case("5.2", format!("{kind} of {length} bytes"), [message.clone()]).gets([message]);
            if length <= 1000 {
                cases.push(echo.clone().in_pieces_of(1));
            } else {
                cases.push(echo.clone().in_pieces_of(997));
                cases.push(echo.clone().in_pieces_of(4096));
            }
            cases.push(echo);
        }
        for key in [[0; 4], [0xff; 4], [1, 0, 0, 0]] {
            let message = frame(opcode, payload(opcode, 130));
            let sent = message.clone().key(Some(key));
            cases.push(case("5.3", format!("{kind} masked with {key:?}"), [sent]).gets([message]));
        }
        for count in [2, 100, 1000] {
            let messages: Vec<_> = (0..count).map(|at| frame(opcode, payload(opcode, at % 200))).collect();
            let together = case("5.4", format!("{count} {kind} messages in one write"), &messages);
            cases.push(together.gets(&messages));
        }
    }
    cases
}

/// Lengths that violate section 5.2.
pub fn wrong_lengths() -> Vec<Case> {
    let long = frame(BINARY, "").form(LengthForm::Claims(1 << 63));
    let longest = frame(TEXT, "").form(LengthForm::Claims(u64::MAX));
    vec![
        case("5.2", "a length with the highest bit set", [long]).fails(1009),
        case("5.2", "a length of all ones", [longest]).fails(1009),
    ]
}

/// Lengths in a longer form than needed. Section 5.2 forbids them to the sender without saying what the receiver does;
/// the server accepts them.
pub fn longer_length_forms() -> Vec<Case> {
    let hello = frame(TEXT, "hello");
    vec![
        case("5.2", "a short length in two bytes", [hello.clone().form(LengthForm::Two)]).gets([hello.clone()]),
        case("5.2", "a short length in eight bytes", [hello.clone().form(LengthForm::Eight)]).gets([hello]),
    ]
}

/// Fragments in order: of every size, empty ones among them, with control frames between.
pub fn fragments() -> Vec<Case> {
    let mut cases = Vec::new();
    for (opcode, kind) in KINDS {
        for size in [1, 2, 50, 125, 126, 999] {
            let whole = payload(opcode, 1000);
            let what = format!("{kind} of 1000 bytes in fragments of {size}");
            let parts = cut(opcode, &whole, size);
            cases.extend(case("5.4", what, &parts).gets([frame(opcode, whole)]).whole_and_bytewise());
        }
        let whole = payload(opcode, 65_536);
        let parts = cut(opcode, &whole, 1300);
        let what = format!("{kind} of 65536 bytes in fragments of 1300");
        cases.push(case("5.4", what.clone(), &parts).gets([frame(opcode, whole.clone())]));
        cases.push(case("5.4", what, &parts).gets([frame(opcode, whole)]).in_pieces_of(97));

        let empty = |is_final| Frame { is_final, ..frame(CONTINUATION, "") };
        let echo = |what: &str, frames: &[Frame], whole: &str| {
            case("5.4", format!("{kind}: {what}"), frames).gets([frame(opcode, whole)]).whole_and_bytewise()
        };
        cases.extend(echo("three empty fragments", &[part(opcode, ""), empty(false), empty(true)], ""));
        let middle = [part(opcode, ""), part(CONTINUATION, "middle"), empty(true)];
        cases.extend(echo("an empty first and last fragment", &middle, "middle"));
        cases.extend(echo("an empty last fragment", &[part(opcode, "first"), empty(true)], "first"));
        let many: Vec<_> = std::iter::once(part(opcode, "a"))
            .chain((0..500).map(|_| empty(false)))
            .chain([frame(CONTINUATION, "z")])
            .collect();
        cases.extend(echo("500 empty fragments in the middle", &many, "az"));

        let ping = |word: &str| frame(PING, word);
        let pong = |word: &str| frame(PONG, word);
        let between = [part(opcode, "one"), ping("1"), frame(CONTINUATION, "two")];
        let wanted = [pong("1"), frame(opcode, "onetwo")];
        let what = format!("{kind}: a ping between two fragments");
        cases.extend(case("5.4", what, between).gets(&wanted).whole_and_bytewise());
        let five = [
            part(opcode, "1"),
            part(CONTINUATION, "2"),
            ping("a"),
            part(CONTINUATION, "3"),
            part(CONTINUATION, "4"),
            ping("b"),
            pong("unsolicited"),
            frame(CONTINUATION, "5"),
        ];
        let what = format!("{kind}: two pings and a pong among five fragments");
        let wanted = [pong("a"), pong("b"), frame(opcode, "12345")];
        cases.extend(case("5.4", what, five).gets(wanted).whole_and_bytewise());
    }
    let mixed = [part(TEXT, "a"), frame(CONTINUATION, "b"), part(BINARY, [0]), frame(CONTINUATION, [255])];
    let wanted = [frame(TEXT, "ab"), frame(BINARY, [0, 255])];
    cases
        .extend(case("5.4", "a fragmented text and then a fragmented binary", mixed).gets(wanted).whole_and_bytewise());
    cases
}

/// Fragments out of order.
pub fn wrong_fragments() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut wrong = |what: &str, frames: &[Frame], before: &[Frame]| {
        cases.extend(case("5.4", what, frames).gets(before).fails(1002).whole_and_bytewise());
    };
    let hello = frame(TEXT, "hello");
    for (is_final, kind) in [(true, "final"), (false, "unfinished")] {
        let stray = |payload: &str| Frame { is_final, ..frame(CONTINUATION, payload) };
        wrong(&format!("a {kind} continuation of nothing"), &[stray("x"), hello.clone()], &[]);
        wrong(&format!("an empty {kind} continuation of nothing"), &[stray("")], &[]);
        let after = [hello.clone(), stray("x"), hello.clone()];
        wrong(&format!("a {kind} continuation after a whole message"), &after, std::slice::from_ref(&hello));
        let done = [part(TEXT, "hel"), frame(CONTINUATION, "lo"), stray("x")];
        wrong(&format!("a {kind} continuation after the last one"), &done, std::slice::from_ref(&hello));
    }
    for (first, second) in [(TEXT, TEXT), (TEXT, BINARY), (BINARY, TEXT), (BINARY, BINARY)] {
        let what = format!("opcode {second} inside of a fragmented message of opcode {first}");
        wrong(&what, &[part(first, "a"), frame(second, "b")], &[]);
        wrong(&format!("{what}, itself a fragment"), &[part(first, "a"), part(second, "b")], &[]);
    }
    cases
}

/// Messages up to, at and over the limit.
pub fn large(limit: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (opcode, kind) in KINDS {
        for length in [limit / 16, limit / 4, limit - 1, limit] {
            let whole = frame(opcode, payload(opcode, length));
            cases.push(case("10.4", format!("{kind} of {length} bytes"), [whole.clone()]).gets([whole]));
        }
        for size in [limit / 64, limit / 4] {
            let whole = payload(opcode, limit);
            let what = format!("{kind} of {limit} bytes in fragments of {size}");
            cases.push(case("10.4", what, cut(opcode, &whole, size)).gets([frame(opcode, whole)]));
        }
        let over = frame(opcode, payload(opcode, limit + 1));
        cases.push(case("10.4", format!("{kind} of {} bytes", limit + 1), [over.clone()]).fails(1009));
        cases.push(case("10.4", "and the same", [over]).fails(1009).in_pieces_of(limit / 16));
        let twice = frame(opcode, payload(opcode, limit * 2));
        cases.push(case("10.4", format!("{kind} of {} bytes", limit * 2), [twice]).fails(1009));
        for size in [limit / 8, limit] {
            let parts = cut(opcode, &payload(opcode, limit + limit / 2), size);
            let what = format!("{kind} too large by half in fragments of {size}");
            cases.push(case("10.4", what, parts).fails(1009));
        }
        let promised = frame(opcode, "").form(LengthForm::Claims(limit as u64 + 1));
        cases.push(case("10.4", format!("{kind} whose length field is too large"), [promised]).fails(1009));
    }
    cases
}
