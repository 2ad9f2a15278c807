//! `loadgen targets`: the servers that can be measured by name.

use crate::cli::process::print_out;
use crate::load::foreign::catalog::{CatalogEntry, names};
use crate::run::target_name::TargetName;

/// Column of the text after a target's name.
const INDENT: usize = 15;

/// Prints every target: what it is, its transports, and how to install it.
pub fn list() -> anyhow::Result<()> {
    let mut text = String::new();
    for name in names() {
        let entry = CatalogEntry::load(TargetName::new(name)?)?;
        let description = &entry.description;
        let transports: Vec<&str> = description.transports().iter().map(|one| one.label()).collect();
        text.push_str(&format!("{name:<INDENT$}{}\n{:INDENT$}{}\n", description.about, "", transports.join(", ")));
        if let Some(untried) = &description.untried {
            text.push_str(&format!("{:INDENT$}not tried: {untried}\n", ""));
        }
        if let Some(start) = &description.start {
            text.push_str(&format!("{:INDENT$}to install it: {}\n", "", start.install));
        }
    }
    print_out(&text)
}
