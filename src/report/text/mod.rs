//! A run in words: [`wording`] makes them, for terminal and page alike; [`terminal`] puts those of a run in a table,
//! [`comparison`] those of two.

pub mod comparison;
pub mod document;
mod table;
pub mod terminal;
pub mod wording;
