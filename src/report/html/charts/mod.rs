//! Vector charts that take their colours from the page: lines, stacked bars, strips of dots, dots in groups.
//!
//! A chart is first laid out as data, a [`Drawing`](drawing::Drawing) of a few shapes, which the tests check, and then
//! written as SVG. [`axis`] places values and chooses labels, [`frame`] lays out the area between two axes, [`text`]
//! keeps words from overlapping. Colours are CSS classes ([`Ink`]), so that one drawing works in light mode, in dark
//! mode and on paper. The marks have invisible targets ([`Hit`](drawing::Hit)) that show their exact values on hover
//! and on focus, with CSS alone.
//!
//! The SVG is written with `maud`, which the page uses already, and not with a plotting crate: those set colours and
//! fonts themselves, and support neither classes nor targets nor labels that avoid one another.

pub mod axis;
pub mod bars;
pub mod dots;
mod drawing;
mod frame;
pub mod lines;
mod place;
pub mod strip;
mod text;

/// The error of drawing a chart. Writing the SVG cannot fail.
pub type DrawError = std::convert::Infallible;

/// The size of a chart. Each is drawn for a desktop and again for a phone, because shrinking makes text unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The page's whole width.
    Full,
    /// Half the page's width, for two charts side by side.
    Half,
    /// The width of a phone.
    Phone,
}

impl Size {
    /// Width of the picture in pixels.
    pub fn width_px(self) -> i32 {
        match self {
            Self::Full => 1040,
            Self::Half => 500,
            Self::Phone => 350,
        }
    }
}

/// The ink of a shape. The page's style sheet sets its look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Words.
    Text,
    /// Less prominent words.
    Muted,
    /// The line of an axis.
    Axis,
    /// A line of the grid.
    Grid,
    /// A finer line of the grid.
    GridMinor,
    /// The TCP baseline that the transports are compared with.
    TcpBaseline,
    /// An area that marks values close enough to the prediction.
    Band,
    /// The transport with this index.
    Series(u8),
    /// The same, dashed: a second figure of that transport.
    Dashed(u8),
    /// The same, thin: a secondary figure.
    Thin(u8),
    /// The part with this index in a stacked bar.
    Part(u8),
}

impl Ink {
    /// Its classes in the page's style sheet.
    fn class(self) -> String {
        match self {
            Self::Text => "c-text".to_owned(),
            Self::Muted => "c-muted".to_owned(),
            Self::Axis => "c-axis".to_owned(),
            Self::Grid => "c-grid".to_owned(),
            Self::GridMinor => "c-grid2".to_owned(),
            Self::TcpBaseline => "c-tcp-baseline".to_owned(),
            Self::Band => "c-band".to_owned(),
            Self::Series(index) => format!("c-s{index}"),
            Self::Dashed(index) => format!("c-s{index} dash"),
            Self::Thin(index) => format!("c-s{index} thin"),
            Self::Part(index) => format!("c-p{index}"),
        }
    }

    /// Width of a line of a chart in this ink.
    fn width_px(self) -> f64 {
        match self {
            Self::Thin(_) | Self::TcpBaseline => 1.3,
            Self::Dashed(_) => 1.8,
            Self::Series(_) | Self::Part(_) => 2.4,
            Self::Text | Self::Muted | Self::Axis | Self::Grid | Self::GridMinor | Self::Band => 1.0,
        }
    }

    /// The ink of words about a line in this ink: never dashed or faint.
    fn of_words(self) -> Self {
        match self {
            Self::Dashed(index) | Self::Thin(index) | Self::Series(index) => Self::Series(index),
            Self::Part(index) => Self::Part(index),
            Self::TcpBaseline | Self::Muted | Self::Axis | Self::Grid | Self::GridMinor | Self::Band => Self::Muted,
            Self::Text => Self::Text,
        }
    }

    /// The ink of the line from words to what they name.
    fn of_leader(self) -> Self {
        match self.of_words() {
            Self::Series(index) => Self::Thin(index),
            other @ (Self::Text
            | Self::Muted
            | Self::Axis
            | Self::Grid
            | Self::GridMinor
            | Self::TcpBaseline
            | Self::Band
            | Self::Dashed(_)
            | Self::Thin(_)
            | Self::Part(_)) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ink_has_its_rule_in_the_style_sheet_and_no_two_share_their_classes() {
        let fixed = [Ink::Text, Ink::Muted, Ink::Axis, Ink::Grid, Ink::GridMinor, Ink::TcpBaseline, Ink::Band];
        let series = (0..4).flat_map(|index| [Ink::Series(index), Ink::Dashed(index), Ink::Thin(index)]);
        let inks: Vec<Ink> = fixed.into_iter().chain(series).chain((0..8).map(Ink::Part)).collect();
        let css = crate::report::html::document::REPORT_CSS;
        for (index, ink) in inks.iter().enumerate() {
            assert!(inks[index + 1..].iter().all(|other| other.class() != ink.class()), "{ink:?}");
            for class in ink.class().split(' ') {
                assert!(css.contains(&format!(".{class} {{")), "the style sheet lacks .{class}");
            }
        }
    }
}
