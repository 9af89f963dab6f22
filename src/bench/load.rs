//! The commands of a benchmark: a fixed mix on projects of its own, legal in the order in which they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemas::topics::TICKET_COMMANDS;
use schemas::{CommentTicket, CreateProject, CreateTicket, MoveTicket, TicketCommand, ids};
use topology::Headers;
use topology::broker::{Broker, NewRecord, Producer, TopicPartition, partition_for_key};
use uuid::Uuid;

use crate::sample::random::Random;

const STATUSES: [&str; 4] = ["OPEN", "IN_PROGRESS", "REVIEW", "DONE"];
const TITLE_CHARS: usize = 60;
const TEXT_CHARS: usize = 300;
const WORDS: &str = "the checkout page loses the cart when a session ends early and the customer has to begin again ";

/// Makes commands and sends them.
pub(super) struct Load {
    producer: Arc<dyn Producer>,
    partitions: Vec<TopicPartition>,
    projects: Vec<Project>,
    random: Random,
    sent: u64,
    last: Option<(usize, Vec<u8>)>,
    failed: Arc<AtomicU64>,
    title: String,
    text: String,
}

struct Project {
    id: Uuid,
    key: String,
    partition: usize,
    /// The status of each ticket, as an index; the number is the place plus one.
    tickets: Vec<u8>,
}

impl Load {
    pub(super) fn new(broker: &Arc<dyn Broker>, partitions: u32, projects: u32) -> anyhow::Result<Self> {
        let project = |n: u32| {
            let key = format!("B{}", radix36(n));
            let id = ids::project_id(&key);
            let partition = partition_for_key(id.to_string().as_bytes(), partitions) as usize;
            Project { id, key, partition, tickets: Vec::new() }
        };
        Ok(Self {
            producer: broker.producer()?,
            partitions: (0..partitions).map(|p| TopicPartition::new(TICKET_COMMANDS, p)).collect(),
            projects: (0..projects).map(project).collect(),
            random: Random::new(1),
            sent: 0,
            last: None,
            failed: Arc::default(),
            title: WORDS.chars().cycle().take(TITLE_CHARS).collect(),
            text: WORDS.chars().cycle().take(TEXT_CHARS).collect(),
        })
    }

    /// Makes the projects; their owner is who sends everything else.
    pub(super) fn projects(&mut self) -> anyhow::Result<()> {
        for n in 0..self.projects.len() {
            let command_id = self.next_id();
            let project = &self.projects[n];
            let command = CreateProject {
                command_id,
                actor_id: owner(),
                project_id: project.id,
                key: project.key.clone(),
                name: format!("Project {}", project.key),
                ..CreateProject::default()
            };
            self.send(n, &command.into())?;
        }
        Ok(())
    }

    /// Sends so many commands: 60 % create, 30 % move, 9 % comment, 1 % repeats of the one before.
    pub(super) fn commands(&mut self, count: u64) -> anyhow::Result<()> {
        for _ in 0..count {
            self.one(|_| ())?;
        }
        Ok(())
    }

    /// Sends one command; `id` is told its id first, unless it is a repeat. Answers the partition that it is for.
    pub(super) fn one(&mut self, id: impl FnOnce(Uuid)) -> anyhow::Result<usize> {
        let draw = self.random.below(100);
        if draw == 99
            && let Some((project, bytes)) = self.last.take()
        {
            self.produce(project, &bytes)?;
            return Ok(self.projects[project].partition);
        }
        let n = self.random.below(self.projects.len());
        let command_id = self.next_id();
        id(command_id);
        let tickets = self.projects[n].tickets.len();
        let project_id = self.projects[n].id;
        let command: TicketCommand = if draw < 60 || tickets == 0 {
            self.projects[n].tickets.push(0);
            CreateTicket {
                command_id,
                actor_id: owner(),
                project_id,
                title: self.title.clone(),
                description: self.text.clone(),
                ..CreateTicket::default()
            }
            .into()
        } else {
            let ticket = self.random.below(tickets);
            let number = i64::try_from(ticket)? + 1;
            if draw < 90 {
                let next = (self.projects[n].tickets[ticket] + 1) % 4;
                self.projects[n].tickets[ticket] = next;
                let status = STATUSES[usize::from(next)].to_owned();
                MoveTicket { command_id, actor_id: owner(), project_id, number, status, ..MoveTicket::default() }.into()
            } else {
                let content = self.text.clone();
                CommentTicket { command_id, actor_id: owner(), project_id, number, content, ..CommentTicket::default() }
                    .into()
            }
        };
        self.send(n, &command)?;
        Ok(self.projects[n].partition)
    }

    fn send(&mut self, project: usize, command: &TicketCommand) -> anyhow::Result<()> {
        let mut bytes = Vec::with_capacity(700);
        command.encode(&mut bytes)?;
        self.produce(project, &bytes)?;
        self.last = Some((project, bytes));
        Ok(())
    }

    fn produce(&self, project: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let failed = self.failed.clone();
        anyhow::ensure!(failed.load(Ordering::Relaxed) == 0, "the log refused a command");
        let project = &self.projects[project];
        let key = project.id.to_string();
        let record =
            NewRecord { timestamp: 0, key: Some(key.as_bytes()), value: Some(bytes), headers: &Headers::new() };
        let delivered = Box::new(move |written: Result<_, _>| {
            if written.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(self.producer.send(&self.partitions[project.partition], record, delivered)?)
    }

    fn next_id(&mut self) -> Uuid {
        self.sent += 1;
        Uuid::from_u128(u128::from(self.sent) | (self.random.below(usize::MAX) as u128) << 64)
    }
}

fn owner() -> Uuid {
    ids::user_id("bench@example.org")
}

/// A number as up to seven capital letters and digits.
fn radix36(mut n: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(n % 36, 36).unwrap_or('0').to_ascii_uppercase());
        n /= 36;
        if n == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
