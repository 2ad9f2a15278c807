//! `loadgen predict`: what a workload needs, from a calibration of this machine; also makes and validates the
//! calibration.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::calibrate::data_file;
use crate::cli::process::{DONE, INTERRUPTED, print_out};
use crate::limits;
use crate::load::capacity::{self as trials, CapacityTrialError};
use crate::load::environment;
use crate::load::trial::TrialError;
use crate::measure::host;
use crate::print;
use crate::report::findings::capacity::validation::validate;
use crate::report::findings::capacity::{Model, NodeLimits};
use crate::report::text::wording::{estimate_lines, model_lines, validation_lines};
use crate::run::Transport;
use crate::run::capacity::{Capacity, CapacitySample, SCHEMA, Workload};
use crate::run::drift::Machine;
use crate::run::reason::Verdict;
use crate::run::setting::{Bandwidth, Hold, Interval, Payload, Rate, Share};
use crate::units::{Nanos, rough, size, within};

/// Examples in the help.
pub const EXAMPLES: &str = "\
Examples:
  loadgen predict --calibrate                    56 short trials on this machine: about four minutes
  loadgen predict --clients 1e6 --rate 2 --payload 300 --transport sse
  loadgen predict --clients 50000 --rate 0.2 --payload 1KiB --transport polling --poll-interval 5s --cores 8
  loadgen predict --validate                     40 settings that the model was not fitted to: about three minutes
";

/// The flags of `loadgen predict`.
#[derive(Clone, Debug, Args)]
pub struct PredictArgs {
    /// Measure this machine in short trials, and write the results to the calibration file.
    #[arg(long, conflicts_with_all = ["validate", "clients"])]
    calibrate: bool,
    /// Measure settings that are not in the calibration, and report the error of its predictions.
    #[arg(long, conflicts_with = "clients")]
    validate: bool,
    /// File of this machine's calibration [default: pushpull/capacity.json in $XDG_DATA_HOME or ~/.local/share].
    #[arg(long, value_name = "FILE")]
    capacity: Option<PathBuf>,
    /// Total number of clients, as in 50000 or 1e6.
    #[arg(long, value_name = "COUNT", value_parser = clients, required_unless_present_any = ["calibrate", "validate"])]
    clients: Option<u64>,
    /// Updates per second.
    #[arg(long, default_value = "1")]
    rate: Rate,
    /// Bytes of data in each update.
    #[arg(long, default_value = "128")]
    payload: Payload,
    /// Transport to predict for [default: all four].
    #[arg(long)]
    transport: Option<Transport>,
    /// Time between one client's polls.
    #[arg(long, default_value = "1s")]
    poll_interval: Interval,
    /// How long the server holds a long poll open when there is no update.
    #[arg(long, default_value = "25s")]
    hold: Hold,
    /// Processors of a node [default: this machine's].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4096))]
    cores: Option<u32>,
    /// Maximum busy share of a node's processors, above 0 to 1.
    #[arg(long, default_value_t = limits::CAPACITY_BUSY_SHARE, value_name = "SHARE", value_parser = busy)]
    busy: f64,
    /// Open files that a process on a node may have [default: what this system allows].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(limits::FD_RESERVE + 1..=limits::CAPACITY_FILES_MAX))]
    files: Option<u64>,
    /// Memory of a node, as in 16GiB [default: this machine's].
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Bandwidth of a node's link, as in 10Gbit; none for no limit.
    #[arg(long, default_value = "none")]
    bandwidth: Bandwidth,
    /// With --calibrate: number of clients in the largest trial.
    #[arg(long, default_value_t = limits::CAPACITY_CLIENTS, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(i64::from(limits::CAPACITY_CLIENTS_MIN) * 2..=i64::from(limits::CLIENTS_MAX)))]
    clients_max: u32,
    /// Number of trials: per transport with --calibrate [default: 14], in total with --validate [default: 40].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(limits::CAPACITY_TRIALS_MIN as i64..=limits::CAPACITY_TRIALS_MAX as i64))]
    trials: Option<u32>,
    /// Seed of the randomly drawn settings.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u64).range(..=limits::SEED_MAX))]
    seed: u64,
    /// Print the prediction as JSON.
    #[arg(long)]
    json: bool,
}

/// Mixed into the seed of a validation, so that it draws other settings than a calibration with the same seed.
const HELD_OUT: u64 = 0x5eed_0f0e;

/// Calibrates, validates or predicts; returns the exit code.
///
/// Errors: one sentence that tells the user what to do.
pub async fn run(args: PredictArgs, stop: CancellationToken) -> anyhow::Result<u8> {
    let place = args.capacity.clone().or_else(|| data_file("capacity.json"));
    let file = place.context("no home directory to store the calibration in; name a file with --capacity")?;
    if args.calibrate {
        return calibrate(&args, file, stop).await;
    }
    let capacity = Capacity::read(&file)?;
    let here = machine();
    if capacity.machine != here {
        let Machine { host, kernel, processor, cores, profile } = &capacity.machine;
        print::err(&format!(
            "note: the calibration is of another machine or build: {host}, {processor}, {cores} processors, {kernel}, {profile}"
        ));
    }
    match args.validate {
        true => validated(&args, &capacity, stop).await,
        false => predict(&args, &capacity),
    }
}

fn machine() -> Machine {
    Machine::of(&environment::read(Vec::new(), &[]))
}

async fn calibrate(args: &PredictArgs, file: PathBuf, stop: CancellationToken) -> anyhow::Result<u8> {
    let measured_at = Timestamp::now().to_string();
    let each = args.trials.map_or(limits::CAPACITY_TRIALS, |trials| trials as usize);
    let Some(samples) = measured(trials::draw(each, args.clients_max, args.seed), &stop).await? else {
        print::err("cut short: no calibration was written");
        return Ok(INTERRUPTED);
    };
    let capacity = Capacity { schema: SCHEMA.to_owned(), measured_at, machine: machine(), seed: args.seed, samples };
    let models = Transport::ALL.map(|transport| Model::of(&capacity, transport));
    let models = models.into_iter().collect::<Result<Vec<_>, _>>()?;
    capacity
        .write(&file)
        .with_context(|| format!("cannot write {}; name another file with --capacity", file.display()))?;
    print_out(&model_lines(&models))?;
    print_out(&format!("calibration: {}\n", file.display()))?;
    Ok(DONE)
}

async fn validated(args: &PredictArgs, capacity: &Capacity, stop: CancellationToken) -> anyhow::Result<u8> {
    // Inside the calibrated range of clients, whatever trials the calibration had.
    let clients = capacity.samples.iter().map(|one| one.workload.clients).max().unwrap_or(0);
    let clients_max = u32::try_from(clients).unwrap_or(limits::CLIENTS_MAX).max(limits::CAPACITY_CLIENTS_MIN * 2);
    let all = args.trials.map_or(limits::CAPACITY_HELD_OUT, |trials| trials as usize);
    let drawn = trials::draw(all.div_ceil(Transport::ALL.len()), clients_max, args.seed ^ HELD_OUT);
    let Some(samples) = measured(drawn, &stop).await? else {
        print::err("cut short: no validation");
        return Ok(INTERRUPTED);
    };
    let rows = validate(capacity, &samples)?;
    print_out(&validation_lines(&rows))?;
    Ok(DONE)
}

/// Measures each workload; `None` if stopped early.
async fn measured(drawn: Vec<Workload>, stop: &CancellationToken) -> anyhow::Result<Option<Vec<CapacitySample>>> {
    let each =
        limits::CAPACITY_WARM_UP.saturating_add(limits::CAPACITY_MEASURE).saturating_add(Nanos::from(limits::SETTLE));
    print::err(&format!(
        "{} short trials, about {} in total",
        drawn.len(),
        rough(Nanos(each.0 * drawn.len() as u64 * 5 / 4))
    ));
    let mut samples = Vec::with_capacity(drawn.len());
    for (number, workload) in drawn.iter().enumerate() {
        let sample = match trials::measure(workload, stop).await {
            Ok(sample) => sample,
            Err(CapacityTrialError::Trial(TrialError::Stopped)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let left_out =
            if sample.verdict == Verdict::Invalid { ", left out: the generator did not keep up" } else { "" };
        print::err(&format!(
            "[{}/{}] {}, {} clients, {} updates/s of {} B: {:.4} cores, {:.0} B a delivery{left_out}",
            number + 1,
            drawn.len(),
            workload.transport,
            workload.clients,
            workload.rate_per_s,
            workload.payload_bytes,
            sample.server_cores,
            sample.wire_bytes_per_delivery,
        ));
        samples.push(sample);
    }
    Ok(Some(samples))
}

fn predict(args: &PredictArgs, capacity: &Capacity) -> anyhow::Result<u8> {
    let Some(clients) = args.clients else { bail!("--clients is missing") };
    let node = NodeLimits {
        cores: f64::from(args.cores.unwrap_or_else(host::cores)),
        busy_share: args.busy,
        files: args.files.unwrap_or_else(host::raise_file_limit),
        memory_bytes: args
            .memory
            .or_else(host::memory_bytes)
            .context("cannot read this machine's memory size; give it with --memory")? as f64,
        bits_per_s: args.bandwidth.0.map(|bits| bits as f64),
        segment_bytes: limits::ETHERNET_SEGMENT_BYTES,
    };
    let transports = args.transport.map_or_else(|| Transport::ALL.to_vec(), |transport| vec![transport]);
    let mut estimates = Vec::new();
    for transport in transports {
        let workload = Workload {
            transport,
            clients,
            rate_per_s: args.rate.0,
            payload_bytes: args.payload.0,
            poll_interval_ns: args.poll_interval.0,
            hold_ns: args.hold.0,
        };
        let model = Model::of(capacity, transport)?;
        let estimate = model.estimate(&workload, node)?;
        if !args.json {
            let gap = if estimates.is_empty() { "" } else { "\n" };
            print_out(&format!("{gap}{}", estimate_lines(&estimate, capacity, &model)))?;
        }
        estimates.push(estimate);
    }
    if args.json {
        print_out(&format!("{}\n", serde_json::to_string_pretty(&estimates)?))?;
    }
    Ok(DONE)
}

/// Parses a whole number that may be written with an exponent.
fn clients(text: &str) -> Result<u64, String> {
    let read = text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    let whole = read.and_then(|value| match value.fract() == 0.0 {
        true => Ok(value),
        false => Err(format!("`{text}` is not a whole number")),
    });
    within(text, whole, [1.0, limits::CAPACITY_ASKED_MAX], ["1", "1e10"].map(str::to_owned)).map(|value| value as u64)
}

fn busy(text: &str) -> Result<f64, String> {
    let share: Share = text.parse()?;
    if share.0 > 0.0 { Ok(share.0) } else { Err("0 is too small; use a share above 0, up to 1".to_owned()) }
}

fn memory(text: &str) -> Result<u64, String> {
    let [least, most] = [limits::CAPACITY_MEMORY_MIN, limits::CAPACITY_MEMORY_MAX];
    let range = [least, most].map(crate::units::plain_size);
    within(text, size(text).map_err(|error| error.to_string()), [least, most], range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_a_whole_number_with_or_without_an_exponent() {
        assert_eq!((clients("1e6"), clients("19000"), clients(" 1 ")), (Ok(1_000_000), Ok(19_000), Ok(1)));
        for bad in ["0", "-1", "1.5", "many", "", "1e11", "inf", "NaN"] {
            assert!(clients(bad).is_err(), "{bad}");
        }
        assert!(busy("0").is_err() && busy("0.5") == Ok(0.5));
    }
}
