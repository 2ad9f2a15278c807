//! From a run to something a person reads; nothing here measures.

pub mod run_file;
