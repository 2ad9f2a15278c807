//! Lines over a figure or a setting, with intervals as whiskers.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::report::html::charts::axis::Axis;
use crate::report::html::charts::{Area, DrawError, Hit, Ink, LABEL_PX, LABEL_WIDTH_PX, Size, marker, px, themed};

/// How a tick is written.
pub type Label<'a> = &'a dyn Fn(f64) -> String;

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
    /// Written beside the mark, where there is room for it: not on a phone.
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
        let (width, height) = (px(size.width_px()), px(self.height_px));
        let mut hits = Vec::new();
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
            let (right, left) = match size {
                Size::Full => (150, 72),
                Size::Half => (104, 66),
                Size::Phone => (14, 60),
            };
            let x = self.x.0.spaced(LABEL_WIDTH_PX, size.width_px() - left - right);
            let y = if size == Size::Full { self.y.0.clone() } else { self.y.0.plain() };
            let mut chart = ChartBuilder::on(&root)
                .margin_top(px(30))
                .margin_right(px(right))
                .margin_bottom(px(22))
                .x_label_area_size(px(26))
                .y_label_area_size(px(left))
                .build_cartesian_2d(x, y)?;
            chart
                .configure_mesh()
                .bold_line_style(Ink::Grid.line(1.0))
                .light_line_style(Ink::GridMinor.line(1.0))
                .axis_style(Ink::Axis.line(1.0))
                .x_label_style(Ink::Muted.text(LABEL_PX, HPos::Center, VPos::Top))
                .y_label_style(Ink::Muted.text(LABEL_PX, HPos::Right, VPos::Center))
                .x_label_formatter(&|value| (self.x.1)(*value))
                .y_label_formatter(&|value| (self.y.1)(*value))
                .set_all_tick_mark_size(px(4))
                .draw()?;
            let mut ends = Vec::new();
            for series in &self.series {
                let place = |x: f64, y: f64| chart.backend_coord(&(x, y));
                if let Some(end) = self.draw_series(&root, series, &place, size, &mut hits)? {
                    ends.push((end, series));
                }
            }
            if size != Size::Phone {
                draw_names(&root, ends)?;
            }
            let title = Ink::Muted.text(LABEL_PX, HPos::Left, VPos::Top);
            root.draw(&Text::new(self.y_title.to_owned(), (px(4), px(2)), title))?;
            let middle = (px(left) + width - px(right)) / 2;
            let title = Ink::Muted.text(LABEL_PX, HPos::Center, VPos::Bottom);
            root.draw(&Text::new(self.x_title.to_owned(), (middle, height - px(2)), title))?;
            root.present()?;
        }
        Ok(themed(&svg, self.title, (width, height), &hits))
    }

    /// One line with its whiskers and marks; returns where it ends if its name is to be written there.
    fn draw_series(
        &self,
        root: &Area<'_>,
        series: &Series,
        place: &dyn Fn(f64, f64) -> (i32, i32),
        size: Size,
        hits: &mut Vec<Hit>,
    ) -> Result<Option<(i32, i32)>, DrawError> {
        let is_placed = |mark: &&Mark| self.x.0.holds(mark.x) && self.y.0.holds(mark.y);
        let width_px = match series.ink {
            Ink::Thin(_) | Ink::TcpBaseline => 1.3,
            Ink::Dashed(_) => 1.8,
            Ink::Series(_)
            | Ink::Part(_)
            | Ink::Text
            | Ink::Muted
            | Ink::Axis
            | Ink::Grid
            | Ink::GridMinor
            | Ink::Band => 2.4,
        };
        let path: Vec<_> = series.points.iter().filter(is_placed).map(|mark| place(mark.x, mark.y)).collect();
        root.draw(&PathElement::new(path.clone(), series.ink.line(width_px)))?;
        let (lowest, highest) = self.y.0.ends();
        for mark in series.points.iter().filter(is_placed) {
            let (x, y) = place(mark.x, mark.y);
            if let Some([low, high]) = mark.interval {
                let (top, bottom) = (place(mark.x, high.min(highest)).1, place(mark.x, low.max(lowest)).1);
                // A whisker that the mark would hide is left out.
                if bottom - top > px(8) {
                    root.draw(&PathElement::new(vec![(x, top), (x, bottom)], series.ink.line(1.2)))?;
                    for end in [top, bottom] {
                        root.draw(&PathElement::new(vec![(x - px(4), end), (x + px(4), end)], series.ink.line(1.2)))?;
                    }
                }
            }
            if let Some(index) = series.marker {
                marker(root, (x, y), index, 4.2, series.ink)?;
            }
            if let Some(label) = mark.label.as_ref().filter(|_| size != Size::Phone) {
                let style = Ink::Muted.text(LABEL_PX - 1.0, HPos::Left, VPos::Bottom);
                root.draw(&Text::new(label.clone(), (x + px(9), y - px(3)), style))?;
            }
            if let Some(value) = &mark.shown {
                let (name, value) = (series.name.clone(), value.clone());
                hits.push(Hit { at: (x, y), half: None, name, value, is_focusable: mark.is_focusable });
            }
        }
        Ok(path.last().copied().filter(|_| series.is_named))
    }
}

/// The names at the right ends of the lines, pushed apart so that none overlap.
fn draw_names(root: &Area<'_>, mut ends: Vec<((i32, i32), &Series)>) -> Result<(), DrawError> {
    const APART: i32 = 17;
    ends.sort_by_key(|((_, y), _)| *y);
    let mut places: Vec<i32> = ends.iter().map(|((_, y), _)| *y).collect();
    for index in 1..places.len() {
        places[index] = places[index].max(places[index - 1] + px(APART));
    }
    // What the pushing moved too far down goes back up, from the last to the first.
    let bottom = root.dim_in_pixel().1 as i32 - px(52);
    for index in (0..places.len()).rev() {
        let below = places.get(index + 1).map_or(bottom, |next| next - px(APART));
        places[index] = places[index].min(below);
    }
    let across = ends.iter().map(|((x, _), _)| *x).max().unwrap_or_default();
    for (((_, _), series), y) in ends.into_iter().zip(places) {
        // A dash in the middle of a name would read as part of it; the ink of a word is never dashed.
        let ink = match series.ink {
            Ink::Dashed(index) | Ink::Thin(index) => Ink::Series(index),
            Ink::TcpBaseline => Ink::Muted,
            ink @ (Ink::Series(_)
            | Ink::Part(_)
            | Ink::Text
            | Ink::Muted
            | Ink::Axis
            | Ink::Grid
            | Ink::GridMinor
            | Ink::Band) => ink,
        };
        let style = ink.text(LABEL_PX, HPos::Left, VPos::Center);
        root.draw(&Text::new(series.name.clone(), (across + px(10), y), style))?;
    }
    Ok(())
}
