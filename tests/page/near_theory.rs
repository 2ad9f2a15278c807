//! Compares what a page measured with theory. A busy machine disturbs the measurement, and the page reports by how much
//! its updates or timers were late. The allowed distance from theory depends on that.

use serde_json::Value;

/// Above this lateness the page reports that the machine was busy: BUSY_MS in predict.js and in learn/lab.js.
const BUSY_MS: f64 = 12.0;
/// The largest factor by which a disturbance widens the allowed distance from theory.
const STRETCH_MAX: f64 = 2.0;

/// One measurement of a page.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub measured: f64,
    pub theory: f64,
    /// The machine's mean lateness during the measurement.
    pub busy_ms: f64,
}

impl Run {
    /// Reads the form in which the page stores it.
    pub fn of(kept: &Value) -> Self {
        let number = |name: &str| kept[name].as_f64().unwrap_or_else(|| panic!("{name} in {kept}"));
        Self { measured: number("measured"), theory: number("theory"), busy_ms: number("busyMs") }
    }

    /// Is the distance from theory at most the fraction `within` of it? If the run was disturbed, the allowed distance
    /// grows with `busy_ms` above [`BUSY_MS`], at most by the factor [`STRETCH_MAX`].
    pub fn is_near(&self, within: f64) -> bool {
        self.is_within(within * (self.busy_ms / BUSY_MS).clamp(1.0, STRETCH_MAX))
    }

    /// The same without the allowance for disturbance: only such a run is recorded.
    pub fn is_fit_to_record(&self, within: f64) -> bool {
        self.busy_ms <= BUSY_MS && self.is_within(within)
    }

    fn is_within(&self, share: f64) -> bool {
        (self.measured - self.theory).abs() <= share * self.theory + 1e-9
    }
}

/// Checks the rule with known figures.
pub async fn the_allowed_distance_from_theory_grows_with_the_disturbance_up_to_twice() {
    let run = |measured, busy_ms| Run { measured, theory: 100.0, busy_ms };
    assert!(run(109.0, 0.0).is_near(0.1) && run(91.0, 12.0).is_near(0.1));
    assert!(!run(111.0, 0.0).is_near(0.1) && !run(89.0, 12.0).is_near(0.1));
    assert!(run(119.0, 24.0).is_near(0.1) && !run(121.0, 24.0).is_near(0.1));
    assert!(
        run(119.0, 100.0).is_near(0.1) && !run(121.0, 100.0).is_near(0.1),
        "no more than twice, however busy it was"
    );
    assert!(run(109.0, 12.0).is_fit_to_record(0.1) && !run(109.0, 13.0).is_fit_to_record(0.1));
    assert!(!run(111.0, 0.0).is_fit_to_record(0.1));
    assert!(run(100.0, 0.0).is_near(0.0) && !run(101.0, 100.0).is_near(0.0), "a count must be exact");
}
