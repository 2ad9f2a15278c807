mod lab;

use std::time::{Duration, Instant};

fn main() {
    let url = lab::lab_url();
    let interval = Duration::from_millis(lab::setting("LAB_INTERVAL_MS"));
    let mut cursor = "earliest".to_owned();
    let mut due = Instant::now();
    loop {
        let answer = lab::get(&url, &format!("/updates/poll?after={cursor}"), &[], None).expect("the lab answers");
        match answer.status {
            200 => {
                let body = answer.text().expect("the answer is whole");
                for update in lab::items(lab::member(&body, "updates").unwrap_or("[]")) {
                    lab::print(update);
                }
                cursor = lab::plain(lab::member(&body, "cursor").unwrap_or("earliest")).to_owned();
            }
            503 => {
                let seconds = answer.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(1);
                std::thread::sleep(Duration::from_secs(seconds));
            }
            _ => {}
        }
        due = (due + interval).max(Instant::now());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
