//! What every page has around its body: a head that holds it to its own file, and its looks.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::html::page_file::PageKind;

/// The policy in the head: no script, nothing from any network.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The looks of a run's page.
pub(crate) const REPORT_CSS: &str = include_str!("report.css");

/// What the looks of a kind of page are put together from.
fn css(kind: PageKind) -> &'static [&'static str] {
    match kind {
        PageKind::Run => &[REPORT_CSS],
        PageKind::Runs => &[REPORT_CSS, include_str!("index.css")],
        PageKind::Comparison => &[include_str!("comparison.css")],
    }
}

/// A whole document, which needs no other file.
pub(crate) fn document(kind: PageKind, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                (kind.mark())
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) " · pushpull" }
                link rel="icon" href="data:,";
                style { @for part in css(kind) { (PreEscaped(part)) } }
            }
            body { (body) }
        }
    }
}
