//! The effect of one setting, in words: "×2.1 (SSE) to ×3.4 (polling)".

use crate::report::findings::effects::{Effect, Step};
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::text::wording::{capitalised, change, listed, times};
use crate::run::Transport;
use crate::run::metric::Metric;
use crate::run::protocol::Protocol;

/// The setting that a step adds, as a heading.
pub(crate) fn step_title(view: &View<'_>, step: Step) -> String {
    // A compression is named without the word.
    let value = |point: usize| {
        let value = step.setting.of(view.point(point)?);
        Some(if step.setting == Setting::Compression { step.setting.beside(value) } else { step.setting.phrase(value) })
    };
    let protocols = [step.from, step.to].map(|point| view.point(point).map(|point| point.protocol));
    match (step.setting, protocols) {
        (Setting::KeepAlive, _) => {
            let others =
                view.distinguishing_settings(step.to).into_iter().filter(|(setting, _)| *setting != Setting::KeepAlive);
            let others: Vec<String> = others.map(|(setting, value)| setting.tick(value)).collect();
            if others.is_empty() {
                "New connections".to_owned()
            } else {
                format!("New connections: {}", others.join(", "))
            }
        }
        (_, [Some(Protocol::Http1), Some(Protocol::Https1)]) => "TLS 1.3".to_owned(),
        (_, [Some(Protocol::Https1), Some(Protocol::H2)]) => "HTTP/2 instead of HTTP/1.1, both over TLS".to_owned(),
        (_, [Some(Protocol::Http1), Some(Protocol::H2c)]) => "HTTP/2 instead of HTTP/1.1, in the clear".to_owned(),
        _ => {
            let added = capitalised(&value(step.to).unwrap_or_default());
            match view.point(step.from).map(|point| step.setting.of(point)) {
                // The first value is named only if it is not zero.
                Some(from) if from != 0.0 => format!("{added} compared with {}", step.setting.tick(from)),
                Some(_) | None => added,
            }
        }
    }
}

/// A metric's label without "per …", for places with little room: the table has the full label.
pub(crate) fn short_label(view: &View<'_>, metric: Metric) -> String {
    let label = view.label(Drawn::Metric(metric));
    label.split(" per ").next().unwrap_or(&label).to_owned()
}

/// How much a step changes a metric, from the transport that it changes least to the one that it changes most.
pub(crate) fn effect_words(view: &View<'_>, effect: &Effect) -> String {
    let named = |(ratio, transport): &(f64, Transport)| (factor(*ratio), view.prose(*transport));
    let changed = match effect.changed.as_slice() {
        [] => return "unclear".to_owned(),
        [one] => {
            let (factor, name) = named(one);
            format!("{factor} ({name})")
        }
        [least, .., most] => match (named(least), named(most)) {
            ((low, _), (high, _)) if low == high && effect.same.is_empty() => return low,
            ((low, _), (high, _)) if low == high => {
                let names: Vec<Transport> = effect.changed.iter().map(|(_, transport)| *transport).collect();
                format!("{low} ({})", listed(&view.prose_of(&names)))
            }
            ((low, first), (high, last)) => format!("{low} ({first}) to {high} ({last})"),
        },
    };
    match effect.same.as_slice() {
        [] => changed,
        same => format!("{changed}; {} unclear", listed(&view.prose_of(same))),
    }
}

/// "+7 %", "−12 %", "×2.4".
fn factor(ratio: f64) -> String {
    if ratio >= 2.0 {
        return format!("×{}", times(ratio));
    }
    let whole = change(ratio - 1.0);
    // Tenths of a per cent are more than a few rounds can support.
    whole.split_once('.').map_or(whole.clone(), |(whole, _)| format!("{whole} %"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn changes_run_from_the_least_to_the_most_and_are_unclear_where_the_rounds_are_unsure() {
        use Transport::{Polling, Sse, WebSocket};
        let run = fake::quick();
        let view = View::new(&run);
        let said = |changed: &[(f64, Transport)], same: &[Transport]| {
            effect_words(&view, &Effect { changed: changed.to_vec(), same: same.to_vec() })
        };
        assert_eq!(said(&[], &[Sse]), "unclear");
        assert_eq!(said(&[(1.0719, Sse)], &[]), "+7 % (SSE)");
        assert_eq!(said(&[(0.88, Sse), (1.1, WebSocket), (2.41, Polling)], &[]), "−12 % (SSE) to ×2.4 (polling)");
        assert_eq!(said(&[(1.2501, Sse), (1.2509, WebSocket)], &[]), "+25 %");
        assert_eq!(said(&[(1.25, Sse)], &[WebSocket, Polling]), "+25 % (SSE); WebSocket and polling unclear");
    }
}
