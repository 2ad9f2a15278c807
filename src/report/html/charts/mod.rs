//! Vector charts that take their colours from the page: lines, stacked bars, strips of dots.
//!
//! plotters draws the axes and the marks on whole pixels, so the canvas is [`SCALE`] times larger than the picture and
//! the `viewBox` brings it back. Each colour it is given is a sentinel ([`Ink`]) that is exchanged for a CSS class
//! afterwards: one drawing serves light, dark and paper. Over the marks lie invisible targets ([`Hit`]) that show
//! their exact value on hover and on focus, with CSS alone.

pub mod axis;
pub mod bars;
pub mod lines;
pub mod strip;

use std::fmt::Write as _;
use std::io;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Why a chart could not be drawn; writing into a string leaves only a fault of the drawing itself.
pub type DrawError = DrawingAreaErrorKind<io::Error>;

/// A drawing area that writes SVG text.
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Canvas units in one pixel of the picture: plotters rounds to whole units, and a tenth of a pixel is not seen.
const SCALE: i32 = 10;
/// The SVG backend divides a font's size by this before it writes it.
const FONT_FACTOR: f64 = 1.24;
/// Size of the labels at the axes.
const LABEL_PX: f64 = 13.0;
/// Room across that the label of a tick is given; there are no font metrics to ask.
const LABEL_WIDTH_PX: i32 = 44;

/// How much room a chart has. Each is drawn for a desk and again for a phone, because shrinking makes text unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The page's whole width.
    Full,
    /// Two beside one another.
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

/// What a mark is drawn with; the page's style sheet decides how that looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Words.
    Text,
    /// Words that stand back.
    Muted,
    /// The line of an axis.
    Axis,
    /// A line of the grid.
    Grid,
    /// A finer line of the grid.
    GridMinor,
    /// The TCP baseline that the transports are compared with.
    TcpBaseline,
    /// An area that marks what is close enough.
    Band,
    /// The transport with this index.
    Series(u8),
    /// The same, dashed: a second figure of that transport.
    Dashed(u8),
    /// The same, thin: a figure that stands behind the first.
    Thin(u8),
    /// The part with this index in a stacked bar.
    Part(u8),
}

impl Ink {
    /// Every ink with its class, to exchange the one for the other.
    fn all() -> impl Iterator<Item = (Self, String)> {
        let fixed = [
            (Self::Text, "c-text"),
            (Self::Muted, "c-muted"),
            (Self::Axis, "c-axis"),
            (Self::Grid, "c-grid"),
            (Self::GridMinor, "c-grid2"),
            (Self::TcpBaseline, "c-tcp-baseline"),
            (Self::Band, "c-band"),
        ];
        let series = (0..4).flat_map(|index| {
            [
                (Self::Series(index), format!("c-s{index}")),
                (Self::Dashed(index), format!("c-s{index} dash")),
                (Self::Thin(index), format!("c-s{index} thin")),
            ]
        });
        let parts = (0..5).map(|index| (Self::Part(index), format!("c-p{index}")));
        fixed.map(|(ink, class)| (ink, class.to_owned())).into_iter().chain(series).chain(parts)
    }

    /// A colour that stands for the ink: unlike any other ink's, and unlike what plotters draws by itself.
    fn sentinel(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(1, 2, 0),
            Self::Muted => RGBColor(1, 2, 1),
            Self::Axis => RGBColor(1, 2, 2),
            Self::Grid => RGBColor(1, 2, 3),
            Self::GridMinor => RGBColor(1, 2, 4),
            Self::TcpBaseline => RGBColor(1, 2, 5),
            Self::Band => RGBColor(1, 2, 6),
            Self::Series(index) => RGBColor(1, 3, index),
            Self::Part(index) => RGBColor(1, 4, index),
            Self::Dashed(index) => RGBColor(1, 5, index),
            Self::Thin(index) => RGBColor(1, 6, index),
        }
    }

    fn line(self, width_px: f64) -> ShapeStyle {
        self.sentinel().stroke_width((width_px * f64::from(SCALE)).round() as u32)
    }

    fn fill(self) -> ShapeStyle {
        self.sentinel().filled()
    }

    fn text(self, size_px: f64, across: HPos, down: VPos) -> TextStyle<'static> {
        let size = size_px * FONT_FACTOR * f64::from(SCALE);
        ("sans-serif", size).into_font().color(&self.sentinel()).pos(Pos::new(across, down))
    }
}

/// Pixels of the picture in units of the canvas.
fn px(pixels: i32) -> i32 {
    pixels * SCALE
}

/// An invisible target over a mark, which shows a value on hover and on focus.
pub(crate) struct Hit {
    /// Its middle, in units of the canvas.
    at: (i32, i32),
    /// Half its extent; a dot where it is `None`.
    half: Option<(i32, i32)>,
    /// First line: what it is.
    name: String,
    /// Second line: the value.
    value: String,
    /// False keeps it out of the keyboard's way, where a table says the same and marks are many.
    is_focusable: bool,
}

/// From what plotters wrote to what the page can take: classes for colours, no fixed size, targets, an accessible name.
fn themed(svg: &str, title: &str, (width, height): (i32, i32), hits: &[Hit]) -> String {
    let body = svg.split_once(">\n").map_or("", |(_, body)| body).trim_end();
    let mut body = body.strip_suffix("</svg>").unwrap_or(body).to_owned();
    for (ink, class) in Ink::all() {
        let RGBColor(red, green, blue) = ink.sentinel();
        for (attribute, kind) in [("fill", "f"), ("stroke", "l")] {
            let sentinel = format!("{attribute}=\"#{red:02X}{green:02X}{blue:02X}\"");
            body = body.replace(&sentinel, &format!("class=\"{kind} {class}\""));
        }
    }
    // What the style sheet says for all, or what is said by leaving it out.
    let label_size = format!(" font-size=\"{}\"", LABEL_PX * FONT_FACTOR * f64::from(SCALE) / FONT_FACTOR);
    for noise in [" opacity=\"1\"", " stroke=\"none\"", " fill=\"none\"", " font-family=\"sans-serif\"", &label_size] {
        body = body.replace(noise, "");
    }
    for (long, short) in [(" stroke-width=\"10\"", ""), (" \"/>", "\"/>")] {
        body = body.replace(long, short);
    }
    // Line breaks that plotters writes inside <text> would show as blanks.
    let body = body.replace(">\n", ">").replace("\n<", "<");
    let mut out = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"group\" aria-label=\"{}\">{body}",
        escaped(title)
    );
    for hit in hits {
        hit.write(width, &mut out);
    }
    out.push_str("</svg>");
    out
}

impl Hit {
    fn write(&self, width: i32, out: &mut String) {
        let (x, y) = self.at;
        let (name, value) = (escaped(&self.name), escaped(&self.value));
        let focus = if self.is_focusable { " tabindex=\"0\"" } else { "" };
        let shape = match self.half {
            None => format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>", px(8)),
            Some((half_width, half_height)) => format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                x - half_width,
                y - half_height,
                half_width * 2,
                half_height * 2
            ),
        };
        // The words stand on the side that has room.
        let (anchor, at) = match x {
            _ if x < width / 3 => ("start", x + px(12)),
            _ if x > width * 2 / 3 => ("end", x - px(12)),
            _ => ("middle", x),
        };
        let above = self.half.map_or(px(12), |(_, half_height)| half_height + px(6));
        let first = if y - above < px(40) { y + above + px(14) } else { y - above - px(17) };
        let second = first + px(17);
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "<g class=\"hit\"{focus} role=\"img\" aria-label=\"{name}: {value}\">{shape}\
             <text text-anchor=\"{anchor}\"><tspan x=\"{at}\" y=\"{first}\">{name}</tspan>\
             <tspan class=\"v\" x=\"{at}\" y=\"{second}\">{value}</tspan></text></g>"
        );
    }
}

/// Text made safe for an SVG that is put into the page as it is.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The mark of a transport, told apart by shape as well as by colour: circle, square, triangle, diamond.
fn marker(area: &Area<'_>, (x, y): (i32, i32), index: usize, radius_px: f64, ink: Ink) -> Result<(), DrawError> {
    let radius = (radius_px * f64::from(SCALE)).round() as i32;
    match index {
        0 => area.draw(&Circle::new((x, y), radius, ink.fill())),
        1 => {
            let half = radius * 9 / 10;
            area.draw(&Rectangle::new([(x - half, y - half), (x + half, y + half)], ink.fill()))
        }
        2 => {
            let (half, up, down) = (radius * 23 / 20, radius * 5 / 4, radius * 4 / 5);
            area.draw(&Polygon::new([(x, y - up), (x + half, y + down), (x - half, y + down)], ink.fill()))
        }
        _ => {
            let far = radius * 13 / 10;
            area.draw(&Polygon::new([(x, y - far), (x + far, y), (x, y + far), (x - far, y)], ink.fill()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_inks_share_a_colour_or_a_class() {
        let inks: Vec<_> = Ink::all().collect();
        for (index, (ink, class)) in inks.iter().enumerate() {
            for (other, other_class) in &inks[index + 1..] {
                assert_ne!(ink.sentinel(), other.sentinel());
                assert_ne!(class, other_class);
            }
        }
    }

    #[test]
    fn a_hostile_name_stays_text() {
        assert_eq!(escaped("<script>\"&"), "&lt;script&gt;&quot;&amp;");
        let hit = Hit { at: (0, 0), half: None, name: "<b>".into(), value: "1".into(), is_focusable: true };
        let svg = themed("<svg>\n</svg>", "<i>", (100, 100), &[hit]);
        assert!(!svg.contains("<b>") && !svg.contains("<i>"), "{svg}");
    }
}
