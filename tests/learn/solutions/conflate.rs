mod lab;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

fn read(newest: &Mutex<Option<String>>, changed: &Condvar) {
    let mut answer = lab::get(&lab::lab_url(), "/updates/sse", &[], None).expect("the lab answers");
    let mut bytes: Vec<u8> = Vec::new();
    while let Ok(Some(part)) = answer.part() {
        let mut from = bytes.len();
        bytes.extend(part);
        while let Some(end) = bytes[from..].iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=from + end).collect();
            from = 0;
            if let Some(update) = String::from_utf8_lossy(&line).trim_end().strip_prefix("data: ") {
                *newest.lock().expect("nobody panics") = Some(update.to_owned());
                changed.notify_one();
            }
        }
    }
}

fn main() {
    let show = Duration::from_millis(lab::setting("LAB_SHOW_MS"));
    let shared = Arc::new((Mutex::new(None), Condvar::new()));
    let reader = Arc::clone(&shared);
    std::thread::spawn(move || read(&reader.0, &reader.1));
    loop {
        let newest = shared.0.lock().expect("nobody panics");
        let mut newest = shared.1.wait_while(newest, |newest| newest.is_none()).expect("nobody panics");
        let update = newest.take();
        drop(newest);
        update.iter().for_each(|update| lab::print(update));
        std::thread::sleep(show);
    }
}
