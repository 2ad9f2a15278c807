//! resume: print every update, whatever happens to the line.
//! Run: rustc -O --edition 2021 resume.rs && loadgen learn check resume -- ./resume
mod lab;

use std::io;
use std::time::Duration;

fn follow(url: &str) -> io::Result<()> {
    let mut answer = lab::get(url, "/updates/sse", &[], None)?;
    let mut bytes = Vec::new();
    while let Some(part) = answer.part()? {
        bytes.extend(part);
        // An update is a line `data: {"seq":…}`. What else in a block do you need after a cut?
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            if let Some(update) = String::from_utf8_lossy(&line).trim_end().strip_prefix("data: ") {
                lab::print(update);
            }
        }
    }
    Ok(())
}

fn main() {
    let url = lab::lab_url();
    loop {
        let _cut = follow(&url);
        std::thread::sleep(Duration::from_millis(100));
    }
}
