//! What a page measured, held against theory. A busy machine spoils what is measured, and the page sees that by itself: by
//! how much its updates or its timers were late. How near a measurement must be to theory follows from that.

use serde_json::Value;

/// More than this, and the page says that the machine was busy: BUSY_MS in predict.js and in learn/lab.js.
const BUSY_MS: f64 = 12.0;
/// How many times as far as on a quiet machine a disturbed run may be from theory: what is farther says nothing any more.
const STRETCH_MAX: f64 = 2.0;

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub measured: f64,
    pub theory: f64,
    /// By how much the machine was late on average meanwhile.
    pub busy_ms: f64,
}

impl Run {
    /// As the page keeps it.
    pub fn of(kept: &Value) -> Self {
        let number = |name: &str| kept[name].as_f64().unwrap_or_else(|| panic!("{name} in {kept}"));
        Self { measured: number("measured"), theory: number("theory"), busy_ms: number("busyMs") }
    }

    /// Is it as near to theory as this share of it? If it was disturbed, as many times as far is near, as it was disturbed
    /// more than the page calls quiet, but no more than twice.
    pub fn is_near(&self, within: f64) -> bool {
        self.is_within(within * (self.busy_ms / BUSY_MS).clamp(1.0, STRETCH_MAX))
    }

    /// The same without any allowance: only such a run is recorded.
    pub fn is_fit_to_record(&self, within: f64) -> bool {
        self.busy_ms <= BUSY_MS && self.is_within(within)
    }

    fn is_within(&self, share: f64) -> bool {
        (self.measured - self.theory).abs() <= share * self.theory + 1e-9
    }
}

/// Asserts the rule on figures that are known.
pub async fn a_disturbed_run_may_be_farther_from_theory_by_as_much_as_it_was_disturbed() {
    let run = |measured, busy_ms| Run { measured, theory: 100.0, busy_ms };
    assert!(run(109.0, 0.0).is_near(0.1) && run(91.0, 12.0).is_near(0.1));
    assert!(!run(111.0, 0.0).is_near(0.1) && !run(89.0, 12.0).is_near(0.1));
    assert!(run(119.0, 24.0).is_near(0.1) && !run(121.0, 24.0).is_near(0.1));
    assert!(run(119.0, 100.0).is_near(0.1) && !run(121.0, 100.0).is_near(0.1), "however busy it was");
    assert!(run(109.0, 12.0).is_fit_to_record(0.1) && !run(109.0, 13.0).is_fit_to_record(0.1));
    assert!(!run(111.0, 0.0).is_fit_to_record(0.1));
    assert!(run(100.0, 0.0).is_near(0.0) && !run(101.0, 100.0).is_near(0.0), "a count is a count");
}
