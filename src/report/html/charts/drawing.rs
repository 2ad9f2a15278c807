//! A chart as data, and that data as SVG.

use std::fmt::Write as _;

use maud::{Markup, html};

pub use crate::report::html::charts::place::{Anchor, Point, Words, px, px_of};
use crate::report::html::charts::{Ink, text};

/// The default size of words, as in the style sheet.
pub const LABEL_PX: i32 = 13;
/// Radius of the target over a dot.
const HIT_RADIUS_PX: i32 = 8;
/// From one line of words to the next.
const LINE_PX: i32 = 17;

/// An element of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines through points, `width` units wide.
    Lines { ink: Ink, width: i32, runs: Vec<Vec<Point>> },
    /// A filled rectangle.
    Area { ink: Ink, from: Point, to: Point },
    /// The marks of the transport with this index.
    Marks { ink: Ink, index: usize, at: Vec<Point> },
    /// Words in one ink and size.
    Texts { ink: Ink, anchor: Anchor, size_px: i32, words: Vec<Words> },
}

/// An invisible target over a mark, which shows a value on hover and on focus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its middle.
    pub at: Point,
    /// Half its extent; a dot where it is `None`.
    pub half: Option<(i32, i32)>,
    /// First line: what it is.
    pub name: String,
    /// Second line: the value.
    pub value: String,
    /// False keeps it out of the keyboard's way, where a table says the same and marks are many.
    pub is_focusable: bool,
}

/// A chart, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Its accessible name.
    pub title: String,
    pub width: i32,
    pub height: i32,
    /// Its elements, from back to front.
    pub shapes: Vec<Shape>,
    pub hits: Vec<Hit>,
}

impl Drawing {
    pub fn new(title: &str, width: i32, height: i32) -> Self {
        Self { title: title.to_owned(), width, height, shapes: Vec::new(), hits: Vec::new() }
    }

    pub fn lines(&mut self, ink: Ink, width_px: f64, runs: Vec<Vec<Point>>) {
        self.shapes.push(Shape::Lines { ink, width: px_of(width_px), runs });
    }

    pub fn texts(&mut self, ink: Ink, anchor: Anchor, size_px: i32, words: Vec<Words>) {
        self.shapes.push(Shape::Texts { ink, anchor, size_px, words });
    }

    /// The drawing as SVG. Words of ticks and lines are kept from screen readers: each target has its name and value, and
    /// the table below the chart has them all.
    pub fn svg(&self) -> String {
        let view_box = format!("0 0 {} {}", self.width, self.height);
        let markup = html! {
            svg.chart viewBox=(view_box) role="group" aria-label=(self.title) stroke-linejoin="round" {
                g aria-hidden="true" { @for shape in &self.shapes { (shape.html()) } }
                @if !self.hits.is_empty() { g text-anchor="middle" { @for hit in &self.hits { (hit.html(self.width)) } } }
            }
        };
        markup.into_string()
    }
}

impl Shape {
    fn html(&self) -> Markup {
        match self {
            Self::Lines { ink, width, runs } => {
                let class = format!("l {}", ink.class());
                let width = Some(*width).filter(|width| *width != px(1));
                html! { path class=(class) stroke-width=[width] d=(path(runs)) {} }
            }
            Self::Area { ink, from, to } => html! {
                rect class={ "f " (ink.class()) } x=(from.x) y=(from.y) width=(to.x - from.x) height=(to.y - from.y) {}
            },
            Self::Marks { ink, index, at } => {
                let all: String = at.iter().map(|at| mark(*index, *at)).collect();
                html! { path class={ "f " (ink.class()) } d=(all) {} }
            }
            Self::Texts { ink, anchor, size_px, words } => {
                let anchor = match anchor {
                    Anchor::Start => None,
                    Anchor::Middle => Some("middle"),
                    Anchor::End => Some("end"),
                };
                let size = Some(px(*size_px)).filter(|_| *size_px != LABEL_PX);
                html! {
                    g class={ "f " (ink.class()) } text-anchor=[anchor] font-size=[size] {
                        @for one in words { text x=(one.at.x) y=(one.at.y) { (one.text) } }
                    }
                }
            }
        }
    }
}

impl Hit {
    fn html(&self, width: i32) -> Markup {
        let (half_width, half_height) = self.half.unwrap_or((px(HIT_RADIUS_PX), px(HIT_RADIUS_PX)));
        let across = self.words_across(width);
        // Above the mark, or below it where there is no room above.
        let first = match self.at.y - half_height - px(2 * LINE_PX) {
            above if above >= 0 => -half_height - px(LINE_PX + 6),
            _ => half_height + px(LINE_PX),
        };
        html! {
            g.hit tabindex=[self.is_focusable.then_some("0")] role="img" aria-label={ (self.name) ": " (self.value) }
                transform={ "translate(" (self.at.x) " " (self.at.y) ")" } {
                @if self.half.is_some() {
                    rect x=(-half_width) y=(-half_height) width=(half_width * 2) height=(half_height * 2) {}
                } @else {
                    circle r=(half_width) {}
                }
                text x=[Some(across).filter(|across| *across != 0)] y=(first) {
                    (self.name)
                    tspan.v x=(across) y=(first + px(LINE_PX)) { (self.value) }
                }
            }
        }
    }

    /// By how much its words are shifted sideways, so that they stay inside a drawing of this width.
    fn words_across(&self, width: i32) -> i32 {
        let half = text::width(&self.name, LABEL_PX).max(text::width_bold(&self.value, LABEL_PX)) / 2;
        // Words wider than the drawing extend equally beyond both sides.
        let (leftmost, rightmost) = if half * 2 > width { (width / 2, width / 2) } else { (half, width - half) };
        self.at.x.clamp(leftmost, rightmost) - self.at.x
    }
}

/// Path data through the points of each run; a point on the straight line between its neighbours is left out.
fn path(runs: &[Vec<Point>]) -> String {
    let mut out = String::new();
    for run in runs {
        let Some(first) = run.first() else { continue };
        // Writing into a string cannot fail.
        let _ = write!(out, "M{} {}", first.x, first.y);
        let mut last = *first;
        for (index, point) in run.iter().enumerate().skip(1) {
            if run.get(index + 1).is_none_or(|next| !is_between(last, *point, *next)) {
                step(&mut out, point.x - last.x, point.y - last.y);
                last = *point;
            }
        }
    }
    out
}

/// One step of path data, in the shortest form.
fn step(out: &mut String, across: i32, down: i32) {
    let _ = match (across, down) {
        (0, down) => write!(out, "v{down}"),
        (across, 0) => write!(out, "h{across}"),
        (across, down) if down < 0 => write!(out, "l{across}{down}"),
        (across, down) => write!(out, "l{across} {down}"),
    };
}

/// True if `point` lies on the straight line from `last` on to `next`.
fn is_between(last: Point, point: Point, next: Point) -> bool {
    let (a, b) = ((point.x - last.x, point.y - last.y), (next.x - point.x, next.y - point.y));
    let is_straight = i64::from(a.0) * i64::from(b.1) == i64::from(a.1) * i64::from(b.0);
    let is_onward = i64::from(a.0) * i64::from(b.0) + i64::from(a.1) * i64::from(b.1) >= 0;
    is_straight && is_onward
}

/// The mark of a transport, distinguished by shape as well as by colour: circle, square, triangle, diamond.
fn mark(index: usize, Point { x, y }: Point) -> String {
    match index {
        0 => format!("M{} {y}a42 42 0 1 0 84 0a42 42 0 1 0-84 0", x - 42),
        1 => format!("M{} {}h76v76h-76z", x - 38, y - 38),
        2 => format!("M{x} {}l48 86h-96z", y - 53),
        _ => format!("M{x} {}l55 55-55 55-55-55z", y - 55),
    }
}

/// Checks for the tests of every chart.
#[cfg(test)]
pub mod check {
    use super::*;
    use crate::report::html::charts::text::Room;

    /// All words of a drawing with the room that they take.
    pub fn words(drawing: &Drawing) -> Vec<(String, Room)> {
        let of = |shape: &Shape| match shape {
            Shape::Texts { anchor, size_px, words, .. } => {
                words.iter().map(|one| (one.text.clone(), Room::of(one, *anchor, *size_px))).collect()
            }
            Shape::Lines { .. } | Shape::Area { .. } | Shape::Marks { .. } => Vec::new(),
        };
        drawing.shapes.iter().flat_map(of).collect()
    }

    /// No words overlap, and neither words nor targets leave the picture.
    pub fn assert_tidy(drawing: &Drawing) {
        let canvas = Room { left: 0, top: 0, right: drawing.width, bottom: drawing.height };
        let words = words(drawing);
        for (index, (text, room)) in words.iter().enumerate() {
            assert!(room.is_inside(&canvas), "{text} leaves the picture: {room:?}");
            for (other, other_room) in &words[index + 1..] {
                assert!(!room.overlaps(other_room), "{text} and {other} overlap: {room:?}, {other_room:?}");
            }
        }
        for hit in &drawing.hits {
            assert!(Room::around(hit.at, 0).is_inside(&canvas), "{hit:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(x: i32, y: i32, value: &str) -> Hit {
        Hit { at: Point::new(x, y), half: None, name: "SSE".into(), value: value.into(), is_focusable: true }
    }

    #[test]
    fn a_hostile_name_stays_text() {
        let hostile = "<script>\"'&";
        let mut drawing = Drawing::new(hostile, 1000, 1000);
        drawing.texts(Ink::Text, Anchor::Start, LABEL_PX, vec![Words { at: Point::new(0, 0), text: hostile.into() }]);
        drawing.hits.push(Hit { name: hostile.into(), ..hit(0, 0, hostile) });
        let svg = drawing.svg();
        assert!(!svg.contains("<script"), "{svg}");
        assert_eq!(svg.matches("&lt;script&gt;&quot;").count(), 1 + 1 + 4, "title, text, name and value: {svg}");
    }

    #[test]
    fn nothing_is_coloured_or_styled_but_by_class() {
        let mut drawing = Drawing::new("a chart", 1000, 1000);
        let (a, b) = (Point::new(0, 0), Point::new(10, 20));
        drawing.lines(Ink::Dashed(1), 1.8, vec![vec![a, b]]);
        drawing.shapes.push(Shape::Area { ink: Ink::Part(2), from: a, to: b });
        drawing.shapes.push(Shape::Marks { ink: Ink::Series(0), index: 0, at: vec![a] });
        drawing.texts(Ink::Muted, Anchor::End, 12, vec![Words { at: a, text: "1 ms".into() }]);
        drawing.hits.push(hit(500, 500, "1 ms"));
        let svg = drawing.svg();
        for forbidden in ["style=", "fill=", "stroke=", "#", "<style", "font-family"] {
            assert!(!svg.contains(forbidden), "{forbidden}: {svg}");
        }
        assert_eq!(svg, drawing.clone().svg(), "the same data makes the same text");
    }

    #[test]
    fn a_target_is_named_and_stops_the_keyboard_only_if_it_should() {
        let mut drawing = Drawing::new("a chart", 1000, 1000);
        drawing.hits = vec![hit(500, 500, "1 ms"), Hit { is_focusable: false, ..hit(600, 500, "2 ms") }];
        let svg = drawing.svg();
        for value in ["1 ms", "2 ms"] {
            assert!(svg.contains(&format!("role=\"img\" aria-label=\"SSE: {value}\"")), "{svg}");
        }
        assert_eq!(svg.matches("tabindex").count(), 1);
    }

    #[test]
    fn the_words_of_a_target_stay_inside_the_drawing() {
        let value = "1.00 s [979 ms, 1.02 s] at 10";
        let half = text::width_bold(value, LABEL_PX) / 2;
        for x in [0, 10, 1000, 1750, 3000, 3500] {
            let middle = x + hit(x, 500, value).words_across(3500);
            assert!(middle >= half && middle + half <= 3500, "{x}: {middle} ± {half}");
        }
        assert_eq!(hit(1750, 500, value).words_across(3500), 0, "where there is room, above the mark");
        assert_eq!(10 + hit(10, 500, value).words_across(100), 50, "too wide: on both sides alike");
    }

    #[test]
    fn a_path_keeps_every_corner_and_drops_what_lies_on_a_straight_line() {
        let run = |points: &[(i32, i32)]| points.iter().map(|(x, y)| Point::new(*x, *y)).collect::<Vec<_>>();
        assert_eq!(path(&[run(&[(0, 0), (5, 5), (10, 10), (10, 20), (10, 30), (4, 21)])]), "M0 0l10 10v20l-6-9");
        assert_eq!(path(&[run(&[(0, 0), (10, 0), (4, 0)])]), "M0 0h10h-6", "a turn back is a corner");
        assert_eq!(path(&[run(&[(1, 2), (3, 2)]), Vec::new(), run(&[(5, 6), (5, 1)])]), "M1 2h2M5 6v-5");
    }

    #[test]
    fn each_transport_has_its_own_mark_around_the_same_middle() {
        let marks: Vec<String> = (0..4).map(|index| mark(index, Point::new(100, 100))).collect();
        for (index, one) in marks.iter().enumerate() {
            assert!(marks[index + 1..].iter().all(|other| other != one));
        }
    }
}
