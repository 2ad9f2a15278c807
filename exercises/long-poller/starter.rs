//! long-poller: one request is parked at all times.
//! Run: rustc -O --edition 2021 long-poller.rs && loadgen learn check long-poller -- ./long-poller
mod lab;

fn main() {
    let url = lab::lab_url();
    loop {
        // The request waits in the lab for an update. What about updates that are published before the next request?
        let answer = lab::get(&url, "/updates/long-poll?hold=20", &[], None).expect("the lab answers");
        if answer.status == 200 {
            let body = answer.text().expect("the answer is whole");
            for update in lab::items(lab::member(&body, "updates").unwrap_or("[]")) {
                lab::print(update);
            }
        }
    }
}
