//! Text must be UTF-8 (RFC 3629), wherever it is split into frames and segments; otherwise the server closes with 1007.

use crate::case::{Case, case};
use crate::frame::{BINARY, CONTINUATION, Frame, PING, PONG, TEXT, frame, part};

/// The first and last character of each encoded length, both sides of the surrogates, non-characters (which are valid
/// in UTF-8), and words in several scripts.
const VALID: [(&str, &str); 20] = [
    ("\0", "U+0000"),
    ("\x7f", "U+007F"),
    ("\u{80}", "U+0080"),
    ("\u{7ff}", "U+07FF"),
    ("\u{800}", "U+0800"),
    ("\u{d7ff}", "U+D7FF"),
    ("\u{e000}", "U+E000"),
    ("\u{fffd}", "U+FFFD"),
    ("\u{fffe}", "U+FFFE"),
    ("\u{ffff}", "U+FFFF"),
    ("\u{feff}a", "a byte order mark"),
    ("\u{10000}", "U+10000"),
    ("\u{1fffe}", "U+1FFFE"),
    ("\u{10fffe}", "U+10FFFE"),
    ("\u{10ffff}", "U+10FFFF"),
    ("κόσμε", "Greek"),
    ("Hello-µ@ßöäüàá-UTF-8!!", "Latin"),
    ("地震データ", "Japanese"),
    ("a\u{301}\u{325}", "combining marks"),
    ("\u{1F30B}\u{1F468}\u{200D}\u{1F469}", "pictures"),
];

/// Sequences that are not UTF-8.
const INVALID: [(&[u8], &str); 36] = [
    (b"\x80", "a lone continuation byte"),
    (b"\xbf", "the last continuation byte alone"),
    (b"\x80\xbf\x80\xbf\x80\xbf", "six continuation bytes"),
    (b"\xc0 \xc1 \xdf ", "first bytes of two, each before a blank"),
    (b"\xe0 \xef ", "first bytes of three, each before a blank"),
    (b"\xf0 \xf4 ", "first bytes of four, each before a blank"),
    (b"\xc2", "two bytes without the last"),
    (b"\xe0\xa0", "three bytes without the last"),
    (b"\xef\xbf", "the last of three bytes without its last"),
    (b"\xf0\x90\x80", "four bytes without the last"),
    (b"\xf4\x8f\xbf", "the last of four bytes without its last"),
    (b"\xf0\x90", "half of four bytes"),
    (b"\xf0", "a quarter of four bytes"),
    (b"\xfe", "FE"),
    (b"\xff", "FF"),
    (b"\xfe\xfe\xff\xff", "FE FE FF FF"),
    (b"\xc0\xaf", "a slash in two bytes"),
    (b"\xe0\x80\xaf", "a slash in three bytes"),
    (b"\xf0\x80\x80\xaf", "a slash in four bytes"),
    (b"\xf8\x80\x80\x80\xaf", "a slash in five bytes"),
    (b"\xfc\x80\x80\x80\x80\xaf", "a slash in six bytes"),
    (b"\xc1\xbf", "U+007F in two bytes"),
    (b"\xe0\x9f\xbf", "U+07FF in three bytes"),
    (b"\xf0\x8f\xbf\xbf", "U+FFFF in four bytes"),
    (b"\xc0\x80", "U+0000 in two bytes"),
    (b"\xed\xa0\x80", "the first high surrogate"),
    (b"\xed\xaf\xbf", "the last high surrogate"),
    (b"\xed\xb0\x80", "the first low surrogate"),
    (b"\xed\xbf\xbf", "the last low surrogate"),
    (b"\xed\xa0\x80\xed\xb0\x80", "a pair of surrogates"),
    (b"\xf4\x90\x80\x80", "U+110000"),
    (b"\xf7\xbf\xbf\xbf", "U+1FFFFF"),
    (b"\xf8\x88\x80\x80\x80", "five bytes"),
    (b"\xfb\xbf\xbf\xbf\xbf", "the last of five bytes"),
    (b"\xfc\x84\x80\x80\x80\x80", "six bytes"),
    (b"\xfd\xbf\xbf\xbf\xbf\xbf", "the last of six bytes"),
];

/// A fragment for each byte.
fn bytewise(payload: &[u8]) -> Vec<Frame> {
    cut_at(payload, &(1..payload.len()).collect::<Vec<_>>())
}

/// Fragments with cuts at these places.
fn cut_at(payload: &[u8], cuts: &[usize]) -> Vec<Frame> {
    let mut starts = vec![0];
    starts.extend(cuts);
    let ends = cuts.iter().copied().chain([payload.len()]);
    let fragment = |(index, (from, to)): (usize, (usize, usize))| Frame {
        is_final: to == payload.len(),
        ..part(if index == 0 { TEXT } else { CONTINUATION }, &payload[from..to])
    };
    starts.iter().copied().zip(ends).enumerate().map(fragment).collect()
}

/// Text that comes back unchanged, cut at every place.
pub fn valid() -> Vec<Case> {
    let mut cases = Vec::new();
    for (text, what) in VALID {
        let echo = |what: String, frames: &[Frame]| case("8.1", what, frames).gets([frame(TEXT, text)]);
        cases.extend(echo(what.to_owned(), &[frame(TEXT, text)]).whole_and_bytewise());
        cases.push(echo(format!("{what}, a fragment for each byte"), &bytewise(text.as_bytes())));
        for at in 1..text.len() {
            let frames = cut_at(text.as_bytes(), &[at]);
            cases.push(echo(format!("{what}, split into fragments after byte {at}"), &frames));
            let [first, last] = &frames[..] else { continue };
            let with_ping = [first.clone(), frame(PING, "in the middle"), last.clone()];
            let wanted = [frame(PONG, "in the middle"), frame(TEXT, text)];
            let what = format!("{what}, with a ping after byte {at}");
            cases.push(case("8.1", what, with_ping).gets(wanted));
        }
    }
    let all: String = VALID.iter().map(|(text, _)| *text).collect();
    let frames = bytewise(all.as_bytes());
    cases.push(case("8.1", "all of them, a fragment for each byte", frames).gets([frame(TEXT, all.clone())]));
    cases
}

/// Invalid text, cut at every place.
pub fn invalid() -> Vec<Case> {
    let mut cases = Vec::new();
    for (bytes, what) in INVALID {
        cases.extend(case("8.1", what, [frame(TEXT, bytes)]).fails(1007).whole_and_bytewise());
        let within = [&b"before "[..], bytes, b" after"].concat();
        cases.push(case("8.1", format!("{what}, within a text"), [frame(TEXT, within.clone())]).fails(1007));
        for at in 1..bytes.len() {
            let frames = cut_at(bytes, &[at]);
            cases.push(case("8.1", format!("{what}, split into fragments after byte {at}"), frames).fails(1007));
        }
        cases.push(
            case("8.1", format!("{what}, within a text, a fragment for each byte"), bytewise(&within)).fails(1007),
        );
        let binary = case("5.6", format!("{what}, but binary"), [frame(BINARY, bytes)]);
        cases.push(binary.gets([frame(BINARY, bytes)]));
    }
    let halves = [frame(TEXT, b"\xf0\x9f"), frame(TEXT, b"\x8c\x8b")];
    cases.push(case("8.1", "a character cut between two messages", halves).fails(1007));
    cases
}

/// Invalid text that must fail the connection as soon as the invalid fragment has arrived, before the last fragment.
pub fn fails_fast() -> Vec<Case> {
    let mut cases = Vec::new();
    for (bytes, what) in INVALID {
        // A truncated character could continue in the next fragment; the blank after it makes it invalid.
        let unfinished = [part(TEXT, "valid "), part(CONTINUATION, [bytes, b" "].concat())];
        cases.push(case("8.1", format!("{what}, in a fragment that is not the last"), unfinished).fails(1007));
    }
    cases
}
