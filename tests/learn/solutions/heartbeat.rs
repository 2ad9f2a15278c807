mod lab;

use std::io;
use std::time::Duration;

/// Follows the stream to its end; sets `something` if anything arrived.
fn stream(url: &str, silence: Duration, cursor: &mut String, something: &mut bool) -> io::Result<()> {
    let mut answer = lab::get(url, &format!("/updates/sse?after={cursor}"), &[], Some(silence))?;
    let (mut bytes, mut data, mut id) = (Vec::new(), String::new(), String::new());
    while let Some(part) = answer.part()? {
        *something = true;
        bytes.extend(part);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            match line.split_once(": ") {
                Some(("data", value)) => data = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(_) | None => {}
            }
            if line.is_empty() {
                if !data.is_empty() {
                    lab::print(&data);
                }
                if !id.is_empty() {
                    *cursor = id.clone();
                }
                (data, id) = Default::default();
            }
        }
    }
    Ok(())
}

fn long_poll(url: &str, cursor: &mut String) -> io::Result<()> {
    let answer = lab::get(url, &format!("/updates/long-poll?hold=20&after={cursor}"), &[], None)?;
    if answer.status == 200 {
        let body = answer.text()?;
        for update in lab::items(lab::member(&body, "updates").unwrap_or("[]")) {
            lab::print(update);
        }
        *cursor = lab::plain(lab::member(&body, "cursor").unwrap_or("earliest")).to_owned();
    }
    Ok(())
}

fn main() {
    let url = lab::lab_url();
    let silence = 2 * Duration::from_millis(lab::setting("LAB_HEARTBEAT_MS"));
    let mut cursor = "earliest".to_owned();
    loop {
        let mut something = false;
        let end = stream(&url, silence, &mut cursor, &mut something);
        let is_silence = end.is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        if is_silence && !something {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    loop {
        let _cut = long_poll(&url, &mut cursor);
        std::thread::sleep(Duration::from_millis(100));
    }
}
