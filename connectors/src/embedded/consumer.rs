//! A member of a consumer group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use topology::broker::{
    BrokerError, Consumer, GroupMetadata, Polled, TopicName, TopicPartition, TransactionalProducer, Waker,
};

use super::Core;
use super::fetch::Fetcher;
use super::group::{Group, Step};
use super::partition::Partition;
use super::topics::Topic;
use super::transaction::EmbeddedTransactionalProducer;

pub(super) struct EmbeddedConsumer {
    core: Arc<Core>,
    group: Arc<Group>,
    member: String,
    topics: Vec<Arc<Topic>>,
    membership: Membership,
    /// The generation that this member knows.
    generation: i64,
    fetcher: Fetcher,
    /// Told in the last poll that they go; this one lets go of them.
    revoked: Vec<Arc<Partition>>,
    /// For commits outside the owner's transactions.
    committer: Option<EmbeddedTransactionalProducer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    None,
    Joined {
        generation: i64,
    },
    /// Another consumer has taken this one's id.
    Replaced,
}

impl EmbeddedConsumer {
    pub(super) fn new(core: Arc<Core>, group: &str, client_id: &str) -> Self {
        let group = core.groups.group(group);
        Self {
            core,
            group,
            member: client_id.to_owned(),
            topics: Vec::new(),
            membership: Membership::None,
            generation: -1,
            fetcher: Fetcher::new(),
            revoked: Vec::new(),
            committer: None,
        }
    }

    fn join(&mut self) -> i64 {
        let generation = self.group.join(&self.member, self.topics.clone(), self.fetcher.signal());
        self.membership = Membership::Joined { generation };
        generation
    }

    /// Joins if need be; fails where no poll can bring anything.
    fn joined(&mut self) -> Result<i64, BrokerError> {
        match self.membership {
            Membership::Joined { generation } => Ok(generation),
            Membership::None if self.topics.is_empty() => {
                Err(BrokerError::Fatal(format!("{} is not subscribed to any topic", self.member)))
            }
            Membership::None => Ok(self.join()),
            Membership::Replaced => {
                let why = format!("another consumer is member {} of group {} now", self.member, self.group.name);
                Err(BrokerError::Fenced(why))
            }
        }
    }

    /// What changed in the group, if anything that the caller must know; else when to look again.
    fn follow_group(&mut self, joined: i64) -> Result<Option<Instant>, Polled> {
        for partition in self.revoked.drain(..) {
            self.fetcher.remove(&partition);
        }
        match self.group.poll(&self.member, joined, self.core.config.max_poll_interval) {
            Step::Steady { generation, look_again } => {
                self.generation = generation;
                Ok(look_again)
            }
            Step::Revoked { generation, partitions } => {
                self.generation = generation;
                self.revoked = partitions;
                Err(Polled::Revoked(names(&self.revoked)))
            }
            Step::Assigned { generation, partitions } => {
                self.generation = generation;
                let assigned = names(&partitions);
                partitions.into_iter().for_each(|p| self.fetcher.add(p, None));
                Err(Polled::Assigned(assigned))
            }
            Step::Expired => Err(self.lost(Membership::None)),
            Step::Replaced => Err(self.lost(Membership::Replaced)),
        }
    }

    fn lost(&mut self, membership: Membership) -> Polled {
        self.membership = membership;
        self.generation = -1;
        Polled::Lost(self.fetcher.clear())
    }

    fn poll_until(&mut self, deadline: Instant) -> Result<Polled, BrokerError> {
        loop {
            self.fetcher.signal().clear_news();
            let joined = self.joined()?;
            let look_again = match self.follow_group(joined) {
                Ok(look_again) => look_again,
                Err(Polled::Lost(partitions)) if partitions.is_empty() => continue,
                Err(change) => return Ok(change),
            };
            let group = &self.group;
            let fetched = self.fetcher.fetch(&self.core.store, |partition| {
                // Nothing committed: from the log's start.
                group.try_committed(partition.id).map(|offset| offset.unwrap_or_else(|| partition.low()))
            })?;
            if !fetched.is_empty() {
                return Ok(Polled::Batches(fetched));
            }
            if self.fetcher.signal().take_woken() || Instant::now() >= deadline {
                return Ok(Polled::Nothing);
            }
            self.fetcher.signal().wait_until(look_again.map_or(deadline, |t| t.min(deadline)));
        }
    }
}

impl Consumer for EmbeddedConsumer {
    fn subscribe(&mut self, topics: &[TopicName]) -> Result<(), BrokerError> {
        if topics.is_empty() {
            return Err(BrokerError::Fatal("a subscription needs at least one topic".into()));
        }
        let found = topics.iter().map(|name| {
            let unknown = || BrokerError::UnknownTopic(TopicPartition::new(Arc::clone(name), 0));
            self.core.topics.topic(name).ok_or_else(unknown)
        });
        self.topics = found.collect::<Result<_, _>>()?;
        self.fetcher.clear();
        self.revoked.clear();
        self.join();
        Ok(())
    }

    fn poll(&mut self, timeout: Duration) -> Result<Polled, BrokerError> {
        let polled = self.poll_until(Instant::now() + timeout);
        if let Membership::Joined { generation } = self.membership {
            self.group.poll_ended(&self.member, generation);
        }
        polled
    }

    fn waker(&self) -> Waker {
        let signal = Arc::clone(self.fetcher.signal());
        Arc::new(move || signal.wake())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        partitions.iter().try_for_each(|p| self.fetcher.set_paused(p, true))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        partitions.iter().try_for_each(|p| self.fetcher.set_paused(p, false))
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.fetcher.seek(partition, offset)
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        self.core.committed(&self.group, partitions)
    }

    fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        let id = format!("{}/{}", self.group.name, self.member);
        let mut producer = match self.committer.take() {
            Some(producer) => producer,
            None => EmbeddedTransactionalProducer::new(Arc::clone(&self.core), &id)?,
        };
        producer.begin()?;
        producer.send_offsets(offsets, &self.group_metadata())?;
        producer.commit()?;
        // Kept only if all went well: one that failed is at its end.
        self.committer = Some(producer);
        Ok(())
    }

    fn group_metadata(&self) -> GroupMetadata {
        GroupMetadata { group: self.group.name.clone(), member: self.member.clone(), generation: self.generation }
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        if let Membership::Joined { generation } = self.membership {
            self.group.leave(&self.member, generation);
        }
        self.fetcher.clear();
        self.revoked.clear();
        self.topics.clear();
        self.membership = Membership::None;
        self.generation = -1;
        Ok(())
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        if let Membership::Joined { generation } = self.membership {
            self.group.leave(&self.member, generation);
        }
    }
}

fn names(partitions: &[Arc<Partition>]) -> Vec<TopicPartition> {
    partitions.iter().map(|p| p.name.clone()).collect()
}
