//! The charts of one point: latency percentiles, bytes by part, each trial as a dot.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use crate::report::findings::view::{Drawn, View};
use crate::report::html::charts::Ink;
use crate::report::html::charts::Size;
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::bars::{Bar, Bars};
use crate::report::html::charts::lines::{Lines, Mark, Series};
use crate::report::html::charts::strip::{Dots, Strip};
use crate::report::html::components::{Fit, Picture, Table, legend};
use crate::report::text::wording::{capitalised, shown, shown_in_table, shown_interval};
use crate::run::Transport;
use crate::run::file::Trial;
use crate::run::histogram;
use crate::run::metric::{Metric, Metrics, Source, Unit, Value};
use crate::units::Nanos;

/// Percentiles are drawn over -log10(1 - p), so that each nine takes the same space.
const NINES: [f64; 6] = [0.0, std::f64::consts::LOG10_2, 1.0, 2.0, 3.0, 4.0];
/// Points of a percentile line for each nine.
const STEPS_PER_NINE: usize = 24;

/// The parts of a delivery's bytes, from useful to wasted, each with its ink.
pub(crate) const PARTS: [(Metric, &str, u8); 8] = [
    (Metric::WirePayload, "payload", 0),
    (Metric::WireFraming, "framing", 1),
    (Metric::WireHttpHeaders, "HTTP headers", 2),
    (Metric::WireH2Frames, "HTTP/2 frames", 5),
    (Metric::WireTlsRecords, "TLS records", 6),
    (Metric::WireTlsHandshake, "TLS handshakes", 7),
    (Metric::WireTcpIp, "TCP/IP headers", 3),
    (Metric::WireRetransmitted, "retransmitted", 4),
];

/// The drawn length of each part. Compressed payload and framing are drawn as one part with their compressed size.
fn drawn(metrics: &Metrics<Value>, part: Metric) -> Option<f64> {
    let of = |metric| metrics.get(metric).0;
    let value = of(part)?;
    if part != Metric::WirePayload && part != Metric::WireFraming {
        return Some(value);
    }
    let before = of(Metric::WirePayload)? + of(Metric::WireFraming)?;
    let after = before + of(Metric::WireCompression).unwrap_or(0.0);
    Some(if before > 0.0 { value * after / before } else { value })
}

/// The merged histogram of several trials; `None` if there is none, or no readable one.
fn merged<'a>(texts: impl Iterator<Item = (&'a str, Nanos)>) -> Option<Histogram<u64>> {
    let mut all: Option<Histogram<u64>> = None;
    let texts = texts.filter(|(text, _)| !text.is_empty());
    for one in texts.filter_map(|(text, shift)| Some(histogram::unshifted(histogram::decode(text).ok()?, shift))) {
        match &mut all {
            None => all = Some(one),
            Some(all) => all.add(&one).ok()?,
        }
    }
    all.filter(|all| !all.is_empty())
}

/// The text of a trial's histogram, with its shift.
fn shifted<'a>(text: fn(&Trial) -> &str) -> impl Fn(&'a Trial) -> (&'a str, Nanos) {
    move |trial| (text(trial), trial.latency_shift_ns)
}

/// A line over the percentiles, up to the last one with enough deliveries.
fn percentile_line(histogram: &Histogram<u64>, name: &str, ink: Ink, marker: Option<usize>) -> Series {
    let reach = (histogram.len() as f64).log10().min(NINES[NINES.len() - 1]);
    let steps = (reach * STEPS_PER_NINE as f64) as usize;
    let mut points: Vec<Mark> = (0..=steps)
        .map(|step| step as f64 / STEPS_PER_NINE as f64)
        .map(|nines| Mark::plain(nines, histogram.value_at_quantile(quantile(nines)) as f64))
        .collect();
    if marker.is_some() {
        for nines in NINES.into_iter().skip(1).filter(|nines| *nines <= reach) {
            let value = histogram.value_at_quantile(quantile(nines)) as f64;
            let shown = Some(format!("{} within {}", percent(nines), Unit::Nanos.show(value)));
            points.push(Mark { shown, is_focusable: true, ..Mark::plain(nines, value) });
        }
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    Series { name: name.to_owned(), ink, marker: None, is_named: marker.is_some() || ink == Ink::TcpBaseline, points }
}

fn quantile(nines: f64) -> f64 {
    1.0 - 10f64.powf(-nines)
}

fn percent(nines: f64) -> String {
    let digits = (nines.round() as usize).saturating_sub(2);
    format!("{:.digits$} %", quantile(nines) * 100.0)
}

/// Latency at each percentile, all transports on one logarithmic scale.
pub(crate) fn percentiles(view: &View<'_>, point: usize, fit: Fit) -> Option<Markup> {
    let transports = view.transports();
    let (mut series, mut has_uncorrected) = (Vec::new(), false);
    let tcp_baseline = merged(view.trials(point, None).map(shifted(|trial| &trial.latency_hdr)));
    series.extend(
        tcp_baseline.as_ref().map(|tcp_baseline| percentile_line(tcp_baseline, "TCP baseline", Ink::TcpBaseline, None)),
    );
    for transport in &transports {
        let index = transport.index();
        let texts = |of: fn(&Trial) -> &str| merged(view.trials(point, Some(*transport)).map(shifted(of)));
        if let Some(uncorrected) = texts(|trial| &trial.uncorrected_latency_hdr) {
            has_uncorrected = true;
            series.push(percentile_line(&uncorrected, "uncorrected", Ink::Dashed(index as u8), None));
        }
        if let Some(corrected) = texts(|trial| &trial.latency_hdr) {
            series.push(percentile_line(&corrected, view.title(*transport), Ink::Series(index as u8), Some(index)));
        }
    }
    let y = Axis::fit(series.iter().flat_map(|one| one.points.iter().map(|mark| mark.y)), Scale::Log, 7)?;
    let reach = series.iter().flat_map(|one| one.points.last()).map(|mark| mark.x).fold(1.0, f64::max);
    let labelled = NINES.into_iter().filter(|nines| *nines <= reach).collect();
    let lines = Lines {
        title: if view.is_echo() { "Round trip by percentile, log scale" } else { "Latency by percentile, log scale" },
        x: (Axis::exact(0.0, reach, Scale::Linear, labelled), &percent),
        y: (y, &|value| Unit::Nanos.tick(value)),
        x_title: "share of the deliveries",
        y_title: if view.is_echo() { "round trip, log scale" } else { "latency from due to decoded, log scale" },
        series,
        height_px: 420,
    };
    let mut meanings = vec![("solid", "from due")];
    meanings.extend(has_uncorrected.then_some(("dashed", "uncorrected, from sent")));
    meanings.extend(tcp_baseline.is_some().then_some(("grey", "TCP baseline")));
    let picture = Picture {
        title: "Latency by percentile".to_owned(),
        is_captioned: false,
        note: format!(
            "Histograms of all rounds merged. Solid counts from the moment {} was due, so a stall shows; dashed is \
             what a tool that counts from the sending would show.",
            if view.is_echo() { "a message" } else { "an update" }
        ),
        legend: legend(view, &transports, &meanings),
        drawing: fit.draw(|size| lines.svg(size)),
        table: figures_table(
            view,
            point,
            Metric::ALL.iter().copied().filter(|metric| match metric.source() {
                Source::Corrected | Source::Uncorrected => true,
                Source::Trials => false,
            }),
        ),
    };
    Some(picture.html())
}

/// A table with a row for each metric and a column for each transport; each figure has its interval.
pub(crate) fn figures_table(view: &View<'_>, point: usize, metrics: impl Iterator<Item = Metric>) -> Table {
    let transports = view.transports();
    let tcp_baseline = view.tcp_baseline(point);
    let mut head: Vec<String> = std::iter::once("figure").map(str::to_owned).collect();
    head.extend(transports.iter().map(|transport| view.title(*transport).to_owned()));
    head.extend(tcp_baseline.map(|_| "TCP baseline".to_owned()));
    let rows = metrics.map(|metric| {
        let rows = transports.iter().map(|transport| view.row(point, *transport)).chain(tcp_baseline.map(Some));
        let cells = rows.map(|row| {
            let value = shown_in_table(Drawn::Metric(metric), row);
            let is_shown = row.is_some_and(|row| row.shown(metric).is_ok());
            match shown_interval(metric.unit(), row.and_then(|row| *row.ci95.get(metric))) {
                Some(interval) if is_shown => format!("{value} {interval}"),
                _ => value,
            }
        });
        std::iter::once(view.label(Drawn::Metric(metric))).chain(cells).collect()
    });
    Table::new(head, rows.collect())
}

/// The bytes of one delivery by part. `title` is empty if a heading right above has it.
pub(crate) fn anatomy(view: &View<'_>, point: usize, fit: Fit, title: &str) -> Option<Markup> {
    let rows: Vec<Bar> = view
        .transports()
        .into_iter()
        .filter_map(|transport| {
            let metrics = &view.row(point, transport)?.metrics;
            let total = metrics.get(Metric::WireTotal).0?;
            let part = |(metric, name, ink)| Some((name, Ink::Part(ink), drawn(metrics, metric)?));
            let parts = PARTS.into_iter().filter_map(part).collect();
            Some(Bar { name: view.title(transport).to_owned(), parts, total: Unit::Bytes.show(total) })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let bars = Bars {
        title: "Bytes on the wire for each delivery, by part",
        x_title: "bytes for each delivery, both ways",
        label: &|value| Unit::Bytes.tick((value * 10.0).round() / 10.0),
        rows,
    };
    let picture = Picture {
        title: title.to_owned(),
        is_captioned: !title.is_empty(),
        note: "All bytes both ways, acknowledgements included, divided by the deliveries.".to_owned(),
        legend: part_legend(view, &[point]),
        drawing: fit.draw(|size| bars.svg(size).map(Option::unwrap_or_default)),
        table: figures_table(
            view,
            point,
            std::iter::once(Metric::WireTotal)
                .chain(PARTS.into_iter().map(|(metric, _, _)| metric))
                .chain([Metric::WireCompression, Metric::WireAcknowledgements])
                .filter(|metric| *metric == Metric::WireTotal || occurs(view, &[point], *metric)),
        ),
    };
    Some(picture.html())
}

/// True if this part occurs at one of these points. Parts that older files lack count as absent; the parts that every
/// file has are always shown.
fn occurs(view: &View<'_>, points: &[usize], part: Metric) -> bool {
    let is_there = |point: &usize| {
        let rows = view.transports().into_iter().filter_map(|transport| view.row(*point, transport));
        rows.filter_map(|row| row.metrics.get(part).0).any(|value| value != 0.0)
    };
    let is_new = [
        Metric::WireH2Frames,
        Metric::WireTlsRecords,
        Metric::WireTlsHandshake,
        Metric::WireCompression,
        Metric::WireAcknowledgements,
    ];
    !is_new.contains(&part) || points.iter().any(is_there)
}

/// The legend of the parts that occur at these points.
pub(crate) fn part_legend(view: &View<'_>, points: &[usize]) -> Markup {
    html! {
        p.legend {
            @for (_, name, ink) in PARTS.iter().filter(|(metric, _, _)| occurs(view, points, *metric)) {
                span.name { i class=(format!("part p{ink}")) {} (name) }
            }
        }
    }
}

/// Every trial as a dot: latency p50 and p99, bytes and processor time.
pub(crate) fn dots(view: &View<'_>, point: usize, is_folded: bool) -> Markup {
    let fit = if is_folded { Fit::Scrolled(Size::Half) } else { Fit::Both(Size::Half) };
    let metrics = [Metric::LatencyP50, Metric::LatencyP99, Metric::WireTotal, Metric::ServerCpu];
    html! { div.pair { @for metric in metrics { @if let Some(one) = strip(view, point, metric, fit) { (one) } } } }
}

fn strip(view: &View<'_>, point: usize, metric: Metric, fit: Fit) -> Option<Markup> {
    let unit = metric.unit();
    let mut table = Vec::new();
    let mut rows = Vec::new();
    for transport in view.transports() {
        let trials = view.trials(point, Some(transport));
        let values: Vec<(u32, Option<f64>)> = trials.map(|trial| (trial.round, trial.metrics.get(metric).0)).collect();
        let dots = values.iter().filter_map(|(round, value)| {
            value.map(|value| (value, format!("{}, round {round}", view.title(transport)), unit.show(value)))
        });
        let (name, index) = (view.title(transport).to_owned(), transport.index());
        let middle = view.row(point, transport).and_then(|row| row.shown(metric).ok());
        rows.push(Dots { name: name.clone(), index, middle, dots: dots.collect() });
        for (round, value) in values {
            table.push(vec![name.clone(), round.to_string(), shown(unit, value)]);
        }
    }
    let values = || rows.iter().flat_map(|row| row.dots.iter().map(|dot| dot.0));
    let scale = Scale::for_span(values(), 8.0);
    let x = Axis::fit(values(), scale, 5)?;
    let label = view.label(Drawn::Metric(metric));
    let title = format!("Each trial: {label}");
    let x_title = scale.noted(&label);
    let strip = Strip { title: &title, x, x_title: &x_title, label: &|value| unit.tick(value), rows, band: None };
    let picture = Picture {
        title: capitalised(&label),
        is_captioned: true,
        note: String::new(),
        legend: html! {},
        drawing: fit.draw(|size| strip.svg(size)),
        table: Table::new(["transport", "round", label.as_str()].map(str::to_owned).to_vec(), table),
    };
    Some(picture.html())
}

/// A metric at one point as plain bars, for runs whose question is about a quantity.
pub(crate) fn plain_bars(view: &View<'_>, point: usize, metric: Metric) -> Option<Markup> {
    let unit = metric.unit();
    let bar = |transport: Transport| {
        let value = view.row(point, transport)?.metrics.get(metric).0?;
        let parts = vec![(metric.label(), Ink::Series(transport.index() as u8), value)];
        Some(Bar { name: view.title(transport).to_owned(), parts, total: unit.show(value) })
    };
    let rows: Vec<Bar> = view.transports().into_iter().filter_map(bar).collect();
    if rows.is_empty() {
        return None;
    }
    let bars = Bars { title: metric.label(), x_title: metric.label(), label: &|value| unit.tick(value), rows };
    let picture = Picture {
        title: capitalised(metric.label()),
        is_captioned: true,
        note: String::new(),
        legend: html! {},
        drawing: Fit::Both(Size::Half).draw(|size| bars.svg(size).map(Option::unwrap_or_default)),
        table: figures_table(view, point, std::iter::once(metric)),
    };
    Some(picture.html())
}
