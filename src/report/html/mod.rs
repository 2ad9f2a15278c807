//! A run as one HTML file without network requests or scripts.
//!
//! [`page`] assembles the page from its sections, in the order of a sceptic's questions: is it valid ([`page`]), what
//! is the answer ([`answers`]; for a sweep [`sweep`]), how do the four compare ([`scorecard`]), what explains it
//! ([`distributions`], [`timeline`], [`theory`], [`failover`]), and can I check it ([`appendix`]). [`charts`] draws the
//! charts.

pub(crate) mod answers;
pub(crate) mod appendix;
pub(crate) mod charts;
pub(crate) mod claims;
pub mod claims_picture;
pub(crate) mod comparison;
pub(crate) mod components;
pub(crate) mod distributions;
pub(crate) mod document;
pub(crate) mod failover;
pub(crate) mod guide;
pub(crate) mod index;
pub(crate) mod lubbers_greco;
pub(crate) mod page;
pub(crate) mod page_file;
pub(crate) mod scorecard;
pub(crate) mod sweep;
pub(crate) mod theory;
pub(crate) mod timeline;

pub use comparison::write_comparison;
pub use index::{has_index, write_index};
pub use page::{html, write_page};
pub use page_file::Foreign;
