//! Stacked bars: one row for each thing compared, one segment for each part.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::{DrawError, Hit, Ink, LABEL_PX, LABEL_WIDTH_PX, Size, px, themed};

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
        let lengths = self.rows.iter().map(|row| row.parts.iter().map(|part| part.2).sum());
        let (ticks, left, right, per_row) = match size {
            Size::Full => (6, 112, 96, 50),
            Size::Half => (4, 104, 84, 46),
            Size::Phone => (3, 100, 70, 44),
        };
        let Some(x) = Axis::fit(lengths, Scale::Linear, ticks) else { return Ok(None) };
        let (width, height) = (px(size.width_px()), px(per_row * self.rows.len() as i32 + 62));
        let mut hits = Vec::new();
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
            let mut chart = ChartBuilder::on(&root)
                .margin_top(px(6))
                .margin_right(px(right))
                .margin_bottom(px(22))
                .x_label_area_size(px(26))
                .y_label_area_size(px(left))
                .build_cartesian_2d(
                    x.spaced(LABEL_WIDTH_PX, size.width_px() - left - right),
                    Axis::rows(self.rows.len()),
                )?;
            let name = |row: f64| self.rows.get(row.round() as usize).map(|row| row.name.clone()).unwrap_or_default();
            chart
                .configure_mesh()
                .disable_y_mesh()
                .bold_line_style(Ink::Grid.line(1.0))
                .light_line_style(Ink::GridMinor.line(1.0))
                .axis_style(Ink::Axis.line(1.0))
                .x_label_style(Ink::Muted.text(LABEL_PX, HPos::Center, VPos::Top))
                .y_label_style(Ink::Text.text(LABEL_PX, HPos::Right, VPos::Center))
                .x_label_formatter(&|value| (self.label)(*value))
                .y_label_formatter(&|row| name(*row))
                .set_all_tick_mark_size(px(4))
                .draw()?;
            for (index, row) in self.rows.iter().enumerate() {
                let mut from = 0.0;
                for (part, ink, value) in row.parts.iter().filter(|part| part.2 > 0.0) {
                    let corner = |x: f64, offset: f64| chart.backend_coord(&(x, index as f64 + offset));
                    let ((left, top), (right, bottom)) = (corner(from, -0.3), corner(from + value, 0.3));
                    root.draw(&Rectangle::new([(left, top), (right, bottom)], ink.fill()))?;
                    hits.push(Hit {
                        at: ((left + right) / 2, (top + bottom) / 2),
                        half: Some((((right - left) / 2).max(px(2)), (bottom - top) / 2)),
                        name: format!("{}, {part}", row.name),
                        value: (self.label)(*value),
                        is_focusable: true,
                    });
                    from += value;
                }
                let (x, y) = chart.backend_coord(&(from, index as f64));
                let style = Ink::Text.text(LABEL_PX, HPos::Left, VPos::Center);
                root.draw(&Text::new(row.total.clone(), (x + px(8), y), style))?;
            }
            let middle = (px(left) + width - px(right)) / 2;
            let title = Ink::Muted.text(LABEL_PX, HPos::Center, VPos::Bottom);
            root.draw(&Text::new(self.x_title.to_owned(), (middle, height - px(2)), title))?;
            root.present()?;
        }
        Ok(Some(themed(&svg, self.title, (width, height), &hits)))
    }
}
