//! A run in words. [`wording`] makes the sentences for both terminal and page; [`terminal`] prints one run,
//! [`comparison`] two.

pub mod comparison;
pub mod document;
mod table;
pub mod terminal;
pub mod wording;
