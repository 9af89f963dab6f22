//! What must be true after a round, whatever happened in it. Each part fails with what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use processors::{PipelineConfig, pipeline};
use schemas::topics::{TICKET_COMMANDS, TICKET_EVENTS, USER_COMMANDS};
use schemas::{Mail, MailResult, TicketCommand, TicketEvent, UserCommand, ids};
use topology::StreamsConfig;
use topology::broker::{Broker, TopicPartition};
use uuid::Uuid;

use crate::decisions::{self, Sent};
use crate::feeder::Fed;
use crate::hangs::nothing_hangs;
use crate::kinds::Part;
use crate::oracle::Acknowledged;
use crate::records::{read, stores};
use crate::rig::{Rig, wait_until_ready};
use crate::support::text;
use crate::{PARTITIONS, board, checker, drained, log};

/// What there was to be checked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Records of commands that had to be decided, repetitions included.
    pub(crate) commands: usize,
    pub(crate) tickets: usize,
    pub(crate) notifications: usize,
    pub(crate) mails: usize,
    /// Mails that came again, each with its Message-ID.
    pub(crate) mails_again: usize,
    pub(crate) deliveries: usize,
}

impl Rig {
    /// Heals, drains, and holds what is left to all oracles. The processes have ended then.
    pub(crate) fn is_whole(&mut self) -> Seen {
        self.progresses();
        let (acknowledged, tickets) = self.load.take().unwrap().end();
        let fed = self.feeder.take().unwrap().end();
        wait_until_ready(&self.site);
        let broker = self.site.broker();
        drained::decided(&*broker);
        self.all_live();
        // From here on nothing is asked for any more.
        self.end(&[Part::Worker]);
        let mut seen = Seen { tickets, ..Seen::default() };
        (seen.mails, seen.mails_again) = self.mails_went(&*broker);
        seen.deliveries = self.deliveries_came(&*broker);
        drained::shown(&self.site, &*broker);
        let projects: BTreeSet<Uuid> = self.projects.iter().map(|key| ids::project_id(key)).collect();
        let told = log::read_about(&*broker, &projects);
        told.is_sound(&acknowledged, tickets);
        self.boards_equal(&told);
        let verified = self.site.run(&["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
        assert!(text(&verified).contains("0 differences"), "{}", text(&verified));
        self.all_live();
        self.end(&[Part::Sink, Part::Api, Part::Mailer, Part::Webhooks]);
        let sent = sent(&*broker, &fed);
        let topology = pipeline(&PipelineConfig::default()).unwrap();
        let config = StreamsConfig::new("syncroboard", self.site.home.path().join("restored"));
        let restored = stores(&topology, &config, &*broker).unwrap();
        seen.notifications = decisions::check(&*broker, &restored, &sent).unwrap().told;
        seen.commands = sent.len();
        self.checks(&acknowledged);
        nothing_hangs(&*broker);
        self.nobody_panicked();
        seen
    }

    /// What a reader finds who knows nothing of how it was made: topics, stores on the disk, tables, boards.
    fn checks(&self, acknowledged: &[Acknowledged]) {
        let workers = self.slots.iter().filter(|slot| slot.part == Part::Worker);
        let dirs: Vec<_> = workers.map(|slot| slot.dir(&self.site)).collect();
        let mut found = checker::findings(&checker::Where {
            state_dirs: &dirs,
            flushed: true,
            postgres: Some(self.site.postgres.url()),
            redis: Some(self.site.redis.url()),
            acknowledged,
            ..checker::Where::new(self.site.kafka.bootstrap())
        });
        // Another worker may have got the task since, so that nobody has opened its stores, or they would be set aside.
        let is_left = |what: &str| self.damaged.iter().any(|task| what.starts_with(&format!("{}: ", task.display())));
        found.retain(|finding| finding.law != checker::Law::Readable || !is_left(&finding.what));
        found.iter().take(20).for_each(|finding| println!("{finding}"));
        assert!(found.is_empty(), "the checker has {} findings", found.len());
    }

    fn all_live(&mut self) {
        self.slots.iter_mut().filter(|slot| slot.is_filled()).for_each(|slot| _ = slot.server());
    }

    fn end(&mut self, parts: &[Part]) {
        self.slots.iter_mut().filter(|slot| parts.contains(&slot.part)).for_each(|slot| slot.stop());
    }

    fn boards_equal(&mut self, told: &crate::oracle::Log) {
        let Self { slots, token, projects, .. } = self;
        let api = slots.iter_mut().find(|slot| slot.part == Part::Api).unwrap();
        board::equals(api.server(), token, projects, told);
    }

    /// Each mail that is asked for has one result, and was taken if that says so; none was taken that nobody asked for. How many
    /// there are, and how many came again.
    fn mails_went(&self, broker: &dyn Broker) -> (usize, usize) {
        let (mails, results) = drained::mailed(broker);
        let taken: BTreeMap<String, usize> = self.site.post.taken();
        let taken = |id: Uuid| taken.get(&format!("<{id}@localhost.localdomain>")).copied().unwrap_or_default();
        let mut ended = BTreeSet::new();
        for result in &results {
            let id = result.mail_id();
            assert!(ended.insert(id), "mail {id} has two results");
            if let MailResult::MailSent(_) = result {
                assert!(taken(id) > 0, "mail {id} is said to be sent, but no one took it");
            }
        }
        let asked: BTreeSet<Uuid> = mails.iter().map(Mail::event_id).collect();
        assert_eq!(asked, ended, "mails and results");
        let copies: usize = asked.iter().map(|id| taken(*id)).sum();
        let all: usize = self.site.post.taken().values().sum();
        assert_eq!(copies, all, "mails that nobody asked for");
        (asked.len(), copies - asked.iter().filter(|id| taken(**id) > 0).count())
    }

    /// Each ticket of the project with a webhook was told, under one id, signed, and nothing else was. How many.
    fn deliveries_came(&self, broker: &dyn Broker) -> usize {
        let project = ids::project_id(&self.projects[0]);
        let events = drained::all(broker, TICKET_EVENTS, |value| TicketEvent::decode(value).unwrap()).unwrap();
        let created = events
            .iter()
            .filter(|event| event.project_id() == project && matches!(event, TicketEvent::TicketCreated(_)));
        let due: BTreeSet<String> =
            created.map(|event| ids::delivery_id(event.event_id(), self.hook).to_string()).collect();
        drained::delivered(&self.site, &self.site.broker(), &due);
        let other: Vec<String> = self.site.hooks.taken().into_keys().filter(|id| !due.contains(id)).collect();
        assert!(other.is_empty(), "deliveries of nothing: {other:?}");
        assert_eq!(self.site.hooks.forged(), 0, "posts with a wrong signature");
        due.len()
    }

    fn nobody_panicked(&mut self) {
        for slot in &mut self.slots {
            let panics: Vec<String> = slot.log().into_iter().filter(|line| line.contains("panicked at")).collect();
            assert!(panics.is_empty(), "{}: {panics:?}", slot.name);
        }
    }
}

/// The commands that lie in the log and must be decided: those of the simulation that were written, confirmed or not, and whatever the
/// API has written. Each confirmed one is there.
fn sent(broker: &dyn Broker, fed: &Fed) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut there: BTreeMap<Uuid, usize> = BTreeMap::new();
    for topic in [TICKET_COMMANDS, USER_COMMANDS] {
        for partition in 0..PARTITIONS {
            for record in read(broker, &TopicPartition::new(topic, partition)).unwrap() {
                let value = record.value.as_deref().unwrap_or_default();
                let id = if topic == TICKET_COMMANDS {
                    TicketCommand::decode(value).ok().map(|command| command.command_id())
                } else {
                    UserCommand::decode(value).ok().map(|command| command.command_id())
                };
                let Some(id) = id.filter(|id| !fed.undecidable.contains(id)) else { continue };
                *there.entry(id).or_default() += 1;
                let two_steps = fed.commands.get(&id).copied().unwrap_or_default();
                sent.push(Sent { id, epoch: 0, last: false, two_steps });
            }
        }
    }
    for (id, confirmed) in &fed.confirmed {
        let found = there.get(id).copied().unwrap_or_default();
        assert!(found >= *confirmed, "command {id} was confirmed {confirmed} times and is there {found} times");
    }
    sent
}
