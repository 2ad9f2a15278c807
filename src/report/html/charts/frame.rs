//! The area between two axes: its grid, its ticks and their words.

use crate::report::html::charts::axis::Axis;
use crate::report::html::charts::drawing::{Anchor, Drawing, LABEL_PX, Point, Words, px};
use crate::report::html::charts::{Ink, text};

/// How a tick is written.
pub type Label<'a> = &'a dyn Fn(f64) -> String;

/// From the axis to the words of its ticks.
pub const TICK_GAP: i32 = px(8);
/// Length of the mark at a tick.
const TICK: i32 = px(4);
/// From the axis across down to the baseline of its words; the lowest label of the axis upwards ends above them.
const TICK_BASELINE: i32 = px(19);
/// From the title of the axis across up from the lower edge of the drawing to its baseline.
const TITLE_BASELINE: i32 = px(5);
/// Room below the area: ticks, their words, the title of the axis across.
pub const BELOW: i32 = px(48);
/// No side may take more than this share of a drawing's width, whatever the words.
pub const SIDE_MAX: (i32, i32) = (2, 5);

/// The edges of the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

/// Words to the left of the area and what they need; also for rows, which have names and no axis.
pub fn left_of(texts: &[String], least: i32, width: i32) -> i32 {
    let needed = text::widest(texts.iter().map(String::as_str), LABEL_PX) + TICK_GAP;
    needed.max(least).min(width * SIDE_MAX.0 / SIDE_MAX.1)
}

/// Room to the right of the area for words that take `needed`, and for half of the last tick's below it.
pub fn right_of(needed: i32, x: &Axis, label: Label<'_>, width: i32) -> i32 {
    let last = x.labels().last().map(|value| text::width(&label(value), LABEL_PX) / 2 + px(2));
    needed.max(last.unwrap_or_default()).min(width * SIDE_MAX.0 / SIDE_MAX.1)
}

/// Half of the first tick's words, which extend to the left of the area.
pub fn half_of_first(x: &Axis, label: Label<'_>) -> i32 {
    x.labels().next().map_or(0, |value| text::width(&label(value), LABEL_PX) / 2 + px(2))
}

impl Frame {
    /// The place of a pair of values.
    pub fn place(&self, x: &Axis, y: &Axis, (across, up): (f64, f64)) -> Point {
        Point::new(self.across(x, across), y.place(up, self.bottom, self.top))
    }

    /// The place of a value across.
    pub fn across(&self, x: &Axis, value: f64) -> i32 {
        x.place(value, self.left, self.right)
    }

    /// The axis across with its grid, its words and its title.
    pub fn draw_across(&self, drawing: &mut Drawing, x: &Axis, label: Label<'_>, title: &str) {
        let ticks = x.ticks_across(label, LABEL_PX, self.right - self.left);
        let upright = |x: i32, from: i32, to: i32| vec![Point::new(x, from), Point::new(x, to)];
        let places: Vec<i32> = ticks.iter().map(|(value, _)| self.across(x, *value)).collect();
        let grid = places.iter().map(|x| upright(*x, self.bottom, self.top)).collect();
        let base = vec![Point::new(self.left, self.bottom), Point::new(self.right, self.bottom)];
        let marks = places.iter().map(|x| upright(*x, self.bottom, self.bottom + TICK));
        drawing.lines(Ink::Grid, 1.0, grid);
        drawing.lines(Ink::Axis, 1.0, std::iter::once(base).chain(marks).collect());
        let words = places.iter().zip(ticks).map(|(x, (_, text))| {
            let at = Point::new(*x, self.bottom + TICK_BASELINE);
            Words { at, text }
        });
        drawing.texts(Ink::Muted, Anchor::Middle, LABEL_PX, words.collect());
        let at = Point::new((self.left + self.right) / 2, drawing.height - TITLE_BASELINE);
        drawing.texts(Ink::Muted, Anchor::Middle, LABEL_PX, vec![Words { at, text: title.to_owned() }]);
    }

    /// The axis upwards with its grid and its words.
    pub fn draw_upwards(&self, drawing: &mut Drawing, y: &Axis, label: Label<'_>) {
        let level = |value: f64| y.place(value, self.bottom, self.top);
        let grid =
            y.labels().map(|value| vec![Point::new(self.left, level(value)), Point::new(self.right, level(value))]);
        drawing.lines(Ink::Grid, 1.0, grid.collect());
        let words = y
            .labels()
            .map(|value| Words::centred(Point::new(self.left - TICK_GAP, level(value)), LABEL_PX, label(value)));
        drawing.texts(Ink::Muted, Anchor::End, LABEL_PX, words.collect());
    }

    /// The faint lines between the ticks of both axes.
    pub fn draw_minor(&self, drawing: &mut Drawing, x: &Axis, y: &Axis) {
        let upright = x.minor().iter().map(|value| self.across(x, *value));
        let upright = upright.map(|x| vec![Point::new(x, self.bottom), Point::new(x, self.top)]);
        let level = y.minor().iter().map(|value| y.place(*value, self.bottom, self.top));
        let level = level.map(|y| vec![Point::new(self.left, y), Point::new(self.right, y)]);
        let runs: Vec<_> = upright.chain(level).collect();
        if !runs.is_empty() {
            drawing.lines(Ink::GridMinor, 1.0, runs);
        }
    }

    /// Each of `names` next to its row, and the middle lines of the rows, the first on top.
    pub fn draw_rows(&self, drawing: &mut Drawing, names: Vec<String>) -> Vec<i32> {
        let count = names.len().max(1) as i32;
        let middle = |row: i32| self.top + (self.bottom - self.top) * (2 * row + 1) / (2 * count);
        let middles: Vec<i32> = (0..names.len() as i32).map(middle).collect();
        let words = middles
            .iter()
            .zip(names)
            .map(|(y, name)| Words::centred(Point::new(self.left - TICK_GAP, *y), LABEL_PX, name));
        drawing.texts(Ink::Text, Anchor::End, LABEL_PX, words.collect());
        middles
    }
}
