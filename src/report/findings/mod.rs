//! The results of a run as data: rankings, crossovers, claims, theory, comparisons and thresholds.

pub mod capacity;
pub mod claims;
pub mod compare;
pub mod conditions;
pub mod crossover;
pub(crate) mod effects;
mod instrument;
pub(crate) mod memory;
pub mod ranking;
pub(crate) mod recommendation;
pub mod rows;
pub mod theory;
pub mod thresholds;
pub(crate) mod turns;
pub mod view;
