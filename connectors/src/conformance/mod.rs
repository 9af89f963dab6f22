//! The promises that every broker is held to, as cases that run against any implementation.
//!
//! Each case gets a fresh [`Harness`] and says what broke as a [`Failure`]. Waiting is always for an event, with a generous limit:
//! a real cluster takes seconds to rebalance.

mod cleanup;
mod groups;
mod kit;
mod log;
mod topics;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use topology::broker::{Broker, BrokerError};

/// What a case needs to know of the implementation that it runs against.
pub trait Harness {
    /// The broker.
    fn broker(&self) -> Arc<dyn Broker>;

    /// The broker after a restart. All handles of the earlier one have been dropped.
    fn reopen(&self) -> Arc<dyn Broker>;

    /// The name that `what` has in this case; no other case, and no other run, has the same.
    fn name(&self, what: &str) -> String;

    /// Moves the broker's clock and has it remove and compact what it would by then; false if this broker cannot be made to.
    fn age(&self, by: Duration) -> bool;

    /// How long a member may go without polling. Cases that wait for it wait twice as long.
    fn max_poll_interval(&self) -> Duration;

    /// How large a record may be.
    fn max_record_bytes(&self) -> usize;
}

/// What went wrong in a case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A promise was broken.
    #[error("{0}")]
    Broken(String),
    /// The broker answered with an error where it should not.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// The outcome of a case.
pub type Outcome = Result<(), Failure>;

/// A case: one promise.
pub type Case = fn(&dyn Harness) -> Outcome;

macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        /// Every case with its name.
        #[must_use]
        pub fn all() -> &'static [(&'static str, Case)] {
            &[$((stringify!($case), $module::$case)),*]
        }

        /// Expands to a test for each case: `connectors::conformance_tests!(harness_fn);` where the function makes a [`Harness`].
        #[macro_export]
        macro_rules! conformance_tests {
            ($harness:path) => {
                $(
                    #[test]
                    fn $case() {
                        $crate::conformance::run(stringify!($case), &$harness());
                    }
                )*
            };
        }
    };
}

cases! {
    log::should_give_back_records_in_order_with_keys_values_headers_and_timestamps,
    log::should_stamp_records_with_the_brokers_time_where_the_topic_says_so,
    log::should_keep_records_and_offsets_across_a_restart,
    log::should_keep_the_order_of_each_caller_under_concurrency,
    log::should_read_from_within_a_batch,
    log::should_report_an_offset_outside_the_log,
    log::should_refuse_a_record_over_the_limit_before_anything_is_written,
    log::should_refuse_another_partition_count,
    log::should_refuse_unknown_topics,
    log::should_wake_a_reader_when_a_record_arrives,
    log::should_end_a_poll_when_woken,
    topics::should_describe_topics_as_they_were_made,
    topics::should_leave_a_topic_as_it_is_when_it_is_asked_for_again,
    topics::should_alter_what_happens_to_old_records_and_whose_time_they_have,
    transactions::should_show_a_transaction_only_after_its_commit,
    transactions::should_leave_nothing_of_an_aborted_transaction,
    transactions::should_commit_offsets_with_the_records,
    transactions::should_report_where_each_partition_ends,
    transactions::should_fence_an_earlier_producer_of_the_same_id,
    transactions::should_refuse_to_commit_without_a_refused_batch,
    transactions::should_keep_committed_offsets_across_a_restart,
    groups::should_give_equal_partition_numbers_to_the_same_member,
    groups::should_hand_a_partition_over_only_after_it_was_let_go,
    groups::should_tell_a_member_that_there_is_nothing_for_it,
    groups::should_go_on_at_the_committed_offset_with_the_new_owner,
    groups::should_fence_a_commit_of_partitions_that_moved,
    groups::should_take_partitions_from_a_member_that_does_not_poll,
    groups::should_pause_resume_and_seek,
    groups::should_read_what_was_paused_before_it_was_revoked_and_assigned_again,
    groups::should_list_groups_that_have_members_or_offsets,
    groups::should_show_what_a_member_commits_without_a_transaction,
    cleanup::should_delete_records_below_an_offset,
    cleanup::should_never_start_offsets_anew,
    cleanup::should_remove_records_that_are_too_old,
    cleanup::should_keep_the_last_record_of_each_key,
}

/// Runs a case by name against a fresh harness; panics, as a test does, with what it found.
pub fn run(name: &str, harness: &dyn Harness) {
    let case = all().iter().find(|(n, _)| *n == name).map(|(_, case)| case);
    assert!(case.is_some(), "there is no case {name}");
    if let Some(Err(failure)) = case.map(|case| case(harness)) {
        panic!("{name}: {failure}");
    }
}
