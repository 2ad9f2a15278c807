//! Strips of dots: every single value in its row, with a bar at the middle one.

use crate::report::html::charts::axis::Axis;
use crate::report::html::charts::drawing::{Drawing, Hit, Point, Shape, px};
use crate::report::html::charts::frame::{self, Frame};
use crate::report::html::charts::{DrawError, Ink, Size};

/// Height of a row.
const ROW: i32 = px(34);
/// Half the height of the bar at the middle value: higher than the dots of all lanes.
const HALF_BAR: i32 = px(16);
/// Dots closer than this across would hide one another.
const DOTS_APART: i32 = px(9);
/// The offsets of the lanes from the middle line of a row.
const LANES: [i32; 3] = [0, px(-9), px(9)];

/// A chart of strips.
pub struct Strip<'a> {
    /// Its accessible name.
    pub title: &'a str,
    /// The axis across.
    pub x: Axis,
    /// What it counts.
    pub x_title: &'a str,
    /// How a tick is written.
    pub label: &'a dyn Fn(f64) -> String,
    /// The strips, the first on top.
    pub rows: Vec<Dots>,
    /// An area that marks what is close enough to its middle, and a line through that middle.
    pub band: Option<[f64; 2]>,
}

/// One strip.
pub struct Dots {
    /// What it is.
    pub name: String,
    /// Index of its transport: ink and shape.
    pub index: usize,
    /// Its middle value, drawn as a bar; `None` for strips without one.
    pub middle: Option<f64>,
    /// Each value with what hover and focus show: what it is, and its value.
    pub dots: Vec<(f64, String, String)>,
}

impl Strip<'_> {
    /// The chart as SVG.
    pub fn svg(&self, size: Size) -> Result<String, DrawError> {
        Ok(self.drawing(size).svg())
    }

    fn drawing(&self, size: Size) -> Drawing {
        let (width, height) = (px(size.width_px()), ROW * self.rows.len() as i32 + px(6) + frame::BELOW);
        let mut drawing = Drawing::new(self.title, width, height);
        let names: Vec<String> = self.rows.iter().map(|row| row.name.clone()).collect();
        let frame = Frame {
            left: frame::left_of(&names, px(96), width),
            top: px(6),
            right: width - frame::right_of(px(10), &self.x, self.label, width),
            bottom: height - frame::BELOW,
        };
        let across = |value: f64| frame.across(&self.x, value);
        if let Some([low, high]) = self.band.map(|band| band.map(across)) {
            let (from, to) = (Point::new(low, frame.top), Point::new(high, frame.bottom));
            drawing.shapes.push(Shape::Area { ink: Ink::Band, from, to });
            let middle = (low + high) / 2;
            let upright = vec![Point::new(middle, frame.top), Point::new(middle, frame.bottom)];
            drawing.lines(Ink::TcpBaseline, Ink::TcpBaseline.width_px(), vec![upright]);
        }
        frame.draw_across(&mut drawing, &self.x, self.label, self.x_title);
        let middles = frame.draw_rows(&mut drawing, names);
        let level = |y: &i32| vec![Point::new(frame.left, *y), Point::new(frame.right, *y)];
        drawing.lines(Ink::Grid, 1.0, middles.iter().map(level).collect());
        let (lowest, highest) = self.x.ends();
        for (row, y) in self.rows.iter().zip(middles) {
            let ink = Ink::Series(row.index as u8);
            if let Some(x) = row.middle.filter(|middle| self.x.holds(*middle)).map(across) {
                drawing.lines(ink, 2.0, vec![vec![Point::new(x, y - HALF_BAR), Point::new(x, y + HALF_BAR)]]);
            }
            // A value beyond the ends is drawn at the end; the value shown for it is the true one.
            let places: Vec<i32> = row.dots.iter().map(|dot| across(dot.0.clamp(lowest, highest))).collect();
            let at = places.iter().zip(lanes(&places)).map(|(x, lane)| Point::new(*x, y + lane));
            let at: Vec<Point> = at.collect();
            let hits = at.iter().zip(&row.dots).map(|(at, (_, name, value))| {
                let (name, value) = (name.clone(), value.clone());
                Hit { at: *at, half: None, name, value, is_focusable: true }
            });
            drawing.hits.extend(hits);
            if !at.is_empty() {
                drawing.shapes.push(Shape::Marks { ink, index: row.index, at });
            }
        }
        drawing
    }
}

/// The lane of each dot, so that dots do not overlap: from left to right, the first lane that is free at its place, or
/// the one whose last dot is farthest away if none is.
fn lanes(places: &[i32]) -> Vec<i32> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|index| places[*index]);
    let mut last: [Option<i32>; LANES.len()] = [None; LANES.len()];
    let mut lanes = vec![0; places.len()];
    for index in order {
        let here = places[index];
        let is_free = |lane: &usize| last[*lane].is_none_or(|last| here - last >= DOTS_APART);
        let farthest = || (0..LANES.len()).min_by_key(|lane| last[*lane]);
        if let Some(lane) = (0..LANES.len()).find(is_free).or_else(farthest) {
            (lanes[index], last[lane]) = (LANES[lane], Some(here));
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::charts::axis::Scale;
    use crate::report::html::charts::drawing::check::assert_tidy;

    fn strip(rows: &[&[f64]]) -> Drawing {
        strip_at(rows, &|value| value.to_string(), Size::Half)
    }

    fn strip_at(rows: &[&[f64]], label: &dyn Fn(f64) -> String, size: Size) -> Drawing {
        let row = |(index, values): (usize, &&[f64])| {
            let dot = |value: &f64| (*value, "SSE, round 1".to_owned(), format!("{value} ms"));
            Dots { name: "SSE".to_owned(), index, middle: Some(5.0), dots: values.iter().map(dot).collect() }
        };
        let rows = rows.iter().enumerate().map(row).collect();
        let x = Axis::exact(0.0, 10.0, Scale::Linear, vec![0.0, 5.0, 10.0]);
        let band = Some([4.0, 6.0]);
        Strip { title: "", x, x_title: "", label, rows, band }.drawing(size)
    }

    fn marks(drawing: &Drawing) -> Vec<(usize, Vec<Point>)> {
        let marks = |shape: &Shape| match shape {
            Shape::Marks { index, at, .. } => Some((*index, at.clone())),
            Shape::Lines { .. } | Shape::Area { .. } | Shape::Texts { .. } => None,
        };
        drawing.shapes.iter().filter_map(marks).collect()
    }

    #[test]
    fn every_value_has_its_dot_at_its_place_and_a_target_over_it() {
        let drawing = strip(&[&[0.0, 10.0, 5.0], &[2.5]]);
        let [(0, first), (1, second)] = &marks(&drawing)[..] else { panic!("two rows") };
        let (start, length) = (first[0].x, first[1].x - first[0].x);
        assert_eq!(first[2].x - start, length / 2);
        assert!((second[0].x - start - length / 4).abs() <= 1);
        assert!(second[0].y - first[0].y == ROW && first.iter().all(|dot| dot.y == first[0].y));
        let hits: Vec<Point> = drawing.hits.iter().map(|hit| hit.at).collect();
        assert_eq!(hits, [first.clone(), second.clone()].concat());
        assert_eq!(drawing.hits[3].value, "2.5 ms");
    }

    #[test]
    fn a_value_past_the_end_stands_at_the_end_and_keeps_its_words() {
        let drawing = strip(&[&[10.0], &[99.0], &[-3.0]]);
        let marks = marks(&drawing);
        assert_eq!(marks[0].1[0].x, marks[1].1[0].x);
        assert!(marks[2].1[0].x < marks[0].1[0].x);
        assert_eq!(drawing.hits[1].value, "99 ms");
    }

    #[test]
    fn the_middle_and_the_band_are_drawn_where_their_values_are() {
        let drawing = strip(&[&[5.0]]);
        let dot = marks(&drawing)[0].1[0];
        let is_bar =
            |run: &Vec<Point>| *run == [Point::new(dot.x, dot.y - HALF_BAR), Point::new(dot.x, dot.y + HALF_BAR)];
        let has_bar =
            |shape: &Shape| matches!(shape, Shape::Lines { ink: Ink::Series(0), runs, .. } if runs.iter().any(is_bar));
        assert!(drawing.shapes.iter().any(has_bar));
        let Some(Shape::Area { ink: Ink::Band, from, to }) = drawing.shapes.first() else {
            panic!("the band is behind all")
        };
        assert!(((from.x + to.x) / 2 - dot.x).abs() <= 1 && from.x < dot.x);
    }

    #[test]
    fn no_words_overlap_or_leave_the_picture() {
        for size in [Size::Full, Size::Half, Size::Phone] {
            for label in ["0", "+25 %", "1,000,000 B", "1,000,000,000 B"] {
                assert_tidy(&strip_at(&[&[5.0, 5.0, 5.0], &[]], &|_| label.to_owned(), size));
            }
        }
    }

    #[test]
    fn dots_that_would_hide_one_another_stand_in_different_lanes() {
        let drawing = strip(&[&[5.0, 5.0, 5.0]]);
        let dots = &marks(&drawing)[0].1;
        assert!(dots.iter().all(|dot| dot.x == dots[0].x) && drawing.hits.iter().map(|hit| hit.at).eq(dots.clone()));
        let heights: std::collections::BTreeSet<i32> = dots.iter().map(|dot| dot.y).collect();
        assert_eq!(heights.len(), 3, "three equal values are three dots");
        assert_eq!(lanes(&[0, 500, 1000]), [0, 0, 0]);
        assert_eq!(lanes(&[100, 100, 100]), [LANES[0], LANES[1], LANES[2]]);
        assert_eq!(lanes(&[140, 100, 400]), [LANES[1], LANES[0], LANES[0]], "from left to right, whatever their order");
        assert_eq!(lanes(&[100, 110, 120, 130]), [LANES[0], LANES[1], LANES[2], LANES[0]], "where no lane is free");
    }
}
