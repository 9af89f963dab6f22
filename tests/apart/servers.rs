//! Postgres and Redis go away in each way that there is, and meanwhile processes are killed.

use crate::load::{ENDLESS, seed};
use crate::site::{Parts, Scene, Site, wait_until};
use crate::support::services::Own;

/// How a server goes away and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// In order.
    Stopped,
    Killed,
    /// Connections stay, and nothing is answered.
    Frozen,
}

impl Absence {
    const ALL: [Self; 3] = [Self::Stopped, Self::Killed, Self::Frozen];

    fn begin(self, server: &Own) {
        match self {
            Self::Stopped => server.stop(),
            Self::Killed => server.kill(),
            Self::Frozen => server.signal("STOP"),
        }
    }

    fn end(self, server: &Own) {
        match self {
            Self::Stopped | Self::Killed => server.start(),
            Self::Frozen => server.signal("CONT"),
        }
    }
}

/// Others take the places of a worker and of a sink.
fn kill_a_worker_and_a_sink(site: &Site, parts: &mut Parts) {
    parts.worker.kill();
    parts.worker = site.launch(&["worker"]);
    parts.worker.wait_until_running();
    parts.sinks[0].kill();
    parts.sinks[0] = site.launch(&["sink"]);
}

#[test]
fn should_write_each_event_once_whatever_becomes_of_postgres_while_a_worker_and_a_sink_are_killed() {
    let site = Site::new();
    let mut parts = site.start();
    let mut scene = Scene::new(&site, &parts, ENDLESS, seed());
    for absence in Absence::ALL {
        scene.goes_on(300);
        assert!(scene.load.in_flight() > 0);
        absence.begin(&site.postgres);
        // It holds partitions: the two share them.
        let said = parts.sinks[1].wait_for_log("the sink tries again");
        println!("{absence:?}: {said}");
        kill_a_worker_and_a_sink(&site, &mut parts);
        absence.end(&site.postgres);
        parts.sinks[0].wait_until_running();
        wait_until(&parts.apis[0], 200);
    }
    scene.goes_on(300);
    site.is_whole(&parts.apis[0], scene);
}

#[test]
fn should_show_no_stale_board_whatever_becomes_of_redis_while_a_worker_and_a_sink_are_killed() {
    let site = Site::new();
    let mut parts = site.start();
    let mut scene = Scene::new(&site, &parts, ENDLESS, seed());
    for absence in Absence::ALL {
        scene.goes_on(300);
        assert!(scene.load.in_flight() > 0);
        absence.begin(&site.redis);
        let said = parts.sinks[1].wait_for_log("redis does not answer: going on without it");
        println!("{absence:?}: {said}");
        kill_a_worker_and_a_sink(&site, &mut parts);
        // Nobody waits for Redis.
        scene.goes_on(100);
        absence.end(&site.redis);
        parts.sinks[1].wait_for_log("redis answers again");
        parts.sinks[0].wait_until_running();
    }
    scene.goes_on(300);
    site.is_whole(&parts.apis[0], scene);
}
