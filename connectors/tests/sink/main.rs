//! Sinks and read models, on each database: exactly once whatever dies when, and never a skip.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::panic,
    reason = "a test may fail where it stands"
)]

mod cases;
mod deliveries;
mod faults;
mod home;
mod late;
mod load;
mod mails;
mod oracle;
mod outcomes;
mod proxy;
mod replaced;
mod search;
#[path = "../../../tests/support/small_disk.rs"]
mod small_disk;
#[path = "../support/mod.rs"]
mod support;
mod workflows;

macro_rules! on_each_database {
    ($($case:ident,)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$case(crate::home::Kind::Sqlite).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$case(crate::home::Kind::Postgres).await;
                }
            )*
        }
    };
}

on_each_database! {
    should_fill_the_read_model_and_go_on_after_a_restart,
    should_write_each_event_once_wherever_the_sink_dies,
    should_fence_a_sink_that_the_group_does_not_know,
    should_share_the_partitions_with_another_sink_of_the_group,
    should_tell_its_group_how_far_the_database_is,
    should_stop_when_the_log_begins_above_the_stored_offset,
    should_find_tickets_by_the_words_in_them_and_in_their_comments,
    should_stop_at_a_gap_in_a_projects_sequence,
    should_stop_at_a_record_that_is_no_event_and_name_it,
    should_remove_a_deleted_ticket_with_all_that_belongs_to_it,
    should_keep_the_first_outcome_of_a_command_but_replace_a_failure,
    should_keep_what_became_of_a_command_that_was_forgotten_and_sent_again,
    should_show_the_workflow_of_a_project_and_open_tickets_again_as_that_says,
    should_know_users_and_forget_those_who_were_erased,
    should_keep_why_somebody_has_a_ticket_whether_it_was_made_before_or_with_it,
    should_keep_what_users_want_to_hear_of,
    should_keep_notifications_and_what_was_read_of_them,
    should_know_what_became_of_a_mail_whichever_record_comes_first,
    should_list_mails_in_pages_and_by_state,
    should_forget_the_mails_of_those_who_were_erased_and_old_ones,
    should_know_of_a_delivery_what_its_last_attempt_told,
    should_list_deliveries_in_pages_and_by_state,
    should_forget_the_deliveries_of_those_who_were_erased_and_old_ones,
    should_page_through_lists_without_missing_or_repeating,
    should_hand_events_to_subscribers_once_their_rows_can_be_read,
    should_say_that_a_sequence_was_not_reached_by_the_deadline,
    should_hand_every_row_to_verify,
    should_write_what_is_there_in_few_transactions_and_a_lone_event_at_once,
    should_keep_labels_as_they_are_written_and_replace_them,
}
