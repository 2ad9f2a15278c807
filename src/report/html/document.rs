//! The frame of every page: a head with a policy that forbids other resources, and the style sheet.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::html::page_file::PageKind;

/// The content security policy in the head: no scripts, nothing from the network.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The style sheet of a run's page.
pub(crate) const REPORT_CSS: &str = include_str!("report.css");

/// The style sheets of a kind of page.
fn css(kind: PageKind) -> &'static [&'static str] {
    match kind {
        PageKind::Run => &[REPORT_CSS],
        PageKind::Runs => &[REPORT_CSS, include_str!("index.css")],
        PageKind::Comparison => &[include_str!("comparison.css")],
    }
}

/// A complete, self-contained document.
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
