//! The log: what is produced can be read back, in order, whatever happens between.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use topology::Headers;
use topology::broker::{Broker, BrokerError, NewRecord};

use super::kit::{
    LIMIT, MOMENT, at, batch, broken, ensure, expect_error, fill, produce, produce_record, read_all, spec, topic,
    values,
};
use super::{Harness, Outcome};

pub(super) fn should_give_back_records_in_order_with_keys_values_headers_and_timestamps(h: &dyn Harness) -> Outcome {
    let broker = h.broker();
    let p = at(&topic(h, "records", 1)?, 0);
    let producer = broker.producer()?;
    let mut headers = Headers::new();
    headers.push("trace", "1");
    headers.push("trace", "2");
    let (key, value): (Option<&[u8]>, Option<&[u8]>) = (Some(b"k"), Some("v é 漢".as_bytes()));
    let first = produce_record(producer.as_ref(), &p, NewRecord { timestamp: 2_000, key, value, headers: &headers })?;
    produce(producer.as_ref(), &p, 1_000, Some(b"k"), None)?;
    let last = produce(producer.as_ref(), &p, 3_000, None, Some(b""))?;
    ensure!((first.offset, first.timestamp) == (0, 2_000), "the first record was written as {first:?}");
    ensure!(last.offset == 2, "the third record was written as {last:?}");
    let seen = read_all(broker.as_ref(), &p, 0)?;
    let expected = vec![
        (0, 2_000, Some(b"k".to_vec()), Some("v é 漢".as_bytes().to_vec())),
        (1, 1_000, Some(b"k".to_vec()), None),
        (2, 3_000, None, Some(Vec::new())),
    ];
    ensure!(seen == expected, "read {seen:?}");
    let mut reader = broker.reader()?;
    reader.assign(&[(p, 0)])?;
    let fetched = reader.poll(LIMIT)?;
    let read = fetched.first().and_then(|f| f.batch.iter().next()).map(|r| r.headers.to_owned());
    ensure!(read == Some(headers), "headers are {read:?}");
    Ok(())
}

pub(super) fn should_stamp_records_with_the_brokers_time_where_the_topic_says_so(h: &dyn Harness) -> Outcome {
    let broker = h.broker();
    let name = h.name("stamped").into();
    let mut stamped = spec(&name, 1);
    stamped.log_append_time = true;
    broker.create_topics(&[stamped])?;
    let p = at(&name, 0);
    let written = produce(broker.producer()?.as_ref(), &p, 7, None, Some(b"v"))?;
    ensure!(written.timestamp > 1_000_000, "the producer's time was kept: {}", written.timestamp);
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send(&p, batch(&["w"]))?;
    producer.commit()?;
    let times: Vec<_> = read_all(broker.as_ref(), &p, 0)?.into_iter().map(|r| r.1).collect();
    ensure!(times.first() == Some(&written.timestamp), "read {times:?}, but {} was reported", written.timestamp);
    ensure!(times.is_sorted() && times.len() == 2, "times run backwards: {times:?}");
    Ok(())
}

pub(super) fn should_keep_records_and_offsets_across_a_restart(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "kept", 2)?, 1);
    fill(h.broker().as_ref(), &p, &["a", "b"])?;
    let broker = h.reopen();
    ensure!(broker.watermarks(&p)? == (0, 2), "watermarks after the restart: {:?}", broker.watermarks(&p)?);
    fill(broker.as_ref(), &p, &["c"])?;
    ensure!(values(broker.as_ref(), &p)? == ["a", "b", "c"], "read {:?}", values(broker.as_ref(), &p)?);
    Ok(())
}

pub(super) fn should_keep_the_order_of_each_caller_under_concurrency(h: &dyn Harness) -> Outcome {
    let (callers, each) = (4, 500);
    let broker = h.broker();
    let p = at(&topic(h, "busy", 1)?, 0);
    let producer = broker.producer()?;
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for caller in 0..callers {
            let (producer, tell, p) = (Arc::clone(&producer), tell.clone(), p.clone());
            scope.spawn(move || {
                for n in 0..each {
                    let value = format!("{caller}:{n}");
                    let headers = Headers::new();
                    let record =
                        NewRecord { timestamp: 1, key: None, value: Some(value.as_bytes()), headers: &headers };
                    let (tell, value) = (tell.clone(), value.clone());
                    // A refusal shows as a report that never comes.
                    drop(producer.send(&p, record, Box::new(move |result| drop(tell.send((value, result))))));
                }
            });
        }
    });
    let mut reported = Vec::new();
    for _ in 0..callers * each {
        let (value, written) = told.recv_timeout(LIMIT).map_err(|_| broken("a delivery report is missing"))?;
        reported.push((written?.offset, value));
    }
    reported.sort();
    let read = values(broker.as_ref(), &p)?;
    let reported: Vec<_> = reported.into_iter().map(|(_, value)| value).collect();
    ensure!(read == reported, "the offsets that were reported are not those of the log");
    for caller in 0..callers {
        let prefix = format!("{caller}:");
        let order: Vec<u32> = read.iter().filter_map(|v| v.strip_prefix(&prefix)?.parse().ok()).collect();
        ensure!(order == (0..each).collect::<Vec<_>>(), "caller {caller}'s records are out of order");
    }
    Ok(())
}

pub(super) fn should_read_from_within_a_batch(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "within", 1)?, 0);
    let broker = h.broker();
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send(&p, batch(&["a", "b", "c", "d"]))?;
    producer.commit()?;
    drop((producer, broker));
    // From what is in memory, and from what is not.
    let brokers: [&dyn Fn() -> Arc<dyn Broker>; 2] = [&|| h.broker(), &|| h.reopen()];
    for broker in brokers {
        let broker = broker();
        let offsets: Vec<_> = read_all(broker.as_ref(), &p, 2)?.into_iter().map(|r| r.0).collect();
        ensure!(offsets.starts_with(&[2, 3]), "from offset 2 on there is {offsets:?}");
    }
    Ok(())
}

pub(super) fn should_report_an_offset_outside_the_log(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "outside", 1)?, 0);
    let broker = h.broker();
    fill(broker.as_ref(), &p, &["a"])?;
    let mut reader = broker.reader()?;
    reader.assign(&[(p, 50)])?;
    let outside = |e: &BrokerError| matches!(e, BrokerError::OffsetOutOfRange { offset: 50, low: 0, high: 1, .. });
    expect_error(reader.poll(LIMIT), outside, "OffsetOutOfRange")
}

pub(super) fn should_refuse_a_record_over_the_limit_before_anything_is_written(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "large", 1)?, 0);
    let broker = h.broker();
    let too_large = vec![b'x'; h.max_record_bytes() + 1];
    let is_too_large = |e: &BrokerError| matches!(e, BrokerError::TooLarge { .. });
    let headers = Headers::new();
    let record = NewRecord { timestamp: 1, key: None, value: Some(&too_large), headers: &headers };
    expect_error(broker.producer()?.send(&p, record, Box::new(|_| {})), is_too_large, "TooLarge")?;
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    expect_error(producer.send(&p, batch(&[&b"small"[..], &too_large])), is_too_large, "TooLarge")?;
    producer.abort()?;
    ensure!(broker.watermarks(&p)?.1 == 0, "something was written");
    Ok(())
}

pub(super) fn should_refuse_another_partition_count(h: &dyn Harness) -> Outcome {
    let name = topic(h, "three", 3)?;
    let broker = h.broker();
    broker.create_topics(&[spec(&name, 3)])?;
    let other = broker.create_topics(&[spec(&name, 4)]);
    expect_error(other, |e| matches!(e, BrokerError::TopicMismatch { .. }), "TopicMismatch")?;
    ensure!(broker.topics()?.get(&name) == Some(&3), "the topic has changed");
    Ok(())
}

pub(super) fn should_refuse_unknown_topics(h: &dyn Harness) -> Outcome {
    let broker = h.broker();
    let known = topic(h, "known", 1)?;
    let unknown = |e: &BrokerError| matches!(e, BrokerError::UnknownTopic(_));
    let missing = h.name("missing").into();
    for p in [at(&missing, 0), at(&known, 1)] {
        expect_error(broker.watermarks(&p), unknown, "UnknownTopic")?;
        let headers = Headers::new();
        let record = NewRecord { timestamp: 1, key: None, value: None, headers: &headers };
        expect_error(broker.producer()?.send(&p, record, Box::new(|_| {})), unknown, "UnknownTopic")?;
        expect_error(broker.reader()?.assign(&[(p, 0)]), unknown, "UnknownTopic")?;
    }
    expect_error(broker.consumer(&h.name("g"), "m")?.subscribe(&[missing]), unknown, "UnknownTopic")
}

pub(super) fn should_wake_a_reader_when_a_record_arrives(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "arrives", 1)?, 0);
    let broker = h.broker();
    let mut reader = broker.reader()?;
    reader.assign(&[(p.clone(), 0)])?;
    ensure!(reader.poll(Duration::ZERO)?.is_empty(), "there is something in an empty topic");
    let waiting = thread::spawn(move || {
        let started = Instant::now();
        let mut fetched = Vec::new();
        // A broker over a network may end a wait early.
        while started.elapsed() < LIMIT && fetched.is_empty() {
            fetched = reader.poll(LIMIT)?;
        }
        Ok::<_, BrokerError>((fetched.len(), started.elapsed()))
    });
    fill(broker.as_ref(), &p, &["v"])?;
    let (count, waited) = waiting.join().map_err(|_| broken("the reader panicked"))??;
    ensure!(count == 1 && waited < LIMIT, "{count} batches after {waited:?}");
    Ok(())
}

pub(super) fn should_end_a_poll_when_woken(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "quiet", 1)?, 0);
    let mut reader = h.broker().reader()?;
    reader.assign(&[(p, 0)])?;
    let wake = reader.waker();
    let waking = thread::spawn(move || wake());
    let started = Instant::now();
    reader.poll(LIMIT)?;
    ensure!(started.elapsed() < LIMIT, "the poll was not woken");
    waking.join().map_err(|_| broken("waking panicked"))?;
    let started = Instant::now();
    reader.poll(MOMENT)?;
    ensure!(started.elapsed() >= MOMENT / 2, "one wake-up ended two polls");
    Ok(())
}
