//! Waits until all that there is to do is done, which it must be in time once nothing fails any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use schemas::topics::{EMAIL_OUTBOX, EMAIL_RESULTS, NOTIFICATIONS, TICKET_EVENTS, WEBHOOK_RESULTS};
use schemas::{DeliveryResult, Mail, MailResult};
use topology::broker::{Broker, TopicPartition};
use uuid::Uuid;

use crate::PARTITIONS;
use crate::pace::last;
use crate::records::read;
use crate::rig::PATIENCE;
use crate::site::Site;
use crate::support::services::psql;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What the sink reads.
const SHOWN: [&str; 7] = [
    "ticket.events",
    "user.events",
    "notifications",
    "email.outbox",
    "email.results",
    "webhook.results",
    "command.outcomes",
];

/// Waits until there is nothing left that is missing, twice in a row: what is on its way from one place to another is in neither for a moment.
fn until_nothing_is_missing(mut missing: impl FnMut() -> Result<Option<String>>) {
    let end = Instant::now() + PATIENCE;
    let mut still = 0;
    while still < 2 {
        let why = match missing() {
            Ok(None) => {
                still += 1;
                continue;
            }
            Ok(Some(why)) => why,
            // Such as offsets that a transaction holds which is not over yet.
            Err(error) => format!("{error:#}"),
        };
        still = 0;
        assert!(Instant::now() < end, "{why}");
        last(LOOK);
    }
}

/// Until a group has consumed these topics to their ends.
fn until_consumed(broker: &dyn Broker, group: &str, topics: &BTreeSet<String>) {
    let sources: Vec<_> =
        topics.iter().flat_map(|t| (0..PARTITIONS).map(|n| TopicPartition::new(t.as_str(), n))).collect();
    until_nothing_is_missing(|| {
        let committed = broker.committed(group, &sources)?;
        for (partition, committed) in sources.iter().zip(committed) {
            let (low, high) = broker.watermarks(partition)?;
            if committed.unwrap_or(low) < high {
                return Ok(Some(format!("{group} has {committed:?} of {partition}, which ends at {high}")));
            }
        }
        Ok(None)
    });
}

/// Until workers have nothing to do, not even what they have sent themselves.
pub(crate) fn decided(broker: &dyn Broker) {
    let read = |topic: &str| {
        ["ticket.commands", "user.commands", "ticket.events", "user.events", "ticket.assignments"].contains(&topic)
            || topic.ends_with("-repartition")
    };
    let topics = broker.topics().unwrap().into_keys().map(|topic| topic.to_string()).filter(|topic| read(topic));
    until_consumed(broker, "syncroboard", &topics.collect());
}

/// A partition after the other.
pub(crate) fn all<T>(broker: &dyn Broker, topic: &str, decode: impl Fn(&[u8]) -> T) -> Result<Vec<T>> {
    let mut records = Vec::new();
    for partition in 0..PARTITIONS {
        let found = read(broker, &TopicPartition::new(topic, partition))?;
        records.extend(found.iter().map(|record| decode(record.value.as_deref().unwrap_or_default())));
    }
    Ok(records)
}

/// What became of each mail, once something has of all.
pub(crate) fn mailed(broker: &dyn Broker) -> (Vec<Mail>, Vec<MailResult>) {
    until_consumed(broker, "syncroboard-mailer", &[EMAIL_OUTBOX.to_owned()].into());
    let mails: Vec<Mail> = all(broker, EMAIL_OUTBOX, |value| Mail::decode(value).unwrap()).unwrap();
    let results = || all(broker, EMAIL_RESULTS, |value| MailResult::decode(value).unwrap());
    until_nothing_is_missing(|| {
        let ended: BTreeSet<Uuid> = results()?.iter().map(MailResult::mail_id).collect();
        let missing = mails.iter().filter(|mail| !ended.contains(&mail.event_id())).count();
        Ok((missing > 0).then(|| format!("{missing} of {} mails have no result", mails.len())))
    });
    (mails, results().unwrap())
}

/// Until each of these deliveries was taken, and that is told.
pub(crate) fn delivered(site: &Site, broker: &Arc<dyn Broker>, due: &BTreeSet<String>) {
    until_consumed(&**broker, "syncroboard-webhooks", &[TICKET_EVENTS.to_owned(), NOTIFICATIONS.to_owned()].into());
    until_nothing_is_missing(|| {
        let results = all(&**broker, WEBHOOK_RESULTS, |value| DeliveryResult::decode(value).unwrap())?;
        let taken = results.iter().filter(|result| matches!(result, DeliveryResult::DeliverySucceeded(_)));
        let told: BTreeSet<String> = taken.map(|result| result.delivery_id().to_string()).collect();
        let posted = site.hooks.taken();
        let missing = due.iter().filter(|id| !told.contains(*id) || !posted.contains_key(*id)).count();
        Ok((missing > 0).then(|| format!("{missing} of {} deliveries were not made, or are not told", due.len())))
    });
}

/// Until the tables have all that is in the log.
pub(crate) fn shown(site: &Site, broker: &dyn Broker) {
    let mut ends = BTreeMap::new();
    for topic in SHOWN {
        for number in 0..PARTITIONS {
            let records = read(broker, &TopicPartition::new(topic, number)).unwrap();
            ends.extend(records.last().map(|record| (format!("{topic}|{number}"), record.offset + 1)));
        }
    }
    until_nothing_is_missing(|| {
        let rows = psql(site.postgres.url(), "SELECT topic, partition, next_offset FROM read_model.sink_offsets");
        let offset =
            |row: &str| row.rsplit_once('|').map(|(place, next)| (place.to_owned(), next.parse::<i64>().unwrap()));
        let reached: BTreeMap<String, i64> = rows.lines().filter_map(offset).collect();
        let behind = ends.iter().find(|(place, end)| reached.get(*place).is_none_or(|next| next < *end));
        Ok(behind
            .map(|(place, end)| format!("the tables have {:?} of {place}, which ends at {end}", reached.get(place))))
    });
}
