//! Servers that are not ours, measured by their target files: the real programs, one run each, and small servers that do
//! wrong on purpose. What is missing here is said, and its tests are ignored.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod measure;
mod real;
mod wrong;

use std::path::Path;
use std::process::ExitCode;

/// What is missing of what `scripts/install-test-clients` installs.
fn packages(list: &str, what: &str) -> Option<String> {
    let is_installed = measure::installed().join(list).exists();
    (!is_installed).then(|| format!("the {what} are not installed; run scripts/install-test-clients"))
}

fn main() -> ExitCode {
    let nginx =
        Path::new("/usr/sbin/nginx").exists() && Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so").exists();
    let nchan = (!nginx).then(|| "there is no nginx with Nchan; apt-get install nginx libnginx-mod-nchan".to_owned());
    let node = packages("installed-package.json", "npm packages");
    let python = packages("installed-requirements.txt", "Python packages");
    let is_built = measure::textbook().exists();
    let textbook = (!is_built).then(|| "the example is not built; cargo build --example textbook_axum".to_owned());
    let tests = [
        trials![
            None;
            real::our_own_server_is_measured_by_its_target_file,
            wrong::a_server_that_drops_every_hundredth_message_has_lost_them,
            wrong::a_server_that_delivers_twice_has_duplicates,
            wrong::a_server_that_reorders_is_called_that,
            wrong::a_server_that_asks_for_patience_is_obeyed_and_that_is_counted,
            wrong::a_secret_of_the_environment_is_sent_and_written_nowhere,
            wrong::what_cannot_be_measured_is_refused_with_one_sentence,
            wrong::a_feed_of_others_is_measured_by_its_timestamps_or_without_latency,
        ],
        trials![
            textbook.as_deref();
            real::the_textbook_server_is_measured_by_its_target_file,
            real::servers_side_by_side_are_points_of_one_run,
        ],
        trials![nchan.as_deref(); real::nchan_is_measured_by_its_target_file],
        trials![
            node.as_deref();
            real::socketio_is_measured_by_its_target_file,
            real::ws_is_measured_by_its_target_file,
        ],
        trials![
            python.as_deref();
            real::websockets_is_measured_by_its_target_file,
            real::sse_starlette_is_measured_by_its_target_file,
        ],
    ];
    common::trials::run_one_by_one(&[textbook, nchan, node, python], tests.into_iter().flatten().collect())
}
