//! Strips of dots: every single value in its row, with a bar at the middle one.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::report::html::charts::axis::Axis;
use crate::report::html::charts::{DrawError, Hit, Ink, LABEL_PX, LABEL_WIDTH_PX, Size, marker, px, themed};

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
        let left = match size {
            Size::Full | Size::Half => 104,
            Size::Phone => 98,
        };
        let (width, height) = (px(size.width_px()), px(34 * self.rows.len() as i32 + 62));
        let mut hits = Vec::new();
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
            let mut chart = ChartBuilder::on(&root)
                .margin_top(px(6))
                .margin_right(px(28))
                .margin_bottom(px(22))
                .x_label_area_size(px(26))
                .y_label_area_size(px(left))
                .build_cartesian_2d(
                    self.x.plain().spaced(LABEL_WIDTH_PX, size.width_px() - left - 28),
                    Axis::rows(self.rows.len()),
                )?;
            if let Some([low, high]) = self.band {
                let top = chart.backend_coord(&(low, -0.5));
                let bottom = chart.backend_coord(&(high, self.rows.len() as f64 - 0.5));
                root.draw(&Rectangle::new([top, bottom], Ink::Band.fill()))?;
                let middle = (top.0 + bottom.0) / 2;
                root.draw(&PathElement::new(vec![(middle, top.1), (middle, bottom.1)], Ink::TcpBaseline.line(1.3)))?;
            }
            let name = |row: f64| self.rows.get(row.round() as usize).map(|row| row.name.clone()).unwrap_or_default();
            chart
                .configure_mesh()
                .bold_line_style(Ink::Grid.line(1.0))
                .light_line_style(Ink::GridMinor.line(1.0))
                .axis_style(Ink::Axis.line(1.0))
                .x_label_style(Ink::Muted.text(LABEL_PX, HPos::Center, VPos::Top))
                .y_label_style(Ink::Text.text(LABEL_PX, HPos::Right, VPos::Center))
                .x_label_formatter(&|value| (self.label)(*value))
                .y_label_formatter(&|row| name(*row))
                .set_all_tick_mark_size(px(4))
                .draw()?;
            let (lowest, highest) = self.x.ends();
            for (row, dots) in self.rows.iter().enumerate() {
                let ink = Ink::Series(dots.index as u8);
                if let Some(middle) = dots.middle.filter(|middle| self.x.holds(*middle)) {
                    let (x, y) = chart.backend_coord(&(middle, row as f64));
                    root.draw(&PathElement::new(vec![(x, y - px(11)), (x, y + px(11))], ink.line(2.0)))?;
                }
                for (value, what, shown) in &dots.dots {
                    // A value past the ends stands at the end; what is shown beside it is the true one.
                    let at = chart.backend_coord(&(value.clamp(lowest, highest), row as f64));
                    marker(&root, at, dots.index, 4.2, ink)?;
                    let (name, value) = (what.clone(), shown.clone());
                    hits.push(Hit { at, half: None, name, value, is_focusable: true });
                }
            }
            let middle = (px(left) + width - px(28)) / 2;
            let title = Ink::Muted.text(LABEL_PX, HPos::Center, VPos::Bottom);
            root.draw(&Text::new(self.x_title.to_owned(), (middle, height - px(2)), title))?;
            root.present()?;
        }
        Ok(themed(&svg, self.title, (width, height), &hits))
    }
}
