//! Where something is in a drawing, and in which unit: what a drawing and the room of its words are both measured in.

/// Units of a drawing in one pixel of the picture. Whole tenths of a pixel are as fine as an eye can see, shorter to
/// write than fractions, and the same on every machine. The `viewBox` brings them back to pixels.
const UNITS_PER_PX: i32 = 10;
/// From the middle of a line of words down to its baseline, in hundredths of its size: half the height of a capital.
const MIDDLE_TO_BASELINE: i32 = 36;

/// Pixels of the picture in units of the drawing.
pub const fn px(pixels: i32) -> i32 {
    pixels * UNITS_PER_PX
}

/// A part of a pixel in units of the drawing.
pub fn px_of(pixels: f64) -> i32 {
    (pixels * f64::from(UNITS_PER_PX)).round() as i32
}

/// A place, in units of the drawing: across from the left, down from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

impl Point {
    pub const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }
}

/// Which part of a text its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Words with the place of their baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub at: Point,
    pub text: String,
}

impl Words {
    /// Words whose middle line runs through `at`.
    pub fn centred(at: Point, size_px: i32, text: String) -> Self {
        Self { at: Point::new(at.x, at.y + px(size_px) * MIDDLE_TO_BASELINE / 100), text }
    }
}
