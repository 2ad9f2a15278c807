//! From a run to something a person reads; nothing here measures.
//!
//! [`findings`] works out what a run says, as data; [`text`] words it for a terminal, [`html`] for a page, and [`export`]
//! writes files for other programs.

pub mod export;
pub mod findings;
pub mod html;
pub mod text;
