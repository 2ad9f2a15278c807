//! Turns a run into reports. Nothing here measures.
//!
//! [`findings`] computes the results of a run as data, [`text`] words them for a terminal, [`html`] for a page, and
//! [`export`] writes files for other programs.

pub mod export;
pub mod findings;
pub mod html;
pub mod text;
