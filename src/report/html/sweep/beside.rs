//! Figures of categories without an order, such as servers and protocols: a group for each transport, with a row for
//! each category.

use maud::{Markup, html};

use crate::report::findings::theory;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::charts::Size;
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::dots::{DotGroup, DotGroups, DotRow};
use crate::report::html::components::{Fit, Picture, legend};
use crate::report::html::sweep::Group;
use crate::report::html::sweep::along::Along;
use crate::report::html::sweep::lines::{LOG_SPAN, expected, notes, swept_table, unit_title, unusable, with_interval};
use crate::report::text::wording::{capitalised, shown_in_table};
use crate::run::Transport;

/// An end of an interval farther than this from its value continues beyond the area; otherwise one noisy row would
/// compress all others.
const INTERVAL_REACH: f64 = 2.0;

/// One figure of everything that is swept, side by side.
pub(super) fn beside(
    view: &View<'_>,
    setting: Setting,
    group: &Group,
    drawn: Drawn,
    is_folded: bool,
) -> Option<Markup> {
    let (unit, points) = (drawn.unit(), &group.points);
    let predictions = theory::predictions(view.run);
    let of = |one| of_transport(view, setting, points, drawn, one, &predictions);
    let groups: Vec<DotGroup> = view.transports().into_iter().filter_map(of).collect();
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let values = || rows().flat_map(|row| row.value.into_iter().chain(row.expected).chain(near_ends(row)));
    let scale = Scale::for_span(rows().filter_map(|row| row.value).filter(|value| *value > 0.0), LOG_SPAN);
    let x = Axis::fit(values(), scale, 5)?;
    let is_unplaced = |group: &&DotGroup| {
        let mut values = group.rows.iter().filter_map(|row| row.value).peekable();
        values.peek().is_some() && values.all(|value| !x.holds(value))
    };
    let unplaced: Vec<String> = groups.iter().filter(is_unplaced).map(|group| group.name.clone()).collect();
    let has_theory = rows().any(|row| row.expected.is_some());
    let title = capitalised(&view.label(drawn));
    let x_title = scale.noted(unit_title(drawn));
    let dots = DotGroups {
        title: &format!("{title}, by {}", setting.label()),
        x: (x, &|value| unit.tick(value)),
        x_title: &x_title,
        groups,
    };
    let fit = if is_folded { Fit::Scrolled(Size::Half) } else { Fit::Both(Size::Half) };
    let picture = Picture {
        title,
        is_captioned: true,
        note: notes(&unplaced, &unusable(view, setting, points)),
        // The groups name the transports.
        legend: match has_theory {
            true => html! { div.always { (legend(view, &[], &[("upright", "theory")])) } },
            false => html! {},
        },
        drawing: fit.draw(|size| dots.svg(size)),
        table: swept_table(view, Along::Setting(setting), points, drawn),
    };
    Some(picture.html())
}

/// The ends of a row's interval that are close to its value.
fn near_ends(row: &DotRow) -> impl Iterator<Item = f64> {
    let value = row.value.unwrap_or_default();
    let is_near = move |end: &f64| *end <= value * INTERVAL_REACH && *end * INTERVAL_REACH >= value;
    row.interval.into_iter().flatten().filter(is_near)
}

/// The rows of one transport, one for each point at which it was measured.
fn of_transport(
    view: &View<'_>,
    setting: Setting,
    points: &[usize],
    drawn: Drawn,
    transport: Transport,
    predictions: &[theory::Prediction],
) -> Option<DotGroup> {
    let rows = points.iter().filter_map(|point| {
        let row = view.row(*point, transport)?;
        Some(DotRow {
            name: setting.beside(setting.of(view.point(*point)?)),
            value: drawn.shown_of(row),
            interval: drawn.interval(row),
            expected: expected(predictions, drawn, transport, *point),
            written: shown_in_table(drawn, Some(row)),
            shown: with_interval(drawn, Some(row)),
        })
    });
    let rows: Vec<DotRow> = rows.collect();
    let name = view.title(transport).to_owned();
    (!rows.is_empty()).then_some(DotGroup { name, index: transport.index(), rows })
}
