//! Dots with intervals, one row each, in groups: for categories without an order, such as servers and protocols. A line
//! through them would suggest values in between.

use crate::report::html::charts::axis::Axis;
use crate::report::html::charts::drawing::{Anchor, Drawing, Hit, LABEL_PX, Point, Shape, Words, px};
use crate::report::html::charts::frame::{self, Frame, Label};
use crate::report::html::charts::{DrawError, Ink, Size, text};

/// Height of the line that names a group.
const HEADING: i32 = px(28);
/// Height of a row.
const ROW: i32 = px(23);
/// Height of a row with its name above its dot.
const TALL_ROW: i32 = px(40);
/// From the middle of such a row up to the middle of its name, and down to its dot.
const ABOVE: i32 = px(10);
/// From the edge of the drawing to the middle of a group's mark, and to its name.
const MARK_AT: i32 = px(6);
const HEADING_AT: i32 = px(17);
/// From the area to the values at its right.
const VALUE_GAP: i32 = px(10);
/// Half the height of the line at the value in theory.
const HALF_EXPECTED: i32 = px(8);
/// Half the height of the end of an interval.
const CAP: i32 = px(4);
/// An interval shorter than this is hidden by its dot, and left out.
const INTERVAL_MIN: i32 = px(12);

/// A chart of dots in groups.
pub struct DotGroups<'a> {
    /// Its accessible name.
    pub title: &'a str,
    /// The axis across, and what is written at its ticks.
    pub x: (Axis, Label<'a>),
    /// What it counts.
    pub x_title: &'a str,
    /// The groups, the first on top.
    pub groups: Vec<DotGroup>,
}

/// The rows of one transport.
pub struct DotGroup {
    /// What it is.
    pub name: String,
    /// Index of the transport: ink and shape.
    pub index: usize,
    /// Its rows, the first on top.
    pub rows: Vec<DotRow>,
}

/// One row.
pub struct DotRow {
    /// What it is.
    pub name: String,
    /// The value of the dot; `None` if there is nothing to draw.
    pub value: Option<f64>,
    /// The interval of the value.
    pub interval: Option<[f64; 2]>,
    /// Its value in theory.
    pub expected: Option<f64>,
    /// The value in words, written at the right.
    pub written: String,
    /// What hover and focus show.
    pub shown: String,
}

impl DotGroups<'_> {
    /// The chart as SVG.
    pub fn svg(&self, size: Size) -> Result<String, DrawError> {
        Ok(self.drawing(size).svg())
    }

    fn drawing(&self, size: Size) -> Drawing {
        let rows = || self.groups.iter().flat_map(|group| &group.rows);
        let width = px(size.width_px());
        let names: Vec<String> = rows().map(|row| row.name.clone()).collect();
        // Names too long for the left side are written above their dots, in full.
        let is_above = text::widest(names.iter().map(String::as_str), LABEL_PX)
            > width * frame::SIDE_MAX.0 / frame::SIDE_MAX.1 - frame::TICK_GAP;
        let row_height = if is_above { TALL_ROW } else { ROW };
        let height = HEADING * self.groups.len() as i32 + row_height * names.len() as i32 + px(8) + frame::BELOW;
        let mut drawing = Drawing::new(self.title, width, height);
        let (x, label) = (&self.x.0, self.x.1);
        let values = VALUE_GAP + text::widest(rows().map(|row| row.written.as_str()), LABEL_PX);
        let frame = Frame {
            left: if is_above {
                frame::half_of_first(x, label).max(px(12))
            } else {
                frame::left_of(&names, px(70), width)
            },
            top: 0,
            right: width - frame::right_of(values, x, label, width),
            bottom: height - frame::BELOW,
        };
        frame.draw_across(&mut drawing, x, label, self.x_title);
        let mut top = 0;
        for group in &self.groups {
            let middle = top + HEADING / 2 + px(2);
            let ink = Ink::Series(group.index as u8);
            drawing.shapes.push(Shape::Marks { ink, index: group.index, at: vec![Point::new(MARK_AT, middle)] });
            let words = Words::centred(Point::new(HEADING_AT, middle), LABEL_PX, group.name.clone());
            drawing.texts(ink, Anchor::Start, LABEL_PX, vec![words]);
            top += HEADING;
            for row in &group.rows {
                let (name_at, anchor, middle) = match is_above {
                    true => (
                        Point::new(frame.left, top + row_height / 2 - ABOVE),
                        Anchor::Start,
                        top + row_height / 2 + ABOVE,
                    ),
                    false => (
                        Point::new(frame.left - frame::TICK_GAP, top + row_height / 2),
                        Anchor::End,
                        top + row_height / 2,
                    ),
                };
                let room = if is_above { width - frame.left } else { name_at.x };
                let name = text::shortened(&row.name, LABEL_PX, room);
                drawing.texts(Ink::Text, anchor, LABEL_PX, vec![Words::centred(name_at, LABEL_PX, name)]);
                self.draw_row(&mut drawing, &frame, group, row, middle);
                top += row_height;
            }
        }
        drawing
    }

    /// One row: its base line, its value in theory, its interval, its dot and its value.
    fn draw_row(&self, drawing: &mut Drawing, frame: &Frame, group: &DotGroup, row: &DotRow, middle: i32) {
        let (x, ink) = (&self.x.0, Ink::Series(group.index as u8));
        let across = |value: f64| frame.across(x, value);
        let level = vec![Point::new(frame.left, middle), Point::new(frame.right, middle)];
        drawing.lines(Ink::Grid, 1.0, vec![level]);
        if let Some(at) = row.expected.filter(|value| x.holds(*value)).map(across) {
            let upright = vec![Point::new(at, middle - HALF_EXPECTED), Point::new(at, middle + HALF_EXPECTED)];
            drawing.lines(Ink::TcpBaseline, 1.6, vec![upright]);
        }
        if let Some(ends) = row.interval.map(|ends| ends.map(across)) {
            let lines = interval(frame, middle, ends);
            if !lines.is_empty() {
                drawing.lines(ink, 1.6, lines);
            }
        }
        let at = row.value.filter(|value| x.holds(*value)).map(|value| Point::new(across(value), middle));
        if let Some(at) = at {
            drawing.shapes.push(Shape::Marks { ink, index: group.index, at: vec![at] });
            let name = format!("{} on {}", group.name, row.name);
            drawing.hits.push(Hit { at, half: None, name, value: row.shown.clone(), is_focusable: true });
        }
        let at = Point::new(frame.right + VALUE_GAP, middle);
        let ink = if at_is_value(row) { Ink::Text } else { Ink::Muted };
        drawing.texts(ink, Anchor::Start, LABEL_PX, vec![Words::centred(at, LABEL_PX, row.written.clone())]);
    }
}

/// True if the text at the right of a row is a value, and not the dash of a missing one.
fn at_is_value(row: &DotRow) -> bool {
    row.value.is_some()
}

/// The lines of an interval. An end beyond the area has no cap, since the interval continues.
fn interval(frame: &Frame, middle: i32, [low, high]: [i32; 2]) -> Vec<Vec<Point>> {
    let (left, right) = (low.max(frame.left), high.min(frame.right));
    if right - left <= INTERVAL_MIN {
        return Vec::new();
    }
    let cap = |x: i32| vec![Point::new(x, middle - CAP), Point::new(x, middle + CAP)];
    let mut lines = vec![vec![Point::new(left, middle), Point::new(right, middle)]];
    lines.extend([low, high].into_iter().filter(|end| (left..=right).contains(end)).map(cap));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::charts::axis::Scale;
    use crate::report::html::charts::drawing::check::{assert_tidy, words};

    fn row(name: &str, value: Option<f64>, interval: Option<[f64; 2]>) -> DotRow {
        let written = value.map_or_else(|| "–".to_owned(), |value| format!("{value} ms"));
        DotRow { name: name.to_owned(), value, interval, expected: Some(4.0), shown: written.clone(), written }
    }

    fn drawing(names: &[&str], size: Size) -> Drawing {
        let group = |(index, name): (usize, &str)| {
            let rows = names.iter().enumerate().map(|(at, name)| {
                let value = at as f64 + 1.0;
                row(name, (at != 1).then_some(value), Some([value - 0.5, value + 20.0]))
            });
            DotGroup { name: name.to_owned(), index, rows: rows.collect() }
        };
        let groups = ["Polling", "Long polling", "SSE", "WebSocket"].into_iter().enumerate().map(group).collect();
        let x = Axis::exact(0.0, 10.0, Scale::Linear, vec![0.0, 5.0, 10.0]);
        DotGroups { title: "Latency", x: (x, &|value| format!("{value} ms")), x_title: "time", groups }.drawing(size)
    }

    fn marks(drawing: &Drawing) -> Vec<(usize, Point)> {
        let mark = |shape: &Shape| match shape {
            Shape::Marks { index, at, .. } => at.first().map(|at| (*index, *at)),
            Shape::Lines { .. } | Shape::Area { .. } | Shape::Texts { .. } => None,
        };
        drawing.shapes.iter().filter_map(mark).collect()
    }

    const FIVE: [&str; 5] = ["pushpull", "nchan", "textbook_axum", "socketio", "ws"];
    const LONG: &str = "targets/the-server-that-our-team-has-been-running-since-last-spring.toml";

    #[test]
    fn every_name_is_there_whole_at_every_width_and_no_words_overlap() {
        for size in [Size::Full, Size::Half, Size::Phone] {
            for names in [&FIVE[..], &["rtt=20ms,loss=1%,rate=1Mbit", "none"], &["one"]] {
                let drawing = drawing(names, size);
                assert_tidy(&drawing);
                for name in names {
                    let count = words(&drawing).iter().filter(|(text, _)| text == name).count();
                    assert_eq!(count, 4, "{name} once in each group, {size:?}");
                }
            }
            assert_tidy(&drawing(&[LONG, "ws"], size));
        }
    }

    #[test]
    fn a_name_wider_than_the_picture_is_shortened_in_its_middle() {
        let drawing = drawing(&[LONG, "ws"], Size::Phone);
        let is_short = |text: &str| text.starts_with("targets/") && text.contains('…') && text.ends_with(".toml");
        assert_eq!(words(&drawing).iter().filter(|(text, _)| is_short(text)).count(), 4);
        assert!(drawing.hits.iter().any(|hit| hit.name.ends_with(LONG)), "hover shows the whole of it");
    }

    #[test]
    fn dots_stand_at_their_values_under_one_another_and_nothing_joins_them() {
        let drawing = drawing(&FIVE, Size::Half);
        let marks = marks(&drawing);
        assert_eq!(marks.len(), 4 * (1 + 4), "a heading's mark and four values in each group: one has none");
        let of_first: Vec<Point> = marks.iter().filter(|(index, _)| *index == 0).skip(1).map(|(_, at)| *at).collect();
        let steps: Vec<i32> = of_first.windows(2).map(|pair| pair[1].x - pair[0].x).collect();
        assert!((steps[0] - 2 * steps[1]).abs() <= 2 && (steps[1] - steps[2]).abs() <= 1, "{steps:?}");
        assert!(of_first.windows(2).all(|pair| pair[1].y > pair[0].y));
        for shape in &drawing.shapes {
            if let Shape::Lines { ink: Ink::Series(_), runs, .. } = shape {
                let is_level = |run: &Vec<Point>| run[0].y == run[1].y || run[0].x == run[1].x;
                assert!(runs.iter().all(is_level), "an interval is level, and no line leads from row to row");
            }
        }
    }

    #[test]
    fn an_interval_that_goes_on_past_the_area_has_no_cap_there() {
        let frame = Frame { left: 0, top: 0, right: 1000, bottom: 500 };
        assert_eq!(interval(&frame, 100, [200, 600]).len(), 3);
        assert_eq!(interval(&frame, 100, [200, 4000]).len(), 2);
        assert!(interval(&frame, 100, [200, 210]).is_empty(), "hidden by its dot");
    }
}
