//! Trials that are repeated because other programs took processor time.

use crate::limits;
use crate::run::file::{Repeated, Trial};
use crate::run::reason::Cause;

/// Which trials were repeated, and how many more may be.
///
/// The processor time of other programs is known without looking at any figure of the trial, so no figure is chosen by
/// its value.
#[derive(Debug)]
pub struct Repeats {
    left: u32,
    /// In the order in which they ran.
    pub done: Vec<Repeated>,
}

impl Repeats {
    /// For a run of `trials` trials.
    pub fn new(trials: usize) -> Self {
        Self { left: (trials as f64 * limits::REPEATED_FRACTION_MAX).ceil() as u32, done: Vec::new() }
    }

    /// Should this trial be repeated? If so, it is noted. A trial with a fault that a busy host does not explain is
    /// kept: losses must not be measured away.
    pub fn takes(&mut self, trial: &Trial, is_alone: bool) -> bool {
        let others = trial.reasons.iter().find_map(|reason| {
            let Cause::OthersBusy { fraction } = reason.cause else { return None };
            Some(fraction)
        });
        let is_explained = trial.reasons.iter().all(|reason| reason.cause.is_of_a_busy_host());
        let Some(fraction) = others.filter(|_| is_explained) else { return false };
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        self.done.push(Repeated {
            transport: trial.transport,
            round: trial.round,
            point_index: trial.point_index,
            is_alone,
            others_fraction: fraction,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Transport;
    use crate::run::fixture;
    use crate::run::reason::Reason;

    fn trial(causes: &[Cause]) -> Trial {
        let reasons = causes.iter().cloned().map(Reason::from).collect();
        Trial { reasons, ..fixture::trial(Some(Transport::Sse), 2, 1, 1_000) }
    }

    const BUSY: Cause = Cause::OthersBusy { fraction: 0.2 };

    #[test]
    fn a_trial_that_other_programs_disturbed_is_repeated_and_noted_and_one_with_another_fault_is_kept() {
        let mut repeats = Repeats::new(12);
        assert!(!repeats.takes(&trial(&[]), false));
        assert!(!repeats.takes(&trial(&[Cause::Refused { count: 1 }]), false));
        assert!(!repeats.takes(&trial(&[BUSY, Cause::Refused { count: 1 }]), false));
        assert!(!repeats.takes(&trial(&[Cause::HostBusy { fraction: 0.99 }]), false));
        assert!(repeats.takes(&trial(&[Cause::HostBusy { fraction: 0.99 }, BUSY]), true));
        let noted = Repeated {
            transport: Some(Transport::Sse),
            round: 2,
            point_index: 1,
            is_alone: true,
            others_fraction: 0.2,
        };
        assert_eq!(repeats.done, [noted]);
    }

    #[test]
    fn on_a_machine_that_is_always_busy_a_quarter_of_the_trials_is_repeated_and_no_more() {
        let mut repeats = Repeats::new(12);
        assert_eq!((0..12).filter(|_| repeats.takes(&trial(&[BUSY]), false)).count(), 3);
    }
}
