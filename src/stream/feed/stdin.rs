//! The feed from standard input: one JSON value per line, due at the moment it is read.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::clock::Clock;
use crate::limits;
use crate::stream::{Publisher, value};

/// Publishes each line as an update until the input ends; returns how many were published and how many refused.
///
/// A line that is not JSON, or too long, is skipped, and its number is logged: one bad line must not end a live stream.
///
/// Errors: those of reading.
pub async fn publish_lines(
    mut input: impl AsyncBufRead + Unpin,
    publisher: &Publisher,
    clock: Clock,
) -> std::io::Result<(u64, u64)> {
    let (mut published, mut refused) = (0, 0);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // The longest update and the longest line end. A longer line is read without its end.
        let most = limits::UPDATE_BYTES_MAX + b"\r\n".len();
        if (&mut input).take(most as u64).read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        let at = clock.now();
        let whole = line.ends_with(b"\n") || line.len() < most;
        if !whole {
            skip_line(&mut input).await?;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let value = match whole && text.len() <= limits::UPDATE_BYTES_MAX {
            true => value(text),
            false => Err(format!("longer than the {} B that one update may have", limits::UPDATE_BYTES_MAX)),
        };
        match value {
            Ok(data) => {
                publisher.offer(at, clock.now(), data).await;
                published += 1;
            }
            Err(problem) => {
                tracing::warn!("standard input, line {number}: {problem}; skipped");
                refused += 1;
            }
        }
    }
    Ok((published, refused))
}

/// Reads to the end of the line and discards it.
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
    use crate::clock::UnixAnchor;
    use crate::stream::{Bounds, Journal};

    #[tokio::test]
    async fn a_bad_line_is_skipped_and_the_next_is_published() {
        let long = format!("\"{}\"", "x".repeat(limits::UPDATE_BYTES_MAX));
        let input = format!("{{\"a\":1}}\n\nnot json\n{long}\n[2]\n3");
        let journal = Journal::new(Bounds::default(), UnixAnchor::SIMULATED, crate::stream::journal::testing::encode);
        let publisher = Publisher::Journal(std::sync::Arc::clone(&journal));
        let outcome = publish_lines(input.as_bytes(), &publisher, Clock::Monotonic).await.unwrap();
        assert_eq!(outcome, (3, 2));
        assert_eq!(journal.newest().seq, 3);
    }

    #[tokio::test]
    async fn the_longest_update_is_taken_whatever_ends_its_line_and_one_byte_more_is_not() {
        for end in ["", "\n", "\r\n"] {
            for (more, outcome) in [(0, (1, 0)), (1, (0, 1))] {
                let input = format!("\"{}\"{end}", "x".repeat(limits::UPDATE_BYTES_MAX - 2 + more));
                let journal =
                    Journal::new(Bounds::default(), UnixAnchor::SIMULATED, crate::stream::journal::testing::encode);
                let publisher = Publisher::Journal(journal);
                let taken = publish_lines(input.as_bytes(), &publisher, Clock::Monotonic).await.unwrap();
                assert_eq!(taken, outcome, "{end:?} {more}");
            }
        }
    }
}
