//! The live page in a real browser: what it shows is what the server did.

mod browser;
mod deeds;
mod doors;
mod lanes;
mod looks;
