//! What becomes of a worker whose stores are damaged while it is down, or whose disk is full.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use processors::{PipelineConfig, pipeline};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use topology::{Inspection, StreamsConfig};

use crate::damage::{Damage, damage, set_aside};
use crate::load::{ENDLESS, seed};
use crate::records::store_names;
use crate::site::{Scene, Site, settings, settings_for_three};
use crate::small_disk::SmallDisk;

/// How long a worker may take to meet the end of its disk.
const NOTICED: Duration = Duration::from_secs(120);

/// What the stores of an instance hold, and the changelogs add, store by store. A key may stand in several partitions: the probe
/// that shows that no transaction hangs does.
fn held(site: &Site, instance: &Path) -> BTreeMap<&'static str, Vec<(Vec<u8>, Vec<u8>)>> {
    let topology = pipeline(&PipelineConfig::default()).unwrap();
    let broker = site.broker();
    let inspection = Inspection::open(&topology, &StreamsConfig::new("syncroboard", instance), &*broker).unwrap();
    let entries = |name| {
        let mut entries = Vec::new();
        inspection.entries(name, &mut |key, value| entries.push((key.to_vec(), value.to_vec()))).unwrap();
        entries.sort_unstable();
        (name, entries)
    };
    store_names().map(entries).collect()
}

/// Each instance's stores are what their changelogs say.
fn equal_their_changelogs(site: &Site, instances: &[&Path]) {
    let restored = held(site, &site.home.path().join("restored"));
    assert!(restored.values().filter(|entries| !entries.is_empty()).count() > 5);
    for instance in instances {
        assert!(held(site, instance) == restored, "{} is not what its changelogs say", instance.display());
    }
}

#[test]
fn should_restore_what_was_damaged_of_a_killed_workers_stores_under_load() {
    let seed = seed();
    println!("KILL_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let site = Site::new(settings("classic"));
    let server = site.dev();
    let start = || site.worker(&["--instance", "struck", "--state-dir", "struck"]);
    let mut worker = start();
    worker.wait_until_running();
    site.wait_for_members(2);
    let instance = site.home.path().join("struck/struck");
    let kinds = Damage::ALL;
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed);
    scene.goes_on(300);
    let mut in_flight = 0;
    for kind in kinds {
        if kind.needs_tables() {
            worker.stop();
            worker = start();
            worker.wait_until_running();
        }
        scene.goes_on(100);
        in_flight += usize::from(scene.load.in_flight() > 0);
        worker.kill();
        let before = set_aside(&instance).len();
        let (_, what) = damage(&instance, kind, &mut random).unwrap();
        println!("{what}");
        worker = start();
        if kind.is_found() {
            println!("  {}", worker.wait_for_log("state set aside and restored from its changelogs"));
        }
        worker.wait_until_running();
        let aside = set_aside(&instance).len() - before;
        println!("  {aside} set aside");
        assert!(aside > 0 || !kind.is_found(), "{kind:?} was not found");
    }
    assert!(in_flight > kinds.len() / 2, "{in_flight} of {} kills came while requests were in flight", kinds.len());
    scene.goes_on(100);
    worker.stop();
    let of_the_server = site.home.data().join("workers");
    let of_the_server = std::fs::read_dir(of_the_server).unwrap().next().unwrap().unwrap().path();
    site.is_whole(server, scene);
    equal_their_changelogs(&site, &[&instance, &of_the_server]);
}

/// What is committed goes into memory, as the changelog has it already; the disk is met when that is full, or handed over.
#[test]
fn should_stop_at_a_full_disk_and_go_on_where_it_was_when_there_is_room() {
    let (site, disk) = (Site::new(settings_for_three("classic")), SmallDisk::new(256));
    let server = site.dev();
    let start = || site.worker(&["--instance", "small", "--state-dir", disk.path().to_str().unwrap()]);
    let mut worker = start();
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    assert!(scene.load.in_flight() > 0);
    disk.fill();
    scene.goes_on(100);
    let mut third = site.worker(&["--instance", "third"]);
    third.wait_until_running();
    // What was committed is in memory; when it ends it is to be written.
    worker.terminate();
    let ended = worker.wait_until_ended(NOTICED);
    let said = worker.logged().join("\n");
    assert_eq!(ended.code(), Some(3), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    // The others take everything over, and go on.
    site.wait_for_members(2);
    scene.goes_on(200);
    // What it had begun to write is given up when it ends or starts: that is room again.
    disk.fill();
    let mut on_a_full_disk = start();
    assert_eq!(on_a_full_disk.wait_until_ended(NOTICED).code(), Some(3));
    let said = on_a_full_disk.logged().join("\n");
    assert!(said.contains("No space left on device"), "{said}");
    disk.empty();
    let mut worker = start();
    worker.wait_until_running();
    site.wait_for_members(3);
    scene.goes_on(200);
    worker.stop();
    third.stop();
    site.is_whole(server, scene);
    // Where there is room for what the others had, too.
    let copy = site.home.path().join("small");
    let copied = Command::new("cp").arg("-r").arg(disk.path().join("small")).arg(&copy).status().unwrap();
    assert!(copied.success());
    equal_their_changelogs(&site, &[&copy]);
}
