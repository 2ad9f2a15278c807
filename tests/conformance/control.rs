//! Pings and pongs, reserved bits and opcodes, masks.

use crate::case::{Case, case};
use crate::frame::{BINARY, CLOSE, Frame, LengthForm, PING, PONG, TEXT, close, frame, part};

/// Pings of every length, and unsolicited pongs.
pub fn pings() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0, 1, 2, 64, 123, 124, 125] {
        let payload: Vec<u8> = (0..length).map(|at| 255 - at as u8).collect();
        let ping = case("5.5.2", format!("a ping of {length} bytes"), [frame(PING, payload.clone())]);
        cases.extend(ping.gets([frame(PONG, payload)]).whole_and_bytewise());
    }
    let ten: Vec<_> = (0..10).map(|at| frame(PING, format!("ping {at}"))).collect();
    let pongs: Vec<_> = (0..10).map(|at| frame(PONG, format!("ping {at}"))).collect();
    cases.extend(case("5.5.2", "ten pings in one write", ten).gets(pongs).whole_and_bytewise());
    for payload in ["", "unsolicited"] {
        let quiet = case("5.5.3", format!("an unsolicited pong {payload:?}"), [frame(PONG, payload)]);
        cases.extend(quiet.whole_and_bytewise());
    }
    let then = [frame(PONG, "unsolicited"), frame(PING, "asked"), frame(TEXT, "and a text")];
    let wanted = [frame(PONG, "asked"), frame(TEXT, "and a text")];
    cases.extend(case("5.5.3", "an unsolicited pong, a ping and a text", then).gets(wanted).whole_and_bytewise());
    cases
}

/// Control frames that are too long or fragmented.
pub fn wrong_control() -> Vec<Case> {
    let mut cases = Vec::new();
    for (opcode, kind) in [(CLOSE, "close"), (PING, "ping"), (PONG, "pong")] {
        // A close frame gets a valid code, so that only its length is wrong.
        let payload = |length: usize| [&1000_u16.to_be_bytes()[..], &vec![b'x'; length - 2]].concat();
        for length in [126, 127, 1000, 65_536] {
            let what = format!("a {kind} of {length} bytes");
            cases.push(case("5.5", what, [frame(opcode, payload(length))]).fails(1002));
        }
        let long_form = frame(opcode, payload(126)).form(LengthForm::Eight);
        cases.push(
            case("5.5", format!("a {kind} of 126 bytes with its length in eight bytes"), [long_form]).fails(1002),
        );
        let fragment = part(opcode, payload(2));
        cases.extend(case("5.5", format!("a fragmented {kind}"), [fragment.clone()]).fails(1002).whole_and_bytewise());
        let inside = [part(TEXT, "a"), fragment];
        cases.extend(
            case("5.5", format!("a fragmented {kind} inside of a text"), inside).fails(1002).whole_and_bytewise(),
        );
    }
    cases
}

/// Reserved bits, without an extension that defines them.
pub fn reserved_bits() -> Vec<Case> {
    let mut cases = Vec::new();
    let kinds = [(TEXT, "text"), (BINARY, "binary"), (CLOSE, "close"), (PING, "ping"), (PONG, "pong")];
    for (opcode, kind) in kinds {
        for reserved in 1..=7 {
            let payload = if opcode == CLOSE { 1000_u16.to_be_bytes().to_vec() } else { b"hello".to_vec() };
            let wrong = frame(opcode, payload).reserved(reserved);
            let what = format!("a {kind} with reserved bits {reserved:03b}");
            cases.extend(case("5.2", what, [wrong]).fails(1002).whole_and_bytewise());
        }
    }
    let hello = frame(TEXT, "hello");
    for reserved in 1..=7 {
        let frames = [hello.clone(), frame(TEXT, "wrong").reserved(reserved), frame(PING, "never answered")];
        let what = format!("a text in order, one with reserved bits {reserved:03b}, and a ping");
        cases.push(case("5.2", what, frames).gets([hello.clone()]).fails(1002));
    }
    cases
}

/// Reserved opcodes.
pub fn reserved_opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    let hello = frame(TEXT, "hello");
    for opcode in (3..=7).chain(11..=15) {
        let wrong = |payload: &str| frame(opcode, payload);
        let empty = case("5.2", format!("opcode {opcode}, empty"), [wrong("")]).fails(1002);
        cases.extend(empty.whole_and_bytewise());
        cases.extend(
            case("5.2", format!("opcode {opcode} with a payload"), [wrong("x")]).fails(1002).whole_and_bytewise(),
        );
        let after = [hello.clone(), wrong("x"), frame(PING, "never answered")];
        let what = format!("opcode {opcode} between a text and a ping");
        cases.extend(case("5.2", what, after).gets([hello.clone()]).fails(1002).whole_and_bytewise());
        let inside = [part(TEXT, "a"), wrong("x")];
        cases.push(case("5.2", format!("opcode {opcode} inside of a text"), inside).fails(1002));
        cases.push(case("5.2", format!("opcode {opcode} as a fragment"), [part(opcode, "x")]).fails(1002));
    }
    cases
}

/// "A server MUST close a connection upon receiving a frame that is not masked."
pub fn no_mask() -> Vec<Case> {
    let bare: [(Frame, &str); 7] = [
        (frame(TEXT, "hello"), "a text"),
        (frame(TEXT, ""), "an empty text"),
        (frame(BINARY, [0; 60_000]), "a large binary"),
        (part(TEXT, "hel"), "a fragment"),
        (frame(PING, "hello"), "a ping"),
        (frame(PONG, "hello"), "a pong"),
        (close(1000, ""), "a close"),
    ];
    let mut cases = Vec::new();
    for (wrong, what) in bare {
        let wrong = wrong.key(None);
        cases.push(case("5.1", format!("{what} without a mask"), [wrong.clone()]).fails(1002));
        let hello = frame(TEXT, "hello");
        let after = case("5.1", format!("{what} without a mask after one with"), [hello.clone(), wrong]);
        cases.push(after.gets([hello]).fails(1002));
    }
    cases
}
