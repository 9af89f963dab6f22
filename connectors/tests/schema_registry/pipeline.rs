//! The real pipeline with a registry: what others write is read, what it writes others can read, and who has to wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use connectors::gateway::CommandGateway;
use connectors::read_model::ReadModel as _;
use connectors::registry::ConfluentRegistry;
use connectors::sink::SinkOptions;
use connectors::sqlite::SqliteReadModel;
use processors::{PipelineConfig, pipeline, topic_specs};
use schemas::topics::{COMMAND_OUTCOMES, TICKET_ASSIGNMENTS, TICKET_COMMANDS, TICKET_EVENTS, dead_letters};
use schemas::{CreateProject, CreateTicket, Outcome, Record as _, TicketCommand, TicketEvent, frame, ids};
use topology::Headers;
use topology::broker::{Broker, NewRecord, Reader, TopicPartition, partition_for_key};
use topology::{State, Streams, StreamsConfig};
use uuid::Uuid;

use crate::proxy::{Mode, Proxy};
use crate::{PATIENCE, block_on, config, foreign, register};

const PARTITIONS: u32 = 4;

/// The pipeline on one thread, with a registry behind a proxy.
struct Running {
    dir: tempfile::TempDir,
    proxy: Proxy,
    broker: Arc<dyn Broker>,
    registry: Arc<ConfluentRegistry>,
    streams: Streams,
    outcomes: Reading,
}

impl Running {
    fn new() -> Self {
        let proxy = Proxy::new();
        let mut config = config(&proxy);
        config.timeout = Duration::from_millis(300);
        let registry = block_on(ConfluentRegistry::connect_once(&config)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut log = EmbeddedConfig::new(dir.path().join("log"));
        log.sync = SyncMode::Os;
        let broker: Arc<dyn Broker> = EmbeddedBroker::open(log).unwrap();
        broker.create_topics(&topic_specs(PARTITIONS)).unwrap();
        let topology = pipeline(&PipelineConfig { registry: registry.clone(), ..PipelineConfig::default() }).unwrap();
        let streams = Streams::start(&topology, &StreamsConfig::new("app", dir.path().join("state")), &broker).unwrap();
        assert!(streams.wait_for(State::Running, PATIENCE));
        let outcomes = Reading::new(&*broker, COMMAND_OUTCOMES);
        Self { dir, proxy, broker, registry, streams, outcomes }
    }

    /// Puts a framed command on the partition that its project belongs to.
    fn send(&self, project: &str, value: &[u8]) {
        let key = ids::project_id(project).to_string();
        let partition = TopicPartition::new(TICKET_COMMANDS, partition_for_key(key.as_bytes(), PARTITIONS));
        let headers = Headers::new();
        let record = NewRecord { timestamp: 1, key: Some(key.as_bytes()), value: Some(value), headers: &headers };
        let (done, written) = std::sync::mpsc::channel();
        let delivery = Box::new(move |result: Result<_, _>| drop(done.send(result.map(|_| ()))));
        self.broker.producer().unwrap().send(&partition, record, delivery).unwrap();
        written.recv().unwrap().unwrap();
    }

    /// Sends a command as this build's clients do.
    fn send_own(&self, project: &str, command: impl Into<TicketCommand>) -> Uuid {
        let command = command.into();
        let mut value = Vec::new();
        command.encode_with(&*self.registry, &mut value).unwrap();
        self.send(project, &value);
        command.command_id()
    }

    /// Sends a command as another client does, whose schema has this id.
    fn send_foreign(&self, project: &str, id: u32, command: impl Into<TicketCommand>) -> Uuid {
        let command = command.into();
        let mut value = Vec::new();
        command.encode(&mut value).unwrap();
        value[1..frame::PREFIX_LEN].copy_from_slice(&id.to_be_bytes());
        self.send(project, &value);
        command.command_id()
    }

    /// The outcome of a command, when it comes.
    fn outcome(&mut self, command: Uuid) -> Outcome {
        let value = self.outcomes.wait_for(&command.to_string());
        Outcome::decode_with(&*self.registry, &value).unwrap()
    }

    /// How many dead letters there are.
    fn dead_letters(&self) -> i64 {
        let end = |p| self.broker.watermarks(&TopicPartition::new(dead_letters(TICKET_COMMANDS), p)).unwrap().1;
        (0..PARTITIONS).map(end).sum()
    }
}

/// A topic, read as it grows: the last value of each key.
struct Reading {
    reader: Box<dyn Reader>,
    last: BTreeMap<String, Vec<u8>>,
    values: Vec<Vec<u8>>,
}

impl Reading {
    fn new(broker: &dyn Broker, topic: &str) -> Self {
        let mut reader = broker.reader().unwrap();
        reader.assign(&(0..PARTITIONS).map(|p| (TopicPartition::new(topic, p), 0)).collect::<Vec<_>>()).unwrap();
        Self { reader, last: BTreeMap::new(), values: Vec::new() }
    }

    fn poll(&mut self, timeout: Duration) {
        for fetched in self.reader.poll(timeout).unwrap() {
            for record in &fetched.batch {
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                self.last.insert(key, record.value.unwrap().to_vec());
                self.values.push(record.value.unwrap().to_vec());
            }
        }
    }

    fn wait_for(&mut self, key: &str) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = self.last.get(key) {
                return value.clone();
            }
            assert!(Instant::now() < deadline, "nothing came for {key}");
            self.poll(Duration::from_secs(1));
        }
    }
}

fn create_project(key: &str) -> CreateProject {
    CreateProject {
        command_id: Uuid::new_v4(),
        actor_id: Uuid::from_u128(7),
        project_id: ids::project_id(key),
        key: key.to_owned(),
        name: key.to_owned(),
        ..CreateProject::default()
    }
}

fn create_ticket(project: &str) -> CreateTicket {
    CreateTicket {
        command_id: Uuid::new_v4(),
        actor_id: Uuid::from_u128(7),
        project_id: ids::project_id(project),
        title: "Füße".to_owned(),
        ..CreateTicket::default()
    }
}

fn number(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Accepted(accepted) => accepted.number,
        other => panic!("{other:?}"),
    }
}

/// Keys of projects that lie on this partition.
fn projects_on(partition: u32) -> impl Iterator<Item = String> {
    let on =
        move |key: &String| partition_for_key(ids::project_id(key).to_string().as_bytes(), PARTITIONS) == partition;
    (0..).map(|n| format!("P{n}")).filter(on)
}

#[test]
fn should_hold_back_only_the_partition_whose_schema_cannot_be_looked_up() {
    let mut running = Running::new();
    let (mut here, mut elsewhere) = (projects_on(0), projects_on(1));
    for mode in [Mode::Refuse, Mode::Hang, Mode::Answer(500, ""), Mode::Answer(404, "<html>no such page</html>")] {
        let (stuck, free) = (here.next().unwrap(), elsewhere.next().unwrap());
        let id = register(&running.proxy, "ticket.commands-value", &foreign(CreateProject::AVSC));
        let asked = format!("GET /schemas/ids/{id}?");
        running.proxy.set(mode.clone());
        let first = running.send_foreign(&stuck, id, create_project(&stuck));
        let behind: Vec<Uuid> = (0..3).map(|_| running.send_own(&stuck, create_ticket(&stuck))).collect();
        running.proxy.wait_for(&asked, 1);
        let other = running.send_own(&free, create_project(&free));
        assert!(matches!(running.outcome(other), Outcome::Accepted(_)));
        running.proxy.wait_for(&asked, 3);
        let other = running.send_own(&free, create_ticket(&free));
        assert_eq!(number(&running.outcome(other)), Some(1));
        running.outcomes.poll(Duration::ZERO);
        for command in behind.iter().chain([&first]) {
            assert!(!running.outcomes.last.contains_key(&command.to_string()), "{mode:?}: it was decided unread");
        }

        running.proxy.set(Mode::Pass);
        assert!(matches!(running.outcome(first), Outcome::Accepted(_)), "after {mode:?}");
        let numbers: Vec<_> = behind.iter().map(|command| number(&running.outcome(*command))).collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(3)], "in their order, after {mode:?}");
        // From now on nobody has to be asked.
        let asked_until_now = running.proxy.count(&asked);
        let again = here.next().unwrap();
        let known = running.send_foreign(&again, id, create_project(&again));
        assert!(matches!(running.outcome(known), Outcome::Accepted(_)));
        assert_eq!(running.proxy.count(&asked), asked_until_now);
    }
    assert_eq!(running.dead_letters(), 0);
    running.streams.close().unwrap();
}

#[test]
fn should_dead_letter_a_record_whose_schema_does_not_exist_and_go_on() {
    let mut running = Running::new();
    let project = projects_on(2).next().unwrap();
    running.send_foreign(&project, 999_999, create_project(&project));
    let next = running.send_own(&project, create_project(&project));
    assert!(matches!(running.outcome(next), Outcome::Accepted(_)));
    assert_eq!(running.dead_letters(), 1);
    let mut reader = running.broker.reader().unwrap();
    reader.assign(&[(TopicPartition::new(dead_letters(TICKET_COMMANDS), 2), 0)]).unwrap();
    let fetched = reader.poll(PATIENCE).unwrap();
    let letter = fetched[0].batch.iter().next().unwrap();
    let message = String::from_utf8_lossy(letter.headers.last("__streams.errors.message").unwrap()).into_owned();
    assert!(message.contains("schema id 999999 is unknown"), "{message}");
    running.streams.close().unwrap();
}

#[test]
fn should_write_what_others_can_look_up_and_read_it_back() {
    let mut running = Running::new();
    let project = projects_on(3).next().unwrap();
    let gateway = CommandGateway::open(&running.broker, running.registry.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let model = runtime.block_on(SqliteReadModel::open(running.dir.path().join("read.db"))).unwrap();
    let options = SinkOptions { registry: running.registry.clone(), ..SinkOptions::default() };
    let sink = model.start_sink(running.broker.clone(), options).unwrap();

    // Through the gateway, so its ids and its reading of outcomes are the registry's too.
    let command = create_project(&project);
    let submitted =
        runtime.block_on(async { gateway.submit(&command.clone().into()).await.unwrap().outcome().await.unwrap() });
    assert!(matches!(submitted, Outcome::Accepted(_)));
    let ticket = create_ticket(&project);
    let first = running.send_own(&project, ticket.clone());
    assert_eq!(number(&running.outcome(first)), Some(1));
    // The same again: the memory keeps its own ids, what it sends carries the registry's.
    running.outcomes.last.clear();
    running.send_own(&project, ticket);
    let repeated = running.outcome(first);
    assert!(repeated.duplicate() && number(&repeated) == Some(1));

    let mut commands = Reading::new(&*running.broker, TICKET_COMMANDS);
    let mut events = Reading::new(&*running.broker, TICKET_EVENTS);
    let mut proposals = Reading::new(&*running.broker, TICKET_ASSIGNMENTS);
    // The ticket is given to the project's owner.
    while events.values.len() < 4
        || commands.values.len() < 3
        || running.outcomes.values.len() < 3
        || proposals.values.is_empty()
    {
        events.poll(PATIENCE);
        proposals.poll(Duration::from_millis(10));
        commands.poll(Duration::from_millis(10));
        running.outcomes.poll(Duration::from_millis(10));
    }
    let mut records = Vec::new();
    for value in commands.values.iter().chain(&events.values).chain(&running.outcomes.values).chain(&proposals.values) {
        let id = frame::schema_id(value).unwrap();
        let schema = crate::call(&running.proxy, "GET", &format!("/schemas/ids/{id}"), None);
        let schema: serde_json::Value = serde_json::from_str(schema["schema"].as_str().unwrap()).unwrap();
        records.push(schema["name"].as_str().unwrap().to_owned());
    }
    records.sort();
    let expected = [
        "AssignmentProposed",
        "CommandAccepted",
        "CommandAccepted",
        "CommandAccepted",
        "CreateProject",
        "CreateTicket",
        "CreateTicket",
        "ProjectCreated",
        "ProjectMemberAdded",
        "TicketAssigned",
        "TicketCreated",
    ];
    assert_eq!(records, expected);
    for value in &events.values {
        TicketEvent::decode_with(&*running.registry, value).unwrap();
    }

    // The read model keeps what can be read without the registry.
    let deadline = Instant::now() + PATIENCE;
    let kept = runtime.block_on(async {
        loop {
            if let Some(kept) = model.outcome(command.command_id).await.unwrap() {
                break kept;
            }
            assert!(Instant::now() < deadline, "the sink did not write the outcome");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert_eq!(kept, submitted);
    sink.stop().unwrap();
    runtime.block_on(model.close());
    drop(gateway);
    running.streams.close().unwrap();
}
