//! Servers that are not ours, measured by their target files: the real programs, one run each, and small servers that do
//! wrong on purpose. What is missing here is said, and its tests are ignored.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod docs;
mod measure;
mod real;
mod secure;
mod tokens;
mod tried;
mod wrong;

use std::path::Path;
use std::process::ExitCode;

use common::trials::packages;

/// Tests at the same time: they look at what is counted, and mostly wait for a server to start and for a clock.
const AT_ONCE: usize = 3;

fn main() -> ExitCode {
    let nginx =
        Path::new("/usr/sbin/nginx").exists() && Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so").exists();
    let nchan = (!nginx).then(|| "there is no nginx with Nchan; apt-get install nginx libnginx-mod-nchan".to_owned());
    let node = packages(&measure::installed(), "package.json", "npm packages");
    let python = packages(&measure::installed(), "requirements.txt", "Python packages");
    let is_built = measure::textbook().exists();
    let textbook = (!is_built).then(|| "the example is not built; cargo build --example textbook_axum".to_owned());
    let tests = [
        trials![
            None;
            real::our_own_server_is_measured_by_its_target_file,
            docs::the_axum_example_is_the_target_file_that_is_tested,
            tried::our_own_streams_are_told_apart_and_described,
            tried::a_target_file_that_was_begun_can_be_run_as_it_is,
            tried::what_is_no_stream_has_a_useful_sentence,
            secure::a_server_over_tls_is_tried_and_measured_with_its_authority,
            secure::whoever_cannot_be_trusted_is_refused_with_one_sentence_that_says_why,
            tokens::a_token_in_an_address_is_written_nowhere_though_the_server_refuses_and_says_what_it_was_asked,
            tokens::a_token_in_an_address_that_is_tried_is_read_from_the_environment_and_written_nowhere,
            wrong::a_server_that_drops_every_hundredth_message_has_lost_them,
            wrong::a_server_that_delivers_twice_has_duplicates,
            wrong::a_server_that_reorders_is_called_that,
            wrong::a_server_that_asks_for_patience_is_obeyed_and_that_is_counted,
            wrong::a_server_that_asks_subscribers_for_patience_is_obeyed_by_each_and_that_is_counted,
            wrong::a_secret_of_the_environment_is_sent_and_written_nowhere,
            wrong::what_cannot_be_measured_is_refused_with_one_sentence,
            wrong::a_program_that_is_not_there_is_missed_before_anything_is_measured,
            wrong::a_feed_of_others_is_measured_by_its_timestamps_or_without_latency,
        ],
        trials![
            textbook.as_deref();
            tried::the_textbook_server_is_found_at_its_bare_address,
            real::the_textbook_server_is_measured_by_its_target_file,
            real::servers_side_by_side_are_points_of_one_run,
        ],
        trials![
            nchan.as_deref();
            tried::nchan_is_found_at_its_bare_address,
            tried::a_file_of_nginx_is_no_stream_at_its_bare_address_and_json_at_its_own,
            real::nchan_is_measured_by_its_target_file,
            real::a_file_of_nginx_is_polled_and_costs_something_where_it_is_as_it_was,
        ],
        trials![
            node.as_deref();
            tried::socketio_and_ws_are_found_at_their_bare_addresses,
            docs::the_node_example_is_measured_as_written,
            real::socketio_is_measured_by_its_target_file,
            real::ws_is_measured_by_its_target_file,
        ],
        trials![
            python.as_deref();
            tried::the_python_servers_are_found_at_their_bare_addresses,
            docs::the_python_example_is_measured_as_written,
            real::websockets_is_measured_by_its_target_file,
            real::sse_starlette_is_measured_by_its_target_file,
        ],
    ];
    common::trials::run_at_once(AT_ONCE, &[textbook, nchan, node, python], tests.into_iter().flatten().collect())
}
