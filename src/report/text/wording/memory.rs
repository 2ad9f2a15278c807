//! The server's memory for each client.

use crate::report::findings::memory::PerClient;
use crate::report::findings::view::View;
use crate::report::text::wording::{listed, shown_interval};
use crate::run::metric::Unit;
use crate::units::grouped;

/// How much server memory each client adds, all transports in one sentence; `None` without any transport.
pub(crate) fn memory_growth(view: &View<'_>, found: &[PerClient]) -> Option<String> {
    let (smallest, largest) = (found.first()?.client_counts.first()?, found.first()?.client_counts.last()?);
    let each = found.iter().map(|one| {
        let interval = shown_interval(Unit::Bytes, Some(one.ci95)).map(|ends| format!(" {ends}")).unwrap_or_default();
        format!("{} {}{interval}", view.prose(one.transport), Unit::Bytes.show(one.bytes))
    });
    Some(format!(
        "Server memory added by each idle client, as the slope of a line through {} client counts from {} to {}: {}.",
        found.first()?.client_counts.len(),
        grouped((*smallest).into()),
        grouped((*largest).into()),
        listed(&each.collect::<Vec<_>>())
    ))
}
