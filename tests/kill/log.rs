//! Reads the log, record by record, for the oracle.

use std::time::Duration;

use schemas::{Outcome, TicketCommand, TicketEvent, UserCommand, topics};
use topology::broker::{Broker, TopicPartition};

use crate::oracle::{self, Log, Place};

/// All of it. Fails where a record cannot be read.
pub(crate) fn read(broker: &dyn Broker) -> Log {
    let mut log = Log::default();
    records(broker, topics::TICKET_COMMANDS, |at, _, value| {
        let command = TicketCommand::decode(value).unwrap();
        log.commands.push(oracle::Command { at, key: (Some(command.project_id()), command.command_id()) });
    });
    records(broker, topics::USER_COMMANDS, |at, _, value| {
        let command = UserCommand::decode(value).unwrap();
        log.commands.push(oracle::Command { at, key: (None, command.command_id()) });
    });
    records(broker, topics::TICKET_EVENTS, |at, key, value| {
        let event = TicketEvent::decode(value).unwrap();
        assert_eq!(key, event.project_id().to_string(), "an event under the key of another project, at {at:?}");
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
                    let key = std::str::from_utf8(record.key.unwrap()).unwrap();
                    each((number, record.offset), key, record.value.unwrap());
                }
                next = fetched.batch.next_offset();
            }
        }
    }
}
