//! The live page and the lessons in a real browser: what they show must be what the server did.
//!
//! Without Chromium and its driver, the tests that need them are ignored.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;

mod actions;
mod addresses;
mod browser;
mod lanes;
mod layout;
mod lessons;
mod near_theory;
mod predictions;
mod story;
mod trace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let browser = browser::missing();
    let missing = browser.as_deref();
    // First the tests that measure, one at a time; then the others in parallel, the long ones first.
    let mut tests = tests_on![
        &browser::RUNTIME, missing;
        predictions::two_pages_in_two_rooms_answer_five_questions_at_once_all_near_theory_and_without_a_token,
        lessons::all_ten_lessons_run_and_show_three_bars_near_theory_at_both_widths_light_and_dark,
        lanes::at_fifty_updates_a_second_no_task_of_the_page_takes_a_tenth_of_a_second_of_cpu_time,
        layout::four_lanes_fit_on_a_projector_with_any_panel_open_and_no_text_is_too_small,
        layout::on_a_phone_the_lanes_come_before_the_controls_and_nothing_is_cut_off,
        actions::each_setting_takes_effect_and_is_kept_in_the_address,
        story::the_websocket_lane_shows_the_servers_ping_and_the_browsers_pong,
        actions::the_connection_limit_demo_stalls_the_next_request_explains_why_and_closes_its_connections,
        actions::over_http2_the_limit_of_six_connections_is_gone,
        actions::a_cut_with_a_cursor_loses_nothing_and_each_lane_names_the_code_that_recovered_it,
        actions::a_cut_without_a_cursor_loses_the_updates_published_meanwhile_in_every_lane,
        lanes::two_pages_have_separate_streams_unless_both_name_the_same_room,
        predictions::an_answered_question_hides_no_lane_and_a_reload_keeps_the_answer_and_the_earlier_settings,
        story::the_first_view_follows_one_update_through_four_lanes_slowly_enough_to_see_its_way,
        story::the_pictures_of_event_stream_and_websocket_differ_even_without_colour,
        story::arrows_and_table_show_the_same_bytes_and_the_table_adds_those_of_tcp,
        story::a_latency_below_the_uncertainty_of_the_clocks_is_shown_as_an_upper_bound,
        story::a_reload_keeps_the_room_and_its_stream,
        lanes::each_lane_receives_the_same_sequence_without_a_gap_and_its_figures_match_the_servers_counts,
        lanes::an_undisturbed_page_logs_no_error_and_loads_nothing_from_other_hosts,
        actions::a_setting_that_the_server_refuses_is_not_shown_as_set,
        actions::a_held_poll_comes_back_empty_when_its_hold_is_over,
        actions::an_update_published_by_hand_is_shown_to_arrive_in_all_four_lanes,
        actions::the_page_asks_for_the_token_once_on_the_main_stream_and_never_in_its_own_room,
        actions::a_message_to_the_server_is_a_small_frame_on_the_websocket_and_a_request_in_each_other_lane,
        predictions::the_main_stream_has_no_questions_since_they_would_change_it_for_everyone,
        lessons::guesses_and_answers_are_kept_in_both_languages_and_handed_in_as_the_schema_says,
        lessons::two_pages_in_one_room_talk_and_see_the_frames_of_their_own_messages,
        lessons::the_handout_is_printed_on_one_sheet,
        layout::the_page_works_by_keyboard_and_every_control_has_a_name,
        layout::with_reduced_motion_the_pictures_change_at_most_once_a_second,
        layout::a_page_opened_under_an_allowed_host_name_receives_on_all_four_lanes,
    ];
    // Takes ten minutes: cargo test --test page -- --ignored ten_minutes
    let slow =
        tests_on![&browser::RUNTIME, missing; lanes::ten_minutes_at_fifty_updates_a_second_leave_the_memory_level];
    tests.extend(slow.into_iter().map(|test| test.with_ignored_flag(true)));
    tests.extend(tests![
        None;
        addresses::a_page_of_another_site_can_change_nothing_and_open_no_websocket,
        addresses::a_setting_out_of_bounds_is_refused,
        addresses::the_page_cannot_change_a_feed_from_standard_input,
        addresses::reports_are_listed_and_served_and_no_other_file_is,
        addresses::an_added_round_trip_delays_each_request_by_that_much,
        near_theory::the_allowed_distance_from_theory_grows_with_the_disturbance_up_to_twice,
    ]);
    // A test that waits for a slot also occupies a thread.
    let ended = common::tool_tests::run_at_once(browser::SLOTS.at_once() + 2, &[browser], tests);
    browser::end_all();
    ended
}
