//! The result of a `--fail-if`.

use crate::report::findings::rows::Rows;
use crate::report::text::wording::{NOT_MEASURED, change, whole};
use crate::run::threshold::{Found, Observed, Threshold};

/// The words before the expression, which is the condition to fail.
pub(crate) fn threshold_lead(threshold: &Threshold) -> &'static str {
    if threshold.failed { "failed:" } else { "passed: no row has" }
}

/// The words after it: "SSE with 50 clients: 7.00 ms".
pub(crate) fn threshold_found(threshold: &Threshold, rows: &Rows) -> String {
    match &threshold.found {
        Found::Rows { rows: found } => {
            let each = found.iter().map(|one| format!("{}: {}", rows.name(one.row), observed(&one.observed)));
            let each = each.collect::<Vec<_>>().join("; ");
            if threshold.failed { each } else { format!("the nearest is {each}") }
        }
        Found::NeedsBaseline => {
            "a change needs two runs; use this threshold with `loadgen compare`, or give a value".to_owned()
        }
        Found::NoRow { transport } => {
            let which = transport.map_or("any transport", |transport| transport.title());
            format!("the run has no row for {which}, which does not pass")
        }
        Found::Other { text } => text.clone(),
    }
}

/// One line for a terminal.
pub(crate) fn threshold_line(threshold: &Threshold, rows: &Rows) -> String {
    let lead = threshold_lead(threshold);
    let lead = if threshold.failed { lead.to_uppercase() } else { lead.to_owned() };
    format!("{lead} {} ({})", threshold.expression, threshold_found(threshold, rows))
}

fn observed(observed: &Observed) -> String {
    match *observed {
        Observed::Value { metric, value } => metric.show(value),
        Observed::Count { value, .. } => whole(value),
        Observed::NotMeasured => format!("{NOT_MEASURED}, which does not pass"),
        Observed::Change { share, ci95, is_noise } => match (ci95, is_noise) {
            (Some(ci95), true) => format!("{}, within noise ({})", change(share), change_interval(ci95)),
            (Some(ci95), false) => format!("{} ({})", change(share), change_interval(ci95)),
            (None, _) => format!("{} in a single round", change(share)),
        },
        Observed::WasZero => "zero in the first run, so there is no change in percent".to_owned(),
        Observed::NotInBoth => format!("{NOT_MEASURED} in both runs, which does not pass"),
    }
}

/// `−3.1 % to +8.2 %`.
pub(crate) fn change_interval(ci95: [f64; 2]) -> String {
    ci95.map(change).join(" to ")
}
