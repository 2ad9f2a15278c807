//! Tests of the measurement itself: a real run is complete and consistent, its bytes match a packet capture, and it
//! reports when its figures cannot be trusted. Tests that measure times run one at a time, with the machine to
//! themselves; tests of counts, which a busy machine does not change, run in parallel after them.
//!
//! `PUSHPULL_LOADGEN` sets the binary to run, so that `scripts/test` can check the release build.

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

use common::tool_tests::Slots;

/// Tests that run in parallel: they mostly wait for timers, so two processors are enough for four.
static SLOTS: Slots = Slots::new(4);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (tcpdump, core) = (runtime.block_on(capture::missing()), validity::missing_core());
    let (namespace, forbidden) = runtime.block_on(async { (path::missing().await, path::missing_forbidden().await) });
    let (nginx, python) = (proxy::missing(), recompute::missing());
    let inside = runtime.block_on(path_capture::missing());
    let captured = namespace.clone().or(tcpdump.clone()).or(inside.clone());
    let tests = [
        tests_in_slot![
            SLOTS.all(), None;
            validity::a_stalled_server_shows_in_the_corrected_latency_and_not_in_the_uncorrected_one,
            validity::every_trial_beside_a_busy_neighbour_is_suspect_and_says_how_much_it_took,
        ],
        tests_in_slot![
            SLOTS.all(), core.as_deref();
            validity::a_run_whose_generator_was_starved_is_invalid_and_prints_the_reason_before_any_figure,
        ],
        tests_in_slot![
            SLOTS.all(), namespace.as_deref();
            path::a_round_trip_over_20_ms_each_way_takes_40_ms_and_nothing_is_lost,
            path::each_direction_has_its_rate_within_2_percent,
        ],
        // These measure nothing, but keep a processor busy for a minute.
        tests_in_slot![
            SLOTS.all(), python.as_deref();
            recompute::every_figure_of_the_sample_run_is_recomputed_from_its_readings_and_one_that_is_not_is_named,
            recompute::every_figure_of_the_runs_behind_the_claims_is_recomputed,
        ],
        tests_in_slot![
            SLOTS.one(), None;
            short_run::a_short_run_delivers_every_update_once_and_in_order_and_accounts_for_every_byte,
        ],
        tests_in_slot![
            SLOTS.one(), tcpdump.as_deref();
            capture::the_bytes_of_each_transport_agree_with_a_packet_capture_within_1_percent,
            capture::the_bytes_of_each_protocol_agree_with_a_packet_capture_within_1_percent,
        ],
        tests_in_slot![
            SLOTS.one(), captured.as_deref();
            path_capture::over_a_path_the_bytes_of_each_transport_agree_with_a_capture_of_its_device_within_1_percent,
        ],
        tests_in_slot![
            SLOTS.one(), namespace.as_deref();
            path::the_kernel_retransmits_what_the_relay_has_dropped,
            path::segments_over_a_path_carry_1448_bytes_and_are_counted_one_by_one,
            path::a_run_over_a_path_delivers_everything_with_its_delay_and_records_what_the_path_did,
        ],
        tests_in_slot![
            SLOTS.one(), nginx.as_deref();
            proxy::every_update_passes_through_a_real_nginx_which_leaves_nothing_behind,
            proxy::nginx_ends_with_a_load_generator_that_is_killed,
        ],
        tests_in_slot![
            SLOTS.one(), python.as_deref();
            recompute::every_figure_of_a_fresh_run_is_recomputed,
        ],
        tests_in_slot![
            SLOTS.one(), forbidden.as_deref();
            path::where_paths_are_forbidden_a_link_replaces_the_path_and_every_trial_says_so,
            path::a_system_without_a_tun_device_is_diagnosed,
            path::a_system_that_forbids_namespaces_is_diagnosed,
        ],
        tests_in_slot![
            SLOTS.one(), None;
            short_run::requests_with_a_browsers_heads_have_the_recorded_size_on_the_wire,
            short_run::a_run_against_a_running_server_measures_its_rate_and_payload,
            short_run::transports_measured_at_different_rates_of_a_servers_feed_are_not_valid,
            capture::a_capture_file_is_read_packet_by_packet,
            path::the_docs_list_every_preset_with_its_source,
        ],
    ];
    common::tool_tests::run_at_once(
        SLOTS.at_once(),
        &[tcpdump, core, namespace, forbidden, inside, nginx, python],
        tests.into_iter().flatten().collect(),
    )
}
