//! "Did you mean …?" for unknown names of scenarios, transports, metrics, keys and flags.

/// The candidate that was most likely meant by `found`, if one is close enough.
///
/// In this order: a name that differs only in case and hyphens; a dotted name with this last part (`p99` for
/// `latency_ns.p99`); the name with the fewest letters changed, if these are few for its length; the first name that
/// contains `found`; the only name that `found` abbreviates (`ws` for `websocket`).
pub fn nearest<'a>(found: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let wanted = normal(found);
    if wanted.is_empty() {
        return None;
    }
    let same = |candidate: &&&str| normal(candidate) == wanted;
    let by_last_part = |candidate: &&&str| last_part(&normal(candidate)) == wanted;
    candidates
        .iter()
        .find(same)
        .or_else(|| candidates.iter().find(by_last_part))
        .copied()
        .or_else(|| misspelt(&wanted, candidates))
        .or_else(|| {
            candidates.iter().copied().find(|candidate| wanted.len() > 2 && normal(candidate).contains(&wanted))
        })
        .or_else(|| only(candidates, |candidate| wanted.len() > 1 && abbreviates(&wanted, candidate)))
}

/// `; did you mean `quick`?`, or an empty string.
pub fn hint(found: &str, candidates: &[&str]) -> String {
    nearest(found, candidates).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Lowercase, with `_` as the only separator.
fn normal(name: &str) -> String {
    name.trim().to_lowercase().replace(['-', ' '], "_")
}

fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// The candidate with the smallest edit distance (insert, remove, replace or swap), if that is small for its length.
fn misspelt<'a>(wanted: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let near = candidates.iter().map(|candidate| (strsim::osa_distance(wanted, &normal(candidate)), *candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    let letters = candidate.chars().count();
    (distance <= letters.div_ceil(3) && 2 * distance < letters).then_some(candidate)
}

/// The candidate for which this holds, if it is the only one.
fn only<'a>(candidates: &[&'a str], is_so: impl Fn(&str) -> bool) -> Option<&'a str> {
    let mut found = candidates.iter().filter(|candidate| is_so(&normal(candidate)));
    found.next().copied().filter(|_| found.next().is_none())
}

/// Whether `short` has the first letter of `name` and some of the others, in order.
fn abbreviates(short: &str, name: &str) -> bool {
    let mut letters = name.chars();
    short.chars().next() == name.chars().next() && short.chars().all(|letter| letters.any(|other| other == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSPORTS: [&str; 4] = ["polling", "long_polling", "sse", "websocket"];
    const METRICS: [&str; 6] = [
        "latency_ns.p50",
        "latency_ns.p99",
        "uncorrected_latency_ns.p99",
        "server_cpu_ns_per_delivery",
        "host_cpu_ns_per_delivery",
        "lost",
    ];

    #[test]
    fn a_name_is_found_however_it_was_mistyped() {
        for (found, near) in [
            ("quikc", "quick"),
            ("Sparse", "sparse"),
            ("spars", "sparse"),
            ("chattty", "chatty"),
            ("earthquake", "earthquakes"),
        ] {
            assert_eq!(nearest(found, &["quick", "sparse", "chatty", "earthquakes"]), Some(near), "{found}");
        }
        for (found, near) in
            [("long-polling", "long_polling"), ("longpolling", "long_polling"), ("ws", "websocket"), ("ssee", "sse")]
        {
            assert_eq!(nearest(found, &TRANSPORTS), Some(near), "{found}");
        }
        for (found, near) in
            [("p99", "latency_ns.p99"), ("cpu", "server_cpu_ns_per_delivery"), ("latency.p99", "latency_ns.p99")]
        {
            assert_eq!(nearest(found, &METRICS), Some(near), "{found}");
        }
    }

    #[test]
    fn a_name_unlike_any_candidate_gets_no_suggestion() {
        for found in ["", " ", "carrier_pigeon", "s", "é", "x"] {
            assert_eq!(nearest(found, &TRANSPORTS), None, "{found}");
        }
        assert_eq!(hint("pigeon", &TRANSPORTS), "");
        assert_eq!(hint("ssé", &TRANSPORTS), "; did you mean `sse`?");
    }
}
