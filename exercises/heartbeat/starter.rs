//! heartbeat: notice a dead line.
//! Run: rustc -O --edition 2021 heartbeat.rs && loadgen learn check heartbeat -- ./heartbeat
mod lab;

use std::io;
use std::time::Duration;

fn follow(url: &str, cursor: &mut String) -> io::Result<()> {
    // On a dead line this waits for ever. How long should it wait? The last argument of `get` sets after how long a read fails.
    let mut answer = lab::get(url, &format!("/updates/sse?after={cursor}"), &[], None)?;
    let (mut bytes, mut data, mut id) = (Vec::new(), String::new(), String::new());
    while let Some(part) = answer.part()? {
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

fn main() {
    let url = lab::lab_url();
    let _heartbeat = Duration::from_millis(lab::setting("LAB_HEARTBEAT_MS"));
    let mut cursor = "earliest".to_owned();
    loop {
        let _cut = follow(&url, &mut cursor);
        std::thread::sleep(Duration::from_millis(100));
    }
}
