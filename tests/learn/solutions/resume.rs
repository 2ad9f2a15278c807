mod lab;

use std::io;
use std::time::Duration;

fn follow(url: &str, silence: Duration, cursor: &mut String) -> io::Result<()> {
    let mut answer = lab::get(url, &format!("/updates/sse?after={cursor}"), &[], Some(silence))?;
    if answer.status == 503 {
        let seconds = answer.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(1);
        std::thread::sleep(Duration::from_secs(seconds));
        return Ok(());
    }
    let (mut bytes, mut event, mut data, mut id) = (Vec::new(), String::new(), String::new(), String::new());
    while let Some(part) = answer.part()? {
        bytes.extend(part);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            match line.split_once(": ") {
                Some(("event", value)) => event = value.to_owned(),
                Some(("data", value)) => data = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(_) | None => {}
            }
            if line.is_empty() {
                match event.as_str() {
                    "gap" => lab::print(&format!("{{\"gap\":{data}}}")),
                    _ if data.is_empty() => {}
                    _ => lab::print(&data),
                }
                if !id.is_empty() {
                    *cursor = id.clone();
                }
                (event, data, id) = Default::default();
            }
        }
    }
    Ok(())
}

fn main() {
    let url = lab::lab_url();
    let silence = Duration::from_millis(lab::setting("LAB_SILENCE_MS"));
    let mut cursor = "earliest".to_owned();
    loop {
        let _cut = follow(&url, silence, &mut cursor);
        std::thread::sleep(Duration::from_millis(100));
    }
}
