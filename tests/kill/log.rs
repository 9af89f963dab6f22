//! Reads the log, record by record, for the oracle.

use std::collections::BTreeSet;
use std::time::Duration;

use schemas::{Outcome, TicketCommand, TicketEvent, UserCommand, topics};
use topology::broker::{Broker, TopicPartition};
use uuid::Uuid;

use crate::oracle::{self, Log, Place};

/// All of it. Fails where a record cannot be read.
#[allow(dead_code, reason = "the rig reads a part")]
pub(crate) fn read(broker: &dyn Broker) -> Log {
    read_of(broker, |_| true)
}

/// What it says of these projects, and nothing of users. Commands that nobody can read are not about them.
#[allow(dead_code, reason = "only the rig reads a part")]
pub(crate) fn read_about(broker: &dyn Broker, projects: &BTreeSet<Uuid>) -> Log {
    read_of(broker, |project| project.is_some_and(|project| projects.contains(&project)))
}

fn read_of(broker: &dyn Broker, matters: impl Fn(Option<Uuid>) -> bool) -> Log {
    let mut log = Log::default();
    for topic in [topics::TICKET_COMMANDS, topics::USER_COMMANDS] {
        records(broker, topic, |at, _, value| {
            let key = match topic {
                topics::USER_COMMANDS => UserCommand::decode(value).map(|command| (None, command.command_id())),
                _ => TicketCommand::decode(value).map(|command| (Some(command.project_id()), command.command_id())),
            };
            match key {
                Ok(key) if matters(key.0) => log.commands.push(oracle::Command { at, key }),
                Ok(_) => {}
                // All matters.
                Err(error) => assert!(!matters(None), "a command at {at:?} cannot be read: {error}"),
            }
        });
    }
    records(broker, topics::TICKET_EVENTS, |at, key, value| {
        let event = TicketEvent::decode(value).unwrap();
        assert_eq!(key, event.project_id().to_string(), "an event under the key of another project, at {at:?}");
        if !matters(Some(event.project_id())) {
            return;
        }
        log.events.push(oracle::Event {
            at,
            project: event.project_id(),
            sequence: event.sequence(),
            causation: event.causation_id(),
            automatic: matches!(&event, TicketEvent::TicketAssigned(e) if e.automatic)
                || matches!(&event, TicketEvent::TicketUnassigned(e) if e.automatic),
            created: if let TicketEvent::TicketCreated(created) = &event { Some(created.number) } else { None },
        });
    });
    records(broker, topics::COMMAND_OUTCOMES, |at, key, value| {
        let outcome = Outcome::decode(value).unwrap();
        assert_eq!(key, outcome.command_id().to_string(), "an outcome under the key of another command, at {at:?}");
        if !matters(outcome.project_id()) {
            return;
        }
        log.outcomes.push(oracle::Outcome {
            at,
            key: (outcome.project_id(), outcome.command_id()),
            duplicate: outcome.duplicate(),
            accepted: matches!(outcome, Outcome::Accepted(_)),
            number: if let Outcome::Accepted(accepted) = &outcome { accepted.number } else { None },
            said: format!("{:?}", outcome.with_duplicate(false)),
        });
    });
    log
}

/// Every record of a topic, partition by partition.
fn records(broker: &dyn Broker, topic: &str, mut each: impl FnMut(Place, &str, &[u8])) {
    for number in 0..broker.topics().unwrap()[topic] {
        let partition = TopicPartition::new(topic, number);
        let (low, high) = broker.watermarks(&partition).unwrap();
        assert_eq!(low, 0, "{partition} does not begin at its beginning");
        let mut reader = broker.reader().unwrap();
        reader.assign(&[(partition.clone(), 0)]).unwrap();
        let mut next = 0;
        while next < high {
            let fetched = reader.poll(Duration::from_secs(10)).unwrap();
            assert!(!fetched.is_empty(), "{partition} has nothing at {next} of {high}");
            for fetched in &fetched {
                for record in &fetched.batch {
                    let key = std::str::from_utf8(record.key.unwrap_or_default()).unwrap();
                    each((number, record.offset), key, record.value.unwrap_or_default());
                }
                next = fetched.batch.next_offset();
            }
        }
    }
}
