//! Under what each of two runs was made, and where that differs.

use crate::report::findings::view;
use crate::run::file::{Run, Verdict};
use crate::run::metric::Unit;

/// Conditions that are not the same, each in one sentence.
pub fn differing(before: &Run, after: &Run) -> Vec<String> {
    let mut warnings = Vec::new();
    for (which, run) in [("first", before), ("second", after)] {
        match run.verdict {
            Verdict::Valid => {}
            Verdict::Suspect | Verdict::Invalid => {
                warnings.push(format!("the {which} run is {}: {}", run.verdict.label(), run.reasons.join("; ")));
            }
        }
        if run.cut_short {
            warnings.push(format!("the {which} run was cut short"));
        }
    }
    let (a, b) = (&before.environment, &after.environment);
    let (c, d) = (&before.scenario, &after.scenario);
    let conditions = [
        ("host", a.host.clone(), b.host.clone()),
        ("kernel", a.kernel.clone(), b.kernel.clone()),
        ("processor", a.processor.clone(), b.processor.clone()),
        ("number of cores", a.cores.to_string(), b.cores.to_string()),
        ("memory", Unit::Bytes.show(a.memory_bytes as f64), Unit::Bytes.show(b.memory_bytes as f64)),
        ("build profile", a.profile.clone(), b.profile.clone()),
        ("compiler", a.rustc.clone(), b.rustc.clone()),
        ("scenario", c.name.clone(), d.name.clone()),
        ("feed", view::feed(&c.feed), view::feed(&d.feed)),
    ];
    let settings = c.settings().into_iter().zip(d.settings()).map(|((name, first), (_, second))| (name, first, second));
    for (name, first, second) in conditions.into_iter().chain(settings) {
        if first != second {
            warnings.push(format!("{name}: {first} in the first run, {second} in the second"));
        }
    }
    let mut notes: Vec<&String> = a.notes.keys().chain(b.notes.keys()).collect();
    notes.sort();
    notes.dedup();
    for note in notes {
        let [first, second] = [a, b].map(|side| side.notes.get(note).map_or("not noted", String::as_str));
        if first != second {
            warnings.push(format!("{note}: {first} in the first run, {second} in the second"));
        }
    }
    warnings
}
