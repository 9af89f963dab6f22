//! How topics are made, described and altered.

use topology::broker::{BrokerError, Cleanup, TopicName, TopicSpec};

use super::kit::{at, ensure, expect_error, fill, read_all, topic, values};
use super::{Harness, Outcome};

/// Longer than the records of 1970 are old: none of them may go while a case looks at them.
const LONG_MS: i64 = 100 * 365 * 24 * 3_600 * 1_000;

fn made(h: &dyn Harness) -> Vec<TopicSpec> {
    let spec = |what: &str, partitions, cleanup, log_append_time| TopicSpec {
        name: h.name(what).into(),
        partitions,
        cleanup,
        log_append_time,
    };
    vec![
        spec("kept", 1, Cleanup::Keep, false),
        spec("aging", 2, Cleanup::Retain { retention_ms: LONG_MS }, true),
        spec("compacted", 3, Cleanup::Compact, false),
        spec("both", 4, Cleanup::CompactAndRetain { retention_ms: 3 * LONG_MS }, true),
    ]
}

pub(super) fn should_describe_topics_as_they_were_made(h: &dyn Harness) -> Outcome {
    let specs = made(h);
    h.broker().create_topics(&specs)?;
    let unknown: TopicName = h.name("unknown").into();
    let mut names: Vec<TopicName> = specs.iter().rev().map(|spec| spec.name.clone()).collect();
    names.insert(1, unknown);
    let mut expected: Vec<Option<TopicSpec>> = specs.into_iter().rev().map(Some).collect();
    expected.insert(1, None);
    for restart in [false, true] {
        let broker = if restart { h.reopen() } else { h.broker() };
        let described = broker.describe_topics(&names)?;
        ensure!(described == expected, "described is {described:?}, made was {expected:?}");
    }
    ensure!(h.broker().describe_topics(&[])?.is_empty(), "nothing is described as something");
    Ok(())
}

pub(super) fn should_leave_a_topic_as_it_is_when_it_is_asked_for_again(h: &dyn Harness) -> Outcome {
    let specs = made(h);
    let broker = h.broker();
    broker.create_topics(&specs)?;
    let others: Vec<TopicSpec> = specs
        .iter()
        .map(|spec| TopicSpec {
            cleanup: Cleanup::Retain { retention_ms: 1 },
            log_append_time: !spec.log_append_time,
            ..spec.clone()
        })
        .collect();
    broker.create_topics(&others)?;
    let names: Vec<TopicName> = specs.iter().map(|spec| spec.name.clone()).collect();
    let described: Vec<TopicSpec> = broker.describe_topics(&names)?.into_iter().flatten().collect();
    ensure!(described == specs, "topics have changed to {described:?}");
    Ok(())
}

pub(super) fn should_alter_what_happens_to_old_records_and_whose_time_they_have(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "altered", 1)?, 0);
    let broker = h.broker();
    fill(broker.as_ref(), &p, &["a", "b"])?;
    let named = |name: &TopicName, cleanup, log_append_time| TopicSpec {
        name: name.clone(),
        partitions: 1,
        cleanup,
        log_append_time,
    };
    let both = Cleanup::CompactAndRetain { retention_ms: LONG_MS };
    for (cleanup, log_append_time) in [
        (Cleanup::Compact, false),
        (both, true),
        (Cleanup::Retain { retention_ms: LONG_MS }, true),
        (Cleanup::Keep, false),
    ] {
        let wanted = named(&p.topic, cleanup, log_append_time);
        broker.alter_topics(std::slice::from_ref(&wanted))?;
        let described = broker.describe_topics(std::slice::from_ref(&p.topic))?;
        ensure!(described == [Some(wanted.clone())], "described is {described:?}, altered was to {wanted:?}");
    }
    ensure!(values(broker.as_ref(), &p)? == ["a", "b"], "records are {:?}", values(broker.as_ref(), &p)?);

    let stamped = named(&p.topic, Cleanup::Keep, true);
    broker.alter_topics(std::slice::from_ref(&stamped))?;
    fill(broker.as_ref(), &p, &["c"])?;
    let times: Vec<i64> = read_all(broker.as_ref(), &p, 0)?.into_iter().map(|(_, time, _, _)| time).collect();
    ensure!(times[..2] == [1, 1] && times[2] > 1, "timestamps are {times:?}");

    let unknown = named(&h.name("unknown").into(), Cleanup::Keep, false);
    let refused = broker.alter_topics(&[stamped.clone(), unknown]);
    expect_error(refused, |e| matches!(e, BrokerError::UnknownTopic(_)), "UnknownTopic")?;
    let refused = broker.alter_topics(&[TopicSpec { partitions: 2, cleanup: Cleanup::Compact, ..stamped.clone() }]);
    expect_error(refused, |e| matches!(e, BrokerError::TopicMismatch { .. }), "TopicMismatch")?;
    drop(broker);
    let described = h.reopen().describe_topics(std::slice::from_ref(&p.topic))?;
    ensure!(described == [Some(stamped)], "after the restart it is {described:?}");
    Ok(())
}
