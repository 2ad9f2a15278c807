//! The conditions of two runs, and which of them differ.

use crate::report::findings::compare::{Caveat, Condition, Fact, Which};
use crate::run::file::{Run, Verdict};

/// The conditions that differ.
pub fn differing(before: &Run, after: &Run) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    for (which, run) in Which::BOTH.into_iter().zip([before, after]) {
        match run.verdict {
            Verdict::Valid => {}
            verdict @ (Verdict::Suspect | Verdict::Invalid) => {
                caveats.push(Caveat::NotValid { run: which, verdict, reasons: run.reasons.clone() });
            }
        }
        if run.cut_short {
            caveats.push(Caveat::CutShort { run: which });
        }
    }
    for (first, second) in conditions(before).into_iter().zip(conditions(after)) {
        let ((condition, first), (_, second)) = (first, second);
        if first != second {
            caveats.push(Caveat::Condition { condition, values: [first, second] });
        }
    }
    let settings = before.scenario.settings().into_iter().zip(after.scenario.settings());
    for ((name, first), (_, second)) in settings.filter(|((_, first), (_, second))| first != second) {
        caveats.push(Caveat::RunSetting { name, values: [first, second] });
    }
    let notes = [before, after].map(|run| &run.environment.notes);
    let mut names: Vec<&String> = notes.iter().flat_map(|notes| notes.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let values = notes.map(|notes| notes.get(name).cloned());
        if values[0] != values[1] {
            caveats.push(Caveat::Noted { name: name.clone(), values });
        }
    }
    caveats
}

fn conditions(run: &Run) -> [(Condition, Fact); 9] {
    let (environment, scenario) = (&run.environment, &run.scenario);
    let text = |text: &str| Fact::Text(text.to_owned());
    [
        (Condition::Host, text(&environment.host)),
        (Condition::Kernel, text(&environment.kernel)),
        (Condition::Processor, text(&environment.processor)),
        (Condition::Cores, Fact::Count(environment.cores.into())),
        (Condition::Memory, Fact::Bytes(environment.memory_bytes)),
        (Condition::Profile, text(&environment.profile)),
        (Condition::Compiler, text(&environment.rustc)),
        (Condition::Scenario, text(&scenario.name)),
        (Condition::Feed, Fact::Feed(scenario.feed.clone())),
    ]
}
