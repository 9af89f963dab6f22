//! What a task produces, batched by partition, until it joins the transaction. A record's outputs can be taken back.

use crate::batch::{BatchBuilder, EncodeHeaders, Headers, Mark, RecordBatch};
use crate::broker::{TopicName, TopicPartition};
use crate::trace::{Trace, WithTrace};

/// Room that a record's framing may take, beside key, value and headers.
const OVERHEAD_BYTES: usize = 64;

#[derive(Debug)]
pub(crate) struct Collector {
    topics: Vec<Vec<Output>>,
    /// Outputs that the current record has written to, with their state before it.
    touched: Vec<(usize, usize, Mark)>,
    epoch: u64,
    max_record_bytes: usize,
    headers: Vec<u8>,
}

#[derive(Debug)]
struct Output {
    partition: TopicPartition,
    builder: BatchBuilder,
    /// The record that wrote to it last.
    epoch: u64,
}

impl Collector {
    /// For these topics, addressed by their index, with their partition counts.
    pub(crate) fn new(topics: &[(TopicName, u32)], max_record_bytes: usize) -> Self {
        let output = |topic: &TopicName, p| Output {
            partition: TopicPartition::new(topic.clone(), p),
            builder: BatchBuilder::new(),
            epoch: 0,
        };
        Self {
            topics: topics.iter().map(|(topic, n)| (0..*n).map(|p| output(topic, p)).collect()).collect(),
            touched: Vec::new(),
            epoch: 0,
            max_record_bytes,
            headers: Vec::new(),
        }
    }

    pub(crate) fn partitions(&self, topic: usize) -> u32 {
        u32::try_from(self.topics[topic].len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn begin_record(&mut self) {
        self.touched.clear();
        self.epoch += 1;
    }

    /// Adds a record; an error says what is wrong with it.
    pub(crate) fn push(
        &mut self,
        topic: usize,
        partition: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &impl EncodeHeaders,
    ) -> Result<(), String> {
        let slot = partition as usize;
        let Some(output) = self.topics.get_mut(topic).and_then(|t| t.get_mut(slot)) else {
            return Err(format!("there is no partition {partition} of output topic {topic}"));
        };
        self.headers.clear();
        headers.encode(&mut self.headers);
        let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + self.headers.len() + OVERHEAD_BYTES;
        if size > self.max_record_bytes {
            return Err(format!(
                "a record of {size} bytes for {} exceeds {}",
                output.partition.topic, self.max_record_bytes
            ));
        }
        if output.epoch != self.epoch {
            output.epoch = self.epoch;
            self.touched.push((topic, slot, output.builder.mark()));
        }
        output.builder.push(timestamp, key, value, headers);
        Ok(())
    }

    /// As [`Self::push`], with the headers of a trace; a record that does not fit with them goes without.
    #[expect(clippy::too_many_arguments, reason = "those of a record, and where it goes")]
    pub(crate) fn push_within(
        &mut self,
        trace: &Trace,
        topic: usize,
        partition: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Result<(), String> {
        if trace.span().is_some() {
            let carried = self.push(topic, partition, timestamp, key, value, &WithTrace(headers, trace));
            if carried.is_ok() {
                return carried;
            }
        }
        self.push(topic, partition, timestamp, key, value, headers)
    }

    /// Whether the current record has pushed anything.
    pub(crate) fn has_pushed(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes back what the current record pushed.
    pub(crate) fn rollback_record(&mut self) {
        for (topic, slot, mark) in self.touched.drain(..) {
            self.topics[topic][slot].builder.truncate(mark);
        }
    }

    /// Hands over the batches of at least `min_bytes`; only between records.
    pub(crate) fn drain<E>(
        &mut self,
        min_bytes: usize,
        mut send: impl FnMut(&TopicPartition, RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        self.touched.clear();
        for output in self.topics.iter_mut().flatten() {
            if !output.builder.is_empty() && output.builder.len_bytes() >= min_bytes {
                send(&output.partition, output.builder.finish())?;
            }
        }
        Ok(())
    }

    /// Throws everything away.
    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        for output in self.topics.iter_mut().flatten() {
            drop(output.builder.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::SpanContext;

    #[test]
    fn should_take_back_only_what_the_current_record_pushed() {
        let mut c = Collector::new(&[("a".into(), 2)], 1_000);
        let push = |c: &mut Collector, p, v: &[u8]| c.push(0, p, 1, None, Some(v), &Headers::new());
        c.begin_record();
        push(&mut c, 0, b"one").unwrap();
        c.begin_record();
        push(&mut c, 0, b"two").unwrap();
        push(&mut c, 1, b"three").unwrap();
        push(&mut c, 0, b"four").unwrap();
        c.rollback_record();
        let mut sent = Vec::new();
        c.drain(0, |p, b| {
            sent.push((p.partition, b.iter().map(|r| r.value.unwrap_or_default().to_vec()).collect::<Vec<_>>()));
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(sent, [(0, vec![b"one".to_vec()])]);
    }

    #[test]
    fn should_leave_the_trace_behind_where_a_record_fits_only_without_it() {
        let mut c = Collector::new(&[("a".into(), 1)], 200);
        let mut trace = Trace::none();
        trace.move_to(SpanContext::new(1, 2, true));
        c.begin_record();
        for size in [50, 130] {
            c.push_within(&trace, 0, 0, 1, None, Some(&vec![0; size]), &Headers::new()).unwrap();
        }
        assert!(c.push_within(&trace, 0, 0, 1, None, Some(&[0; 201]), &Headers::new()).is_err());
        let mut traced = Vec::new();
        c.drain(0, |_, b| {
            traced.extend(b.iter().map(|r| !r.headers.is_empty()));
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(traced, [true, false]);
    }

    #[test]
    fn should_refuse_a_record_over_the_limit_and_name_the_topic() {
        let mut c = Collector::new(&[("a".into(), 1)], 100);
        c.begin_record();
        let error = c.push(0, 0, 1, None, Some(&[0; 101]), &Headers::new()).unwrap_err();
        assert!(error.contains("for a exceeds 100"), "{error}");
    }
}
