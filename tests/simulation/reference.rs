//! The run without crashes: the same commands, processed in the recorded order by the test driver, a commit a record.

use anyhow::{Result, ensure};
use schemas::topics::{TICKET_COMMANDS, USER_COMMANDS};
use topology::broker::{Broker, TopicPartition};
use topology::{TestDriver, Topology};

use crate::PARTITIONS;
use crate::luck::Done;
use crate::records::read;
use crate::world::Transaction;

/// Takes the command topics as they lie in the broker's log.
pub(crate) fn run(topology: &Topology, broker: &dyn Broker, transactions: &[Transaction]) -> Result<TestDriver> {
    let mut driver = TestDriver::new(topology, PARTITIONS)?.manual_commit();
    for topic in [TICKET_COMMANDS, USER_COMMANDS] {
        for partition in (0..PARTITIONS).map(|p| TopicPartition::new(topic, p)) {
            for r in read(broker, &partition)? {
                driver.append(&partition, r.key.as_deref(), r.value.as_deref(), r.timestamp, &r.headers);
            }
        }
    }
    // Commits of another size than the world's: where a commit ends must not matter.
    for done in transactions.iter().flatten() {
        let there = match &done.work {
            Done::Record(partition, offset) => driver.process_record(partition, *offset)?,
            Done::Punctuation { which, time, .. } => driver.process_punctuation(&done.task, *which, *time)?,
        };
        ensure!(there, "{} was done, but without crashes there is no such thing at that point", done.work);
        driver.commit()?;
    }
    Ok(driver)
}
