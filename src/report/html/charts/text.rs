//! The space that words need, and how they are kept from overlapping, without access to a font.
//!
//! The page uses the reader's own font, so widths are unknown when it is written. Each width here is an upper bound:
//! the advances are those of DejaVu Sans, the widest font that the style sheet names, rounded up by classes of letters.
//! In a narrower font, labels are a little farther apart than necessary; in a font wider than DejaVu Sans they might
//! touch.

use crate::report::html::charts::place::{Anchor, Point, Words, px};

/// Highest part of a letter above the baseline, in hundredths of the size.
const ASCENT: i32 = 76;
/// Lowest part of a letter below the baseline, in hundredths of the size.
const DESCENT: i32 = 24;
/// How much wider bold letters are, in hundredths.
const BOLD: i32 = 114;

/// Advance of a letter, in hundredths of the size.
fn advance(letter: char) -> i32 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '·' => 34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '!' => 43,
        'm' | 'M' | 'W' | '%' | '@' => 100,
        'w' | 'A'..='Z' | '+' | '−' | '±' | '=' | '<' | '>' | '×' => 84,
        'a'..='z' | '0'..='9' | 'µ' => 65,
        // Other scripts: as wide as they are high.
        _ => 100,
    }
}

/// Width that a line of words does not exceed, in units of the drawing.
pub fn width(text: &str, size_px: i32) -> i32 {
    let hundredths: i32 = text.chars().map(advance).fold(0, i32::saturating_add);
    px(size_px).saturating_mul(hundredths) / 100
}

/// The same in bold.
pub fn width_bold(text: &str, size_px: i32) -> i32 {
    width(text, size_px).saturating_mul(BOLD) / 100
}

/// The widest of some words.
pub fn widest<'a>(texts: impl Iterator<Item = &'a str>, size_px: i32) -> i32 {
    texts.map(|text| width(text, size_px)).max().unwrap_or_default()
}

/// Words shortened to `room` by leaving out their middle, since both ends help to distinguish names.
pub fn shortened(text: &str, size_px: i32, room: i32) -> String {
    if width(text, size_px) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let kept = |count: usize| {
        let (head, tail) = (count - count / 2, count / 2);
        let ends = letters[..head].iter().chain(['…'].iter()).chain(&letters[letters.len() - tail..]);
        ends.collect::<String>()
    };
    let fits = (0..letters.len()).rev().map(kept).find(|text| width(text, size_px) <= room);
    fits.unwrap_or_default()
}

/// The room that something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Room {
    /// The room of words.
    pub fn of(words: &Words, anchor: Anchor, size_px: i32) -> Self {
        let width = width(&words.text, size_px);
        let left = match anchor {
            Anchor::Start => words.at.x,
            Anchor::Middle => words.at.x - width / 2,
            Anchor::End => words.at.x - width,
        };
        let (ascent, descent) = (px(size_px) * ASCENT / 100, px(size_px) * DESCENT / 100);
        Self { left, top: words.at.y - ascent, right: left + width, bottom: words.at.y + descent }
    }

    /// The room around a point.
    pub fn around(at: Point, reach: i32) -> Self {
        Self { left: at.x - reach, top: at.y - reach, right: at.x + reach, bottom: at.y + reach }
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    pub fn is_inside(&self, other: &Self) -> bool {
        self.left >= other.left && self.right <= other.right && self.top >= other.top && self.bottom <= other.bottom
    }

    /// True if the straight line between two points runs through it.
    pub fn is_crossed(&self, from: Point, to: Point) -> bool {
        // The part of the line that lies between both pairs of edges (Liang and Barsky).
        let (mut first, mut last) = (0.0f64, 1.0f64);
        for (start, end, low, high) in [(from.x, to.x, self.left, self.right), (from.y, to.y, self.top, self.bottom)] {
            let length = f64::from(end - start);
            if length == 0.0 {
                if start <= low || start >= high {
                    return false;
                }
                continue;
            }
            let (a, b) = (f64::from(low - start) / length, f64::from(high - start) / length);
            (first, last) = (first.max(a.min(b)), last.min(a.max(b)));
        }
        first < last
    }
}

/// The free space for words around the marks of a chart.
pub struct FreeRoom {
    /// The area that words must not leave.
    pub area: Room,
    /// The space of marks and words placed so far.
    pub taken: Vec<Room>,
    /// Lines that words do not cover if they fit elsewhere.
    pub lines: Vec<(Point, Point)>,
}

impl FreeRoom {
    /// Reserves a place for words next to `at`, where they cover no mark, no other words and, if possible, no line.
    /// `None` if there is none.
    pub fn take(&mut self, at: Point, text: &str, size_px: i32) -> Option<Words> {
        let width = width(text, size_px);
        let (right, left, middle) = (at.x + px(9), at.x - px(9) - width, at.x - width / 2);
        let (above, level, below) = (at.y - px(5), at.y + px(4), at.y + px(14));
        let (far_above, far_below) = (at.y - px(10), at.y + px(19));
        let places = [
            (right, above),
            (right, level),
            (right, below),
            (right, far_above),
            (right, far_below),
            (middle, far_above),
            (left, above),
            (left, level),
            (left, below),
            (middle, far_below),
        ];
        let candidates = places.map(|(x, y)| {
            let words = Words { at: Point::new(x, y), text: text.to_owned() };
            let room = Room::of(&words, Anchor::Start, size_px);
            (words, room)
        });
        let is_free = |room: &Room| room.is_inside(&self.area) && !self.taken.iter().any(|other| room.overlaps(other));
        let is_clear = |room: &Room| !self.lines.iter().any(|(from, to)| room.is_crossed(*from, *to));
        let free = || candidates.iter().filter(|(_, room)| is_free(room));
        let (words, room) = free().find(|(_, room)| is_clear(room)).or_else(|| free().next())?.clone();
        self.taken.push(room);
        Some(words)
    }
}

/// Places at least `gap` apart, in the same order and between `low` and `high`, moved as little as possible (least squares:
/// places that push each other are centred on their mean). `wanted` is sorted.
pub fn apart(wanted: &[i32], gap: i32, low: i32, high: i32) -> Vec<i32> {
    // With the gaps taken out, places that keep their order keep their distance.
    let shift = |index: usize| gap * index as i32;
    // Neighbours in the wrong order become one group at their mean (pool adjacent violators).
    let mut groups: Vec<(i64, usize)> = Vec::new();
    for (index, place) in wanted.iter().enumerate() {
        groups.push((i64::from(place - shift(index)), 1));
        while let [.., (before, before_count), (last, count)] = groups.as_slice() {
            if before * (*count as i64) < last * (*before_count as i64) {
                break;
            }
            let joined = (before + last, before_count + count);
            groups.truncate(groups.len() - 2);
            groups.push(joined);
        }
    }
    let high = (high - shift(wanted.len().saturating_sub(1))).max(low);
    let means = groups.into_iter().flat_map(|(sum, count)| {
        let mean = sum.div_euclid(count as i64) as i32;
        std::iter::repeat_n(mean.clamp(low, high), count)
    });
    means.enumerate().map(|(index, place)| place + shift(index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Widths at 13 px in DejaVu Sans, as Chromium measures them (`measureText`).
    const MEASURED_PX: [(&str, f64); 12] = [
        ("Long polling", 79.1),
        ("WebSocket", 71.9),
        ("Polling", 42.7),
        ("SSE", 24.7),
        ("bare TCP", 57.5),
        ("SSE (POST)", 73.3),
        ("20,480", 45.5),
        ("99.99 %", 53.7),
        ("−12.5 %", 56.3),
        ("1,250 µs", 56.4),
        ("every 250 ms", 89.2),
        ("1.00 s [979 ms, 1.02 s]", 150.6),
    ];
    /// The same in bold.
    const MEASURED_BOLD_PX: (&str, f64) = ("1.00 s [979 ms, 1.02 s]", 167.5);

    #[test]
    fn no_width_is_below_that_of_the_widest_font() {
        for (text, measured_px) in MEASURED_PX {
            let assumed_px = f64::from(width(text, 13)) / 10.0;
            assert!(assumed_px >= measured_px, "{text}: {assumed_px} below {measured_px}");
            assert!(assumed_px < measured_px * 1.35, "{text}: {assumed_px} wastes room, {measured_px} is needed");
        }
        let (text, measured_px) = MEASURED_BOLD_PX;
        assert!(f64::from(width_bold(text, 13)) / 10.0 >= measured_px);
        assert_eq!(width(&"W".repeat(1_000_000), 13), i32::MAX / 100, "a name without end does not overflow");
    }

    #[test]
    fn places_that_push_one_another_stand_around_their_middle() {
        assert_eq!(apart(&[100, 500], 170, 0, 1000), [100, 500], "far enough apart already");
        assert_eq!(apart(&[500, 500, 500], 100, 0, 1000), [400, 500, 600]);
        assert_eq!(apart(&[100, 490, 510], 100, 0, 1000), [100, 450, 550]);
        // The group of three reaches the first, which joins it.
        assert_eq!(apart(&[400, 500, 500, 500], 100, 0, 1000), [325, 425, 525, 625]);
        assert_eq!(apart(&[], 100, 0, 1000), [0; 0]);
    }

    #[test]
    fn places_stay_between_the_ends() {
        assert_eq!(apart(&[990, 1000], 100, 0, 1000), [900, 1000]);
        assert_eq!(apart(&[0, 0, 10], 100, 0, 1000), [0, 100, 200]);
    }

    #[test]
    fn a_line_crosses_the_room_that_it_runs_through_only() {
        let room = Room { left: 10, top: 10, right: 20, bottom: 20 };
        let crossed = |a: (i32, i32), b: (i32, i32)| room.is_crossed(Point::new(a.0, a.1), Point::new(b.0, b.1));
        assert!(crossed((0, 15), (30, 15)) && crossed((15, 0), (15, 30)) && crossed((0, 0), (30, 30)));
        assert!(crossed((12, 12), (14, 13)), "a line that lies inside");
        assert!(!crossed((0, 0), (30, 9)) && !crossed((0, 25), (30, 25)) && !crossed((0, 0), (9, 9)));
        assert!(!crossed((0, 20), (12, 40)), "past the corner");
    }
}
