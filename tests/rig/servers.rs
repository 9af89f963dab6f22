//! What happens to the servers below the processes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rand::Rng;

use crate::hooks::Mood;
use crate::kinds::{Away, Kind, Part, Side};
use crate::pace::{last, pause};
use crate::rig::{PATIENCE, Rig};
use crate::support::services::kafka_tool;

/// How long it may take until somebody notices.
const NOTICED: Duration = Duration::from_secs(20);
/// How long a server that lives may take to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// Postgres: is there TLS?
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
/// Kafka: which versions of what? Of a client without a name, in the first version.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

/// Whether who listens there says something to this.
fn answers(address: &str, hello: &[u8]) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let asked = stream.set_read_timeout(Some(ANSWER)).and_then(|()| stream.write_all(hello));
    asked.is_ok() && stream.read(&mut [0]).is_ok_and(|read| read > 0)
}

impl Rig {
    /// A worker and a sink are killed while it is away. Whether it was, when they were.
    pub(crate) fn take_away(&mut self, side: Side, away: Away) -> bool {
        self.go(side, away);
        pause(&mut self.random, 0..500);
        for part in [Part::Worker, Part::Sink] {
            let victim = self.one_of(part);
            self.kill(victim);
            self.slots[victim].start(&self.site);
        }
        let gone = !self.side_answers(side);
        pause(&mut self.random, 500..4_000);
        self.come(side, away);
        let end = Instant::now() + PATIENCE;
        while !self.side_answers(side) {
            assert!(Instant::now() < end, "{side:?} does not answer again");
            last(Duration::from_millis(50));
        }
        gone
    }

    fn go(&mut self, side: Side, away: Away) {
        if away == Away::Killed {
            self.tally.killed(&format!("{side:?}"));
        }
        let site = &mut self.site;
        match (side, away) {
            (Side::Postgres, Away::Killed) => site.postgres.kill(),
            (Side::Postgres, Away::Stopped) => site.postgres.stop(),
            (Side::Postgres, Away::Frozen) => site.postgres.signal("STOP"),
            (Side::Redis, Away::Killed) => site.redis.kill(),
            (Side::Redis, Away::Stopped) => site.redis.stop(),
            (Side::Redis, Away::Frozen) => site.redis.signal("STOP"),
            (Side::Mail, Away::Killed) => site.post.kill(),
            (Side::Mail, Away::Stopped) => site.post.stop(),
            (Side::Mail, Away::Frozen) => site.post.signal("STOP"),
        }
    }

    fn come(&mut self, side: Side, away: Away) {
        let site = &mut self.site;
        match (side, away) {
            (Side::Postgres, Away::Frozen) => site.postgres.signal("CONT"),
            (Side::Postgres, _) => site.postgres.start(),
            (Side::Redis, Away::Frozen) => site.redis.signal("CONT"),
            (Side::Redis, _) => site.redis.start(),
            (Side::Mail, Away::Frozen) => site.post.signal("CONT"),
            (Side::Mail, _) => site.post.start_again(),
        }
    }

    fn side_answers(&self, side: Side) -> bool {
        let place = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            host.split('/').next().unwrap_or_default().to_owned()
        };
        match side {
            Side::Postgres => answers(&place(self.site.postgres.url()), &SSL_REQUEST),
            Side::Redis => answers(&place(self.site.redis.url()), b"PING\r\n"),
            // It speaks first.
            Side::Mail => answers(&self.site.post.address(), b""),
        }
    }

    /// Until a worker has missed it, so for longer than sessions last.
    pub(crate) fn freeze_kafka(&mut self) -> bool {
        self.progresses();
        let marks: Vec<usize> = self.slots.iter_mut().map(crate::slot::Slot::mark).collect();
        self.site.kafka.signal("STOP");
        let silent = !answers(self.site.kafka.bootstrap(), &API_VERSIONS);
        let begun = Instant::now();
        let mut missed = false;
        while !missed && begun.elapsed() < NOTICED {
            missed = self.slots.iter_mut().zip(&marks).any(|(slot, mark)| {
                slot.part == Part::Worker
                    && ["timed out", "SESSTMOUT", "lost"].iter().any(|word| slot.has_logged(word, *mark))
            });
            last(Duration::from_millis(20));
        }
        last((self.site.shape.session() + Duration::from_secs(1)).saturating_sub(begun.elapsed()));
        self.site.kafka.signal("CONT");
        silent && missed
    }

    pub(crate) fn spoil_receiver(&mut self, kind: Kind) -> bool {
        let before = self.site.hooks.turned_away();
        self.site.hooks.is(if kind == Kind::ReceiverSilent { Mood::Silent } else { Mood::Refuses });
        let victim = self.one_of(Part::Webhooks);
        self.kill(victim);
        self.slots[victim].start(&self.site);
        let end = Instant::now() + NOTICED;
        while self.site.hooks.turned_away() == before && Instant::now() < end {
            last(Duration::from_millis(20));
        }
        pause(&mut self.random, 0..2_000);
        self.site.hooks.is(Mood::Takes);
        self.site.hooks.turned_away() > before
    }

    /// One of those that are not the controller; processes are killed until it comes back, and work is done without it.
    pub(crate) fn take_broker_away(&mut self, away: Away) -> bool {
        self.wait_for_replicas();
        self.progresses();
        let which = self.random.random_range(0..self.site.others.len());
        let before = self.acknowledged();
        match away {
            Away::Killed => {
                self.tally.killed("broker");
                self.site.others[which].kill();
            }
            Away::Stopped => self.site.others[which].stop(),
            Away::Frozen => self.site.others[which].signal("STOP"),
        }
        for part in [Part::Worker, Part::Worker, Part::Sink, Part::Worker] {
            pause(&mut self.random, 0..1_500);
            let victim = self.one_of(part);
            self.kill(victim);
            self.slots[victim].start(&self.site);
        }
        let gone = !answers(self.site.others[which].bootstrap(), &API_VERSIONS);
        let end = Instant::now() + PATIENCE;
        while self.acknowledged() < before + 50 {
            assert!(Instant::now() < end, "nothing is done without one of three brokers");
            last(Duration::from_millis(20));
        }
        match away {
            Away::Frozen => self.site.others[which].signal("CONT"),
            _ => self.site.others[which].start(),
        }
        gone
    }

    /// Until every replica of every partition is in sync: who takes a broker away before takes a majority away.
    fn wait_for_replicas(&mut self) {
        let missing =
            ["--bootstrap-server", self.site.kafka.bootstrap(), "--describe", "--under-replicated-partitions"];
        let end = Instant::now() + PATIENCE;
        loop {
            let said = kafka_tool("org.apache.kafka.tools.TopicCommand", &missing, "");
            if said.trim().is_empty() {
                return;
            }
            assert!(Instant::now() < end, "these do not get into sync:\n{said}");
        }
    }
}
