//! The capacity estimate for a workload, the result of a calibration, and its validation against measurements.

use super::{bracketed, listed, moment};
use crate::report::findings::capacity::fit::Band;
use crate::report::findings::capacity::validation::{BYTES_WITHIN, CORES_WITHIN, Figures, Validation};
use crate::report::findings::capacity::{Axis, Beyond, Estimate, Model, NodeCount, Resource};
use crate::report::text::table::{Align, aligned};
use crate::run::Transport;
use crate::run::capacity::Capacity;
use crate::units::{Nanos, grouped, plain_length, short_number, three_digits};

/// Units of a quantity, the largest first: the value from which each is used, its size and its name. The last one is for
/// everything smaller.
type Units = &'static [(f64, f64, &'static str)];

const CORES: Units = &[(1.0, 1.0, "cores")];
const BYTES: Units = &[
    (1_073_741_824.0, 1_073_741_824.0, "GiB"),
    (1_048_576.0, 1_048_576.0, "MiB"),
    (10_240.0, 1_024.0, "KiB"),
    (1.0, 1.0, "B"),
];
const BITS_PER_S: Units = &[(1e9, 1e9, "Gbit/s"), (1e6, 1e6, "Mbit/s"), (1e3, 1e3, "kbit/s"), (1.0, 1.0, "bit/s")];

/// The unit that fits a value, and its size.
fn unit_of(value: f64, units: Units) -> (f64, &'static str) {
    let fits = units.iter().find(|(from, ..)| value >= *from).or(units.last());
    fits.map_or((1.0, ""), |(_, scale, unit)| (*scale, unit))
}

fn banded(band: Band, units: Units) -> String {
    let (scale, unit) = unit_of(band.value, units);
    let show = |value: f64| three_digits(value / scale);
    format!("{}{} {unit}", show(band.value), bracketed([band.low, band.high], show))
}

fn shown_in(value: f64, units: Units) -> String {
    let (scale, unit) = unit_of(value, units);
    format!("{} {unit}", short_number(value / scale))
}

fn bytes(value: f64) -> String {
    shown_in(value, BYTES)
}

/// The estimate for a workload: a table, the resource that limits it, and where it is an extrapolation.
pub(crate) fn estimate_lines(estimate: &Estimate, capacity: &Capacity, model: &Model) -> String {
    let Estimate { workload, limits, node, .. } = estimate;
    let polls = match workload.transport {
        Transport::Polling => format!(", each polling every {}", plain_length(workload.poll_interval_ns)),
        Transport::LongPolling | Transport::Sse | Transport::WebSocket => String::new(),
    };
    let asked = format!(
        "{} clients over {}{polls}, {} updates a second of {}: {} deliveries a second\n\n",
        grouped(workload.clients as i64),
        workload.transport,
        short_number(workload.rate_per_s),
        bytes(workload.payload_bytes),
        grouped(estimate.deliveries_per_s.round() as i64),
    );
    let of_node = |of_all: Band| of_all.times(estimate.clients_per_node as f64 / workload.clients as f64);
    let all_nodes = workload.clients as f64 / estimate.clients_per_node as f64;
    let row = |name: &str, node: String, all: String| vec![name.to_owned(), node, all];
    let mut rows = vec![
        row("", format!("one node, {} clients", grouped(estimate.clients_per_node as i64)), "all nodes".to_owned()),
        row("processor", banded(node.cores, CORES), banded(estimate.cores, CORES)),
        row("memory", banded(node.memory_bytes, BYTES), banded(estimate.memory_bytes, BYTES)),
    ];
    if let Some(kernel) = node.kernel_bytes {
        rows.push(row("kernel memory", bytes(kernel), bytes(kernel * all_nodes)));
    }
    rows.push(row(
        "bandwidth",
        banded(of_node(estimate.bits_per_s), BITS_PER_S),
        banded(estimate.bits_per_s, BITS_PER_S),
    ));
    rows.push(row("bytes per delivery", banded(node.bytes_per_delivery, BYTES), String::new()));
    let table: String = aligned(&rows, |_| Align::Left, "   ").into_iter().map(|line| format!("  {line}\n")).collect();
    let link = limits.bits_per_s.map_or_else(String::new, |most| format!(", a link of {}", shown_in(most, BITS_PER_S)));
    let a_node = format!(
        "a node here: {} processors, {} % of them busy, {} open files, {} of memory{link}\n",
        short_number(limits.cores),
        short_number(limits.busy_share * 100.0),
        grouped(i64::try_from(limits.files).unwrap_or(i64::MAX)),
        bytes(limits.memory_bytes),
    );
    [
        asked,
        table,
        "\n".to_owned(),
        nodes_line(estimate),
        a_node,
        beyond_lines(&node.beyond),
        calibration_line(capacity, model),
    ]
    .concat()
}

fn nodes_line(estimate: &Estimate) -> String {
    let Some(needed) = estimate.nodes else {
        let lacking =
            estimate.by_resource.iter().filter(|one| one.value.is_none()).map(|one| resource(one.resource).to_owned());
        return format!(
            "nodes: no number is enough, because a single client exceeds a node's {}\n",
            listed(&lacking.collect::<Vec<_>>())
        );
    };
    let others = estimate.by_resource.iter().filter(|one| one.resource != needed.resource);
    let others: Vec<String> =
        others.map(|one| format!("{} needs {}", resource(one.resource), counted_nodes(one))).collect();
    format!("nodes: {}, limited by {}; {}\n", counted_nodes(&needed), resource(needed.resource), listed(&others))
}

fn counted_nodes(count: &NodeCount) -> String {
    let shown = |nodes: Option<u64>| nodes.map_or_else(|| "no number".to_owned(), |nodes| grouped(nodes as i64));
    let [value, low, high] = [count.value, count.low, count.high].map(shown);
    if low == high { value } else { format!("{value} [{low}, {high}]") }
}

fn resource(resource: Resource) -> &'static str {
    match resource {
        Resource::Processor => "processor time",
        Resource::Memory => "memory",
        Resource::Files => "open files",
        Resource::Bandwidth => "bandwidth",
    }
}

fn beyond_lines(all: &[Beyond]) -> String {
    let line = |one: &Beyond| {
        let (name, show): (&str, fn(f64) -> String) = match one.axis {
            Axis::Clients => ("clients per node", |value| grouped(value.round() as i64)),
            Axis::Rate => ("updates a second", short_number),
            Axis::Payload => ("payload", bytes),
            Axis::Deliveries => ("deliveries a second per node", |value| grouped(value.round() as i64)),
            Axis::PollInterval => ("poll interval", |value| plain_length(Nanos::from_seconds(value))),
        };
        let [least, most] = one.calibrated.map(show);
        format!("  {name}: {}, {} times beyond {least} to {most}\n", show(one.asked), three_digits(one.times))
    };
    if all.is_empty() {
        return "within the calibrated range\n".to_owned();
    }
    let head = "EXTRAPOLATED: outside the calibrated range, where no interval is warranted\n".to_owned();
    std::iter::once(head).chain(all.iter().map(line)).collect()
}

fn calibration_line(capacity: &Capacity, model: &Model) -> String {
    format!("from {} trials on {}, {}\n", model.trials(), capacity.machine.host, moment(&capacity.measured_at))
}

/// The result of a calibration: the costs by transport.
pub(crate) fn model_lines(models: &[Model]) -> String {
    let head = ["", "µs per request", "delivery", "kB", "wake-up", "second", "memory per client", "trials"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for model in models {
        let costs = model.cost_us().map(|cost| if cost > 0.0 { three_digits(cost) } else { "–".to_owned() });
        let name = model.transport().to_string();
        rows.push(
            [vec![name], costs.to_vec(), vec![bytes(model.bytes_per_client()), model.trials().to_string()]].concat(),
        );
    }
    let align = |column| if column == 0 { Align::Left } else { Align::Right };
    aligned(&rows, align, "   ").into_iter().map(|line| format!("  {line}\n")).collect()
}

/// Predictions compared with measurements, as a Markdown table.
pub(crate) fn validation_lines(rows: &[Validation]) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let [bytes_within, cores_within] = [BYTES_WITHIN, CORES_WITHIN].map(|share| format!("{:.0} %", share * 100.0));
    let mut text = format!(
        "| transport | settings | bytes within {bytes_within} | median, worst | in interval | CPU within {cores_within} | median, worst | in \
         interval | memory: median, worst | in interval |\n|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let name = row.transport.map_or_else(|| "all".to_owned(), |transport| transport.to_string());
        let of = |count: usize| format!("{count} of {}", row.cores.0.len());
        let off = |figures: &Figures| format!("{}, {}", percent(figures.median()), percent(figures.worst()));
        let invalid = if row.invalid > 0 { format!(", {} unusable", row.invalid) } else { String::new() };
        let cells = [
            name,
            format!("{}{invalid}", row.cores.0.len()),
            of(row.bytes.within(BYTES_WITHIN)),
            off(&row.bytes),
            of(row.bytes.covered()),
            of(row.cores.within(CORES_WITHIN)),
            off(&row.cores),
            of(row.cores.covered()),
            off(&row.memory),
            of(row.memory.covered()),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}
