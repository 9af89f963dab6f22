//! What must hold whatever the order, checked without the rules: it reads the log and calls neither `decide` nor `evolve`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use processors::stores::TICKETS;
use processors::{GATHERED, POOL_LOADS, POOL_TICKETS, verify_pools};
use schemas::topics::{COMMAND_OUTCOMES, EMAIL_OUTBOX, NOTIFICATIONS, TICKET_EVENTS, USER_EVENTS};
use schemas::{GatheredState, Mail, Notification, Outcome, TicketEvent, UserEvent, frame, reader};
use topology::broker::{Broker, TopicPartition};
use uuid::Uuid;

use crate::PARTITIONS;
use crate::news::Told;
use crate::records::{Stores, read};

/// A command that was sent, can be read and lies where it belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) id: Uuid,
    /// Moves on when the command memory's time has passed.
    pub(crate) epoch: u32,
    /// Sent again when all was at rest: the answer must be repeated.
    pub(crate) last: bool,
    /// Its answer takes a while; what repeats it until then is answered by that one answer.
    pub(crate) two_steps: bool,
}

/// What there was to be checked.
#[allow(dead_code, reason = "the tests on Kafka count nothing")]
pub(crate) struct Seen {
    /// How many notifications there are.
    pub(crate) told: usize,
    /// How many digests there are.
    pub(crate) digests: usize,
    /// How often a project has moved to another's pool, or changed while it was there.
    pub(crate) moved: usize,
    /// Whether a project was archived, and one was no more.
    pub(crate) archived: bool,
    /// Whether a project had a workflow of its own, and tickets were moved after.
    pub(crate) own_workflow: bool,
    /// How often a membership was told that its user was deactivated.
    pub(crate) deactivated: usize,
}

pub(crate) fn check(broker: &dyn Broker, stores: &Stores, sent: &[Sent]) -> Result<Seen> {
    let created = numbers(broker, stores)?;
    let events = decoded(broker, TICKET_EVENTS, TicketEvent::decode)?;
    crate::pools::check(&events, &stores[POOL_LOADS], &stores[POOL_TICKETS]).map_err(anyhow::Error::msg)?;
    let users = decoded(broker, USER_EVENTS, UserEvent::decode)?;
    let deactivated = activity(&events, &users)?;
    let notifications = decoded(broker, NOTIFICATIONS, Notification::decode)?;
    let mails = decoded(broker, EMAIL_OUTBOX, Mail::decode)?;
    let mut waiting = BTreeSet::new();
    for gathered in stores[GATHERED].values() {
        waiting.insert(frame::decode::<GatheredState>(gathered)?.item.notification_id);
    }
    let digests = mails.iter().filter(|Mail::MailRequested(mail)| mail.kind == "digest").count();
    let told = Told { notifications: &notifications, mails: &mails, waiting };
    let told = crate::news::check(&events, &users, &told).map_err(anyhow::Error::msg)?;
    let mut contradictions = Vec::new();
    verify_pools(&Found(stores), &mut |difference| contradictions.push(difference.to_string()))?;
    ensure!(contradictions.is_empty(), "{}", contradictions.join("\n"));
    answers(broker, sent, &created)?;
    let joins = |event: &&TicketEvent| matches!(event, TicketEvent::ProjectUpdated(event) if event.pool_id.is_some());
    let is_archived = |event: &TicketEvent| matches!(event, TicketEvent::ProjectUpdated(event) if event.archived);
    let is_active = |event: &TicketEvent| matches!(event, TicketEvent::ProjectUpdated(event) if !event.archived);
    let archived = events.iter().skip_while(|event| !is_archived(event)).any(is_active);
    let configures =
        |event: &TicketEvent| matches!(event, TicketEvent::ProjectUpdated(event) if event.workflow.is_some());
    let moves = |event: &TicketEvent| matches!(event, TicketEvent::TicketStatusUpdated(_));
    let own_workflow = events.iter().skip_while(|event| !configures(event)).any(moves);
    Ok(Seen { told, digests, moved: events.iter().filter(joins).count(), archived, own_workflow, deactivated })
}

/// Memberships are told of what becomes of their users, but for those of whoever made the project, who was not looked up.
fn activity(events: &[TicketEvent], users: &[UserEvent]) -> Result<usize> {
    let users = users.iter().map(|event| event.clone().into_user()).map(|user| (user.user_id, user.deactivated));
    let users: BTreeMap<Uuid, bool> = users.collect();
    let (mut members, mut owners, mut told) = (BTreeMap::new(), BTreeSet::new(), 0);
    for event in events {
        let project = event.project_id();
        match event {
            TicketEvent::ProjectCreated(e) => drop(owners.insert((project, e.owner_id))),
            TicketEvent::ProjectMemberAdded(e) => drop(members.insert((project, e.user_id), false)),
            TicketEvent::ProjectMemberUpdated(e) => {
                let before = members.insert((project, e.user_id), e.deactivated);
                told += usize::from(e.deactivated && before == Some(false));
            }
            TicketEvent::ProjectMemberRemoved(e) => drop(members.remove(&(project, e.user_id))),
            _ => {}
        }
    }
    for (member, deactivated) in members.iter().filter(|(member, _)| !owners.contains(member)) {
        let user = users.get(&member.1).copied().unwrap_or_default();
        ensure!(user == *deactivated, "member {member:?}: deactivated is {deactivated}, but {user} of the user");
    }
    Ok(told)
}

fn decoded<T>(
    broker: &dyn Broker,
    topic: &str,
    decode: fn(&[u8]) -> Result<T, schemas::SchemaError>,
) -> Result<Vec<T>> {
    let records = all(broker, topic)?;
    Ok(records.iter().map(|r| decode(r.value.as_deref().unwrap_or_default())).collect::<Result<_, _>>()?)
}

/// Stores as they were found.
struct Found<'a>(&'a Stores);

impl reader::Stores for Found<'_> {
    fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), reader::ReadError> {
        self.0[store].iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }
}

/// Numbers and sequences without gaps; the store has the tickets that the log leaves. The commands that made tickets.
fn numbers(broker: &dyn Broker, stores: &Stores) -> Result<BTreeSet<Uuid>> {
    let mut last: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
    let (mut made_by, mut tickets) = (BTreeSet::new(), BTreeSet::new());
    for record in all(broker, TICKET_EVENTS)? {
        let event = TicketEvent::decode(record.value.as_deref().unwrap_or_default())?;
        let project = event.project_id();
        let (sequence, number) = last.entry(project).or_default();
        *sequence += 1;
        ensure!(
            event.sequence() == *sequence,
            "project {project}: sequence {} instead of {sequence}",
            event.sequence()
        );
        match &event {
            TicketEvent::TicketCreated(event) => {
                *number += 1;
                ensure!(event.number == *number, "project {project}: number {} instead of {number}", event.number);
                ensure!(made_by.insert(event.causation_id), "command {} made two tickets", event.causation_id);
                tickets.insert(ticket_key(project, event.number));
            }
            TicketEvent::TicketDeleted(event) => {
                tickets.remove(&ticket_key(project, event.number));
            }
            _ => {}
        }
    }
    let stored: BTreeSet<_> = stores[TICKETS].keys().cloned().collect();
    ensure!(stored == tickets, "the store has {} tickets, the log leaves {}", stored.len(), tickets.len());
    Ok(made_by)
}

/// Every command is decided once as long as it is remembered, and its repetitions get that answer again.
fn answers(broker: &dyn Broker, sent: &[Sent], created: &BTreeSet<Uuid>) -> Result<()> {
    let (mut first, mut again): (BTreeMap<Uuid, usize>, BTreeMap<Uuid, usize>) = Default::default();
    for record in all(broker, COMMAND_OUTCOMES)? {
        let outcome = Outcome::decode(record.value.as_deref().unwrap_or_default())?;
        let id = outcome.command_id();
        match &outcome {
            Outcome::Failed(_) => continue,
            Outcome::Accepted(o) if ["CreateTicket", "ImportTicket"].contains(&o.command_type.as_str()) => {
                ensure!(created.contains(&id), "command {id} is accepted, but made no ticket");
            }
            _ => {}
        }
        *if outcome.duplicate() { &mut again } else { &mut first }.entry(id).or_default() += 1;
    }
    let mut by_command: BTreeMap<Uuid, Vec<Sent>> = BTreeMap::new();
    for command in sent {
        by_command.entry(command.id).or_default().push(*command);
    }
    for (id, sent) in by_command {
        let epochs = sent.iter().map(|s| s.epoch).collect::<BTreeSet<_>>().len();
        let decisions = first.remove(&id).unwrap_or_default();
        ensure!(decisions == epochs, "command {id} has {decisions} decisions instead of {epochs}");
        let repeated = again.remove(&id).unwrap_or_default();
        let most = sent.len() - epochs;
        let least = if sent[0].two_steps { sent.iter().filter(|s| s.last).count() } else { most };
        ensure!(
            (least..=most).contains(&repeated),
            "command {id} has {repeated} repeated answers, not {least} to {most}"
        );
    }
    ensure!(first.is_empty() && again.is_empty(), "answers to commands that nobody sent: {first:?} {again:?}");
    Ok(())
}

fn ticket_key(project: Uuid, number: i64) -> Vec<u8> {
    [&project.as_bytes()[..], &number.to_be_bytes()].concat()
}

fn all(broker: &dyn Broker, topic: &str) -> Result<Vec<topology::OutputRecord>> {
    let mut records = Vec::new();
    for partition in 0..PARTITIONS {
        records.extend(read(broker, &TopicPartition::new(topic, partition))?);
    }
    Ok(records)
}
