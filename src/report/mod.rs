//! From a run to something a person reads; nothing here measures.
//!
//! [`html`] puts the page together from its sections, in the order in which a sceptic asks: is it valid
//! ([`page`]), what is the answer ([`verdicts`]; for a sweep [`sweep`] and [`crossings`]), does what is claimed hold ([`claims`]), how do the four compare
//! ([`scorecard`]), what lies behind it ([`pictures`], [`measured_against_theory`]), and can I check it
//! ([`evidence`]). [`view`] finds the rows and trials of a point; [`charts`] draws. The page is one file, asks nothing of
//! any network, and runs no script.

mod charts;
pub mod claims;
pub mod compare;
mod compare_page;
mod crossings;
mod evidence;
pub mod exports;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod fixture;
mod guide;
mod headers;
mod index;
mod measured_against_theory;
mod page;
mod parts;
mod pictures;
pub mod run_file;
mod samples;
#[cfg(test)]
mod schema;
mod scorecard;
mod standing;
pub mod summary;
mod sweep;
mod terminal;
pub mod theory;
pub mod thresholds;
mod verdicts;
mod view;

pub use compare_page::write_comparison;
pub use index::write_index;
pub use page::{html, write_page};
pub use terminal::{terminal_measured, terminal_table};
