//! The instrument: a real run is complete and adds up, its bytes are those of a packet capture, and it says so where it
//! cannot be trusted. Those whose figures are times go one at a time, and need the machine for themselves; then those that
//! count what a machine that is busy counts alike, beside each other.
//!
//! `PUSHPULL_LOADGEN` names the program to run, so that `scripts/test` can check the release build.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod capture;
mod path;
mod path_capture;
mod proxy;
mod recompute;
mod short_run;
mod validity;

use std::process::ExitCode;

use common::trials::Turns;

/// At the same time: mostly they wait for clocks, and two processors carry so many.
static TURNS: Turns = Turns::new(4);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (tcpdump, core) = (runtime.block_on(capture::missing()), validity::missing_core());
    let (namespace, forbidden) = runtime.block_on(async { (path::missing().await, path::missing_forbidden().await) });
    let (nginx, python) = (proxy::missing(), recompute::missing());
    let inside = runtime.block_on(path_capture::missing());
    let looked_into = namespace.clone().or(tcpdump.clone()).or(inside.clone());
    let tests = [
        trials_in![
            TURNS.alone(), None;
            validity::a_server_that_stands_still_shows_in_the_corrected_latency_and_not_in_the_uncorrected_one,
            validity::every_trial_beside_a_busy_neighbour_is_suspect_and_says_how_much_it_took,
        ],
        trials_in![
            TURNS.alone(), core.as_deref();
            validity::a_run_whose_generator_was_starved_is_invalid_and_says_why_before_anything_else,
        ],
        trials_in![
            TURNS.alone(), namespace.as_deref();
            path::a_round_trip_over_20_ms_each_way_takes_40_ms_and_nothing_is_lost,
            path::a_rate_is_given_to_each_direction_within_2_percent,
        ],
        // They measure nothing, but keep a processor busy for a minute.
        trials_in![
            TURNS.alone(), python.as_deref();
            recompute::every_figure_of_the_sample_run_is_recomputed_from_its_readings_and_one_that_is_not_is_named,
            recompute::every_figure_of_the_runs_behind_the_claims_is_recomputed,
        ],
        trials_in![
            TURNS.beside(), None;
            short_run::a_short_run_delivers_every_update_once_and_in_order_and_accounts_for_every_byte,
        ],
        trials_in![
            TURNS.beside(), tcpdump.as_deref();
            capture::the_bytes_of_each_transport_agree_with_a_packet_capture_within_1_percent,
            capture::the_bytes_of_each_protocol_agree_with_a_packet_capture_within_1_percent,
        ],
        trials_in![
            TURNS.beside(), looked_into.as_deref();
            path_capture::over_a_path_the_bytes_of_each_transport_agree_with_a_capture_of_its_device_within_1_percent,
        ],
        trials_in![
            TURNS.beside(), namespace.as_deref();
            path::what_the_kernel_sends_again_is_what_the_relay_has_dropped,
            path::segments_over_a_path_carry_1448_bytes_and_are_counted_one_by_one,
            path::a_run_over_a_path_delivers_all_with_its_delay_and_says_what_the_path_gave,
        ],
        trials_in![
            TURNS.beside(), nginx.as_deref();
            proxy::every_update_comes_through_a_real_nginx_and_nothing_of_it_is_left,
            proxy::nginx_ends_with_a_load_generator_that_is_killed,
        ],
        trials_in![
            TURNS.beside(), python.as_deref();
            recompute::every_figure_of_a_fresh_run_is_recomputed,
        ],
        trials_in![
            TURNS.beside(), forbidden.as_deref();
            path::where_paths_are_forbidden_a_link_stands_in_and_every_trial_says_so,
            path::a_system_without_a_tun_device_is_refused_for_that,
            path::a_system_that_forbids_namespaces_is_refused_for_that,
        ],
        trials_in![
            TURNS.beside(), None;
            short_run::a_browsers_heads_take_the_bytes_on_the_wire_that_were_recorded_of_it,
            short_run::a_server_that_is_already_there_is_measured_at_the_rate_and_the_payload_that_it_has,
            short_run::transports_that_met_different_stretches_of_a_servers_feed_are_not_called_valid,
            capture::a_capture_file_is_read_packet_by_packet,
            path::every_preset_stands_in_the_docs_with_its_source,
        ],
    ];
    common::trials::run_at_once(
        TURNS.at_once(),
        &[tcpdump, core, namespace, forbidden, inside, nginx, python],
        tests.into_iter().flatten().collect(),
    )
}
