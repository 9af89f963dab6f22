//! Sends the load and keeps what was sent to each partition, in order.

use std::sync::Arc;

use topology::broker::Broker;
use uuid::Uuid;

use super::PARTITIONS;
use super::load::Load;

pub(crate) struct Sender {
    load: Load,
    /// The id of each command, by partition. The nth outcome on a partition answers its nth command.
    sent: Vec<Vec<Uuid>>,
    last: Uuid,
    repeats: u64,
}

impl Sender {
    pub(crate) fn new(broker: &Arc<dyn Broker>, projects: u32) -> anyhow::Result<Self> {
        let load = Load::new(broker, PARTITIONS, projects)?;
        Ok(Self { load, sent: vec![Vec::new(); PARTITIONS as usize], last: Uuid::nil(), repeats: 0 })
    }

    /// Makes the projects; these commands are not kept.
    pub(crate) fn projects(&mut self) -> anyhow::Result<()> {
        self.load.projects()
    }

    /// Sends one command; its partition.
    pub(crate) fn one(&mut self) -> anyhow::Result<usize> {
        let mut id = None;
        let partition = self.load.one(|new| id = Some(new))?;
        match id {
            Some(id) => self.last = id,
            None => self.repeats += 1,
        }
        self.sent[partition].push(self.last);
        Ok(partition)
    }

    pub(crate) fn sent(&self) -> &[Vec<Uuid>] {
        &self.sent
    }

    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }
}
