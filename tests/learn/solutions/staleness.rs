mod lab;

/// An event: an update is due (it exists), or it arrives (the client has it).
struct Event {
    at: f64,
    number: i64,
    is_arrival: bool,
}

fn figures(trace: &[(f64, Option<f64>)], end: f64) -> String {
    let mut late: Vec<f64> = trace.iter().filter_map(|(due, arrived)| Some(arrived.as_ref()? - due)).collect();
    late.sort_by(f64::total_cmp);
    let rank = |share: f64| late[(share * late.len() as f64).ceil() as usize - 1];
    let mut events = Vec::new();
    for (number, (due, arrived)) in trace.iter().enumerate() {
        events.push(Event { at: *due, number: number as i64, is_arrival: false });
        events.extend(arrived.map(|at| Event { at, number: number as i64, is_arrival: true }));
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events.push(Event { at: end, number: -1, is_arrival: false });
    let begin = trace.iter().filter_map(|(_, arrived)| *arrived).fold(f64::INFINITY, f64::min);
    let (mut exists, mut held, mut area, mut stale, mut before) = (-1, -1, 0.0, 0.0, begin);
    for event in events {
        let at = event.at.min(end);
        if at > before {
            let (age, length) = (before - trace[held as usize].0, at - before);
            area += length * (age + length / 2.0);
            if exists > held {
                stale += length;
            }
            before = at;
        }
        match event.is_arrival {
            true => held = held.max(event.number),
            false => exists = exists.max(event.number),
        }
    }
    let (p50, p99, length) = (rank(0.5), rank(0.99), end - begin);
    let (age, share) = (area / length, stale / length);
    format!("{{\"p50_ms\":{p50},\"p99_ms\":{p99},\"mean_age_ms\":{age},\"stale_share\":{share}}}")
}

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let trace = lab::items(lab::member(&line, "trace").unwrap_or("[]"));
        let number = |text: &str| text.parse::<f64>().ok();
        let trace: Vec<(f64, Option<f64>)> = trace
            .into_iter()
            .filter_map(|entry| match lab::items(entry)[..] {
                [due, arrived] => Some((number(due)?, number(arrived))),
                _ => None,
            })
            .collect();
        let end = lab::member(&line, "end").and_then(number).unwrap_or(0.0);
        lab::print(&figures(&trace, end));
    }
}
