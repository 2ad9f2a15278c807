//! The section on kills in the middle of the interval, and how the clients recovered.

use maud::{Markup, html};

use crate::report::findings::view::View;
use crate::report::html::components::Table;
use crate::report::text::wording::{FAILOVER_COLUMNS, failover_cells, failover_sentence, killed};
use crate::run::summary::{Failover, failovers};

/// A table for each kind of kill; `None` if nothing was killed.
pub(crate) fn html(view: &View<'_>) -> Option<Markup> {
    let all = failovers(&view.run.trials);
    (!all.is_empty()).then(|| {
        html! {
            section #failover {
                h2 { "What each kill did" }
                p.lead {
                    "Killed in the middle of the interval, as by kill -9. Counts are those of all trials, times and \
                     rates those of the worst trial. An update is recovered if it was due while its client had no \
                     connection, and arrived afterwards."
                }
                @for of_kill in all.chunk_by(|a, b| a.kill == b.kill) {
                    h3 { (killed(of_kill[0].kill)) }
                    p { (failover_sentence(view, &of_kill.iter().collect::<Vec<&Failover>>())) }
                    (table(view, of_kill).html(killed(of_kill[0].kill)))
                }
            }
        }
    })
}

/// A row for each transport. If no client was disconnected, the columns about those that were are omitted.
fn table(view: &View<'_>, all: &[Failover]) -> Table {
    let is_cut = all.iter().any(|one| one.report.cut > 0);
    let last = FAILOVER_COLUMNS.len() - 1;
    let kept = |cells: Vec<String>| {
        let cells = cells.into_iter().enumerate();
        cells.filter(|(column, _)| is_cut || [0, last].contains(column)).map(|(_, cell)| cell).collect()
    };
    let rows = all.iter().map(|one| kept(failover_cells(view, one))).collect();
    Table::new(kept(FAILOVER_COLUMNS.map(str::to_owned).to_vec()), rows)
}
