//! The result of each `--fail-if`, as data. Its words are in `report/text/wording/thresholds.rs`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::run::Transport;
use crate::run::metric::Metric;
use crate::run::reason::RowId;

/// One `--fail-if` and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The expression: `sse.latency_ns.p99 > 5ms`.
    pub expression: String,
    /// True if the condition to fail was met in any row.
    pub failed: bool,
    /// What was found.
    #[serde(deserialize_with = "found_or_sentence")]
    pub found: Found,
}

/// What a threshold found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Found {
    /// The rows that failed, or the one nearest to failing.
    Rows {
        /// Each row with what was found in it.
        rows: Vec<RowFound>,
    },
    /// The threshold is about a change, which needs two runs.
    NeedsBaseline,
    /// The run has no row that it applies to.
    NoRow {
        /// The transport that it names; `None` for any.
        transport: Option<Transport>,
    },
    /// A sentence, as written by versions without codes.
    Other {
        /// The sentence.
        text: String,
    },
}

/// What was found in one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowFound {
    /// The row; in a comparison, of the second run.
    #[serde(flatten)]
    pub row: RowId,
    /// What was found in it.
    pub observed: Observed,
}

/// What a row has for the subject of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Observed {
    /// A metric.
    Value {
        /// Which.
        metric: Metric,
        /// Its value, in its unit.
        value: f64,
    },
    /// A count of the delivery audit.
    Count {
        /// Which.
        count: AuditCount,
        /// How many.
        value: u64,
    },
    /// It was not measured, which does not pass.
    NotMeasured,
    /// A change from the first run to the second.
    Change {
        /// As a share of the first: 0.1 is a tenth more.
        share: f64,
        /// Its 95 % interval; `None` for a single round, whose noise is unknown.
        ci95: Option<[f64; 2]>,
        /// True if it could be noise, which does not fail.
        is_noise: bool,
    },
    /// It was zero in the first run, so there is no change in percent.
    WasZero,
    /// It was not measured in both runs, which does not pass.
    NotInBoth,
}

/// A count of the delivery audit that must be small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCount {
    /// Never received.
    Lost,
    /// Received again.
    Duplicate,
    /// Received after a later one.
    Reordered,
}

impl AuditCount {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lost, Self::Duplicate, Self::Reordered];

    /// As in a threshold and in the run file.
    pub fn label(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicate => "duplicate",
            Self::Reordered => "reordered",
        }
    }
}

/// Reads a code, or the sentence of an older file.
fn found_or_sentence<'de, D: Deserializer<'de>>(from: D) -> Result<Found, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Text(String),
        Coded(Found),
    }
    Ok(match Stored::deserialize(from)? {
        Stored::Text(text) => Found::Other { text },
        Stored::Coded(found) => found,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// One of each, for tests of code that must handle all of them.
    pub(crate) fn every_finding() -> Vec<Found> {
        let row = RowId { transport: Some(Transport::Sse), point_index: 0 };
        let rows = [
            Observed::Value { metric: Metric::LatencyP99, value: 7e6 },
            Observed::Count { count: AuditCount::Lost, value: 3 },
            Observed::NotMeasured,
            Observed::Change { share: 0.3, ci95: Some([0.25, 0.35]), is_noise: false },
            Observed::Change { share: 0.3, ci95: Some([-0.1, 0.7]), is_noise: true },
            Observed::Change { share: 0.3, ci95: None, is_noise: false },
            Observed::WasZero,
            Observed::NotInBoth,
        ];
        let rows = rows.map(|observed| Found::Rows { rows: vec![RowFound { row, observed }] });
        let others = [
            Found::NeedsBaseline,
            Found::NoRow { transport: Some(Transport::Polling) },
            Found::NoRow { transport: None },
            Found::Other { text: "SSE: 3".to_owned() },
        ];
        rows.into_iter().chain(others).collect()
    }

    #[test]
    fn what_a_threshold_found_is_written_with_its_code_and_read_back() {
        for found in every_finding() {
            let written = serde_json::to_value(&found).unwrap();
            assert!(written["code"].is_string(), "{written}");
            assert_eq!(serde_json::from_value::<Found>(written).unwrap(), found);
        }
        let written = serde_json::to_value(&every_finding()[0]).unwrap();
        let observed = json!({"code": "value", "metric": "latency_ns.p99", "value": 7e6});
        let row = json!({"transport": "sse", "point_index": 0, "observed": observed});
        assert_eq!(written, json!({"code": "rows", "rows": [row]}));
        let older = json!({"expression": "*.lost > 0", "failed": true, "found": "SSE: 3"});
        let older: Threshold = serde_json::from_value(older).unwrap();
        assert_eq!(older.found, Found::Other { text: "SSE: 3".to_owned() });
    }
}
