//! The components of the page's sections: figures, legends, tables.

use maud::{Markup, PreEscaped, html};

use crate::report::findings::view::View;
use crate::report::html::charts::{DrawError, Size};
use crate::run::Transport;

/// A plain table; its first column names the rows.
pub(crate) struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// True if its cells are words, which are left-aligned, and not figures, which are right-aligned.
    pub is_words: bool,
}

impl Table {
    pub fn new(head: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        Self { head, rows, is_words: false }
    }

    /// The table in its own frame, which scrolls on a narrow page, also with the keyboard.
    pub fn html(&self, label: &str) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-label=(label) {
                table class=[self.is_words.then_some("words")] {
                    thead { tr { @for cell in &self.head { th scope="col" { (cell) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (column, cell) in row.iter().enumerate() {
                                    @if column == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One chart, for desktop and phone, with its figures as a table.
pub(crate) struct Picture {
    pub title: String,
    /// False if a heading right above has the title.
    pub is_captioned: bool,
    /// What to look for, or what is omitted.
    pub note: String,
    pub legend: Markup,
    /// Both drawings, or one that scrolls on a narrow page.
    pub drawing: Markup,
    pub table: Table,
}

impl Picture {
    pub fn html(&self) -> Markup {
        html! {
            figure {
                @if self.is_captioned { figcaption { strong { (self.title) } } }
                (self.legend)
                (self.drawing)
                @if !self.note.is_empty() { p.note { (self.note) } }
                details.figures {
                    summary { "These figures as a table" }
                    (self.table.html(&self.title))
                }
            }
        }
    }
}

/// The sizes in which a chart is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// A desktop drawing of this size, and another for a phone.
    Both(Size),
    /// One drawing of this size, which scrolls on a phone; for folded sections.
    Scrolled(Size),
}

impl Fit {
    /// The chart that `draw` draws, in the sizes that it needs.
    pub fn draw(self, draw: impl Fn(Size) -> Result<String, DrawError>) -> Markup {
        let one = |size: Size| match draw(size) {
            Ok(svg) => PreEscaped(svg),
            Err(error) => {
                html! { p.failed { "This chart could not be drawn (" (error) "); its table has the figures." } }
            }
        };
        match self {
            Self::Both(size) => html! { div.desk { (one(size)) } div.phone { (one(Size::Phone)) } },
            Self::Scrolled(size) => {
                html! { div.scroll tabindex="0" role="region" aria-label="chart" { div.wide { (one(size)) } } }
            }
        }
    }
}

/// The shape that marks a transport, as in the charts.
pub(crate) fn shape(transport: Transport) -> Markup {
    let inner = match transport {
        Transport::Polling => r#"<circle cx="6" cy="6" r="4.6"/>"#,
        Transport::LongPolling => r#"<rect x="2" y="2" width="8" height="8"/>"#,
        Transport::Sse => r#"<path d="M6 1 11 10.2H1z"/>"#,
        Transport::WebSocket => r#"<path d="M6 .4 11.6 6 6 11.6.4 6z"/>"#,
    };
    let class = format!("shape t{}", transport.index());
    html! { svg class=(class) viewBox="0 0 12 12" aria-hidden="true" { (PreEscaped(inner)) } }
}

/// A transport's name after its shape.
pub(crate) fn name(view: &View<'_>, transport: Transport) -> Markup {
    html! { span.name { (shape(transport)) (view.title(transport)) } }
}

/// The legend: the shape of each transport, and the meaning of other lines.
pub(crate) fn legend(view: &View<'_>, transports: &[Transport], lines: &[(&str, &str)]) -> Markup {
    html! {
        p.legend {
            @for transport in transports { (name(view, *transport)) }
            @for (class, meaning) in lines { span.name { i class=(format!("line {class}")) {} (meaning) } }
        }
    }
}

/// Words that are never broken over two lines.
pub(crate) fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}").replace('-', "\u{2011}")
}
