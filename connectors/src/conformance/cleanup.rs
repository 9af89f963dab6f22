//! What happens to old records.

use std::time::Duration;

use topology::broker::{BrokerError, Cleanup};

use super::kit::{LIMIT, at, ensure, expect_error, fill, produce, read_all, spec, text, topic, values};
use super::{Harness, Outcome};

pub(super) fn should_delete_records_below_an_offset(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "purged", 1)?, 0);
    let broker = h.broker();
    fill(broker.as_ref(), &p, &["a", "b", "c", "d"])?;
    broker.delete_records(&p, 3)?;
    broker.delete_records(&p, 2)?;
    ensure!(broker.watermarks(&p)? == (3, 4), "watermarks are {:?}", broker.watermarks(&p)?);
    ensure!(values(broker.as_ref(), &p)? == ["d"], "left is {:?}", values(broker.as_ref(), &p)?);
    let mut reader = broker.reader()?;
    reader.assign(&[(p.clone(), 2)])?;
    let out = |e: &BrokerError| matches!(e, BrokerError::OffsetOutOfRange { .. });
    expect_error(reader.poll(LIMIT), out, "OffsetOutOfRange")?;
    expect_error(broker.delete_records(&p, 5), out, "OffsetOutOfRange")
}

pub(super) fn should_never_start_offsets_anew(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "emptied", 1)?, 0);
    let broker = h.broker();
    fill(broker.as_ref(), &p, &["a", "b"])?;
    broker.delete_records(&p, 2)?;
    drop(broker);
    let broker = h.reopen();
    ensure!(broker.watermarks(&p)? == (2, 2), "watermarks after the restart: {:?}", broker.watermarks(&p)?);
    fill(broker.as_ref(), &p, &["c"])?;
    ensure!(read_all(broker.as_ref(), &p, 2)?.first().map(|r| r.0) == Some(2), "the next offset is not 2");
    Ok(())
}

pub(super) fn should_remove_records_that_are_too_old(h: &dyn Harness) -> Outcome {
    let name = h.name("aging").into();
    let broker = h.broker();
    let mut aging = spec(&name, 1);
    (aging.cleanup, aging.log_append_time) = (Cleanup::Retain { retention_ms: 60_000 }, true);
    broker.create_topics(&[aging])?;
    let p = at(&name, 0);
    fill(broker.as_ref(), &p, &["a", "b"])?;
    if !h.age(Duration::from_secs(40)) {
        return Ok(());
    }
    fill(broker.as_ref(), &p, &["c"])?;
    ensure!(broker.watermarks(&p)?.0 == 0, "removed too early");
    h.age(Duration::from_secs(40));
    ensure!(values(broker.as_ref(), &p)? == ["c"], "left is {:?}", values(broker.as_ref(), &p)?);
    ensure!(broker.watermarks(&p)? == (2, 3), "watermarks are {:?}", broker.watermarks(&p)?);
    Ok(())
}

pub(super) fn should_keep_the_last_record_of_each_key(h: &dyn Harness) -> Outcome {
    let name = h.name("compacted").into();
    let mut compacted = spec(&name, 1);
    (compacted.cleanup, compacted.log_append_time) = (Cleanup::Compact, true);
    h.broker().create_topics(&[compacted])?;
    let p = at(&name, 0);
    let broker = h.broker();
    let producer = broker.producer()?;
    for n in 0..100 {
        let (key, value) = (format!("k{}", n % 7), format!("v{n}"));
        let value = (n != 93).then_some(value.as_bytes());
        produce(producer.as_ref(), &p, 1, Some(key.as_bytes()), value)?;
    }
    drop((producer, broker));
    let state = |h: &dyn Harness, restart: bool| {
        let broker = if restart { h.reopen() } else { h.broker() };
        let seen = read_all(broker.as_ref(), &p, 0)?;
        let mut last = std::collections::BTreeMap::new();
        for (offset, _, key, value) in &seen {
            last.insert(text(key.as_deref()), (*offset, text(value.as_deref())));
        }
        Ok::<_, super::Failure>((seen.len(), last))
    };
    let (_, before) = state(h, false)?;
    if !h.age(Duration::from_secs(1)) {
        return Ok(());
    }
    for restart in [false, true] {
        let (count, after) = state(h, restart)?;
        ensure!(count <= 14, "{count} records are left of 7 keys");
        ensure!(after == before, "the last records were {before:?} and are {after:?}");
    }
    h.age(Duration::from_secs(7 * 24 * 3600));
    // The tombstone has been there long enough, once there is something to compact for.
    let broker = h.broker();
    let producer = broker.producer()?;
    for _ in 0..20 {
        produce(producer.as_ref(), &p, 1, Some(b"other"), Some(b"v"))?;
    }
    h.age(Duration::from_secs(1));
    drop((producer, broker));
    let (_, after) = state(h, true)?;
    ensure!(!after.contains_key("k2"), "the tombstone is still there");
    ensure!(after.len() == 7, "keys are {:?}", after.keys());
    Ok(())
}
