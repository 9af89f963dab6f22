//! The run without crashes: the same commands, processed in the recorded order by the test driver, a commit a record.

use anyhow::{Result, ensure};
use schemas::topics::{TICKET_COMMANDS, USER_COMMANDS};
use topology::broker::{Broker, TopicPartition};
use topology::{TestDriver, Topology};

use crate::PARTITIONS;
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
    for (partition, offset) in transactions.iter().flatten() {
        let there = driver.process_record(partition, *offset)?;
        ensure!(there, "{partition}@{offset} was processed, but without crashes there is no such record at that point");
        driver.commit()?;
    }
    Ok(driver)
}
