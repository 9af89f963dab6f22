//! A Kafka of a test's own, commands for it, and workers on it.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use topology::broker::NewRecord;

use crate::PARTITIONS;
use crate::checker::{Finding, Law, Where, findings};
use crate::commands::Commands;
use crate::load::seed;
use crate::proxy::Proxy;
use crate::site::{Site, settings, wait_until_consumed};
use crate::support::{Home, Server};

/// How long something may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
/// How long a transaction may last, and a member may not be heard of: longer than a scene waits for anything on a busy machine.
const TRANSACTION: Duration = Duration::from_secs(120);
const SESSION: Duration = Duration::from_secs(30);
/// Less than a transaction may last.
pub(crate) const PROBE: Duration = Duration::from_secs(15);

/// A Kafka, and commands for it.
pub(crate) struct Scene {
    pub(crate) site: Site,
    pub(crate) proxy: Option<Proxy>,
    bug: Option<&'static str>,
    random: SmallRng,
    commands: Commands,
}

impl Scene {
    pub(crate) fn new(bug: Option<&'static str>) -> Self {
        Self::on(bug, Site::new(settings("classic")), None)
    }

    pub(crate) fn on(bug: Option<&'static str>, site: Site, proxy: Option<Proxy>) -> Self {
        let seed = seed();
        println!("{bug:?}, KILL_SEED={seed}");
        let mut random = SmallRng::seed_from_u64(seed);
        let commands = Commands::new(&mut random);
        Self { site, proxy, bug, random, commands }
    }

    pub(crate) fn spawn(&self, arguments: &[&str], more: &[(&str, &str)]) -> Server {
        let entrance = self.proxy.as_ref().map_or_else(|| self.site.kafka.bootstrap().to_owned(), Proxy::address);
        let arguments = [&["worker", "--kafka", &entrance], arguments].concat();
        let mut command = self.site.home.command(&arguments);
        command.envs(settings("classic")).env("SYNCROBOARD__KAFKA__PARTITIONS", PARTITIONS.to_string());
        command.env("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", TRANSACTION.as_millis().to_string());
        command.env("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", SESSION.as_millis().to_string());
        Home::spawn(command.envs(more.iter().copied()))
    }

    /// A worker as people run it.
    pub(crate) fn worker(&self) -> Server {
        let mut worker = self.spawn(&[], &[]);
        runs(&mut worker);
        worker
    }

    /// A worker with the bug, if there is one, and a point at which it stays.
    pub(crate) fn faulty(&self, arguments: &[&str], point: Option<&str>) -> Server {
        let bug = self.bug.map(|bug| ("SYNCROBOARD_INJECTED_BUG", bug));
        let point = point.map(|point| ("SYNCROBOARD_KILL_POINT", point));
        self.spawn(arguments, &bug.into_iter().chain(point).collect::<Vec<_>>())
    }

    /// Sends so many of the simulation's commands.
    pub(crate) fn send(&mut self, count: usize) {
        let (told, written) = channel();
        let producer = self.site.broker().producer().unwrap();
        let mut sent = 0;
        for _ in 0..count {
            let message = self.commands.next(&mut self.random);
            let (key, value, headers) = (message.key.as_deref(), message.value.as_deref(), &message.headers);
            let record = NewRecord { timestamp: 0, key, value, headers };
            let told = told.clone();
            // Kafka takes less than the simulation's log.
            let delivery = Box::new(move |result| drop(told.send(result)));
            sent += usize::from(producer.send(&message.partition, record, delivery).is_ok());
        }
        for _ in 0..sent {
            written.recv_timeout(PATIENCE).unwrap().unwrap();
        }
    }

    pub(crate) fn is_consumed(&self) {
        wait_until_consumed(&*self.site.broker());
    }

    /// What is wrong while something is still to be done.
    pub(crate) fn midway(&self) -> Vec<Finding> {
        self.found(|at| at.at_rest = false)
    }

    /// What is wrong in the end.
    pub(crate) fn in_the_end(&self) -> Vec<Finding> {
        self.found(|at| (at.flushed, at.probe) = (true, Some(PROBE)))
    }

    pub(crate) fn found(&self, set: impl FnOnce(&mut Where<'_>)) -> Vec<Finding> {
        let dirs = [self.site.home.data().join("workers")];
        let mut at = Where { state_dirs: &dirs, ..Where::new(self.site.kafka.bootstrap()) };
        set(&mut at);
        let begun = Instant::now();
        let found = findings(&at);
        println!("{:?}: {} findings in {:?}", self.bug, found.len(), begun.elapsed());
        found.iter().take(12).for_each(|finding| println!("  {finding}"));
        found
    }

    /// With a history, and commands that nobody has read.
    pub(crate) fn prepared(&mut self) {
        let mut worker = self.worker();
        self.send(400);
        self.is_consumed();
        worker.stop();
        self.send(150);
    }

    /// Kills a worker with SIGKILL where it stays.
    pub(crate) fn killed(&self, point: &str, meanwhile: impl FnOnce(&Self)) {
        let mut held = self.faulty(&[], Some(point));
        assert!(held.says("state=HELD", PATIENCE), "it does not get there");
        meanwhile(self);
        held.kill();
    }

    /// All is done by a worker without the bug.
    pub(crate) fn finished(&self) -> Vec<Finding> {
        let mut worker = self.worker();
        self.is_consumed();
        worker.stop();
        self.in_the_end()
    }
}

/// A busy machine may need its time.
pub(crate) fn runs(server: &mut Server) {
    assert!(server.says("state=RUNNING", PATIENCE), "it does not run: {:?}", server.logged());
}

pub(crate) fn finds(found: &[Finding], law: Law) {
    assert!(found.iter().any(|finding| finding.law == law), "{law:?}: {found:?}");
}

pub(crate) fn finds_nothing(found: &[Finding]) {
    assert!(found.is_empty(), "{} findings: {:#?}", found.len(), &found[..found.len().min(12)]);
}

pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
    }
}
