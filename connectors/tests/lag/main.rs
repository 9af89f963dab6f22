//! Lag of groups on real brokers: positions that members and transactions commit, and what is then left.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod cases;
#[path = "../../../tests/support/services.rs"]
mod services;

/// Every case, on the broker that the function hands out.
macro_rules! all_on_broker {
    ($with:path) => {
        all_on_broker! { $with;
            should_show_position_end_lag_and_age_of_each_partition_the_worst_first
            should_see_a_member_that_does_not_advance_as_stalled_and_one_that_left_as_stopped
            should_show_no_lag_once_all_is_consumed_under_transactions
            should_show_no_lag_to_clients_that_commit_the_last_record_plus_one
            should_say_how_much_was_removed_before_it_was_consumed
            should_not_find_a_group_that_was_never_there
        }
    };
    ($with:path; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            $with(crate::cases::$case);
        })*
    };
}

// After the macro, which it uses.
mod kafka;

mod embedded {
    use std::sync::Arc;

    use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
    use topology::broker::Broker;

    use crate::cases::Bench;

    fn with(case: fn(&Bench<'_>)) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = EmbeddedConfig::new(dir.path());
        config.sync = SyncMode::Os;
        let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
        case(&Bench { broker: &broker, run: "embedded" });
    }

    all_on_broker!(with);
}
