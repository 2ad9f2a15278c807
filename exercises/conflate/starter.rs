//! conflate: show the newest.
//! Run: rustc -O --edition 2021 conflate.rs && loadgen learn check conflate -- ./conflate
mod lab;

use std::time::Duration;

fn main() {
    let show = Duration::from_millis(lab::setting("LAB_SHOW_MS"));
    let mut answer = lab::get(&lab::lab_url(), "/updates/sse", &[], None).expect("the lab answers");
    let mut bytes = Vec::new();
    while let Ok(Some(part)) = answer.part() {
        bytes.extend(part);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            if let Some(update) = String::from_utf8_lossy(&line).trim_end().strip_prefix("data: ") {
                lab::print(update);
                // Twenty updates come in this time. Where do they wait, and how old are they when they are shown?
                std::thread::sleep(show);
            }
        }
    }
}
