//! Rounds of faults, each on a site of its own from a seed of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::deck::Deck;
use crate::kinds::Kind;
use crate::report::{Round, report};
use crate::rig::Rig;
use crate::site::Shape;
use crate::tally::Tally;

/// How long faults go on in a round, if there is time for many.
const ROUND: Duration = Duration::from_mins(5);
/// The share of the first one, which has more kinds, if there is time for two.
const FIRST: f64 = 0.64;
/// How often a kind without effect is tried again at the end of a round.
const AGAIN: usize = 3;
/// So many findings are enough.
const FINDINGS: usize = 3;
/// Seeds of one run are next to one another, and the first one has what all kinds of faults need.
const SEEDS: u64 = 64;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let given = std::env::var(name).ok().filter(|given| !given.is_empty());
    given.map(|given| given.parse().unwrap_or_else(|_| panic!("{name}={given} is not what it should be")))
}

/// How one round's workers run, by its seed: sites take turns.
fn shape(seed: u64) -> Shape {
    Shape::draw(!seed.is_multiple_of(2), seed % SEEDS == 0, &mut SmallRng::seed_from_u64(seed))
}

#[test]
fn should_hold_through_faults_at_random() {
    let begun = Instant::now();
    let time = Duration::from_secs(setting("RIG_SECONDS").unwrap_or(240));
    let kills: usize = setting("RIG_KILLS").unwrap_or(usize::MAX);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let first: u64 = setting("RIG_SEED").unwrap_or(now * SEEDS);
    let (mut tally, mut rounds, mut decks) = (Tally::default(), Vec::new(), [Deck::default(), Deck::default()]);
    for seed in first.. {
        let shape = shape(seed);
        let left = time.saturating_sub(begun.elapsed());
        let share = if time < 2 * ROUND && !shape.cluster { time.mul_f64(FIRST) } else { ROUND };
        let until = Instant::now() + share.min(left);
        println!("RIG_SEED={seed}");
        let deck = &mut decks[usize::from(shape.cluster)];
        let before = tally.kills();
        let round = round(seed, shape, deck, &mut tally, |tally| Instant::now() < until && tally.kills() < kills);
        let round = Round { kills: tally.kills() - before, ..round };
        println!("RIG_SEED={seed}: {:?}", round.result);
        rounds.push(round);
        let text = report(&rounds, &tally, begun.elapsed());
        if let Some(path) = setting::<PathBuf>("RIG_REPORT") {
            path.parent().into_iter().for_each(|dir| std::fs::create_dir_all(dir).unwrap());
            std::fs::write(path, &text).unwrap();
        }
        let found = rounds.iter().filter(|round| round.result.is_err()).count();
        let enough = begun.elapsed() >= time || tally.kills() >= kills;
        if enough || found >= FINDINGS {
            println!("{text}");
            break;
        }
    }
    let findings: Vec<_> = rounds.iter().filter_map(|r| Some((r.seed, r.result.as_ref().err()?))).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(tally.without_effect(), Vec::<&str>::new(), "kinds of faults that were drawn and never took effect");
}

fn round(seed: u64, shape: Shape, deck: &mut Deck, tally: &mut Tally, goes_on: impl Fn(&Tally) -> bool) -> Round {
    let begun = Instant::now();
    let kinds = if shape.cluster { Kind::clustered } else { Kind::proxied }(shape.tells_twins());
    let mut faults = 0;
    let result = catch(|| Rig::start(shape, seed)).and_then(|mut rig| {
        rig.tally = std::mem::take(tally);
        let result = catch(|| {
            let mut fresh = deck.shuffled(&kinds, &mut rig.random);
            while goes_on(&rig.tally) {
                let kind = deck.next(&mut fresh, &kinds, &mut rig.random);
                rig.inflict(kind);
            }
            for _ in 0..AGAIN {
                let again = |(kind, _): &&(Kind, u32)| rig.tally.without_effect().contains(&kind.to_string().as_str());
                let again: Vec<Kind> = kinds.iter().filter(again).map(|(kind, _)| *kind).collect();
                again.into_iter().for_each(|kind| rig.inflict(kind));
            }
            rig.is_whole()
        });
        (*tally, faults) = (std::mem::take(&mut rig.tally), rig.faults);
        if result.is_err() {
            keep(&mut rig, seed);
        }
        result
    });
    Round { seed, shape, faults, kills: 0, took: begun.elapsed(), result }
}

/// What was said by whoever failed.
fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let said = |why: Box<dyn Any + Send>| match why.downcast::<String>() {
        Ok(text) => *text,
        Err(why) => why.downcast_ref::<&str>().map_or_else(|| "?".to_owned(), |text| (*text).to_owned()),
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(said)
}

/// Keeps what all processes have logged, and Kafka's data, for whoever looks for the cause.
fn keep(rig: &mut Rig, seed: u64) {
    let dir = setting::<PathBuf>("RIG_KEEP")
        .unwrap_or_else(|| std::env::temp_dir().join("syncroboard-rig"))
        .join(seed.to_string());
    std::fs::create_dir_all(&dir).unwrap();
    for slot in &mut rig.slots {
        std::fs::write(dir.join(format!("{}.log", slot.name)), slot.log().join("\n")).unwrap();
    }
    let copy = |from: &Path, to: &str| drop(Command::new("cp").arg("-r").arg(from).arg(dir.join(to)).status());
    copy(rig.site.kafka.dir(), "kafka");
    copy(rig.site.home.path(), "home");
    println!("kept in {}", dir.display());
}

/// The seed of a failure says how the site looked.
#[test]
fn should_alternate_sites_and_begin_with_what_all_faults_need() {
    let shapes: Vec<Shape> = (640..704).map(shape).collect();
    assert!(shapes[0].tells_twins() && shapes[0].threads == 1);
    assert_eq!(shapes.iter().filter(|shape| shape.cluster).count(), shapes.len() / 2);
    assert!(shapes.iter().any(|shape| shape.server_assigns) && shapes.iter().any(|shape| shape.threads == 2));
}
