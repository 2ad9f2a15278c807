//! The closing handshake: codes, reasons, and frames after a close frame.

use crate::case::{Case, case};
use crate::frame::{CLOSE, CONTINUATION, Frame, PING, TEXT, close, frame, part};
use crate::messages::text;

/// Codes that a close frame may have: those of section 7.4.1 and of IANA's registry that an endpoint may send, and both
/// ends of the ranges that section 7.4.2 leaves to libraries and applications.
const VALID: [u16; 17] =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3001, 3999, 4000, 4001, 4999];

/// Codes that a close frame must not have, or that have no assigned meaning.
const INVALID: [u16; 18] =
    [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2500, 2999, 5000, 5001, 9999, 32_768, 65_535];

/// Close frames that are answered with the same code.
pub fn good() -> Vec<Case> {
    let mut cases = Vec::new();
    let none = case("5.5.1", "a close without a code", [frame(CLOSE, "")]).closes(None);
    cases.extend(none.whole_and_bytewise());
    for code in VALID {
        let bare = case("7.4", format!("close {code}"), [close(code, "")]).closes(Some(code));
        cases.extend(bare.whole_and_bytewise());
        cases.push(
            case("7.4", format!("close {code} with a reason"), [close(code, "bye, \u{1F30B}")]).closes(Some(code)),
        );
    }
    for length in [1, 122, 123] {
        let what = format!("a reason of {length} bytes");
        cases.extend(case("5.5.1", what, [close(1000, text(length))]).closes(Some(1000)).whole_and_bytewise());
    }
    cases
}

/// Invalid close frames.
pub fn bad() -> Vec<Case> {
    let mut cases = Vec::new();
    for code in INVALID {
        let wrong = case("7.4", format!("close {code}"), [close(code, "")]).fails(1002);
        cases.extend(wrong.whole_and_bytewise());
        cases.push(case("7.4", format!("close {code} with a reason"), [close(code, "bye")]).fails(1002));
    }
    let one_byte = case("5.5.1", "a close with half a code", [frame(CLOSE, [3])]).fails(1002);
    cases.extend(one_byte.whole_and_bytewise());
    for length in [124, 125, 1000] {
        cases.push(case("5.5", format!("a reason of {length} bytes"), [close(1000, text(length))]).fails(1002));
    }
    for (reason, what) in [
        (&b"\xff"[..], "a byte that never occurs"),
        (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", "a surrogate"),
        (b"cut \xe2\x82", "a character that is cut off"),
        (b"\xc0\x80", "an overlong zero"),
    ] {
        let wrong = case("8.1", format!("a reason that is not UTF-8: {what}"), [close(1000, reason)]).fails(1007);
        cases.extend(wrong.whole_and_bytewise());
    }
    cases
}

/// "After receiving a Close frame … discards any further data received" (sections 5.5.1 and 1.4).
pub fn after_a_close() -> Vec<Case> {
    let first = close(1000, "bye");
    let later: [(&str, Vec<Frame>); 5] = [
        ("a second close", vec![close(1001, "")]),
        ("a ping", vec![frame(PING, "x")]),
        ("a text", vec![frame(TEXT, "x")]),
        ("an invalid frame", vec![frame(TEXT, "x").reserved(7)]),
        ("much text", vec![frame(TEXT, text(200_000)); 4]),
    ];
    let mut cases = Vec::new();
    for (what, frames) in later {
        let frames = [vec![first.clone()], frames].concat();
        cases.push(case("5.5.1", format!("{what} after a close"), frames).closes(Some(1000)));
    }
    let hello = frame(TEXT, "hello");
    let after = case("1.4", "a text and a close in one write", [hello.clone(), first.clone()]);
    cases.extend(after.gets([hello]).closes(Some(1000)).whole_and_bytewise());
    let large = frame(TEXT, text(256 << 10));
    let after = case("1.4", "a text of 256 KiB and a close in one write", [large.clone(), first.clone()]);
    cases.push(after.gets([large]).closes(Some(1000)));
    let inside = [part(TEXT, "a"), first, frame(CONTINUATION, "b")];
    cases.extend(case("5.4", "a close inside of a fragmented text", inside).closes(Some(1000)).whole_and_bytewise());
    cases
}

/// Where the server deviates: docs/CONFORMANCE.md says why.
pub fn deviations() -> Vec<Case> {
    vec![case("7.4", "close 1014, of IANA's registry", [close(1014, "")]).fails(1002)]
}
