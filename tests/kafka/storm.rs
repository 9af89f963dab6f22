//! Processes killed at random moments.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::load::seed;
use crate::site::{Scene, Settings, Site, settings, settings_for_three};
use crate::support::Server;

/// Kills `kills` times one of `workers` workers or the server, which is a worker too, and starts it again.
fn hold_through(settings: Settings, workers: usize, kills: usize, tickets: usize) {
    let seed = seed();
    println!("KILL_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let site = Site::new(settings);
    let mut server = site.dev();
    let mut others: Vec<Server> = (0..workers).map(|_| site.worker(&[])).collect();
    others.iter_mut().for_each(Server::wait_until_running);
    site.wait_for_members(workers + 1);
    let mut scene = Scene::new(&site, &server, 40, tickets, seed);
    let mut hits = 0;
    let span = tickets * 9 / 10 / kills;
    for kill in 0..kills {
        scene.load.wait_for(kill * span + random.random_range(0..span));
        // Nothing is waited for here: any moment will do, and this one is random.
        std::thread::sleep(Duration::from_micros(random.random_range(0..40_000)));
        hits += usize::from(scene.load.in_flight() > 0);
        match random.random_range(0..=workers) {
            0 => {
                server.kill();
                scene.load.server_is_gone();
                server = site.dev();
                scene.load.server_is_at(&server.url);
            }
            n => {
                others[n - 1].kill();
                // Back before anyone misses it, or after its partitions have moved.
                std::thread::sleep(Duration::from_millis(random.random_range(0..4_000)));
                others[n - 1] = site.worker(&[]);
            }
        }
    }
    // How many depends on how fast the machine is: the load goes on while a killed worker is not back yet.
    println!("{hits} of {kills} kills came while requests were in flight");
    assert!(hits >= 1, "no kill came while requests were in flight");
    scene.load.wait_for(tickets);
    // The others may have done all of it before the last one was there.
    others.iter_mut().for_each(Server::stop_once_running);
    site.is_whole(server, scene);
}

#[test]
fn should_number_without_gaps_through_kills_of_the_only_worker() {
    hold_through(settings("classic"), 0, 6, 2_500);
}

#[test]
fn should_number_without_gaps_through_kills_of_three_workers() {
    hold_through(settings_for_three("classic"), 2, 8, 3_000);
}

#[test]
fn should_number_without_gaps_through_kills_of_three_workers_whom_the_server_assigns() {
    hold_through(settings_for_three("consumer"), 2, 8, 3_000);
}

#[test]
fn should_number_without_gaps_through_kills_of_workers_with_several_threads() {
    let mut settings = settings("classic");
    settings.insert("SYNCROBOARD__WORKER__THREADS", "2".to_owned());
    settings.insert("SYNCROBOARD__KAFKA__PARTITIONS", "4".to_owned());
    settings.insert("SYNCROBOARD__KAFKA__STATIC_MEMBERSHIP", "false".to_owned());
    hold_through(settings, 1, 6, 2_500);
}
