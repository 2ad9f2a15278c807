//! Several nodes that follow one log: real servers, each in its own process, and the real nats-server.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod drain;
mod failures;
mod log_outage;
mod measured;
mod publishing;
mod resume;
mod schedules;

use std::process::ExitCode;

/// Tests at the same time: they count updates, and mostly wait for servers to start, end and come back.
const AT_ONCE: usize = 3;

fn main() -> ExitCode {
    let missing = common::nats::missing();
    let tests = tests![
        missing.as_deref();
        schedules::schedules_of_failures_lose_duplicate_and_reorder_nothing,
        failures::a_killed_leader_of_three_loses_nothing_that_was_acknowledged,
        schedules::schedules_in_which_the_leader_of_three_is_killed_lose_nothing_either,
        resume::a_client_resumes_at_another_node_with_its_cursor_on_each_transport,
        resume::a_node_that_is_killed_and_restarted_is_in_the_same_epoch,
        resume::a_node_retains_the_end_of_the_log_and_announces_a_gap_before_it,
        resume::a_room_exists_only_on_its_node,
        publishing::an_update_is_in_the_stream_before_its_201,
        publishing::a_repeated_key_publishes_once_whichever_node_it_is_sent_to,
        publishing::messages_of_other_programs_in_the_stream_are_updates_or_gaps,
        publishing::the_feed_of_one_node_is_published_exactly_once_through_a_restart_of_nats,
        failures::a_node_without_its_log_is_not_ready_and_follows_the_log_once_it_is_there,
        failures::a_restart_of_nats_loses_nothing_and_publishers_get_503_meanwhile,
        failures::a_purge_is_a_gap_for_clients_that_are_behind_and_not_for_others,
        failures::a_recreated_stream_is_another_epoch_on_open_connections_too,
        failures::a_stream_with_the_wrong_subjects_is_refused_with_a_reason,
        log_outage::a_log_that_is_away_under_load_costs_no_connection_and_no_update,
        drain::the_clients_of_a_node_that_drains_resume_at_another_node,
        drain::a_deleted_stream_is_recreated_by_a_node_as_another_epoch,
        drain::a_stream_that_lost_its_last_updates_is_another_epoch_of_the_node_that_had_them,
    ];
    let missing_for_runs = missing.clone().or_else(|| {
        let found = std::process::Command::new("haproxy").arg("-v").output();
        found.err().map(|error| format!("haproxy cannot be started: {error}; apt-get install haproxy"))
    });
    let measured = tests![
        missing_for_runs.as_deref();
        measured::clients_of_a_killed_node_resume_at_another_and_a_killed_log_costs_no_connection,
        measured::nodes_behind_a_balancer_deliver_everything_and_the_cpu_of_log_and_balancer_is_counted_separately,
        measured::agents_distribute_their_clients_over_nodes_without_a_balancer,
        measured::a_run_that_is_interrupted_or_killed_leaves_no_process_behind,
    ];
    let refused = tests![None; measured::a_missing_program_is_named_with_its_package];
    // The long ones first.
    let tests = [measured, tests, refused].into_iter().flatten().collect();
    common::tool_tests::run_at_once(AT_ONCE, &[missing, missing_for_runs], tests)
}
