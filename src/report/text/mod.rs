//! A run in words, for the terminal.

pub(crate) mod recommendation;
pub mod terminal;
