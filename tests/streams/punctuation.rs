//! Punctuations and commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use topology::serde::Utf8;
use topology::{
    Context, InitContext, Output, Partitioning, ProcessingError, Processor, Punctuation, PunctuationType, Record,
    StreamThread, ThreadState, TopologyBuilder, TopologyError,
};

use crate::numbering::{PARTITIONS, config, open};

/// Writes something at each third punctuation.
struct Third(Option<Output<String, String>>, u32);

impl Processor for Third {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some(ctx.output("out")?);
        ctx.schedule(100, PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, _: &mut Context<'_>, _: Record<String, String>) -> Result<(), ProcessingError> {
        Ok(())
    }

    fn punctuate(&mut self, ctx: &mut Context<'_>, which: Punctuation) -> Result<(), ProcessingError> {
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            ctx.forward(self.0.unwrap(), Record::new("tick".to_owned(), self.1.to_string(), which.timestamp));
        }
        Ok(())
    }
}

#[test]
fn should_commit_what_a_punctuation_has_written_and_nothing_if_it_did_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let topology = TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("third", || Third(None, 0), &["in"], &[])
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["third"])
        .build()
        .unwrap();
    let now = Arc::new(AtomicI64::new(1_000_000));
    let mut config = config(dir.path(), "a", 1);
    config.clock = Arc::new({
        let now = Arc::clone(&now);
        move || now.load(Ordering::SeqCst)
    });
    let mut thread = StreamThread::standalone(&topology, &config, &broker, 0).unwrap();
    while thread.state() != ThreadState::Running || thread.tasks().len() < PARTITIONS as usize {
        thread.run_once(Duration::ZERO).unwrap();
    }
    thread.run_once(Duration::ZERO).unwrap();
    let mut committed = Vec::new();
    for _ in 0..12 {
        now.fetch_add(100, Ordering::SeqCst);
        committed.push(thread.run_once(Duration::ZERO).unwrap().committed);
    }
    // The first commit is of where it begins to read.
    assert_eq!(committed[3..], [false, false, true, false, false, true, false, false, true]);
    thread.close().unwrap();
}
