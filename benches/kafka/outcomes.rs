//! Whether the outcomes in the log are what they must be: one for each command, in its partition's order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use schemas::Outcome;
use serde::Serialize;
use topology::broker::{Broker, TopicPartition};

use super::sender::Sender;

/// Counts of outcomes.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Outcomes {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
}

/// Reads the outcomes from these offsets on; fails if one is not of its command, or not as it must be.
pub(crate) fn check(
    broker: &Arc<dyn Broker>,
    from: &[(TopicPartition, i64)],
    sender: &Sender,
) -> anyhow::Result<Outcomes> {
    let mut reader = broker.reader()?;
    reader.assign(from)?;
    let mut places = vec![0; sender.sent().len()];
    let mut found = Outcomes::default();
    let total: usize = sender.sent().iter().map(Vec::len).sum();
    while places.iter().sum::<usize>() < total {
        let fetched = reader.poll(Duration::from_secs(5))?;
        ensure!(!fetched.is_empty(), "{} of {total} outcomes are in the log", places.iter().sum::<usize>());
        for piece in fetched {
            let partition = piece.partition.partition as usize;
            for record in &piece.batch {
                let outcome = Outcome::decode(record.value.unwrap_or_default())?;
                let place = places[partition];
                let wanted = sender.sent()[partition].get(place);
                let is = outcome.command_id();
                ensure!(wanted == Some(&is), "outcome {place} on partition {partition} is of {is}, not of {wanted:?}");
                places[partition] += 1;
                match outcome {
                    _ if outcome.duplicate() => found.duplicates += 1,
                    Outcome::Accepted(_) => found.accepted += 1,
                    other => anyhow::bail!("a command of the load was not accepted: {other:?}"),
                }
            }
        }
    }
    let repeats = sender.repeats();
    ensure!(found.duplicates == repeats, "{} outcomes are marked as repeats, not {repeats}", found.duplicates);
    Ok(found)
}
