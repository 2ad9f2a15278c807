//! The four claims under four conditions as one picture.

use maud::html;

use crate::report::findings::claims::Holding;
use crate::report::findings::conditions::Found;
use crate::report::text::wording::conditions::{CLAIMS, condition, holding};

const WIDTH: usize = 960;
const LEFT: usize = 330;
const HEAD: usize = 64;
const ROW: usize = 86;
/// Characters of a claim in one line.
const LINE_CHARS_MAX: usize = 44;

/// An SVG image: claims down, conditions across, each verdict in words and in colour.
pub fn svg(all: &[Found]) -> String {
    let columns = all.len().max(1);
    let column = (WIDTH - LEFT) / columns;
    let height = HEAD + ROW * CLAIMS.len() + 8;
    let at = |index: usize| LEFT + index * column;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) font-family="system-ui, sans-serif" role="img"
            aria-label="The four claims under four conditions" {
            rect width=(WIDTH) height=(height) fill="#fff" {}
            @for (index, found) in all.iter().enumerate() {
                @for (line, words) in wrapped(&condition(found.condition).replace(", ", ",\n"), 22).iter().enumerate() {
                    text x=(at(index) + column / 2) y=(26 + 18 * line) text-anchor="middle" font-size="14" font-weight="600" { (words) }
                }
            }
            @for (row, claim) in CLAIMS.iter().enumerate() {
                @let top = HEAD + row * ROW;
                @for (line, words) in wrapped(&format!("{}. {claim}", row + 1), LINE_CHARS_MAX).iter().enumerate() {
                    text x="8" y=(top + 20 + 17 * line) font-size="13.5" { (words) }
                }
                @for (index, found) in all.iter().enumerate() {
                    @let said = found.holdings()[row];
                    @let (fill, ink) = colours(said);
                    rect x=(at(index) + 4) y=(top + 4) width=(column - 8) height=(ROW - 10) rx="6" fill=(fill) {}
                    @let lines = wrapped(holding(said), 14);
                    @for (line, words) in lines.iter().enumerate() {
                        text x=(at(index) + column / 2) y=(top + 46 - 9 * (lines.len() - 1) + 18 * line) text-anchor="middle" font-size="15"
                            font-weight="600" fill=(ink) { (words) }
                    }
                }
            }
        }
    }
    .into_string()
        + "\n"
}

/// Words in lines of at most so many characters; a line end stays one.
fn wrapped(text: &str, chars_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split('\n') {
        let mut line = String::new();
        for word in part.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > chars_max {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Background and text colour of a verdict. The words distinguish the verdicts as well.
fn colours(holding: Holding) -> (&'static str, &'static str) {
    match holding {
        Holding::Holds => ("#1b7f4d", "#fff"),
        Holding::WithinLimits => ("#e8c468", "#1d1d1d"),
        Holding::DoesNotHold => ("#b3402e", "#fff"),
        Holding::Inconclusive | Holding::DependsOnCounting => ("#d5d8dc", "#1d1d1d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_between_and_none_is_lost() {
        let lines = wrapped("no distance,\na browser's heads and more", 14);
        assert_eq!(lines, ["no distance,", "a browser's", "heads and more"]);
    }
}
