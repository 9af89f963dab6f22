//! A reader of chosen partitions, outside any group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use topology::broker::{BrokerError, Fetched, Reader, TopicPartition, Waker};

use super::Core;
use super::fetch::Fetcher;

pub(super) struct EmbeddedReader {
    core: Arc<Core>,
    fetcher: Fetcher,
}

impl EmbeddedReader {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, fetcher: Fetcher::new() }
    }
}

impl Reader for EmbeddedReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        let found = partitions.iter().map(|(name, offset)| Ok((self.core.topics.partition(name)?, *offset)));
        let found: Vec<_> = found.collect::<Result<_, BrokerError>>()?;
        self.fetcher.clear();
        for (partition, offset) in found {
            self.fetcher.add(partition, Some(offset));
        }
        Ok(())
    }

    fn poll(&mut self, timeout: Duration) -> Result<Vec<Fetched>, BrokerError> {
        let deadline = Instant::now() + timeout;
        loop {
            self.fetcher.signal().clear_news();
            let fetched = self.fetcher.fetch(&self.core.store, |_| None)?;
            if !fetched.is_empty() || self.fetcher.signal().take_woken() || !self.fetcher.signal().wait_until(deadline)
            {
                return Ok(fetched);
            }
        }
    }

    fn waker(&self) -> Waker {
        let signal = Arc::clone(self.fetcher.signal());
        Arc::new(move || signal.wake())
    }
}
