//! Compares the incremental parser of event streams with a reference parser of the whole stream, written line by line
//! after WHATWG HTML, "Parsing an event stream" and "Interpreting an event stream".

use proptest::collection::vec;
use proptest::prelude::*;
use pushpull::transport::sse::Parser;

/// A block: event, data, id, retry in milliseconds.
type Block = (String, String, Option<String>, Option<u64>);

fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Block> {
    let mut parser = Parser::default();
    let mut blocks = Vec::new();
    for chunk in chunks {
        let keep = |block: pushpull::transport::sse::Block<'_>| {
            let retry_ms = block.retry.map(|retry| retry.0 / 1_000_000);
            blocks.push((block.event.to_owned(), block.data.to_owned(), block.id.map(str::to_owned), retry_ms));
            Ok(())
        };
        parser.push(chunk, keep).unwrap();
    }
    blocks
}

/// The lines of a complete stream; a last line without an end is left out.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['\r', '\n']) {
        lines.push(&rest[..end]);
        rest = &rest[end..];
        rest = rest.strip_prefix("\r\n").unwrap_or_else(|| &rest[1..]);
    }
    lines
}

fn reference(stream: &[u8]) -> Vec<Block> {
    // "Streams must be decoded using the UTF-8 decode algorithm", which skips one byte order mark.
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut blocks = Vec::new();
    let (mut event, mut data, mut id, mut retry) = (String::new(), String::new(), None, None);
    for line in lines(text) {
        if line.is_empty() {
            // Unlike the standard, the parser also yields blocks with an id or a retry and no data: the client needs
            // both.
            if !data.is_empty() || id.is_some() || retry.is_some() {
                data.pop();
                blocks.push((event.clone(), data.clone(), id.take(), retry.take()));
            }
            event.clear();
            data.clear();
            continue;
        }
        let (field, value) = match line.find(':') {
            Some(0) => continue,
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, ""),
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event = value.to_owned(),
            "data" => data += &format!("{value}\n"),
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.chars().all(|digit| digit.is_ascii_digit()) => {
                retry = value.parse().ok();
            }
            _ => {}
        }
    }
    blocks
}

/// Pieces of streams: fields, line ends, characters of every encoded length, invalid bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"data",
        b"id",
        b"event",
        b"retry",
        b":",
        b": ",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"\r\r",
        b"data: x\n",
        b"id: 7\n",
        b"event: gap\n",
        b"retry: 15\n",
        b"retry: 1x\n",
        b"data\n",
        b"unknown: y\n",
        b": comment\n",
        "\u{feff}".as_bytes(),
        "é".as_bytes(),
        "震".as_bytes(),
        "\u{1F30B}".as_bytes(),
        b"\0",
        b"0",
        b"9",
        b"\xff",
        b"\xe2\x82",
        b"\xf0\x9f",
        b"\x80",
    ];
    proptest::sample::select(pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>())
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(crate::cases(3_000))]

    #[test]
    fn a_stream_split_anywhere_is_parsed_like_the_whole(stream in stream(), cuts in vec(any::<usize>(), 0..8)) {
        let wanted = reference(&stream);
        prop_assert_eq!(&parse([&stream[..]]), &wanted);
        prop_assert_eq!(&parse(stream.chunks(1)), &wanted, "byte by byte");
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(&parse(chunks), &wanted, "cut at {:?}", cuts);
    }

    #[test]
    fn any_bytes_are_parsed_as_the_standard_says(stream: Vec<u8>, length in 1..20_usize) {
        prop_assert_eq!(parse(stream.chunks(length)), reference(&stream));
    }
}

#[test]
fn a_stream_of_every_kind_of_block_is_parsed_alike_when_split_at_any_two_places() {
    let stream =
        "\u{feff}retry: 5\r\nid: 1\r\n\r\n: c\r\rdata: é\u{1F30B}\r\ndata: b\r\revent: gap\nid: 2\ndata: c\n\n";
    let wanted = reference(stream.as_bytes());
    assert_eq!(wanted.len(), 3);
    let stream = stream.as_bytes();
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
            assert_eq!(parse(chunks), wanted, "{first} {second}");
        }
    }
}
