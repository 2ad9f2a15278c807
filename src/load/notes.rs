//! Notes in a run's environment: what the plan alone knows of its surroundings. What was measured of them is in the trials,
//! and the report words it.

use std::collections::BTreeMap;

use crate::load::plan::Plan;
use crate::net::tls::Trust;

/// Adds the plan's notes: what the third-party servers are, by their target files; whether certificates were checked; why
/// there was no path.
pub fn add(notes: &mut BTreeMap<String, String>, plan: &Plan) {
    for (name, found) in &plan.catalog {
        let description = &found.description;
        let untried =
            description.untried.as_ref().map_or_else(String::new, |why| format!("; its file was not tried: {why}"));
        notes.insert(format!("target {name}"), format!("{}{untried}", description.about));
    }
    if !plan.catalog.is_empty() && plan.trust == Trust::Anyone {
        notes.insert("certificates".to_owned(), "were not checked (--insecure)".to_owned());
    }
    if let Some(refusal) = plan.paths.refusal() {
        notes.insert("path".to_owned(), refusal.to_string());
    }
}
