//! Disks without room, and a directory that cannot be written: the server says so and ends, and with room again it goes on where it was.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;

use crate::board;
use crate::small_disk::SmallDisk;
use crate::stop::Scene;
use crate::storm::sound;
use crate::support::{Home, text};

/// How long a server may take to find out, and to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A part of the data directory lies on a small disk, while the others have room. The log has room for the next megabytes set apart, so it
/// takes many tickets to fill it; what is committed goes into memory for the stores, which meet the disk when they are stopped.
#[rstest]
#[case::log(&[("data/log", true)], 12_000, false)]
#[case::stores(&[("data/state", true)], 4_000, true)]
#[case::read_model(&[("data", true), ("data/log", false), ("data/state", false)], 4_000, false)]
fn should_end_when_a_disk_is_full_and_go_on_where_it_was_when_there_is_room(
    #[case] places: &[(&str, bool)],
    #[case] tickets: usize,
    #[case] is_stopped: bool,
) {
    let (home, disk, room) = (Home::new(), SmallDisk::new(256), tempfile::tempdir().unwrap());
    for (place, on_disk) in places {
        let (path, target) = (home.path().join(place), if *on_disk { disk.path() } else { room.path() });
        let target = target.join(place.replace('/', "-"));
        std::fs::create_dir_all(&target).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }
    let Scene { home, mut server, token, projects, mut load } = Scene::at(home, tickets);
    load.wait_for(500);
    disk.fill();
    if is_stopped {
        server.terminate();
    }
    let ended = server.wait_until_ended(PATIENCE);
    let said = server.logged().join("\n");
    assert_eq!(ended.code(), Some(3), "{said}");
    assert!(said.contains("No space left on device") || said.contains("disk is full"), "{said}");
    load.server_is_gone();
    assert!(load.acknowledged() < tickets, "all was done before the disk was full");
    disk.empty();
    server = home.start();
    load.server_is_at(&server.url);
    let acknowledged = load.finish();
    server.stop();
    drop(server);
    let log = sound(&home, &acknowledged, tickets);
    let verified = home.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    board::equals(&home.start(), &token, &projects, &log);
}

/// Root may write everywhere, but for where nobody can.
#[test]
fn should_say_that_the_data_directory_cannot_be_written() {
    let (home, file) = (Home::new(), Home::new());
    let taken = file.file("data", b"no directory");
    for (place, why) in
        [(taken.as_path(), "File exists"), (Path::new("/proc/syncroboard"), "No such file or directory")]
    {
        let output = home.run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", &place.display().to_string()]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&place.display().to_string()), "{said}");
        assert!(said.contains(why) || said.contains("Not a directory"), "{said}");
    }
}
