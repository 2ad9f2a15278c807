//! Any live stream, piped in: one JSON value a line, due at the moment it was read.

use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::clock::Clock;
use crate::journal::Journal;
use crate::limits;

/// Publishes each line as an update until the input ends; returns how many were published and how many refused.
///
/// A line that is not JSON, or too long, is named by its number in the log and passed over: one bad line must not end
/// a live stream.
///
/// Errors: what reading says.
pub async fn publish_lines(
    mut input: impl AsyncBufRead + Unpin,
    journal: &Journal,
    clock: Clock,
) -> std::io::Result<(u64, u64)> {
    let (mut published, mut refused) = (0, 0);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // One byte more than may be used, so that a line that is too long is told from one that just fits.
        let most = limits::UPDATE_BYTES_MAX as u64 + 1;
        if (&mut input).take(most).read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        let at = clock.now();
        let whole = line.ends_with(b"\n") || line.len() < most as usize;
        if !whole {
            skip_line(&mut input).await?;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let value = match whole {
            true => serde_json::from_slice::<&RawValue>(text).map_err(|error| error.to_string()),
            false => Err(format!("longer than the {} B that one update may have", limits::UPDATE_BYTES_MAX)),
        };
        match value {
            Ok(data) => {
                journal.append(at, clock.now(), data);
                published += 1;
            }
            Err(problem) => {
                tracing::warn!("standard input, line {number}: {problem}; passed over");
                refused += 1;
            }
        }
    }
    Ok((published, refused))
}

/// Reads on to the end of a line without keeping it.
async fn skip_line(input: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<()> {
    loop {
        let chunk = input.fill_buf().await?;
        let (used, done) = match chunk.iter().position(|&byte| byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (chunk.len(), chunk.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Bounds;

    #[tokio::test]
    async fn a_bad_line_is_passed_over_and_the_next_is_published() {
        let long = format!("\"{}\"", "x".repeat(limits::UPDATE_BYTES_MAX));
        let input = format!("{{\"a\":1}}\n\nnot json\n{long}\n[2]\n3");
        let journal = Journal::new(Bounds::default());
        let outcome = publish_lines(input.as_bytes(), &journal, Clock::Monotonic).await.unwrap();
        assert_eq!(outcome, (3, 2));
        assert_eq!(journal.newest().seq, 3);
    }
}
