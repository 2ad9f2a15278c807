mod lab;

use std::io;
use std::time::Duration;

fn ask(url: &str, cursor: &mut String) -> io::Result<()> {
    let answer = lab::get(url, &format!("/updates/long-poll?hold=20&after={cursor}"), &[], None)?;
    match answer.status {
        200 => {
            let body = answer.text()?;
            for update in lab::items(lab::member(&body, "updates").unwrap_or("[]")) {
                lab::print(update);
            }
            *cursor = lab::plain(lab::member(&body, "cursor").unwrap_or("earliest")).to_owned();
        }
        503 => {
            let seconds = answer.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(1);
            std::thread::sleep(Duration::from_secs(seconds));
        }
        _ => std::thread::sleep(Duration::from_millis(100)),
    }
    Ok(())
}

fn main() {
    let url = lab::lab_url();
    let mut cursor = "earliest".to_owned();
    loop {
        if ask(&url, &mut cursor).is_err() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
