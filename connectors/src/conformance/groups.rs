//! Consumer groups: who gets what, when, and who may still commit it.

use std::thread;
use std::time::Instant;

use topology::broker::{BrokerError, GroupMetadata, Polled};

use super::kit::{LIMIT, Learnt, MOMENT, at, broken, ensure, expect_error, fill, holder, member, poll_until, topic};
use super::{Harness, Outcome};

pub(super) fn should_give_equal_partition_numbers_to_the_same_member(h: &dyn Harness) -> Outcome {
    let topics = [topic(h, "left", 4)?, topic(h, "right", 4)?];
    let (broker, group) = (h.broker(), h.name("group"));
    let mut a = member(broker.as_ref(), &group, "a", &topics)?;
    let mut b = member(broker.as_ref(), &group, "b", &topics)?;
    let (mut la, mut lb) = (Learnt::default(), Learnt::default());
    let mut members: [(&mut dyn topology::broker::Consumer, &mut Learnt); 2] =
        [(a.as_mut(), &mut la), (b.as_mut(), &mut lb)];
    poll_until(&mut members, "each has half", |l| l.iter().all(|l| l.held.len() == 4))?;
    for learnt in [&la, &lb] {
        let of =
            |i: usize| learnt.held.iter().filter(|p| p.topic == topics[i]).map(|p| p.partition).collect::<Vec<_>>();
        ensure!(of(0) == of(1), "not the same numbers of both topics: {:?}", learnt.held);
    }
    ensure!(la.held.iter().all(|p| !lb.held.contains(p)), "held twice: {:?} and {:?}", la.held, lb.held);
    Ok(())
}

pub(super) fn should_hand_a_partition_over_only_after_it_was_let_go(h: &dyn Harness) -> Outcome {
    let name = topic(h, "handed", 2)?;
    let (broker, group) = (h.broker(), h.name("group"));
    let (mut a, mut la) = holder(broker.as_ref(), &group, "a", &name, 2)?;
    let mut b = member(broker.as_ref(), &group, "b", &[name])?;
    let mut lb = Learnt::default();
    let deadline = Instant::now() + LIMIT;
    let revoked = loop {
        ensure!(Instant::now() < deadline, "nothing is revoked");
        lb.poll(b.as_mut(), MOMENT / 10)?;
        if let Polled::Revoked(revoked) = a.poll(MOMENT / 10)? {
            break revoked;
        }
    };
    lb.poll(b.as_mut(), MOMENT)?;
    ensure!(lb.held.iter().all(|p| !revoked.contains(p)), "handed over before it was let go: {:?}", lb.held);
    // What is told may still be committed.
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    let offsets: Vec<_> = revoked.iter().map(|p| (p.clone(), 0)).collect();
    producer.send_offsets(&offsets, &a.group_metadata())?;
    producer.commit()?;
    la.held.retain(|p| !revoked.contains(p));
    poll_until(&mut [(a.as_mut(), &mut la), (b.as_mut(), &mut lb)], "each has one", |l| {
        l.iter().all(|l| l.held.len() == 1) && l[0].held != l[1].held
    })
}

pub(super) fn should_tell_a_member_that_there_is_nothing_for_it(h: &dyn Harness) -> Outcome {
    let name = topic(h, "scarce", 1)?;
    let (broker, group) = (h.broker(), h.name("group"));
    let (mut a, mut la) = holder(broker.as_ref(), &group, "a", &name, 1)?;
    let mut b = member(broker.as_ref(), &group, "b", &[name])?;
    let mut lb = Learnt::default();
    let one_has_it = |l: &[&Learnt]| l.iter().all(|l| l.told) && l[0].held.len() + l[1].held.len() == 1;
    poll_until(&mut [(a.as_mut(), &mut la), (b.as_mut(), &mut lb)], "both know, and one has it", one_has_it)
}

pub(super) fn should_go_on_at_the_committed_offset_with_the_new_owner(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "goes-on", 1)?, 0);
    let (broker, group) = (h.broker(), h.name("group"));
    fill(broker.as_ref(), &p, &["a", "b", "c"])?;
    let mut first = member(broker.as_ref(), &group, "first", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(first.as_mut(), &mut learnt)], "all is read", |l| l[0].records.len() == 3)?;
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send_offsets(&[(p.clone(), 2)], &first.group_metadata())?;
    producer.commit()?;
    first.leave()?;
    let mut second = member(broker.as_ref(), &group, "second", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(second.as_mut(), &mut learnt)], "something is read", |l| !l[0].records.is_empty())?;
    ensure!(learnt.records == [(p, 2, "c".into())], "the new owner read {:?}", learnt.records);
    Ok(())
}

pub(super) fn should_fence_a_commit_of_partitions_that_moved(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "moved", 1)?, 0);
    let (broker, group) = (h.broker(), h.name("group"));
    let mut first = member(broker.as_ref(), &group, "first", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(first.as_mut(), &mut learnt)], "it is assigned", |l| l[0].held.len() == 1)?;
    let stale = first.group_metadata();
    first.leave()?;
    let mut second = member(broker.as_ref(), &group, "second", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(second.as_mut(), &mut learnt)], "it has moved", |l| l[0].held.len() == 1)?;
    let fresh = second.group_metadata();
    // A member that has gone, and a generation that the present owner has outlived.
    for (n, metadata) in [stale, GroupMetadata { generation: fresh.generation - 1, ..fresh.clone() }].iter().enumerate()
    {
        let mut producer = broker.transactional_producer(&h.name(&format!("tx{n}")))?;
        producer.begin()?;
        let refused = |e: &BrokerError| matches!(e, BrokerError::Fenced(_) | BrokerError::Abortable(_));
        let outcome = producer.send_offsets(&[(p.clone(), 7)], metadata).and_then(|()| producer.commit());
        expect_error(outcome, refused, "Fenced")?;
    }
    ensure!(broker.committed(&group, std::slice::from_ref(&p))? == [None], "a fenced commit has landed");
    Ok(())
}

pub(super) fn should_take_partitions_from_a_member_that_does_not_poll(h: &dyn Harness) -> Outcome {
    let name = topic(h, "overdue", 2)?;
    let (broker, group) = (h.broker(), h.name("group"));
    let (mut idle, mut li) = holder(broker.as_ref(), &group, "idle", &name, 2)?;
    // One long poll, to see that waiting alone notices it.
    let (limit, other) = (2 * h.max_poll_interval() + LIMIT, member(broker.as_ref(), &group, "other", &[name])?);
    let taken = thread::spawn(move || {
        let (mut other, mut lo) = (other, Learnt::default());
        let deadline = Instant::now() + limit;
        while lo.held.len() < 2 && Instant::now() < deadline {
            lo.poll(other.as_mut(), limit)?;
        }
        Ok::<_, super::Failure>((other, lo))
    });
    let (_other, lo) = taken.join().map_err(|_| broken("the other member panicked"))??;
    ensure!(lo.held.len() == 2, "the other has {:?}", lo.held);
    poll_until(&mut [(idle.as_mut(), &mut li)], "it is told", |l| l[0].lost)?;
    Ok(())
}

pub(super) fn should_pause_resume_and_seek(h: &dyn Harness) -> Outcome {
    let name = topic(h, "paused", 2)?;
    let (paused, other) = (at(&name, 0), at(&name, 1));
    let (broker, group) = (h.broker(), h.name("group"));
    let (mut consumer, mut learnt) = holder(broker.as_ref(), &group, "m", &name, 2)?;
    consumer.pause(std::slice::from_ref(&paused))?;
    fill(broker.as_ref(), &paused, &["a", "b"])?;
    fill(broker.as_ref(), &other, &["c"])?;
    poll_until(&mut [(consumer.as_mut(), &mut learnt)], "the other is read", |l| !l[0].records.is_empty())?;
    learnt.poll(consumer.as_mut(), MOMENT)?;
    ensure!(learnt.records == [(other, 0, "c".into())], "read while paused: {:?}", learnt.records);
    consumer.resume(std::slice::from_ref(&paused))?;
    poll_until(&mut [(consumer.as_mut(), &mut learnt)], "it is read once resumed", |l| l[0].records.len() == 3)?;
    consumer.seek(&paused, 1)?;
    poll_until(&mut [(consumer.as_mut(), &mut learnt)], "it is read again", |l| l[0].records.len() == 4)?;
    ensure!(learnt.records.last() == Some(&(paused, 1, "b".into())), "after the seek: {:?}", learnt.records);
    Ok(())
}

pub(super) fn should_read_what_was_paused_before_it_was_revoked_and_assigned_again(h: &dyn Harness) -> Outcome {
    let name = topic(h, "unpaused", 2)?;
    let (broker, group) = (h.broker(), h.name("group"));
    let (mut a, mut la) = holder(broker.as_ref(), &group, "a", &name, 2)?;
    a.pause(&[at(&name, 0), at(&name, 1)])?;
    let mut b = member(broker.as_ref(), &group, "b", &[name])?;
    let mut lb = Learnt::default();
    poll_until(&mut [(a.as_mut(), &mut la), (b.as_mut(), &mut lb)], "each has one", |l| {
        l.iter().all(|l| l.held.len() == 1) && l[0].held != l[1].held
    })?;
    let moved = lb.held.clone();
    b.leave()?;
    drop(b);
    poll_until(&mut [(a.as_mut(), &mut la)], "it has both again", |l| l[0].held.len() == 2)?;
    moved.iter().try_for_each(|p| fill(broker.as_ref(), p, &["a"]))?;
    poll_until(&mut [(a.as_mut(), &mut la)], "what came back is read", |l| l[0].records.len() == 1)
}

pub(super) fn should_list_groups_that_have_members_or_offsets(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "listed", 1)?, 0);
    let (broker, with_member, with_offsets) = (h.broker(), h.name("with-member"), h.name("with-offsets"));
    let listed = |broker: &dyn topology::broker::Broker| -> Result<Vec<String>, super::Failure> {
        let all = broker.groups()?;
        Ok(all.into_iter().filter(|g| [&with_member, &with_offsets].contains(&g)).collect())
    };
    ensure!(listed(broker.as_ref())?.is_empty(), "groups are there before anyone was: {:?}", broker.groups()?);
    let mut a = member(broker.as_ref(), &with_member, "a", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(a.as_mut(), &mut learnt)], "it is assigned", |l| l[0].held.len() == 1)?;
    ensure!(listed(broker.as_ref())? == [with_member.clone()], "listed is {:?}", broker.groups()?);

    let mut b = member(broker.as_ref(), &with_offsets, "b", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(b.as_mut(), &mut learnt)], "it is assigned", |l| l[0].held.len() == 1)?;
    let mut producer = broker.transactional_producer(&h.name("tx"))?;
    producer.begin()?;
    producer.send_offsets(&[(p.clone(), 0)], &b.group_metadata())?;
    producer.commit()?;
    b.leave()?;
    let mut expected = vec![with_member.clone(), with_offsets.clone()];
    expected.sort();
    let mut found = listed(broker.as_ref())?;
    found.sort();
    ensure!(found == expected, "listed is {:?}", broker.groups()?);
    Ok(())
}

pub(super) fn should_show_what_a_member_commits_without_a_transaction(h: &dyn Harness) -> Outcome {
    let p = at(&topic(h, "told", 1)?, 0);
    let (broker, group) = (h.broker(), h.name("group"));
    fill(broker.as_ref(), &p, &["a", "b"])?;
    let mut member = member(broker.as_ref(), &group, "m", std::slice::from_ref(&p.topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(member.as_mut(), &mut learnt)], "all is read", |l| l[0].records.len() == 2)?;
    for offset in [1, 2] {
        member.commit(&[(p.clone(), offset)])?;
        poll_until(&mut [(member.as_mut(), &mut learnt)], "it shows", |_| {
            broker.committed(&group, std::slice::from_ref(&p)).is_ok_and(|found| found == [Some(offset)])
        })?;
    }
    Ok(())
}
