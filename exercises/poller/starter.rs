//! poller: ask at an interval, print each update once.
//! Run: rustc -O --edition 2021 poller.rs && loadgen learn check poller -- ./poller
mod lab;

use std::time::Duration;

fn main() {
    let url = lab::lab_url();
    let interval = Duration::from_millis(lab::setting("LAB_INTERVAL_MS"));
    loop {
        // Each poll asks for what comes from now on. What about those that were published between two polls?
        let answer = lab::get(&url, "/updates/poll", &[], None).expect("the lab answers");
        if answer.status == 200 {
            let body = answer.text().expect("the answer is whole");
            for update in lab::items(lab::member(&body, "updates").unwrap_or("[]")) {
                lab::print(update);
            }
        }
        std::thread::sleep(interval);
    }
}
