use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::report::html::charts::axis::Scale;
use crate::report::html::charts::drawing::check::{assert_tidy, words};

const SIZES: [Size; 3] = [Size::Full, Size::Half, Size::Phone];

fn mark(x: f64, y: f64) -> Mark {
    Mark { shown: Some(format!("{y} ms at {x}")), is_focusable: true, ..Mark::plain(x, y) }
}

fn series(name: &str, index: u8, points: Vec<Mark>) -> Series {
    Series { name: name.to_owned(), ink: Ink::Series(index), marker: Some(index.into()), is_named: true, points }
}

/// A chart of these lines at a size.
fn drawn(series: Vec<Series>, scale: Scale, size: Size) -> Drawing {
    let marks = || series.iter().flat_map(|one| &one.points);
    let x: Vec<f64> = marks().map(|mark| mark.x).collect();
    let y = Axis::fit(marks().map(|mark| mark.y), scale, 6).unwrap();
    let (x, label): (_, Label<'_>) = (Axis::at(&x, Scale::Linear, 7).unwrap(), &|value| format!("{value:.0} ms"));
    Lines { title: "", x: (x, label), y: (y, label), x_title: "rate", y_title: "time", series, height_px: 310 }
        .drawing(size)
}

/// The lines in an ink, with their widths.
fn lines(drawing: &Drawing, wanted: Ink) -> Vec<(i32, Vec<Vec<Point>>)> {
    let of = |shape: &Shape| match shape {
        Shape::Lines { ink, width, runs } if *ink == wanted => Some((*width, runs.clone())),
        Shape::Lines { .. } | Shape::Area { .. } | Shape::Marks { .. } | Shape::Texts { .. } => None,
    };
    drawing.shapes.iter().filter_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_words_overlap_or_leave_the_picture_whatever_the_values(
        values in prop::collection::vec(prop::collection::vec(1.0..1e7f64, 1..9), 1..5),
        is_log in any::<bool>(),
        labels in any::<bool>(),
    ) {
        for size in SIZES {
            let names = ["Polling", "Long polling", "SSE", "WebSocket"];
            let lines = values.iter().zip(names).enumerate().map(|(index, (values, name))| {
                let label = |x: usize| labels.then(|| format!("every {x} ms"));
                let points = values.iter().enumerate();
                series(name, index as u8, points.map(|(x, y)| Mark { label: label(x), ..mark(x as f64, *y) }).collect())
            });
            let drawing = drawn(lines.collect(), if is_log { Scale::Log } else { Scale::Linear }, size);
            assert_tidy(&drawing);
            prop_assert_eq!(drawing.hits.len(), values.iter().map(Vec::len).sum::<usize>());
        }
    }
}

#[test]
fn each_name_stands_beside_the_end_of_its_line() {
    let far = drawn(
        vec![series("high", 0, vec![mark(0.0, 1.0), mark(1.0, 90.0)]), series("low", 1, vec![mark(1.0, 9.0)])],
        Scale::Linear,
        Size::Half,
    );
    let name = |text: &str| words(&far).into_iter().find(|word| word.0 == text).unwrap().1;
    for (text, hit) in [("high", &far.hits[1]), ("low", &far.hits[2])] {
        let room = name(text);
        assert!(room.top < hit.at.y && hit.at.y < room.bottom, "{text}: {room:?}, {hit:?}");
        assert_eq!(room.left, hit.at.x + NAME_GAP);
    }
    assert!(lines(&far, Ink::Thin(0)).is_empty(), "no name had to give way");
}

#[test]
fn names_of_lines_that_end_together_are_pushed_apart_and_led_to() {
    let ends = |name, index, y| series(name, index, vec![mark(0.0, 90.0), mark(1.0, y)]);
    let drawing = drawn(vec![ends("a", 0, 50.0), ends("b", 1, 50.0), ends("c", 2, 50.0)], Scale::Linear, Size::Half);
    let end = drawing.hits[1].at;
    let names: Vec<Room> = words(&drawing)
        .into_iter()
        .filter(|word| ["a", "b", "c"].contains(&word.0.as_str()))
        .map(|word| word.1)
        .collect();
    let [a, b, c] = names[..] else { panic!("three names") };
    assert_eq!((b.top - a.top, c.top - b.top), (NAMES_APART, NAMES_APART));
    assert!(b.top < end.y && end.y < b.bottom, "they stand around their common end");
    for (index, name) in [(0, a), (2, c)] {
        let leaders = lines(&drawing, Ink::Thin(index));
        let [(_, runs)] = &leaders[..] else { panic!("one leader") };
        assert_eq!(runs[0][0].y, end.y);
        assert!(name.top < runs[0][1].y && runs[0][1].y < name.bottom && runs[0][1].x < name.left);
    }
    assert!(lines(&drawing, Ink::Thin(1)).is_empty(), "the one in the middle did not move");
}

#[test]
fn a_line_that_ends_early_has_its_name_at_its_own_end() {
    let long = series("Polling", 0, vec![mark(0.0, 100.0), mark(9.0, 10.0)]);
    let drawing = drawn(vec![long, series("SSE", 2, vec![mark(0.0, 20.0)])], Scale::Linear, Size::Half);
    let end = drawing.hits[2].at;
    let name = words(&drawing).into_iter().find(|word| word.0 == "SSE").unwrap().1;
    assert!(name.left - end.x < px(20) && name.left > end.x, "{name:?} beside {end:?}");
    assert!(lines(&drawing, Ink::Thin(2)).is_empty(), "and no leader");
    let long = series("Polling", 0, vec![mark(0.0, 100.0), mark(9.0, 10.0)]);
    let (lower, upper) = (series("SSE", 2, vec![mark(0.0, 20.0)]), series("WebSocket", 3, vec![mark(0.0, 21.0)]));
    let words = words(&drawn(vec![long, lower, upper], Scale::Linear, Size::Half));
    let top = |text: &str| words.iter().find(|word| word.0 == text).unwrap().1.top;
    assert!(top("WebSocket") < top("SSE"), "in the order of the ends");
}

#[test]
fn a_phone_has_no_words_beside_lines_or_marks() {
    let points = || vec![Mark { label: Some("every 1 s".to_owned()), ..mark(0.0, 5.0) }];
    for (size, is_there) in [(Size::Full, true), (Size::Phone, false)] {
        let all = words(&drawn(vec![series("SSE", 2, points())], Scale::Linear, size));
        for text in ["SSE", "every 1 s"] {
            assert_eq!(all.iter().any(|word| word.0 == text), is_there, "{size:?}: {text}");
        }
    }
}

#[test]
fn a_line_breaks_where_a_value_has_no_place() {
    let values = [10.0, 20.0, 0.0, 30.0, 40.0];
    let points = values.into_iter().enumerate().map(|(x, y)| mark(x as f64, y)).collect();
    let drawing = drawn(vec![series("a", 0, points)], Scale::Log, Size::Half);
    let lines = lines(&drawing, Ink::Series(0));
    let [(_, runs)] = &lines[..] else { panic!("one line") };
    assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "zero has no place on a logarithmic axis");
    assert_eq!(drawing.hits.len(), 4);
}

#[test]
fn a_whisker_spans_its_interval_and_has_no_cap_where_it_leaves_the_area() {
    let with = |interval| Mark { interval: Some(interval), ..mark(1.0, 50.0) };
    let points = vec![
        mark(0.0, 100.0),
        with([20.0, 80.0]),
        Mark { x: 2.0, ..with([20.0, 500.0]) },
        Mark { x: 3.0, ..with([49.9, 50.1]) },
    ];
    let drawing = drawn(vec![series("a", 0, points)], Scale::Linear, Size::Half);
    let thin: Vec<_> = lines(&drawing, Ink::Series(0)).into_iter().filter(|(width, _)| *width == 12).collect();
    let [(_, runs)] = &thin[..] else { panic!("the whiskers are one shape") };
    let at = |index: usize| runs.iter().filter(|run| (run[0].x + run[1].x) / 2 == drawing.hits[index].at.x).count();
    assert_eq!([at(0), at(1), at(2), at(3)], [0, 3, 2, 0], "none, both caps, one cap, hidden by its mark");
    let whole = runs.iter().find(|run| run[0].x == run[1].x).unwrap();
    let middle = drawing.hits[1].at.y;
    assert_eq!(
        (middle - whole[0].y, whole[1].y - middle),
        (middle - whole[0].y, middle - whole[0].y),
        "around its value"
    );
    assert!(whole[1].y - whole[0].y > px(80), "60 of 100 on an area of more than 200 px: {whole:?}");
}

#[test]
fn words_beside_a_mark_cover_no_line_and_no_mark() {
    // Down steeply, then up: to the right above the lowest mark runs the line.
    let label = |text: &str| Some(text.to_owned());
    let points =
        [(0.0, 90.0, "every 10 s"), (0.2, 50.0, "every 5 s"), (4.0, 20.0, "every 2 s"), (9.0, 40.0, "every 1 s")];
    let points = points.map(|(x, y, text)| Mark { label: label(text), ..mark(x, y) }).into();
    // Another line's mark, where the words of the first would stand.
    let other = series("b", 1, vec![mark(0.45, 93.0)]);
    let drawing = drawn(vec![series("a", 0, points), other], Scale::Linear, Size::Full);
    let lines = lines(&drawing, Ink::Series(0));
    let labels: Vec<_> = words(&drawing).into_iter().filter(|word| word.0.starts_with("every")).collect();
    assert_eq!(labels.len(), 4);
    for (text, room) in labels {
        for pair in lines.iter().flat_map(|(_, runs)| runs).flat_map(|run| run.windows(2)) {
            assert!(!room.is_crossed(pair[0], pair[1]), "{text}");
        }
        assert!(drawing.hits.iter().all(|hit| !room.overlaps(&Room::around(hit.at, MARK_REACH))), "{text}");
    }
}

#[test]
fn targets_are_over_their_marks_and_say_what_the_marks_are() {
    let drawing = drawn(
        vec![series("SSE", 2, vec![mark(0.0, 10.0), Mark::plain(1.0, 20.0), mark(2.0, 30.0)])],
        Scale::Linear,
        Size::Full,
    );
    let at: Vec<Point> = drawing
        .shapes
        .iter()
        .find_map(|shape| match shape {
            Shape::Marks { index: 2, at, .. } => Some(at.clone()),
            Shape::Marks { .. } | Shape::Lines { .. } | Shape::Area { .. } | Shape::Texts { .. } => None,
        })
        .unwrap();
    let hits: Vec<_> = drawing.hits.iter().map(|hit| (hit.at, hit.name.as_str(), hit.value.as_str())).collect();
    assert_eq!(hits, [(at[0], "SSE", "10 ms at 0"), (at[2], "SSE", "30 ms at 2")]);
}
