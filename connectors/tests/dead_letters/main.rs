//! Dead letters: redrive on every broker, and on the real pipeline.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]

mod cases;
mod faulty;
mod kit;
mod pipeline;
#[path = "../../../tests/support/services.rs"]
mod services;

/// Every case, on the broker that the function hands out.
macro_rules! on_broker {
    ($with:path; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            $with(crate::cases::$case);
        })*
    };
}

macro_rules! all_on_broker {
    ($with:path) => {
        on_broker! { $with;
            should_put_letters_back_as_they_were_once
            should_leave_gaps_for_later_when_it_selects
            should_do_nothing_in_a_dry_run_but_tell_the_same
            should_neither_lose_nor_double_a_letter_wherever_it_is_killed
            should_find_out_by_itself_what_a_doubtful_commit_did
            should_give_way_to_a_later_redrive
            should_stop_at_the_limit_of_replays
            should_choose_the_partition_by_key_only_where_it_was_the_mistake
            should_fetch_content_that_was_too_large_for_a_letter
            should_not_be_led_into_another_topic
            should_not_let_one_refused_letter_hold_up_the_others
        }
    };
}

mod embedded {
    use std::sync::Arc;

    use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
    use topology::broker::Broker;

    pub(crate) fn with(case: fn(&Arc<dyn Broker>, &str)) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = EmbeddedConfig::new(dir.path());
        config.sync = SyncMode::Os;
        let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
        case(&broker, "embedded");
    }

    all_on_broker!(with);
}

mod kafka {
    use std::sync::Arc;

    use connectors::kafka::{KafkaBroker, KafkaConfig};
    use topology::broker::Broker;

    use crate::services::{services, unique};

    fn with(case: fn(&Arc<dyn Broker>, &str)) {
        let broker = KafkaBroker::open(KafkaConfig::new(services().kafka.clone())).unwrap();
        case(&broker, &unique("dlq"));
    }

    all_on_broker!(with);
}
