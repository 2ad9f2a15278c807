//! A run in words, for the terminal.

pub mod terminal;
