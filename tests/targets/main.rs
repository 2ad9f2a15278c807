//! Third-party servers, measured through their target files: the real programs, with one run each, and small faulty
//! servers. The tests of a program that is not installed are ignored, with the reason.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod docs;
mod faulty_servers;
mod measure;
mod real;
mod secure;
mod tokens;
mod try_command;

use std::path::Path;
use std::process::ExitCode;

use common::tool_tests::packages;

/// Tests that run in parallel: they check counts, and mostly wait for servers to start and for timers.
const AT_ONCE: usize = 5;

fn main() -> ExitCode {
    let nginx =
        Path::new("/usr/sbin/nginx").exists() && Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so").exists();
    let nchan = (!nginx).then(|| "there is no nginx with Nchan; apt-get install nginx libnginx-mod-nchan".to_owned());
    let node = packages(&measure::installed(), "package.json", "npm packages");
    let python = packages(&measure::installed(), "requirements.txt", "Python packages");
    let is_built = measure::textbook().exists();
    let textbook = (!is_built).then(|| "the example is not built; cargo build --example textbook_axum".to_owned());
    let tests = [
        tests![
            None;
            real::our_own_server_is_measured_by_its_target_file,
            docs::the_axum_example_is_the_target_file_that_is_tested,
            try_command::each_transport_of_pushpulls_own_server_is_recognized_and_described,
            try_command::the_generated_target_file_can_be_run_as_it_is,
            try_command::an_address_without_a_stream_gets_a_useful_message,
            secure::a_server_over_tls_can_be_tried_and_measured_with_its_authority,
            secure::a_server_that_cannot_be_trusted_is_refused_with_one_error_that_says_why,
            tokens::a_token_in_an_address_is_written_nowhere_though_the_servers_refusal_repeats_it,
            tokens::try_reads_a_token_in_an_address_from_the_environment_and_writes_it_nowhere,
            faulty_servers::a_server_that_drops_every_hundredth_update_has_lost_updates,
            faulty_servers::a_server_that_sends_each_update_twice_has_duplicates,
            faulty_servers::a_server_that_swaps_updates_has_reordered_ones,
            faulty_servers::retry_after_is_obeyed_when_publishing_and_the_throttled_updates_are_counted,
            faulty_servers::retry_after_is_obeyed_by_each_subscriber_and_the_throttled_attempts_are_counted,
            faulty_servers::a_secret_from_the_environment_is_sent_and_written_nowhere,
            faulty_servers::a_target_that_cannot_be_measured_is_refused_with_a_useful_message,
            faulty_servers::a_missing_program_of_a_target_is_reported_before_anything_is_measured,
            faulty_servers::a_third_party_feed_is_measured_by_its_timestamps_or_without_latency,
        ],
        tests![
            textbook.as_deref();
            try_command::the_textbook_server_is_found_by_host_and_port,
            real::the_textbook_server_is_measured_by_its_target_file,
            real::servers_side_by_side_are_points_of_one_run,
        ],
        tests![
            nchan.as_deref();
            try_command::nchan_is_found_by_host_and_port,
            try_command::a_static_file_of_nginx_is_not_found_by_host_and_port_but_as_json_by_its_address,
            real::nchan_is_measured_by_its_target_file,
            real::polls_of_a_static_file_of_nginx_deliver_its_changes_and_unchanged_answers_cost_cpu_too,
        ],
        tests![
            node.as_deref();
            try_command::socketio_and_ws_are_found_by_host_and_port,
            docs::the_node_example_is_measured_as_written,
            real::socketio_is_measured_by_its_target_file,
            real::ws_is_measured_by_its_target_file,
        ],
        tests![
            python.as_deref();
            try_command::the_python_servers_are_found_by_host_and_port,
            docs::the_python_example_is_measured_as_written,
            real::websockets_is_measured_by_its_target_file,
            real::sse_starlette_is_measured_by_its_target_file,
        ],
    ];
    common::tool_tests::run_at_once(AT_ONCE, &[textbook, nchan, node, python], tests.into_iter().flatten().collect())
}
