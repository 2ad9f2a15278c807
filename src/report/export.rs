//! Exports a run for other tools: percentile text and interval logs for the HdrHistogram plotters, and the summary as
//! CSV.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

use crate::files;
use crate::report::text::wording::row_reasons;
use crate::run::Transport;
use crate::run::file::{Point, Row, Run, Trial};
use crate::run::histogram;
use crate::run::metric::{Metric, Value};
use crate::units::Nanos;

/// Latencies are exported in milliseconds, which the plotters assume unless told otherwise.
const EXPORT_UNIT: Nanos = Nanos::MILLI;

/// Writes every export of `run` into `folder`, which is created if missing, and returns the paths of the files:
///
/// - `summary.csv`: a line per row, with the TCP baseline last;
/// - `latency.hlog`: an interval per trial, tagged with its transport;
/// - `sse.hgrm` and similar: percentiles over all rounds, with `sse-uncorrected.hgrm` if uncorrected latency is known.
///
/// A run with several points has the last two for each point, with `-point1` and so on in the name, counted from 1.
///
/// Errors: those of the file system, and `InvalidData` for an unreadable histogram.
pub fn write(run: &Run, folder: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut files = Vec::new();
    let mut put = |name: String, content: &[u8]| {
        let path = folder.join(name);
        files::write_whole(&path, content)?;
        files.push(path);
        io::Result::Ok(())
    };
    put("summary.csv".to_owned(), &csv(run)?)?;
    let points = run.trials.iter().map(|trial| trial.point_index + 1).max().unwrap_or(0);
    for point_index in 0..points {
        let suffix = if points > 1 { format!("-point{}", point_index + 1) } else { String::new() };
        let trials: Vec<&Trial> = run.trials.iter().filter(|trial| trial.point_index == point_index).collect();
        put(format!("latency{suffix}.hlog"), &interval_log(&trials)?)?;
        for transport in [None].into_iter().chain(Transport::ALL.map(Some)) {
            let of_transport = || trials.iter().filter(|trial| trial.transport == transport);
            let name = tag(transport);
            let corrected = merged(of_transport().map(|trial| (trial.latency_hdr.as_str(), trial.latency_shift_ns)))?;
            let uncorrected =
                merged(of_transport().map(|trial| (trial.uncorrected_latency_hdr.as_str(), trial.latency_shift_ns)))?;
            for (kind, histogram) in [("", corrected), ("-uncorrected", uncorrected)] {
                if !histogram.is_empty() {
                    put(format!("{name}{kind}{suffix}.hgrm"), percentile_text(&histogram).as_bytes())?;
                }
            }
        }
    }
    Ok(files)
}

fn tag(transport: Option<Transport>) -> &'static str {
    transport.map_or("tcp_baseline", Transport::label)
}

fn decode((text, shift): (&str, Nanos)) -> io::Result<Histogram<u64>> {
    let read = histogram::decode(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(histogram::unshifted(read, shift))
}

fn merged<'a>(texts: impl Iterator<Item = (&'a str, Nanos)>) -> io::Result<Histogram<u64>> {
    let histograms: Vec<_> = texts.filter(|(text, _)| !text.is_empty()).map(decode).collect::<io::Result<_>>()?;
    Ok(histogram::merge(&histograms))
}

/// The percentile distribution in HdrHistogram's text format: `Value Percentile TotalCount 1/(1-Percentile)`, five
/// lines for each halving of the distance to 100 %, and a summary as footer.
///
/// Source: HdrHistogram's `outputPercentileDistribution`; its plotter at hdrhistogram.github.io/HdrHistogram.
pub fn percentile_text(histogram: &Histogram<u64>) -> String {
    const TICKS_PER_HALF_DISTANCE: u32 = 5;
    let scaled = |value: f64| value / EXPORT_UNIT.0 as f64;
    let mut text = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut seen = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        seen += step.count_since_last_iteration();
        let (value, quantile) = (scaled(step.value_iterated_to() as f64), step.quantile_iterated_to());
        // Writing to a String cannot fail.
        let _ = write!(text, "{value:12.6} {quantile:2.12} {seen:10}");
        let _ = match quantile < 1.0 {
            true => writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(text),
        };
    }
    let (mean, deviation, max) = (scaled(histogram.mean()), scaled(histogram.stdev()), scaled(histogram.max() as f64));
    // Enough sub-buckets to resolve the required digits at the lower end of each bucket.
    let sub_buckets = (2 * 10_u64.pow(histogram.sigfig().into())).next_power_of_two();
    let _ = writeln!(text, "#[Mean    = {mean:12.6}, StdDeviation   = {deviation:12.6}]");
    let _ = writeln!(text, "#[Max     = {max:12.6}, Total count    = {:12}]", histogram.len());
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]", histogram.buckets());
    text
}

/// An interval log, version 1.3, of the trials in chronological order, without trials that have no histogram.
fn interval_log(trials: &[&Trial]) -> io::Result<Vec<u8>> {
    let mut trials: Vec<&Trial> = trials.iter().copied().filter(|trial| !trial.latency_hdr.is_empty()).collect();
    trials.sort_by_key(|trial| trial.window_unix_ns);
    let start = trials.first().map_or(Duration::ZERO, |trial| Duration::from_nanos(trial.window_unix_ns[0]));
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[Latency in nanoseconds, written by pushpull {}]", env!("CARGO_PKG_VERSION")))
        .with_start_time(SystemTime::UNIX_EPOCH + start)
        .with_max_value_divisor(EXPORT_UNIT.0 as f64)
        .begin_log_with(&mut log, &mut serializer)?;
    for trial in trials {
        let [from, to] = trial.window_unix_ns.map(Duration::from_nanos);
        let tag = Tag::new(tag(trial.transport));
        writer
            .write_histogram(&decode((&trial.latency_hdr, trial.latency_shift_ns))?, from, to.saturating_sub(from), tag)
            .map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })?;
    }
    Ok(log)
}

/// The summary: a line per row. The columns have the names of the run file, the figures first, then their intervals; a
/// `null` is an empty cell.
///
/// Source: RFC 4180, but with a single line feed at the end of a line, as common tools expect.
pub fn csv(run: &Run) -> io::Result<Vec<u8>> {
    let intervals = |bound: &'static str| move |metric: &Metric| format!("ci95.{}.{bound}", metric.path());
    let settings = ["transport", "point_index"].into_iter().chain(Point::columns()).chain(AUDIT);
    let mut head: Vec<String> = settings.map(str::to_owned).collect();
    head.extend(Metric::ALL.iter().map(|metric| metric.path().to_owned()));
    head.extend(Metric::ALL.iter().flat_map(|metric| [intervals("low")(metric), intervals("high")(metric)]));
    head.extend(["verdict", "reasons"].map(str::to_owned));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&head)?;
    for row in run.summary.iter().chain(&run.tcp_baseline) {
        writer.write_record(fields(row))?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The columns of the delivery audit.
const AUDIT: [&str; 6] = ["expected", "delivered", "lost", "lost_announced", "duplicate", "reordered"];

fn fields(row: &Row) -> Vec<String> {
    let audit = &row.audit;
    let mut fields = vec![tag(row.transport).to_owned(), row.point_index.to_string()];
    fields.extend(row.point.cells());
    let counts = [audit.expected, audit.delivered, audit.lost, audit.lost_announced, audit.duplicate, audit.reordered];
    fields.extend(counts.map(|count| count.to_string()));
    fields.extend(Metric::ALL.iter().map(|metric| number(*row.metrics.get(*metric))));
    fields.extend(Metric::ALL.iter().flat_map(|metric| match row.ci95.get(*metric) {
        Some(interval) => interval.map(|bound| number(Value(Some(bound)))),
        None => [String::new(), String::new()],
    }));
    fields.extend([row.verdict.label().to_owned(), row_reasons(row).join("; ")]);
    fields
}

/// A number as in the run file; an empty string instead of `null`.
fn number(value: Value) -> String {
    match value.0 {
        None => String::new(),
        Some(_) => serde_json::to_string(&value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use crate::run::reason::Cause;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn every_export_is_written_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let files = write(&fixture::run(|_, _| 1.0), &folder).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names.len(), 1 + 2 * (1 + 2 * 5), "{names:?}");
        assert!(names.contains(&"summary.csv") && names.contains(&"latency-point2.hlog"), "{names:?}");
        assert!(names.contains(&"long_polling-uncorrected-point1.hgrm") && names.contains(&"tcp_baseline-point1.hgrm"));
        assert!(files.iter().all(|file| file.metadata().unwrap().len() > 100));
    }

    #[test]
    fn percentile_text_has_the_columns_and_the_footer_that_the_plotters_read() {
        let mut latencies = histogram::empty();
        (1..=1_000).for_each(|n| histogram::record(&mut latencies, Nanos(n * 10_000)));
        let text = percentile_text(&latencies);
        let (head, rest) = text.split_once("\n\n").unwrap();
        assert_eq!(
            head.split_whitespace().collect::<Vec<_>>(),
            ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
        );
        let rows: Vec<Vec<f64>> = rest
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|field| field.parse().unwrap()).collect())
            .collect();
        let half = rows.iter().find(|row| row[1] == 0.5).unwrap();
        assert!((half[0] - 5.0).abs() < 0.01 && half[2] == 500.0 && half[3] == 2.0, "{half:?}");
        let last = rows.last().unwrap();
        assert!(last.len() == 3 && last[1] == 1.0 && last[2] == 1_000.0, "{last:?}");
        assert!(rows.is_sorted_by(|a, b| a[0] <= b[0] && a[2] <= b[2]));
        assert!(text.ends_with("SubBuckets     =         2048]\n"), "{text}");
        assert!(text.contains("#[Mean    =     5.00") && text.contains("Total count    =         1000]"), "{text}");
    }

    #[test]
    fn the_interval_log_is_read_back_with_its_tags_times_and_counts() {
        let run = fixture::run(|_, _| 1.0);
        let trials: Vec<&Trial> = run.trials.iter().filter(|trial| trial.point_index == 0).collect();
        let log = interval_log(&trials).unwrap();
        assert!(log.starts_with(b"#[Histogram log format version 1.3]\n"));
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            assert_eq!((histogram.len(), interval.duration()), (1_000, Duration::from_secs(4)));
            found.push((interval.start_timestamp(), interval.tag().unwrap().as_str().to_owned()));
        }
        assert_eq!(found.len(), trials.len());
        assert!(found.is_sorted_by_key(|(start, _)| *start));
        assert_eq!(found.iter().filter(|(_, tag)| tag == "sse").count(), 3);
        assert_eq!(found.iter().filter(|(_, tag)| tag == "tcp_baseline").count(), 3);
    }

    #[test]
    fn the_csv_has_a_column_per_metric_and_empty_cells_for_unmeasured_ones() {
        let mut run = fixture::run(|_, _| 1.0);
        run.summary[0].metrics.server_cpu_ns_per_delivery = Value(None);
        run.summary[0].reasons = vec![Cause::Other { text: "lost 3, \"all\" of them".to_owned() }.into()];
        let text = String::from_utf8(csv(&run).unwrap()).unwrap();
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap().split(',').collect();
        let first = lines.next().unwrap();
        assert!(first.ends_with(",\"lost 3, \"\"all\"\" of them\""), "{first}");
        let fields: Vec<&str> = first.split(',').collect();
        let field = |name: &str| fields[head.iter().position(|column| *column == name).unwrap()];
        assert_eq!((field("transport"), field("server_cpu_ns_per_delivery")), ("polling", ""));
        assert_eq!(field("latency_ns.p99").parse::<f64>().ok(), run.summary[0].metrics.latency_ns.p99.0);
        for line in text.lines().skip(2) {
            assert_eq!(line.split(',').count(), head.len(), "{line}");
        }
        assert_eq!(text.lines().count(), 1 + run.summary.len() + run.tcp_baseline.len());
    }

    #[test]
    fn a_histogram_that_cannot_be_read_is_an_error_and_not_an_empty_file() {
        let mut run = fixture::run(|_, _| 1.0);
        run.trials[0].latency_hdr = "damaged".to_owned();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(&run, folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
