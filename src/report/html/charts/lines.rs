//! Lines over a figure or a setting, with intervals as whiskers.

use crate::report::html::charts::axis::Axis;
use crate::report::html::charts::drawing::{Anchor, Drawing, Hit, LABEL_PX, Point, Shape, Words, px};
use crate::report::html::charts::frame::{self, Frame, Label};
use crate::report::html::charts::text::{self, FreeRoom, Room};
use crate::report::html::charts::{DrawError, Ink, Size};

/// From one name at the ends of the lines to the next.
const NAMES_APART: i32 = px(17);
/// From the end of the longest line to the names.
const NAME_GAP: i32 = px(10);
/// The same for a name that was moved: there is room for a leader to it.
const LEADER_GAP: i32 = px(20);
/// A line that ends this far before the longest has its name at its own end.
const ALONE_MIN: i32 = px(60);
/// A name moved farther than this has a leader from its line.
const LEADER_MIN: i32 = px(4);
/// Size of the words next to a mark.
const MARK_LABEL_PX: i32 = LABEL_PX - 1;
/// Room that a mark takes around its middle.
const MARK_REACH: i32 = px(6);
/// Half the width of a whisker's end.
const CAP: i32 = px(4);
/// A whisker shorter than this is hidden by its mark, and left out.
const WHISKER_MIN: i32 = px(8);

/// A chart of lines.
pub struct Lines<'a> {
    /// Its accessible name.
    pub title: &'a str,
    /// The axis across, and what is written at its ticks.
    pub x: (Axis, Label<'a>),
    /// The axis upwards.
    pub y: (Axis, Label<'a>),
    /// What the axis across counts.
    pub x_title: &'a str,
    /// What the axis upwards counts.
    pub y_title: &'a str,
    /// The lines, drawn in this order.
    pub series: Vec<Series>,
    /// Height of the picture on a desk.
    pub height_px: i32,
}

/// One line.
pub struct Series {
    /// Written at its end and on hover.
    pub name: String,
    /// What it is drawn with.
    pub ink: Ink,
    /// Shape of the marks at its points; `None` draws the line alone.
    pub marker: Option<usize>,
    /// True if its name is written at its end.
    pub is_named: bool,
    /// Its points, in order.
    pub points: Vec<Mark>,
}

/// One point of a line.
pub struct Mark {
    /// Place across.
    pub x: f64,
    /// Place upwards.
    pub y: f64,
    /// Interval of `y`.
    pub interval: Option<[f64; 2]>,
    /// Written next to the mark if there is room, so not on a phone.
    pub label: Option<String>,
    /// What hover and focus show; `None` for a point that only carries the line.
    pub shown: Option<String>,
    /// Whether the keyboard stops here.
    pub is_focusable: bool,
}

impl Mark {
    /// A point that only carries the line.
    pub fn plain(x: f64, y: f64) -> Self {
        Self { x, y, interval: None, label: None, shown: None, is_focusable: false }
    }
}

impl Lines<'_> {
    /// The chart as SVG.
    pub fn svg(&self, size: Size) -> Result<String, DrawError> {
        Ok(self.drawing(size).svg())
    }

    fn drawing(&self, size: Size) -> Drawing {
        let (width, height) = (px(size.width_px()), px(self.height_px));
        let mut drawing = Drawing::new(self.title, width, height);
        // On a phone the legend above the chart has the names.
        let named = || self.series.iter().filter(|series| series.is_named && size != Size::Phone);
        let names = text::widest(named().map(|series| series.name.as_str()), LABEL_PX);
        let names = if names > 0 { LEADER_GAP + names } else { 0 };
        let y_texts: Vec<String> = self.y.0.labels().map(self.y.1).collect();
        let frame = Frame {
            left: frame::left_of(&y_texts, px(56), width),
            top: px(30),
            right: width - frame::right_of(names, &self.x.0, self.x.1, width),
            bottom: height - frame::BELOW,
        };
        if size == Size::Full {
            frame.draw_minor(&mut drawing, &self.x.0, &self.y.0);
        }
        frame.draw_upwards(&mut drawing, &self.y.0, self.y.1);
        frame.draw_across(&mut drawing, &self.x.0, self.x.1, self.x_title);
        let title = Words { at: Point::new(0, px(12)), text: self.y_title.to_owned() };
        drawing.texts(Ink::Muted, Anchor::Start, LABEL_PX, vec![title]);

        let runs: Vec<Vec<Vec<Point>>> = self.series.iter().map(|series| self.runs(&frame, series)).collect();
        for (series, runs) in self.series.iter().zip(&runs) {
            let lines: Vec<_> = runs.iter().filter(|run| run.len() > 1).cloned().collect();
            if !lines.is_empty() {
                drawing.lines(series.ink, series.ink.width_px(), lines);
            }
        }
        for series in &self.series {
            self.draw_marks(&mut drawing, &frame, series);
        }
        if size != Size::Phone {
            self.draw_words(&mut drawing, &frame, &runs);
        }
        drawing
    }

    /// The names of the lines and the words next to their marks.
    fn draw_words(&self, drawing: &mut Drawing, frame: &Frame, runs: &[Vec<Vec<Point>>]) {
        let named = self.series.iter().zip(runs).filter(|(series, _)| series.is_named);
        let ends = named.filter_map(|(series, runs)| Some((*runs.last()?.last()?, series)));
        let ends: Vec<(Point, &Series)> = ends.collect();
        // A line that ends long before the others has its name there, instead of at the end of a long leader.
        let across = ends.iter().map(|(end, _)| end.x).max().unwrap_or_default();
        let is_beside_others = |(end, _): &(Point, &Series)| across - end.x < ALONE_MIN;
        let (beside_others, mut alone): (Vec<_>, Vec<_>) = ends.into_iter().partition(is_beside_others);
        // From the top down, so that of two close lines the upper one has its name above.
        alone.sort_by_key(|(end, _)| end.y);
        let placed = self.series.iter().flat_map(|series| &series.points).filter(|mark| self.is_placed(mark));
        let placed: Vec<(Point, &Mark)> = placed.map(|mark| (self.place(frame, mark), mark)).collect();
        let mut free = FreeRoom {
            area: Room { left: frame.left, top: frame.top - px(10), right: drawing.width, bottom: frame.bottom },
            taken: placed.iter().map(|(at, _)| Room::around(*at, MARK_REACH)).collect(),
            lines: runs.iter().flatten().flat_map(|run| run.windows(2).map(|pair| (pair[0], pair[1]))).collect(),
        };
        free.taken.extend(draw_names(drawing, frame, beside_others));
        for (end, series) in alone {
            if let Some(words) = free.take(end, &series.name, LABEL_PX) {
                drawing.texts(series.ink.of_words(), Anchor::Start, LABEL_PX, vec![words]);
            }
        }
        let labels = placed.iter().filter_map(|(at, mark)| free.take(*at, mark.label.as_ref()?, MARK_LABEL_PX));
        let labels: Vec<Words> = labels.collect();
        if !labels.is_empty() {
            drawing.texts(Ink::Muted, Anchor::Start, MARK_LABEL_PX, labels);
        }
    }

    /// True if a mark has a place: zero has none on a logarithmic axis.
    fn is_placed(&self, mark: &Mark) -> bool {
        self.x.0.holds(mark.x) && self.y.0.holds(mark.y)
    }

    fn place(&self, frame: &Frame, mark: &Mark) -> Point {
        frame.place(&self.x.0, &self.y.0, (mark.x, mark.y))
    }

    /// The line of a series; it breaks where a point has no place.
    fn runs(&self, frame: &Frame, series: &Series) -> Vec<Vec<Point>> {
        let pieces = series.points.split(|mark| !self.is_placed(mark));
        let pieces = pieces.map(|piece| piece.iter().map(|mark| self.place(frame, mark)).collect());
        pieces.filter(|piece: &Vec<Point>| !piece.is_empty()).collect()
    }

    /// Whiskers, marks and targets of a series.
    fn draw_marks(&self, drawing: &mut Drawing, frame: &Frame, series: &Series) {
        let placed = || series.points.iter().filter(|mark| self.is_placed(mark));
        let whiskers = placed().filter_map(|mark| {
            Some((self.place(frame, mark).x, mark.interval?.map(|end| self.y.0.place(end, frame.bottom, frame.top))))
        });
        let whiskers: Vec<Vec<Point>> = whiskers.flat_map(|(x, ends)| whisker(frame, x, ends)).collect();
        if !whiskers.is_empty() {
            drawing.lines(series.ink, 1.2, whiskers);
        }
        if let Some(index) = series.marker {
            let at: Vec<Point> = placed().map(|mark| self.place(frame, mark)).collect();
            drawing.shapes.push(Shape::Marks { ink: series.ink, index, at });
        }
        let hits = placed().filter_map(|mark| {
            let (name, value) = (series.name.clone(), mark.shown.clone()?);
            Some(Hit { at: self.place(frame, mark), half: None, name, value, is_focusable: mark.is_focusable })
        });
        drawing.hits.extend(hits);
    }
}

/// The lines of an interval's whisker. An end beyond the area has no cap, since the interval continues.
fn whisker(frame: &Frame, x: i32, [low, high]: [i32; 2]) -> Vec<Vec<Point>> {
    let (bottom, top) = (low.min(frame.bottom), high.max(frame.top));
    if bottom - top <= WHISKER_MIN {
        return Vec::new();
    }
    let cap = |y: i32| vec![Point::new(x - CAP, y), Point::new(x + CAP, y)];
    let mut lines = vec![vec![Point::new(x, top), Point::new(x, bottom)]];
    lines.extend([low, high].into_iter().filter(|end| (top..=bottom).contains(end)).map(cap));
    lines
}

/// The names at the right ends of lines that end together, pushed apart so that none overlap, with leaders to those
/// that were moved. Returns the room that they take.
fn draw_names(drawing: &mut Drawing, frame: &Frame, mut ends: Vec<(Point, &Series)>) -> Vec<Room> {
    ends.sort_by_key(|(end, _)| end.y);
    let wanted: Vec<i32> = ends.iter().map(|(end, _)| end.y).collect();
    let places = text::apart(&wanted, NAMES_APART, frame.top, frame.bottom);
    let across = ends.iter().map(|(end, _)| end.x).max().unwrap_or_default();
    let has_leader = |end: Point, y: i32| (end.y - y).abs() > LEADER_MIN || across - end.x > LEADER_MIN;
    let has_leaders = ends.iter().zip(&places).any(|((end, _), y)| has_leader(*end, *y));
    let left = across + if has_leaders { LEADER_GAP } else { NAME_GAP };
    let mut rooms = Vec::new();
    for ((end, series), y) in ends.into_iter().zip(places) {
        let ink = series.ink.of_words();
        if has_leader(end, y) {
            let run = vec![Point::new(end.x + MARK_REACH, end.y), Point::new(left - px(3), y)];
            drawing.lines(ink.of_leader(), 1.0, vec![run]);
        }
        let words = Words::centred(Point::new(left, y), LABEL_PX, series.name.clone());
        rooms.push(Room::of(&words, Anchor::Start, LABEL_PX));
        drawing.texts(ink, Anchor::Start, LABEL_PX, vec![words]);
    }
    rooms
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
