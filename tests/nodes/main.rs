//! Several nodes that follow one log: the real server, each in a process of its own, and the real nats-server.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod away;
mod failures;
mod leaving;
mod measured;
mod publishing;
mod resume;
mod schedules;

use std::process::ExitCode;

/// Tests at the same time: they count updates, and mostly wait for servers to start, end and come back.
const AT_ONCE: usize = 5;

fn main() -> ExitCode {
    let missing = common::nats::missing();
    let tests = trials![
        missing.as_deref();
        resume::a_client_goes_on_at_another_node_with_its_cursor_on_each_transport,
        resume::a_node_that_is_killed_and_started_again_goes_on_in_the_same_epoch,
        resume::a_node_retains_the_end_of_the_log_and_announces_what_is_before_it,
        resume::rooms_stay_with_their_node,
        publishing::an_update_is_in_the_stream_when_it_is_answered_with_201,
        publishing::a_repeated_key_publishes_once_whichever_node_it_is_sent_to,
        publishing::what_somebody_else_puts_into_the_stream_is_an_update_or_a_gap,
        publishing::a_schedule_is_published_once_by_the_node_that_is_told_to_through_a_kill_of_nats,
        failures::a_node_without_its_log_says_so_and_follows_once_it_is_there,
        failures::nats_killed_and_back_loses_nothing_and_publishers_are_told_meanwhile,
        failures::a_purge_is_a_gap_for_who_is_behind_and_nothing_for_who_is_not,
        failures::a_stream_made_anew_is_another_epoch_on_open_connections_too,
        failures::a_stream_that_is_no_log_is_refused_with_the_reason,
        away::a_log_that_is_away_under_load_costs_no_connection_and_no_update,
        leaving::a_node_that_is_told_to_leave_sends_its_clients_to_another_where_they_go_on,
        leaving::a_stream_that_stays_away_is_made_anew_by_a_node_and_is_another_epoch,
        leaving::a_stream_that_has_gone_back_is_another_epoch_of_the_node_that_held_more,
        schedules::schedules_of_failures_lose_double_and_reorder_nothing,
        schedules::schedules_in_which_the_leader_of_three_is_killed_lose_nothing_either,
        failures::a_killed_leader_of_three_loses_nothing_that_was_acknowledged,
    ];
    let unbalanced = missing.clone().or_else(|| {
        let found = std::process::Command::new("haproxy").arg("-v").output();
        found.err().map(|error| format!("haproxy cannot be started: {error}; apt-get install haproxy"))
    });
    let measured = trials![
        unbalanced.as_deref();
        measured::nodes_behind_a_balancer_deliver_everything_and_their_log_and_balancer_are_counted_apart,
        measured::clients_of_a_killed_node_go_on_at_another_and_those_of_a_killed_log_stay,
        measured::agents_deal_their_clients_out_to_nodes_without_a_balancer,
        measured::a_run_that_is_interrupted_or_killed_leaves_neither_processes_nor_nodes,
    ];
    let refused = trials![None; measured::a_program_that_is_missing_is_named_with_its_package];
    let tests = [tests, measured, refused].into_iter().flatten().collect();
    common::trials::run_at_once(AT_ONCE, &[missing, unbalanced], tests)
}
