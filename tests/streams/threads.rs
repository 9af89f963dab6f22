//! Threads that come and go, commits whose outcome nobody knows, topics that do not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use connectors::embedded::{FaultAction, FaultPoint};
use topology::broker::{Cleanup, TopicSpec};
use topology::serde::Utf8;
use topology::{Partitioning, StoreBuilder, Streams, TopologyBuilder};

use crate::numbering::{Numberer, check, config, open, send, start};

#[test]
fn should_number_on_without_loss_while_instances_with_several_threads_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let first = start(&broker, &config(dir.path(), "a", 2));
    send(&broker, 0, 4_000);
    let second = start(&broker, &config(dir.path(), "b", 2));
    send(&broker, 4_000, 4_000);
    first.close().unwrap();
    send(&broker, 8_000, 4_000);
    let third = start(&broker, &config(dir.path(), "a", 1));
    send(&broker, 12_000, 4_000);
    check(&broker, 16_000);
    second.close().unwrap();
    third.close().unwrap();
}

#[test]
fn should_give_the_same_result_when_commits_fail_before_or_after_they_landed() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (b, a) = (before.clone(), after.clone());
    let commits = AtomicUsize::new(0);
    let fault = move |point: FaultPoint<'_>| {
        let fails = match point {
            FaultPoint::BeforeWrite { transactional_id: Some(_) } => {
                let n = commits.fetch_add(1, Ordering::SeqCst);
                (n % 5 == 2).then_some(&b)
            }
            FaultPoint::AfterWrite { transactional_id: Some(_) } => {
                (commits.load(Ordering::SeqCst) % 5 == 1).then_some(&a)
            }
            _ => None,
        };
        fails.map_or(FaultAction::Proceed, |count| {
            count.fetch_add(1, Ordering::SeqCst);
            FaultAction::Fail
        })
    };
    let broker = open(dir.path(), Some(Arc::new(fault)));
    let streams = start(&broker, &config(dir.path(), "a", 1));
    for round in 0..50 {
        send(&broker, round * 200, 200);
        check(&broker, (round + 1) * 200);
    }
    assert!(
        before.load(Ordering::SeqCst) >= 3 && after.load(Ordering::SeqCst) >= 3,
        "both faults were put in: {before:?} {after:?}"
    );
    let counts = streams.metrics().counts();
    assert!(counts.aborts >= 6, "{counts:?}");
    let thread = streams.metrics().threads().remove(0);
    assert_eq!((thread.aborts, thread.producers_replaced), (counts.aborts, counts.aborts), "one producer for each");
    assert!(counts.processed > 10_000, "{} processed: what was given up was done again", counts.processed);
    let tasks = streams.metrics().tasks();
    let ages: u64 = tasks.iter().map(|t| t.end_to_end.count()).sum();
    assert!(
        (5_000..=10_000).contains(&ages),
        "{ages}: an age is told once, by the commit that is known to have landed"
    );
    streams.close().unwrap();
}

#[test]
fn should_refuse_source_topics_whose_partitions_do_not_fit_and_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let other = TopicSpec { name: "other".into(), partitions: 3, cleanup: Cleanup::Keep, log_append_time: false };
    broker.create_topics(&[other]).unwrap();
    let topology = TopologyBuilder::new()
        .source("in", ["input", "other"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .build()
        .unwrap();
    let error = Streams::start(&topology, &config(dir.path(), "a", 1), &broker).unwrap_err().to_string();
    assert!(error.contains("`input` and `other` are read together") && error.contains("4 and 3"), "{error}");
}
