//! What clients of the REST API rely on, told once and tried on one process and on two behind a round-robin: one module for
//! each part of the URL tree. What only a made-up log or read model can bring about is tested in `api/tests/api`.
//!
//! Each case has a project and people of its own, so that they can follow one another on one installation.

mod auth;
mod board;
mod bulk;
mod command_line;
mod commands;
mod deliveries;
mod described;
mod headers;
mod health;
mod history;
mod mails;
mod members;
mod notifications;
mod openapi;
mod pages;
mod problems;
mod projects;
mod search;
mod stage;
mod tickets;
mod unsubscribe;
mod users;
mod webhooks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub(crate) use stage::Installation;
use stage::Stage;

/// How long what is promised without a time may take.
const PATIENCE: Duration = Duration::from_secs(60);

type Case = fn(&Stage<'_>);

macro_rules! cases {
    ($($module:ident { $($case:ident)+ })+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case as Case),)+)+]
    };
}

/// Every case, by its module and its name.
pub(crate) const CASES: &[(&str, Case)] = cases! {
    auth {
        should_refuse_whatever_is_no_valid_bearer_token
        should_not_take_the_cookie_of_the_pages_for_requests_of_programs
        should_register_a_user_with_the_first_command
    }
    board {
        should_show_what_a_write_has_answered_wherever_it_is_asked
        should_give_columns_with_counts_and_a_cursor_that_the_ticket_list_takes
        should_answer_304_to_whoever_has_this_very_board
        should_wait_for_the_sequence_that_a_reader_has_seen
    }
    bulk {
        should_number_tickets_in_the_order_of_their_lines
        should_answer_each_line_in_order_with_what_became_of_it
        should_settle_people_and_memberships_before_what_needs_them
        should_let_only_administrators_speak_for_others
        should_make_tickets_of_the_project_in_the_path
        should_do_a_line_once_however_often_its_key_comes
        should_leave_out_a_line_over_the_limit_and_go_on
    }
    command_line {
        should_submit_commands_and_say_what_became_of_each
        should_get_and_list_what_there_is_for_people_and_scripts
    }
    commands {
        should_answer_202_at_once_to_those_who_prefer_it_and_tell_anywhere_what_became_of_it
        should_do_once_what_the_same_person_sends_again_with_the_same_key
        should_refuse_a_key_in_another_project_whatever_partition_that_is_on
        should_show_nothing_of_what_became_of_the_commands_of_others
        should_accept_every_example_of_the_page_about_commands
    }
    deliveries {
        should_show_deliveries_to_those_who_maintain_a_project_and_repeat_them
        should_keep_deliveries_of_ones_own_webhook_to_oneself
    }
    headers {
        should_compress_long_answers_for_those_who_take_it
        should_not_hold_back_answers_of_bulk_requests_in_a_compressor
        should_say_which_preferences_were_followed
        should_answer_304_to_whoever_has_this_very_ticket
        should_answer_in_the_version_that_is_asked_for
        should_take_as_many_requests_as_anyone_likes_where_nothing_is_said
    }
    health {
        should_be_alive_and_ready_for_anyone
        should_count_requests_by_route_and_never_by_what_clients_make_up
        should_verify_itself_for_administrators_only
    }
    mails {
        should_say_what_became_of_ones_own_mails
        should_keep_to_everybody_what_they_were_sent
    }
    history {
        should_tell_who_did_what_to_a_ticket_and_what_was_so_before
        should_tell_what_happened_in_a_project_of_tickets_that_are_gone_too
    }
    members {
        should_list_members_with_their_names
        should_take_a_new_member_by_id_mail_or_login
        should_say_what_is_wrong_with_the_name_of_a_new_member
        should_change_the_member_in_the_path
        should_let_in_whoever_has_become_a_member_and_no_one_who_was_removed
    }
    notifications {
        should_tell_those_concerned_of_what_happens_and_take_down_what_they_have_read
        should_leave_out_what_somebody_has_muted
        should_keep_to_everybody_what_they_are_told
    }
    openapi {
        should_describe_itself_to_anyone
        should_show_every_path_and_code_on_a_page_that_loads_nothing_from_elsewhere
    }
    pages {
        should_ask_for_a_token_and_show_nothing_without
        should_exchange_the_token_in_the_address_for_a_cookie
        should_escape_everything_that_people_write
        should_forbid_browsers_to_load_or_run_anything_else
        should_hide_projects_of_others
        should_lead_on_to_the_rest_of_a_long_column
        should_show_titles_and_texts_as_they_were_written
    }
    problems {
        should_say_where_a_body_is_wrong
        should_take_json_only_and_not_too_much_of_it
        should_answer_problems_for_paths_and_methods_that_are_not_there
        should_send_careful_headers_and_an_id_with_everything
    }
    projects {
        should_answer_201_with_the_project_once_it_can_be_read
        should_refuse_a_key_that_is_taken_or_none
        should_change_what_a_project_says_of_itself
        should_move_tickets_along_the_projects_own_workflow
        should_say_what_is_wrong_with_a_workflow_and_where
        should_change_nothing_of_an_archived_project_and_go_on_after
        should_show_projects_by_id_and_by_key_to_members_and_administrators_only
    }
    search {
        should_find_words_only_in_what_somebody_may_see
        should_say_what_is_wrong_with_a_text_to_look_for
    }
    tickets {
        should_number_tickets_without_gaps
        should_create_a_ticket_and_answer_with_it
        should_name_the_allowed_states_when_a_move_is_illegal
        should_answer_412_only_to_those_who_named_the_version_in_the_header
        should_take_the_due_date_away_with_null
        should_find_a_ticket_by_id_and_by_code_for_reading_and_writing
        should_give_a_ticket_to_whoever_has_room_and_say_why
        should_share_a_pool_with_a_project_that_asks_for_it
        should_let_members_watch_a_ticket_and_nobody_else
        should_page_through_tickets_and_refuse_what_is_no_filter
        should_comment_and_list_comments
        should_delete_for_maintainers_and_never_give_the_number_again
    }
    unsubscribe {
        should_unsubscribe_whoever_presses_the_button_and_nobody_who_only_looks
    }
    users {
        should_show_people_to_themselves_and_to_administrators
        should_register_placeholders
        should_refuse_everything_to_whoever_is_deactivated_until_they_are_reactivated
        should_let_anybody_deactivate_themselves
    }
    webhooks {
        should_make_change_and_delete_a_webhook_of_ones_own
        should_keep_ones_own_webhooks_to_oneself
        should_let_those_who_maintain_a_project_see_to_its_webhooks
        should_take_no_address_that_may_not_be_called
        should_take_only_kinds_that_there_are
        should_let_everybody_have_ten_webhooks
        should_make_one_webhook_of_what_is_sent_again
    }
};

/// Runs every case, also after one that fails.
pub(crate) fn pass_on(installation: &Installation<'_>) {
    let mut failed = Vec::new();
    for (number, (name, case)) in CASES.iter().enumerate() {
        println!("case: {name}");
        let stage = Stage::new(installation, number);
        if catch_unwind(AssertUnwindSafe(|| case(&stage))).is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "these cases failed: {failed:#?}");
}
