//! The live page in a real browser: what it shows is what the server did.
//!
//! Without Chromium and its driver the tests that need them are ignored.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;

mod actions;
mod addresses;
mod browser;
mod judged;
mod lanes;
mod lessons;
mod looks;
mod predictions;
mod story;
mod trace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let browser = browser::missing();
    let missing = browser.as_deref();
    // First those that measure, one after the other; then the others beside each other, the long ones first.
    let mut tests = trials_on![
        &browser::RUNTIME, missing;
        predictions::two_pages_in_two_rooms_answer_five_questions_at_the_same_time_all_near_theory_and_without_a_token,
        lessons::all_ten_are_walked_guess_run_three_bars_each_near_theory_at_both_widths_light_and_dark,
        lanes::at_fifty_updates_a_second_no_task_takes_a_tenth_of_a_second_of_the_pages_processor_time,
        story::the_servers_ping_and_the_browsers_pong_are_seen_in_the_websockets_lane,
        looks::four_lanes_fit_a_projector_with_any_panel_open_and_no_text_is_small,
        looks::on_a_phone_the_lanes_come_before_the_controls_and_nothing_is_cut_off,
        actions::each_setting_does_what_it_says_and_stands_in_the_address,
        actions::the_connection_limit_stalls_the_next_request_explains_it_and_closes_what_it_opened,
        actions::over_http2_the_limit_of_six_connections_is_gone,
        actions::a_cut_with_cursor_loses_nothing_and_each_lane_says_whose_code_recovered_it,
        actions::a_cut_without_cursor_loses_what_was_published_meanwhile_in_every_lane,
        lanes::two_pages_at_once_have_a_stream_each_and_share_one_where_both_name_it,
        predictions::an_answered_question_hides_no_lane_and_a_reload_loses_neither_the_answer_nor_the_way_back,
        story::with_no_control_touched_one_update_is_followed_through_four_lanes_slowly_enough_to_see_its_way,
        story::an_event_stream_and_a_websocket_are_two_pictures_also_without_colour,
        story::an_arrow_and_the_table_say_the_same_and_the_table_adds_what_tcp_takes,
        story::a_latency_below_the_uncertainty_of_the_clocks_is_given_no_digits,
        story::a_reload_finds_the_same_room_with_the_same_stream,
        lanes::each_lane_receives_the_same_sequence_without_a_gap_and_the_figures_are_the_servers_own,
        lanes::a_page_that_runs_undisturbed_logs_no_error_and_asks_no_other_host,
        actions::a_setting_that_the_server_refuses_is_not_shown_as_if_it_were_so,
        actions::a_held_poll_comes_back_empty_when_its_hold_is_over,
        actions::one_update_published_by_hand_is_seen_to_arrive_four_times,
        actions::the_main_stream_asks_for_the_token_once_and_a_room_of_its_own_never,
        actions::a_message_up_is_a_small_frame_on_the_websocket_and_a_request_of_its_own_in_each_other_lane,
        predictions::on_the_main_stream_no_question_is_asked_since_it_would_change_it_for_everyone,
        lessons::guesses_and_answers_outlive_the_page_in_both_languages_and_are_handed_in_as_the_schema_says,
        lessons::two_pages_in_one_room_talk_and_see_the_frames_of_their_own_messages,
        lessons::the_handout_is_printed_on_one_sheet,
        looks::everything_can_be_done_by_keyboard_and_has_a_name,
        looks::with_reduced_motion_the_pictures_change_once_a_second_at_most,
        looks::opened_by_a_name_that_was_allowed_the_page_receives_on_all_four_lanes,
    ];
    // Takes ten minutes: cargo test --test page -- --ignored ten_minutes
    let slow =
        trials_on![&browser::RUNTIME, missing; lanes::ten_minutes_at_fifty_updates_a_second_leave_the_memory_level];
    tests.extend(slow.into_iter().map(|test| test.with_ignored_flag(true)));
    tests.extend(trials![
        None;
        addresses::a_page_of_another_site_can_change_nothing_and_open_no_websocket,
        addresses::a_setting_out_of_bounds_is_refused_with_what_to_use,
        addresses::a_feed_of_somebody_elses_making_is_not_the_pages_to_set,
        addresses::reports_are_listed_and_read_and_nothing_beside_them_is,
        addresses::a_page_whose_link_is_longer_waits_half_of_it_each_way,
        judged::a_disturbed_run_may_be_farther_from_theory_by_as_much_as_it_was_disturbed,
    ]);
    // A test that waits for its turn takes a thread, too.
    let ended = common::trials::run_at_once(browser::TURNS.at_once() + 2, &[browser], tests);
    browser::end_all();
    ended
}
