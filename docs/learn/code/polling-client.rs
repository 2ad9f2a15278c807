//! Polling, client: asks at an interval for what follows the last update that it has.
mod lab;

fn ask(url: &str, after: &mut u64) -> std::io::Result<()> {
    let body = lab::get(url, &format!("/updates?after={after}"), &[], None)?.text()?;
    for update in lab::items(&body) {
        lab::print(update);
        *after = lab::member(update, "seq").and_then(|seq| seq.parse().ok()).unwrap_or(*after);
    }
    Ok(())
}

fn main() {
    let url = std::env::args().nth(1).expect("the server's address");
    let mut after = 0;
    while ask(&url, &mut after).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
}
