//! Transactions: all or nothing, over partitions and offsets, and only for the one who may.

use topology::broker::{Broker, BrokerError, GroupMetadata};

use super::kit::{LIMIT, Learnt, at, batch, ensure, expect_error, fill, member, poll_until, topic, values};
use super::{Harness, Outcome};

pub(super) fn should_show_a_transaction_only_after_its_commit(h: &dyn Harness) -> Outcome {
    let name = topic(h, "tx", 2)?;
    let broker = h.broker();
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    let mut reader = broker.reader()?;
    reader.assign(&[(at(&name, 0), 0), (at(&name, 1), 0)])?;
    producer.begin()?;
    producer.send(&at(&name, 0), batch(&["a", "b"]))?;
    producer.send(&at(&name, 1), batch(&["c"]))?;
    producer.send(&at(&name, 0), batch(&["d"]))?;
    let early = reader.poll(super::kit::MOMENT)?;
    ensure!(early.iter().all(|f| f.batch.is_empty()), "seen before the commit: {early:?}");
    producer.commit()?;
    ensure!(values(broker.as_ref(), &at(&name, 0))? == ["a", "b", "d"], "partition 0 is not whole");
    ensure!(values(broker.as_ref(), &at(&name, 1))? == ["c"], "partition 1 is not whole");
    ensure!(!reader.poll(LIMIT)?.is_empty(), "the reader sees nothing after the commit");
    Ok(())
}

pub(super) fn should_leave_nothing_of_an_aborted_transaction(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "aborted", 1)?, 0);
    let broker = h.broker();
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send(&p, batch(&["never"]))?;
    producer.abort()?;
    producer.begin()?;
    producer.send(&p, batch(&["kept"]))?;
    producer.commit()?;
    ensure!(values(broker.as_ref(), &p)? == ["kept"], "read {:?}", values(broker.as_ref(), &p)?);
    Ok(())
}

pub(super) fn should_commit_offsets_with_the_records(h: &dyn Harness) -> Outcome {
    let (input, output) = (topic(h, "in", 1)?, topic(h, "out", 1)?);
    let (broker, group) = (h.broker(), h.name("group"));
    let p = at(&input, 0);
    fill(broker.as_ref(), &p, &["a", "b"])?;
    let mut consumer = member(broker.as_ref(), &group, "m", std::slice::from_ref(&input))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(consumer.as_mut(), &mut learnt)], "both records are read", |l| l[0].records.len() == 2)?;
    ensure!(consumer.committed(std::slice::from_ref(&p))? == [None], "something was committed already");
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send(&at(&output, 0), batch(&["A"]))?;
    producer.send_offsets(&[(p.clone(), 1)], &consumer.group_metadata())?;
    producer.abort()?;
    ensure!(consumer.committed(std::slice::from_ref(&p))? == [None], "an abort has committed offsets");
    producer.begin()?;
    producer.send(&at(&output, 0), batch(&["A", "B"]))?;
    producer.send_offsets(&[(p.clone(), 2)], &consumer.group_metadata())?;
    producer.commit()?;
    ensure!(consumer.committed(std::slice::from_ref(&p))? == [Some(2)], "the offset was not committed");
    ensure!(broker.committed(&group, &[p])? == [Some(2)], "others see another offset");
    ensure!(values(broker.as_ref(), &at(&output, 0))? == ["A", "B"], "the records were not committed");
    Ok(())
}

pub(super) fn should_report_where_each_partition_ends(h: &dyn Harness) -> Outcome {
    let name = topic(h, "ends", 2)?;
    let broker = h.broker();
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    let mut reported = [0, 0];
    for round in 0..3 {
        producer.begin()?;
        producer.send(&at(&name, 1), batch(&["a", "b"]))?;
        if round == 1 {
            producer.send(&at(&name, 0), batch(&["c"]))?;
        }
        for (p, end) in producer.commit()? {
            if let Some(known) = reported.get_mut(p.partition as usize) {
                *known = end;
            }
            // The commit marker of a broker that has one comes after the last record.
            let (_, high) = broker.watermarks(&p)?;
            ensure!(end <= high && high <= end + 1, "{p}: {end} is reported, but the log ends at {high}");
        }
    }
    ensure!(reported[0] >= 1 && reported[1] >= 6, "reported {reported:?}");
    Ok(())
}

pub(super) fn should_fence_an_earlier_producer_of_the_same_id(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "fenced", 1)?, 0);
    let (broker, id) = (h.broker(), h.name("tx"));
    let mut old = broker.transactional_producer(&id)?;
    old.begin()?;
    old.send(&p, batch(&["old"]))?;
    let mut new = broker.transactional_producer(&id)?;
    expect_error(old.commit(), |e| matches!(e, BrokerError::Fenced(_)), "Fenced")?;
    new.begin()?;
    new.send(&p, batch(&["new"]))?;
    new.commit()?;
    ensure!(values(broker.as_ref(), &p)? == ["new"], "read {:?}", values(broker.as_ref(), &p)?);
    Ok(())
}

pub(super) fn should_refuse_to_commit_without_a_refused_batch(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "refused", 1)?, 0);
    let broker = h.broker();
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send(&p, batch(&["before"]))?;
    let too_large = vec![0; h.max_record_bytes() + 1];
    expect_error(producer.send(&p, batch(&[too_large])), |e| matches!(e, BrokerError::TooLarge { .. }), "TooLarge")?;
    expect_error(producer.commit(), |e| matches!(e, BrokerError::Abortable(_)), "Abortable")?;
    producer.abort()?;
    producer.begin()?;
    producer.send(&p, batch(&["after"]))?;
    producer.commit()?;
    ensure!(values(broker.as_ref(), &p)? == ["after"], "read {:?}", values(broker.as_ref(), &p)?);
    Ok(())
}

pub(super) fn should_keep_committed_offsets_across_a_restart(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "offsets", 2)?, 1);
    let group = h.name("group");
    let commit = |broker: &dyn Broker, offset: i64| -> Outcome {
        let nobody = GroupMetadata { group: group.clone(), member: String::new(), generation: -1 };
        let mut producer = broker.transactional_producer(&h.name("tx"))?;
        producer.begin()?;
        producer.send_offsets(&[(p.clone(), offset)], &nobody)?;
        producer.commit()?;
        Ok(())
    };
    fill(h.broker().as_ref(), &p, &["a", "b", "c"])?;
    commit(h.broker().as_ref(), 1)?;
    commit(h.broker().as_ref(), 2)?;
    let found = h.reopen().committed(&group, &[at(&p.topic, 0), p.clone()])?;
    ensure!(found == [None, Some(2)], "committed after the restart: {found:?}");
    Ok(())
}
