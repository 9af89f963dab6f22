//! A site at work: its processes in their slots, its clients, and what is done to them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::feeder::Feeder;
use crate::kinds::{Kind, Part};
use crate::load::{Load, Plan};
use crate::pace::{last, pause};
use crate::site::{Shape, Site};
use crate::slot::Slot;
use crate::support::http;
use crate::tally::Tally;

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Between two tickets of the 32 clients.
const PACE: Duration = Duration::from_millis(25);
/// What must be done in a quiet period before the next fault.
const PROGRESS: usize = 60;

pub(crate) struct Rig {
    pub(crate) site: Site,
    pub(crate) slots: Vec<Slot>,
    /// Until they have ended.
    pub(crate) load: Option<Load>,
    pub(crate) feeder: Option<Feeder>,
    pub(crate) random: SmallRng,
    pub(crate) tally: Tally,
    pub(crate) token: String,
    /// The clients' projects.
    pub(crate) projects: Vec<String>,
    pub(crate) hook: Uuid,
    /// Tasks whose stores were damaged.
    pub(crate) damaged: BTreeSet<PathBuf>,
    /// Faults so far, for names.
    pub(crate) faults: usize,
    begun: Instant,
}

impl Rig {
    /// Starts everything, and lets the clients loose.
    pub(crate) fn start(shape: Shape, seed: u64) -> Self {
        let begun = Instant::now();
        let site = Site::new(shape);
        let names = [
            (Part::Worker, "w0"),
            (Part::Worker, "w1"),
            (Part::Worker, "w2"),
            (Part::Sink, "s0"),
            (Part::Sink, "s1"),
            (Part::Api, "a0"),
            (Part::Mailer, "m0"),
            (Part::Webhooks, "h0"),
        ];
        let mut slots: Vec<Slot> = names.iter().map(|(part, name)| Slot::new(*part, name)).collect();
        // Webhooks are known before who tells them begins.
        let (first, last) = slots.split_at_mut(6);
        // The first one makes the topics.
        first[0].start(&site);
        assert!(first[0].runs(PATIENCE), "no worker starts");
        first[1..].iter_mut().for_each(|slot| slot.start(&site));
        assert!(first.iter_mut().all(|slot| slot.runs(PATIENCE)), "not all start");
        let token = site.token();
        let projects: Vec<String> = (0..20).map(|n| format!("P{n:03}")).collect();
        wait_until_ready(&site);
        projects.iter().for_each(|key| make_project(&site, &token, key));
        let hook = make_hook(&site, &token, &projects[0]);
        last.iter_mut().for_each(|slot| slot.start(&site));
        assert!(last.iter_mut().all(|slot| slot.runs(PATIENCE)), "not all start");
        let plan = Plan { projects: projects.clone(), tickets: 0, clients: 32, seed };
        let load = Load::endless(plan, token.clone(), PACE);
        load.server_is_at(&site.url());
        let feeder = Feeder::start(site.broker(), seed);
        let random = SmallRng::seed_from_u64(seed);
        let mut rig = Self {
            site,
            slots,
            load: Some(load),
            feeder: Some(feeder),
            random,
            tally: Tally::default(),
            token,
            projects,
            hook,
            damaged: BTreeSet::new(),
            faults: 0,
            begun,
        };
        rig.progresses();
        rig.says(&format!("{}: all at work", rig.site.shape));
        rig
    }

    /// Commands of the clients that were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.load.as_ref().map_or(0, Load::acknowledged)
    }

    /// Records of the simulation's commands that the broker has confirmed.
    fn confirmed(&self) -> usize {
        self.feeder.as_ref().map_or(0, Feeder::confirmed)
    }

    pub(crate) fn says(&self, what: &str) {
        println!("{:6.1} s  {what}", self.begun.elapsed().as_secs_f64());
    }

    /// One fault, counted if it takes effect; then a while without any.
    pub(crate) fn inflict(&mut self, kind: Kind) {
        self.faults += 1;
        let name = kind.to_string();
        self.tally.drawn(&name);
        let begun = Instant::now();
        let effective = self.happens(kind);
        if effective {
            self.tally.took_effect(&name);
        }
        let acknowledged = self.acknowledged();
        let no = if effective { "" } else { "WITHOUT EFFECT: " };
        self.says(&format!("{no}{name} ({:.1} s; {acknowledged} acknowledged)", begun.elapsed().as_secs_f64()));
        // One request is soon forgotten; a process that was killed should get somewhere before the next fault.
        let most = if matches!(kind, Kind::Request(..)) { 300 } else { 1_500 };
        match self.random.random_range(0..100) {
            // Everyone comes back, and work is done.
            0..10 => self.progresses(),
            10..80 => pause(&mut self.random, 50..most),
            _ => {}
        }
    }

    fn happens(&mut self, kind: Kind) -> bool {
        match kind {
            Kind::Killed(part) => {
                let victim = self.one_of(part);
                self.kill(victim) && {
                    self.comes_back(victim);
                    true
                }
            }
            Kind::KilledTwice => self.kill_twice(),
            Kind::AllWorkersKilled => self.kill_all_workers(),
            Kind::HeldAndKilled(part) => self.hold_and_kill(part),
            Kind::StoppedInOrder => self.stop_in_order(),
            Kind::Scaled => self.scale(),
            Kind::Frozen => self.freeze(),
            Kind::Twin => self.twin(),
            Kind::Damaged => self.damage(),
            Kind::Request(api, wire) => self.request(api, wire),
            Kind::LateEnd => self.late_end(),
            Kind::ConnectionsCut => self.cut_connections(),
            Kind::KafkaFrozen => self.freeze_kafka(),
            Kind::Server(side, away) => self.take_away(side, away),
            Kind::ReceiverRefuses | Kind::ReceiverSilent => self.spoil_receiver(kind),
            Kind::Broker(away) => self.take_broker_away(away),
        }
    }

    /// The number of a slot with a process of this part, at random.
    pub(crate) fn one_of(&mut self, part: Part) -> usize {
        let of_it: Vec<usize> =
            (0..self.slots.len()).filter(|n| self.slots[*n].part == part && self.slots[*n].is_filled()).collect();
        *of_it.choose(&mut self.random).unwrap()
    }

    /// The number of a worker that has been given tasks since it was started, at random; of any if none has. There may be more threads
    /// than partitions.
    pub(crate) fn busy_worker(&mut self) -> usize {
        let mut busy = self.workers();
        busy.retain(|n| self.slots[*n].has_logged("running task=", 0));
        busy.choose(&mut self.random).copied().unwrap_or_else(|| self.one_of(Part::Worker))
    }

    /// SIGKILL; whether it ended by that.
    pub(crate) fn kill(&mut self, victim: usize) -> bool {
        self.tally.killed(self.slots[victim].part.command());
        self.slots[victim].kill()
    }

    /// Before anyone misses it, or after its partitions have moved.
    pub(crate) fn comes_back(&mut self, victim: usize) {
        if self.random.random_bool(0.15) {
            pause(&mut self.random, 500..5_000);
        }
        self.slots[victim].start(&self.site);
    }

    /// Waits until every process runs, and clients and the simulation's commands get on: nothing that was done to them goes on.
    pub(crate) fn progresses(&mut self) {
        self.all_run();
        let (mut load, mut fed) = (self.acknowledged(), self.confirmed());
        (load, fed) = (load + PROGRESS, fed + PROGRESS / 2);
        let end = Instant::now() + PATIENCE;
        while self.acknowledged() < load || self.confirmed() < fed {
            let (now, then) = (self.acknowledged(), self.confirmed());
            assert!(Instant::now() < end, "no progress though all is well: {now} of {load}, {then} of {fed}");
            last(Duration::from_millis(20));
        }
    }

    pub(crate) fn all_run(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.is_filled()) {
            let runs = slot.runs(PATIENCE);
            assert!(runs, "{}", slot.why("does not start"));
        }
    }
}

/// Waits until the API says that it has all it needs.
pub(crate) fn wait_until_ready(site: &Site) {
    let end = Instant::now() + PATIENCE;
    let ready =
        || http().get(format!("{}/readyz", site.url())).send().is_ok_and(|answer| answer.status().as_u16() == 200);
    while !ready() {
        assert!(Instant::now() < end, "the API is not ready");
        last(Duration::from_millis(50));
    }
}

/// Makes a project, which can be read then.
fn make_project(site: &Site, token: &str, key: &str) {
    let request = || {
        let request = http().post(format!("{}/projects", site.url())).bearer_auth(token);
        request.header("idempotency-key", key).json(&json!({ "key": key, "name": key }))
    };
    until_made(request);
}

/// One that is told of the tickets of a project.
fn make_hook(site: &Site, token: &str, project: &str) -> Uuid {
    let body = json!({ "url": site.hooks.url, "kinds": ["ticket.created"] });
    let made = until_made(|| {
        http().post(format!("{}/projects/{project}/webhooks", site.url())).bearer_auth(token).json(&body)
    });
    site.hooks.knows(made["secret"].as_str().unwrap());
    made["id"].as_str().unwrap().parse().unwrap()
}

/// Asks until it is made: on a busy machine what is needed for it may be late.
fn until_made(request: impl Fn() -> RequestBuilder) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = request().send().unwrap();
        let (status, body) = (answer.status().as_u16(), answer.text().unwrap());
        if status == 201 {
            return serde_json::from_str(&body).unwrap();
        }
        assert!([202, 409, 503].contains(&status) && Instant::now() < end, "{status}: {body}");
        last(Duration::from_millis(100));
    }
}
