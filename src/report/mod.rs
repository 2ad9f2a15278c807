//! From a run to something a person reads; nothing here measures.

pub mod run_file;
pub mod summary;
use std::path::{Path,PathBuf};
pub fn write_page(_r:&run_file::Run, f:&Path)->std::io::Result<PathBuf>{Ok(f.join("index.html"))}
pub fn write_index(r:&Path)->std::io::Result<PathBuf>{Ok(r.into())}
pub fn terminal_table(r:&run_file::Run)->String{serde_json::to_string_pretty(&r.summary).unwrap_or_default()+&serde_json::to_string_pretty(&r.floor).unwrap_or_default()}
