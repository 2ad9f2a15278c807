//! The parser of event streams: it accepts any bytes, and yields the same blocks wherever its input is split.
//!
//! The first byte is the length of the chunks into which the rest is split; with 0 each chunk is one byte longer than
//! the one before.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushpull::transport::sse::Parser;

fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = Parser::default();
    let mut blocks = Vec::new();
    for chunk in chunks {
        let outcome = parser.push(chunk, |block| {
            blocks.push(format!("{block:?}"));
            Ok(())
        });
        outcome.expect("the input is shorter than an event may be");
    }
    blocks
}

fuzz_target!(|input: &[u8]| {
    let Some((&length, stream)) = input.split_first() else { return };
    let whole = parse([stream]);
    let chunked = match length {
        0 => {
            let mut rest = stream;
            parse((1..).map_while(|length| {
                let (chunk, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                rest = behind;
                (!chunk.is_empty()).then_some(chunk)
            }))
        }
        length => parse(stream.chunks(length.into())),
    };
    assert_eq!(whole, chunked);
});
