//! A log to fill and a read model to look at.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, reason = "a helper of tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use connectors::read_model::ReadModel;
use connectors::sink::{SinkHandle, SinkOptions};
use connectors::sqlite::SqliteReadModel;
use schemas::{
    CommandAccepted, DeliveryResult, Mail, MailResult, Notification, Outcome, ProjectCreated, ProjectMemberAdded,
    TicketCommented, TicketCreated, TicketEvent, TicketStatusUpdated, UserEvent, ids, topics,
};
use topology::Headers;
use topology::broker::{Broker, Cleanup, NewRecord, TopicPartition, TopicSpec, partition_for_key};
use uuid::Uuid;

#[path = "database.rs"]
pub(crate) mod database;
#[path = "../../../tests/support/services.rs"]
pub(crate) mod services;

pub(crate) const PARTITIONS: u32 = 2;

/// A directory with a log in it, whose tickets events are numbered as the pipeline would.
pub(crate) struct Log {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) broker: Arc<dyn Broker>,
}

impl Log {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = EmbeddedConfig::new(dir.path().join("log"));
        config.sync = SyncMode::Os;
        let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).expect("the broker opens");
        let specs: Vec<TopicSpec> = [
            topics::TICKET_COMMANDS,
            topics::USER_COMMANDS,
            topics::TICKET_EVENTS,
            topics::USER_EVENTS,
            topics::NOTIFICATIONS,
            topics::EMAIL_OUTBOX,
            topics::EMAIL_RESULTS,
            topics::WEBHOOK_COMMANDS,
            topics::WEBHOOK_RESULTS,
            topics::COMMAND_OUTCOMES,
        ]
        .into_iter()
        .map(|name| TopicSpec {
            name: name.into(),
            partitions: PARTITIONS,
            cleanup: Cleanup::Keep,
            log_append_time: false,
        })
        .collect();
        broker.create_topics(&specs).expect("topics");
        Self { dir, broker }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("read.db")
    }

    /// Appends a record and comes back when it is durable.
    pub(crate) fn append(&self, topic: &str, partition: u32, key: &str, value: Option<&[u8]>) {
        self.append_with(&Headers::new(), topic, partition, key, value);
    }

    fn append_with(&self, headers: &Headers, topic: &str, partition: u32, key: &str, value: Option<&[u8]>) {
        let (done, written) = std::sync::mpsc::channel();
        let record = NewRecord { timestamp: 1, key: Some(key.as_bytes()), value, headers };
        let delivery = Box::new(move |result: Result<_, _>| done.send(result.map(|_| ())).expect("someone waits"));
        let producer = self.broker.producer().expect("a producer");
        producer.send(&TopicPartition::new(topic, partition), record, delivery).expect("taken");
        written.recv().expect("an answer").expect("durable");
    }

    pub(crate) fn event(&self, event: impl Into<TicketEvent>) {
        let event = event.into();
        let mut value = Vec::new();
        event.encode(&mut value).expect("encoded");
        let key = event.project_id().to_string();
        self.append(topics::TICKET_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, Some(&value));
    }

    /// Appends many events, and comes back when the last is durable.
    pub(crate) fn events(&self, events: Vec<TicketEvent>) {
        let producer = self.broker.producer().expect("a producer");
        let (done, written) = std::sync::mpsc::channel();
        let count = events.len();
        for event in events {
            let mut value = Vec::new();
            event.encode(&mut value).expect("encoded");
            let key = event.project_id().to_string();
            let partition = TopicPartition::new(topics::TICKET_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS));
            let record =
                NewRecord { timestamp: 1, key: Some(key.as_bytes()), value: Some(&value), headers: &Headers::new() };
            let done = done.clone();
            let delivery = Box::new(move |result: Result<_, _>| done.send(result.map(|_| ())).expect("someone waits"));
            producer.send(&partition, record, delivery).expect("taken");
        }
        written.iter().take(count).for_each(|result| result.expect("durable"));
    }

    pub(crate) fn notification(&self, notification: impl Into<Notification>) {
        let notification = notification.into();
        let key = notification.user_id().to_string();
        let mut value = Vec::new();
        notification.encode(&mut value).expect("encoded");
        self.append(topics::NOTIFICATIONS, partition_for_key(key.as_bytes(), PARTITIONS), &key, Some(&value));
    }

    pub(crate) fn mail(&self, mail: impl Into<Mail>) {
        let mail = mail.into();
        let key = mail.user_id().to_string();
        let mut value = Vec::new();
        mail.encode(&mut value).expect("encoded");
        self.append(topics::EMAIL_OUTBOX, partition_for_key(key.as_bytes(), PARTITIONS), &key, Some(&value));
    }

    pub(crate) fn mail_result(&self, result: impl Into<MailResult>) {
        let result = result.into();
        let key = result.user_id().to_string();
        let mut value = Vec::new();
        result.encode(&mut value).expect("encoded");
        self.append(topics::EMAIL_RESULTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, Some(&value));
    }

    pub(crate) fn delivery_result(&self, result: impl Into<DeliveryResult>) {
        let result = result.into();
        let key = result.owner_id().to_string();
        let mut value = Vec::new();
        result.encode(&mut value).expect("encoded");
        self.append(topics::WEBHOOK_RESULTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, Some(&value));
    }

    pub(crate) fn user(&self, user: impl Into<UserEvent>) {
        let user = user.into();
        let key = user.user_id().to_string();
        let mut value = Vec::new();
        user.encode(&mut value).expect("encoded");
        self.append(topics::USER_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS), &key, Some(&value));
    }

    pub(crate) fn outcome(&self, outcome: impl Into<Outcome>, partition: u32) {
        let outcome = outcome.into();
        let mut value = Vec::new();
        outcome.encode(&mut value).expect("encoded");
        self.append(topics::COMMAND_OUTCOMES, partition, &outcome.command_id().to_string(), Some(&value));
    }

    /// As [`Self::outcome`], of a command that said who waits for it.
    pub(crate) fn answer(&self, reply_to: &[u8], outcome: impl Into<Outcome>, partition: u32) {
        let outcome = outcome.into();
        let mut value = Vec::new();
        outcome.encode(&mut value).expect("encoded");
        self.answer_with(reply_to, outcome.command_id(), &value, partition);
    }

    /// As [`Self::answer`], with any bytes in the outcome's place.
    pub(crate) fn answer_with(&self, reply_to: &[u8], command: Uuid, value: &[u8], partition: u32) {
        let mut headers = Headers::new();
        headers.push(topics::REPLY_TO_HEADER, reply_to);
        self.append_with(&headers, topics::COMMAND_OUTCOMES, partition, &command.to_string(), Some(value));
    }
}

pub(crate) fn project(key: &str) -> ProjectCreated {
    ProjectCreated {
        project_id: ids::project_id(key),
        sequence: 1,
        key: key.to_owned(),
        name: format!("Project {key}"),
        owner_id: user_id(1),
        created_at: 1_000,
        ..ProjectCreated::default()
    }
}

pub(crate) fn member(key: &str, sequence: i64, user: u128, handle: &str) -> ProjectMemberAdded {
    ProjectMemberAdded {
        project_id: ids::project_id(key),
        sequence,
        user_id: user_id(user),
        handle: handle.to_owned(),
        role: "member".to_owned(),
        capacity: 10,
        skills: vec!["rust".to_owned()],
        available: true,
        ..ProjectMemberAdded::default()
    }
}

pub(crate) fn ticket(key: &str, sequence: i64, number: i64) -> TicketCreated {
    TicketCreated {
        project_id: ids::project_id(key),
        sequence,
        ticket_id: ticket_id(key, number),
        number,
        code: format!("{key}-{number}"),
        title: format!("Título {number} 🎫"),
        description: "text".to_owned(),
        priority: "MEDIUM".to_owned(),
        status: "OPEN".to_owned(),
        labels: vec!["bug".to_owned()],
        reporter_id: user_id(1),
        created_at: 2_000 + number,
        updated_at: 2_000 + number,
        ..TicketCreated::default()
    }
}

pub(crate) fn moved(key: &str, sequence: i64, number: i64, from: &str, to: &str) -> TicketStatusUpdated {
    TicketStatusUpdated {
        project_id: ids::project_id(key),
        sequence,
        ticket_id: ticket_id(key, number),
        number,
        old_status: from.to_owned(),
        new_status: to.to_owned(),
        ticket_version: 2,
        timestamp: 9_000 + sequence,
        ..TicketStatusUpdated::default()
    }
}

pub(crate) fn comment(key: &str, sequence: i64, number: i64, content: &str) -> TicketCommented {
    TicketCommented {
        project_id: ids::project_id(key),
        sequence,
        ticket_id: ticket_id(key, number),
        number,
        comment_id: Uuid::from_u128(sequence.unsigned_abs().into()),
        author_id: user_id(1),
        content: content.to_owned(),
        created_at: 3_000,
        ..TicketCommented::default()
    }
}

pub(crate) fn accepted(command: u128) -> CommandAccepted {
    CommandAccepted {
        command_id: Uuid::from_u128(command),
        command_type: "CreateTicket".to_owned(),
        ..CommandAccepted::default()
    }
}

/// A hundred projects with so many tickets each, all moved and commented, with texts of 300 characters: their keys, the
/// events in their order, and the last sequence of each.
pub(crate) fn busy_projects(tickets: i64) -> (Vec<String>, Vec<TicketEvent>, i64) {
    let keys: Vec<String> = (0..100).map(|n| format!("P{n}")).collect();
    let mut events: Vec<TicketEvent> = keys.iter().map(|key| project(key).into()).collect();
    let mut sequence = 1;
    for number in 1..=tickets {
        for key in &keys {
            let mut event = ticket(key, sequence + 1, number);
            event.description = "x".repeat(300);
            events.push(event.into());
            events.push(moved(key, sequence + 2, number, "OPEN", "IN_PROGRESS").into());
            events.push(comment(key, sequence + 3, number, "a comment of some length").into());
        }
        sequence += 3;
    }
    (keys, events, sequence)
}

pub(crate) fn ticket_id(key: &str, number: i64) -> Uuid {
    ids::ticket_id(2_000, ids::project_id(key), Uuid::from_u128(number.unsigned_abs().into()))
}

pub(crate) fn user_id(n: u128) -> Uuid {
    Uuid::from_u128(n + 0xff00)
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

pub(crate) async fn open(path: &Path) -> Arc<SqliteReadModel> {
    SqliteReadModel::open(path).await.expect("the read model opens")
}

pub(crate) fn start(model: &SqliteReadModel, log: &Log) -> SinkHandle {
    model.start_sink(log.broker.clone(), SinkOptions::default()).expect("the sink starts")
}

pub(crate) async fn reach(model: &dyn ReadModel, key: &str, sequence: i64) {
    let reached = model.wait_for(ids::project_id(key), sequence, soon()).await.expect("an answer");
    assert!(reached, "{key} did not reach {sequence}");
}
