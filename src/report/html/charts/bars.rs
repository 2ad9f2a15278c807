//! Stacked bars: one row for each thing compared, one segment for each part.

use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::drawing::{Anchor, Drawing, Hit, LABEL_PX, Point, Shape, Words, px};
use crate::report::html::charts::frame::{self, Frame};
use crate::report::html::charts::{DrawError, Ink, Size, text};

/// From the end of a bar to its total.
const TOTAL_GAP: i32 = px(8);
/// Half the height of a bar, as a share of the height of its row.
const HALF_BAR: (i32, i32) = (3, 10);
/// A segment's target is at least this wide.
const HIT_MIN: i32 = px(4);

/// A chart of stacked bars.
pub struct Bars<'a> {
    /// Its accessible name.
    pub title: &'a str,
    /// What the axis counts.
    pub x_title: &'a str,
    /// How a value is written, at the ticks and on hover.
    pub label: &'a dyn Fn(f64) -> String,
    /// The bars, the first on top.
    pub rows: Vec<Bar>,
}

/// One bar.
pub struct Bar {
    /// What it is.
    pub name: String,
    /// Its segments: name, ink, value.
    pub parts: Vec<(&'static str, Ink, f64)>,
    /// Written at its end.
    pub total: String,
}

impl Bars<'_> {
    /// The chart as SVG; `None` if there is nothing to draw.
    pub fn svg(&self, size: Size) -> Result<Option<String>, DrawError> {
        Ok(self.drawing(size).map(|drawing| drawing.svg()))
    }

    fn drawing(&self, size: Size) -> Option<Drawing> {
        let lengths = || self.rows.iter().map(|row| row.parts.iter().map(|part| part.2).sum::<f64>());
        let (ticks, row_px) = match size {
            Size::Full => (6, 50),
            Size::Half => (4, 46),
            Size::Phone => (3, 44),
        };
        let x = Axis::fit(lengths(), Scale::Linear, ticks)?;
        // The axis ends with the longest bar, where its total is written.
        let longest = lengths().fold(0.0, f64::max);
        let labelled = x.labels().filter(|value| *value <= longest).collect();
        let x = if longest > 0.0 { Axis::exact(0.0, longest, Scale::Linear, labelled) } else { x };
        let row_height = px(row_px);
        let (width, height) = (px(size.width_px()), row_height * self.rows.len() as i32 + px(6) + frame::BELOW);
        let mut drawing = Drawing::new(self.title, width, height);
        let names: Vec<String> = self.rows.iter().map(|row| row.name.clone()).collect();
        let totals = TOTAL_GAP + text::widest(self.rows.iter().map(|row| row.total.as_str()), LABEL_PX);
        let frame = Frame {
            left: frame::left_of(&names, px(96), width),
            top: px(6),
            right: width - frame::right_of(totals, &x, self.label, width),
            bottom: height - frame::BELOW,
        };
        frame.draw_across(&mut drawing, &x, self.label, self.x_title);
        let middles = frame.draw_rows(&mut drawing, names);
        let half = row_height * HALF_BAR.0 / HALF_BAR.1;
        let mut totals = Vec::new();
        for (row, middle) in self.rows.iter().zip(middles) {
            let mut sum = 0.0;
            for (part, ink, value) in row.parts.iter().filter(|part| part.2 > 0.0) {
                // From rounded end to rounded end, so that neighbours touch and never overlap.
                let (left, right) = (frame.across(&x, sum), frame.across(&x, sum + value));
                let (from, to) = (Point::new(left, middle - half), Point::new(right, middle + half));
                drawing.shapes.push(Shape::Area { ink: *ink, from, to });
                drawing.hits.push(Hit {
                    at: Point::new((left + right) / 2, middle),
                    half: Some(((right - left).max(HIT_MIN) / 2, half)),
                    name: format!("{}, {part}", row.name),
                    value: (self.label)(*value),
                    is_focusable: true,
                });
                sum += value;
            }
            let at = Point::new(frame.across(&x, sum) + TOTAL_GAP, middle);
            totals.push(Words::centred(at, LABEL_PX, row.total.clone()));
        }
        drawing.texts(Ink::Text, Anchor::Start, LABEL_PX, totals);
        let zero = vec![Point::new(frame.left, frame.top), Point::new(frame.left, frame.bottom)];
        drawing.lines(Ink::Axis, 1.0, vec![zero]);
        Some(drawing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::charts::drawing::check::assert_tidy;

    fn bars(rows: &[(&str, [f64; 3])]) -> Drawing {
        bars_at(rows, Size::Half)
    }

    fn bars_at(rows: &[(&str, [f64; 3])], size: Size) -> Drawing {
        let bar = |(name, values): &(&str, [f64; 3])| {
            let parts = ["payload", "framing", "headers"].into_iter().zip(values).enumerate();
            let parts = parts.map(|(index, (part, value))| (part, Ink::Part(index as u8), *value)).collect();
            Bar { name: (*name).to_owned(), parts, total: format!("{} B", values.iter().sum::<f64>()) }
        };
        let rows = rows.iter().map(bar).collect();
        let bars = Bars { title: "Bytes", x_title: "bytes", label: &|value| format!("{value} B"), rows };
        bars.drawing(size).unwrap()
    }

    fn areas(drawing: &Drawing) -> Vec<(Ink, Point, Point)> {
        let area = |shape: &Shape| match shape {
            Shape::Area { ink, from, to } => Some((*ink, *from, *to)),
            Shape::Lines { .. } | Shape::Marks { .. } | Shape::Texts { .. } => None,
        };
        drawing.shapes.iter().filter_map(area).collect()
    }

    #[test]
    fn segments_are_as_long_as_their_values_and_touch_one_another() {
        let areas = areas(&bars(&[("SSE", [100.0, 50.0, 200.0]), ("Polling", [400.0, 0.0, 0.0])]));
        assert_eq!(areas.len(), 4, "a part that is zero has no segment");
        let length = |index: usize| f64::from(areas[index].2.x - areas[index].1.x);
        for (index, share) in [(0, 0.25), (1, 0.125), (2, 0.5)] {
            assert!((length(index) / length(3) - share).abs() < 0.002, "{index}: {areas:?}");
        }
        assert_eq!((areas[0].2.x, areas[1].2.x), (areas[1].1.x, areas[2].1.x));
        assert!(areas[3].1.y > areas[0].2.y, "the second row is below the first");
    }

    #[test]
    fn each_segment_has_its_target_and_a_thin_one_is_wide_enough_to_hit() {
        let drawing = bars(&[("SSE", [1000.0, 0.5, 200.0])]);
        let (areas, hits) = (areas(&drawing), &drawing.hits);
        assert_eq!(
            hits.iter().map(|hit| hit.name.as_str()).collect::<Vec<_>>(),
            ["SSE, payload", "SSE, framing", "SSE, headers"]
        );
        for (hit, (_, from, to)) in hits.iter().zip(areas) {
            let half = hit.half.unwrap().0;
            assert!(half * 2 >= HIT_MIN && half * 2 >= (to.x - from.x) - 1);
            assert!((hit.at.x - half - from.x).abs() <= HIT_MIN && hit.is_focusable);
        }
    }

    #[test]
    fn the_longest_bar_reaches_the_end_of_the_axis_and_its_total_fits_behind_it() {
        for longest in [0.3, 7.0, 99.0, 617.0, 4_968.5, 65_536_000.0] {
            for size in [Size::Full, Size::Half, Size::Phone] {
                let drawing = bars_at(&[("Long polling", [longest, 0.0, 0.0]), ("SSE", [0.0; 3])], size);
                assert_tidy(&drawing);
                let [(_, from, to)] = areas(&drawing)[..] else { panic!("one segment") };
                let base = |shape: &Shape| match shape {
                    Shape::Lines { ink: Ink::Axis, runs, .. } => Some((runs[0][0].x, runs[0][1].x)),
                    Shape::Lines { .. } | Shape::Area { .. } | Shape::Marks { .. } | Shape::Texts { .. } => None,
                };
                assert_eq!(drawing.shapes.iter().find_map(base), Some((from.x, to.x)));
            }
        }
        assert_tidy(&bars(&[("SSE", [0.0; 3])]));
    }

    #[test]
    fn without_a_row_there_is_no_chart() {
        let bars = Bars { title: "", x_title: "", label: &|value| value.to_string(), rows: Vec::new() };
        assert!(bars.drawing(Size::Full).is_none());
    }
}
